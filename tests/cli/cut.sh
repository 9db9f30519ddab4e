#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Evidence of a list whose front was cut off and is in no archive any more: what verifiers are told that have seen all of
# that, some of it, or nothing, and what they are not made to believe.
. "$(dirname "$0")/common"
. "$(dirname "$0")/swtpm"
. "$(dirname "$0")/trimming"
judge() { "$IMACTL" verify --evidence "$T/e.json" --ak "$S/ak.pem" --nonce $N "$@"; }
state() { sed -n 's/.*"records": *\([0-9]*\).*/\1/p' "$1"; }
# new STATE: a copy of it for one verifier, or none.
new() { rm -f "$T/v" && { [ -z "$1" ] || cp "$1" "$T/v"; }; }

# Three have seen 20, 35 and 40 records; then all before 35 are cut off, and go.
for at in 20 35 40; do
	grow $at
	[ $at != 20 ] || with_tpm
	attest >"$T/e.json" && judge --state "$T/s$at" >/dev/null || exit 1
done
trim --keep 5 >/dev/null || exit 1
cp "$R/checkpoint" "$T/first"
grow 44
mv "$A" "$T/away"
expect 1 'from 20 on were cut off the list, .*; --from 35 needs none of them' attest --from 20
attest --from 40 >"$T/e.json"
! grep -q '"checkpoint"' "$T/e.json"
verdict 'behind the cut evidence needs no checkpoint' $?
new "$T/s40"
expect 0 '^44 records, 4 of them new' judge --state "$T/v"
attest --from 35 >"$T/e.json"
grep -q '"checkpoint": "' "$T/e.json"
verdict 'at the cut it has it' $?
cp "$T/e.json" "$T/at35.json"

# --- who has seen enough, too little, nothing
new "$T/s35"
expect 0 '^44 records, 9 of them new' judge --state "$T/v"
! grep -q 'note:' "$T/out"
verdict 'of which nothing need be said' $?
new "$T/s20"
expect 1 'records 20 to 34 were not verified: .* archive .* Its checkpoint of 20..-..-..T..:..:..Z is signed by the same key: --from-checkpoint' \
	judge --state "$T/v"
cmp -s "$T/s20" "$T/v"
verdict 'and its state is as before' $?
expect 0 '^note: records 20 to 34 were not seen: .* the checkpoint of 20.* stands for them' judge --state "$T/v" --from-checkpoint
grep -q '^44 records, 9 of them new' "$T/out" && [ "$(state "$T/v")" = 44 ]
verdict 'but it goes on if it is told to' $?
new ''
expect 1 'records 0 to 34 were not verified' judge --state "$T/v"
[ ! -e "$T/v" ]
verdict 'and there is no state of it' $?
expect 0 '^note: records 0 to 34 were not seen' judge --state "$T/v" --from-checkpoint
expect 0 '"notes":\["records 0 to 34 were not seen' judge --json --from-checkpoint
new "$T/s40"
expect 1 'the list begins at record 35, 40 are verified' judge --state "$T/v" --from-checkpoint
attest --from 35 --dir "$T/dir"
cp "$T/dir/evidence.json" "$T/e.json"
expect 0 '^note: records 0 to 34 were not seen' judge --from-checkpoint --list "$T/dir/list.bin"
attest --from 36 >"$T/e.json"
expect 1 'the list begins at record 36, and nothing is known of those before' judge --from-checkpoint

# --- from there on as from any
new ''
cp "$T/at35.json" "$T/e.json"
judge --state "$T/v" --from-checkpoint >/dev/null
grow 50
attest --from 44 >"$T/e.json"
expect 0 '^50 records, 6 of them new' judge --state "$T/v"
# The archive comes back: all of it leads through what was seen.
mv "$T/away" "$A"
attest >"$T/e.json"
expect 0 '^50 records, 50 of them new' judge --state "$T/v"

# --- forged; the rest of the evidence is right
cat >"$T/forge.py" <<'PY'
import base64, json, sys
e = json.load(open(sys.argv[1]))
e["checkpoint"] = base64.b64encode(open(sys.argv[2], "rb").read()).decode()
if len(sys.argv) > 3:  # a byte of the last record, too
    b = bytearray(base64.b64decode(e["list"]["data"]))
    b[-2] ^= 1
    e["list"]["data"] = base64.b64encode(bytes(b)).decode()
json.dump(e, sys.stdout)
PY
# refused SED REASON: with the option and without
refused() {
	sed "$1" "$T/first" >"$T/forged"
	! cmp -s "$T/first" "$T/forged"
	verdict "$1: something was changed" $?
	python3 "$T/forge.py" "$T/at35.json" "$T/forged" >"$T/e.json"
	for how in --json --from-checkpoint; do
		new ''
		expect 1 "$2" judge --state "$T/v" $how
		[ ! -e "$T/v" ] || verdict "$2: there is a state" 1
	done
}
other='the key signed another checkpoint than this: it was changed'
refused 's/^violations .*/violations 1/' "$other"
refused 's/^imported .*/imported 1/' "$other"
refused 's/^time .*/time 5/' "$other"
refused "s/^chain .*/chain $(printf '%064d' 1)/" "$other"
refused '/^violations/a own lost 1' "$other"
refused 's/^boot_id ......../boot_id 00000000/' "$other"
refused 's/^records .*/records 34/' 'checkpoint: it stands for 34 records, the list begins at record 35'
for b in sha1 sha256 sha384 sha512; do
	refused "/^pcr 10 $b/s/....\$/0000/" "$other"
done
refused '/^pcr 10 sha512/d' 'checkpoint: no value of a bank that was quoted'
refused '/^quoted/,$d' 'the checkpoint is not signed'
refused '/^signature/s/....$/0000/' "not this key's signature over this quote"
refused '/^attest/s/attest ff54/attest ff55/' "the checkpoint's quote: "
refused 's/^quoted .*/quoted 99/' "the checkpoint's quote is of 99 records, the list does not have them"
refused 's/^quoted .*/quoted 39/' 'the list does not lead from the checkpoint to what its quote is of'
refused '2,$d' 'checkpoint, line 2: boot_id: missing'
python3 "$T/forge.py" "$T/at35.json" "$T/first" >"$T/e.json"
expect 0 '^match$' judge --from-checkpoint
python3 "$T/forge.py" "$T/at35.json" "$T/first" changed >"$T/e.json"
expect 1 'digest is not that of its data' judge --from-checkpoint

# --- another boot of the host: what a checkpoint of before stands for is of no use
tpm_reboot tpm
head_of "$K/ima-ng.bin" 40 >"$R/binary_runtime_measurements"
tpm_extend "$K/ima-ng.bin" 0 40
rm "$R/checkpoint"
attest >"$T/e.json"
new "$T/s40"
expect 0 'the TPM was reset 1 times since' judge --state "$T/v"
python3 - "$T/e.json" "$T/at35.json" >"$T/mixed.json" <<'PY'
import json, sys
now, cut = (json.load(open(p)) for p in sys.argv[1:3])
now["checkpoint"], now["list"] = cut["checkpoint"], cut["list"]
json.dump(now, sys.stdout)
PY
mv "$T/mixed.json" "$T/e.json"
new "$T/s40"
expect 1 'no part of the list leads to the quoted value' judge --state "$T/v" --from-checkpoint
expect 2 'goes with --ak and --nonce' "$IMACTL" verify --evidence "$T/e.json" --from-checkpoint
done_testing
