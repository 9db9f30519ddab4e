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
if mode.startswith("version="):
    STATUS["version"] = mode[8:]
if mode == "refused":
    STATUS["appraisal"] = {"enforce_refused": True}
if mode == "unstep":
    STATUS["tpm"]["in_step"] = False

def answer(kind, status=0, payload=b"", magic=b"IMAD", version=1):
    return struct.pack("<4sHHiI", magic, version, kind, status, len(payload)) + payload

s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(path)
s.listen(8)
while True:
    c, _ = s.accept()
    p = c.recv(4096)
    magic, version, kind, status, length = struct.unpack("<4sHHiI", p[:16])
    assert (magic, version, status, length) == (b"IMAD", 1, 0, len(p) - 16), p
    reply = answer(kind + 1, 0, json.dumps(STATUS).encode() if kind == 2 else b"{}")
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
