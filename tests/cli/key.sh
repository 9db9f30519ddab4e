#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl key, and sign with keys in a software TPM. evmctl and openssl judge signatures and certificates, tpm2-tools
# the keys; OpenSSL's tpm2 provider (tpm2-openssl) uses the files that imactl makes, and imactl those that it makes.
. "$(dirname "$0")/common"
. "$(dirname "$0")/swtpm"
for tool in evmctl tpm2_print tpm2_createprimary tpm2_dictionarylockout setfattr; do
	command -v $tool >/dev/null || exit 77
done
: >"$T/probe"
setfattr -n security.ima -v 0x0404 "$T/probe" 2>/dev/null || exit 77

tpm_start tpm
TPM2OPENSSL_TCTI=$TCTI openssl list -providers -provider tpm2 >/dev/null 2>&1 || exit 77
key() { c=$1; shift; "$IMACTL" key "$c" --tcti "$TCTI" "$@"; }
create() { key create --tpm "$@"; }
sign() { "$IMACTL" sign --tcti "$TCTI" "$@"; }
by_tpm2() { TPM2OPENSSL_TCTI=$TCTI openssl "$@" -provider tpm2 -provider default -propquery '?provider=tpm2'; }
id_in() { getfattr --absolute-names --only-values -n security.ima "$1" | od -An -v -tx1 -j3 -N4 | tr -d ' \n'; }
# public FILE: TPM2B_PUBLIC of a key file, by openssl.
public() { openssl asn1parse -in "$1" | awk '/OCTET STRING/ { sub(/.*DUMP\]:/, ""); print; exit }' | xxd -r -p; }
verifies() { # WHAT CERT FILE
	evmctl ima_verify --key "$2" "$3" >"$T/said" 2>&1 && grep -q 'verification is OK' "$T/said"
	verdict "evmctl verifies: $1" $? || cat "$T/said"
}
for i in 1 2 3; do echo "content $i" >"$T/f$i"; done
F=$T/f1

