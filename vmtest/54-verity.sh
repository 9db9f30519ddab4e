# SPDX-License-Identifier: GPL-2.0-or-later
# digest_type=verity beside measure rules: the records of the kernel's own IMA (boot A), of files with fs-verity
# and without, under rules that share uses.
# kernels: 7.2
# also: 6.1
# boots: A B
# cmdline: ima_template=ima-ng
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
cat >/tmp/policy <<'END'
measure func=FILE_CHECK fowner=10001 digest_type=verity template=ima-ngv2
measure func=FILE_CHECK fowner=10002 digest_type=verity template=ima-sigv2
measure func=FILE_CHECK fowner=10003 digest_type=verity
measure func=FILE_CHECK fowner=10004 template=ima-ngv2
measure func=FILE_CHECK fowner=10005 template=ima-ngv2
audit func=FILE_CHECK fowner=10005 digest_type=verity
measure func=FILE_CHECK fowner=10006 template=ima-ngv2
dont_hash func=FILE_CHECK fowner=10006 digest_type=verity
hash func=FILE_CHECK fowner=10099
measure func=FILE_CHECK fowner=10007 uid=0 digest_type=verity template=ima-ngv2
measure func=FILE_CHECK fowner=10007 template=ima-ngv2
measure func=FILE_CHECK mask=MAY_EXEC fowner=10008 digest_type=verity template=ima-ngv2
measure func=BPRM_CHECK fowner=10008 template=ima-sigv2
measure func=FILE_CHECK mask=MAY_EXEC fowner=10009 template=ima-ngv2
measure func=BPRM_CHECK fowner=10009 digest_type=verity template=ima-ngv2
measure func=MMAP_CHECK fowner=10010 digest_type=verity template=ima-ngv2
measure func=FILE_CHECK fowner=10011 digest_type=verity template=ima
measure func=FILE_CHECK fowner=10012 digest_type=verity template=ima-ngv2 pcr=11
measure fowner=10013 template=ima-sigv2
audit func=BPRM_CHECK fowner=10013 digest_type=verity
END

# Each owner has a file with fs-verity, one without, and one with a digest and a label of other algorithms.
n=0
for owner in $(seq 10001 10013); do
	for kind in sealed open sealed512; do
		f=$W/$owner-$kind
		cp /bin/true $f
		n=$((n + 1))
		echo "$n" >>$f # no two records are the same
		case $kind in
		open) ;;
		sealed) fsverity enable $f ;;
		sealed512)
			setfattr -n security.ima -v 0x0405$(sha384sum <$f | cut -c1-96) $f
			fsverity enable --hash-alg=sha512 $f
			;;
		esac
		chown "$owner" $f
	done
done
for f in later open-first; do cp /bin/true $W/$f && echo $f >>$W/$f; done
chown 10001 $W/later
chown 10007 $W/open-first

if [ "$BOOT" = A ]; then
	from=/sys/kernel/security/ima
	check "the kernel takes the policy" sh -c "cat /tmp/policy >$from/policy"
else
	from=/run/imad
	start_imad --policy /tmp/policy
	check "a template that does not tell is warned of" grep -q 'digest_type=verity should have a template with d-ngv2: template ima-ng ' /vm/imad.log
fi
nobody() { setpriv --reuid=65534 --clear-groups "$@"; }
use() {
	for f in $W/100*; do
		case $f in
		*/10007-*) cat $f && nobody cat $f ;;
		*/10008-* | */10009-*) $f ;;
		*/10010-*) /vm/probe mmap-exec $f ;;
		*/10013-*) $f && cat $f ;;
		*) cat $f && cat $f ;;
		esac >/dev/null || echo "  $f"
	done
	# It may come to have a digest: until then there is no record.
	cat $W/later >/dev/null
	fsverity enable $W/later
	cat $W/later >/dev/null
	# Who comes first is measured as he is, and the rest is measured already.
	nobody cat $W/open-first >/dev/null
	cat $W/open-first >/dev/null
	# Somebody can write what is to be measured by the digest that it has not.
	exec 9>>$W/10001-open
	cat $W/10001-open >/dev/null
	exec 9>&-
}
use
[ "$BOOT" = A ] || imactl sync
grep -a " $W/" $from/ascii_runtime_measurements | sed 's/ *$//' >"$RESULTS/$BOOT"
cut -c1-170 "$RESULTS/$BOOT"
record() { check "record: $1" grep -q "$1" "$RESULTS/$BOOT"; }
none() { check "no record: $1" exits 1 grep -q "$1" "$RESULTS/$BOOT"; }
digest() { fsverity digest --compact ${2:+--hash-alg=$2} "$W/$1"; }
record "ima-ngv2 verity:sha256:$(digest 10001-sealed) $W/10001-sealed$"
record "ima-ngv2 verity:sha512:$(digest 10001-sealed512 sha512) $W/10001-sealed512$"
record "ima-sigv2 verity:sha256:$(digest 10002-sealed) "
record "ima-ng sha256:$(digest 10003-sealed) "
record "ima-ngv2 ima:sha256:$(sha256sum <$W/10004-sealed | cut -c1-64) $W/10004-sealed$"
record "ima-ngv2 verity:sha256:$(digest 10005-sealed) "
record "ima-ngv2 verity:sha256:$(digest 10006-sealed) "
record "^11 .* verity:sha256:$(digest 10012-sealed) "
record "ima-ngv2 verity:sha256:$(digest later) $W/later$"
record "ima-ngv2 ima:sha256:.* $W/open-first$"
record " ima $(sha1sum <$W/10011-sealed | cut -c1-40) $W/10011-sealed$"
record " 0\{40\} ima-ng sha256:0\{64\} $W/10001-open$"
for owner in 10002 10003 10005 10006 10007 10008 10010 10011 10012; do none "$W/$owner-open"; done
[ "$BOOT" = B ] || exit 0

sort "$RESULTS/A" >/tmp/A
sort "$RESULTS/B" >/tmp/B
check "the records of the kernel, all $(wc -l </tmp/A) of them" same /tmp/A /tmp/B
check "list and PCRs agree" imactl verify
no_verity() { grep -a "integrity_data .*op=collect_data cause=no-verity-digest .*name=\"$W/$1\"" /vm/imad.log; }
check "what has no digest is told" no_verity 10002-open
check "audited by its digest" grep -q "integrity_rule .*file=\"$W/10005-sealed\" hash=\"sha256:$(digest 10005-sealed)\"" /vm/imad.log
check "not audited without one" exits 1 grep -q "integrity_rule .*file=\"$W/10005-open\"" /vm/imad.log
check "stop" stop_imad
