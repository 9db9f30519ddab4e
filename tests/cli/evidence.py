#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence made from include/imad/evidence.h and TPM 2.0 part 2, apart from the C code, with keys of openssl in
the place of a TPM's: so that what no TPM would sign is properly signed.

evidence.py LIST DIR: for each case a file DIR/NAME.json, and DIR/cases: `name|state|code|text of the reason`.
state: none, or the cases that it follows, with commas. DIR/ak.pem is the key."""
import base64, hashlib, json, os, struct, subprocess, sys

list_path, d = sys.argv[1:3]
NONCE = bytes(range(16))
BOOT, BOOT2 = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
ALG = {"sha1": 4, "sha256": 11, "sha384": 12, "sha512": 13}
ATTRIBUTES = 0x00050472

def openssl(*args, data=b""):
    return subprocess.run(("openssl",) + args, input=data, check=True, capture_output=True).stdout

def new_key(name, *how):
    openssl("genpkey", *how, "-out", f"{d}/{name}.key")
    openssl("pkey", "-in", f"{d}/{name}.key", "-pubout", "-out", f"{d}/{name}.pem")
    return name

EC = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
new_key("ak", *EC), new_key("other", *EC)
new_key("rsa", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
new_key("short", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")

def b2(x):
    return struct.pack(">H", len(x)) + x

def public(name, attributes=ATTRIBUTES):
    der = openssl("pkey", "-in", f"{d}/{name}.key", "-pubout", "-outform", "DER")
    if name in ("rsa", "short"):
        text = openssl("rsa", "-in", f"{d}/{name}.key", "-noout", "-modulus").decode()
        n = bytes.fromhex(text.strip().split("=")[1])
        area = struct.pack(">HHIHHHHHI", 1, 11, attributes, 0, 0x10, 0x14, 11, len(n) * 8, 0) + b2(n)
    else:
        area = struct.pack(">HHIHHHHHH", 0x23, 11, attributes, 0, 0x10, 0x18, 11, 3, 0x10) + b2(der[-64:-32]) + b2(der[-32:])
    return b2(area)

def ec_sign(key, message, hash="sha256"):
    der = openssl("dgst", "-" + hash, "-sign", f"{d}/{key}.key", data=message)
    parts, at = [], 2
    for _ in range(2):
        n = der[at + 1]
        parts.append(der[at + 2:at + 2 + n].lstrip(b"\0"))
        at += 2 + n
    return struct.pack(">HH", 0x18, ALG[hash]) + b2(parts[0]) + b2(parts[1])

def rsa_sign(key, message, scheme=0x14, hash="sha256"):
    pss = ("-sigopt", "rsa_padding_mode:pss") if scheme == 0x16 else ()
    return struct.pack(">HH", scheme, ALG[hash]) + b2(openssl("dgst", "-" + hash, "-sign", f"{d}/{key}.key", *pss, data=message))

records, p = [], open(list_path, "rb").read()
while p:
    n, = struct.unpack_from("<I", p, 24)
    t, = struct.unpack_from("<I", p, 28 + n)
    records.append(p[:32 + n + t])
    p = p[32 + n + t:]

def digest(record, alg):
    n, = struct.unpack_from("<I", record, 24)
    h = hashlib.new(alg, record[32 + n:])
    return b"\xff" * h.digest_size if record[4:24] == bytes(20) else h.digest()

def replay(rs, alg, pcr=10):
    v = bytes(hashlib.new(alg).digest_size)
    for r in rs:
        if struct.unpack_from("<I", r)[0] == pcr:
            v = hashlib.new(alg, v + digest(r, alg)).digest()
    return v

def attest(banks, values, nonce=NONCE, magic=b"\xffTCG", type=0x8018, clock=5000, reset=5, restart=2, safe=1, pcr=10, tail=b"",
           hash="sha256"):
    head = magic + struct.pack(">H", type) + b2(b"\0\x0b" + bytes(32)) + b2(nonce)
    head += struct.pack(">QIIBQ", clock, reset, restart, safe, 7) + struct.pack(">I", len(banks))
    for b in banks:
        head += struct.pack(">HB", ALG[b], 3) + (1 << pcr).to_bytes(3, "little")
    return head + b2(hashlib.new(hash, b"".join(values)).digest()) + tail

def evidence(quoted=40, start=0, rs=None, banks=("sha1", "sha256"), boot=BOOT, key="ak", sign=ec_sign, total=None, attributes=ATTRIBUTES,
             values=None, send=None, pcrs=None, **quote):
    rs = rs or records
    pcr = quote.get("pcr", 10)
    values = values or [replay(rs[:quoted], b, pcr) for b in banks]
    a = attest(banks, values, **quote)
    send = rs[start:quoted] if send is None else send
    return {"format": "imad-evidence", "version": 1, "nonce": NONCE.hex(), "boot_id": boot,
            "quote": {"attest": a, "signature": sign(key, a)}, "ak": public(key, attributes),
            "pcrs": pcrs or {str(pcr): {b: v.hex() for b, v in zip(banks, values)}},
            "list": {"encoding": "ima-binary-le", "from": start, "quoted": quoted, "total": total or quoted, "imported": False,
                     "data": b"".join(send)}}

def texts(o):
    if isinstance(o, dict):
        return {k: texts(v) for k, v in o.items()}
    return base64.b64encode(o).decode() if isinstance(o, bytes) else o

cases = open(d + "/cases", "w")

def case(name, reason, e, state="none", code=None):
    with open(f"{d}/{name}.json", "w") as f:
        f.write(e if isinstance(e, str) else json.dumps(texts(e)))
    cases.write(f"{name}|{state}|{(1 if reason else 0) if code is None else code}|{reason}\n")

def changed(path, value, **kw):
    """Good evidence with one member replaced (or changed by a function), after it was signed."""
    e = evidence(**kw)
    o, *rest = [e] + path.split(".")
    for k in rest[:-1]:
        o = o[k]
    if value is None:
        del o[rest[-1]]
    else:
        o[rest[-1]] = value(o[rest[-1]]) if callable(value) else value
    return e

def flip(at):
    return lambda b: b[:at] + bytes([b[at] ^ 1]) + b[at + 1:]

good = evidence()
case("good", "", good)

def own(name):
    """A violation of imad's own, as include/imad/violation.h has it."""
    data = b"".join(struct.pack("<I", len(x)) + x for x in (b"sha256:\0" + bytes(32), name + b"\0", b""))
    return struct.pack("<I20sI7sI", 10, bytes(20), 7, b"ima-sig", len(data)) + data

