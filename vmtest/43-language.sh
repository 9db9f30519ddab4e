# SPDX-License-Identifier: GPL-2.0-or-later
# The same policy in the kernel's own IMA (boot A) and in imad (boot B), the same uses: the same records.
# Each line of `cells` is a policy of its own: its files have an owner and a group of their own, and @O or
# @G in each of its rules confines it to them. vmtest/uses.c has the users and the uses; each use is of a
# file that nobody used before.
# kernels: 7.2
# also: 6.1
# time: 300
# boots: A B
# cmdline: ima_template=ima-ng
. /vm/lib.sh

W=/test

# cells: rules between ; and before a | the first kernel that takes them.
cells() {
	cat <<'END'
measure @O
measure func=FILE_CHECK @O
measure func=PATH_CHECK @O
measure func=MMAP_CHECK @O
measure func=FILE_MMAP @O
measure func=BPRM_CHECK @O
measure func=MODULE_CHECK @O
measure func=BPRM_CHECK mask=MAY_EXEC @O
measure func=BPRM_CHECK mask=MAY_READ @O
measure func=MMAP_CHECK mask=MAY_EXEC @O
measure func=MMAP_CHECK mask=^MAY_EXEC @O
measure func=MMAP_CHECK mask=MAY_READ @O
measure func=FILE_CHECK mask=MAY_READ @O
measure func=FILE_CHECK mask=^MAY_READ @O
measure func=FILE_CHECK mask=MAY_WRITE @O
measure func=FILE_CHECK mask=^MAY_WRITE @O
measure func=FILE_CHECK mask=MAY_APPEND @O
measure func=FILE_CHECK mask=^MAY_APPEND @O
measure func=FILE_CHECK mask=MAY_EXEC @O
measure func=FILE_CHECK mask=^MAY_EXEC @O
measure mask=MAY_EXEC @O
measure mask=MAY_READ @O
measure mask=^MAY_READ @O
measure mask=^MAY_WRITE @O
measure uid=0 @O
measure uid=1000 @O
measure uid>0 @O
measure uid<1000 @O
measure uid>999 @O
measure euid=0 @O
measure euid=1000 @O
measure euid=1001 @O
measure euid>0 @O
measure euid<1000 @O
measure euid>1000 @O
measure gid=0 @O
measure gid=5 @O
measure gid>5 @O
measure gid<6 @O
measure egid=0 @O
measure egid=6 @O
measure egid=7 @O
measure egid>999 @O
measure egid<7 @O
measure uid=1000 egid=6 @O
measure euid=0 gid=1000 @O
measure @O fgroup>19999
measure @O fgroup<20000
measure @G fowner>9999
measure @G fowner<10000
measure @G fowner=0
measure @O @G
measure fsmagic=0xef53 @O
measure fsmagic=EF53 @O
measure fsmagic=0x1021994 @O
measure fsname=ext4 @O
measure fsname=ext @O
measure fsname=xfs fsname=ext4 @O
measure fsuuid=@U @O
measure fsuuid=12345678-9abc-def0-1234-56789abcdef0 @O
dont_measure uid=0 @O; measure @O
measure uid=0 @O; dont_measure @O
dont_measure func=BPRM_CHECK @O; measure @O
dont_measure func=FILE_CHECK mask=^MAY_READ @O; measure @O
dont_measure mask=MAY_EXEC @O; measure func=FILE_CHECK @O
dont_measure euid=0 @O; measure euid>0 @O; dont_measure @O
measure @O pcr=12
measure func=FILE_CHECK @O pcr=12; measure func=BPRM_CHECK @O pcr=13
measure func=FILE_CHECK mask=^MAY_EXEC @O pcr=12; measure func=BPRM_CHECK @O pcr=13
measure func=FILE_CHECK mask=MAY_READ @O pcr=12; measure func=MMAP_CHECK @O pcr=13; measure func=FILE_CHECK @O
measure uid=0 @O pcr=12; measure @O pcr=13
measure @O template=ima-sig
measure @O template=ima
measure @O template=d-ng|n-ng
measure func=FILE_CHECK mask=MAY_READ @O template=ima-sig; measure func=MMAP_CHECK @O
measure func=FILE_CHECK mask=MAY_READ @O template=ima-sig pcr=12; measure func=MMAP_CHECK @O pcr=13 template=ima-ng
func=FILE_CHECK uid=+0 @O measure
measure	func=FILE_CHECK   mask=^MAY_READ	uid=1000  @O
6.19|measure fs_subtype=sshfs @O
6.19|dont_measure fs_subtype=sshfs @O; measure @O
END
}

# newer_than VERSION: this kernel is at least that.
newer_than() { [ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1)" = "$1" ]; }

# cell_lines: number and rules of the cells that this kernel takes.
cell_lines() {
	n=0
	cells | while IFS= read -r line; do
		n=$((n + 1))
		case $line in
		[0-9]*'|'*)
			newer_than "${line%%|*}" || continue
			line=${line#*|} ;;
		esac
		printf '%s %s\n' $n "$line"
	done
}

policy() {
	cell_lines | while read -r n rules; do
		printf '%s\n' "$rules" | tr ';' '\n' | sed -e 's/^ *//' -e "s/@O/fowner=$((10000 + n))/" \
			-e "s/@G/fgroup=$((20000 + n))/" -e "s/@U/$uuid/"
	done
}

mounts
mkdir -p $W
uuid=$(findmnt -no UUID -T $W)
policy >/tmp/policy
cell_lines | while read -r n rules; do /vm/uses make $W/$n $((10000 + n)) $((20000 + n)); done
case $BOOT in
A)
	from=/sys/kernel/security/ima
	check "the kernel takes the policy" sh -c "cat /tmp/policy >$from/policy" ;;
B)
	from=/run/imad
	printf '[gate]\nhold = open\n' >/tmp/conf
	start_imad --config /tmp/conf --policy /tmp/policy ;;
esac
cell_lines >/tmp/cells
while read -r n rules; do /vm/uses work $W/$n || echo "$n" >>/tmp/failed; done </tmp/cells
check "every use went through" exits 1 cat /tmp/failed
[ "$BOOT" = A ] || imactl sync
# PCR, template digest, template, file digest, name
sed -n "s|^ *\([0-9]* .* $W/[0-9]*/[a-z.]*\) *\$|\1|p" $from/ascii_runtime_measurements | sort >"$RESULTS/$BOOT"
echo "  $(wc -l <"$RESULTS/$BOOT") records of $(wc -l <"/tmp/cells") policies"
[ "$BOOT" != A ] || exit 0

# of NAME: the policy that a record falls under.
differ() {
	diff "$RESULTS/A" "$RESULTS/B" >/tmp/diff && return 1
	sed -n "s|^\([<>]\) \([0-9]* [0-9a-f]* [^ ]*\) .* $W/\([0-9]*\)/\(.*\)|\1 \2 \3 \4|p" /tmp/diff | while read -r side pcr digest template n use; do
		[ "$side" = '<' ] && who="only the kernel" || who="only imad"
		echo "  $who: PCR $pcr, $template, $use, by: $(sed -n "s/^$n //p" /tmp/cells)"
	done
}
check "at least 60 policies" test "$(wc -l </tmp/cells)" -ge 60
check "at least 600 records" test "$(wc -l <"$RESULTS/B")" -ge 600
check "the same records" exits 1 differ
check "list and PCRs agree" imactl verify
check "stop" stop_imad
grep -E '^<[0-4]>' /vm/imad.log && got=0 || got=$?
check "imad complains of nothing" test $got = 1
