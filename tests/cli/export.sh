#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl export: each form read by a program that is not imad's. sha256sum checks files; python replays the CEL
# into the kernel's PCRs; keylime's policy is held against the format as keylime documents it, and looked up as keylime does.
. "$(dirname "$0")/common"

# A list of real files, in the kernel's binary form, made apart from the C code.
mkdir "$T/f"
printf one >"$T/f/plain"
printf two >"$T/f/back\\slash"
printf three >"$T/f/new
line"
printf four >"$T/f/\303\244\303\266"
printf five >"$T/f/changed"
cat >"$T/make.py" <<'PY'
import glob, hashlib, os, struct, sys
def record(name, content, template="ima-ng", violation=False, hash="sha256", extra=b""):
    h = hashlib.new(hash, content).digest()
    d = hash.encode() + b":\0" + (bytes(len(h)) if violation else h)
    n = name + b"\0"
    data = struct.pack("<I", len(d)) + d + struct.pack("<I", len(n)) + n + extra
    head = bytes(20) if violation else hashlib.sha1(data).digest()
    return struct.pack("<I20sI", 10, head, len(template)) + template.encode() + struct.pack("<I", len(data)) + data
d = os.fsencode(sys.argv[1])
out = open(sys.argv[2], "wb")
out.write(record(b"boot_aggregate", b"boot"))
out.write(record(d + b"/changed", b"before"))
for f in sorted(glob.glob(d + b"/*")):
    out.write(record(f, open(f, "rb").read()))
    out.write(record(f, b"", violation=True))
cert = open(sys.argv[3], "rb").read()
out.write(record(b".ima", cert, "ima-buf", extra=struct.pack("<I", len(cert)) + cert))
out.write(record(b"kexec-cmdline", b"quiet", "ima-buf", extra=struct.pack("<I", 5) + b"quiet"))
if len(sys.argv) > 4:
    out.write(record(d + b"/sha512", b"x", hash="sha512"))
    out.write(record(d + b"/not-\xff-utf8", b"y"))
PY
python3 "$T/make.py" "$T/f" "$T/list" tests/data/evmctl-sig/rsa2048.der
python3 "$T/make.py" "$T/f" "$T/odd" tests/data/evmctl-sig/rsa2048.der more

# --- sha256sum
expect 0 '' "$IMACTL" export --format sha256sum "$T/list"
cp "$T/out" "$T/sums"
[ ! -s "$T/err" ]
verdict 'nothing to tell' $?
expect 0 '' sha256sum -c --strict "$T/sums"
[ "$(grep -c ': OK$' "$T/out")" = 5 ]
verdict 'five files, each once' $?
echo more >>"$T/f/changed"
expect 1 '/changed: FAILED' sha256sum -c --strict "$T/sums"
[ "$(grep -c ': OK$' "$T/out")" = 4 ]
verdict 'only that one' $?
expect 0 '1 records have no place in this form' "$IMACTL" export --format sha256sum "$T/odd"
! grep -q sha512 "$T/out"
verdict 'no SHA-512 in a list of SHA-256' $?

# --- keylime-policy
cat >"$T/policy.py" <<'PY'
import json, re, sys
p = json.load(open(sys.argv[1]))
ascii = open(sys.argv[2], encoding="utf-8").read().split("\n")[:-1]
assert set(p) == {"meta", "release", "digests", "excludes", "keyrings", "ima", "ima-buf", "verification-keys"}, p.keys()
assert p["meta"]["version"] == 1 and p["meta"]["generator"] in (0, 1, 2, 3) and p["release"] == 0
assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", p["meta"]["timestamp"])
assert p["excludes"] == [] and p["verification-keys"] == ""
assert p["ima"] == {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None}
for part in ("digests", "keyrings", "ima-buf"):
    for name, digests in p[part].items():
        assert name and digests and len(set(digests)) == len(digests), name
        assert all(re.fullmatch("[0-9a-f]{40,128}", d) for d in digests), digests
seen = 0
for line in ascii: # each line of the list, looked up as keylime does
    pcr, head, template, rest = line.split(" ", 3)
    digest, name = rest.split(" ")[:2]
    if head == "0" * 40:
        continue
    where = "digests" if template != "ima-buf" else "keyrings" if name.startswith(".") else "ima-buf"
    assert digest.split(":")[-1] in p[where][name], line
    seen += 1
