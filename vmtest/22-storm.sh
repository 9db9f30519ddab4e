# SPDX-License-Identifier: GPL-2.0-or-later
# Many at once: first execs and reads in parallel, files that change while they are used. Nobody is
# denied, nobody waits for the deadline, and list and PCR agree at the end.
# kernels: 6.12
# also: 7.2
# threads: multi
# time: 240
. /vm/lib.sh

start_imad --policy tcb
list=/run/imad/ascii_runtime_measurements
mkdir -p /test

# n copies that differ in content, so that each is measured
for i in $(seq 64); do
	cp /bin/true /test/t$i
	echo "$i" >>/test/t$i
done
pids=
for i in $(seq 64); do
	/test/t$i &
	pids="$pids $!"
done
failures=0
for p in $pids; do wait "$p" || failures=$((failures + 1)); done
check "64 first execs in parallel all run" test "$failures" = 0
check "and are all in the list" test "$(grep -c ' /test/t[0-9]*$' $list)" = 64

# one inode, many at once: one record
cp /bin/true /test/one
pids=
for i in $(seq 32); do
	/test/one &
	pids="$pids $!"
done
failures=0
for p in $pids; do wait "$p" || failures=$((failures + 1)); done
check "32 execs of one new file all run" test "$failures" = 0
check "and make one record" test "$(grep -c ' /test/one$' $list)" = 1

# writers against readers, as root and as a plain user
for i in 1 2 3 4; do echo 0 >/test/w$i; done
chmod 644 /test/w*
writer() { n=0; while [ $n -lt 60 ]; do n=$((n + 1)); echo "$1 $n" >/test/w$1; done; }
reader() { n=0; while [ $n -lt 60 ]; do n=$((n + 1)); cat /test/w$1 >/dev/null || return 1; done; }
pids=
for i in 1 2 3 4; do
	writer $i & pids="$pids $!"
	reader $i & pids="$pids $!"
	setpriv --reuid 1000 --regid 1000 --clear-groups sh -c "n=0; while [ \$n -lt 60 ]; do n=\$((n + 1)); read -r x </test/w$i || [ -z \"\$x\" ]; done" &
	pids="$pids $!"
done
failures=0
for p in $pids; do wait "$p" || failures=$((failures + 1)); done
check "readers and writers at once are never refused" test "$failures" = 0
imactl sync
for i in 1 2 3 4; do
	cat /test/w$i >/dev/null
	imactl sync
	d=$(sha256sum /test/w$i | cut -d' ' -f1)
	check "the last content of w$i is in the list" grep -q " sha256:$d /test/w$i$" $list
done

imactl status --json >/tmp/status
check "no deadline was needed" grep -Eq '"timeouts": ?0' /tmp/status
check "no event was lost" grep -Eq '"lost": ?0' /tmp/status
check "nobody is held any more" grep -Eq '"pending": ?0' /tmp/status
check "list and PCR agree" imactl verify
cat /vm/imad.log
tail -c 2000 /tmp/status
