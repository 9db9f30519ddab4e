# SPDX-License-Identifier: GPL-2.0-or-later
#
# Helpers of the test scripts, for `. /vm/lib.sh` on top of each. A script runs as root with `sh -e` in
# /vm of a machine of its own and passes when it ends well, made at least one check and none failed.
#
#   BOOT       which of `# boots:` this is        RESULTS    a folder that outlives the boot
#   /vm/probe  vmtest/probe.c                     /vm/data   tests/data
checks=0
failed=0
trap finish EXIT

finish() {
	rc=$?
	[ "$rc" != 0 ] || [ "$failed" = 0 ] || rc=1
	[ "$rc" != 0 ] || [ "$checks" != 0 ] || { echo "not ok: no check was made"; rc=1; }
	exit "$rc"
}

# check "what" command...: one line of result; the script goes on and a failure is remembered.
check() {
	what=$1
	shift
	checks=$((checks + 1))
	if "$@"; then
		echo "ok $what"
	else
		echo "not ok $what ($*: $?)"
		failed=$((failed + 1))
	fi
}

# skip "why": end the script as skipped.
skip() {
	echo "skipped: $*"
	trap - EXIT
	exit 77
}

# exits STATUS command...: the command ends with just that exit status.
exits() {
	want=$1 got=0
	shift
	"$@" || got=$?
	[ "$got" = "$want" ] || { echo "  exit status $got, not $want: $*"; return 1; }
}

# same A B: the files are equal; shows where they are not.
same() {
	cmp -s "$1" "$2" || { diff -a "$1" "$2" | head -n 20; return 1; }
}

# wait_for SECONDS command...: until it succeeds; four times as long where that is what a busy host needs.
wait_for() {
	tries=$(($1 * 20))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.2
	done
}

# audit_settled: all audit records so far are in the kernel's log, to which a thread of its own prints them.
audit_settled() {
	last_line=
	until [ "$(dmesg | tail -n 1)" = "$last_line" ]; do
		last_line=$(dmesg | tail -n 1)
		sleep 1
	done
}