assert seen == int(sys.argv[3]), seen
PY
for l in ima-ng ima-sig ima-legacy-sha1; do
	"$IMACTL" export --format keylime-policy "$K/$l.bin" >"$T/policy.json" &&
		python3 "$T/policy.py" "$T/policy.json" "$K/$l.ascii" 54
	verdict "keylime-policy of $l" $?
done
rm "$T/f/new
line"
python3 "$T/make.py" "$T/f" "$T/list" tests/data/evmctl-sig/rsa2048.der
"$IMACTL" list "$T/list" >"$T/ascii" && "$IMACTL" export --format keylime-policy "$T/list" >"$T/policy.json" &&
	python3 "$T/policy.py" "$T/policy.json" "$T/ascii" 8
verdict 'keys and buffers have places of their own' $?
expect 0 '1 records have no place in this form' "$IMACTL" export --format keylime-policy "$T/odd"
python3 -c 'import json, sys; json.load(open(sys.argv[1], encoding="utf-8"))' "$T/out"
verdict 'what is left is UTF-8' $?

# --- cel-json: digests replay into the PCRs, contents hash to the digests
cat >"$T/cel.py" <<'PY'
import hashlib, json, re, sys
records, alg = json.load(open(sys.argv[1])), sys.argv[2]
want = next(re.sub(r"[^0-9a-f]", "", l.split(":")[1]) for l in open(sys.argv[3]) if l.startswith("PCR-10"))
value = bytes(hashlib.new(alg).digest_size)
for i, r in enumerate(records):
    assert set(r) == {"recnum", "pcr", "digests", "content_type", "content"}, r
    assert (r["recnum"], r["pcr"], r["content_type"]) == (i, 10, "ima_template"), r
    data, name = bytes.fromhex(r["content"]["template_data"]), r["content"]["template_name"]
    d = bytes.fromhex(next(d["digest"] for d in r["digests"] if d["hashAlg"] == alg))
    assert name == "ima" or d in (hashlib.new(alg, data).digest(), b"\xff" * len(d)), r
    value = hashlib.new(alg, value + d).digest()
assert value.hex() == want, (value.hex(), want)
PY
for l in ima-ng ima-ng-sha1 ima-sig ima-legacy-sha1 appraise-ima-sig; do
	"$IMACTL" export --format cel-json "$K/$l.bin" >"$T/cel.json"
	for b in sha1 sha256; do
		python3 "$T/cel.py" "$T/cel.json" $b "$K/$l.pcrs.$b"
		verdict "cel-json of $l, $b" $?
	done
done
"$IMACTL" export --format cel-json --bank sha384 --bank sha512 "$B/sha1.log" >"$T/cel.json"
for b in sha384 sha512; do
	python3 "$T/cel.py" "$T/cel.json" $b "$B/kat.pcrs.$b"
	verdict "cel-json, $b" $?
done

# --- json: the objects of list --json, in one document
mkdir "$T/run"
cp "$K/ima-sig.bin" "$T/run/binary_runtime_measurements"
echo '{"record":1,"func":"BPRM_CHECK"}' >"$T/run/record_info"
"$IMACTL" --rundir "$T/run" list --json >"$T/lines"
"$IMACTL" --rundir "$T/run" export --format json >"$T/json"
python3 -c '
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
assert json.load(open(sys.argv[2])) == lines and len(lines) == 56, len(lines)' "$T/lines" "$T/json"
verdict 'json' $?
for f in cel-json json; do
	"$IMACTL" export --format $f /dev/null >"$T/none" && python3 -c 'import json, sys; assert json.load(sys.stdin) == []' <"$T/none"
	verdict "$f of an empty list" $?
done

# --- errors
expect 2 'format is missing' "$IMACTL" export "$T/list"
expect 2 "no such format: 'xml'" "$IMACTL" export --format xml "$T/list"
expect 2 "no such bank: 'sha3'" "$IMACTL" export --format cel-json --bank sha3 "$T/list"
expect 2 'bank goes with' "$IMACTL" export --format json --bank sha1 "$T/list"
expect 2 'more than one file' "$IMACTL" export --format json "$T/list" "$T/list"
expect 1 "cannot read the list '$T/none2'" "$IMACTL" export --format json "$T/none2"
head -c -1 "$T/list" >"$T/cut"
expect 1 'cut at the end of the file' "$IMACTL" export --format sha256sum "$T/cut"
{ cat "$T/list"; printf 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'; } >"$T/bad"
expect 1 'record [0-9]*: PCR index out of range' "$IMACTL" export --format cel-json "$T/bad"
done_testing
