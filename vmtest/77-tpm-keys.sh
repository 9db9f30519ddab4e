# SPDX-License-Identifier: GPL-2.0-or-later
# Keys that sign in the TPM, through the kernel's resource manager: made in boot A, and used again in boot B after a
# reboot, from a file and from a handle. What they signed is taken by the kernel's own IMA (boot A, where the kernel
# lets root give it a key; it knows RSA only), and by imad (boot B), by the certificates that imactl made.
# kernels: 6.1
# also: 7.2
# boots: A B
# keep: tpm
# time: 240
# disk: files 128M
# cmdline: ima_template=ima-ng
# cmdline-A: ima_appraise=enforce
. /vm/lib.sh

W=/test
mounts
mkdir -p $W /etc/keys/ima
[ "$BOOT" = B ] || mkfs.ext4 -q "$(disk files)"
mount "$(disk files)" $W
cat >/tmp/policy <<'END'
dont_appraise func=BPRM_CHECK fowner=0
appraise func=BPRM_CHECK fowner=10001 appraise_type=imasig
END
echo 'the password of a key' >/tmp/pass
make() {
	cp /bin/true "$W/$1"
	echo "$1" >>"$W/$1"
	chown 10001 "$W/$1"
}
sign() { imactl sign "$@" >/tmp/said 2>&1 || { cat /tmp/said; return 1; }; }
objects() { TPM2TOOLS_TCTI=device:/dev/tpm0 tpm2_getcap handles-transient && TPM2TOOLS_TCTI=device:/dev/tpm0 tpm2_getcap handles-loaded-session; } # past the resource manager

if [ "$BOOT" = A ]; then
	check "a key in a file" imactl key create --tpm --algo rsa2048 --out "$RESULTS/file.pem"
	check "a key on P-256" imactl key create --tpm --out "$RESULTS/ecc.pem"
	check "a key with a password" imactl key create --tpm --algo rsa2048 --pass-file /tmp/pass --out "$RESULTS/pass.pem"
	check "a key at a handle" imactl key create --tpm --algo rsa2048 --handle 0x81010001
	check "its certificate" imactl key cert --key "$RESULTS/file.pem" --name file --der --out "$RESULTS/file.der"
	check "and of that on P-256" imactl key cert --key "$RESULTS/ecc.pem" --name ecc --der --out "$RESULTS/ecc.der"
	check "and with a password" imactl key cert --key "$RESULTS/pass.pem" --pass-file /tmp/pass --name pass --der --out "$RESULTS/pass.der"
	check "and of that at the handle" imactl key cert --key tpm:0x81010001 --name handle --der --out "$RESULTS/handle.der"
	check "a key that nobody trusts" imactl key create --tpm --out /tmp/other.pem
	for f in file ecc pass handle changed other unsigned; do make $f; done
	check "sign" sign --key "tpm:$RESULTS/file.pem" $W/file $W/changed
	check "sign by P-256" sign --key "$RESULTS/ecc.pem" $W/ecc
	check "sign with a password" sign --key "$RESULTS/pass.pem" --pass-file /tmp/pass $W/pass
	check "sign by the handle" sign --key tpm:0x81010001 --algo sha512 $W/handle
	check "sign by another key" sign --key /tmp/other.pem $W/other
	echo >>$W/changed
	check "a wrong password" exits 1 imactl sign --key tpm:0x81010001 --pass-file /tmp/pass $W/handle
else
	for f in later-file later-ecc later-pass later-handle; do make $f; done
	check "after a reboot: sign" sign --key "$RESULTS/file.pem" $W/later-file
	check "after a reboot: sign by P-256" sign --key "$RESULTS/ecc.pem" $W/later-ecc
	check "after a reboot: sign with a password" sign --key "$RESULTS/pass.pem" --pass-file /tmp/pass $W/later-pass
	check "after a reboot: sign by the handle" sign --key tpm:0x81010001 $W/later-handle
	mkdir /tmp/many
	for i in $(seq 60); do echo $i >/tmp/many/$i; done
	for key in "$RESULTS/ecc.pem" "$RESULTS/file.pem"; do
		imactl sign --key $key --sigfile /tmp/many | sed 's/^/  60 files: /'
		rm /tmp/many/*.sig
	done
	check "60 files with a password" sign --key "$RESULTS/pass.pem" --pass-file /tmp/pass --sigfile /tmp/many
	check "all of them" test "$(ls /tmp/many/*.sig | wc -l)" = 60
	sed 's/^/  60 files: /' /tmp/said
fi
check "nothing is left in the TPM" test -z "$(objects)"
for k in file ecc pass handle; do
	check "evmctl verifies: $k" evmctl ima_verify --key "$RESULTS/$k.der" $W/$k
done

judge=
if [ "$BOOT" = B ]; then
	cp "$RESULTS"/*.der /etc/keys/ima
	start_imad --appraise enforce --policy /tmp/policy
	judge=imad
elif ring=$(keyctl newring _ima @u) && uname -r | grep -q '^6\.1\.'; then
	for k in file pass handle; do evmctl import "$RESULTS/$k.der" "$ring" >/dev/null 2>&1 || echo "  no key $k"; done
	check "the kernel takes the policy" sh -c "cat /tmp/policy >/sys/kernel/security/ima/policy"
	judge=kernel
fi
[ -n "$judge" ] || exit 0
verdicts() {
	for f in "$@"; do
		$W/$f >/dev/null 2>&1 && got=0 || got=$?
		echo "$got"
	done | sort | uniq -c | tr -s ' '
}
check "$judge: what is signed runs" test "$(verdicts file pass handle)" = " 3 0"
check "$judge: nothing else" test "$(verdicts changed other unsigned)" = " 3 126"
if [ "$BOOT" = B ]; then
	check "$judge: what was signed after the reboot" test "$(verdicts ecc later-file later-ecc later-pass later-handle)" = " 5 0"
	check "four keys" test "$(imactl keys | grep -c -e '^[0-9a-f]\{8\}  rsa' -e '^[0-9a-f]\{8\}  ecdsa-nist-p256')" = 4
	check "stop" stop_imad
fi
umount $W
