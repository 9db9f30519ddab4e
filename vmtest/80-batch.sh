# SPDX-License-Identifier: GPL-2.0-or-later
# Group commit and tpm.mode = pipelined with the kernel's resource manager: with two banks two records share a command; with
# three there is no room for that. The PCR is what the list gives, for evmctl and tpm2-tools, one by one and together, by
# root and by a plain user, and after a kill in the middle of a storm.
# kernels: 6.1
# also: 7.2
# banks: sha1,sha256
# time: 240
. /vm/lib.sh

mounts
mkdir -p /test
cat >/tmp/said.py <<'END'
import json, sys
o = json.load(sys.stdin)
for key in sys.argv[1].split("."):
	o = o[key]
print(o)
END
said() { imactl status --json | python3 -IB /tmp/said.py "$1"; }
# storm NAME USER: 48 programs at once, each new.
storm() {
	for i in $(seq 48); do
		cp /bin/true "/test/$1.$i"
		echo "$1 $i" >>"/test/$1.$i"
	done
	chmod 755 /test/*
	setpriv --reuid "$2" --clear-groups sh -c "for i in \$(seq 48); do /test/$1.\$i & done; wait"
}
matches() {
	snapshot /run/imad /tmp/snap
	for bank in sha1 sha256; do
		evm_matches $bank /tmp/snap/list /tmp/snap/pcrs.$bank || return 1
	done
	imactl verify
}
zero() { tpm2_pcrread sha256:16 | grep -q ': 0x0*$'; }
used() { test "$(grep -c "/test/$1\." /run/imad/ascii_runtime_measurements)" -ge 48; }

start_imad --policy tcb
check "two records a command" test "$(said tpm.batch)" = 2
check "it was tried, and the limit was met" sh -c "imactl status | grep 'batch why  *tried on PCR 16; .*wrong size'"
check "PCR 16 is zero" zero
check "a limit is no error" test -z "$(said tpm.error)"
check "nothing is weaker than it was" test "$(said tpm.mode)" = strict
storm root 0
check "all are in the list" used root
check "the PCR is what the list gives" matches
check "commands were shared" test "$(said tpm.extend_commands)" -lt "$(said tpm.extends)"
check "stop" stop_imad

printf '[tpm]\nmode = pipelined\n' >/run/pipelined.conf
start_imad --policy tcb --config /run/pipelined.conf
check "the log says what is weaker" grep -q 'tpm.mode = pipelined: what plain users use goes on before' /vm/imad.log
check "so does the status" sh -c "imactl status | grep -q 'tpm.mode = pipelined: what plain users use'"
check "and its mode" test "$(said tpm.mode)" = pipelined
storm plain 1000
check "all of them, too" used plain
check "and the PCR is what the list gives" matches
check "nothing waits" test "$(said list.unextended) $(said tpm.outstanding)" = "0 0"
storm killed 1000 &
sleep 0.5
kill -9 "$imad_pid"
wait "$imad_pid" || :
wait
start_imad --policy tcb --config /run/pipelined.conf
check "after a kill in a storm: the list leads to the PCR" matches
check "which was not found empty" test "$(said list.own_violations.pcr-reset)" = 0
check "stop again" stop_imad

printf '[tpm]\nbatch = off\n' >/run/off.conf
start_imad --policy tcb --config /run/off.conf
storm single 0
said tpm.extends >/dev/null # once, so that the next two add nothing to the list
imactl sync
check "batch = off: a command each" test "$(said tpm.extend_commands)" = "$(said tpm.extends)"
check "batch = off: the same PCR" matches
check "and stop" stop_imad
