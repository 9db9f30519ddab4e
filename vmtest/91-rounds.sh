# SPDX-License-Identifier: GPL-2.0-or-later
# Uses that begin anew until imad knows the file, and those that cannot: somebody sends SIGCONT all the time, imad stands
# still, and an open is io_uring's. Nobody goes round for ever, and no error of the kernel's own gets out. And somebody else
# watches content before it is used (Linux 6.14), so that programs are written while they run.
# kernels: 6.1 7.2
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
chmod 777 $W
cat >/tmp/policy <<'END'
measure func=FILE_CHECK mask=MAY_READ fowner=10003
appraise func=FILE_CHECK fowner=10002
appraise func=BPRM_CHECK fowner=10001
END
label() { evmctl ima_hash -a sha256 "$1" >/dev/null 2>&1; }
for i in 1 2 3 4; do /vm/race good $W/prog$i && echo $i >>$W/prog$i && label $W/prog$i ; done
for f in good good-async bad bad-async; do echo $f >$W/$f && label $W/$f && chown 10002 $W/$f; done
wrong=$(getfattr -e hex --only-values -n security.ima $W/good | xxd -p -c 100)
for f in bad bad-async; do setfattr -n security.ima -v "0x$wrong" $W/$f; done
for f in plain plain-async; do echo $f >$W/$f && chown 10003 $W/$f; done
list=/run/imad/ascii_runtime_measurements

check "T16: without imad a bad file is opened" /vm/probe io_uring-open $W/bad
check "T16: and by a thread of the ring's" /vm/probe io_uring-open-async $W/bad-async
start_imad --appraise enforce --policy /tmp/policy

# --- T16
check "T16: io_uring opens what is right" /vm/probe io_uring-open $W/good
check "T16: and by a thread of the ring's" /vm/probe io_uring-open-async $W/good-async
check "T16: not what is wrong" exits 13 /vm/probe io_uring-open $W/bad 2>/dev/null
check "T16: nor by a thread of the ring's" exits 13 /vm/probe io_uring-open-async $W/bad-async 2>/dev/null
imactl sync
grep 'integrity_data .*name="[^"]*bad' /vm/imad.log || :
check "T16: what was wrong is told with who asked" test "$(grep -cE 'integrity_data .*comm="(probe|iou-wrk-[0-9]+)" name="[^"]*bad' /vm/imad.log)" -ge 2
check "T16: a measured one" /vm/probe io_uring-open $W/plain
check "T16: and by a thread of the ring's" /vm/probe io_uring-open-async $W/plain-async
for f in plain plain-async; do
	check "T16: $f was held until it was in the list" grep -q " sha256:$(sha256sum <$W/$f | cut -d' ' -f1) $W/$f\$" $list
	imactl list --json --path $W/$f >/tmp/json
	check "T16: $f is not late" exits 1 grep -q '"kind":"late"' /tmp/json
done

# --- T23: on a filesystem that imad cannot see, and which no gate holds
elsewhere() { unshare -m sh -c "mount -t tmpfs none /mnt && { cp --preserve=all $1 /mnt/p || exit 9; } && exec /mnt/p"; }
restarts() { imactl status | awk '$1 == "restarts" { n += $2 } END { print n + 0 }'; }
pestered() { # PROGRAM, of which 1 is the status
	elsewhere "$1" &
	prog=$!
	while [ -e /proc/$prog/exe ]; do kill -CONT $prog 2>/dev/null || :; done
	exits 1 wait $prog
}
before=$(restarts)
check "T23: a program that nobody pesters runs" exits 1 elsewhere $W/prog1
for i in 1 2 3; do check "T23: a program that is sent SIGCONT all the time runs, $i" pestered $W/prog$i; done
check "T23: they went round" test "$(restarts)" -gt "$before"
unlock_imad
# What is needed while imad stands still is known by then: else the script itself would wait.
cat $W/prog4 >/dev/null
kill -STOP $imad_pid
got=0
elsewhere $W/prog4 2>/dev/null || got=$?
kill -CONT $imad_pid
check "T23: when nobody answers it is refused, and goes round no more" test $got = 126

# --- T28
cp /bin/sleep $W/sleep && label $W/sleep && chown 10001 $W/sleep
/vm/naive content $W >/tmp/said 2>&1 &
watcher=$!
busy=0
wait_for 5 grep -q ready /tmp/said || busy=26
$W/sleep 600 &
sleeper=$!
wait_for 20 grep -q sleep /proc/$sleeper/comm
check "T28: a program that runs is written where somebody watches content ($busy)" exits $busy /vm/probe write $W/sleep
case $(uname -r) in 7.*) check "T28: somebody does" test $busy = 0 ;; esac
[ $busy = 26 ] || check "T28: and is not executed then" exits 126 sh -c "$W/sleep 0" 2>/dev/null
kill $sleeper
kill $watcher 2>/dev/null || :
check "list and PCR agree" imactl verify
check "stop" stop_imad
