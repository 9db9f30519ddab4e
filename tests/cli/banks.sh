#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl list --hash: the list as Linux 6.10 has it for each bank, made from the list of SHA-1 apart from the C code.
. "$(dirname "$0")/common"

cat >"$T/bank.py" <<'END'
import hashlib, struct, sys

def bank(data, algo, name):
	"""binary and ASCII list with the template digests of another algorithm, from those of SHA-1"""
	size, at, binary, lines = hashlib.new(algo).digest_size, 0, b"", []
	for line in open(name, "rb").read().splitlines(True):
		pcr, sha1, n = data[at:at + 4], data[at + 4:at + 24], struct.unpack("<I", data[at + 24:at + 28])[0]
		template, body = data[at + 28:at + 28 + n], at + 28 + n
		if template == b"ima":
			n = struct.unpack("<I", data[body + 20:body + 24])[0]
			end = body + 24 + n
			hashed = data[body:body + 20] + data[body + 24:end].ljust(256, b"\0")
		else:
			n = struct.unpack("<I", data[body:body + 4])[0]
			end = body + 4 + n
			hashed = data[body + 4:end]
		violation = sha1 == bytes(20)
		assert violation or hashlib.sha1(hashed).digest() == sha1
		digest = bytes(size) if violation else hashlib.new(algo, hashed).digest()
		binary += pcr + digest + data[at + 24:end]
		assert line[3:43] == sha1.hex().encode()
		lines.append(line[:3] + digest.hex().encode() + line[43:])
		at = end
	assert at == len(data)
	return binary, b"".join(lines)

binary, text = bank(open(sys.argv[1], "rb").read(), sys.argv[3], sys.argv[2])
open(sys.argv[4] + ".bin", "wb").write(binary)
open(sys.argv[4] + ".ascii", "wb").write(text)
END

for l in "$K/ima-ng" "$K/ima-sig" "$K/ima-legacy-sha1" "$K/appraise-ima-sig"; do
	for algo in sha1 sha256 sha384 sha512; do
		python3 -IS "$T/bank.py" "$l.bin" "$l.ascii" $algo "$T/want"
		verdict "a reference for ${l##*/} in $algo" $?
		"$IMACTL" list --hash $algo "$l.bin" >"$T/got"
		same "${l##*/} in $algo" "$T/want.ascii" "$T/got"
		"$IMACTL" list --hash $algo --binary "$l.bin" >"$T/got"
		same "${l##*/} in $algo, binary" "$T/want.bin" "$T/got"
	done
	"$IMACTL" list --binary "$l.bin" >"$T/got"
	same "${l##*/} as it is" "$l.bin" "$T/got"
done
expect 0 '^10 0\{64\} ima-ng sha256:0\{64\} ' "$IMACTL" list --hash sha256 "$K/ima-ng.bin"
[ "$("$IMACTL" list --hash sha256 --path boot_aggregate "$K/ima-ng.bin" | wc -l)" = 1 ]
verdict 'filtered' $?
expect 2 "unknown hash algorithm 'md6'" "$IMACTL" list --hash md6 "$K/ima-ng.bin"
expect 2 'exclude each other' "$IMACTL" list --hash sha256 --json "$K/ima-ng.bin"
expect 2 'exclude each other' "$IMACTL" list --binary --ascii "$K/ima-ng.bin"
done_testing
