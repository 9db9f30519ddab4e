#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl label --evm, check --evm and evm rekey: HMACs that openssl computes too; what is changed behind imad's back is found; runs that
# end anywhere go on. The key is sealed by a software TPM. Needs a filesystem that tells its UUID and a user that may set security xattrs.
. "$(dirname "$0")/common"
. "$(dirname "$0")/swtpm"
: >"$T/probe"
# The 24 bytes of struct h_misc and the filesystem's UUID, by the ioctls that all filesystems have since 6.9.
cat >"$T/meta.py" <<'PY'
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
s = os.fstat(fd)
version, uuid = bytearray(8), bytearray(17)
fcntl.ioctl(fd, 0x80087601, version)
fcntl.ioctl(fd, 0x80111500, uuid)
have = os.listxattr(fd)
names = ["selinux", "SMACK64", "SMACK64EXEC", "SMACK64TRANSMUTE", "SMACK64MMAP", "apparmor", "ima", "capability"]
data = b"".join(os.getxattr(fd, "security." + n) for n in names if "security." + n in have)
data += struct.pack("<QIIIH2x", s.st_ino, struct.unpack("<I", version[:4])[0], s.st_uid, s.st_gid, s.st_mode) + uuid[1:]
sys.stdout.buffer.write(data)
PY
if ! setfattr -n security.ima -v 0x0404 "$T/probe" 2>/dev/null || ! python3 "$T/meta.py" "$T/probe" >/dev/null 2>&1; then
	echo "[  SKIPPED ] no security xattrs or no UUID of the filesystem here"
	exit 77
fi
tpm_start tpm
S=$T/state
: >"$T/conf"
echo 'correct horse battery staple' >"$T/pass"
K="--tcti $TCTI --statedir $S"
label() { "$IMACTL" label --evm $K "$@"; }
check() { "$IMACTL" check --evm $K --config "$T/conf" --dir "$T/none" "$@"; }
evm() { c=$1 && shift && "$IMACTL" evm "$c" $K "$@"; }
cause() { check "$1" | sed -n '1s/^[^:]*: \([^:]*\): .*evm \([a-z_]*\).*/\1 \2/p'; }
is() { # WHAT FILE CAUSE STATUS
	got=$(cause "$2")
	[ "$got" = "$3 $4" ]
	verdict "$1: $3, $4" $? || echo "  $got"
}
mac_of() { getfattr --absolute-names --only-values -n security.imad.evm "$1" | od -An -v -tx1 | tr -d ' \n'; }
mkdir "$T/tree" "$T/tree/sub" "$T/none"
F=$T/tree/file

expect 1 'imactl evm init makes a key' label "$T/tree"
echo content >"$F"
"$IMACTL" label "$F" >/dev/null
is 'without a key' "$F" missing-HMAC no_label
expect 0 'made the EVM key' evm init --pcrs 7,16 --recovery-file "$T/pass"
id=$(evm status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["keys"][0]["id"])')
is 'labelled before there was a key' "$F" missing-HMAC no_label

# --- the same value by python and openssl, with the key that tpm2_unseal gives
python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["tpm"]["object"])' "$S/evm.key" >"$T/object.pem"
openssl asn1parse -in "$T/object.pem" | sed -n 's/.*OCTET STRING *\[HEX DUMP\]://p' >"$T/octets"
sed -n 2p "$T/octets" | xxd -r -p >"$T/pub"
sed -n 3p "$T/octets" | xxd -r -p >"$T/priv"
tpm2_createprimary -Q -C o -g sha256 -G ecc256:aes128cfb -c "$T/primary.ctx" \
	-a 'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda'
tpm2_load -Q -C "$T/primary.ctx" -u "$T/pub" -r "$T/priv" -c "$T/sealed.ctx"
tpm2_flushcontext -t
key=$(tpm2_unseal -c "$T/sealed.ctx" -p pcr:sha256:7,16 | xxd -p -c 99)
tpm2_flushcontext -t
openssl_mac() { # the key filled up to 128 bytes, as the kernel does
	python3 "$T/meta.py" "$1" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key$(printf %0192d 0)" | sed 's/.* //'
}
chown 1000:1001 "$F"
chmod 750 "$F"
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$F"
setfattr -n security.SMACK64EXEC -v x "$F"
expect 0 '^0 labelled, 1 right already, 0 signed, 0 kept, 1 HMACs, 0 failed' label "$F"
[ "$(mac_of "$F")" = "01040100$(echo "$id" | cut -c 1-8)$(openssl_mac "$F")" ]
verdict 'the value is what openssl says' $? || mac_of "$F"
is 'fresh' "$F" pass pass
expect 0 '"evm":{"status":"pass","cause":"pass","type":"imad hmac"}' check --json "$F"
expect 0 '1 right already, 0 signed, 0 kept, 0 HMACs' label "$F"

