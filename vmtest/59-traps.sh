# SPDX-License-Identifier: GPL-2.0-or-later
# Appraisal is not got round: each way of changing a file, or of executing it, that a guard could overlook,
# one after the other. What chance finds is in 58-races.
# kernels: 6.1 7.2
# also: 6.12
# disk: btrfs 128M
# time: 240
. /vm/lib.sh

W=/test
mounts
cat >/tmp/policy <<'END'
appraise func=BPRM_CHECK fowner=10001
appraise func=MMAP_CHECK fowner=10001
END
mkdir -p $W/ext4 $W/btrfs $W/low $W/up $W/wd $W/over
mkfs.btrfs -q -f "$(disk btrfs)" >/dev/null 2>&1
mount "$(disk btrfs)" $W/btrfs
chmod 777 $W $W/*

/vm/race good $W/good
label() { evmctl ima_hash -a sha256 "$1" >/dev/null 2>&1; }
label $W/good
right=$(getfattr -e hex --only-values -n security.ima $W/good | xxd -p -c 100)
fill() { cat $W/good >"$1" && setfattr -n security.ima -v "0x$right" "$1" && chown 10001 "$1" && chmod 755 "$1"; }
restore() { cat $W/good >"$1"; }
# The program's own exit status is 1; 13 is EACCES, 26 ETXTBSY, 1 of mprotect EPERM.
runs() { exits 1 /vm/probe exec "$1" && /vm/probe mmap-exec "$1"; }
denied() { exits 13 /vm/probe exec "$1" 2>/dev/null && exits 13 /vm/probe mmap-exec "$1" 2>/dev/null; }
held() { # somebody can write it: on some kernels executing it is refused before anybody asks
	got=0
	/vm/probe exec "$1" 2>/dev/null || got=$?
	case $got in 13 | 26) exits 13 /vm/probe mmap-exec "$1" 2>/dev/null ;; *) echo "  exec: $got"; return 1 ;; esac
}
try() { "$@" 2>/dev/null && got=0 || got=$?; }
not_busy() { try /vm/probe exec "$1"; [ $got != 26 ]; }

for f in $W/ext4/p $W/btrfs/p $W/low/a $W/low/b $W/low/p $W/low/bad; do fill $f; done
echo >>$W/low/bad
mount -t overlay -o lowerdir=$W/low,upperdir=$W/up,workdir=$W/wd overlay $W/over
# --- without imad all of it is used as it is
check "without imad: changed in the lower layer" exits 1 /vm/probe exec $W/over/bad
check "without imad: in memory, not sealed" exits 1 /vm/probe memfd-exec $W/low/bad
check "without imad: half sealed" exits 1 /vm/traps half-sealed $W/low/bad
check "without imad: mprotect" /vm/probe mprotect-exec $W/low/bad
check "without imad: mprotect of an overlay's file" /vm/probe mprotect-exec $W/over/bad
check "without imad: when reading implies executing" /vm/traps implied-later $W/low/bad
check "without imad: shared memory of System V" /vm/traps shm -
cp /bin/true $W/free && echo >>$W/free
check "without imad: ld.so and another program" /lib64/ld-linux-x86-64.so.2 $W/free
mkfifo /tmp/fifo
/vm/probe hold-mapped $W/ext4/p </tmp/fifo >/tmp/held &
exec 6>/tmp/fifo
wait_for 10 grep -q held /tmp/held
check "without imad: mapped for writing, and executable" /vm/probe mmap-exec $W/ext4/p
exec 6>&-
wait $!
rm /tmp/fifo /tmp/held
changed=0 used=0
for way in $(/vm/change ways); do
	restore $W/ext4/p
	/vm/change "$way" $W/ext4/p 2>/dev/null || continue
	changed=$((changed + 1))
	! /vm/probe mmap-exec $W/ext4/p || used=$((used + 1))
done
check "without imad: changed in $changed ways, and used" test $changed -ge 15 -a $used = $changed
restore $W/ext4/p

# First a policy under which accesses are held, which on newer kernels lets running programs be written.
echo 'measure func=BPRM_CHECK fowner=10001' >/tmp/measure
start_imad --appraise enforce --policy /tmp/measure
check "a policy that appraises" imactl policy load /tmp/policy
cp /bin/sleep $W/ext4/sleep
$W/ext4/sleep 60 &
wait_for 10 grep -q sleep /proc/$!/comm
check "a program that runs is not written" exits 26 /vm/probe write $W/ext4/sleep
kill $!

# --- content, by every way, on three filesystems
for d in ext4 btrfs over; do
	f=$W/$d/p
	check "$d: runs" runs $f
	for way in $(/vm/change ways); do
		restore $f
		[ "$(cmp $f $W/good && echo same)" = same ] || echo "not restored"
		try /vm/change "$way" $f
		case $got in
		0)
			wait_for 20 not_busy $f || echo "still open for write" # io_uring closes after its process has ended
			check "$d, $way: denied" denied $f
			;;
		95 | 22) check "$d, $way: there is none, and it runs" runs $f ;;
		*) check "$d, $way: changed ($got)" false ;;
		esac
	done
	restore $f
	check "$d: runs again" runs $f
done

# --- writers
for d in ext4 btrfs over; do
	f=$W/$d/p
	exec 5>>$f
	check "$d: not while somebody can write" held $f
	exec 5>&-
	check "$d: and again when nobody can" runs $f
	# A mapping without a descriptor; its store is taken back, so content and label agree.
	mkfifo /tmp/fifo
	/vm/probe hold-mapped $f </tmp/fifo >/tmp/held &
	exec 6>/tmp/fifo
	wait_for 10 grep -q held /tmp/held
	/vm/probe mmap-write $f
	check "$d: not while it is mapped for writing" held $f
	exec 6>&-
	wait $!
	rm /tmp/fifo /tmp/held
	check "$d: and again when it is not" runs $f
done
modprobe loop
loop=$(losetup -f --show $W/ext4/p)
check "not while it is a loop device" held $W/ext4/p
dd if=/dev/zero of=$loop bs=512 count=1 seek=7 conv=notrunc oflag=direct 2>/dev/null
losetup -d $loop
no_loop() { [ -z "$(losetup -j $W/ext4/p)" ]; }
wait_for 20 no_loop # it is taken apart a little later, and until then can write
check "changed through a loop device" denied $W/ext4/p
restore $W/ext4/p

# --- beneath an overlay
check "lower file" runs $W/over/a
check "bad lower file" denied $W/over/bad
echo x >>$W/low/a
check "changed beneath" denied $W/over/a
restore $W/low/a
check "and back" runs $W/over/a
exec 5>>$W/low/a
check "not while somebody can write beneath" denied $W/over/a
exec 5>&-
check "and again when nobody can" runs $W/over/a
setfattr -x security.ima $W/low/a
check "label removed beneath" denied $W/over/a
setfattr -n security.ima -v "0x$right" $W/low/a
check "and set" runs $W/over/a
check "another lower file" runs $W/over/b
chmod 750 $W/over/b
check "copied up" test -f $W/up/b
check "runs as before" runs $W/over/b
/vm/probe mmap-write $W/up/b
check "changed in the upper layer" denied $W/over/b
restore $W/up/b
check "and back" runs $W/over/b

# --- mappings that become executable
f=$W/ext4/p
check "mprotect" exits 1 /vm/probe mprotect-exec $f
check "mprotect when reading implies executing" exits 1 /vm/traps implied-later $f
check "reading that implies executing" /vm/probe implied-exec $f
check "mprotect of an overlay's file" exits 1 /vm/probe mprotect-exec $W/over/a
echo x >>$f
check "the same, changed" exits 13 /vm/probe implied-exec $f
restore $f

# --- loaders
loader=$(readlink -f /lib64/ld-linux-x86-64.so.2)
library=$(ls /lib/x86_64-linux-gnu/libm.so.6)
for n in good bad; do
	cp /bin/true $W/ext4/$n
	cp -L "$library" $W/ext4/$n.so
	for x in $W/ext4/$n $W/ext4/$n.so; do label $x; chown 10001 $x; done
done
echo >>$W/ext4/bad
echo >>$W/ext4/bad.so
preloaded() { LD_PRELOAD=$W/ext4/$1 cat /proc/self/maps 2>/dev/null | grep -q "r-xp.*$1"; }
check "ld.so and a good program" $loader $W/ext4/good
check "ld.so and a bad program" exits 127 $loader $W/ext4/bad
check "a good library" preloaded good.so
check "a bad library" exits 1 preloaded bad.so

# --- labels that are set meanwhile, to what they are: nobody is killed half-way
label "$loader"
chown 10001 "$loader"
fill $W/ext4/p
for x in $W/ext4/p "$loader"; do
	/vm/traps relabel $x &
	relabel=$!
	bad=0 denials=0
	for i in $(seq 30); do
		for program in $W/ext4/p /bin/true; do
			try $program
			[ $got -lt 128 ] || bad=$((bad + 1))
			[ $got -lt 126 ] || denials=$((denials + 1))
		done
	done
	kill $relabel
	check "executed while the label of ${x##*/} is set: $bad killed, $denials not executed" test $bad = 0