case("own", "", evidence(43, rs=records[:40] + [own(b"imad:lost:events=17"), own(b"imad:gap:uses=unknown"), own(b"imad:later:x=1")]))
for reason, f in (("format: not imad-evidence", ("format", "imad-evil")), ("version: unknown", ("version", 2)),
                  ("version: of a wrong type", ("version", "1")), ("nonce: not the one of the quote", ("nonce", "ff" * 16)),
                  ("nonce: not hex", ("nonce", "xx" * 16)), ("boot_id: not a UUID", ("boot_id", "../../../../../../../../../etc/passw")),
                  ("boot_id: too long", ("boot_id", BOOT * 2)), ("quote: missing", ("quote", None)),
                  ("quote.attest: not base64", ("quote.attest", "AAA")), ("quote.attest: too long", ("quote.attest", "A" * 8000)),
                  ("quote.signature: not base64", ("quote.signature", "A A=")), ("ak: not base64", ("ak", "====")),
                  ("ak: malformed public area", ("ak", lambda b: b[:-1])), ("ak: malformed public area", ("ak", lambda b: b + b"\0")),
                  ("ak: malformed public area", ("ak", lambda b: b[:2] + b"\0\x08" + b[4:])),
                  ("pcrs: empty", ("pcrs", {})), ("pcrs: no such PCR", ("pcrs", {"24": {"sha1": "00" * 20}})),
                  ("pcrs: a value is not hex", ("pcrs.10.sha1", "zz" * 20)), ("pcrs: a value is not hex", ("pcrs.10.sha1", "00" * 19)),
                  ("pcrs: unknown bank", ("pcrs.10", {"sha0": "00" * 20})), ("pcrs: values in bank sha1", ("pcrs.10.sha1", None)),
                  ("pcrs: values in a bank that was not quoted", ("pcrs.10.sha384", "00" * 48)),
                  ("pcrs: the values are not those", ("pcrs.10.sha256", "00" * 32)),
                  ("pcrs: the values are not those", ("pcrs.10.sha1", "00" * 20)),
                  ("pcrs: values in bank sha1", ("pcrs", {"11": good["pcrs"]["10"]})),
                  ("list.encoding: unknown", ("list.encoding", "ima-ascii")), ("list.from: of a wrong type", ("list.from", "0")),
                  ("list.from: negative", ("list.from", -1)), ("the list begins at record 3", ("list.from", 3)),
                  ("list.quoted: not between", ("list.quoted", 41)), ("list.quoted says 39 records", ("list.quoted", 39)),
                  ("list.quoted: not between", ("list.total", 39)), ("list.imported: of a wrong type", ("list.imported", 0)),
                  ("list.data: not base64", ("list.data", "*")), ("list: missing", ("list", None))):
    case(f"field-{len(os.listdir(d))}", reason, changed(*f))