# --- what may happen, and what the evil maid does: one at a time, and back
before=$(stat -c %i "$F")
setfattr -n user.note -v x "$F" && is 'what is not covered' "$F" pass pass
ln "$F" "$T/tree/link" && is 'another name' "$F" pass pass
rm "$T/tree/link"
chown 0 "$F" && is 'owner' "$F" invalid-HMAC fail
chown 1000:0 "$F" && is 'group' "$F" invalid-HMAC fail
chown 1000:1001 "$F"
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$F" # chown took it
is 'as before' "$F" pass pass
chmod 4750 "$F" && is 'setuid' "$F" invalid-HMAC fail
chmod 750 "$F"
setfattr -n security.capability -v 0x01000002ffffffff000000000000000000000000 "$F" && is 'more capabilities' "$F" invalid-HMAC fail
setfattr -x security.capability "$F" && is 'no capabilities' "$F" invalid-HMAC fail
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$F"
setfattr -n security.SMACK64EXEC -v y "$F" && is 'a label of another module' "$F" invalid-HMAC fail
setfattr -n security.SMACK64EXEC -v x "$F"
is 'all as before' "$F" pass pass
echo evil >"$F"
"$IMACTL" label "$F" >/dev/null
[ "$("$IMACTL" check --config "$T/conf" --dir "$T/none" "$F" | sed -n '1s/^[^:]*: \([a-z]*\):.*/\1/p')" = pass ]
verdict 'content with a fitting label passes without EVM' $?
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$F" # the write took it
is 'and fails with it' "$F" invalid-HMAC fail
setfattr -x security.imad.evm "$F" && is 'the HMAC removed' "$F" missing-HMAC no_label
setfattr -n security.imad.evm -v 0x0104010000000000 "$F" && is 'an HMAC that is cut' "$F" invalid-HMAC fail
expect 1 'changed behind imad.s back' label "$F"
expect 0 '1 HMACs' label --force "$F"
is 'taken over by force' "$F" pass pass

# A file in the place of another, by the same content even: its inode is not that of its HMAC.
echo good >"$T/tree/a" && echo evil >"$T/tree/b"
label "$T/tree" >/dev/null
is 'a' "$T/tree/a" pass pass
for x in security.ima security.imad.evm; do
	getfattr --absolute-names -n $x -e hex "$T/tree/a" | sed -n "s/^$x=//p" >"$T/value.$x"
done
mv "$T/tree/b" "$T/tree/a"
is 'another labelled file in its place (its own, it passes: names are not covered)' "$T/tree/a" pass pass
cp -p "$T/tree/a" "$T/tree/copy"
for x in security.ima security.imad.evm; do
	setfattr -n $x -v "$(getfattr --absolute-names -n $x -e hex "$T/tree/a" | sed -n "s/^$x=//p")" "$T/tree/copy"
done
is 'a copied inode' "$T/tree/copy" invalid-HMAC fail
for x in security.ima security.imad.evm; do setfattr -n $x -v "$(cat "$T/value.$x")" "$T/tree/copy"; done
echo good >"$T/tree/copy"
is 'old content, label and HMAC in another inode' "$T/tree/copy" invalid-HMAC fail
rm "$T/tree/copy"

# --- the content changes, and the label with it
setfattr -x security.capability "$F" # a write takes it
expect 1 "is not right" label "$F"
label --force "$F" >/dev/null
echo more >>"$F"
is 'content' "$F" invalid-hash pass
expect 0 '1 labelled, .* 1 HMACs' label "$F"
is 'relabelled' "$F" pass pass
expect 0 '^would be: 1 labelled' sh -c "echo x >>'$F'; '$IMACTL' label --evm $K --dry-run '$F'"
is 'a dry run changes nothing' "$F" invalid-hash pass
label "$F" >/dev/null

