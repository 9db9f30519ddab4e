#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl evm init --public-key and evm approve: against a software TPM. tpm2-tools unseal by the same approvals, openssl and
# systemd-measure make such that imactl takes, and whatever is not approved of stays shut.
. "$(dirname "$0")/common"
. "$(dirname "$0")/swtpm"
for tool in tpm2_policyauthorize tpm2_verifysignature tpm2_loadexternal /lib/systemd/systemd-measure; do
	command -v $tool >/dev/null || exit 77
done
tpm_start tpm
S=$T/state
evm() { c=$1 && shift && "$IMACTL" evm "$c" --tcti "$TCTI" --statedir "$S" "$@"; }
approve() { evm approve --key "$T/key.pem" "$@"; }
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/key.pem" 2>/dev/null
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/ec.pem" 2>/dev/null
openssl pkey -in "$T/ec.pem" -pubout -out "$T/ec-pub.pem"
openssl genpkey -algorithm ED25519 -out "$T/ed.pem" 2>/dev/null
openssl pkey -in "$T/ed.pem" -pubout -out "$T/ed-pub.pem"
A=$S/evm.approvals.json
pcr() { tpm2_pcrread "sha256:$1" | sed -n 's/.*0x\([0-9A-F]*\)$/\1/p'; }
extended() { printf '%s%s' "$1" "$2" | xxd -r -p | sha256sum | cut -d' ' -f1; } # what a PCR of value $1 becomes by $2
ONE=$(printf %064d 1)

# --- usage, and nothing half done
expect 2 'needed: who approves of what' evm approve --key "$T/key.pem"
expect 2 'needed: who approves of what' evm approve --pcrs 7
for list in 24 x '' 7, 7,7 sha256: md5:7 7=12 7=xyz "sha1:7=$ONE" 7=; do
	expect 2 '--pcrs is \[BANK' approve --pcrs "$list"
done
expect 2 'go with approve' evm init --without-recovery --key "$T/key.pem"
expect 2 'say different things' evm init --public-key "$T/pub.pem" --key-file "$T/k"
expect 1 "cannot read the key '$T/none'" evm approve --key "$T/none" --pcrs 7
expect 1 "cannot read the key '$T/none'" evm init --without-recovery --public-key "$T/none"
expect 1 'is not a public key in PEM' evm init --without-recovery --public-key "$T/key.pem"
expect 1 'is neither an RSA key nor one on P-256' evm init --without-recovery --public-key "$T/ed-pub.pem"
expect 1 'no PCR bank sm3' approve --pcrs sm3:7
[ ! -e "$S" ]
verdict 'nothing was written' $?

# --- sealed for who approves: of nothing yet
expect 0 'made the EVM key' evm init --without-recovery --public-key "$T/pub.pem"
id=$(openssl rsa -pubin -in "$T/pub.pem" -RSAPublicKey_out -outform DER 2>/dev/null | sha256sum | cut -c1-16)
expect 1 "there is no approval by the key $id" evm status
expect 1 "as approved by the key $id" evm status
expect 1 "\"approved_by\":\"$id\"" evm status --json

# --- approved of: what is now, and what will be
expect 0 'approved, .*which has 1' approve --pcrs 7,11
expect 0 'usable *yes' evm status
expect 0 'is approved already' approve --pcrs 7,11
next=$(extended "$(pcr 7)" $ONE)
tpm2_pcrextend 7:sha256=$ONE
expect 1 "none of the 1 approvals by the key $id is of what PCR 7,11 are now" evm status
expect 0 'which has 2' "$IMACTL" evm approve --key "$T/key.pem" --statedir "$S" --tcti none --pcrs "7=$next,11=$(pcr 11)" # without a TPM
expect 0 'usable *yes' evm status
tpm2_pcrextend 7:sha256=$ONE
expect 1 'none of the 2 approvals' evm status
expect 0 'which has 3' approve --pcrs sha1:0,7

# --- of another PCR in another file, and systemd's programs: PCR 11 as a kernel image would make it
expect 0 'usable *yes' evm status
rm "$A"
expect 0 'which has 1' approve --pcrs "11=$ONE"
expect 1 'none of the 1 approvals .* is of what PCR 11 is now' evm status
expect 0 'which has 2' approve --pcrs 7 # other PCRs of that bank
expect 0 'usable *yes' evm status
head -c 5000 /dev/urandom >"$T/linux"
/lib/systemd/systemd-measure sign --linux="$T/linux" --bank=sha256 --private-key="$T/key.pem" --public-key="$T/pub.pem" \
	--tpm2-device="$TCTI" --phase=enter-initrd >"$A" 2>"$T/err" || cat "$T/err"
expect 1 'none of the 1 approvals .* is of what PCR 11 is now' evm status
for part in .linux "$T/linux"; do # the name of the section with its NUL, then what is in it
	case $part in .linux) printf '.linux\0' ;; *) cat "$part" ;; esac >"$T/part"
	tpm2_pcrextend "11:sha256=$(sha256sum "$T/part" | cut -d' ' -f1)"
done
expect 1 'none of the 1 approvals' evm status
tpm2_pcrextend "11:sha256=$(printf enter-initrd | sha256sum | cut -d' ' -f1)"
expect 0 'usable *yes' evm status