whole = json.dumps(texts(good))
case("text-escaped", "", whole.replace("/", "\\/"))
case("text-spaced", "", json.dumps(texts(good), indent=7).replace(": ", " \n:\t"))
case("text-data-twice", "list.data: there is more than one", whole.replace('"data"', '"data": "AAAA", "data"'))
case("text-data-elsewhere", "list: the records are not in it", json.dumps(dict(texts(changed("list.data", None)), more={"data": "AAAA"})))
case("text-data-escaped", "list.data: not base64", whole.replace('"data": "', '"data": "\\n'))
case("text-data-padded", "list.data: not base64", whole.replace('"data": "', '"data": "AA=='))
case("text-long", "too long, even without the records", whole[:-1] + ', "x": "' + "x" * 300000 + '"}')
case("text-cut", "the JSON text is cut", whole[:-5])
case("text-more", "bytes behind the JSON text", whole + "{}")
case("text-none", "not JSON", "evidence")
case("text-array", "not a JSON object", "[]")
case("text-deep", "not JSON", "[" * 100)

# Each part of the quote changed after it was signed; magic and type are refused before the signature is looked at.
q = good["quote"]["attest"]
for name, at, reason in (("magic", 0, "quote.attest: wrong magic"), ("type", 5, "quote.attest: wrong type"), ("signer", 10, None), ("nonce", 44, None),
                         ("clock", 65, None), ("reset", 71, None), ("restart", 75, None), ("safe", 76, None), ("firmware", 80, None),
                         ("pcr", 93, None), ("digest", -1, None)):
    case("flip-" + name, reason or "quote.signature: not this key's signature", changed("quote.attest", flip(at % len(q))))
case("flip-bank", "quote.signature: not this key's signature", changed("quote.attest", lambda b: b[:90] + b"\x0c" + b[91:]))
case("unknown-bank", "quote.attest: PCR bank of a hash that is not known", changed("quote.attest", lambda b: b[:90] + b"\x05" + b[91:]))
case("flip-signature", "quote.signature: not this key's", changed("quote.signature", flip(20)))
case("cut-attest", "quote.attest: malformed", changed("quote.attest", lambda b: b[:-1]))
case("cut-signature", "quote.signature: malformed", changed("quote.signature", lambda b: b[:-1]))
case("long-signature", "quote.signature: bytes behind", changed("quote.signature", lambda b: b + b"\0"))
case("scheme-none", "quote.signature: signature scheme is neither", changed("quote.signature", b"\0\x10"))

