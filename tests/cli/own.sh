#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What imactl says of imad's own violations, in a list that is made and replayed apart from the C code.
. "$(dirname "$0")/common"
. "$(dirname "$0")/tss"
command -v python3 >/dev/null || exit 77

cat >"$T/make.py" <<'PY'
import hashlib, struct, sys
def record(name, violation=True, template="ima-ng"):
    d = b"sha256:\0" + (bytes(32) if violation else hashlib.sha256(name).digest())
    n = name + b"\0"
    data = struct.pack("<I", len(d)) + d + struct.pack("<I", len(n)) + n
    head = bytes(20) if violation else hashlib.sha1(data).digest()
    return violation, data, struct.pack("<I20sI", 10, head, len(template)) + template.encode() + struct.pack("<I", len(data)) + data
names = [(b"boot_aggregate", False), (b"imad:gap:seconds=3.2,uses=late", True), (b"/bin/sh", True), (b"imad:lost:events=17", True),
         (b"imad:gap", True), (b"imad:gap", False), (b"imad:pcr-reset:pcr=10,found=empty,records=5", True),
         (b"imad:timeout:uses=2,file=/a_b:c,d", True), (b"imad:future:x=1", True), (b"/imad:gap", True)]
out = open(sys.argv[1] + "/list", "wb")
v = {"sha1": bytes(20), "sha256": bytes(32)}
for name, violation in names:
    violation, data, r = record(name, violation)
    out.write(r)
    for a in v:
        h = hashlib.new(a, data)
        v[a] = hashlib.new(a, v[a] + (b"\xff" * h.digest_size if violation else h.digest())).digest()
for a in v:
    with open(f"{sys.argv[1]}/pcrs.{a}", "w") as f:
        for i in range(24):
            f.write(f"PCR-{i:02}: {v[a].hex() if i == 10 else bytes(len(v[a])).hex()}\n")
PY
python3 "$T/make.py" "$T"
verify() { "$IMACTL" verify --list "$T/list" --pcrs "sha1,$T/pcrs.sha1" --pcrs "sha256,$T/pcrs.sha256" "$@"; }

expect 0 ': 10 records, 8 violations$' verify
for line in '2 imad:gap: For a time there was no imad' '1 imad:lost: More was used' '1 imad:pcr-reset: The TPM' '1 imad:timeout: Held uses'; do
	grep -q "^  $line" "$T/out"
	verdict "verify: $line" $?
done
[ "$(grep -c 'imad:' "$T/out")" = 4 ]
verdict 'verify: no other' $?
expect 0 '"violations":8,"bad_digests":0,"own_violations":{"gap":2,"lost":1,"pcr-reset":1,"timeout":1}' verify --json
expect 0 '"violations":2,"bad_digests":0,"own_violations":{"gap":0,"lost":0,"pcr-reset":0,"timeout":0}' \
	"$IMACTL" verify --json --list "$K/ima-ng.bin" --pcrs "$K/ima-ng.pcrs.sha1"
tss_agrees "$T/list" "$T/pcrs.sha1"
verdict 'tssimaextend leads to the same PCR' $?
if command -v evmctl >/dev/null; then
	for b in sha1 sha256; do
		expect 0 'Matched per TPM bank calculated digest(s).' evmctl ima_measurement --ignore-violations --verify-bank=$b \
			--pcrs "$b,$T/pcrs.$b" "$T/list"
	done
fi

"$IMACTL" list --json --path 'imad:*' "$T/list" >"$T/json"
python3 - "$T/json" <<'PY'
import json, sys
o = [json.loads(l) for l in open(sys.argv[1])]
assert [x.get("own_violation") for x in o] == ["gap", "lost", "gap", None, "pcr-reset", "timeout", None], o
assert all(("meaning" in x) == ("own_violation" in x) for x in o)
PY
verdict 'list --json: a word and a meaning for each, and for no file' $?
"$IMACTL" list "$T/list" >"$T/ascii"
[ "$(awk '/ imad:/ && NF != 5' "$T/ascii" | wc -l)" = 0 ] && [ "$(grep -c ' imad:' "$T/ascii")" = 7 ]
verdict 'list: five words a line' $?

expect 0 '^violation  *imad:gap:seconds=3.2,uses=late$' "$IMACTL" explain imad:gap:seconds=3.2,uses=late
grep -q '^detail  *seconds=3.2,uses=late$' "$T/out" && grep -q '^do ' "$T/out" && grep -q '^  *For a time there was no imad' "$T/out"
verdict 'explain: detail, meaning, what to do' $?
for w in gap lost pcr-reset timeout; do
	expect 0 "\"own_violation\":\"$w\",\"detail\":\"\",\"meaning\":\".*\",\"advice\":\".*\"" "$IMACTL" explain --json imad:$w
done
expect 0 '"detail":"uses=2,file=\\/a_b:c,d"\|"detail":"uses=2,file=/a_b:c,d"' "$IMACTL" explain --json imad:timeout:uses=2,file=/a_b:c,d
expect 1 "'imad:future' is no violation" "$IMACTL" explain imad:future
expect 2 'name one file' "$IMACTL" explain imad:gap imad:lost
expect 1 "cannot open './imad:gap'" "$IMACTL" explain ./imad:gap
done_testing
