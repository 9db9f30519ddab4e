# SPDX-License-Identifier: GPL-2.0-or-later
# The same work under the kernel's own IMA (boot A) and under imad (B holds at the first access, C at
# open): the records are the same, those of violations too; what only one side has must fall under a
# rule that is written down here, in explained().
# kernels: 6.1 7.2
# also: 6.12
# time: 240
# boots: A B C
# cmdline: ima_template=ima-ng
# cmdline-A: ima_policy=tcb
# disk: xfs 320M
# disk: btrfs 128M
. /vm/lib.sh

W=/test
user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }

# make NAME [CONTENT]: a file of its own content, which a plain user can read.
make() { echo "${2:-content of $1}" >"$W/$1"; }

# --- the work, one concern a function; a name says what IMA is expected to see

executed() {
	cp /bin/true $W/exec
	$W/exec
	cp /bin/true $W/exec-user
	user $W/exec-user
	cp /bin/true $W/exec-fd
	/vm/probe fd-exec $W/exec-fd
	/vm/probe memfd-exec /bin/true
	cp /bin/true $W/exec-late
	exec 4<$W/exec-late
	/proc/self/fd/4
	exec 4<&-
	make exec-no-program "no program, and no #!"
	chmod +x $W/exec-no-program
	! /vm/probe exec $W/exec-no-program || return 1
	make exec-text-user "exit 0"
	chmod +x $W/exec-text-user
	user sh -c $W/exec-text-user
}

scripts() {
	printf '#!/bin/sh\nexit 0\n' >$W/script
	printf '#!/bin/sh\n# user\nexit 0\n' >$W/script-user
	printf '#!%s/script\nnothing\n' $W >$W/script-of-script
	printf 'exit 0 # as an argument\n' >$W/script-argument
	printf ': # sourced\n' >$W/script-sourced
	printf 'pass # python\n' >$W/script-python
	chmod +x $W/script $W/script-user $W/script-of-script
	$W/script
	user $W/script-user
	$W/script-of-script
	sh $W/script-argument
	. $W/script-sourced
	python3 -IS $W/script-python
	printf '#!/bin/sh\nexit 0 # by descriptor\n' >$W/script-fd
	chmod +x $W/script-fd
	! /vm/probe fd-exec $W/script-fd || return 1
}

libraries() {
	lib=/usr/lib/x86_64-linux-gnu/libattr.so.1
	for who in root user; do
		cp $lib $W/lib-$who.so
		echo $who >>$W/lib-$who.so
	done
	LD_PRELOAD=$W/lib-root.so /bin/true
	user env LD_PRELOAD=$W/lib-user.so /bin/true
}

mapped() {
	for how in mmap-exec mmap-read mprotect-exec implied-exec; do
		make $how
		make $how-user
		/vm/probe $how $W/$how
		user /vm/probe $how $W/$how-user
	done
	cp /bin/false $W/mmap-exec-elf-user
	user /vm/probe mmap-exec $W/mmap-exec-elf-user
}

read_files() {
	make read
	make read-user
	make read-user-then-root
	make read-root-then-user
	make read-uring
	make read-rdwr
	make read-rdwr-user
	cat $W/read
	user cat $W/read-user $W/read-user-then-root
	cat $W/read-user-then-root $W/read-root-then-user
	user cat $W/read-root-then-user
	/vm/probe io_uring-open $W/read-uring
	/vm/probe rdwr $W/read-rdwr
	chmod 666 $W/read-rdwr-user
	user /vm/probe rdwr $W/read-rdwr-user
	: >$W/read-empty
	cat $W/read-empty
	head -c 3000000 /dev/zero >$W/read-large
	cat $W/read-large >/dev/null
	make read-sendfile
	busybox cat $W/read-sendfile
	cp $W/read $W/copied
	make read-inherited-by-user
	user cat <$W/read-inherited-by-user
	cp /bin/false $W/read-elf-user
	user cat $W/read-elf-user >/dev/null
	make opened-only
	/vm/probe open $W/opened-only
	make opened-rdwr-only
	exec 4<>$W/opened-rdwr-only
	exec 4<&-
	make rdwr-written-then-read
	exec 4<>$W/rdwr-written-then-read
	echo new >&4
	cat <&4
	exec 4<&-
	make truncated-and-read
	python3 -ISc "f = open('$W/truncated-and-read', 'w+'); f.read()"
	make truncated
	: >$W/truncated
	make written
	/vm/probe write $W/written
}

