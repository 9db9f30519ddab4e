#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl list against the kernel's own ASCII lists; filters, JSON, following.
. "$(dirname "$0")/common"

for l in ima-ng ima-ng-sha1 ima-sig ima-legacy-sha1 appraise-ima-sig; do
	"$IMACTL" list "$K/$l.bin" >"$T/got"
	same "$l as the kernel's ASCII" "$K/$l.ascii" "$T/got"
done
"$IMACTL" list "$B/sha1.log" >"$T/got"
[ "$(wc -l <"$T/got")" = 362 ]
verdict 'a list of another maker' $?

# Filters.
expect 0 '^56$' "$IMACTL" list --count "$K/ima-ng.bin"
expect 0 '^1$' "$IMACTL" list --count --path boot_aggregate "$K/ima-ng.bin"
expect 0 '^0$' "$IMACTL" list --count --path /nowhere "$K/ima-ng.bin"
"$IMACTL" list --path '/usr/bin/*' "$K/ima-ng.bin" >"$T/got"
grep ' /usr/bin/' "$K/ima-ng.ascii" >"$T/want"
same 'by path' "$T/want" "$T/got"
expect 1 'no record_info' "$IMACTL" list --func BPRM_CHECK "$K/ima-ng.bin"
expect 1 'no record_info' "$IMACTL" list --container 1f "$K/ima-ng.bin"

# JSON: every line says what the ASCII line says.
"$IMACTL" list --json "$K/ima-ng.bin" |
	sed -E 's/.*"pcr":([0-9]+),"template":"([^"]*)","template_digest":"([^"]*)","algo":"([^"]*)","digest":"([^"]*)","name":"([^"]*)".*/\1 \3 \2 \4:\5 \6/' >"$T/got"
same 'JSON' "$K/ima-ng.ascii" "$T/got"
expect 0 '^2$' sh -c "'$IMACTL' list --json '$K/ima-ng.bin' | grep -c '\"violation\":true'"
expect 0 '"sig":"030204857d8ee80100' "$IMACTL" list --json --path /m/good_rsa "$K/appraise-ima-sig.bin"

# Fields that only some templates have.
expect 0 '"name":"/tmp/lower/lower/foo-evmsig-4.txt","evmsig":"05020478.*"xattrnames":"security.selinux|security.ima","xattrlengths":"2500000022000000",.*"imode":"33188"' \
	"$IMACTL" list --json "$B/imatest.log"
expect 0 '"d-modsig":"sha256:61a156435dbc.*","modsig":"30820189' "$IMACTL" list --json "$B/imatest.log"

# The side file, which belongs to the live list.
cp "$K/ima-ng.bin" "$T/binary_runtime_measurements"
{
	echo '{"record":0,"kind":"import"}'
	echo '{"record":1,"kind":"gate","func":"BPRM_CHECK","pid":7,"pcr":99}'
	echo '{"record":2,"kind":"gate","func":"FILE_CHECK","pid":8,"container":"1f2e3d"}'
	echo 'rubbish'
	echo '{"record":3,"kind":"late","func":"BPRM_CHECK"}' # one line late: not record 4
	echo '{"record":5,"kind":"late","func":"BPRM_CHECK"}'
	printf '{"record":6,"kind":"late"}' # not finished
} >"$T/record_info"
expect 0 '^2$' "$IMACTL" --rundir "$T" list --count --func BPRM_CHECK
expect 0 '^2$' "$IMACTL" --rundir "$T" list --count --kind gate
expect 0 '^1$' "$IMACTL" --rundir "$T" list --count --kind late
expect 0 '^1$' "$IMACTL" --rundir "$T" list --count --kind gate --func FILE_CHECK
expect 0 '^1$' "$IMACTL" --rundir "$T" list --count --container 1f2
expect 0 '^0$' "$IMACTL" --rundir "$T" list --count --container f2e
expect 0 '^0$' "$IMACTL" --rundir "$T" list --count --container 1f2e3d4
expect 0 '^56$' "$IMACTL" --rundir "$T" list --count
expect 0 '"record":1,"pcr":10,.*"kind":"gate","func":"BPRM_CHECK","pid":7}' "$IMACTL" --rundir "$T" list --json
[ "$(wc -l <"$T/out")" = 56 ]
verdict 'records without an info line are shown' $?

# Damage.
head -c 1000 "$K/ima-ng.bin" >"$T/cut"
expect 1 'record [0-9]*: cut at the end' "$IMACTL" list "$T/cut"
n=$(wc -l <"$T/out")
head -n "$n" "$K/ima-ng.ascii" >"$T/want"
[ "$n" -gt 3 ] && cmp "$T/want" "$T/out"
verdict 'whole records before the cut are shown' $?
expect 1 'record 0: ' "$IMACTL" list "$0"
expect 1 'No such file' "$IMACTL" list "$T/none"
expect 1 'Is a directory' "$IMACTL" list "$T"
: >"$T/empty"
expect 0 '' "$IMACTL" list "$T/empty"

# Names that are not UTF-8, and JSON that stays JSON.
{
	printf '\12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\6\0\0\0ima-ng'
	printf '\46\0\0\0\32\0\0\0sha1:\0\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\4\0\0\0/\377b\0'
} >"$T/bytes"
expect 0 '"name":"/�b","name_hex":"2fff62"' "$IMACTL" list --json "$T/bytes"

# Following: what is there, then what comes; the end of a record may come later, and so may its info.
mkdir "$T/live"
L=$T/live/binary_runtime_measurements
wait_for() { # FILE LINES
	for _ in $(seq 600); do
		[ "$(wc -l <"$1")" -ge "$2" ] && return 0
		sleep 0.05
	done
	return 1
}
size=$(stat -c %s "$K/ima-ng.bin")
head -c 1000 "$K/ima-ng.bin" >"$L"
"$IMACTL" --rundir "$T/live" list --follow >"$T/followed" &
pid=$!
wait_for "$T/followed" "$n"
verdict 'follow: what is there' $?
tail -c +1001 "$K/ima-ng.bin" | head -c $((size - 1010)) >>"$L"
wait_for "$T/followed" 55
verdict 'follow: what comes' $?
tail -c 10 "$K/ima-ng.bin" >>"$L"
wait_for "$T/followed" 56
kill $pid
same 'follow: all of it' "$K/ima-ng.ascii" "$T/followed"

cp "$K/ima-ng.bin" "$L"
echo '{"record":0,"kind":"import"}' >"$T/live/record_info"
"$IMACTL" --rundir "$T/live" list --follow --json >"$T/followed" &
pid=$!
wait_for "$T/followed" 1 && sleep 0.3 && [ "$(wc -l <"$T/followed")" = 1 ]
verdict 'follow: waits for the info of a record' $?
echo '{"record":1,"kind":"gate"}' >>"$T/live/record_info"
wait_for "$T/followed" 2 && grep -q '"record":1,.*"kind":"gate"' "$T/followed"
verdict 'follow: info that came later' $?
kill $pid
done_testing
