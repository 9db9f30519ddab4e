# SPDX-License-Identifier: GPL-2.0-or-later
# A storm of all at once: execs, opens, writes, mounts, namespaces of plain users, policies loaded, and every 20 s imad is
# killed and started again. Whatever comes, what is wrong never runs, what is right does while there is an imad, nobody is held as
# long as the deadline, and list and PCR agree at the end.
#
# A minute here; CMDLINE="SEED=7 DURATION=300" SLOW=4 vmtest/run soak has five of what SEED makes of it.
# kernels: 7.2
# also: 6.1 6.12
# protect: no
# time: 300
. /vm/lib.sh

W=/test
mounts
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"; }
seed=$(word SEED)
seed=${seed:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
duration=$(word DURATION)
duration=${duration:-60}
echo "seed $seed, $duration s"

mkdir -p $W/low
chmod 777 $W
cat >/tmp/policy.0 <<'END'
measure func=BPRM_CHECK
measure func=FILE_CHECK mask=MAY_READ fowner=10003
appraise func=BPRM_CHECK fowner=10001
appraise func=MMAP_CHECK fowner=10001
END
{ cat /tmp/policy.0; echo 'measure func=MMAP_CHECK mask=MAY_EXEC fowner=10004'; } >/tmp/policy.1
printf '[gate]\nhold = open\ndeadline = 30s\n' >/tmp/conf
for n in good bad; do
	cp /bin/true $W/low/$n
	echo $n >>$W/low/$n
	evmctl ima_hash -a sha256 $W/low/$n >/dev/null 2>&1
	chown 10001 $W/low/$n
	chmod 755 $W/low/$n
done
setfattr -n security.ima -v 0x04040000000000000000000000000000000000000000000000000000000000000000 $W/low/bad
cp --preserve=all $W/low/good $W/written
begin() { start_imad --appraise enforce --policy /tmp/policy.0 --config /tmp/conf; }
status() { imactl status --json | grep -o "\"$1\": *[0-9]*" | grep -o '[0-9]*$' | tail -n 1; }
check "start" begin

# --- what goes on at once. Each writes down what was wrong, and how often it was there.
# What runs ends well. What is right is judged only if there was an imad all the time.
mkdir /tmp/wrong /tmp/turns
turn() { echo >>/tmp/turns/$1; }
right() {
	before=$(cat /tmp/dead) got=0
	sh -c "$1" 2>/dev/null || got=$?
	[ $got != 0 ] || return 0
	[ "$before" = no ] && [ "$(cat /tmp/dead)" = no ] && [ "$(cat /tmp/deaths)" = "$deaths" ] || return 0
	echo "$1: $got" >>/tmp/wrong/right
}
wrong() {
	got=0
	"$@" 2>/dev/null || got=$?
	[ $got != 0 ] || echo "$*" >>/tmp/wrong/wrong
}
over="mount -t tmpfs none /mnt && mkdir /mnt/u /mnt/w /mnt/m && mount -t overlay -o userxattr,lowerdir=$W/low,upperdir=/mnt/u,workdir=/mnt/w none /mnt/m"
execs() {
	deaths=$(cat /tmp/deaths)
	right $W/low/good
	wrong sh -c $W/low/bad
	wrong sh -c "unshare -m sh -c 'mount --bind $W/low /mnt && exec /mnt/bad'"
}
opens() {
	i=$((${i:-1000} + 10))
	/vm/openers make $W $i 10 10003
	/vm/openers read $W $i 10 4 >>/tmp/slow || echo "somebody waits" >>/tmp/wrong/opens
}
writes() { # the label is of another content now, and then again of this one
	printf x >>$W/written
	wrong sh -c $W/written
	cat $W/low/good >$W/written
}
namespaces() { wrong setpriv --reuid=1000 --regid=1000 --clear-groups unshare -Urm sh -c "$over && exec /mnt/m/bad"; }
disks() { unshare -m sh -c "mount -t tmpfs none /mnt && cp --preserve=all $W/low/good /mnt/p && /mnt/p" || :; }
policies() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	timeout 60 imactl policy load /tmp/policy.$((seed / 65536 % 2)) || :
	sleep $((seed / 1024 % 4))
}
echo no >/tmp/dead
echo 0 >/tmp/deaths
for s in execs opens writes namespaces disks policies; do
	( while [ ! -e /tmp/stop ]; do $s; turn $s; done ) >/dev/null 2>&1 &
	storms="$storms $!"
done

# --- who dies meanwhile
end=$(($(date +%s) + duration))
n=0
while sleep 20 && [ "$(date +%s)" -lt $end ]; do
	echo yes >/tmp/dead
	n=$((n + 1))
	echo $n >/tmp/deaths
	kill -9 "$imad_pid"
	wait "$imad_pid" 2>/dev/null || :
	begin || { check "start after death $n" false; break; }
	echo no >/tmp/dead
done
touch /tmp/stop
for s in $storms; do check "nobody is held" wait_for 90 [ ! -e /proc/$s/exe ]; done
wait $storms || :
imactl sync

for s in execs opens writes namespaces disks policies; do check "$s: $(wc -l </tmp/turns/$s) turns" test -s /tmp/turns/$s; done
check "it died, $n times" test $n -ge 1
cat /tmp/wrong/* 2>/dev/null | sort | uniq -c | head -n 5
check "what is wrong never ran" test ! -e /tmp/wrong/wrong
check "what is right did" test ! -e /tmp/wrong/right
slowest=$(sed -n 's/.* slowest \([0-9]*\) ms$/\1/p' /tmp/slow | sort -n | tail -n 1)
check "nobody waited as long as the deadline: $slowest ms" test "$slowest" -lt 30000 -a ! -e /tmp/wrong/opens
check "the deadline never came" test "$(status timeouts)" = 0
imactl list --count >/tmp/count
check "records are counted as they are" test "$(cat /tmp/count)" = "$(wc -l </run/imad/ascii_runtime_measurements)"
check "list and PCR agree" imactl verify
check "snapshot" snapshot /run/imad /tmp/snap
check "evmctl: the list gives PCR 10" evm_matches sha256 /tmp/snap/list /tmp/snap/pcrs.sha256
check "stop" stop_imad
