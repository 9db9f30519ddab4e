#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl verify --evidence: a table of bad evidence, each refused with the right reason, and of good; then that of
# a TPM over two boots; reference values and signatures in the list against what sha256sum and evmctl say.
. "$(dirname "$0")/common"
. "$(dirname "$0")/swtpm"
command -v evmctl >/dev/null || exit 77
N=000102030405060708090a0b0c0d0e0f
verify() { "$IMACTL" verify --evidence "$@"; }

mkdir "$T/c"
python3 tests/cli/evidence.py "$K/ima-sig.bin" "$T/c" || exit 1
while IFS='|' read -r name state code reason; do
	key=ak
	case $name in rsa | rsa-pss) key=rsa ;; rsa-short) key=short ;; esac
	rm -f "$T/state"
	for s in $(echo "${state#none}" | tr , ' '); do
		verify "$T/c/$s.json" --ak "$T/c/$key.pem" --nonce $N --state "$T/state" >/dev/null || echo "no state"
	done
	cp "$T/state" "$T/before" 2>/dev/null || : >"$T/before"
	verify "$T/c/$name.json" --ak "$T/c/$key.pem" --nonce $N --state "$T/state" --json >"$T/out" 2>"$T/err" && rc=0 || rc=$?
	python3 - "$T/out" "$rc" "$code" "$reason" <<'PY'
