# SPDX-License-Identifier: GPL-2.0-or-later
# Appraisal: what does not match its label is not executed, not mapped, not loaded, as by the kernel's own IMA
# (boot A); and each denial is audited with the kernel's word for its cause.
# kernels: 6.1
# also: 7.2
# boots: A B
# cmdline: ima_template=ima-ng audit=1
# cmdline-A: ima_appraise=enforce
. /vm/lib.sh

W=/test
mounts
mkdir -p $W /etc/keys/ima
echo 0 >/proc/sys/kernel/printk_ratelimit
cat >/tmp/policy <<'END'
appraise func=BPRM_CHECK fowner=10001
appraise func=BPRM_CHECK fowner=10002 appraise_type=imasig
appraise func=BPRM_CHECK fowner=10003 appraise_algos=sha512
appraise func=MMAP_CHECK fowner=10001
appraise func=MMAP_CHECK fowner=10002 appraise_type=imasig
appraise func=MODULE_CHECK appraise_type=imasig
appraise func=FIRMWARE_CHECK appraise_type=imasig
appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig
appraise func=POLICY_CHECK appraise_type=imasig
appraise func=SETXATTR_CHECK appraise_algos=sha256,sha512
END

# Keys: one that is trusted, one that is not. The same files in both boots.
if [ "$BOOT" = A ]; then
	for k in good other; do
		rsa_key "$RESULTS/$k.key" && openssl req -x509 -key "$RESULTS/$k.key" -subj /CN=$k -outform DER \
			-out "$RESULTS/$k.der" -addext keyUsage=digitalSignature 2>/dev/null
	done
fi
openssl x509 -inform DER -in "$RESULTS/good.der" -out "$RESULTS/good.pem"
cp "$RESULTS/good.der" /etc/keys/ima
echo junk >/etc/keys/ima/broken.der

