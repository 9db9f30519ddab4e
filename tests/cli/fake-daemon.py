#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's end of the control socket, written from include/imad/ctl.h apart
from the C code: fake-daemon.py SOCKET MODE [LIST [APPEND]]. At SYNC the file
APPEND is appended to LIST once, as if uses had been waiting."""
import json
import os
import socket
import struct
import sys

path, mode = sys.argv[1:3]
list_path, append = (sys.argv[3:] + [None, None])[:2]
STATUS = {
    "version": "1.2", "pid": 42, "started": 86400, "policy": {"names": ["tcb", "/etc/p"], "rules": 9},
    "tpm": {"present": True, "error": "", "banks": ["sha1", "sha256"]},
    "filesystems": [{"dev": "8:1", "type": "ext4", "mount": "/\u001b[2J", "gated": True},
                    {"dev": "0:22", "type": "tmpfs", "mount": "/run", "gated": False, "reason": "no rule"}],
    "gaps": ["memfd is not held", "started late"], "news": {"deep": {"x": 1}}, "none": [],
}
PROTECTED = {"active": True, "hooks_fire": True, "unlocked_s": 0, "unlocked_by": "key"}
if mode.startswith("version="):
    STATUS["version"] = mode[8:]
    STATUS["protection"] = PROTECTED
if mode == "refused":
    STATUS["appraisal"] = {"enforce_refused": True}
STATUS |= {
    "guarded": {"protection": PROTECTED},
    "silent": {"protection": {**PROTECTED, "hooks_fire": False}},
    "bare": {"protection": {"active": False, "hooks_fire": True}},
    "unlocked": {"protection": {**PROTECTED, "unlocked_s": 7}},
    "by-console": {"protection": {**PROTECTED, "unlocked_by": "console"}},
}.get(mode, {})
if mode == "unstep":
    STATUS["tpm"]["in_step"] = False

# Answers of EXPLAIN as the daemon gives them, by the number of the event; 0: of a descriptor.
RULE = {"place": "/etc/p:7", "text": "appraise func=BPRM_CHECK appraise_algos=sha512,sha384"}
PASSES = {"use": "execute", "func": "BPRM_CHECK", "appraised": True, "cause": "pass", "rule": RULE}
CHANGED = {"how": "opened for write", "time": 86400, "time_ns": 0, "pid": 9, "comm": "wr\u001b", "uid": 3, "by_imad": False}
EVENT = {
    "number": 12, "time": 86400, "time_ns": 5000000, "denied": True, "op": "appraise_data", "func": "BPRM_CHECK",
    "cause": "invalid-hash", "name": "/bin/a b", "dev": "vda1", "ino": 34, "rule": RULE, "judged": True,
    "process": {"pid": 5, "comm": "sh", "exe": "/bin/sh", "uid": 1000, "auid": 4294967295, "ses": 1},
    "label": "hash sha256", "key_subject": None, "digest_wanted": "sha256:00", "digest_found": "sha256:11",
    "generation": 4, "changed": CHANGED,
}
MODE = {"newest": 14, "oldest_kept": 1, "enforcing": True, "protect_labels": False}
FREE = {"use": "read", "func": "FILE_CHECK", "appraised": False, "cause": None, "rule": None}
NOW = {"uses": [PASSES, FREE], "name": "/bin/a b", "writers": True, "known": True, "generation": 5, "uid": 1000,
       "label": "signature v2 sha256 key 01020304, 256 bytes", "key_subject": "CN=good", "digest_wanted": None,
       "digest_found": "sha256:22", "changed": None}
EXPLAIN = {
    0: {"now": NOW, **MODE},
    12: {"event": EVENT, **MODE},
    13: {"event": {**EVENT, "number": 13, "cause": "no-file", "name": "init_module", "ino": 0, "rule": None, "denied": False,
                   "func": "MODULE_CHECK", "judged": False, "label": None, "changed": None}, **MODE},
    14: {"event": {**EVENT, "number": 14, "cause": "from-the-future"}, **MODE},
}

def explain(request, fds):
    event = json.loads(request)["event"] if request else 0
    if fds and event == 12: # of the file that is there now
        return {**EXPLAIN[12], "now": NOW}
    return EXPLAIN[event if event or fds else 12]

def answer(kind, status=0, payload=b"", magic=b"IMAD", version=1):
    return struct.pack("<4sHHiI", magic, version, kind, status, len(payload)) + payload

s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(path + ".new")
s.listen(8)
os.rename(path + ".new", path)  # who sees it can connect
while True:
    c, _ = s.accept()
    p, fds, _, _ = socket.recv_fds(c, 4096, 4)
    magic, version, kind, status, length = struct.unpack("<4sHHiI", p[:16])
    assert (magic, version, status, length) == (b"IMAD", 1, 0, len(p) - 16), p
    assert kind in (14, 40, 42) or (length == 0 and not fds), p
    content = json.dumps(STATUS if kind == 2 else explain(p[16:], fds) if kind == 14 else {})
    for fd in fds:
        os.close(fd)
    reply = answer(kind + 1, 0, content.encode())
    if kind == 40:
        reply = answer(41, 0, b"{}" if mode == "console" else b'{"challenge":"imad unlock 5 seconds\\n"}')
    elif kind == 42:
        with open(list_path, "wb") as f:
            f.write(p[16:])
    if mode == "refuse":
        reply = answer(1, -1, b"Operation not permitted")
    elif mode == "cut":
        reply = reply[:-1]
    elif mode == "other":
        reply = answer(kind + 3, 0, b"{}")
    elif mode == "text":
        reply = answer(kind + 1, 0, b"hello")
    elif mode == "version":
        reply = answer(kind + 1, 0, b"{}", version=2)
    elif mode == "large":
        reply = answer(kind + 1, 0, b"x" * (128 << 10))
    elif mode == "hangup":
        reply = None
    if kind == 4 and append and os.path.exists(append):
        with open(list_path, "ab") as f, open(append, "rb") as a:
            f.write(a.read())
        os.unlink(append)
    if reply:
        c.send(reply)
    c.close()
