#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl enroll: against a software TPM with a certificate of a CA of its own. What one side makes the other is read by
# tpm2-tools, and the other way round; openssl reads certificates and keys.
. "$(dirname "$0")/common"
. "$(dirname "$0")/swtpm"
for tool in swtpm_setup swtpm_localca tpm2_makecredential tpm2_activatecredential tpm2_createek tpm2_createak; do
	command -v $tool >/dev/null || exit 77
done

# A CA and a TPM that it certified; another one without.
mkdir -p "$T/ca" "$T/tpm"
cat >"$T/localca.conf" <<EOF2
statedir = $T/ca
signingkey = $T/ca/signkey.pem
issuercert = $T/ca/issuercert.pem
certserial = $T/ca/serial
EOF2
printf -- '--tpm-manufacturer id:00001014\n--tpm-version 2\n--tpm-model swtpm\n--platform-manufacturer QEMU\n--platform-version 2.1\n--platform-model QEMU\n' >"$T/options"
printf 'create_certs_tool = %s\ncreate_certs_tool_config = %s\ncreate_certs_tool_options = %s\n' \
	"$(command -v swtpm_localca)" "$T/localca.conf" "$T/options" >"$T/setup.conf"
swtpm_setup --tpm2 --tpmstate "$T/tpm" --config "$T/setup.conf" --create-ek-cert --pcr-banks sha1,sha256 --overwrite >"$T/setup.log" 2>&1
verdict 'swtpm_setup' $? || cat "$T/setup.log"
cat "$T/ca/"*cert.pem >"$T/cas.pem"
tpm_start tpm
enroll() { "$IMACTL" enroll --tcti "$TCTI" --statedir "$T/state" "$@"; }
from_json() { python3 -c 'import base64, json, sys; sys.stdout.buffer.write(base64.b64decode(json.load(open(sys.argv[1]))[sys.argv[2]]))' "$1" "$2"; }

# --- what the host says of itself
expect 0 '"format":"imad-enrollment"' enroll
cp "$T/out" "$T/host.json"
from_json "$T/host.json" ek_certificate >"$T/ek.der"
openssl x509 -inform DER -in "$T/ek.der" -out "$T/ek.crt" && openssl verify -partial_chain -ignore_critical -CAfile "$T/cas.pem" "$T/ek.crt" >"$T/out"
verdict 'openssl: the certificate is of that CA' $? || cat "$T/out"
from_json "$T/host.json" ek >"$T/ek.pub"
tpm2_createek -G rsa -c "$T/ek.ctx" -u "$T/theirs.pub" && cmp "$T/ek.pub" "$T/theirs.pub"
verdict 'the EK that tpm2_createek makes' $?
tpm2_flushcontext -t
from_json "$T/host.json" ak >"$T/ak.pub"
tpm2_print -t TPM2B_PUBLIC -f pem "$T/ak.pub" | sed -n '/BEGIN/,$p' >"$T/theirs.pem" && cmp "$T/theirs.pem" "$T/state/ak.pem"
verdict 'the AK in PEM as tpm2_print has it' $?

# --- all four steps
expect 0 '' "$IMACTL" enroll --challenge "$T/host.json" --ca "$T/cas.pem" --dir "$T/v"
[ ! -e "$T/v/ak.pem" ] && [ "$(stat -c %a "$T/v/secret")" = 600 ]
verdict 'nothing is trusted yet' $?
expect 0 '^[0-9a-f]\{64\}$' enroll --activate "$T/v/credential.blob"
secret=$(cat "$T/out")
expect 1 'another secret' "$IMACTL" enroll --confirm "00${secret#??}" --dir "$T/v"
expect 1 'another secret' "$IMACTL" enroll --confirm "${secret%??}" --dir "$T/v"
[ ! -e "$T/v/ak.pem" ]
verdict 'still not' $?
expect 0 "^$T/v/ak.pem$" "$IMACTL" enroll --confirm "$secret" --dir "$T/v"
cmp "$T/v/ak.pem" "$T/state/ak.pem" && [ ! -e "$T/v/secret" ]
verdict 'now it is' $?

# --- tpm2-tools on the other side. They make: the TPM behind imactl reads. Names are of no other TPM's AK.
name=$(python3 -c 'import hashlib, sys; print("000b" + hashlib.sha256(open(sys.argv[1], "rb").read()[2:]).hexdigest())' "$T/ak.pub")
printf 'a secret of 32 bytes for the TPM' >"$T/secret"
for kind in rsa2048 p256; do
	enroll --ek $kind >"$T/$kind.json" 2>/dev/null && from_json "$T/$kind.json" ek >"$T/$kind.pub"
	tpm2_makecredential -T none -e "$T/$kind.pub" -n "$name" -s "$T/secret" -o "$T/blob" 2>"$T/err"
	verdict "tpm2_makecredential, $kind" $? || cat "$T/err"
	expect 0 "^$(xxd -p -c 64 "$T/secret")$" enroll --ek $kind --activate "$T/blob"
