# SPDX-License-Identifier: GPL-2.0-or-later
# What others make of imad's list: evmctl against the TPM's PCR, tpm2-tools, sha256sum, a replay that
# knows nothing of imad, and readers that look where the kernel's list is. Then the other templates and
# hashes, each in a start and a PCR of its own, with files that carry a security.ima.
# kernels: 6.1
# time: 240
# cmdline: ima_template=ima-ng
. /vm/lib.sh

list=/run/imad/ascii_runtime_measurements

# A replay that follows the format's description only: replay LIST PCR prints `bank value` a line. The first
# record of PCR 10 is the kernel's: without SHA-384 at boot it extends that bank with padded SHA-1. What it
# extended is in its list for that bank, which 6.10 and later have; the older ones here have no SHA-384.
cat >/tmp/replay.py <<'END'
import hashlib, struct, sys

def records(path):
	data, at = open(path, "rb").read(), 0
	def take(n):
		nonlocal at
		at += n
		assert at <= len(data), "cut"
		return data[at - n:at]
	def number():
		return struct.unpack("<I", take(4))[0]
	while at < len(data):
		pcr, digest, name = number(), take(20), take(number())
		if name == b"ima":
			yield pcr, digest, take(20) + take(number()).ljust(256, b"\0")
		else:
			yield pcr, digest, take(number())

def kernel_sha384():
	try:
		return open("/sys/kernel/security/ima/binary_runtime_measurements_sha384", "rb").read(52)[4:]
	except FileNotFoundError:
		return None

wrong = n = 0
values = {bank: bytes(hashlib.new(bank).digest_size) for bank in ("sha1", "sha256", "sha384")}
for pcr, digest, data in records(sys.argv[1]):
	assert pcr == int(sys.argv[2])
	violation = digest == bytes(20)
	wrong += not violation and hashlib.sha1(data).digest() != digest
	for bank, old in values.items():
		new = b"\xff" * len(old) if violation else hashlib.new(bank, data).digest()
		if pcr == 10 and n == 0 and bank == "sha384":
			new = kernel_sha384() or digest.ljust(len(old), b"\0")
		values[bank] = hashlib.new(bank, old + new).digest()
	n += 1
for bank, value in values.items():
	print(bank, value.hex())
sys.exit(wrong > 0 or n == 0)
END
replay() { python3 -IS /tmp/replay.py "$@"; }

# The same from the PCRs of a snapshot, from the TPM by tpm2-tools, and from imactl's own replay.
snapshot_values() {
	for bank in sha1 sha256 sha384; do
		echo "$bank $(sed -n "s/^PCR-$2: //p" "$1/pcrs.$bank" | tr A-F a-f)"
	done
}
tpm_values() {
	for bank in sha1 sha256 sha384; do
		echo "$bank $(tpm2_pcrread "$bank:$1" | sed -n "s/^ *$1 *: *0x//p" | tr A-F a-f)"
	done
}
imactl_values() {
	imactl verify --json | tee /tmp/verify.json |
		tr '{' '\n' | sed -n 's/.*"bank": *"\([a-z0-9]*\)".*"replayed": *"\([0-9a-f]*\)".*/\1 \2/p' | sort
}

# field N NAME: that field of the last record about a file.
field() { awk -v n="$1" -v name="$2" '$5 == name || $4 == name { f = $n } END { print f }' $list; }

# try PCR: the list as it is now gives the PCR, for everybody.
try() {
	check "$1: snapshot" snapshot /run/imad /tmp/snap
	for bank in sha1 sha256; do
		check "$1: evmctl: the list gives the PCR in $bank" evm_matches $bank /tmp/snap/list /tmp/snap/pcrs.$bank
	done
	replay /tmp/snap/list "$1" >/tmp/replayed || echo "wrong template digests" >>/tmp/replayed
	snapshot_values /tmp/snap "$1" >/tmp/pcrs
	check "$1: a plain replay gives the PCR in every bank" same /tmp/replayed /tmp/pcrs
	check "$1: the count is that of the lines" test "$(cat /tmp/snap/count)" = "$(wc -l </tmp/snap/ascii)"
	check "$1: imactl verify agrees" imactl verify
}

