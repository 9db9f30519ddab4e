# SPDX-License-Identifier: GPL-2.0-or-later
# Signatures appended to modules and to images for kexec: what passes, what is denied and why, and the records
# of template ima-modsig, recomputed by other programs. Debian's kernels have no CONFIG_IMA_APPRAISE_MODSIG to
# compare with: the causes are those of its source.
# kernels: 6.1
# also: 7.2
# time: 160
. /vm/lib.sh

W=/test
mounts
mkdir -p $W /etc/keys/ima
echo 0 >/proc/sys/kernel/printk_ratelimit
for k in good other; do
	rsa_key /tmp/$k.key && openssl req -x509 -key /tmp/$k.key -subj /CN=$k -out /tmp/$k.pem -addext keyUsage=digitalSignature 2>/dev/null
done
openssl x509 -in /tmp/good.pem -outform DER -out /etc/keys/ima/good.der
cp /vm/data/modsig/rsa.der /vm/data/modsig/p256.der /etc/keys/ima

# append KEY FILE: as the kernel's sign-file does.
append() {
	openssl cms -sign -binary -noattr -nocerts -nosmimecap -md sha256 -signer "/tmp/$1.pem" -inkey "/tmp/$1.key" -in "$2" -outform DER -out "$2.p7s"
	n=$(stat -c %s "$2.p7s")
	cp "$2" "$2.content"
	{ cat "$2.p7s"; printf '\0\0\2\0\0\0\0\0\0\0'"\\$(printf '%03o' $((n >> 8)))\\$(printf '%03o' $((n & 255)))"'~Module signature appended~\n'; } >>"$2"
}
flip() { printf "\\$(printf '%03o' $((255 - $(od -An -tu1 -j "$2" -N 1 "$1"))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
size() { stat -c %s "$1"; }

# A module as the compiler left it: without the signature that Debian appended.
from=/lib/modules/$(uname -r)/kernel/drivers/block/brd.ko
cp "$from" $W/debian.ko
n=$(tail -c 30 "$from" | head -c 2 | od -An -tx1 | tr -d ' ')
[ "$(tail -c 28 "$from")" = '~Module signature appended~' ] || n=-28
head -c -$((0x$n + 40)) "$from" >$W/unsigned.ko
make() { # NAME [KEY]
	cp $W/unsigned.ko $W/$1.ko
	[ -z "$2" ] || append "$2" $W/$1.ko
}
make good good
make other other
make content good && flip $W/content.ko 4000
make signature good && flip $W/signature.ko $(($(size $W/signature.ko) - 50))
make cut good && truncate -s -1 $W/cut.ko
make kind good && flip $W/kind.ko $(($(size $W/kind.ko) - 38))
make longer good && flip $W/longer.ko $(($(size $W/longer.ko) - 32))
make hashed good && evmctl ima_hash -a sha256 $W/hashed.ko >/dev/null 2>&1
make sha1 good && evmctl ima_hash -a sha1 $W/sha1.ko >/dev/null 2>&1
make label && evmctl ima_sign -a sha256 --key /tmp/good.key $W/label.ko >/dev/null 2>&1
make unknown good && evmctl ima_sign -a sha256 --key /tmp/other.key $W/unknown.ko >/dev/null 2>&1
make badlabel good && evmctl ima_sign -a sha256 --key /tmp/good.key $W/badlabel.ko >/dev/null 2>&1 && flip $W/badlabel.ko 4000
for f in rsa.sha256 rsa.skid p256.sha512 p384.sha256; do cp /vm/data/modsig/content.$f $W; done
make read good && chown 10001 $W/read.ko
head -c 70000 /dev/zero >$W/junk

# A kernel image with nothing in it, see 47-hooks.sh.
python3 - $W/image <<'END'
import struct, sys
image = bytearray(64 << 10)
def put(at, fmt, *v): struct.pack_into('<' + fmt, image, at, *v)
put(0x1f1, 'B', 4)
put(0x1fe, 'H', 0xaa55)
put(0x200, 'BB', 0xeb, 0x6a)
put(0x202, '4sH', b'HdrS', 0x20f)
put(0x211, 'B', 1)
put(0x22c, 'I', 0x7fffffff)
put(0x230, 'I', 0x200000)
put(0x234, 'B', 1)
put(0x236, 'H', 0x3)
put(0x238, 'I', 2047)
put(0x258, 'Q', 0x1000000)
put(0x260, 'I', 1 << 20)
open(sys.argv[1], 'wb').write(image)
END
cp $W/image $W/image.good && append good $W/image.good
cp $W/image $W/image.other && append other $W/image.other

cat >$W/policy <<'END'
appraise func=MODULE_CHECK appraise_type=imasig|modsig
appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig|modsig
appraise func=KEXEC_INITRAMFS_CHECK appraise_type=imasig|modsig
measure func=MODULE_CHECK template=ima-modsig
measure func=KEXEC_KERNEL_CHECK template=ima-modsig pcr=11
measure func=FILE_CHECK fowner=10001 template=ima-modsig
END
check "the policy is taken" start_imad --appraise enforce --policy $W/policy

load() { /vm/probe finit-module "$W/$1" >/dev/null 2>&1 && got=0 || got=$?; rmmod brd 2>/dev/null || :; }
loads() { load "$1"; check "loaded: $1" test "$got" = 0; allowed="$allowed $1"; }
denied() { load "$1"; check "denied: $1" test "$got" = 13; why="$why $2:$1"; }
loads good.ko
denied other.ko invalid-signature
denied content.ko invalid-signature
denied signature.ko invalid-signature
denied cut.ko IMA-signature-required
denied kind.ko IMA-signature-required
denied longer.ko IMA-signature-required
denied unsigned.ko IMA-signature-required
[ "$n" = -28 ] || denied debian.ko invalid-signature
loads hashed.ko
denied sha1.ko IMA-signature-required
loads label.ko
loads unknown.ko
denied badlabel.ko invalid-signature
# Signed by sign-file: they are let in, and then are no modules (ENOEXEC).
for f in rsa.sha256 rsa.skid p256.sha512; do load content.$f; check "let in: $f" test "$got" = 8; done
denied content.p384.sha256 invalid-signature
check "from memory" exits 13 /vm/probe init-module $W/good.ko
check "kexec of a signed image" exits 0 /vm/probe kexec $W/image.good
check "kexec with it as initrd" exits 0 /vm/probe kexec-initrd $W/image.good
check "kexec of another's" exits 13 /vm/probe kexec $W/image.other
check "kexec of an unsigned one" exits 13 /vm/probe kexec $W/image
denied junk IMA-signature-required
imactl sync
for w in $why; do
	name=${w#*:}
	check "cause ${w%%:*} of $name" grep -qE "audit: integrity_data .*cause=${w%%:*} .*name=\"([^\"]*/)?$name\"" /vm/imad.log
done
# imactl check says the same of each, and asks nobody.
checked() { imactl check --policy $W/policy --func MODULE_CHECK "$W/$1" >/tmp/checked; grep -q "^$W/$1: $2: " /tmp/checked || { cat /tmp/checked; return 1; }; }
for w in $why; do check "imactl check: $w" checked "${w#*:}" "${w%%:*}"; done
for f in $allowed content.rsa.sha256 content.rsa.skid content.p256.sha512; do check "imactl check: $f" checked $f pass; done
# Who may read a module is not asked for its signature.
check "read" cat $W/unsigned.ko >/dev/null

# The record: digest of the file, of the content, and the PKCS#7, by sha256sum and openssl.
list=/run/imad/ascii_runtime_measurements
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
sum() { sha256sum <"$1" | cut -c1-64; }
record() { # PCR FILE
	check "record of $2" grep -qaE "^$1 [0-9a-f]{40} ima-modsig sha256:$(sum "$W/$2") $W/$2  sha256:$(sum "$W/$2.content") $(hex "$W/$2.p7s")$" $list
}
record 10 good.ko
record 10 other.ko
record 11 image.good
check "record without a signature" grep -qaE "ima-modsig sha256:$(sum $W/unsigned.ko) $W/unsigned.ko   $" $list
check "record with the label, too" grep -qaE "ima-modsig sha256:$(sum $W/unknown.ko) $W/unknown.ko 0302[0-9a-f]* sha256:$(sum $W/unknown.ko.content) $(hex $W/unknown.ko.p7s)$" $list
grep -a " $W/good.ko " $list | sed 's/.* //' | xxd -r -p >/tmp/listed.p7s
check "openssl verifies what is in the list" openssl cms -verify -inform DER -in /tmp/listed.p7s -content $W/good.ko.content \
	-binary -certfile /tmp/good.pem -CAfile /tmp/good.pem -purpose any -out /dev/null
# Measured as it was read, and once more with its signature.
cat $W/read.ko >/dev/null
loads read.ko
loads read.ko
imactl sync
check "read first, then loaded: two records" test "$(grep -ac " $W/read.ko " $list)" = 2
record 10 read.ko
check "list and PCRs agree" imactl verify
snapshot /run/imad /tmp/snap
check "evmctl finds that, too" evm_matches sha256 /tmp/snap/list /tmp/snap/pcrs.sha256

imactl policy simulate $W/policy >/tmp/simulated
check "what has a signature is taken for signed" grep -q "signed, which is not checked here, by $W/policy:1:" /tmp/simulated
check "what has none is told" grep -q "denied by enforce: IMA-signature-required, by $W/policy:1:" /tmp/simulated

# Where no rule allows it, an appended signature counts for nothing and is not recorded.
cat >$W/plain <<'END'
appraise func=MODULE_CHECK appraise_type=imasig
measure func=MODULE_CHECK template=ima-modsig
END
make plain good
check "another policy" imactl policy load $W/plain
denied good.ko -
denied plain.ko -
loads label.ko
imactl sync
check "record as of any file" grep -qaE "ima-modsig sha256:$(sum $W/plain.ko) $W/plain.ko   $" $list
check "compressed: refused by its label, which it has not" exits 13 /vm/probe finit-compressed $W/junk
check "stop" stop_imad
tail -n 5 /vm/imad.log