# --- keys of both kinds, in a file
for algo in ecc-p256 rsa2048; do
	expect 0 "^[0-9a-f]\{8\}  .*  $T/$algo.pem$" create --algo $algo --out "$T/$algo.pem"
	id=$(cut -c 1-8 "$T/out")
	[ "$(stat -c %a "$T/$algo.pem")" = 600 ] && [ "$(head -n 1 "$T/$algo.pem")" = '-----BEGIN TSS2 PRIVATE KEY-----' ]
	verdict "$algo: a file for its owner alone" $?
	openssl asn1parse -in "$T/$algo.pem" >"$T/said" && grep -q ':2.23.133.10.1.3$' "$T/said" &&
		grep -q 'INTEGER *:40000001$' "$T/said" && [ "$(grep -c BOOLEAN "$T/said")" = 1 ]
	verdict "$algo: loadable, below the owner, without password" $? || cat "$T/said"
	public "$T/$algo.pem" >"$T/$algo.pub"
	tpm2_print -t TPM2B_PUBLIC "$T/$algo.pub" >"$T/said"
	grep -q 'value: fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign$' "$T/said"
	verdict "$algo: attributes" $? || cat "$T/said"

	expect 0 '' key cert --key "$T/$algo.pem" --name "signer of $algo" --out "$T/$algo.crt"
	expect 0 '' key cert --key "tpm:$T/$algo.pem" --der --days 30 --out "$T/$algo.der"
	openssl verify -CAfile "$T/$algo.crt" "$T/$algo.crt" >"$T/said" 2>&1
	verdict "$algo: openssl verifies the certificate" $? || cat "$T/said"
	openssl x509 -in "$T/$algo.crt" -noout -text >"$T/said"
	[ "$(grep -c -e 'Version: 3' -e 'Subject: CN = signer of' -e 'Issuer: CN = signer of' -e 'CA:FALSE' -e '^ *Digital Signature$' "$T/said")" = 5 ]
	verdict "$algo: what it says" $? || cat "$T/said"
	openssl x509 -inform DER -in "$T/$algo.der" -noout -checkend $((29 * 86400)) >/dev/null &&
		! openssl x509 -inform DER -in "$T/$algo.der" -noout -checkend $((31 * 86400)) >/dev/null
	verdict "$algo: 30 days" $?
	# The identifier is SHA-1 of the bits of the key, which the public key ends with: an EC point of 65 bytes, PKCS#1.
	openssl x509 -in "$T/$algo.crt" -noout -pubkey >"$T/$algo.pubkey"
	case $algo in
	ecc*) openssl pkey -pubin -in "$T/$algo.pubkey" -outform DER | tail -c 65 >"$T/bits" ;;
	rsa*) openssl rsa -pubin -in "$T/$algo.pubkey" -RSAPublicKey_out -outform DER >"$T/bits" 2>/dev/null ;;
	esac
	skid=$(openssl x509 -in "$T/$algo.crt" -noout -ext subjectKeyIdentifier | sed -n 's/://g; s/^ *\([0-9A-F]\{40\}\)$/\1/p' | tr A-F a-f)
	[ "$skid" = "$(sha1sum <"$T/bits" | cut -d' ' -f1)" ] && [ "${skid#????????????????????????????????}" = "$id" ]
	verdict "$algo: the identifier ends with the id" $? || echo "  $skid $id"

	for a in sha1 sha256 sha384 sha512; do
		expect 0 '^1 signed' sign --key "$T/$algo.pem" --algo $a "$F"
		verifies "$algo $a" "$T/$algo.der" "$F"
	done
	expect 0 '^0 signed, 1 right' sign --key "tpm:$T/$algo.pem" --algo sha512 --cert "$T/$algo.crt" "$F"
	[ "$(id_in "$F")" = "$id" ]
	verdict "$algo: the id" $?
	expect 0 '^1 signed' sign --key "$T/$algo.pem" --v3 --sigfile "$F"
	tail -c +10 "$F.sig" >"$T/raw"
	{ printf '\003\004' && sha256sum <"$F" | cut -d' ' -f1 | xxd -r -p; } >"$T/id"
	openssl dgst -sha256 -verify "$T/$algo.pubkey" -signature "$T/raw" "$T/id" >/dev/null
	verdict "$algo: openssl verifies version 3" $?
	rm "$F.sig"
	setfattr -x security.ima "$F" && "$IMACTL" label "$F" >/dev/null
	expect 0 '^1 signed' sign --evm --portable --key "$T/$algo.pem" "$F"
	evmctl verify --portable --key "$T/$algo.der" "$F" >"$T/said" 2>&1 && grep -q 'verification is OK' "$T/said"
	verdict "$algo: evmctl verifies security.evm" $? || cat "$T/said"
	setfattr -x security.evm "$F"

	# The tpm2 provider has this file and another one of its own; both ways.
	by_tpm2 pkeyutl -sign -inkey "$T/$algo.pem" -rawin -digest sha256 -in "$F" -out "$T/raw" 2>"$T/said" &&
		openssl dgst -sha256 -verify "$T/$algo.pubkey" -signature "$T/raw" "$F" >/dev/null
	verdict "$algo: the tpm2 provider uses the file" $? || cat "$T/said"
	case $algo in
	ecc*) set -- -algorithm EC -pkeyopt group:P-256 ;;
	rsa*) set -- -algorithm RSA -pkeyopt bits:2048 ;;
	esac
	by_tpm2 genpkey "$@" -pkeyopt user-auth:theirs -out "$T/theirs.pem" 2>"$T/said"
	verdict "$algo: the tpm2 provider makes one" $? || cat "$T/said"
	echo theirs >"$T/theirs.pass"
	expect 0 '^1 signed' sign --key "$T/theirs.pem" --pass-file "$T/theirs.pass" "$F"
	expect 0 '' key cert --key "$T/theirs.pem" --pass-file "$T/theirs.pass" --der --out "$T/theirs.der"
	verifies "$algo by their file" "$T/theirs.der" "$F"
	setfattr -x security.ima "$F"
done
expect 1 "cannot create '$T/rsa2048.pem': File exists" create --out "$T/rsa2048.pem"
by_tpm2 pkeyutl -sign -inkey "$T/rsa2048.pem" -rawin -digest sha256 -in "$F" -out "$T/raw" 2>/dev/null
verdict 'it is what it was' $?
expect 1 "cannot create '$T/no/where': No such file" create --out "$T/no/where"

