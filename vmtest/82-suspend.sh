# SPDX-License-Identifier: GPL-2.0-or-later
# Suspend to memory: the TPM keeps its PCRs and counts a restart, nobody is denied or misses a deadline, and
# the list goes on and verifies; one that was reset all the same is found out before the next record. A machine on which somebody is held may not fall asleep (Linux 6.1: a wait for fanotify cannot be
# frozen); then it goes on as it was.
# kernels: 6.1
# also: 6.12 7.2
# boot: bzimage
. /vm/lib.sh

export TPM2TOOLS_TCTI=device:/dev/tpmrm0
mkdir -p /test
echo 3000 >/sys/power/pm_freeze_timeout
fresh() { cp /bin/true "/test/$1" && echo "$1" >>"/test/$1" && "/test/$1"; } # NAME: a program that nobody has seen
clock() { tpm2_readclock | sed -n "s/^ *$1: *//p"; }
agrees() { imactl sync && imactl verify >/tmp/said 2>&1 || { cat /tmp/said; return 1; }; }
recorded() { grep -q " /test/$1\$" /run/imad/ascii_runtime_measurements; }
counter() { imactl status --json | grep -o "\"$1\": *[0-9]*" | grep -o '[0-9]*$' | tail -n 1; }
slept=0
sleeps() { rtcwake -m mem -s 3 >/tmp/rtcwake 2>&1 && slept=$((slept + 1)); }

printf '[gate]\ndeadline = 60s\n' >/test/conf # of a file that takes long, below
start_imad --policy tcb --config /test/conf
check "a program" fresh before
restarts=$(clock restart_count) resets=$(clock reset_count)
nonce=00112233445566778899aabbccddeeff
imactl attest --nonce $nonce >/tmp/e.json
check "evidence before" sh -c "imactl verify --evidence /tmp/e.json --ak /var/lib/imad/ak.pem --nonce $nonce --state /tmp/state >/dev/null"

# Somebody who runs what nobody knows all the while.
busy() {
	n=0
	while [ ! -e /tmp/stop ]; do
		n=$((n + 1))
		fresh "busy$n" || { echo "busy$n" >/tmp/denied; return; }
	done
	echo "  $n programs meanwhile"
}
busy &
busy_pid=$!
for i in 1 2; do
	check "it sleeps, $i" wait_for 20 sleeps
	check "and a program runs after it" fresh after$i
done
touch /tmp/stop
wait $busy_pid
check "nobody was denied meanwhile" test ! -e /tmp/denied

# Held while the machine would sleep: a file that takes long to hash.
truncate -s 100M /test/slow
head -c 1 /test/slow >/tmp/read &
reader=$!
sleep 0.5
check "somebody is held" kill -0 $reader
sleeps && how=sleeps || how="stays awake: $(dmesg | grep -a 'Freezing of tasks failed\|Freezing user space processes failed' | tail -n 1)"
echo "  $how"
check "who was held goes on" wait $reader
check "and read" test "$(stat -c %s /tmp/read)" = 1
check "it sleeps then" wait_for 20 sleeps
check "and a program runs after it" fresh after3

check "for the TPM these were $slept suspends, no resets" \
	test "$(clock restart_count)" = $((restarts + slept)) -a "$(clock reset_count)" = "$resets"
check "list and PCR agree" agrees
snapshot /run/imad /tmp/now
check "for evmctl, too" evm_matches sha256 /tmp/now/list /tmp/now/pcrs.sha256
for name in before after1 after2 after3 busy1 slow; do check "$name is in the list" recorded $name; done
check "no violation of imad's own" exits 1 grep ' imad:' /run/imad/ascii_runtime_measurements
check "no deadline came" test "$(counter timeouts)" = 0
imactl attest --nonce $nonce >/tmp/e.json
check "a verifier goes on, and sees the suspends" sh -c "imactl verify --evidence /tmp/e.json --ak /var/lib/imad/ak.pem --nonce $nonce --state /tmp/state |
	grep 'the host was suspended $slept times since'"
check "stop" stop_imad
check "start" start_imad --policy tcb --config /test/conf
check "another program" fresh again
check "list and PCR agree" agrees
check "stop" stop_imad

# PCR 16 is one that can be reset without a reboot: what comes after a suspend finds it empty. Nobody looks but for that.
rm -rf /run/imad
echo 'measure func=FILE_CHECK mask=MAY_READ fowner=10003' >/test/few
printf 'policy = /test/few\npcr = 16\n[tpm]\ncheck = off\n' >/test/16.conf
read_new() { echo "$1" >"/test/$1" && chown 10003 "/test/$1" && cat "/test/$1" >/dev/null; }
check "imad, PCR 16" start_imad --config /test/16.conf
read_new one
check "list and PCR agree" agrees
records=$(cat /run/imad/runtime_measurements_count)
check "it sleeps once more" wait_for 20 sleeps
check "PCR 16 is reset" tpm2_pcrreset 16
read_new two
imactl sync
check "that is told" grep -q " imad:pcr-reset:pcr=16,found=empty,records=$records *\$" /run/imad/ascii_runtime_measurements
check "and what was read then is behind it" sh -c "tail -n 1 /run/imad/ascii_runtime_measurements | grep -q ' /test/two *\$'"
check "list and PCR agree again" agrees
snapshot /run/imad /tmp/now
check "for evmctl, too" evm_matches sha256 /tmp/now/list /tmp/now/pcrs.sha256
check "stop" stop_imad