# Files without a label, with a signature and with a hash of another kind than the list's.
openssl ecparam -name prime256v1 -genkey -noout -out /tmp/key 2>/dev/null
mkdir -p /test
# The tools read what they label: they do it where nothing is measured, so that the first use has the label.
make_files() {
	for f in plain signed labelled; do
		echo "$f for PCR $1" >/tmp/$f.$1
	done
	evmctl ima_sign -a sha512 --key /tmp/key /tmp/signed.$1 >/tmp/out 2>&1
	evmctl ima_hash -a sha512 /tmp/labelled.$1 >/tmp/out 2>&1
	cp --preserve=xattr /tmp/*.$1 /test
}
sum() { "$1"sum "$2" | cut -d' ' -f1; }
label() { getfattr --absolute-names -n security.ima -e hex "$1" | sed -n 's/^security.ima=0x//p'; }

# --- the default: ima-ng with sha256 into PCR 10

start_imad --policy tcb
make_files 10
cat /test/*.10
try 10
for round in warm now; do
	tpm_values 10 >/tmp/tpm
	imactl_values >/tmp/imactl
done
check "tpm2_pcrread shows what imactl verify replays" same /tmp/imactl /tmp/tpm
check "it names three banks" test "$(wc -l </tmp/tpm)" = 3
check "a label chooses the hash, as in the kernel" test "$(field 4 /test/labelled.10)" = "sha512:$(sum sha512 /test/labelled.10)"
check "so does a signature" test "$(field 4 /test/signed.10)" = "sha512:$(sum sha512 /test/signed.10)"

# Every file with one record, and all of them: the log grows, boot_aggregate is none.
awk '$4 ~ /^sha256:/ && $5 ~ /^\// { n[$5]++; d[$5] = substr($4, 8) }
     END { for (f in n) if (n[f] == 1 && f != "/vm/imad.log") print d[f] "  " f }' /tmp/snap/ascii >/tmp/sums
check "sha256sum has the digest of each file in the list" sha256sum --quiet -c /tmp/sums
check "which are not few" test "$(wc -l </tmp/sums)" -gt 20

check "the folder can stand in for the kernel's" unshare -m sh -ec "
	mount --bind /run/imad /sys/kernel/security/ima
	grep -q /test/plain.10 /sys/kernel/security/ima/ascii_runtime_measurements
	test -s /sys/kernel/security/ima/runtime_measurements_count
	test -s /sys/kernel/security/ima/violations
	evmctl -v ima_measurement --ignore-violations --pcrs sha1,/dev/null \
		/sys/kernel/security/ima/binary_runtime_measurements 2>&1 | grep -aq /test/plain.10"
check "and out of it the kernel's is there" sh -c "! grep -q /test /sys/kernel/security/ima/ascii_runtime_measurements"
check "stop" stop_imad

# --- other templates and hashes, each from nothing into a PCR of its own

# other PCR TEMPLATE HASH: start, use, check what all have in common
other() {
	rm -rf /run/imad
	start_imad --policy tcb --pcr "$1" --template "$2" --hash "$3"
	make_files "$1"
	cat /test/*."$1"
	try "$1"
	check "$1: the first record is boot_aggregate" sh -c "head -n 1 $list | grep -q '^$1 .* boot_aggregate *$'"
	check "$1: the template is $2" test "$(cut -d' ' -f3 $list | sort -u)" = "$2"
}

other 11 ima-sig sha256
aggregate=$(sed -n '1s/.* sha256:\([0-9a-f]*\) boot_aggregate.*/\1/p' $list)
for i in 0 1 2 3 4 5 6 7 8 9; do printf 'PCR-%02d: %s\n' $i "$(cat /sys/class/tpm/tpm0/pcr-sha256/$i)"; done >/tmp/pcrs.boot
check "boot_aggregate is evmctl's" sh -c "evmctl ima_boot_aggregate --pcrs sha256,/tmp/pcrs.boot 2>&1 | tee /tmp/out | grep -q 'sha256:$aggregate\$'"
check "the signature is in the record" test "$(field 6 /test/signed.11)" = "$(label /test/signed.11)"
check "a label that is none is not" test -z "$(field 6 /test/labelled.11)"
check "a line without one ends in a blank" grep -q ' /test/plain.11 $' $list
check "stop" stop_imad

other 12 ima sha256
for f in plain signed labelled; do
	check "template ima holds SHA-1: $f" test "$(field 4 /test/$f.12)" = "$(sum sha1 /test/$f.12)"
done
check "stop" stop_imad

pcr=13
for hash in sha1 sha384 sha512; do
	other $pcr ima-ng $hash
	check "$hash: digest" test "$(field 4 /test/plain.$pcr)" = "$hash:$(sum $hash /test/plain.$pcr)"
	check "$hash: a label chooses another" test "$(field 4 /test/labelled.$pcr)" = "sha512:$(sum sha512 /test/labelled.$pcr)"
	check "stop" stop_imad
	pcr=$((pcr + 1))
done