# Half of all signatures end with a zero bit, which a BIT STRING must keep.
n=0
for i in 1 2 3 4 5 6; do
	for algo in ecc-p256 rsa2048; do
		key cert --key "$T/$algo.pem" >"$T/c.pem" && openssl verify -CAfile "$T/c.pem" "$T/c.pem" >/dev/null 2>&1 && n=$((n + 1))
		key cert --csr --key "$T/$algo.pem" >"$T/c.pem" && openssl req -verify -noout -in "$T/c.pem" 2>&1 | grep -q 'verify OK' && n=$((n + 1))
	done
done
[ "$n" = 24 ]
verdict "certificates and requests, again and again: $n" $?

# A request, a CA, and the CA's certificate for the key.
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/ca.key" -out "$T/ca.pem" -subj /CN=ca 2>/dev/null
expect 0 'BEGIN CERTIFICATE REQUEST' key cert --csr --name signer --key "$T/ecc-p256.pem"
openssl x509 -req -in "$T/out" -CA "$T/ca.pem" -CAkey "$T/ca.key" -copy_extensions copy -outform DER -out "$T/by-ca.der" 2>/dev/null
expect 0 '^1 signed' sign --key "$T/ecc-p256.pem" --cert "$T/by-ca.der" "$F"
verifies 'by the certificate of a CA' "$T/by-ca.der" "$F"
mkdir "$T/keys" && cp "$T/by-ca.der" "$T/keys" && : >"$T/conf"
expect 0 '' "$IMACTL" check --imasig --config "$T/conf" --dir "$T/keys" --ca "$T/ca.pem" "$F"

# --- in the TPM
expect 0 'tpm:0x81010001$' create --algo rsa2048 --handle 0x81010001
tpm2_readpublic -c 0x81010001 >"$T/said" 2>&1 && grep -q 'value: fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign$' "$T/said"
verdict 'tpm2_readpublic' $? || cat "$T/said"
expect 0 '' key cert --key tpm:0x81010001 --der --out "$T/kept.der"
expect 0 '^3 signed' sign --key tpm:0x81010001 "$T/f1" "$T/f2" "$T/f3"
for i in 1 2 3; do verifies "by the handle, $i" "$T/kept.der" "$T/f$i"; done
expect 1 'there is a key at that handle already' create --handle 0x81010001
expect 1 "'tpm:0x81010002': the TPM has nothing at that handle" sign --key tpm:0x81010002 "$F"
expect 0 'seconds' sign --json --key tpm:0x81010001 "$F"

# --- passwords
echo 'a password' >"$T/pass"
echo 'another' >"$T/wrong"
printf '%033d' 0 >"$T/long"
failures() { tpm2_getcap properties-variable | sed -n 's/^TPM2_PT_LOCKOUT_COUNTER: *//p'; }
expect 0 '' create --pass-file "$T/pass" --out "$T/locked.pem"
openssl asn1parse -in "$T/locked.pem" >"$T/said" && ! grep -q BOOLEAN "$T/said"
verdict 'a file that says that there is a password' $?
public "$T/locked.pem" >"$T/locked.pub" && tpm2_print -t TPM2B_PUBLIC "$T/locked.pub" | grep -q 'value: .*|userwithauth|sign$'
verdict 'wrong passwords count' $?
expect 0 '' key cert --pass-file "$T/pass" --key "$T/locked.pem" --der --out "$T/locked.der"
expect 0 '^1 signed' sign --pass-file "$T/pass" --key "$T/locked.pem" "$F"
verifies 'by a key with a password' "$T/locked.der" "$F"
expect 0 '^1 signed' env EVMCTL_KEY_PASSWORD='a password' "$IMACTL" sign --tcti "$TCTI" --key "$T/locked.pem" "$T/f2"
expect 1 'give its password by --pass-file' setsid "$IMACTL" sign --tcti "$TCTI" --key "$T/locked.pem" "$F"
before=$(failures)
expect 1 "key '$T/locked.pem': wrong password of the key" sign --pass-file "$T/wrong" --key "$T/locked.pem" "$T/f1" "$T/f2" "$T/f3"
[ "$(wc -l <"$T/err")" = 1 ] && [ "$(($(failures) - before))" = 1 ]
verdict 'one line, and one wrong password for the TPM, not one a file' $? || echo "  $before $(failures)"
expect 1 'more than 32 bytes' create --pass-file "$T/long" --out "$T/none.pem"
expect 0 '' create --pass-file "$T/pass" --handle 0x81010003
expect 0 '^1 signed' sign --pass-file "$T/pass" --key tpm:0x81010003 "$F"
expect 1 "'tpm:0x81010003': wrong password of the key, or none given" sign --key tpm:0x81010003 "$F"
# The password is not among what goes to the TPM: see what does.
cat >"$T/spy.py" <<'PY'
import os, socket, sys, threading
"""spy.py SOCKET TO LOG: forward connections, keep what they say"""
s, log = socket.socket(socket.AF_UNIX), open(sys.argv[3], "wb", 0)
s.bind(sys.argv[1]); s.listen(8)
def pump(a, b):
    while d := a.recv(65536):
        log.write(d); b.sendall(d)
    b.shutdown(socket.SHUT_WR)
