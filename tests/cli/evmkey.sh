#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl evm init, status, recover: against a software TPM. openssl and tpm2-tools take what imactl sealed apart and unseal it.
. "$(dirname "$0")/common"
. "$(dirname "$0")/swtpm"
for tool in tpm2_createprimary tpm2_load tpm2_unseal tpm2_clear tpm2_dictionarylockout; do
	command -v $tool >/dev/null || exit 77
done
tpm_start tpm
S=$T/state
evm() { c=$1 && shift && "$IMACTL" evm "$c" --tcti "$TCTI" --statedir "$S" "$@"; }
echo 'correct horse battery staple' >"$T/pass"
echo 'another horse battery staple' >"$T/wrong"
echo 'short' >"$T/short"
id() { evm status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["keys"][0]["id"])'; }
# edit PYTHON: change evm.key, the object k, by a statement.
edit() { python3 -c '
import json, sys
k = json.load(open(sys.argv[1]))
exec(sys.argv[2])
json.dump(k, open(sys.argv[1], "w"))' "$S/evm.key" "$1"; }

# --- usage, and nothing half done
expect 0 'init .*--pcrs' "$IMACTL" evm
expect 2 "unknown subcommand 'x'" "$IMACTL" evm x
for list in 24 x '' 1, sha256: 'md5:1' '1;2'; do
	expect 2 '--pcrs is ' evm init --recovery-file "$T/pass" --pcrs "$list"
done
expect 2 'say different things' evm init --pcrs 7 --key-file "$T/k"
expect 2 'contradict' evm init --recovery-file "$T/pass" --without-recovery
expect 2 'unexpected argument' evm init x
expect 1 'fewer than 12 characters' evm init --recovery-file "$T/short"
expect 1 'no new recovery passphrase was given' setsid -w "$IMACTL" evm init --tcti "$TCTI" --statedir "$S"
expect 1 "cannot use the TPM at 'swtpm:path=/nowhere'" "$IMACTL" evm init --tcti swtpm:path=/nowhere --statedir "$S" --recovery-file "$T/pass"
expect 1 'imactl evm init makes a key' evm status
[ ! -e "$S/evm.key" ]
verdict 'nothing was written' $?

# --- made, and unsealed by others
tpm2_pcrextend 7:sha256=$(printf %064d 7)
expect 0 'made the EVM key' evm init --pcrs 0,7,16 --recovery-file "$T/pass"
[ "$(stat -c %a "$S/evm.key")" = 600 ]
verdict 'for root only' $?
ID=$(id)
expect 1 'there is a key already' evm init --recovery-file "$T/pass"
expect 0 'PCRs  *sha256:0,7,16' evm status
expect 0 '"kept_by":"tpm","pcrs":"sha256:0,7,16","recovery":true,"usable":true' evm status --json
python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["tpm"]["object"])' "$S/evm.key" >"$T/object.pem"
expect 0 'OBJECT *:2.23.133.10.1.5' openssl asn1parse -in "$T/object.pem"
openssl asn1parse -in "$T/object.pem" | sed -n 's/.*OCTET STRING *\[HEX DUMP\]://p' >"$T/octets" # policy, public, private
sed -n 2p "$T/octets" | xxd -r -p >"$T/pub"
sed -n 3p "$T/octets" | xxd -r -p >"$T/priv"
tpm2_unsealed() { # PCRS: the bare key as hex
	(
		tpm2_createprimary -Q -C o -g sha256 -G ecc256:aes128cfb -c "$T/primary.ctx" \
			-a 'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda' &&
			tpm2_load -Q -C "$T/primary.ctx" -u "$T/pub" -r "$T/priv" -c "$T/sealed.ctx" &&
			tpm2_flushcontext -t && tpm2_unseal -c "$T/sealed.ctx" ${1:+-p pcr:$1} | xxd -p -c 99
		tpm2_flushcontext -t
	) 2>"$T/err"
}
key=$(tpm2_unsealed sha256:0,7,16)
[ ${#key} = 64 ]
verdict 'tpm2_unseal gives 32 bytes' $? || cat "$T/err"
[ "$(printf 'imad evm key id' | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" | sed 's/.* //' | cut -c 1-32)" = "$ID" ]
verdict 'they are the key of that id' $?
[ -z "$(tpm2_unsealed)" ]
verdict 'not without the policy' $?

# --- what keeps it back
tpm_reboot tpm
expect 1 'usable  *no: PCR 7 (sha256) is not as it was when the EVM key was sealed: it was [0-9a-f]*, it is 0000' evm status
tpm2_pcrextend 7:sha256=$(printf %064d 7)
expect 0 'usable  *yes' evm status
tpm2_pcrextend 16:sha256=$(printf %064d 1)
expect 1 'PCR 16 (sha256) is not as it was' evm status
[ -z "$(tpm2_unsealed sha256:0,7,16)" ]
verdict 'nor do tpm2-tools get it' $?

# --- the TPM is locked out by somebody's wrong password: the sealed key has none, so that keeps nobody from it
tpm_reboot tpm
tpm2_pcrextend 7:sha256=$(printf %064d 7)
tpm2_dictionarylockout -s -n 1 -t 1000 -l 1000
tpm2_createprimary -Q -C o -G ecc -p right -c "$T/other.ctx"
echo x >"$T/x"
other() {
	tpm2_create -Q -C "$T/other.ctx" -P "$1" -i "$T/x" -u "$T/other.pub" -r "$T/other.priv" 2>"$T/err" && got=0 || got=$?
	tpm2_flushcontext -t
	return $got
}
tpm2_flushcontext -t
other right
verdict 'the right password' $? || cat "$T/err"
other wrong || other right || grep -q 'DA lockout' "$T/err"
verdict 'a wrong one, and then the right one does not do' $? || cat "$T/err"
expect 0 'usable  *yes' evm status
tpm2_dictionarylockout -c
tpm2_pcrextend 16:sha256=$(printf %064d 1)
expect 1 'PCR 16 (sha256) is not as it was' evm status

# --- recovered
expect 1 'fewer than' evm recover --recovery-file /dev/null
expect 1 'the recovery passphrase is not that' evm recover --recovery-file "$T/wrong"
expect 1 'PCR 16' evm status
expect 0 "recovered the EVM key $ID" evm recover --recovery-file "$T/pass"
expect 0 'PCRs  *sha256:0,7,16' evm status
tpm2_clear -c p
expect 1 'sealed by another TPM, or this one was cleared' evm status
expect 0 "recovered the EVM key $ID" evm recover --recovery-file "$T/pass" --pcrs 7
expect 0 'PCRs  *sha256:7' evm status
cp "$S/evm.key" "$T/good"
cp "$S/evm.key" "$T/backup" && rm "$S/evm.key"
expect 0 "recovered the EVM key $ID" evm recover --from "$T/backup" --recovery-file "$T/pass"
expect 0 'usable  *yes' evm status
expect 1 'cannot read' evm recover --from "$T/none" --recovery-file "$T/pass"

# --- cut, changed, forged: never a key, always a reason
for n in 0 1 100 500 900; do
	head -c $n "$T/good" >"$S/evm.key"
	expect 1 'is damaged: ' evm status
done
again() { cp "$T/good" "$S/evm.key" && edit "$1" && shift && expect "$@"; }
again 'k["version"] = 2' 1 'damaged: version: not 1' evm status
again 'k["id"] = k["id"][:30] + "00"' 1 'another EVM key' evm status
again 'k["tpm"]["object"] = k["tpm"]["object"][:200]' 1 'damaged: tpm.object: no TSS2 PRIVATE KEY in PEM' evm status
again 'k["tpm"]["pcrs"]["7"] = "00" * 32' 1 "damaged: tpm.pcrs: not those of the sealed object's policy" evm status
again 'o = k["tpm"]["object"].split("\n"); o[-4] = o[-4][::-1]; k["tpm"]["object"] = "\n".join(o)' 1 'damaged' evm status
again 'k["recovery"]["ciphertext"] = "00" * 32' 1 'or the file was changed' evm recover --recovery-file "$T/pass"
again 'k["recovery"]["n"] = 2 ** 40' 1 'more memory than imad' evm recover --recovery-file "$T/pass"
again 'del k["recovery"]' 1 'no copy of the key under a passphrase' evm recover --recovery-file "$T/pass"

# --- without a TPM, if that is said
rm "$S/evm.key"
TCTI=swtpm:path=/nowhere
expect 0 'made the EVM key' evm init --key-file "$T/bare" --without-recovery
[ "$(stat -c '%a %s' "$T/bare")" = '600 32' ]
verdict 'the bare key' $?
expect 0 'the bare file /' evm status
expect 0 'recovery  *none' evm status
printf x >>"$T/bare"
expect 1 'is not 32 bytes' evm status
rm "$S/evm.key"
mkdir "$T/credentials"
head -c 32 /dev/urandom >"$T/credentials/imad.evm"
expect 1 'systemd gave none' evm init --credential imad.evm --without-recovery
export CREDENTIALS_DIRECTORY="$T/credentials"
expect 0 'made the EVM key' evm init --credential imad.evm --recovery-file "$T/pass"
expect 0 '"kept_by":"credential","place":"imad.evm","recovery":true,"usable":true' evm status --json
rm "$T/credentials/imad.evm"
expect 1 'cannot open the EVM key' evm status
expect 0 'recovered' evm recover --recovery-file "$T/pass" --key-file "$T/again"
expect 0 'usable  *yes' evm status
done_testing
