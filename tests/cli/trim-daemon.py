#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's end of imactl trim, written from include/imad/checkpoint.h apart from the C code: trim-daemon.py
RUNDIR STATUS. STATUS: JSON for the answer to STATUS. At TRIM it replays its own list up to the cut, compares every line of
the checkpoint with that, and cuts; with a file RUNDIR/refuse there it says what stands in it."""
import hashlib
import json
import os
import socket
import struct
import sys

rundir, status = sys.argv[1:3]
at = lambda name: os.path.join(rundir, name)
LIST, INFO, CHECKPOINT = at("binary_runtime_measurements"), at("record_info"), at("checkpoint")

def records(p):
    i = 0
    while i < len(p):
        pcr, head, n = struct.unpack_from("<I20sI", p, i)
        t, = struct.unpack_from("<I", p, i + 28 + n)
        end = i + 32 + n + t
        yield pcr, head == bytes(20), p[i + 32 + n:end], end
        i = end

def read(text):
    lines = [l.split(" ") for l in text.split("\n")]
    own = {l[1]: int(l[2]) for l in lines if l[0] == "own"}
    return {l[0]: l[1] for l in lines if len(l) == 2}, {(int(l[1]), l[2]): l[3] for l in lines if l[0] == "pcr"}, own

def own_word(data):
    """Of templates that begin with d-ng and n-ng."""
    n, = struct.unpack_from("<I", data)
    m, = struct.unpack_from("<I", data, n + 4)
    parts = data[n + 8:n + 7 + m].split(b":")
    return parts[1].decode() if parts[0] == b"imad" and parts[1] in (b"gap", b"lost", b"pcr-reset", b"timeout") else None

def trim(text):
    new, values, own = read(text)
    old, old_values, old_own = read(open(CHECKPOINT).read()) if os.path.exists(CHECKPOINT) else ({}, {}, {})
    assert text.startswith("imad-checkpoint 1\nboot_id ") and text.endswith("\n"), text
    assert new["boot_id"] == open(at("boot_id")).read().strip(), "boot_id"
    first, p = int(old.get("records", 0)), open(LIST, "rb").read()
    n, cut, violations = first, 0, int(old.get("violations", 0))
    have = {k: bytes.fromhex(old_values[k]) if k in old_values else bytes(len(v) // 2) for k, v in values.items()}
    for pcr, violation, data, end in records(p):
        if n == int(new["records"]):
            break
        for (want, bank), value in have.items():
            if want == pcr:
                h = hashlib.new(bank, data)
                d = b"\xff" * h.digest_size if violation else h.digest()
                have[want, bank] = hashlib.new(bank, value + d).digest()
        n, cut, violations = n + 1, end, violations + violation
        if violation and own_word(data):
            old_own[own_word(data)] = old_own.get(own_word(data), 0) + 1
    assert n == int(new["records"]) > first, "records"
    assert violations == int(new["violations"]), "violations"
    assert own == old_own, "own"
    assert {k: v.hex() for k, v in have.items()} == values, "pcr"
    part = hashlib.sha256(p[:cut]).digest()
    assert new["chain"] == hashlib.sha256(bytes.fromhex(old.get("chain", "00" * 32)) + part).hexdigest(), "chain"
    if "quoted" in new:
        nonce = hashlib.sha256(text[:text.index("quoted ")].encode()).hexdigest()
        assert nonce in new["attest"], "nonce"
    for path, rest in (CHECKPOINT, text.encode()), (LIST, p[cut:]), (INFO, b"".join(open(INFO, "rb").readlines()[n - first:])):
        with open(path + ".new", "wb") as f:
            f.write(rest)
    for path in CHECKPOINT, LIST, INFO:
        os.rename(path + ".new", path)

s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(at("control.new"))
s.listen(8)
os.rename(at("control.new"), at("control"))  # who sees it can connect
while True:
    c, _ = s.accept()
    p, fds, _, _ = socket.recv_fds(c, 4096, 4)
    kind, = struct.unpack_from("<H", p, 6)
    code, content = 0, status if kind == 2 else "{}"
    if kind == 22:
        text = os.pread(fds[0], 1 << 20, 0).decode()
        os.close(fds[0])
        try:
            if os.path.exists(at("refuse")):
                raise AssertionError(open(at("refuse")).read().strip())
            trim(text)
            content = ""
        except AssertionError as e:
            code, content = -22, str(e)
    c.send(struct.pack("<4sHHiI", b"IMAD", 1, kind + 1, code, len(content)) + content.encode())
    c.close()
