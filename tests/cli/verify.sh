#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl verify against lists and PCR values of the kernel and of another maker; then each kind of damage.
. "$(dirname "$0")/common"
. "$(dirname "$0")/tss"

for l in ima-ng ima-ng-sha1 ima-sig ima-legacy-sha1 appraise-ima-sig; do
	expect 0 '^match$' "$IMACTL" verify --list "$K/$l.bin" --pcrs "sha1,$K/$l.pcrs.sha1" \
		--pcrs "sha256,$K/$l.pcrs.sha256"
	expect 0 '^PCR 10 sha1: match$' "$IMACTL" verify --list "$K/$l.bin" --pcrs "$K/$l.pcrs.sha1"
	expect 0 ' 2 violations$' "$IMACTL" verify --list "$K/$l.bin" --pcrs "sha256,$K/$l.pcrs.sha256"
done
for b in sha1 sha256 sha384 sha512; do
	expect 0 "^PCR 10 $b: match" "$IMACTL" verify --list "$B/sha1.log" --pcrs "$b,$B/kat.pcrs.$b"
done
for l in ima-ng ima-sig appraise-ima-sig; do
	tss_agrees "$K/$l.bin" "$K/$l.pcrs.sha1"
	verdict "tssimaextend: $l" $?
done

# All templates and some formats in one list; the values are of a replay that is not imad's.
zeros() { seq -f 'PCR-%02.0f: '"$(printf "%0$1d" 0)" 0 9; }
{ zeros 40 && echo 'PCR-10: 0ff68e1da514770e85581bffe693809776302a63'; } >"$T/pcrs.sha1"
{ zeros 64 && echo 'PCR-10: af02ae09413721fddb71250ae26383de73cc78d5df37fbebadacedeaeacddb18'; } >"$T/pcrs.sha256"
expect 0 '^match$' "$IMACTL" verify --list "$B/imatest.log" --pcrs "sha1,$T/pcrs.sha1" --pcrs "sha256,$T/pcrs.sha256"

# This kernel put padded SHA-1 into its sha384 bank: not what the list says.
expect 1 'PCR 10 bank sha384 matches no part of the list' \
	"$IMACTL" verify --list "$K/ima-ng.bin" --pcrs "sha384,$K/ima-ng.pcrs.sha384"
# One good bank does not excuse another.
expect 1 'PCR 10 bank sha256 matches no part' "$IMACTL" verify --list "$K/ima-ng.bin" \
	--pcrs "sha1,$K/ima-ng.pcrs.sha1" --pcrs "sha256,$K/ima-sig.pcrs.sha256"
grep -q '^PCR 10 sha1: match$' "$T/out"
verdict 'the good bank is told as such' $?