# --- tpm2-tools open the same object by the same approval
python3 - "$S/evm.key" "$A" "$T" <<'PY'
import base64, json, sys
key, approvals, d = json.load(open(sys.argv[1])), json.load(open(sys.argv[2])), sys.argv[3]
open(d + "/object.pem", "w").write(key["tpm"]["object"])
one = approvals["sha256"][0]
open(d + "/policy", "wb").write(bytes.fromhex(one["pol"]))
open(d + "/sig", "wb").write(base64.b64decode(one["sig"]))
PY
openssl asn1parse -in "$T/object.pem" | sed -n 's/.*OCTET STRING *\[HEX DUMP\]://p' >"$T/octets" # authority, public, private
sed -n 1p "$T/octets" | xxd -r -p | head -c -4 >"$T/authority" # a TPM2B_PUBLIC; no reference, no signature
sed -n 2p "$T/octets" | xxd -r -p >"$T/pub"
sed -n 3p "$T/octets" | xxd -r -p >"$T/priv"
tpm2_createprimary -Q -C o -g sha256 -G ecc256:aes128cfb -c "$T/primary.ctx" \
	-a 'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda'
tpm2_load -Q -C "$T/primary.ctx" -u "$T/pub" -r "$T/priv" -c "$T/sealed.ctx"
tpm2_flushcontext -t
tpm2_loadexternal -Q -C o -u "$T/authority" -c "$T/key.ctx" -n "$T/name"
tpm2_readpublic -Q -c "$T/key.ctx" -f pem -o "$T/again.pem"
tpm2_flushcontext -t
cmp -s "$T/pub.pem" "$T/again.pem"
verdict 'the authority in the object is the public key' $?
tpm2_verifysignature -Q -c "$T/key.ctx" -g sha256 -m "$T/policy" -s "$T/sig" -t "$T/ticket" -f rsassa
tpm2_startauthsession -Q --policy-session -S "$T/session"
tpm2_policypcr -Q -S "$T/session" -l sha256:11
tpm2_policyauthorize -Q -S "$T/session" -i "$T/policy" -n "$T/name" -t "$T/ticket"
n=$(tpm2_unseal -c "$T/sealed.ctx" -p session:"$T/session" | wc -c)
tpm2_flushcontext "$T/session"
tpm2_flushcontext -t
[ "$n" = 32 ]
verdict 'tpm2_unseal gives 32 bytes by that approval' $?

# --- openssl signs what imactl takes, and what is forged is not taken
change() { # PYTHON on the entry e
	python3 -c '
import json, sys
k = json.load(open(sys.argv[1]))
e = k["sha256"][0]
exec(sys.argv[2])
json.dump(k, open(sys.argv[1], "w"))' "$A" "$1"
}
openssl dgst -sha256 -sign "$T/key.pem" -out "$T/sig" "$T/policy"
cp "$A" "$T/good.json"
change "e['sig'] = '$(base64 -w 0 "$T/sig")'"
expect 0 'usable *yes' evm status
openssl dgst -sha256 -sign "$T/ec.pem" -out "$T/sig" "$T/policy"
change "e['sig'] = '$(base64 -w 0 "$T/sig")'"
expect 1 'the TPM keeps the EVM key back: its policy is not met' evm status
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/other.pem" 2>/dev/null
openssl dgst -sha256 -sign "$T/other.pem" -out "$T/sig" "$T/policy"
change "e['sig'] = '$(base64 -w 0 "$T/sig")'"
expect 1 'its policy is not met' evm status
for damage in "e['pcrs'] = [24]" "e['pcrs'] = []" "e['pol'] = 'ab'" "e['pkfp'] = 1" "e['sig'] = 'x'" "k['sha256'] = 1" "k['sha256'] = [1]"; do
	cp "$T/good.json" "$A"
	change "$damage"
	expect 1 "the approvals in '$A' are damaged: sha256" evm status
	expect 1 "the approvals in '$A' are damaged: sha256" approve --pcrs 7 # nor is it overwritten
done
echo '{' >"$A"
expect 1 'are damaged: .*cut' evm status
printf '{"x-bank":[{}]}' >"$A"
expect 1 'there is no approval' evm status
cp "$T/good.json" "$A"
expect 0 'usable *yes' evm status

# --- both: what is approved of, and a PCR that must stay
rekey() { evm rekey --without-recovery --pcrs 16 --public-key "$T/ec-pub.pem" "$T/linux"; }
expect 1 'a new key could not be had again: there is no approval' rekey
[ ! -e "$S/evm.key.next" ]
verdict 'and the old one stays' $?
expect 0 'which has 2' evm approve --key "$T/ec.pem" --pcrs 7
expect 0 'the new key is in force' rekey
expect 0 'PCRs *sha256:16' evm status
expect 0 'usable *yes' evm status
tpm2_pcrextend 16:sha256=$ONE
expect 1 'PCR 16 (sha256) is not as it was' evm status
tpm2_pcrreset 16
expect 0 'usable *yes' evm status
tpm2_pcrextend 7:sha256=$ONE
expect 1 'none of the 1 approvals by the key .* is of what PCR 7 is now' evm status

# --- recovered: by whom it was; another one only if it is said
rm -rf "$S"
echo 'correct horse battery staple' >"$T/pass"
evm init --recovery-file "$T/pass" --public-key "$T/pub.pem" >"$T/out"
approve --pcrs 7 >"$T/out"
tpm2_clear -c p
expect 1 'sealed by another TPM, or this one was cleared' evm status
expect 0 'recovered' evm recover --recovery-file "$T/pass"
expect 0 "as approved by the key $id" evm status
expect 0 'recovered' evm recover --recovery-file "$T/pass" --pcrs 7
expect 0 'usable *yes' evm status
! grep -q 'as approved' "$T/out"
verdict 'bound as was said' $?