done

# --- what is forgotten is looked at again
bad=0
for i in $(seq 10); do
	echo 3 >/proc/sys/vm/drop_caches
	runs $W/ext4/p || bad=$((bad + 1))
done
check "after drop_caches: $bad denied" test $bad = 0
setfattr -x security.ima $W/ext4/p
check "label removed" denied $W/ext4/p
setpriv --reuid=1000 --regid=1000 --clear-groups setfattr -x security.ima $W/btrfs/p 2>/dev/null || :
check "by who may not" runs $W/btrfs/p

# --- memory
cat >/tmp/memory <<'END'
appraise func=BPRM_CHECK fowner=10001
appraise func=MMAP_CHECK fowner=10001
appraise func=BPRM_CHECK fsmagic=0x1021994
appraise func=MMAP_CHECK fsmagic=0x1021994
END
check "a policy for memory" imactl policy load /tmp/memory
fill $W/ext4/p
check "unknown, sealed" exits 13 /vm/probe sealed-exec /vm/uses
check "known as a file" runs $W/ext4/p
check "known, sealed" exits 1 /vm/probe sealed-exec $W/ext4/p
check "known, not sealed" exits 13 /vm/probe memfd-exec $W/ext4/p
check "known, half sealed" exits 13 /vm/traps half-sealed $W/ext4/p
check "tried, changed and sealed" exits 13 /vm/traps late-sealed $W/ext4/p
check "labelled and sealed" exits 1 /vm/traps labelled $W/ext4/p
check "shared memory of System V" exits 13 /vm/traps shm -
cp $W/good /tmp/good
check "a file on tmpfs without a label" exits 13 /vm/probe exec /tmp/good
setfattr -n security.ima -v "0x$right" /tmp/good
check "and with one" exits 1 /vm/probe exec /tmp/good

imactl sync
told() { check "cause $1 $2" grep -q "integrity_data .* cause=$1 .* name=\"[^\"]*$2\"" /vm/imad.log; }
told not-sealed memfd:probe
told open-writers over/a
told failed-mprotect p
check "stop" stop_imad
sed -n 's/.*integrity_data .* cause=\([^ ]*\) .*/  \1/p' /vm/imad.log | sort | uniq -c