# change FILE OFFSET BYTES: a copy of the list with these bytes at that offset.
change() {
	cp "$K/ima-ng.bin" "$1"
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
P="sha256,$K/ima-ng.pcrs.sha256"
# Record 0 is 4 + 20 + 4 + 6 + 4 + data; where record 1 begins:
data0=$(od -An -tu4 -j34 -N4 "$K/ima-ng.bin" | tr -d ' ')
r1=$((38 + data0))

change "$T/name" $((r1 + 38 + 4 + 8 + 32 + 4 + 1)) X
expect 1 "record 1 ('/Xab/init.sh'): digest is not that of its data (1 such record)" \
	"$IMACTL" verify --list "$T/name" --pcrs "$P"
expect 1 'matches no part of the list' "$IMACTL" verify --list "$T/name" --pcrs "$P"
change "$T/header" $((r1 + 4)) '\1\2\3' # the header is wrong, the data and so the PCR right
expect 1 "record 1 ('/lab/init.sh'): digest" "$IMACTL" verify --list "$T/header" --pcrs "$P"
grep -q '^PCR 10 sha256: match$' "$T/out"
verdict 'only the header digest is wrong' $?
change "$T/pcr" "$r1" '\13' # moved to PCR 11
expect 1 'PCR 10 bank sha256 matches no part' "$IMACTL" verify --list "$T/pcr" --pcrs "$P"
change "$T/length" $((r1 + 24)) '\377\377\377\377'
expect 1 'record 1 is malformed: ' "$IMACTL" verify --list "$T/length" --pcrs "$P"

# Cut inside the last record, cut after record 0, too long, empty, one record lost in the middle.
head -c -1 "$K/ima-ng.bin" >"$T/cut"
expect 1 'record 55 is cut at the end' "$IMACTL" verify --list "$T/cut" --pcrs "$P"
head -c $r1 "$K/ima-ng.bin" >"$T/short"
expect 1 'matches no part of the list' "$IMACTL" verify --list "$T/short" --pcrs "$P"
{ cat "$K/ima-ng.bin"; head -c $r1 "$K/ima-ng.bin"; } >"$T/extra"
expect 1 'matches the first 56 of 57 records: the rest is not in the PCR' \
	"$IMACTL" verify --list "$T/extra" --pcrs "$P"
: >"$T/empty"
expect 1 'the list has no records' "$IMACTL" verify --list "$T/empty" --pcrs "$P"
tail -c +$((r1 + 1)) "$K/ima-ng.bin" >"$T/headless"
expect 1 'matches no part' "$IMACTL" verify --list "$T/headless" --pcrs "$P"

# What cannot be checked.
expect 3 'cannot check the list' "$IMACTL" verify --list "$T/none" --pcrs "$P"
expect 3 'Is a directory' "$IMACTL" verify --list "$T" --pcrs "$P"
expect 3 "cannot read PCR values from '$T/none'" "$IMACTL" verify --list "$K/ima-ng.bin" --pcrs "$T/none"
expect 3 'line 1: not a PCR value of bank sha1' "$IMACTL" verify --list "$K/ima-ng.bin" --pcrs \
	"$K/ima-ng.pcrs.sha256"
expect 3 'no PCR values in' "$IMACTL" verify --list "$K/ima-ng.bin" --pcrs "$T/empty"
sed -n 1,10p "$K/ima-ng.pcrs.sha1" >"$T/without10"
expect 3 'no value of PCR 10' "$IMACTL" verify --list "$K/ima-ng.bin" --pcrs "$T/without10"
expect 3 'second value of that PCR' "$IMACTL" verify --list "$K/ima-ng.bin" \
	--pcrs "$K/ima-ng.pcrs.sha1" --pcrs "$K/ima-ng.pcrs.sha1"
expect 3 'not compared with a PCR: no TPM at' "$IMACTL" verify --list "$K/ima-ng.bin" \
	--tcti "device:$T/none"
expect 1 "record 1 ('/Xab/init.sh')" "$IMACTL" verify --list "$T/name" --tcti "device:$T/none"

# Forms of the PCR file: blanks between, capitals, only one line.
grep '^PCR-10' "$K/ima-ng.pcrs.sha1" | sed 's/\([0-9a-f][0-9a-f]\)/\1 /g; s/^PCR-10 *: */PCR-10: /' | tr a-f A-F >"$T/spaced"
expect 0 '^match$' "$IMACTL" verify --list "$K/ima-ng.bin" --pcrs "$T/spaced"

# The live list without a daemon, and JSON.
cp "$K/ima-ng.bin" "$T/binary_runtime_measurements"
expect 0 '"result":"match".*"synced":false,"records":56,"violations":2,"bad_digests":0.*"bank":"sha256","match":true' \
	"$IMACTL" --rundir "$T" verify --json --pcrs "$P"
cp "$T/name" "$T/binary_runtime_measurements"
expect 1 '"result":"mismatch".*"first_bad_digest":1.*"reasons":\["record 1' \
	"$IMACTL" --rundir "$T" verify --json --pcrs "$P"
done_testing
