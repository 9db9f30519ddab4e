#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl trim, and verify and attest of what it leaves: against a TPM that tpm2-tools extend, a daemon written apart, evmctl
# on the parts joined; then each thing that can be wrong with a checkpoint or an archive.
. "$(dirname "$0")/common"
. "$(dirname "$0")/swtpm"
command -v evmctl >/dev/null || exit 77
. "$(dirname "$0")/trimming"
# evmctl says that archive and rest are the list in the TPM.
joined() {
	cat "$A"/*.bin "$R/binary_runtime_measurements" >"$T/joined" && cmp "$T/joined" "$T/all" || return 1
	for b in sha1 sha256; do
		tpm2_pcrread $b:all | sed -n 's/^ *\([0-9]\{1,2\}\) *: 0x/\1 /p' | awk '{printf "PCR-%02d: %s\n",$1,$2}' >"$T/pcrs.$b"
		evmctl ima_measurement --ignore-violations --verify-bank=$b --pcrs "$b,$T/pcrs.$b" "$T/joined" 2>&1 |
			grep -qx 'Matched per TPM bank calculated digest(s).' || return 1
	done
}

grow 30
with_tpm
attest >"$T/e0.json" || exit 1
expect 0 '^match$' "$IMACTL" verify --evidence "$T/e0.json" --ak "$S/ak.pem" --nonce $N --state "$T/s"
grow 40

# Whoever follows sees each record once, whatever is cut off meanwhile.
"$IMACTL" --rundir "$R" list --follow --json >"$T/followed" &
pids="$pids $!"

# --- the cut
expect 0 'nothing to cut off' trim --keep 40
expect 0 '^35 records, 0 to 34, are in ' trim --keep 5
grep -q '^the list begins at record 35, checkpoint by AK [0-9a-f]\{16\}$' "$T/out"
verdict 'and who signed it' $?
joined
verdict 'evmctl: archive and rest are the list of the TPM' $?
[ "$(wc -l <"$A/000000000000.info")" = 35 ] && cmp "$A/000000000000.checkpoint" "$R/checkpoint"
verdict 'the info of the records and the checkpoint are with them' $?
[ "$(stat -c %a "$A" "$A/000000000000.bin" | tr '\n' ' ')" = '700 600 ' ]
verdict 'for root alone' $?
# The quote is one that tpm2_checkquote reads: its nonce is the hash of what stands above it.
for f in attest signature; do sed -n "s/^$f //p" "$R/checkpoint" | xxd -r -p >"$T/q.$f"; done
tpm2_pcrread sha1:10+sha256:10+sha384:10+sha512:10 -o "$T/q.values" >/dev/null
expect 0 '' tpm2_checkquote -u "$S/ak.pem" -m "$T/q.attest" -s "$T/q.signature" -f "$T/q.values" -g sha256 \
	-l sha1:10+sha256:10+sha384:10+sha512:10 -q "$(sed '/^quoted /,$d' "$R/checkpoint" | sha256sum | cut -d' ' -f1)"

# --- what it means to readers
expect 0 '^match$' verify
grep -q '^from record 35 on, checkpoint made at 20..-..-..T..:..:..Z by AK [0-9a-f]\{16\} (not checked, see --ak)$' "$T/out" &&
	grep -q '^the 35 records before were not looked at, see --archive$' "$T/out" && grep -q ': 40 records, 2 violations$' "$T/out"
verdict 'verify says from where on' $?
expect 0 '(signature good)$' verify --ak "$S/ak.pem" --archive "$A"
grep -q '^the 35 records before are in the archive$' "$T/out"
verdict 'and that the archive is right' $?
expect 0 '"records":40.*"checkpoint":{"records":35,.*"ak":"[0-9a-f]*","signature_checked":true,"archive_checked":true}' \
	verify --json --ak "$S/ak.pem" --archive "$A/000000000000.bin"
expect 0 '' run list --json
[ "$(grep -c '"kind":"gate"' "$T/out")" = 5 ] && head -n 1 "$T/out" | grep -q '"record":35,'
verdict 'the numbers go on, with what record_info says' $?
expect 0 '^match$' "$IMACTL" verify --list "$R/binary_runtime_measurements" --tcti "$TCTI"
cp "$R/binary_runtime_measurements" "$T/rest"
expect 0 '^match$' "$IMACTL" verify --list "$T/rest" --checkpoint "$R/checkpoint" --tcti "$TCTI" --ak "$S/ak.pem" --archive "$A"
expect 1 'PCR 10 bank sha256 matches no part of the list' "$IMACTL" verify --list "$T/rest" --tcti "$TCTI"
expect 3 'nothing was cut off this list' "$IMACTL" verify --list "$T/all" --tcti "$TCTI" --ak "$S/ak.pem"

# --- attestation goes on, from before the cut by the archive, and from behind it
ok() { expect 0 '^match$' "$IMACTL" verify --evidence "$T/e.json" --ak "$S/ak.pem" --nonce $N "$@"; }
attest --from 30 >"$T/e.json" && ok --state "$T/s"
grep -q '^40 records, 10 of them new' "$T/out"
verdict 'ten of them from both sides of the cut' $?
grow 44
attest --from 40 >"$T/e.json" && ok --state "$T/s"
attest >"$T/e.json" && ok && ok --state "$T/s"
grep -q '^44 records, 44 of them new' "$T/out"
verdict 'all of it' $?
mv "$A" "$T/away"
expect 1 "records from 3 on were cut off the list, and the parts in '$A' do not have them: No such file or directory; --from 35 needs none of them" attest --from 3
attest --from 35 >"$T/e.json" && grep -q '"from": 35' "$T/e.json"
verdict 'but those that are there are given' $?
mv "$T/away" "$A"

# --- all of it; and once more
expect 0 '^9 records, 35 to 43, are in ' trim
[ ! -s "$R/binary_runtime_measurements" ] && joined
verdict 'nothing is left' $?
expect 0 '^match$' verify --ak "$S/ak.pem" --archive "$A"
attest --from 44 >"$T/e.json" && ok --state "$T/s"
grow 50
expect 0 '^match$' verify --ak "$S/ak.pem" --archive "$A"
expect 0 "^3 records, 44 to 46, are in $T/part" trim --to "$T/part" --keep 3
expect 0 '^match$' verify --ak "$S/ak.pem" --archive "$A" --archive "$T/part"
expect 1 "'$T/part' is there already" trim --to "$T/part"

# --- what is wrong
cp "$R/checkpoint" "$T/good"
# forged SED REASON ARGUMENTS...: the checkpoint changed so
forged() {
	sed "$1" "$T/good" >"$T/forged"
	reason=$2
	shift 2
	! cmp -s "$T/good" "$T/forged"
	verdict "$reason: something was changed" $?
	expect 1 "$reason" verify --checkpoint "$T/forged" "$@"
}
for line in records=46 violations=1 imported=1 time=5 "chain=$(printf '%064d' 1)"; do
	forged "s/^${line%%=*} .*/${line%%=*} ${line#*=}/" 'the key signed another checkpoint than this: it was changed' --ak "$S/ak.pem"
done
for b in sha1 sha256 sha384 sha512; do
	forged "/^pcr 10 $b/s/....\$/0000/" "PCR 10 bank $b: the list does not lead from the checkpoint to the value"
done
forged '/^pcr 10 sha1/s/....$/0000/' 'the key signed another checkpoint' --ak "$S/ak.pem"
forged 's/^boot_id ......../boot_id 00000000/' "the checkpoint is of boot 00000000.*, the list of boot $BOOT"
forged 's/^records .*/records 46/' 'the archived parts have 47 records, the checkpoint stands for 46' --archive "$A" --archive "$T/part"
forged "s/^chain .*/chain $(printf '%064d' 1)/" 'the chain over the archived parts is not that of the checkpoint' --archive "$A" --archive "$T/part"
forged 's/^violations .*/violations 1/' 'the archived parts have 2 violations, the checkpoint says 1' --archive "$A" --archive "$T/part"
forged 's/^quoted .*/quoted 48/' 'the list does not lead from the checkpoint to what its quote is of' --ak "$S/ak.pem"
forged 's/^quoted .*/quoted 99/' "the checkpoint's quote is of 99 records, the list does not have them" --ak "$S/ak.pem"
forged '/^signature/s/....$/0000/' "not this key's signature over this quote" --ak "$S/ak.pem"
forged '/^attest/s/attest ff54/attest ff55/' "the checkpoint's quote: " --ak "$S/ak.pem"
forged '/^quoted/,$d' 'the checkpoint is not signed' --ak "$S/ak.pem"
openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -out "$T/other.pem" 2>/dev/null
expect 1 "the checkpoint is of another key than '$T/other.pem'" verify --ak "$T/other.pem"
# The checkpoint of an earlier cut, as good as it was, is not that of this list.
expect 1 'the list does not lead from the checkpoint to the value' verify --checkpoint "$A/000000000000.checkpoint"
expect 1 "the checkpoint's quote is of 40 records, the list does not have them" verify --checkpoint "$A/000000000000.checkpoint" --ak "$S/ak.pem"
# Parts: in another order, one twice, one missing, changed, cut, split elsewhere.
p0=$A/000000000000.bin p1=$A/000000000035.bin
expect 1 'do not lead to the checkpoint.s value of PCR 10 in bank sha1: one was changed, or they are in another order' \
	verify --archive "$p1" --archive "$p0" --archive "$T/part"
expect 1 'the archived parts have 50 records' verify --archive "$p0" --archive "$p1" --archive "$T/part" --archive "$T/part"
expect 1 'the archived parts have 44 records' verify --archive "$A"
sed 's,/lab/init.sh,/lab/evil.sh,' "$p0" >"$T/changed"
expect 1 "'$T/changed': the digest of record 1 is not that of its data" verify --archive "$T/changed" --archive "$p1" --archive "$T/part"
head -c -1 "$p1" >"$T/cut"
expect 1 "'$T/cut', record 43: cut at its end" verify --archive "$p0" --archive "$T/cut" --archive "$T/part"
cat "$p0" "$p1" "$T/part" >"$T/one"
expect 1 'they were split elsewhere' verify --archive "$T/one"
expect 3 "cannot read the archive '$T/none'" verify --archive "$T/none"
# A record that was lost at the cut.
head_of "$K/ima-sig.bin" 48 | wc -c >"$T/n48"
cp "$R/binary_runtime_measurements" "$T/kept"
tail -c +$(($(cat "$T/n48") - $(head_of "$K/ima-sig.bin" 47 | wc -c) + 1)) "$T/kept" >"$R/binary_runtime_measurements"
expect 1 'the list does not lead from the checkpoint to the value' verify
expect 1 'the list does not lead to what the TPM holds' trim
cp "$T/kept" "$R/binary_runtime_measurements"
echo "imad-checkpoint 1" >"$T/forged"
expect 3 "the checkpoint '$T/forged', line 2: boot_id: missing" verify --checkpoint "$T/forged"

mkdir "$T/part0"
cp "$p0" "$p1" "$T/part0"
cp "$T/part" "$T/part0/000000000044.bin"
cp "$T/part" "$T/part0/000000000047.bin" # as a trim leaves it that does not come to its end

# --- refused, interrupted, without a TPM
echo 'no, not now' >"$R/refuse"
grow 52
expect 1 'nothing is cut off: the daemon refused TRIM: no, not now' trim --keep 1
[ -s "$A/000000000047.bin" ] && cmp "$T/good" "$R/checkpoint"
verdict 'what was written for it does not count' $?
expect 0 '^match$' verify --archive "$T/part0"
rm "$R/refuse"
expect 0 '^5 records, 47 to 51, are in ' trim
expect 0 '^match$' verify --archive "$A/000000000000.bin" --archive "$A/000000000035.bin" --archive "$T/part" --archive "$A/000000000047.bin"
grow 53
flock "$S/archive" sh -c "'$IMACTL' --rundir '$R' trim --statedir '$S' 2>'$T/err'; [ \$? = 1 ]" && grep -q 'another trim is at work' "$T/err"
verdict 'one at a time' $?
expect 0 'checkpoint not signed: as was asked for' trim --without-quote
expect 0 'and not signed$' verify
expect 1 'the checkpoint is not signed' verify --ak "$S/ak.pem"
# --- imad's own violations are counted on: two, and one of them once more
python3 - "$T/all" "$T/own" <<'PY'
import shutil, struct, sys
shutil.copy(sys.argv[1], sys.argv[2])
with open(sys.argv[2], "ab") as f:
    for name in b"imad:lost:events=2", b"imad:gap", b"imad:lost", b"/imad:lost":
        d, n = b"sha256:\0" + bytes(32), name + b"\0"
        data = struct.pack("<I", len(d)) + d + struct.pack("<I", len(n)) + n
        f.write(struct.pack("<I20sI6sI", 10, bytes(20), 6, b"ima-ng", len(data)) + data)
PY
own() { # FROM TO
	head_of "$T/own" "$2" >"$T/all"
	tail -c +$(($(head_of "$T/own" "$1" | wc -c) + 1)) "$T/all" >>"$R/binary_runtime_measurements"
	for i in $(seq "$1" $(($2 - 1))); do echo "{\"record\":$i,\"kind\":\"gate\"}"; done >>"$R/record_info"
	tpm_extend "$T/own" "$1" "$2"
	have=$2
}
own 53 55
expect 0 '^2 records, 53 to 54, are in ' trim
own 55 57
expect 0 '^2 records, 55 to 56, are in ' trim
[ "$(sed -n 's/^own //p' "$R/checkpoint" | tr '\n' ' ')" = 'gap 1 lost 2 ' ]
verdict 'the checkpoint has them' $?
set -- "$A/000000000000.bin" "$A/000000000035.bin" "$T/part" "$A/000000000047.bin" "$A/000000000052.bin" "$A/000000000053.bin" "$A/000000000055.bin"
parts=$(printf -- '--archive %s ' "$@")
expect 0 '^  2 imad:lost: ' verify --ak "$S/ak.pem" $parts
grep -q '^match$' "$T/out" && grep -q '^  1 imad:gap: ' "$T/out"
verdict 'so has verify' $?
expect 0 '"own_violations":{"gap":1,"lost":2,"pcr-reset":0,"timeout":0}' verify --json
cp "$R/checkpoint" "$T/good"
forged 's/^own lost 2/own lost 1/' 'the archived parts have 2 violations imad:lost, the checkpoint says 1' $parts
forged '/^own gap/d' 'the archived parts have 1 violations imad:gap, the checkpoint says 0' $parts
forged 's/^own gap 1/own gap 2/' 'the key signed another checkpoint' --ak "$S/ak.pem"
expect 2 'keep wants a number' trim --keep x
expect 2 "unexpected argument 'x'" trim x
for _ in $(seq 600); do
	[ "$(wc -l <"$T/followed")" -lt 57 ] || break
	sleep 0.05
done
sed 's/^{"record":\([0-9]*\),.*/\1/' "$T/followed" >"$T/numbers" && seq 0 56 | cmp - "$T/numbers" &&
	[ "$(grep -c '"kind":"gate"' "$T/followed")" = 57 ]
verdict 'list --follow has shown all of them' $?
kill "$pid"
wait "$pid" 2>/dev/null
expect 1 'nothing is cut off: cannot reach the daemon' trim
[ ! -s "$T/daemon.log" ]
verdict 'the daemon was content' $? || cat "$T/daemon.log"
done_testing
