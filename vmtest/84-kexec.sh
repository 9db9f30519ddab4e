# SPDX-License-Identifier: GPL-2.0-or-later
# Another kernel is started by kexec: no TPM is reset by that, so its PCRs go on from what the list of the old one led to. imad
# says so in the new list, keeps the old one, and nobody is made to believe what cannot be proved.
# kernels: 6.1
# also: 6.12 7.2
# kexec: yes
# time: 180
. /vm/lib.sh

export TPM2TOOLS_TCTI=device:/dev/tpmrm0
K=/kept # on the root file system, which the next kernel has, too
clock() { tpm2_readclock | sed -n "s/^ *$1: *//p"; }
nonce=00112233445566778899aabbccddeeff
# One imad has its list on a disk, and the kernel's PCR; the other uses PCR 13, and its list is on tmpfs.
R=/run/imad
imactl() { command imactl --rundir $R "$@"; }
use() { cp /bin/true "/test.$1" && echo "$1" >>"/test.$1" && "/test.$1"; }
said() { "$@" >/tmp/said 2>&1 || { cat /tmp/said; return 1; }; }
refused() { exits 1 "$@" >/tmp/said 2>&1 || { cat /tmp/said; return 1; }; }

first() {
	mkdir $K
	printf 'rundir = /var/lib/imad\n' >$K/disk.conf
	printf 'pcr = 13\n' >$K/13.conf
	check "imad, PCR 13" start_imad --policy tcb --config $K/13.conf
	use a
	check "its list and PCR agree" said imactl verify
	check "stop" stop_imad
	rm -f /var/lib/imad/tpm-boot
	R=/var/lib/imad
	check "imad, PCR 10" start_imad --policy tcb --config $K/disk.conf
	use b
	check "its list and PCR agree" said imactl verify
	imactl attest --nonce $nonce >$K/e.json
	cp /var/lib/imad/ak.pem $K
	check "a verifier takes it" said imactl verify --evidence $K/e.json --ak $K/ak.pem --nonce $nonce --state $K/state
	check "stop" stop_imad
	cp /var/lib/imad/binary_runtime_measurements $K/list
	cp /proc/sys/kernel/random/boot_id $K/boot
	clock reset_count >$K/resets
	tpm2_pcrread sha256:10 >$K/pcr
	[ "$failed" = 0 ] || exit 1
	# What the initrd of this boot needs to know where it lies, the next finds by itself.
	tr ' ' '\n' </proc/cmdline | grep -v '^initrdmem=\|^memmap=' | xargs >/tmp/cmdline
	cat "$(disk kernel)" >/tmp/kernel
	cat "$(disk initrd)" >/tmp/initrd
	sync
	mount -o remount,ro / || :
	check "another kernel" /vm/kexec /tmp/kernel /tmp/initrd "$(cat /tmp/cmdline)"
	exit 1
}

# --- under the other kernel

[ -d $K ] || first
old=$(cat $K/boot)
check "this is another kernel's boot" test "$(cat /proc/sys/kernel/random/boot_id)" != "$old"
check "for the TPM nothing was reset" test "$(clock reset_count)" = "$(cat $K/resets)"
tpm2_pcrread sha256:10 | cmp -s - $K/pcr && same=yes || same=no
echo "  PCR 10 is as it was: $same; records of the kernel's: $(cat /sys/kernel/security/ima/runtime_measurements_count)"
check "PCR 10 is not empty" sh -c "! tpm2_pcrread sha256:10 | grep -q '10: 0x0*\$'"

R=/var/lib/imad
check "imad starts" start_imad --policy tcb --config $K/disk.conf
check "the list says so" grep -q " imad:pcr-reset:pcr=10,found=kexec,boot=$old,list=archived\$" $R/ascii_runtime_measurements
check "the log, too" grep -q "PCR 10 holds what boot $old extended" /vm/imad.log
check "the old list is in the archive" cmp $K/list $R/archive/$old/binary_runtime_measurements
check "records go on" use c
imactl sync
check "into the list" grep -q ' /test.c$' $R/ascii_runtime_measurements
check "verify does not say match" refused imactl verify
check "but what does not" grep -q 'PCR 10 bank sha256 matches no part of the list' /tmp/said
check "and why" grep -q '^  1 imad:pcr-reset: ' /tmp/said
imactl attest --nonce $nonce >/tmp/e.json 2>/tmp/err || cat /tmp/err
check "whoever attests it is warned" grep -q 'does not lead to what the TPM quotes' /tmp/err
check "a verifier that knows the host refuses it" refused imactl verify --evidence /tmp/e.json --ak $K/ak.pem --nonce $nonce --state $K/state
cat /tmp/said
check "one that does not, too" refused imactl verify --evidence /tmp/e.json --ak $K/ak.pem --nonce $nonce
check "as no list leads there" grep -q 'no part of the list leads to the quoted value' /tmp/said
check "stop" stop_imad

# --- of a list that was on tmpfs nothing is left
rm -rf /run/imad
sed -i "s/ 10 .*/ 13/; s/^[^ ]*/$old/" $R/tpm-boot # as the first of these imads had left it
R=/run/imad
check "imad starts" start_imad --policy tcb --config $K/13.conf
check "the list says so" grep -q " imad:pcr-reset:pcr=13,found=kexec,boot=$old,list=gone\$" /run/imad/ascii_runtime_measurements
check "verify does not say match" refused imactl verify
check "stop" stop_imad
