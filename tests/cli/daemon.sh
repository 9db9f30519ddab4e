#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl with a daemon: status, sync, verify of a list that grows; and bad answers.
. "$(dirname "$0")/common"
. "$(dirname "$0")/daemon"
run() { "$IMACTL" --rundir "$T" "$@"; }

daemon good
expect 0 '' run sync
expect 0 '"news":{"deep":{"x":1}}' run status --json
[ "$(wc -l <"$T/out")" = 1 ]
verdict 'JSON in one line' $?
TZ=UTC expect 0 '^started  *1970-01-02 00:00:00 +0000$' run status
for line in '^version  *1\.2$' '^  names  *tcb /etc/p$' '^  present  *yes$' '^  error  *-$' '^  banks  *sha1 sha256$' \
	'^  dev  *type  *mount  *gated  *reason' '^  8:1  *ext4  */\\x1b\[2J  *yes  *-' \
	'^  0:22  *tmpfs  */run  *no  *no rule' '^gaps  *memfd is not held$' '^  *started late$' '^    x  *1$' \
	'^none  *-$'; do
	grep -q -e "$line" "$T/out"
	verdict "status: $line" $?
done

daemon refuse
expect 1 'the daemon refused SYNC: Operation not permitted' run sync
expect 1 'the daemon refused STATUS' run status
cp "$K/ima-ng.bin" "$T/binary_runtime_measurements"
expect 3 'not compared with a PCR: the daemon refused SYNC' run verify --pcrs "sha256,$K/ima-ng.pcrs.sha256"
for mode in cut version large hangup; do
	daemon $mode
	expect 1 "no good answer from the daemon: " run status
done
daemon other
expect 1 'answered another request' run sync
daemon text
expect 1 'not a JSON object' run status

# Records that a SYNC brings in are in the PCR as well; one that comes after it need not be.
P="sha256,$K/ima-ng.pcrs.sha256"
L=$T/binary_runtime_measurements
r1=$((38 + $(od -An -tu4 -j34 -N4 "$K/ima-ng.bin" | tr -d ' ')))
head -c $r1 "$K/ima-ng.bin" >"$L"
tail -c +$((r1 + 1)) "$K/ima-ng.bin" >"$T/append"
daemon good "$L" "$T/append"
expect 0 '"result":"match".*"synced":true,"records":56' run verify --json --pcrs "$P"
cp "$K/ima-ng.bin" "$L"
head -c $r1 "$K/ima-ng.bin" >"$T/append"
daemon good "$L" "$T/append"
expect 0 '"result":"match".*"records":57' run verify --json --pcrs "$P"
# But a record that was there before the SYNC must be.
expect 1 'matches the first 56 of 57 records' run verify --pcrs "$P"
# Half a record behind the end is one that is being written.
{ cat "$K/ima-ng.bin"; head -c 20 "$K/ima-ng.bin"; } >"$L"
expect 0 '^match$' run verify --pcrs "$P"
# A list of one's own is no business of the daemon's.
expect 1 'is cut at the end' run verify --list "$L" --pcrs "$P"
done_testing