import json, sys
r, rc, code, reason = json.load(open(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
assert rc == code and r["result"] == ("match" if code == 0 else "mismatch"), (rc, r)
assert (not r["reasons"]) == (not reason) and (not reason or any(reason in x for x in r["reasons"])), r["reasons"]
PY
	bad=$?
	# Only what is right moves the state.
	[ "$code" = 0 ] || { touch "$T/state" && cmp -s "$T/state" "$T/before"; } || bad=1
	[ "$bad" = 0 ]
	verdict "$name: ${reason:-match}" $? || cat "$T/out" "$T/err"
done <"$T/c/cases" >"$T/table"
cat "$T/table"
! grep -q FAILED "$T/table" && [ "$(grep -c OK "$T/table")" -gt 100 ]
verdict "$(grep -c OK "$T/table") rows" $?

# --- notes, options, what cannot be checked
rm -f "$T/state"
good="$T/c/good.json --ak $T/c/ak.pem --nonce $N"
verify "$T/c/at30.json" --ak "$T/c/ak.pem" --nonce $N --state "$T/state" >/dev/null
cp "$T/state" "$T/s30"
expect 0 'note: the host was suspended 1 times since' verify "$T/c/suspended.json" --ak "$T/c/ak.pem" --nonce $N --state "$T/state"
cp "$T/s30" "$T/state"
expect 0 'note: the TPM was reset 1 times since: a new boot$' verify "$T/c/new-boot.json" --ak "$T/c/ak.pem" --nonce $N --state "$T/state"
cp "$T/s30" "$T/state"
expect 0 "note: the TPM's clock is not safe" verify "$T/c/new-boot-clock.json" --ak "$T/c/ak.pem" --nonce $N --state "$T/state"
expect 0 '^40 records, 40 of them new, 2 violations$' verify $good
expect 1 "record [0-9]*, '.*': a violation" verify $good --no-violations
own="$T/c/own.json --ak $T/c/ak.pem --nonce $N"
expect 0 "^note: record 41, 'imad:gap:uses=unknown': For a time there was no imad" verify $own
expect 0 "^note: record 42, 'imad:later:x=1': imad says that its list is not whole here$" verify $own
expect 0 '^43 records, 43 of them new, 5 violations$' verify $own
expect 0 '^  1 imad:lost: More was used' verify $own
expect 0 '"violations":5,"own_violations":{"gap":1,"lost":1,"pcr-reset":0,"timeout":0}' verify $own --json
expect 1 "record 41, 'imad:gap:uses=unknown': a violation" verify $own --no-violations
expect 0 '^match$' verify $good --bank sha1 --bank sha256
expect 1 'of other banks than those wanted' verify $good --bank sha256
expect 1 'the quote is of PCRs 0x000400 in bank sha1, wanted are 0x000c00' verify $good --pcr 10 --pcr 11
expect 0 'so it proves nothing' verify "$T/c/signed-pcr16.json" --ak "$T/c/ak.pem" --nonce $N --pcr 16
expect 1 'answers another nonce' verify "$T/c/good.json" --ak "$T/c/ak.pem" --nonce 00$N
expect 1 "of another key than '$T/c/other.pem'" verify "$T/c/good.json" --ak "$T/c/other.pem" --nonce $N
sed "s/\"ak\": \"../\"ak\": \"00/" "$T/s30" >"$T/state"
expect 1 "the state '$T/state' is of another key" verify "$T/c/goes-on.json" --ak "$T/c/ak.pem" --nonce $N --state "$T/state"
echo '{"format": "imad-verifier-state"}' >"$T/state"
expect 3 'version: missing' verify $good --state "$T/state"
expect 3 'cannot read the evidence' verify "$T/none" --ak "$T/c/ak.pem" --nonce $N
expect 3 'cannot read the key' verify "$T/c/good.json" --ak "$T/none" --nonce $N
expect 3 'not a public key' verify "$T/c/good.json" --ak "$T/c/good.json" --nonce $N
expect 3 "reference '$T/none': No such file" verify $good --reference "$T/none"
expect 3 "reference 'README.md', line 1: not a line of sha256sum" verify $good --reference README.md
expect 3 "key 'README.md': " verify $good --key README.md
expect 3 'and --list has too' verify $good --list "$K/ima-sig.bin"
expect 2 'goes with --ak and --nonce' verify "$T/c/good.json" --nonce $N
expect 2 'no such PCR' verify $good --pcr 24
expect 2 'no such bank' verify $good --bank sha0

# --- a TPM: two boots, evidence of each; the records in a file of their own
tpm_start tpm
attest() { "$IMACTL" attest --tcti "$TCTI" --statedir "$T/attest" --list "$T/list" --nonce "$@"; }
judge() { verify "$1" --ak "$T/attest/ak.pem" --nonce "$2" --state "$T/host"; }
A=a0a1a2a3a4a5a6a7 Bn=b0b1b2b3b4b5b6b7
head_of "$K/ima-ng.bin" 20 >"$T/list"
tpm_extend "$T/list" 0 20
attest $A >"$T/e1.json"
expect 0 '^20 records, 20 of them new' judge "$T/e1.json" $A
head_of "$K/ima-ng.bin" 35 >"$T/list"
tpm_extend "$T/list" 20 35
attest $Bn --from 20 >"$T/e2.json"
expect 1 'answers another nonce' judge "$T/e2.json" $A
expect 0 '^35 records, 15 of them new' judge "$T/e2.json" $Bn
expect 1 "clock went back" judge "$T/e1.json" $A
tpm_reboot tpm
head_of "$K/ima-sig.bin" 5 >"$T/list"
tpm_extend "$T/list" 0 5
attest $A --from 35 >"$T/e3.json"
expect 0 'the TPM was reset 1 times since' judge "$T/e3.json" $A
expect 1 'reset count went back' judge "$T/e2.json" $Bn
attest $A --dir "$T/dir"
expect 3 'has no records: give them by --list' judge "$T/dir/evidence.json" $A
expect 0 '^5 records, 5 of them new' verify "$T/dir/evidence.json" --list "$T/dir/list.bin" --ak "$T/dir/ak.pem" --nonce $A
tpm_extend "$K/ima-ng.bin" 50 51
attest $A >"$T/e4.json" 2>/dev/null
expect 1 'no part of the list leads to the quoted value' judge "$T/e4.json" $A

# --- signatures in the list: as many of each kind as evmctl counts
tpm_start signed
cp "$K/appraise-ima-sig.bin" "$T/list"
tpm_extend "$T/list" 0 100
rm -r "$T/attest"
attest $A >"$T/e.json"
for keys in rsa2048 rsa2048,p256 wrong; do
	args= ev=
	for k in $(echo $keys | tr , ' '); do
		args="$args --key tests/data/evmctl-sig/$k.der" ev=$ev,tests/data/evmctl-sig/$k.der
	done
	evmctl ima_measurement -v --ignore-violations --verify-sig --key "${ev#,}" "$T/list" >"$T/ev" 2>&1
	verify "$T/e.json" --ak "$T/attest/ak.pem" --nonce $A $args --json >"$T/out"
	python3 - "$T/out" "$T/ev" <<'PY'
import json, re, sys
r, ev = json.load(open(sys.argv[1])), open(sys.argv[2], errors="replace").read()
good = len(re.findall(r": verification is OK", ev))
f = r["found"]
assert f["signed"] == good, (f, good, ev)
assert r["result"] == ("match" if not f["bad_signatures"] + f["unknown_keys"] else "mismatch"), r
PY
	verdict "signatures by $keys as evmctl" $? || tail -20 "$T/ev"
done

# --- reference values in each form, made by others
tpm_start files
rm -r "$T/attest"
cp "$K/ima-ng.bin" "$T/list"
tpm_extend "$T/list" 0 100
attest $A >"$T/e.json"
ref() { verify "$T/e.json" --ak "$T/attest/ak.pem" --nonce $A --reference "$@"; }
awk '$1 == 10 && $2 !~ /^0*$/ && $5 ~ /^\// { sub(/^sha256:/, "", $4); print $4 "  " $5 }' "$K/ima-ng.ascii" >"$T/sums"
expect 0 '^reference: 53 as expected, 0 excluded, 0 other, 0 unknown, 1 not judged$' ref "$T/sums"
sed '3s/^./x/' "$T/sums" >"$T/bad"
expect 3 "line 3: not a line of sha256sum" ref "$T/bad"
name=$(sed -n '3s/.*  //p' "$T/sums")
sed '3s/^.\{8\}/00000000/' "$T/sums" >"$T/bad"
expect 1 "'$name': its content is none of the reference values" ref "$T/bad"
sed 3d "$T/sums" >"$T/bad"
expect 1 "'$name': no reference value has this name" ref "$T/bad"
sed -n 3p "$T/sums" >"$T/one"
expect 0 '^match$' ref "$T/bad" --reference "$T/one"
{ echo 'imad-reference 1'; echo "exclude ${name%/*}/*"; sed 3d "$T/sums" | sed 's/^\([0-9a-f]*\)  /sha256:\1 /'; echo '# end'; } >"$T/own"
expect 0 ', 0 other, 0 unknown' ref "$T/own"
{ cat "$T/own"; echo 'sha256:00 /x'; } >"$T/bad"
expect 3 'not .ALGO:HEX NAME' ref "$T/bad"
cat >"$T/keylime.py" <<'PY'
import json, sys
digests = {}
for line in open(sys.argv[1]):
    digests.setdefault(line[66:-1], []).append(line[:64])
if len(sys.argv) > 3:
    del digests[sys.argv[3]]
json.dump({"meta": {"version": 1, "generator": 0}, "release": 0, "digests": digests, "excludes": sys.argv[4:], "keyrings": {},
           "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None}, "ima-buf": {}, "verification-keys": ""},
          open(sys.argv[2], "w"))
PY
python3 "$T/keylime.py" "$T/sums" "$T/policy"
expect 0 '^match$' ref "$T/policy"
python3 "$T/keylime.py" "$T/sums" "$T/policy" "$name"
expect 1 "'$name': no reference value has this name" ref "$T/policy"
python3 "$T/keylime.py" "$T/sums" "$T/policy" "$name" "(/nowhere|${name%/*})/.*"
expect 0 '^match$' ref "$T/policy"
python3 "$T/keylime.py" "$T/sums" "$T/policy" "$name" "${name#?}"
expect 1 'no reference value has this name' ref "$T/policy"
python3 "$T/keylime.py" "$T/sums" "$T/policy" "$name" '/a\d+'
expect 3 'an exclude that is not understood here' ref "$T/policy"
python3 "$T/keylime.py" "$T/sums" "$T/policy" "$name" '/((a{60}){60}){60}'
expect 3 'an exclude that is not understood here' ref "$T/policy"
"$IMACTL" export --format keylime-policy "$T/list" >"$T/exported" 2>/dev/null
expect 0 '^match$' ref "$T/exported"
# A checksum file has the last content of each file, and two were changed while they were watched.
"$IMACTL" export --format sha256sum "$T/list" >"$T/exported"
expect 1 '^reference: 51 as expected, 0 excluded, 2 other, 0 unknown' ref "$T/exported"
done_testing