# Properly signed by the right key, and wrong all the same.
case("signed-magic", "wrong magic: not made by a TPM", evidence(magic=b"TCGx"))
case("signed-type", "wrong type: an attestation, but no quote", evidence(type=0x8017))
case("signed-tail", "bytes behind the attestation", evidence(tail=b"\0"))
case("signed-nonce", "the quote answers another nonce", evidence(nonce=b"x" * 16))
case("signed-nonce-short", "the quote answers another nonce", evidence(nonce=NONCE[:15]))
case("signed-pcr16", "the quote is of PCRs 0x010000", evidence(pcr=16, rs=[b"\x10" + r[1:] for r in records]))
case("signed-pcr11", "the quote is of PCRs 0x000800", evidence(pcr=11, rs=[b"\x0b" + r[1:] for r in records]))
case("signed-sha1-bank", "no bank with SHA-256 or better", evidence(banks=("sha1",)))
case("signed-no-bank", "no bank with SHA-256 or better", evidence(banks=(), pcrs={"10": {"sha256": "00" * 32}}))
case("signed-bank-twice", "a PCR bank is selected twice", evidence(banks=("sha256", "sha256")))
case("signed-sha256-alone", "", evidence(banks=("sha256",)))
case("signed-digest", "pcrs: the values are not those", evidence(pcrs={"10": {b: replay(records[:39], b).hex() for b in ("sha1", "sha256")}}))
case("signed-sha1", "hash of the signature is not SHA-256", evidence(sign=lambda k, m: ec_sign(k, m, "sha1")))
case("signed-sha384", "", evidence(sign=lambda k, m: ec_sign(k, m, "sha384"), hash="sha384"))
case("signed-rsa-as-ec", "signature scheme is not that of the key", changed("quote.signature", rsa_sign("rsa", q)))
case("other-key", "the evidence is of another key than", evidence(key="other"))
case("other-key-hidden", "quote.signature: not this key's", changed("ak", public("ak"), key="other"))
for bit, reason in ((0x10000, "is not restricted"), (0x40000, "does not sign"), (2, "not fixed to its TPM"), (0x10, "not fixed to its hierarchy"),
                    (0x20, "not made inside the TPM")):
    case(f"attribute-{bit:x}", reason, evidence(attributes=ATTRIBUTES & ~bit))
case("attribute-decrypt", "decrypts as well", evidence(attributes=ATTRIBUTES | 0x20000))

# The list: what was sent is not what was extended.
r = records
case("list-swapped", "no part of the list leads to the quoted value", evidence(send=r[:10] + [r[11], r[10]] + r[12:40]))
case("list-missing", "no part of the list leads", evidence(send=r[:10] + r[11:40]))
case("list-shorter", "no part of the list leads", evidence(send=r[:39]))
case("list-none", "no part of the list leads", evidence(send=[]))
case("list-appended", "list.total says 40 records, there are 41", evidence(send=r[:41]))
case("list-provisional", "", evidence(send=r[:41], total=41))
case("list-cut", "record 39 is cut", changed("list.data", lambda b: b[:-1]))
case("list-changed", "record 5: digest is not that of its data", evidence(send=r[:5] + [r[5][:-5] + b"X" + r[5][-4:]] + r[6:40]))
case("list-header", "record 5: digest is not that of its data", evidence(send=r[:5] + [r[5][:4] + b"Y" + r[5][5:]] + r[6:40]))
case("list-to-violation", "PCR 10 bank sha256: no part of the list leads", evidence(send=r[:5] + [r[5][:4] + bytes(20) + r[5][24:]] + r[6:40]))
case("list-other-pcr", "no part of the list leads", evidence(send=r[:5] + [b"\x0b" + r[5][1:]] + r[6:40]))
case("list-garbage", "record 40 is malformed", changed("list.data", lambda b: b + b"\xff" * 40, total=41))
case("list-one-bank", "PCR 10 bank sha1: no part of the list leads", evidence(values=[b"\x01" * 20, replay(r[:40], "sha256")]))

