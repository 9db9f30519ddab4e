#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl verify against a TPM: swtpm extended by tpm2-tools with what openssl makes of the records; and
# against PCR files as sysfs has them.
. "$(dirname "$0")/common"
for tool in swtpm tpm2_pcrextend openssl; do
	command -v $tool >/dev/null || exit 77
done

mkdir "$T/state"
swtpm socket --tpm2 --tpmstate "dir=$T/state" --flags startup-clear \
	--server "type=unixio,path=$T/tpm" --ctrl "type=unixio,path=$T/tpm.ctrl" >"$T/swtpm.log" 2>&1 &
pid=$!
trap 'kill $pid; rm -rf "$T"' EXIT
for _ in $(seq 100); do
	[ ! -S "$T/tpm" ] || break
	sleep 0.05
done
export TPM2TOOLS_TCTI="swtpm:path=$T/tpm"
banks=$(tpm2_getcap pcrs | sed -n 's/^ *- \(sha[0-9]*\): \[ [0-9].*/\1/p')
[ -n "$banks" ]
verdict "banks: $(echo $banks)" $?

u32() { od -An -tu4 -j"$1" -N4 "$K/ima-ng.bin" | tr -d ' '; }
at=0
for i in 0 1 2 3; do
	n=$(u32 $((at + 34)))
	tail -c +$((at + 39)) "$K/ima-ng.bin" | head -c "$n" >"$T/data"
	extend=
	for b in $banks; do
		d=$(openssl dgst "-$b" -r "$T/data")
		extend=$extend,$b=${d%% *}
	done
	[ $i = 3 ] || tpm2_pcrextend "10:${extend#,}"
	before=$at at=$((at + 38 + n))
done
head -c $before "$K/ima-ng.bin" >"$T/list"
head -c $at "$K/ima-ng.bin" >"$T/longer"

expect 0 ': 3 records, 0 violations' "$IMACTL" verify --list "$T/list" --tcti "$TPM2TOOLS_TCTI"
for b in $banks; do
	grep -q "^PCR 10 $b: match$" "$T/out"
	verdict "bank $b" $?
done
expect 1 'matches the first 3 of 4 records' "$IMACTL" verify --list "$T/longer" --tcti "$TPM2TOOLS_TCTI"

# The same values as sysfs files: capitals, one value a file.
for b in $banks; do
	mkdir -p "$T/sysfs/pcr-$b"
	tpm2_pcrread "$b:10" | sed -n 's/.*0x//p' >"$T/sysfs/pcr-$b/10"
done
expect 0 '^match$' "$IMACTL" verify --list "$T/list" --tcti "$T/sysfs"
expect 1 'matches the first 3 of 4 records' "$IMACTL" verify --list "$T/longer" --tcti "$T/sysfs"
tr 0-9A-F 1-9A-F0 <"$T/sysfs/pcr-sha256/10" >"$T/other"
cp "$T/other" "$T/sysfs/pcr-sha256/10"
expect 1 'PCR 10 bank sha256 matches no part' "$IMACTL" verify --list "$T/list" --tcti "$T/sysfs"
mkdir "$T/sysfs/pcr-whirl"
expect 3 "TPM bank 'whirl' is not known" "$IMACTL" verify --list "$T/list" --tcti "$T/sysfs"
rm -r "$T/sysfs"/*
expect 3 'no PCR files' "$IMACTL" verify --list "$T/list" --tcti "$T/sysfs"
done_testing
