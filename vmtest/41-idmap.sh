# SPDX-License-Identifier: GPL-2.0-or-later
# fowner= and fgroup= ask who owns a file as its mount shows it: the same files through a plain mount, through one
# that maps owners and through one with a large map, in the kernel's own IMA (boot A) and in imad (boot B).
# kernels: 6.1 7.2
# also: 6.12
# boots: A B
# time: 200
# cmdline: ima_template=ima-ng
. /vm/lib.sh

W=/test
# Stored as 10001 to 10008; shown by "mapped" as 20001 to 20006 only, by "large" each as another one.
cat >/tmp/policy <<'END'
measure func=FILE_CHECK fowner=10001
measure func=FILE_CHECK fowner=20002
measure func=FILE_CHECK fowner=30422
measure func=BPRM_CHECK fowner=20004
measure func=MMAP_CHECK fgroup=20005
measure func=FILE_CHECK mask=^MAY_READ fgroup=30624
measure func=FILE_CHECK fowner>40000
measure func=BPRM_CHECK fowner>30900
dont_measure fowner=20006
measure func=FILE_CHECK fgroup=20006
END
uses='read map exec'
large() { i=0; while [ $i -lt 60 ]; do printf '%s ' $((9981 + i)) && echo "$((28301 + 101 * i)) 1"; i=$((i + 1)); done | paste -sd,; }

mounts
mkdir -p $W/plain $W/mapped $W/large
for n in 1 2 3 4 5 6 7 8; do
	for by in plain mapped large; do
		for use in $uses; do
			f=$W/plain/$n.$by.$use
			printf '#!/bin/true\n%s\n' $f >$f
			chown 1000$n:1000$n $f
			chmod 755 $f
		done
	done
done
check "a mount that maps owners" /vm/uses idmap $W/plain $W/mapped '10001 20001 6' '10001 20001 6'
check "one with a large map" /vm/uses idmap $W/plain $W/large "$(large)" "$(large)"
check "both do" test "$(stat -c %u $W/mapped/3.mapped.read $W/large/3.large.read | paste -sd' ')" = '20003 30523'
case $BOOT in
A)
	from=/sys/kernel/security/ima
	check "the kernel takes the policy" sh -c "cat /tmp/policy >$from/policy" ;;
B)
	from=/run/imad
	printf '[gate]\nhold = open\n' >/tmp/conf
	start_imad --config /tmp/conf --policy /tmp/policy ;;
esac
for n in 1 2 3 4 5 6 7 8; do
	for by in plain mapped large; do
		for use in $uses; do
			case $use in
			read) /vm/probe read $W/$by/$n.$by.$use ;;
			map) /vm/probe mmap-exec $W/$by/$n.$by.$use ;;
			exec) $W/$by/$n.$by.$use ;;
			esac || echo "$n.$by.$use: $?"
		done
	done
done >/tmp/work 2>&1
check "every use goes through" exits 1 grep . /tmp/work
[ "$BOOT" = A ] || imactl sync
sed -n "s|^ *\([0-9]* .* $W/[a-z]*/[0-9].*\)|\1|p" $from/ascii_runtime_measurements | sort >"$RESULTS/$BOOT"
cut -d' ' -f5 "$RESULTS/$BOOT" | paste -sd' '
[ "$BOOT" != A ] || exit 0
for by in plain mapped large; do
	check "some are measured through $by" grep -q " $W/$by/" "$RESULTS/B"
done
check "the same records" same "$RESULTS/A" "$RESULTS/B"
check "list and PCR agree" imactl verify
check "stop" stop_imad
cat /vm/imad.log