case("checkpoint-idle", "", changed("checkpoint", b"not needed"))
case("checkpoint-bad", "checkpoint: not base64", changed("checkpoint", "*"))
case("checkpoint-type", "checkpoint: of a wrong type", changed("checkpoint", 1))
case("checkpoint-long", "checkpoint: too long", changed("checkpoint", "A" * 90000))
case("checkpoint-none", "nothing is known of those before", changed("checkpoint", b"", start=3))
case("checkpoint-text", "checkpoint, line 1", changed("checkpoint", b"x", start=3))

# What may follow what. The state "at30" is after 30 records, "at30of40" after evidence that showed 40.
old = dict(clock=1000)
case("at30", "", evidence(30, **old))
case("at30of40", "", evidence(30, total=40, **old))
case("goes-on", "", evidence(40, 30), "at30")
case("nothing-new", "", evidence(30, 30), "at30")
case("whole-again", "", evidence(40), "at30")
case("goes-on-of40", "", evidence(40, 30), "at30of40")
case("gap", "the list begins at record 31, 30 are verified", evidence(40, 31), "at30")
case("overlap", "the list begins at record 20, 30 are verified", evidence(40, 20), "at30")
case("rewritten", "the first 30 records are not those", evidence(40, rs=r[:10] + [r[12], r[11]] + r[12:]), "at30")
case("shortened", "the first 30 records are not those", evidence(20), "at30")
case("not-extended", "but only 35 are in the quote: the host does not extend", evidence(35, 30, clock=31000), "at30of40")
case("on-their-way", "", evidence(35, 30, clock=30999), "at30of40")
case("on-their-way-too-long", "but only 36 are in the quote", evidence(36, 35, clock=31000), "at30of40,on-their-way")
case("arrived", "", evidence(40, 35, clock=31000), "at30of40,on-their-way")
case("arrived-and-more", "but only 40 are in the quote", evidence(40, 40, clock=65000), "at30of40,on-their-way,more")
case("more", "", evidence(40, 35, total=41, clock=35000), "at30of40,on-their-way")
case("same-quote", "no part of the list leads", evidence(40, 30, values=[replay(r[:29], b) for b in ("sha1", "sha256")]), "at30")
case("reset-back", "reset count went back from 5 to 4", evidence(40, reset=4), "at30")
case("restart-back", "restart count went back from 2 to 1", evidence(40, 30, restart=1), "at30")
case("clock-back", "clock went back from 1000 to 999", evidence(40, 30, clock=999), "at30")
case("suspended", "", evidence(40, 30, restart=3), "at30")
case("new-boot", "", evidence(25, reset=6, restart=0, boot=BOOT2), "at30")
case("new-boot-clock", "", evidence(25, reset=6, restart=0, boot=BOOT2, clock=5, safe=0), "at30")
case("new-boot-slice", "the TPM was reset since, so the list must come from its beginning", evidence(40, 30, reset=6, boot=BOOT2), "at30")
case("other-boot", "another boot id, but the TPM was not reset", evidence(40, 30, boot=BOOT2), "at30")
case("fewer-banks", "the quote is of other PCRs or banks than the state", evidence(40, 30, banks=("sha256",)), "at30")
case("state-of-other", "the evidence is of another key", evidence(40, 30, key="other"), "at30")

# Keys of other kinds; verified with their own PEM.
case("rsa", "", evidence(key="rsa", sign=rsa_sign))
case("rsa-pss", "signature scheme is neither ECDSA nor RSASSA", evidence(key="rsa", sign=lambda k, m: rsa_sign(k, m, 0x16)))
case("rsa-short", "RSA key of less than 2048 bits", evidence(key="short", sign=rsa_sign))