# lighter: removes from the root what is large or many files, for a test that goes through all of it and needs none of that.
lighter() {
	( cd /usr && rm -rf include lib/gcc lib/git-core share/zoneinfo share/perl share/bash-completion bin/git* bin/x86_64-linux-gnu-* \
		lib/x86_64-linux-gnu/*.a lib/x86_64-linux-gnu/lib?san.* lib/x86_64-linux-gnu/libicu* \
		lib/x86_64-linux-gnu/gconv lib/x86_64-linux-gnu/perl /var/lib/dpkg/info )
}

# disk NAME: the device of a disk asked for with `# disk: NAME SIZE`.
disk() {
	d=$(grep -lx "$1" /sys/block/vd*/serial) && d=${d#/sys/block/} && echo "/dev/${d%/serial}"
}

# port NAME: the device of a virtio port.
port() {
	p=$(grep -lx "$1" /sys/class/virtio-ports/*/name) && p=${p%/name} && echo "/dev/${p##*/}"
}

# cut_within SECONDS: in a boot of `# cut:`, the power fails at some moment from now on.
cut_within() {
	echo "$1" >"$(port power)"
}

# rsa_key FILE: an RSA key of 2048 bits that the host has made: that takes an emulator seconds. Each time another, four in all.
rsa_key() {
	for made in /vm/keys/*; do
		mv "$made" "$1" && return
	done
}

# mounts: the file systems that a full init would have mounted and that imad needs.
mounts() {
	mount_at /proc -t proc proc
	mount_at /sys -t sysfs sysfs
	mount_at /sys/kernel/security -t securityfs securityfs
	mount_at /sys/fs/bpf -t bpf bpf
	mount_at /sys/fs/cgroup -t cgroup2 cgroup2
	mount_at /dev -t devtmpfs devtmpfs
	mkdir -p /dev/pts /dev/shm
	mount_at /dev/pts -t devpts devpts
	mount_at /dev/shm -t tmpfs tmpfs
	mount_at /run -t tmpfs -o mode=755 tmpfs
	mount_at /tmp -t tmpfs tmpfs
}

mount_at() {
	at=$1
	shift
	mountpoint -q "$at" || mount "$@" "$at"
}

# --- imad

# start_imad [arguments]: start the daemon and wait until it answers.
start_imad() {
	mounts
	imad "$@" >/vm/imad.log 2>&1 &
	imad_pid=$!
	if ! wait_for 60 imad_settled || ! imactl sync; then
		echo "imad does not answer:"
		cat /vm/imad.log
		return 1
	fi
}

# It answers, or it has gone and there is nothing to wait for.
imad_settled() {
	[ ! -d "/proc/$imad_pid" ] || imactl sync >/dev/null 2>&1
}

# unlock_imad: where it keeps itself from being switched off, let that be done for a while, as whoever sits at the console may.
unlock_imad() {
	! imactl status --json 2>/dev/null | grep -q '"protection":{"active":true' ||
		setsid -c -w imactl unlock --for 3600 </dev/ttyS0 >/dev/null
}

# stop_imad: ask it to stop; its exit status.
stop_imad() {
	kill "$imad_pid"
	wait "$imad_pid"
}

# --- the measurement list and the PCR

# pcr_file BANK: PCR 0-23 in the form that evmctl takes, and of those only what a list can be about, 10 to 16: each is a command
# for the TPM. The shell reads them: no exec, nothing to measure.
pcr_file() {
	read -r v <"/sys/class/tpm/tpm0/pcr-$1/10"
	zero=$(printf "%0${#v}d" 0)
	i=0
	while [ $i -lt 24 ]; do
		v=$zero
		[ $i -lt 10 ] || [ $i -gt 16 ] || read -r v <"/sys/class/tpm/tpm0/pcr-$1/$i"
		printf 'PCR-%02d: %s\n' $i "$v"
		i=$((i + 1))
	done
}

# evm_matches BANK LIST [PCRFILE]: evmctl finds that the binary list gives the PCR, to its last record.
# Its exit status alone says too little: it is 0 for an unreadable PCR file and for records behind the match.
evm_matches() {
	pcrs=${3:-/tmp/pcrs.$1}
	[ -n "$3" ] || pcr_file "$1" >"$pcrs"
	evm=$(evmctl_list "$2" "--verify-bank=$1" --pcrs "$1,$pcrs") &&
		echo "$evm" | grep -qx 'Matched per TPM bank calculated digest(s).' ||
		{ echo "$evm" | tail -n 5; return 1; }
	all=$(evmctl_list "$2" --pcrs sha1,/dev/null | records)
	matched=$(echo "$evm" | records)
	[ "$matched" = "$all" ] || { echo "  the match is after record $matched of $all; now: $(grep PCR-10 "$pcrs"), $(pcr_file "$1" | grep PCR-10)"; return 1; }
}

# It prints each record that it reads: up to the match, or all where there can be none.
evmctl_list() { # LIST OPTIONS...
	list=$1
	shift
	evmctl -v ima_measurement --ignore-violations "$@" "$list" 2>&1
}

records() {
	grep -acE '^ *[0-9]+ [0-9a-f]{40} '
}

# snapshot FROM TO: copy list, counts and PCRs of one moment from the folder FROM (/run/imad,
# /sys/kernel/security/ima) to TO. The first round only makes sure that the tools used have been measured.
# A record is counted before it is extended: what `before` counts must be in the PCR when that is read.
snapshot() {
	mkdir -p "$2"
	for round in warm 1 2 3 4 5; do
		read -r before <"$1/runtime_measurements_count"
		[ "$1" = /sys/kernel/security/ima ] || imactl sync
		for bank in /sys/class/tpm/tpm0/pcr-*; do
			[ ! -d "$bank" ] || pcr_file "${bank##*-}" >"$2/pcrs.${bank##*-}"
		done
		cat "$1/binary_runtime_measurements" >"$2/list"
		cat "$1/ascii_runtime_measurements" >"$2/ascii"
		cat "$1/runtime_measurements_count" >"$2/count"
		cat "$1/violations" >"$2/violations"
		read -r after <"$1/runtime_measurements_count"
		[ "$round" = warm ] || [ "$before" != "$after" ] || return 0
	done
	echo "  the list in $1 grows on its own: $before, then $after"
	return 1
}
