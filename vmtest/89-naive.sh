# SPDX-License-Identifier: GPL-2.0-or-later
# What happens to a gate that leaves out what imad does (naive.c), without imad: each trap is one that catches somebody.
# First the order in which the kernel asks, by its own tracer. traps.list says which tests show imad in the same place.
# kernels: 6.1 7.2
# also: 6.12
# disk: ext4 64M
. /vm/lib.sh

mounts
W=/test
mkdir -p $W/low $W/up $W/wd $W/over $W/tmpfs
case $(uname -r) in 6.1.*) old=yes ;; *) old= ;; esac
case $(uname -r) in 6.*) new= ;; *) new=yes ;; esac

naive() { # WAY DIR...: runs it as $gate, what it says is in /tmp/said.WAY
	/vm/naive "$@" >"/tmp/said.$1" 2>&1 &
	gate=$!
	said=/tmp/said.$1
	wait_for 20 grep -q ready "$said" || { cat "$said" "/proc/$gate/stack" "/proc/$gate/status"; return 1; }
}
ends() { kill -9 "$gate"; wait "$gate" 2>/dev/null || :; }
gone() { [ ! -e "/proc/$1/exe" ]; } # a zombie has none
asked() { grep -c '^asked' "$said" || :; }
open_one() { (exec 3<"$1") & opener=$!; } # in the background
held() { ! gone "$1"; }

# --- T1, T2: the hook at an open comes before the gate, one exec asks it twice, ld.so is no program of its own
t=/sys/kernel/tracing
mount_at $t -t tracefs tracefs
cp /bin/true $W/dynamic
cp /vm/probe $W/static
printf '#!%s usage\n' $W/static >$W/script
chmod 755 $W/script
naive allow /
for p in bpf_lsm_file_open bpf_lsm_bprm_check_security fanotify_handle_event; do echo "p:naive/$p $p" >>$t/kprobe_events; done
echo 1 >$t/set_event_pid # nobody else's
echo 1 >$t/events/naive/enable
order() { # PROGRAM: O for file_open, F for the gate, B for bprm_check_security; its own uses, in the kernel's order
	echo >$t/trace
	sh -c "echo \$\$ >$t/set_event_pid && exec $1" >/dev/null 2>&1 || :
	grep -oE 'bpf_lsm_file_open:|bpf_lsm_bprm_check_security:|fanotify_handle_event:' $t/trace |
		sed 's/bpf_lsm_file_open:/O/; s/bpf_lsm_bprm_check_security:/B/; s/fanotify_handle_event:/F/' | tr -d '\n' >/tmp/order
	cat /tmp/order
	echo
}
begins() { order "$1" && grep -q "^$2" /tmp/order; }
check "T1: the hook comes first, then the gate, twice, then the hook of execs" begins $W/static OFFB
check "T2: ld.so is asked for by the gate, and by no hook of execs" begins $W/dynamic 'OFFBOFF[^B]*$'
check "T2: of a script there are two execs" begins $W/script OFFBOFFB
echo 0 >$t/events/naive/enable
echo >$t/set_event_pid
echo >$t/kprobe_events
ends

# --- T8: an overlay and what it lies on
mkfs.ext4 -q "$(disk ext4)"
mount "$(disk ext4)" $W/low
echo x >$W/low/f
mount -t tmpfs none $W/tmpfs
mkdir $W/tmpfs/up $W/tmpfs/wd
mount -t overlay -o lowerdir=$W/low,upperdir=$W/tmpfs/up,workdir=$W/tmpfs/wd overlay $W/over
naive allow $W/over $W/low
open_one $W/over/f
if [ "$new" ]; then
	sleep 10
	check "T8: one reader for an overlay and what is below: the open hangs" held "$opener"
else
	check "T8: one reader for both is enough here" wait_for 20 gone "$opener"
fi
ends
wait_for 20 gone "$opener"
naive allow $W/low
open_one $W/over/f
wait_for 20 gone "$opener"
if [ "$old" ]; then
	check "T8: who watches what is below alone is not asked" test "$(asked)" = 0
else
	check "T8: who watches what is below alone is asked here" test "$(asked)" != 0
fi
ends
umount $W/over

# --- T9: a queue with a limit, no descriptors
limit=$(cat /proc/sys/fs/fanotify/max_queued_events)
echo 4 >/proc/sys/fs/fanotify/max_queued_events
naive idle $W/low
echo "$limit" >/proc/sys/fs/fanotify/max_queued_events
openers=
for i in 1 2 3 4 5 6 7 8; do open_one $W/low/f; openers="$openers $opener"; done
passed() { n=0; for o in $openers; do ! gone "$o" || n=$((n + 1)); done; [ $n = "$1" ]; }
check "T9: more than the queue takes are let in, and nobody was asked" wait_for 20 passed 4
ends
check "T10: who waits for a gate that dies is let in" wait_for 20 passed 8
naive few $W/low
check "T9: without descriptors the kernel refuses" exits 1 /vm/probe open $W/low/f
ends
check "T9: ... that one" /vm/probe open $W/low/f

# --- T10: somebody else has the gate's descriptor
naive child $W/low
wait_for 20 grep -q '^child' "$said"
child=$(sed -n 's/^child //p' "$said")
ends
open_one $W/low/f
sleep 5
check "T10: a child that has it lets everybody wait" held "$opener"
kill -9 "$child"
check "T10: until it ends" wait_for 20 gone "$opener"

# --- T12: it is not asked again, and the kernel does not tell of each change
naive cache $W/low
cat $W/low/f >/dev/null
check "T12: asked once" test "$(asked)" = 1
/vm/probe mmap-write $W/low/f
cat $W/low/f >/dev/null
check "T12: and not again, when it was changed through a mapping" test "$(asked)" = 1
ends

# --- T21: a gate that logs before it answers, and who writes the log is held
/vm/openers make $W/low 100 200 0
/vm/naive logger $W/low >/tmp/said.logger 2>&1 &
logger=$!
wait_for 20 grep -q ready /tmp/said.logger
naive log $W/low
/vm/openers read $W/low 100 200 64 >/dev/null 2>&1 &
storm=$!
sleep 10
check "T21: a gate and a log that wait for each other" held "$storm"
ends
check "T21: until the gate is ended" wait_for 30 gone "$storm"
kill -9 $logger

# --- T28: a program that runs is written to, as somebody watches for its content
cp /bin/sleep $W/low/sleep
$W/low/sleep 300 &
sleeper=$!
wait_for 20 grep -q sleep /proc/$sleeper/comm
check "T28: a program that runs is not written" exits 26 /vm/probe write $W/low/sleep
if [ "$new" ]; then
	kill -9 $sleeper
	naive content $W/low
	$W/low/sleep 300 &
	sleeper=$!
	wait_for 20 grep -q sleep /proc/$sleeper/comm
	check "T28: but where somebody watches its content it is" /vm/probe write $W/low/sleep
	kill -9 $sleeper
	ends
fi