while True:
    c, _ = s.accept(); t = socket.socket(socket.AF_UNIX); t.connect(sys.argv[2])
    for a, b in ((c, t), (t, c)):
        threading.Thread(target=pump, args=(a, b), daemon=True).start()
PY
python3 "$T/spy.py" "$T/spy" "$T/tpm/s" "$T/heard" &
pids="$pids $!"
python3 "$T/spy.py" "$T/spy.ctrl" "$T/tpm/s.ctrl" "$T/heard.ctrl" &
pids="$pids $!"
trap 'kill $pids 2>/dev/null; rm -rf "$T"' EXIT
for _ in $(seq 200); do [ ! -S "$T/spy" ] || [ ! -S "$T/spy.ctrl" ] || break; sleep 0.05; done
expect 0 '' "$IMACTL" key create --tpm --tcti "swtpm:path=$T/spy" --pass-file "$T/pass" --out "$T/spied.pem"
expect 0 '^1 signed' "$IMACTL" sign --tcti "swtpm:path=$T/spy" --pass-file "$T/pass" --key "$T/spied.pem" "$F"
[ "$(wc -c <"$T/heard")" -gt 1000 ] && ! grep -aq 'a password' "$T/heard"
verdict 'no password on the way to the TPM' $?

tpm2_dictionarylockout -s -n 1 -t 1000 -l 1000
sign --pass-file "$T/wrong" --key "$T/locked.pem" "$F" >/dev/null 2>&1
expect 1 "key '$T/locked.pem': the TPM is locked out by wrong passwords" sign --pass-file "$T/pass" --key "$T/locked.pem" "$F"
expect 0 '^1 signed' sign --key "$T/ecc-p256.pem" "$F" # one without password goes on
tpm2_dictionarylockout -c && expect 0 '^1 signed' sign --pass-file "$T/pass" --key "$T/locked.pem" "$F"

# --- a TPM with an owner's password; a parent that is in it
tpm2_createprimary -C o -G ecc -c "$T/srk.ctx" >/dev/null && tpm2_evictcontrol -C o -c "$T/srk.ctx" 0x81000001 >/dev/null
tpm2_flushcontext -t
tpm2_changeauth -c o owner
echo owner >"$T/owner"
expect 1 'the owner hierarchy of the TPM has another password' create --out "$T/none.pem"
expect 1 "key '$T/ecc-p256.pem': the owner hierarchy of the TPM has another password" sign --key "$T/ecc-p256.pem" "$F"
setfattr -x security.ima "$F"
expect 0 '^1 signed' sign --owner-pass-file "$T/owner" --key "$T/ecc-p256.pem" "$F"
verifies 'with the password of the owner' "$T/ecc-p256.der" "$F"
expect 1 'has another password' create --owner-pass-file "$T/wrong" --handle 0x81010004
expect 0 '' create --owner-pass-file "$T/owner" --pass-file "$T/pass" --handle 0x81010004
expect 0 '' create --parent 0x81000001 --pass-file "$T/pass" --out "$T/below.pem"
expect 0 '' key cert --key "$T/below.pem" --pass-file "$T/pass" --der --out "$T/below.der"
expect 0 '^1 signed' sign --key "$T/below.pem" --pass-file "$T/pass" "$F"
verifies 'below a parent in the TPM, without the owner' "$T/below.der" "$F"
expect 1 'cannot make the key: the TPM has nothing at that handle' create --parent 0x81000009 --out "$T/none.pem"
tpm2_changeauth -c o -p owner

