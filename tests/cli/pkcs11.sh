#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl sign and key cert with PKCS#11 URIs: through a provider of libcrypto, pkcs11.c here, and without one.
. "$(dirname "$0")/common"
for tool in cc evmctl openssl; do
	command -v $tool >/dev/null || exit 77
done

mkdir "$T/modules" "$T/none"
cc -shared -fPIC -o "$T/modules/pkcs11.so" tests/cli/pkcs11.c -lcrypto || exit 1
for k in rsa ec; do
	case $k in rsa) set -- rsa:2048 ;; ec) set -- ec -pkeyopt ec_paramgen_curve:P-256 ;; esac
	openssl req -x509 -newkey "$@" -nodes -keyout "$T/$k.key" -subj /CN=$k -outform DER -out "$T/$k.crt" 2>/dev/null
	openssl pkcs8 -topk8 -nocrypt -in "$T/$k.key" -outform DER -out "$T/$k.der"
done
export TOKEN="$T"
export OPENSSL_MODULES="$T/modules"
export OPENSSL_CONF=/dev/null # of this machine
echo 1234 >"$T/pin"
echo 4321 >"$T/wrong"
echo content >"$T/f"
verifies() {
	evmctl ima_verify --sigfile --key "$1" "$T/f" >"$T/said" 2>&1 && grep -q 'verification is OK' "$T/said"
	verdict "evmctl verifies by $1" $? || cat "$T/said"
}
sign() { "$IMACTL" sign --sigfile "$@"; }

for k in rsa ec; do
	expect 0 '^1 signed' sign --key "pkcs11:object=$k;type=private" --pass-file "$T/pin" "$T/f"
	verifies "$T/$k.crt"
	expect 0 '1 right' sign --key "$T/$k.key" "$T/f"
	expect 0 '^1 signed' sign --key "pkcs11:object=$k" --pass-file "$T/pin" --keyid 0badcafe "$T/f"
	expect 0 '1 right' sign --key "$T/$k.key" --keyid 0badcafe "$T/f"
	expect 0 '' "$IMACTL" key cert --key "pkcs11:object=$k" --pass-file "$T/pin" --out "$T/c.pem"
	[ "$(openssl x509 -in "$T/c.pem" -noout -pubkey)" = "$(openssl pkey -in "$T/$k.key" -pubout)" ] && openssl verify -CAfile "$T/c.pem" "$T/c.pem" >/dev/null
	verdict "a certificate for $k" $?
done
expect 0 '^1 signed' env EVMCTL_KEY_PASSWORD=1234 "$IMACTL" sign --sigfile --key pkcs11:object=rsa "$T/f"
expect 1 'no certificate is for this private key' sign --key pkcs11:object=rsa --cert "$T/ec.crt" --pass-file "$T/pin" "$T/f"
expect 1 "key 'pkcs11:object=rsa': the provider finds no private key, or the PIN is wrong" sign --key pkcs11:object=rsa --pass-file "$T/wrong" "$T/f"
expect 1 'the PIN is wrong or missing' setsid "$IMACTL" sign --sigfile --key pkcs11:object=rsa "$T/f"
expect 1 "key 'pkcs11:object=other': the provider finds no" sign --key 'pkcs11:object=other?pin-value=1234' --pass-file "$T/pin" "$T/f"
! grep -q 1234 "$T/err" && [ "$(wc -l <"$T/err")" = 1 ]
verdict 'one line, without the PIN' $?
openssl genpkey -algorithm ed25519 -outform DER -out "$T/ed.der"
expect 1 'neither RSA of 1024 bits' sign --key pkcs11:object=ed --pass-file "$T/pin" "$T/f"

# One that openssl.cnf activates, under another name.
mv "$T/modules/pkcs11.so" "$T/none/mine.so"
cat >"$T/openssl.cnf" <<END
openssl_conf = init
[init]
providers = list
[list]
default = on
mine = mine
[on]
activate = 1
[mine]
module = $T/none/mine.so
activate = 1
END
rm "$T/f.sig"
expect 0 '^1 signed' env OPENSSL_CONF="$T/openssl.cnf" "$IMACTL" sign --sigfile --key pkcs11:object=rsa --pass-file "$T/pin" "$T/f"
verifies "$T/rsa.crt"
expect 1 "key 'pkcs11:object=rsa': OpenSSL has no provider for PKCS#11 URIs: install pkcs11-provider" sign --key 'pkcs11:object=rsa?pin-value=1234' --pass-file "$T/pin" "$T/f"
! grep -q 1234 "$T/err" && [ "$(wc -l <"$T/err")" = 1 ]
verdict 'one line, without the PIN' $?
done_testing
