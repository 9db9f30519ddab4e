#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl attest: what it gives is checked by tpm2_checkquote, openssl and evmctl; under a storm of new records as well.
. "$(dirname "$0")/common"
. "$(dirname "$0")/swtpm"
command -v evmctl >/dev/null || exit 77
tpm_start tpm
N=00112233445566778899aabbccddeeff
attest() { "$IMACTL" attest --tcti "$TCTI" --statedir "$T/state" "$@"; }

head_of "$K/ima-sig.bin" 40 >"$T/list"
tpm_extend "$T/list" 0 40
expect 0 '' attest --nonce $N --list "$T/list" --dir "$T/d"
[ -s "$T/state/ak.pem" ] && cmp "$T/state/ak.pem" "$T/d/ak.pem" && cmp "$T/d/list.bin" "$T/list"
verdict 'the key is kept, the list is all of it' $?

# --- others read it
for key in ak.pub ak.pem; do
	expect 0 '' tpm2_checkquote -u "$T/d/$key" -m "$T/d/quote.msg" -s "$T/d/quote.sig" -f "$T/d/pcrs.values" -g sha256 \
		$(cat "$T/d/checkquote.args")
done
expect 1 '' tpm2_checkquote -u "$T/d/ak.pem" -m "$T/d/quote.msg" -s "$T/d/quote.sig" -f "$T/d/pcrs.values" -g sha256 \
	-l sha1:10+sha256:10+sha384:10+sha512:10 -q 00${N#??}11
for b in sha1 sha256; do
	expect 0 '^Matched per TPM bank calculated digest(s).$' evmctl ima_measurement --ignore-violations \
		--verify-bank=$b --pcrs "$b,$T/d/pcrs.$b" "$T/d/list.bin"
done
for b in sha1 sha256 sha384 sha512; do
	[ "$(sed -n 's/^PCR-10: //p' "$T/d/pcrs.$b")" = "$(tpm2_pcrread $b:10 | sed -n 's/.*0x//p' | tr A-F a-f)" ]
	verdict "the TPM's value in bank $b" $?
done
# The key is what verifiers want of it, and the envelope holds what the files hold.
tpm2_print -t TPM2B_PUBLIC "$T/d/ak.pub" >"$T/out"
grep -q 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign' "$T/out"
verdict 'attributes of the key' $?
attest --nonce $N --list "$T/list" >"$T/e.json"
cat >"$T/envelope.py" <<'PY'
import base64, hashlib, json, sys
e, d = json.load(open(sys.argv[1])), sys.argv[2]
read = lambda n: open(d + "/" + n, "rb").read()
assert e["format"] == "imad-evidence" and e["version"] == 1 and e["nonce"] == sys.argv[3]
assert e["boot_id"] == open("/proc/sys/kernel/random/boot_id").read().strip()
assert base64.b64decode(e["list"]["data"], validate=True) == read("list.bin")
assert base64.b64decode(e["ak"], validate=True) == read("ak.pub")
q = base64.b64decode(e["quote"]["attest"], validate=True)
values = b"".join(bytes.fromhex(v) for v in e["pcrs"]["10"].values())
assert values == read("pcrs.values") and q.endswith(hashlib.sha256(values).digest())
assert {k: e["list"][k] for k in ("from", "quoted", "total", "imported")} == dict(zip(("from", "quoted", "total", "imported"), json.loads(sys.argv[4])))
PY
python3 "$T/envelope.py" "$T/e.json" "$T/d" $N '[0, 40, 40, false]'
verdict 'the envelope holds the same' $?

# --- slices: up to what is extended, from where it was asked
head_of "$K/ima-sig.bin" 43 >"$T/list"
expect 0 '' attest --nonce $N --list "$T/list" --from 30 --dir "$T/d30"
tail -c +$(($(head_of "$T/list" 30 | wc -c) + 1)) "$T/list" | head -c $(($(head_of "$T/list" 40 | wc -c) - $(head_of "$T/list" 30 | wc -c))) |
	cmp - "$T/d30/list.bin"
verdict 'records 30 to 39' $?
attest --nonce $N --list "$T/list" --from 40 >"$T/e.json" && attest --nonce $N --list "$T/list" --from 41 >"$T/e0.json"
grep -q '"from": 40, "quoted": 40, "total": 43,' "$T/e.json" && grep -q '"data": ""' "$T/e.json"
verdict 'nothing new is no error' $?
grep -q '"from": 0, "quoted": 40, "total": 43,' "$T/e0.json"
verdict 'who asks for more than there is gets all' $?

# --- two PCRs in one list: both are quoted
python3 - "$T/list" "$T/two" <<'PY'
import struct, sys
p = open(sys.argv[1], "rb").read()
open(sys.argv[2], "wb").write(p + struct.pack("<I", 12) + p[4:38 + struct.unpack_from("<I", p, 35)[0] + 1])
PY
tpm_extend "$T/two" 40 44
expect 0 '' attest --nonce $N --list "$T/two" --dir "$T/d2"
# tpm2_checkquote 5.4 reads such a file wrongly; the TPM's own values in that order, and the digest, do as well.
tpm2_pcrread sha1:10,12+sha256:10,12+sha384:10,12+sha512:10,12 -o "$T/read" >/dev/null && cmp "$T/read" "$T/d2/pcrs.values" &&
	[ "$(tail -c 32 "$T/d2/quote.msg" | xxd -p -c 32)" = "$(sha256sum <"$T/read" | cut -d' ' -f1)" ]
verdict 'both PCRs are in the quote' $?
grep -q 'sha1:10,12' "$T/d2/checkquote.args"
verdict 'PCR 10 and 12' $?

# --- a storm: records come all the time, and each piece of evidence leads to its quote
cat >"$T/storm.py" <<'PY'
import hashlib, os, struct, subprocess, sys, time
out = open(sys.argv[1], "ab", buffering=0)
until = time.time() + float(sys.argv[2])
i = 0
while time.time() < until:
    batch = []
    for _ in range(8):
        d = b"sha256:\0" + hashlib.sha256(b"%d" % i).digest()
        n = b"/storm/%d\0" % i
        data = struct.pack("<I", len(d)) + d + struct.pack("<I", len(n)) + n
        out.write(struct.pack("<I20sI", 10, hashlib.sha1(data).digest(), 6) + b"ima-ng" + struct.pack("<I", len(data)) + data)
        batch.append("10:" + ",".join(a + "=" + hashlib.new(a, data).hexdigest() for a in ("sha1", "sha256", "sha384", "sha512")))
        i += 1
    subprocess.run(["tpm2_pcrextend"] + batch, check=True)
print(i)
PY
tpm_start fresh
rm "$T/state/ak.pem"
tpm_extend "$T/list" 0 43
cp "$T/list" "$T/storm"
python3 "$T/storm.py" "$T/storm" 6 >"$T/count" &
storm=$!
good=0 all=0
while kill -0 $storm 2>/dev/null; do
	attest --nonce $N --list "$T/storm" --dir "$T/s" 2>"$T/err" && [ ! -s "$T/err" ] &&
		tpm2_checkquote -u "$T/s/ak.pem" -m "$T/s/quote.msg" -s "$T/s/quote.sig" -f "$T/s/pcrs.values" -g sha256 \
			$(cat "$T/s/checkquote.args") >/dev/null && good=$((good + 1)) || cat "$T/err"
	all=$((all + 1))
done
wait $storm
[ $good = $all ] && [ $all -ge 2 ] && [ "$(cat "$T/count")" -gt 50 ]
verdict "$good of $all under a storm of $(cat "$T/count") records" $?

# --- the next one goes on where the last one ended
tpm_start long
R=$T/run L=$T/run/binary_runtime_measurements
mkdir "$R"
echo 0f6f5bb4-7e5b-4d6a-8d53-6e2d1a8f5f5e >"$R/boot_id"
for _ in $(seq 28); do cat "$T/list"; done >"$T/all"
live() { "$IMACTL" --rundir "$R" attest --tcti "$TCTI" --statedir "$T/state.long" --nonce $N "$@" >"$T/e.json" 2>"$T/err"; }
# gives FROM QUOTED: no complaint, and just these records of the list.
gives() {
	live --from "$1" && [ ! -s "$T/err" ] && grep -q "\"from\": $1, \"quoted\": $2, \"total\": $2," "$T/e.json" || { cat "$T/err"; return 1; }
	sed -n 's/.*"data": "\([^"]*\)".*/\1/p' "$T/e.json" | base64 -d >"$T/slice"
	{ head_of "$T/all" "$1" && cat "$T/slice"; } | cmp - "$T/good"
}
head_of "$T/all" 1100 >"$T/good" && cp "$T/good" "$L"
tpm_extend "$T/all" 0 1100
gives 0 1100 && "$IMACTL" verify --evidence "$T/e.json" --ak "$T/state.long/ak.pem" --nonce $N --state "$T/verifier" >/dev/null
verdict 'a long list' $?
grep -q '^records 1100$' "$R/attested" && grep -qi "^pcr 10 sha384 $(tpm2_pcrread sha384:10 | sed -n 's/.*0x//p')$" "$R/attested"
verdict 'where it ends is noted' $?
tpm_extend "$T/all" 1100 1150
head_of "$T/all" 1150 >"$T/good" && cp "$T/good" "$L"
gives 1100 1150 && "$IMACTL" verify --evidence "$T/e.json" --ak "$T/state.long/ak.pem" --nonce $N --state "$T/verifier" | grep -q '^match$'
verdict 'what is new, and a verifier goes on' $?
printf '\377\377\377\377' | dd of="$L" bs=1 seek=24 conv=notrunc 2>/dev/null
gives 1150 1150
verdict 'the front of the list is not looked at' $?
cp "$R/attested" "$T/attested"
rm "$R/attested"
! gives 1150 1150 2>/dev/null
verdict 'without the note it is' $?
cp "$T/good" "$L"
for wrong in '/^pcr 10 sha256/s/[0-9a-f]\{8\}$/00000000/' '/^pcr 10 sha1 /d' 's/^pcr 10/pcr 12/' 's/^bytes .*/bytes 77/' 's/^bytes .*/bytes 99999999/' \
	's/^boot_id ../boot_id ff/' 's/^first 0/first 7/' 's/ 1$/ 2/' '3,$d' 's/^pcr 10 sha256 /&f/' 's/^records .*/records 0/'; do
	sed "$wrong" "$T/attested" >"$R/attested"
	cmp -s "$T/attested" "$R/attested" || gives 1140 1150
	verdict "a wrong note costs time only: $wrong" $?
done

tpm_use fresh

# --- what does not fit is told, and given all the same
head_of "$K/ima-sig.bin" 39 >"$T/short"
expect 0 'does not lead to what the TPM quotes' attest --nonce $N --list "$T/short"
expect 1 'it has no records' attest --nonce $N --list /dev/null
expect 1 'No such file' attest --nonce $N --list "$T/none"
expect 1 "no TPM at 'swtpm:path=$T/none'" "$IMACTL" attest --nonce $N --list "$T/list" --tcti "swtpm:path=$T/none" --statedir "$T/state"
expect 2 'nonce is missing' attest --list "$T/list"
expect 2 'nonce wants 8 to 64 bytes' attest --nonce 0011 --list "$T/list"
expect 2 'nonce wants 8 to 64 bytes' attest --nonce 00112233445566zz --list "$T/list"
expect 2 'wants the number of a record' attest --nonce $N --from x --list "$T/list"
# The key is made anew each time and is the same; another TPM's is refused.
tpm_start other
expect 1 'is not the one in' attest --nonce $N --list "$T/list"
cmp "$T/state/ak.pem" "$T/s/ak.pem"
verdict 'the kept one stays' $?
tpm2_getcap handles-transient >"$T/out"
[ ! -s "$T/out" ]
verdict 'no objects are left in the TPM' $?
done_testing