# In between both states pass, and no third one does; this is what is left if imactl dies there.
mac1=$(openssl_mac "$F")
cp -p "$F" "$T/keep" && old=$(getfattr --absolute-names -n security.ima -e hex "$F" | sed -n 's/^security.ima=//p')
echo next >>"$F" && "$IMACTL" label "$F" >/dev/null
mac2=$(openssl_mac "$F")
short=$(echo "$id" | cut -c 1-8)
setfattr -n security.imad.evm -v "0x01040200$short$mac1$mac2" "$F"
is 'ended after the label was set' "$F" pass pass
setfattr -n security.ima -v "$old" "$F"
check "$F" | grep -q 'evm pass'
verdict 'ended before' $?
setfattr -n security.ima -v 0x04041111111111111111111111111111111111111111111111111111111111111111 "$F"
is 'neither' "$F" invalid-HMAC fail
setfattr -n security.ima -v "$old" "$F"
expect 0 '1 HMACs' label "$F"
[ "$(mac_of "$F")" = "01040100$short$(openssl_mac "$F")" ]
verdict 'one is left' $?

# --- signatures decide where they are
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/sign.key" -subj /CN=evm -outform DER -out "$T/none/sign.der" 2>/dev/null
echo signed >"$T/tree/signed"
"$IMACTL" label "$T/tree/signed" >/dev/null
"$IMACTL" sign --evm --portable --key "$T/sign.key" "$T/tree/signed" >/dev/null
expect 0 '0 HMACs' label "$T/tree/signed"
is 'a portable signature' "$T/tree/signed" pass pass_immutable
chmod 600 "$T/tree/signed" && is 'of another mode' "$T/tree/signed" invalid-fail-immutable fail_immutable
rm "$T/tree/signed"

# --- which key
expect 0 "pass" check --evm-id "$id" "$F"
expect 1 'keeps another EVM key' check --evm-id "$(printf %032d 1)" "$F"
expect 2 'is the 32 hex digits' check --evm-id x "$F"
tpm2_pcrextend 16:sha256=$(printf %064d 1)
expect 3 'PCR 16 (sha256) is not as it was' check "$F"
expect 1 'PCR 16 (sha256) is not as it was' label "$F"
evm recover --recovery-file "$T/pass" >/dev/null
is 'recovered' "$F" pass pass

# --- rekey: half of it, with one file that is not right; then all
for i in 1 2 3 4; do echo $i >"$T/tree/sub/$i"; done
label "$T/tree" >/dev/null
check --quiet "$T/tree"
verdict 'all pass' $?
expect 2 'no file or folder' evm rekey
chmod 700 "$T/tree/sub/3"
cp -r "$S" "$T/before"
expect 1 'both keys are in force' evm rekey --recovery-file "$T/pass" "$T/tree"
grep -q '^5 changed, 0 done already, 0 without, 1 invalid, 0 failed' "$T/out"
verdict 'five of six' $? || cat "$T/out"
expect 0 'next: imactl evm rekey is under way' evm status
is 'by the new key' "$T/tree/sub/1" pass pass
is 'invalid as before' "$T/tree/sub/3" invalid-HMAC fail
[ "$(mac_of "$F" | cut -c 9-16)" != "$short" ]
verdict 'names another key' $?
# A crash anywhere: some files by the one key, some by the other, one new.
echo 5 >"$T/tree/sub/5" && label "$T/tree/sub/5" >/dev/null
mkdir "$T/onlyold" && cp "$T/before/evm.key" "$T/onlyold"
echo 6 >"$T/tree/sub/6" && "$IMACTL" label --evm --tcti "$TCTI" --statedir "$T/onlyold" "$T/tree/sub/6" >/dev/null
is 'by the old key' "$T/tree/sub/6" pass pass
chmod 644 "$T/tree/sub/3"
expect 0 'both keys are in force' evm rekey --keep-old "$T/tree/sub/6"
is 'by the new key now' "$T/tree/sub/6" pass pass
expect 0 '^1 changed, 7 done already, 0 without, 0 invalid, 0 failed' evm rekey "$T/tree"
grep -q 'the new key is in force' "$T/out"
verdict 'all are by the new key' $?
[ ! -e "$S/evm.key.next" ]
verdict 'one key is left' $?
check --quiet "$T/tree"
verdict 'all pass by it' $?
[ "$(evm status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["keys"][0]["id"])')" != "$id" ]
verdict 'another one' $?
cp "$T/before/evm.key" "$S/evm.key"
is 'the old key is worth nothing any more' "$F" invalid-HMAC fail
done_testing
