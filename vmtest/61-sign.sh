# SPDX-License-Identifier: GPL-2.0-or-later
# What imactl signs is taken by the kernel's own IMA (boot A) and by imad (boot B): version 2, and version 3 over
# the fs-verity digest, whose signed bytes openssl and fsverity agree on.
# kernels: 6.1
# boots: A B
# disk: files 256M
# cmdline: ima_template=ima-ng
# cmdline-A: ima_appraise=enforce
. /vm/lib.sh

W=/test
mounts
mkdir -p $W /etc/keys/ima
if [ "$BOOT" = A ]; then
	rsa_key "$RESULTS/key" && openssl req -x509 -key "$RESULTS/key" -subj /CN=signer -outform DER -out "$RESULTS/cert.der" 2>/dev/null
	rsa_key "$RESULTS/other" && openssl req -x509 -key "$RESULTS/other" -subj /CN=other -outform DER -out "$RESULTS/other.der" 2>/dev/null
	mkfs.ext4 -q -O verity -b 4096 "$(disk files)"
fi
mount "$(disk files)" $W
cp "$RESULTS/cert.der" /etc/keys/ima
cat >/tmp/policy <<'END'
dont_appraise func=BPRM_CHECK fowner=0
appraise func=BPRM_CHECK fowner=10001 appraise_type=imasig
appraise func=BPRM_CHECK fowner=10002 digest_type=verity appraise_type=sigv3
END

make() { # NAME OWNER
	cp /bin/true "$W/$1"
	echo "$1" >>"$W/$1"
	chown "$2" "$W/$1"
}
sign() { imactl sign "$@" >/dev/null; }
if [ "$BOOT" = A ]; then
	for f in v2 v2-sha1 v2-other v2-changed unsigned; do make $f 10001; done
	for f in verity verity512 verity-other verity-none verity-v2; do make $f 10002; done
	check "sign" sign --key "$RESULTS/key" $W/v2 $W/v2-changed $W/verity-v2
	check "sign by SHA-1" sign --key "$RESULTS/key" --algo sha1 $W/v2-sha1
	check "sign by another key" sign --key "$RESULTS/other" $W/v2-other
	echo >>$W/v2-changed
	for f in verity verity-other verity-none verity-v2; do fsverity enable $W/$f; done
	fsverity enable --hash-alg=sha512 $W/verity512
	check "sign fs-verity" sign --verity --key "$RESULTS/key" $W/verity $W/verity512
	check "sign fs-verity by another key" sign --verity --key "$RESULTS/other" $W/verity-other
fi

# The kernel's numbers of a file digest, signed by us, verified by openssl.
openssl x509 -inform DER -in "$RESULTS/cert.der" -noout -pubkey >/tmp/pub
getfattr --absolute-names --only-values -n security.ima $W/verity >/tmp/label
tail -c +10 /tmp/label >/tmp/raw
{ printf '\006\004' && fsverity digest --compact $W/verity | xxd -r -p; } >/tmp/id
check "openssl verifies struct ima_file_id" openssl dgst -sha256 -verify /tmp/pub -signature /tmp/raw /tmp/id

if [ "$BOOT" = A ]; then
	ring=$(keyctl newring _ima @u)
	evmctl import "$RESULTS/cert.der" "$ring" >/dev/null 2>&1 || echo "  no key"
	check "the kernel takes the policy" sh -c "cat /tmp/policy >/sys/kernel/security/ima/policy"
else
	start_imad --appraise enforce --policy /tmp/policy
fi
for f in $(cd $W && ls | grep -v lost); do
	$W/$f >/dev/null 2>&1 && got=0 || got=$?
	echo "exec $f $got"
done >"$RESULTS/$BOOT"
cat "$RESULTS/$BOOT"
expect() { check "$1" grep -qx "$1" "$RESULTS/$BOOT"; }
for f in v2 v2-sha1 verity verity512; do expect "exec $f 0"; done
for f in v2-other v2-changed unsigned verity-other verity-none verity-v2; do expect "exec $f 126"; done
if [ "$BOOT" = A ]; then
	umount $W
	exit 0
fi
check "the same verdicts" same "$RESULTS/A" "$RESULTS/B"

# imactl check says before what imad says then, file by file, in the same word.
imactl sync
for f in $(cd $W && ls | grep -v lost); do
	imactl check --policy /tmp/policy --func BPRM_CHECK $W/$f >/tmp/out && got=0 || got=126
	echo "exec $f $got"
	[ $got = 0 ] || { cause=$(sed -n "s|^$W/$f: \([^:]*\):.*|\1|p" /tmp/out)
		check "cause $f $cause" grep -q "cause=$cause .* name=\"$W/$f\"" /vm/imad.log; }
done >/tmp/checked
grep -v ^exec /tmp/checked
grep ^exec /tmp/checked >/tmp/foretold
check "imactl check foretells them" same /tmp/foretold "$RESULTS/B"
check "none of the causes is another" sh -c '! grep "^not ok" /tmp/checked'
check "six causes" test "$(grep -c '^ok cause' /tmp/checked)" = 6
check "stop" stop_imad
