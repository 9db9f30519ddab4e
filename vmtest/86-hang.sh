# SPDX-License-Identifier: GPL-2.0-or-later
# imad stands still: nobody waits for ever, without a process 1 that could help. First without the process that watches it,
# where whoever opens a new file waits until somebody ends imad by hand.
# kernels: 6.12
# also: 7.2
# time: 240
. /vm/lib.sh

mounts
W=/test
mkdir -p $W
printf 'measure func=FILE_CHECK mask=^MAY_READ fowner=10001\n' >/tmp/policy
list=/run/imad/ascii_runtime_measurements
new() { for f; do echo "$f" >$W/"$f" && chown 10001 $W/"$f"; done; } # nobody has seen them
config() { printf '[gate]\nhold = open\nwatchdog = %s\n' "$1" >/tmp/conf; }
children() { tr -d ' ' <"/proc/$imad_pid/task/$imad_pid/children"; }
another() { [ -n "$(children)" ] && [ "$(children)" != "$1" ]; }
alive() { kill -0 "$1" 2>/dev/null; }
# Opens a file that nobody knows while imad stands still; in the background, to be waited for as $opener.
opens() { (exec 3<$W/"$1" && cat <&3 >/dev/null) & opener=$!; }
ended() { ! alive "$1"; }

# --- red: nobody watches
config off
new red green last
start_imad --config /tmp/conf --policy /tmp/policy
sleep 0 # it is known: else this script would wait, too
check "off: no child" test -z "$(children)"
kill -STOP "$imad_pid"
opens red
sleep 15
check "off: after 15 s it still waits" alive "$opener"
kill -KILL "$imad_pid"
check "off: it goes on when imad is ended" wait_for 30 ended "$opener"
wait "$imad_pid" 2>/dev/null || :

# --- it is watched
config 10s
start_imad --config /tmp/conf --policy /tmp/policy
watcher=$(children)
check "one child" test "$(cat /proc/$watcher/comm)" = imad-watcher
check "which has no descriptor but its parent's and stderr" test "$(ls /proc/$watcher/fd | tr '\n' ' ')" = "2 3 "
check "it is in memory" sh -c "! grep -q '^VmLck:[^0-9]*0 kB' /proc/$watcher/status"
kill -KILL $watcher
check "if it is ended there is another one" wait_for 30 another $watcher
watcher=$(children)
sleep 0
kill -STOP "$imad_pid"
opens green
check "whoever waits for imad goes on" wait_for 60 ended "$opener"
got=0
wait "$imad_pid" 2>/dev/null || got=$?
check "imad was killed" test $got = 137
check "and it was said why" grep -q 'imad hangs: it was killed' /vm/imad.log
check "the watcher is gone" wait_for 30 ended "$watcher"
check "another imad goes on" start_imad --config /tmp/conf --policy /tmp/policy
cat $W/last
imactl sync
for f in red green last; do check "$f is in the list" grep -q " $W/$f\$" $list; done
check "and that there was none for a time" grep -q ' imad:gap:' $list
check "list and PCR agree" imactl verify
sleep 15
check "an imad that works is not killed" alive "$imad_pid"
check "stop" stop_imad
