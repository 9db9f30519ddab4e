# SPDX-License-Identifier: GPL-2.0-or-later
# A filesystem that never answers imad (mute.c) keeps nobody waiting who uses other files, is in the list all the
# same, and hinders imad neither to end nor to start.
# kernels: 6.1 7.2
# time: 240
. /vm/lib.sh

list=/run/imad/ascii_runtime_measurements
mounts
modprobe fuse
mkdir -p /test/mute /test/here
/vm/race good /test/prog
/vm/mute /test/mute /test/prog /usr/sbin/imad >/tmp/mute.log 2>&1 &
mute=$!
wait_for 10 test -e /test/mute/prog
asked() { grep -c '^no answer' /tmp/mute.log || :; }

# Milliseconds of the slowest of some first uses.
slowest() { # FIRST LAST
	max=0
	for i in $(seq "$1" "$2"); do
		cp /test/prog "/test/here/$i"
		start=$(date +%s%N)
		exits 1 "/test/here/$i" || return 1
		took=$((($(date +%s%N) - start) / 1000000))
		[ $took -le $max ] || max=$took
	done
	echo "  the slowest of $(($2 - $1 + 1)): $max ms"
}
quick() { slowest "$@" && [ "$max" -lt 2500 ]; } # half of the deadline: a busy host
used_there() { for i in 1 2 3 4 5 6 7 8 9 10 11 12; do exits 1 /test/mute/prog || return 1; done; }
violation() { grep -aE '^10 0{40} ima-ng sha256:0{64} /test/mute/prog$' $list; }
ends_soon() { start=$(date +%s); stop_imad; got=$?; [ $(($(date +%s) - start)) -le 10 ] && [ $got = 0 ]; }

start_imad --policy tcb
check "elsewhere, with nothing in the way" quick 1 10
check "whoever is answered uses the program" used_there
check "imad asks for it, and is not answered" wait_for 20 grep -q '^no answer' /tmp/mute.log
check "elsewhere nobody waits for that" quick 11 50
check "nobody was answered by the deadline" [ "$(imactl status | awk '$1 == "timeouts" { print $2 }')" = 0 ]
check "sync comes back" timeout 60 imactl sync
check "all uses elsewhere are in the list" [ "$(grep -ac ' /test/here/' $list)" = 50 ]
check "what imad could not read is there as a violation" violation
snapshot /run/imad /tmp/snapshot
check "the list gives the PCR" evm_matches sha256 /tmp/snapshot/list /tmp/snapshot/pcrs.sha256

# One that is used before the start, and is asked for at the start.
exec 7</test/mute/prog
check "more of them, and imad ends all the same" used_there
check "... soon" ends_soon
grep 'does not answer' /vm/imad.log
before=$(asked)
imad --policy tcb >/vm/imad.log 2>&1 &
imad_pid=$!
check "it starts" wait_for 30 timeout 5 imactl status
check "... asked for the file that was open" wait_for 20 sh -c "[ \$(grep -c '^no answer' /tmp/mute.log) -gt $before ]"
check "elsewhere nobody waits" quick 51 60
kill $mute
wait $mute 2>/dev/null || :
umount -l /test/mute
check "the server is gone: sync comes back" timeout 60 imactl sync
check "the list gives the PCR" sh -c '. /vm/lib.sh; snapshot /run/imad /tmp/snapshot; evm_matches sha256 /tmp/snapshot/list /tmp/snapshot/pcrs.sha256'
check "stop" ends_soon
tail -n 5 /vm/imad.log
