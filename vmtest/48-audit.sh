# SPDX-License-Identifier: GPL-2.0-or-later
# The actions audit and hash: the same audit records and the same labels as the kernel's own IMA (boot A) makes.
# kernels: 6.1
# also: 7.2
# boots: A B
# cmdline: ima_template=ima-ng audit=1
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
echo 0 >/proc/sys/kernel/printk_ratelimit
chmod 2777 $W && chgrp 20002 $W # what is made there has that group

cat >/tmp/policy <<'END'
audit func=FILE_CHECK uid=1000 fowner=10001
audit func=BPRM_CHECK fowner=10001
dont_hash fowner=10003
hash func=FILE_CHECK fgroup=20002
END

old() { # NAME [LABEL]: a file that is there before the policy
	echo old >"$W/$1"
	[ -z "$2" ] || setfattr -n security.ima -v "$2" "$W/$1"
}
for f in text "a name" prog; do cp /bin/true "$W/$f"; chown 10001:0 "$W/$f"; done
old changed
old read
old unchanged
old sha1 0x01da39a3ee5e6b4b0d3255bfef95601890afd80709
old wrong 0x04040000000000000000000000000000000000000000000000000000000000000000
signature=0x0302041122334400080102030405060708
old signed $signature
old two
old excluded && chown 10003 $W/excluded
old mapped

case $BOOT in
A) check "the kernel takes the policy" sh -c "cat /tmp/policy >/sys/kernel/security/ima/policy" ;;
B) start_imad --policy /tmp/policy ;;
esac
settle() { [ "$BOOT" = A ] || imactl sync; }

user() { setpriv --reuid=1000 --regid=100 --clear-groups "$@"; }
user cat $W/text >/dev/null
user cat $W/text >/dev/null
user head -c 1 "$W/a name" >/dev/null
cat $W/text >/dev/null
$W/prog
settle
echo >>$W/text # a new state is audited anew
user cat $W/text >/dev/null
settle

label_of() { getfattr --only-values -n security.ima "$W/$1" 2>/dev/null | xxd -p -c 200; }
right() { [ "$(label_of "$1")" = "0404$(sha256sum <"$W/$1" | cut -d' ' -f1)" ]; }
echo new >$W/new
for f in changed sha1 wrong signed excluded; do echo more >>$W/$f; done
cat $W/read >/dev/null
exec 6<>$W/unchanged 6>&-
exec 5>>$W/two
echo 1 >>$W/two
settle
label_of two >/tmp/between
echo 2 >&5
exec 5>&-
settle
echo renamed >$W/aside && mv $W/aside $W/renamed
python3 - $W/mapped <<'END'
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
m = mmap.mmap(fd, 4)
os.close(fd)
m[0:1] = b'X'
m.close()
END
settle
check "no label while somebody writes" exits 1 test -s /tmp/between
for f in new changed unchanged sha1 wrong two renamed mapped; do check "label of $f" right $f; done
check "a signature stays" test "0x$(label_of signed)" = $signature
check "a file that is only read has no label" test -z "$(label_of read)"
check "dont_hash" test -z "$(label_of excluded)"
(cd $W && getfattr -m security.ima -d -e hex -- *) >"$RESULTS/labels.$BOOT"

# The body alone; the numbers of processes differ, and AppArmor's label is the kernel's own.
audit_settled
dmesg | sed -n "s/.*audit: type=\(1805\|1121\) [^:]*:[^:]*: \(.*op=integrity_rule \)\?\(file=.*\)/\3/p" |
	sed -e "s/\(exe=[^ ]*\).*/\1/" -e 's/ p*pid=[0-9]*//g' >"$RESULTS/audit.$BOOT"
cat "$RESULTS/audit.$BOOT"
check "four audit records" test "$(wc -l <"$RESULTS/audit.$BOOT")" = 4
[ "$BOOT" = B ] || exit 0
check "the same labels as the kernel's" same "$RESULTS/labels.A" "$RESULTS/labels.B"
check "the same audit records" same "$RESULTS/audit.A" "$RESULTS/audit.B"
check "they are in the log too" test "$(grep -c 'audit: integrity_rule file=' /vm/imad.log)" = 4
check "stop" stop_imad
cat /vm/imad.log
