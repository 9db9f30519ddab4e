#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl sign against evmctl and openssl. Needs a filesystem and a user that may set security.ima.
. "$(dirname "$0")/common"

: >"$T/probe"
if ! setfattr -n security.ima -v 0x0404 "$T/probe" 2>/dev/null; then
	echo "[  SKIPPED ] security.ima cannot be set here"
	exit 77
fi
label_of() { getfattr --absolute-names --only-values -n security.ima "$1" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'; }
hex_of() { od -An -v -tx1 "$1" | tr -d ' \n'; }
sign() { "$IMACTL" sign "$@"; }

# Keys of all kinds, each with a certificate that names another id than the key itself does.
key() { # NAME OPENSSL-REQ...
	name=$1
	shift
	openssl req -x509 -nodes -keyout "$T/$name.key" -subj "/CN=$name" -outform DER -out "$T/$name.der" \
		-addext "subjectKeyIdentifier=00:11:22:33:44:55:66:77" "$@" 2>/dev/null
	openssl pkey -in "$T/$name.key" -pubout -out "$T/$name.pub"
}
key rsa -newkey rsa:2048
key p256 -newkey ec -pkeyopt ec_paramgen_curve:P-256
key p384 -newkey ec -pkeyopt ec_paramgen_curve:P-384
key p521 -newkey ec -pkeyopt ec_paramgen_curve:P-521
mkdir -p "$T/tree/a/b"
: >"$T/tree/empty"
echo one >"$T/tree/a/one"
head -c 700001 /dev/zero >"$T/tree/a/b/name with blank"
ln -s "$T/probe" "$T/tree/link"

# evmctl verifies what imactl signs, in labels and beside the file.
for k in rsa p256 p384 p521; do
	for a in sha1 sha256 sha512; do
		f="$T/tree/a/one"
		expect 0 '^1 signed' sign --key "$T/$k.key" --algo $a "$f"
		evmctl ima_verify --key "$T/$k.der" "$f" >"$T/out" 2>&1
		verdict "evmctl verifies $k $a" $? || cat "$T/out"
		expect 0 '^1 signed' sign --key "$T/$k.key" --algo $a --sigfile "$f"
		setfattr -x security.ima "$f"
		evmctl ima_verify --sigfile --key "$T/$k.der" "$f" >"$T/out" 2>&1
		verdict "evmctl verifies $k $a beside the file" $? || cat "$T/out"
		rm "$f.sig"
	done
done

# The very bytes of evmctl, where a signature is the same each time.
f="$T/tree/a/one"
evmctl ima_sign -a sha256 --sigfile --key "$T/rsa.key" "$f" >/dev/null 2>&1 && mv "$f.sig" "$T/evmctl.sig"
sign --key "$T/rsa.key" --sigfile "$f" >/dev/null
same "the same file.sig" "$f.sig" "$T/evmctl.sig"
rm "$f.sig"
sign --key "$T/rsa.key" "$f" >/dev/null
[ "$(label_of "$f")" = "$(hex_of "$T/evmctl.sig")" ]
verdict 'the same in the label' $?
# As package builders make them, for the header of a package: from digests alone.
[ "$(sha256sum "$f" | evmctl sign_hash -a sha256 --key "$T/rsa.key" 2>/dev/null | sed 's/.* //')" = "$(label_of "$f")" ]
verdict 'the same as a package has it' $?

# openssl verifies the signature proper: of the content, and for version 3 of struct ima_file_id.
tail -c +10 "$T/evmctl.sig" >"$T/raw"
openssl dgst -sha256 -verify "$T/rsa.pub" -signature "$T/raw" "$f" >/dev/null
verdict 'openssl verifies version 2' $?
for k in rsa p256; do
	expect 0 '^1 signed' sign --v3 --sigfile --key "$T/$k.key" "$f"
	[ "$(hex_of "$f.sig" | cut -c 1-6)" = 030304 ]
	verdict "$k: type 3, version 3, sha256" $?
	tail -c +10 "$f.sig" >"$T/raw"
	{ printf '\003\004' && sha256sum <"$f" | cut -d' ' -f1 | xxd -r -p; } >"$T/id"
	openssl dgst -sha256 -verify "$T/$k.pub" -signature "$T/raw" "$T/id" >/dev/null
	verdict "openssl verifies version 3 by $k" $?
done
rm "$f.sig"

# The id of the key: of itself, given, of a certificate, of the one beside the key.
id_of() { label_of "$1" | cut -c 7-14; }
own=$(openssl rsa -in "$T/rsa.key" -RSAPublicKey_out -outform DER 2>/dev/null | sha1sum | cut -c 33-40)
[ "$(id_of "$f")" = "$own" ]
verdict 'the id of the key' $?
sign --key "$T/rsa.key" --keyid 0xdeadbeef "$f" >/dev/null
[ "$(id_of "$f")" = deadbeef ]
verdict 'a given id' $?
sign --key "$T/rsa.key" --cert "$T/rsa.der" "$f" >/dev/null
[ "$(id_of "$f")" = 44556677 ]
verdict 'the id of the certificate' $?
{ openssl x509 -inform DER -in "$T/rsa.der" && cat "$T/rsa.key"; } >"$T/both.pem" 2>/dev/null
setfattr -x security.ima "$f"
sign --key "$T/both.pem" "$f" >/dev/null
[ "$(id_of "$f")" = 44556677 ]
verdict 'the id of the certificate beside the key' $?
expect 1 'no certificate is for this private key' sign --key "$T/rsa.key" --cert "$T/p256.der" "$f"
expect 2 'both say the id' sign --key "$T/rsa.key" --cert "$T/rsa.der" --keyid 00112233 "$f"
expect 2 'is 8 hex digits' sign --key "$T/rsa.key" --keyid 1234 "$f"

# Passwords.
openssl pkey -in "$T/rsa.key" -aes256 -passout pass:secret -out "$T/locked.key"
openssl rsa -in "$T/rsa.key" -traditional -aes128 -passout pass:secret -out "$T/old.key" 2>/dev/null
echo secret >"$T/pass"
echo wrong >"$T/wrong"
for k in locked old; do
	setfattr -x security.ima "$f"
	expect 0 '^1 signed' sign --key "$T/$k.key" --pass-file "$T/pass" "$f"
	evmctl ima_verify --key "$T/rsa.der" "$f" >/dev/null 2>&1
	verdict "by the encrypted key $k" $?
	expect 1 'encrypted by another password' sign --key "$T/$k.key" --pass-file "$T/wrong" "$f"
done
setfattr -x security.ima "$f"
expect 0 '^1 signed' env EVMCTL_KEY_PASSWORD=secret "$IMACTL" sign --key "$T/locked.key" "$f"
expect 1 "" setsid "$IMACTL" sign --key "$T/locked.key" "$f" </dev/null
expect 1 'cannot read the password' sign --key "$T/locked.key" --pass-file "$T/none" "$f"

# Trees: what is right stays, what is missing is made.
setfattr -x security.ima "$f"
expect 0 '^would be: 3 signed, 0 right already, 0 kept, 0 failed' sign --key "$T/rsa.key" --dry-run "$T/tree"
[ -z "$(label_of "$f")" ]
verdict 'a dry run signs nothing' $?
expect 0 '^3 signed, 0 right already, 0 kept, 0 failed' sign --key "$T/rsa.key" --jobs 3 "$T/tree"
[ "$(label_of "$T/probe")" = 0404 ]
verdict 'no link is followed' $?
expect 0 '^0 signed, 3 right already, 0 kept, 0 failed' sign --key "$T/rsa.key" "$T/tree"
echo two >>"$f"
expect 0 '^0 signed, 0 right already, 3 kept, 0 failed' sign --key "$T/rsa.key" --only-missing "$T/tree"
expect 0 '^1 signed, 2 right already, 0 kept, 0 failed' sign --key "$T/rsa.key" "$T/tree"
evmctl ima_verify --key "$T/rsa.der" "$f" >/dev/null 2>&1
verdict 'the new content is signed' $?
"$IMACTL" label --force "$T/tree/empty" >/dev/null # a hash is no signature
expect 0 '^1 signed, 0 right already, 2 kept' sign --key "$T/rsa.key" --only-missing "$T/tree"
expect 0 '"signed":3,"right":0,"kept":0,"failed":0,"stopped":false' sign --key "$T/rsa.key" --algo sha512 --json "$T/tree"
expect 0 '^3 signed' sign --key "$T/p256.key" "$T/tree" # by another key
expect 0 '^0 signed, 3 right' sign --key "$T/p256.key" "$T/tree"
expect 0 '^3 signed, 0 right already, 0 kept' sign --key "$T/rsa.key" --sigfile "$T/tree"
expect 0 '^0 signed, 3 right already, 3 kept' sign --key "$T/rsa.key" --sigfile "$T/tree"
[ ! -e "$T/tree/empty.sig.sig" ]
verdict 'no signature of a signature' $?
ln -sf "$T/probe" "$T/tree/empty.sig"
expect 1 "cannot sign '$T/tree/empty': Too many levels" sign --key "$T/rsa.key" --sigfile "$T/tree/empty"
rm "$T"/tree/*.sig "$T"/tree/*/*.sig "$T"/tree/*/*/*.sig

# A file that never holds still is not signed.
truncate -s 256M "$T/busy"
(while :; do echo x >>"$T/busy"; done) &
writer=$!
sleep 0.1
for i in 1 2 3 4 5; do # a busy host may let the writer wait for all that long
	sign --key "$T/rsa.key" "$T/busy" >"$T/out" 2>"$T/err"
	rc=$?
	[ "$rc" = 0 ] || break
	setfattr -x security.ima "$T/busy"
done
kill "$writer"
wait "$writer" 2>/dev/null
[ "$rc" = 1 ] && grep -q 'it changes while it is read' "$T/err" && [ -z "$(label_of "$T/busy")" ]
verdict 'a file that changes while it is read' $?
rm "$T/busy"

# Whoever looks on sees how far it is, and at what rate; in a TPM's time that is what the run depends on.
truncate -s 2G "$T/large"
python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' "$IMACTL" sign --key "$T/rsa.key" "$T/tree" "$T/large" </dev/null >"$T/out"
grep -aq 'files, [0-9]* signed ([0-9]*/s), 0 failed' "$T/out"
verdict 'progress and rate on a terminal' $? || od -c "$T/out"
rm "$T/large"

# What cannot be done is told, and the rest is done.
echo new >"$T/tree/a/new"
expect 1 "cannot sign '$T/none': No such file" sign --key "$T/rsa.key" "$T/none" "$T/tree/a/new"
[ "$(label_of "$T/tree/a/new" | cut -c 1-6)" = 030204 ]
verdict 'the rest is signed' $?
expect 1 "cannot sign '/proc/version'" sign --key "$T/rsa.key" /proc/version
expect 1 "cannot sign '$f': it has no fs-verity" sign --key "$T/rsa.key" --verity "$f"
expect 2 'no private key given' sign "$f"
expect 2 'no file or folder given' sign --key "$T/rsa.key"
expect 2 "unknown hash algorithm 'rot13'" sign --key "$T/rsa.key" --algo rot13 "$f"
expect 2 'from 2 to 3' sign --key "$T/rsa.key" --version 1 "$f"
expect 2 'verity takes the algorithm' sign --key "$T/rsa.key" --verity --algo sha256 "$f"
expect 1 "cannot read the key '$T/none'" sign --key "$T/none" "$f"
expect 1 'no private key in PEM' sign --key "$T/rsa.der" "$f"
openssl genpkey -algorithm ed25519 -out "$T/ed.key"
expect 1 'neither RSA of 1024 bits' sign --key "$T/ed.key" "$f"
done_testing