done
tpm2_makecredential -T none -e "$T/rsa2048.pub" -n "000b$(printf %064d 0)" -s "$T/secret" -o "$T/blob"
expect 1 "not made for this TPM's rsa2048 EK and this AK" enroll --activate "$T/blob"

# imactl makes: tpm2_activatecredential reads, with an AK and EKs of its own.
for kind in rsa ecc; do
	tpm2_createek -G $kind -c "$T/ek.ctx" -u "$T/ek.pub" &&
		tpm2_createak -C "$T/ek.ctx" -c "$T/ak.ctx" -G ecc -g sha256 -s ecdsa -u "$T/ak2.pub" >/dev/null
	tpm2_flushcontext -t
	python3 - "$T/ek.pub" "$T/ak2.pub" <<'PY' >"$T/made.json"
import base64, json, sys
ek, ak = (base64.b64encode(open(f, "rb").read()).decode() for f in sys.argv[1:])
json.dump({"format": "imad-enrollment", "version": 1, "ek": ek, "ak": ak}, sys.stdout)
PY
	expect 0 '' "$IMACTL" enroll --challenge "$T/made.json" --without-certificate --dir "$T/m"
	tpm2_startauthsession --policy-session -S "$T/session" && tpm2_policysecret -S "$T/session" -c e >/dev/null &&
		tpm2_activatecredential -c "$T/ak.ctx" -C "$T/ek.ctx" -i "$T/m/credential.blob" -o "$T/read" -P "session:$T/session" >/dev/null
	[ "$(xxd -p -c 64 "$T/read")" = "$(cat "$T/m/secret")" ]
	verdict "tpm2_activatecredential, $kind" $?
	tpm2_flushcontext "$T/session"
	tpm2_flushcontext -t
	expect 1 'the host gave no certificate' "$IMACTL" enroll --challenge "$T/made.json" --ca "$T/cas.pem" --dir "$T/m"
done

# --- what is refused
edit() { python3 -c '
import base64, json, sys
o = json.load(open(sys.argv[1])); b = lambda k: bytearray(base64.b64decode(o[k])); s = lambda k, v: o.__setitem__(k, base64.b64encode(bytes(v)).decode())
exec(sys.argv[2]); json.dump(o, sys.stdout)' "$T/host.json" "$1" >"$T/edited.json"; }
challenge() { "$IMACTL" enroll --challenge "$T/edited.json" --ca "$T/cas.pem" --dir "$T/x"; }
edit 'v = b("ak"); v[7] &= ~1; s("ak", v)'
expect 1 'ak: the key is not restricted' challenge
edit 'v = b("ak"); v[9] &= ~2; s("ak", v)'
expect 1 'ak: the key is not fixed to its TPM' challenge
edit 's("ak", b("ek"))'
expect 1 'ak: the key does not sign' challenge
edit 'v = b("ek"); v[-1] ^= 2; s("ek", v)'
expect 1 "the EK's certificate is of another key" challenge
edit 'v = b("ek_certificate"); v[-1] ^= 1; s("ek_certificate", v)'
expect 1 'does not chain to a CA' challenge
edit 's("ek_certificate", b("ek"))'
expect 1 'ek_certificate: not a certificate' challenge
edit 'o["ak"] = "*"'
expect 1 'is missing or not base64' challenge
edit 'o["version"] = 2'
expect 1 'is not what imactl enroll gives' challenge
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/k" -out "$T/stranger.pem" -subj /CN=stranger 2>/dev/null
expect 1 'does not chain to a CA' "$IMACTL" enroll --challenge "$T/host.json" --ca "$T/stranger.pem" --dir "$T/x"
expect 3 'holds no certificate' "$IMACTL" enroll --challenge "$T/host.json" --ca README.md --dir "$T/x"
[ ! -e "$T/x" ]
verdict 'nothing was written' $?
expect 1 'not a credential as tpm2_makecredential writes it' enroll --activate "$T/options"
expect 2 'wants --ca, or --without-certificate' "$IMACTL" enroll --challenge "$T/host.json" --dir "$T/x"
expect 2 'want --dir' "$IMACTL" enroll --confirm 00
expect 2 'are different steps' "$IMACTL" enroll --confirm 00 --activate x --dir "$T/x"
expect 2 'rsa2048 or p256' enroll --ek rsa
tpm_start other
rm -r "$T/state"
expect 0 'holds no certificate of its rsa2048 endorsement key' enroll
expect 1 'not made for this TPM' enroll --activate "$T/v/credential.blob"
tpm2_getcap handles-transient >"$T/out" && tpm2_getcap handles-loaded-session >>"$T/out"
[ ! -s "$T/out" ]
verdict 'no objects and no sessions are left in the TPM' $?
done_testing