# One program a case; its label, then its owner.
modules=/lib/modules/$(uname -r)/kernel
make() { # NAME OWNER [LABEL...]
	name=$1 owner=$2
	shift 2
	cp "${from:-/bin/true}" "$W/$name"
	[ $# = 0 ] || "$@" "$W/$name" >/dev/null 2>&1 || echo "  $name: no label"
	chown "$owner" "$W/$name"
}
hashed() { evmctl ima_hash -a "$1" "$2"; }
signed() { evmctl ima_sign -a sha256 --key "$RESULTS/$1.key" "$2"; }
value() { setfattr -n security.ima -v "$1" "$2"; }
make unlabelled 10001
make hash 10001 hashed sha256
make hash512 10001 hashed sha512
make hash-wrong 10001 value 0x04040000000000000000000000000000000000000000000000000000000000000000
make hash-short 10001 value 0x040400
make unknown 10001 value 0x02040000
make signed 10001 signed good
make signed-other 10001 signed other
make s-unlabelled 10002
make s-hash 10002 hashed sha256
make s-signed 10002 signed good
make s-other 10002 signed other
make s-v1 10002 value 0x0301041122334400021234
make a-hash256 10003 hashed sha256
make a-hash512 10003 hashed sha512
make not-asked 10004
for f in signed s-signed hash; do cp --preserve=xattr,ownership $W/$f $W/$f-changed && echo >>$W/$f-changed; done
from="$modules/drivers/block/brd.ko" make brd.ko 0
from="$modules/drivers/block/nbd.ko" make nbd.ko 0 signed good
from="$modules/drivers/block/loop.ko" make loop.renamed 0 signed good
from="$modules/drivers/block/zram/zram.ko" make other.ko 0 signed other
head -c 65536 /dev/zero >$W/kernel
programs=$(cd $W && ls | grep -v '\.ko$\|renamed\|kernel')
cp /tmp/policy $W/policy

if [ "$BOOT" = A ]; then
	# Debian 6.1 takes any key into _ima, 7.2 only what its built-in keys have signed into .ima.
	ring=$(keyctl newring _ima @u) && keyctl link %user:1 @u 2>/dev/null || :
	evmctl import "$RESULTS/good.der" "$ring" >/dev/null 2>&1 || echo "  no key"
	check "the kernel takes the policy" sh -c "cat /tmp/policy >/sys/kernel/security/ima/policy"
else
	start_imad --appraise enforce --policy $W/policy
	check "a file that is no certificate is told" grep -q "key '/etc/keys/ima/broken.der' is not trusted" /vm/imad.log
fi

try() { "$@" >/dev/null 2>&1 && got=0 || got=$?; echo "$got"; }
verdicts() {
	for f in $programs; do
		echo "exec $f $(try $W/$f)"
		echo "again $f $(try $W/$f)"
		echo "map $f $(try /vm/probe mmap-exec $W/$f)"
		echo "read $f $(try cat $W/$f)"
		echo "ask $f $(try /vm/probe exec-check $W/$f)"
	done
	echo "module unsigned $(try /vm/probe finit-module $W/brd.ko)"
	echo "module signed by another $(try /vm/probe finit-module $W/other.ko)"
	echo "module from memory $(try /vm/probe init-module $W/nbd.ko)"
	echo "kexec $(try /vm/probe kexec $W/kernel)"
	echo "kexec from memory $(try /vm/probe kexec-memory -)"
	echo "label sha1 $(try setfattr -n security.ima -v 0x01da39a3ee5e6b4b0d3255bfef95601890afd80709 $W/kernel)"
	echo "label sha256 $(try setfattr -n security.ima -v 0x04040000000000000000000000000000000000000000000000000000000000000000 $W/kernel)"
	echo "longer name $(try setfattr -n security.imax -v 0x01da39a3ee5e6b4b0d3255bfef95601890afd80709 $W/kernel)"
	echo "other attribute $(try setfattr -n user.x -v 1 $W/kernel)"
	echo "mprotect $(try /vm/probe mprotect-exec $W/hash)"
}
verdicts >"$RESULTS/$BOOT"
cat "$RESULTS/$BOOT"
# What the audit system has of the programs; only the numbers of processes and inodes differ.
[ "$BOOT" = A ] || imactl sync
audit_settled
dmesg | sed -n 's/.*type=\(1800\|1121\) .*\( pid=[0-9]* uid=[0-9]* auid=.* op=[a-z]*_data cause=.* ino=[0-9]* res=0 errno=0\).*/\2/p' |
	sed -e 's/ pid=[0-9]*//' -e 's/ ino=[0-9]*//' -e 's/ subj=[^ ]*//' | grep -v 'comm="probe"\|signed\|op=set_data' | sort -u >"$RESULTS/audit.$BOOT"
expect() { check "$1" grep -qx "$1" "$RESULTS/$BOOT"; }
for f in hash hash512 not-asked a-hash512; do expect "exec $f 0"; done
for f in unlabelled hash-wrong hash-short unknown hash-changed s-unlabelled s-hash s-other s-v1 a-hash256; do expect "exec $f 126"; done
for f in unlabelled hash-wrong s-hash; do expect "map $f 13"; expect "read $f 0"; done
if [ "$(printf '%s\n' 6.14 "$(uname -r)" | sort -V | head -n 1)" = 6.14 ]; then
	for f in hash not-asked; do expect "ask $f 0"; done
	for f in unlabelled hash-wrong s-hash; do expect "ask $f 13"; done
fi
expect "module unsigned 13"
check "T17: neither a module nor a kernel comes from memory" test "$(grep -c ' from memory 13$' "$RESULTS/$BOOT")" = 2
expect "label sha1 1"
expect "label sha256 0"
expect "longer name 0"
expect "mprotect 1"
[ "$BOOT" = B ] || exit 0

# The kernel has no keys that it would take from us everywhere: what needs one is compared where it does.
for f in signed s-signed; do expect "exec $f 0"; expect "map $f 0"; done
for f in signed-other signed-changed s-signed-changed; do expect "exec $f 126"; done
check "a signed module is loaded" /vm/probe finit-module $W/nbd.ko
# The kernel asks for the algorithm once an inode; imad at each use.
grep -v "signed\|\(again\|map\|ask\) a-hash256" "$RESULTS/A" >/tmp/A
grep -v "signed\|\(again\|map\|ask\) a-hash256" "$RESULTS/B" >/tmp/B
check "the verdicts of the kernel" same /tmp/A /tmp/B
cat "$RESULTS/audit.B"
check "audit records of programs" test "$(wc -l <"$RESULTS/audit.A")" -ge 7
check "as the kernel's" same "$RESULTS/audit.A" "$RESULTS/audit.B"

# A module that does not look like one: whoever has read it before, it is loaded.
cat $W/loop.renamed >/dev/null
check "a signed module of another name" /vm/probe finit-module $W/loop.renamed

causes() { sed -n "s/.*op=\([a-z_]*\) cause=\([^ ]*\) comm=.* name=\"\([^\"]*\)\".*/\1 \2 \3/p" /vm/imad.log | sort -u; }
imactl sync
causes
told() { check "cause $1 $2" sh -c "$(printf 'grep -q "audit: integrity_data .* cause=%s .* name=\\"%s\\"" /vm/imad.log' "$1" "$2")"; }
told missing-hash $W/unlabelled
told invalid-hash $W/hash-wrong
told unknown-ima-data $W/unknown
told invalid-signature $W/signed-other
told IMA-signature-required $W/s-hash
told invalid-signature $W/s-signed-changed
told denied-hash-algorithm $W/a-hash256
told IMA-signature-required brd.ko
told no-file init_module
refused=$(sed -n 's/.*cause=no-file .*event=\([0-9]*\).*/\1/p' /vm/imad.log | head -n 1)
check "... by a rule that can be named" sh -c "imactl explain --event $refused | grep -x 'rule .*: appraise func=MODULE_CHECK.*'"
told failed-mprotect hash
told denied-hash-algorithm kernel
check "counted" sh -c "imactl status --json | grep -qE '\"mode\": ?\"enforce\", ?\"keys\": ?1, ?\"failures\": ?[0-9]+, ?\"denials\": ?[1-9]'"
check "in the audit system too" sh -c "dmesg | grep -q 'type=1121 .*op=integrity_data pid=.* cause=missing-hash .*name=\"$W/unlabelled\"'"

# Content and label while imad runs.
cp /bin/true $W/live && chown 10001 $W/live
check "no label yet" exits 126 sh -c $W/live
evmctl ima_hash -a sha256 $W/live >/dev/null 2>&1
imactl sync
check "labelled" $W/live
echo >>$W/live
check "changed" exits 126 sh -c $W/live
evmctl ima_hash -a sha256 $W/live >/dev/null 2>&1
imactl sync
check "labelled again" $W/live
setfattr -x security.ima $W/live
imactl sync
check "unlabelled again" exits 126 sh -c $W/live

# Policies, under a rule for POLICY_CHECK.
echo 'measure func=BPRM_CHECK' >$W/next
check "a built-in policy is refused" exits 1 imactl policy load tcb
check "an unsigned policy is refused" exits 1 imactl policy load $W/next
evmctl ima_sign -a sha256 --key "$RESULTS/good.key" $W/next >/dev/null 2>&1
check "a signed one is taken" imactl policy load $W/next
check "nothing is appraised any more" $W/unlabelled
check "list and PCR agree" imactl verify
check "stop" stop_imad

# The same in the log only.
check "start again" start_imad --appraise log --policy secure_boot
check "an unsigned module is loaded" /vm/probe finit-module $W/brd.ko
check "and from memory" /vm/probe init-module $modules/drivers/block/aoe/aoe.ko
imactl sync
check "which is told" grep -q 'audit: integrity_data_logged .* cause=IMA-signature-required .* name="brd.ko"' /vm/imad.log
check "none is denied" sh -c "imactl status --json | grep -qE '\"failures\": ?[1-9][0-9]*, ?\"denials\": ?0'"
check "stop again" stop_imad
tail -n 20 /vm/imad.log