# --- keys that are none
theirs() { # HANDLE TYPE ATTRIBUTES
	tpm2_create -C 0x81000001 -G "$2" -a "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|$3" -u "$T/u" -r "$T/r" -c "$T/theirs.ctx" &&
		tpm2_evictcontrol -C o -c "$T/theirs.ctx" "$1" && tpm2_flushcontext -t
} >/dev/null
theirs 0x81010005 ecc256:ecdsa-sha256:null 'restricted|sign'
theirs 0x81010006 rsa2048:rsapss-sha256:null sign
theirs 0x81010007 ecc256:ecdsa-sha384:null sign
expect 1 "'tpm:0x81010005': the key signs only what the TPM made" sign --key tpm:0x81010005 "$F"
expect 1 "'tpm:0x81000001': the key does not sign" sign --key tpm:0x81000001 "$F"
expect 1 "'tpm:0x81010006': the key signs neither by PKCS#1 v1.5 nor by ECDSA" sign --key tpm:0x81010006 "$F"
expect 1 "cannot sign '$F': the key or the TPM does not sign digests of this algorithm" sign --key tpm:0x81010007 "$F"
expect 0 '^1 signed' sign --algo sha384 --key tpm:0x81010007 "$F"
expect 1 "cannot sign '$F': TPMs do not sign digests of this algorithm" sign --algo sha224 --key "$T/ecc-p256.pem" "$F"

# --- files that are none
head -c 200 "$T/ecc-p256.pem" >"$T/cut.pem"
expect 1 "key '$T/cut.pem': no TSS2 PRIVATE KEY in PEM, or it is cut" sign --key "$T/cut.pem" "$F"
pem() { python3 - "$T/ecc-p256.pem" "$1" <<'PY' >"$T/edited.pem"
import base64, sys
d = bytearray(base64.b64decode("".join(open(sys.argv[1]).read().splitlines()[1:-1])))
assert d[:2] == b"\x30\x81" and d[3:11] == b"\x06\x06\x67\x81\x05\x0a\x01\x03"
exec(sys.argv[2])
n = len(d) - 3
d[1:3] = b"\x81%c" % n if n < 256 else b"\x82" + n.to_bytes(2, "big")
print("-----BEGIN TSS2 PRIVATE KEY-----", base64.encodebytes(d).decode().strip(), "-----END TSS2 PRIVATE KEY-----", sep="\n")
PY
}
pem 'pass' && expect 0 '^1 signed' sign --key "$T/edited.pem" "$F"
pem 'del d[-1:]' && expect 1 'malformed or cut TSS2 PRIVATE KEY' sign --key "$T/edited.pem" "$F"
pem 'd[10] = 4' && expect 1 'perhaps one to be imported' sign --key "$T/edited.pem" "$F"
pem 'd[10] = 5' && expect 1 'no key, but sealed data' sign --key "$T/edited.pem" "$F"
pem 'd[16:16] = b"\xa1\x02\x30\x00"' && expect 1 'wants a policy' sign --key "$T/edited.pem" "$F"
pem 'd[16:16] = bytes.fromhex("a13a30383036a0040202017fa12e042c0020") + bytes(32) + bytes.fromhex("00000001000b03010000")' &&
	expect 1 'the key wants a policy, not a password' sign --key "$T/edited.pem" "$F"