names() {
	make "name with  blanks "
	make "name	tab"
	make "name
newline"
	make "$(printf 'name\001\033[1mcontrol')"
	make "$(printf 'name-\303\244\377')"
	make "name (deleted)"
	make "mapped name (deleted)"
	make "\"quoted\\name'"
	for f in $W/name* $W/*quoted*; do cat "$f"; done
	/vm/probe mmap-read "$W/mapped name (deleted)"
	c=$(printf '%0200d' 0)
	mkdir -p $W/$c/$c/$c
	make $c/$c/$c/read
	make $c/$c/$c/map
	cp /bin/true $W/$c/$c/$c/exec
	cat $W/$c/$c/$c/read
	/vm/probe mmap-read $W/$c/$c/$c/map
	$W/$c/$c/$c/exec
	# longer than PATH_MAX: IMA has the last component only
	( cd $W
	  i=0
	  while [ $i -lt 24 ]; do
		mkdir -p $c
		cd -P $c
		i=$((i + 1))
	  done
	  echo far >far-read
	  cp /bin/true far-exec
	  echo far map >far-map
	  cat far-read
	  ./far-exec
	  /vm/probe mmap-read far-map )
}

links() {
	make target
	ln -s target $W/symlink
	cat $W/symlink
	make hard
	ln $W/hard $W/hardlink
	cat $W/hardlink $W/hard
	make reopened
	exec 4<$W/reopened
	cat /proc/self/fd/4
	exec 4<&-
	make renamed-before
	mv $W/renamed-before $W/renamed
	cat $W/renamed
	make again
	cat $W/again
	mv $W/again $W/again-renamed
	cat $W/again-renamed
}

gone() {
	for f in deleted deleted-mapped renamed-open; do make $f; done
	cp /bin/true $W/deleted-exec
	exec 4<$W/deleted 5<$W/deleted-mapped 6<$W/deleted-exec 7<$W/renamed-open
	mv $W/renamed-open $W/renamed-open-after
	rm $W/deleted $W/deleted-mapped $W/deleted-exec
	cat <&4
	/vm/probe mmap-read /proc/self/fd/5
	/proc/self/fd/6
	cat <&7
	exec 4<&- 5<&- 6<&- 7<&-
}

namespaces() {
	mkdir -p $W/bound $W/jail $W/elsewhere $W/container/old $W/container/vm
	make bound/read
	make bound/map
	cp /bin/true $W/bound/exec
	unshare -m sh -ec "mount --bind $W/bound $W/elsewhere; cat $W/elsewhere/read; $W/elsewhere/exec; /vm/probe mmap-read $W/elsewhere/map"
	cp /bin/busybox /vm/probe $W/jail
	make jail/read
	make jail/map
	chroot $W/jail /busybox cat /read
	chroot $W/jail /probe mmap-read /map
	cp /bin/busybox /vm/probe $W/container
	make container/read
	make container/map
	unshare -m sh -ec "mount --bind $W/container $W/container; cd $W/container; pivot_root . old
		./busybox cat /read; ./probe mmap-read /map; ./busybox umount -l /old; ./busybox cat /read"
	make lazy
	mkdir $W/lazy-mount
	mount --bind $W $W/lazy-mount
	make detached
	exec 4<$W/lazy-mount/lazy 5<$W/lazy-mount
	umount -l $W/lazy-mount
	cat <&4
	cat /proc/self/fd/5/detached
	exec 4<&- 5<&-
}

setuid() {
	make secret
	chmod 600 $W/secret
	cp /vm/probe $W/setuid-probe
	chmod 4755 $W/setuid-probe
	user $W/setuid-probe read $W/secret
	make setuid-map
	chmod 600 $W/setuid-map
	user $W/setuid-probe mmap-read $W/setuid-map
}

modules() {
	modprobe xfs
	modprobe btrfs
	modprobe overlay
}

changes() {
	make changed
	cat $W/changed
	make changed "second"
	cat $W/changed
	make changed
	cat $W/changed
	make changed "third"
	cat $W/changed
	make same "one content"
	make same-too "one content"
	cat $W/same $W/same-too
	cp /bin/true $W/changed-exec
	$W/changed-exec
	echo >>$W/changed-exec
	$W/changed-exec
	/vm/probe truncate $W/changed
	cat $W/changed
	chmod 600 $W/changed
	chown 1000 $W/changed
	touch $W/changed
	cat $W/changed
	# opened for writing, nothing written
	exec 4>>$W/changed
	exec 4>&-
	cat $W/changed
	rm $W/changed
	make changed "another inode"
	cat $W/changed
}

# Labelled where nothing is measured: evmctl reads what it labels.
labels() {
	L=/tmp/labels
	mkdir -p $L
	openssl ecparam -name prime256v1 -genkey -noout -out /tmp/key 2>/dev/null
	for f in sha512 sha1 signed garbage short changed; do echo $f >$L/label-$f; done
	evmctl ima_hash -a sha512 $L/label-sha512
	evmctl ima_hash -a sha1 $L/label-sha1
	evmctl ima_sign -a sha384 --key /tmp/key $L/label-signed
	setfattr -n security.ima -v 0x04ff00 $L/label-garbage
	setfattr -n security.ima -v 0x03 $L/label-short
	evmctl ima_hash -a sha512 $L/label-changed
	cp --preserve=xattr $L/label-* $W
	cat $W/label-*
	evmctl ima_hash -a sha384 $W/label-changed
	cat $W/label-changed
	echo more >>$W/label-changed
	cat $W/label-changed
}

violations() {
	make open-writer
	exec 4>>$W/open-writer
	cat $W/open-writer
	exec 4>&-
	make written-after-reader
	exec 4>>$W/written-after-reader
	cat $W/written-after-reader
	echo more >&4
	exec 4>&-
	cat $W/written-after-reader
	make tomtou
	exec 4<$W/tomtou
	cat <&4
	echo more >>$W/tomtou
	exec 4<&-
	cat $W/tomtou
	make open-writer-user
	exec 4>>$W/open-writer-user
	user cat $W/open-writer-user
	exec 4>&-
	make tomtou-user
	user sh -c "exec 4<$W/tomtou-user; read x <&4; echo >/tmp/held-user; exec sleep 9" &
	wait_for 5 test -s /tmp/held-user
	echo more >>$W/tomtou-user
	kill $!
	wait $! || :
	make mapped-writer
	mkfifo $W/hold
	/vm/probe hold-mapped $W/mapped-writer <$W/hold >/tmp/held &
	exec 4>$W/hold
	wait_for 5 test -s /tmp/held
	cat $W/mapped-writer
	exec 4>&-
	wait $!
	cat $W/mapped-writer
}

filesystems() {
	mkdir -p $W/xfs $W/btrfs $W/tmpfs $W/low $W/up $W/wd $W/over
	mount "$(disk xfs)" $W/xfs
	mount "$(disk btrfs)" $W/btrfs
	mount -t tmpfs tmpfs $W/tmpfs
	make low/read
	make low/copied-up
	make low/map
	cp /bin/true $W/low/exec
	mount -t overlay -o lowerdir=$W/low,upperdir=$W/up,workdir=$W/wd overlay $W/over
	for fs in xfs btrfs tmpfs over; do
		make $fs/new
		cat $W/$fs/new
		cat $W/$fs/new
		cp /bin/true $W/$fs/new-exec
		$W/$fs/new-exec
		user $W/$fs/new-exec
	done
	cat $W/over/read $W/over/copied-up
	/vm/probe mmap-read $W/over/map
	$W/over/exec
	echo more >>$W/over/copied-up
	cat $W/over/copied-up
	umount $W/xfs $W/btrfs $W/tmpfs $W/over
}

work() {
	umask 022
	mkdir -p $W
	mkfs.xfs -q -f "$(disk xfs)"
	mkfs.btrfs -q -f "$(disk btrfs)"
	for part in executed scripts libraries mapped read_files names links gone namespaces setuid modules changes \
		labels violations filesystems; do
		echo "# $part"
		$part >$OUT
	done
	imactl --version
	imad --version
}

mounts
OUT=/tmp/out # on tmpfs: not measured
case $BOOT in
A) from=/sys/kernel/security/ima ;;
B) from=/run/imad && start_imad --policy tcb ;;
C) from=/run/imad && printf '[gate]\nhold = open\n' >/tmp/conf && start_imad --config /tmp/conf --policy tcb ;;
esac
cat $from/runtime_measurements_count >/tmp/before
check "the work" exits 0 work
[ "$BOOT" = A ] || imactl sync
check "snapshot" snapshot $from "$RESULTS/$BOOT"
cp /tmp/before "$RESULTS/$BOOT/before"
for bank in sha1 sha256; do
	check "evmctl: the list gives PCR 10 in $bank" evm_matches $bank "$RESULTS/$BOOT/list" "$RESULTS/$BOOT/pcrs.$bank"
done
[ "$BOOT" != A ] || exit 0
cat >/tmp/compare.py <<'END'
import os, re, struct, sys
from collections import Counter

def records(path):
	"""(file digest, name, template digest) of each record of a binary list."""
	data, at, out = open(path, "rb").read(), 0, []
	def take(n):
		nonlocal at
		at += n
		assert at <= len(data)
		return data[at - n:at]
	def sized():
		return take(struct.unpack("<I", take(4))[0])
	while at < len(data):
		assert take(4) == b"\n\0\0\0", "PCR 10"
		digest, template, fields = take(20), sized(), sized()
		assert template == b"ima-ng", template
		n = struct.unpack("<I", fields[:4])[0]
		out.append((fields[4:4 + n].split(b"\0", 1)[1].hex(), fields[8 + n:].rstrip(b"\0"), digest.hex()))
	return out

# What may differ, why, and the names: (side, in which boot of imad, names). Each must be needed.
EXPLAINED = (
	("kernel", "B", rb"/test/opened(-rdwr)?-only", "opened, but nothing was read: no content was used"),
	("kernel", "B", rb"/test/(rdwr-written-then-read|truncated-and-read)", "changed by its reader between open and read"),
	("imad", "B", rb"/test/(rdwr-written-then-read|truncated-and-read)", "and so measured as it was read"),
	("kernel", "B", rb"/test/(renamed-open|lazy-mount/lazy)", "moved away between open and read"),
	("imad", "B", rb"/test/renamed-open-after|/?lazy", "and so named as it was read"),
	("imad", "BC", rb"/test/read-elf-user", "a plain user reads an ELF object: it may be mapped next"),
)
# The same, but not in every run.
SOMETIMES = (
	("kernel", "B", rb"/test/(jail|elsewhere)/map", "mapped, not read, and its user gone before imad looked:"),
	("imad", "B", rb"/map|/test/bound/map", "named from the root that its user had, or by our own path"),
)
boot = sys.argv[2][-1]
if tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 15):
	EXPLAINED += (("kernel", "BC", rb"memfd:probe|/test/tmpfs/new-exec",
		       "since 6.15 the built-in rule that leaves tmpfs out is for FILE_CHECK alone"),)
kernel, imad = records(sys.argv[1] + "/list"), records(sys.argv[2] + "/list")
before = int(open(sys.argv[1] + "/before").read())
rules = [r for r in EXPLAINED if boot in r[1]]
needed, bad = set(), 0

for side, extra in (("kernel", Counter(kernel) - Counter(imad)), ("imad", Counter(imad) - Counter(kernel))):
	for record in extra:
		why = [r for r in rules + list(SOMETIMES) if r[0] == side and re.fullmatch(r[2], record[1])]
		needed.update(why)
		if not why and not (side == "kernel" and kernel.index(record) < before):
			print("  only %s has %s" % (side, record))
			bad += 1
for r in set(rules) - needed:
	print("  needless rule:", *r)
	bad += 1
names = {r[1] for r in kernel} & {r[1] for r in imad}
print("  %d records of the kernel, %d of imad, %d names in both" % (len(kernel), len(imad), len(names)))
sys.exit(bad > 0 or len(names) < 120)
END
check "the kernel and imad agree" python3 -IS /tmp/compare.py "$RESULTS/A" "$RESULTS/$BOOT"
check "imad complains of nothing" exits 1 grep -E '^<[0-4]>' /vm/imad.log