pem 'd[16:16] = b"\xa2\x03\x04\x01x"' && expect 1 'an object that has to be imported' sign --key "$T/edited.pem" "$F"
pem 'd[16:16] = b"\xa3\x02\x30\x00"' && expect 1 'wants a policy' sign --key "$T/edited.pem" "$F"
pem 'd[16:16] = b"\xa4\x03\x0c\x01x"' && expect 0 '1 right' sign --key "$T/edited.pem" "$F" # a description
pem 'd[16:16] = b"\xa5\x03\x01\x01\xff"' && expect 1 'its parent is an RSA primary key' sign --key "$T/edited.pem" "$F"
pem 'd[18] = 0x7f' && expect 1 'neither a hierarchy nor a persistent handle' sign --key "$T/edited.pem" "$F"
pem 'd[30] ^= 0x40' && expect 1 "key '$T/edited.pem': the key was made by another TPM.* or it is damaged" sign --key "$T/edited.pem" "$F"
pem 'd[-1] ^= 1' && expect 1 'made by another TPM, or before this one was cleared, or it is damaged' sign --key "$T/edited.pem" "$F"
expect 1 "key 'tpm:$T/ca.key': no TSS2 PRIVATE KEY in PEM, as imactl key create makes it" sign --key "tpm:$T/ca.key" "$F"
expect 1 "cannot read the key 'tpm:$T/none'" sign --key "tpm:$T/none" "$F"

# A certificate beside the key names the id; that of another key does not.
expect 1 'no certificate is for this private key' sign --key "$T/ecc-p256.pem" --cert "$T/rsa2048.der" "$F"
cat "$T/ecc-p256.pem" "$T/ecc-p256.crt" >"$T/both.pem"
expect 0 '1 right' sign --key "$T/both.pem" "$F"
expect 0 '^1 signed' sign --key "$T/both.pem" --keyid 00c0ffee "$F"
[ "$(id_in "$F")" = 00c0ffee ]
verdict 'a given id' $?

# A software key gets a certificate as well.
openssl genpkey -algorithm EC -pkeyopt group:P-384 -out "$T/soft.key" 2>/dev/null
expect 0 '' key cert --key "$T/soft.key" --out "$T/soft.crt"
openssl verify -CAfile "$T/soft.crt" "$T/soft.crt" >/dev/null
verdict 'a certificate for a key in a file' $?

tpm2_getcap handles-transient >"$T/out" && tpm2_getcap handles-loaded-session >>"$T/out"
[ ! -s "$T/out" ]
verdict 'no objects and no sessions are left in the TPM' $?

# --- another TPM, and none
tpm_start other
expect 1 "key '$T/ecc-p256.pem': the key was made by another TPM" sign --key "$T/ecc-p256.pem" "$F"
expect 1 "no TPM at 'device:/dev/no-tpm'" "$IMACTL" key create --tpm --tcti device:/dev/no-tpm --out "$T/none.pem"
expect 1 "no TPM at 'swtpm:path=$T/none'" "$IMACTL" sign --tcti "swtpm:path=$T/none" --key "$T/ecc-p256.pem" "$F"
[ "$(wc -l <"$T/err")" = 1 ] && [ -z "$(find "$T" -name 'none.pem*' -o -name '*.pem.*')" ]
verdict 'one line, and nothing half done' $?
expect 1 "no TPM at 'nonsense'" "$IMACTL" sign --tcti nonsense --key "$T/ecc-p256.pem" "$F"

# --- usage
expect 2 'makes keys in the TPM only' key create --out "$T/x"
expect 2 'either --out FILE or --handle' create
expect 2 'either --out FILE or --handle' create --out x --handle 0x81010001
expect 2 'ecc-p256 or rsa2048, not' create --algo ed25519 --out "$T/x"
for h in 0x8101 81010001 0x81800000 0x01c00002 x; do
	expect 2 'from 0x81000000 to 0x817fffff' create --handle $h
done
expect 2 'is a persistent handle' create --parent 0x40000001 --out "$T/x"
expect 2 'no private key given' key cert
expect 2 '1 to 64 characters' key cert --key "$T/ecc-p256.pem" --name "$(printf %065d 0)"
expect 2 'a number from 1 to 36500' key cert --key "$T/ecc-p256.pem" --days 0
expect 2 'create or cert' "$IMACTL" key
expect 2 'unexpected argument' create --out "$T/x" y
done_testing
