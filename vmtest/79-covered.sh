# SPDX-License-Identifier: GPL-2.0-or-later
# A program reaches an exec by side doors: descriptors older than imad, handed over, or opened by a handle, files that never
# had a name, interpreters of the kernel's table, other mount namespaces, filesystems of plain users. A good one runs,
# one that does not match its label does not, and both are known by what they are.
# kernels: 6.1 7.2
# also: 6.12
# disk: ext4 64M
# time: 240
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
chmod 777 $W
cat >/tmp/policy <<'END'
measure func=BPRM_CHECK
appraise func=BPRM_CHECK fowner=10001
appraise func=MMAP_CHECK fowner=10001
appraise func=BPRM_CHECK fsmagic=0x01021994
appraise func=BPRM_CHECK fsmagic=0x794c7630
END
make() { # NAME: a good program; NAME.bad: its label is another's
	for n in "$1" "$1.bad"; do
		/vm/race good "$n"
		echo "$n" >>"$n"
		evmctl ima_hash -a sha256 "$n" >/dev/null 2>&1
		chown 10001 "$n"
		chmod 755 "$n"
	done
	setfattr -n security.ima -v "0x0404$(sha256sum </bin/false | cut -d' ' -f1)" "$1.bad"
}
for f in old mapped passed handle unnamed ns bind user table; do make $W/$f; done
mkfs.ext4 -q "$(disk ext4)"

# The good program's own exit status is 1; 13 is EACCES. Before imad all of them run.
runs() { exits 1 "$@" 2>/dev/null; }
denied() { exits 13 "$@" 2>/dev/null; }
refused() { exits 126 "$@" 2>/dev/null; }
cd $W
plain() { setpriv --reuid=1000 --regid=1000 --clear-groups unshare -Urm sh -c "$1"; }
over="mkdir /tmp/o && mount -t tmpfs none /tmp/o && mkdir /tmp/o/u /tmp/o/w /tmp/o/m && mount -t overlay -o userxattr,lowerdir=$W,upperdir=/tmp/o/u,workdir=/tmp/o/w none /tmp/o/m"
for way in passed by-handle unnamed; do check "without imad, $way: it runs" runs /vm/traps $way $W/passed.bad; done
check "without imad, an open descriptor: it runs" runs sh -c "exec /vm/traps inherited - 5<$W/old.bad"
check "without imad, a plain user's tmpfs: it runs" runs plain "mount -t tmpfs none /mnt && cp $W/user.bad /mnt/p && exec /mnt/p"
check "without imad, a plain user's overlay: it runs" runs plain "$over && exec /tmp/o/m/user.bad"

exec 3<$W/old 4<$W/old.bad
exec 7<$W/mapped 8<$W/mapped.bad
check "start" start_imad --appraise enforce --policy /tmp/policy
check "opened before imad" runs sh -c 'exec /vm/traps inherited - 5<&3'
check "opened before imad, bad" denied sh -c 'exec /vm/traps inherited - 5<&4'
check "opened before imad, mapped" sh -c 'exec /vm/traps inherited-map - 5<&7'
check "opened before imad, bad, mapped" denied sh -c 'exec /vm/traps inherited-map - 5<&8'
exec 3<&- 4<&- 7<&- 8<&-
check "handed over" runs /vm/traps passed $W/passed
check "handed over, bad" denied /vm/traps passed $W/passed.bad
check "by its handle" runs /vm/traps by-handle $W/handle
check "by its handle, bad" denied /vm/traps by-handle $W/handle.bad
check "never had a name" runs /vm/traps unnamed $W/unnamed
check "never had a name, bad" denied /vm/traps unnamed $W/unnamed.bad

# --- a table of interpreters: both the interpreter and what it is for are programs
modprobe binfmt_misc
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf 'IMADTEST\n' >$W/text
chmod 755 $W/text
chown 10001 $W/text
evmctl ima_hash -a sha256 $W/text >/dev/null 2>&1
cp --preserve=all $W/text $W/text.bad && echo >>$W/text.bad
entry() { echo ":imadtest:M::IMADTEST::$1:" >/proc/sys/fs/binfmt_misc/register; }
entry $W/table
check "an interpreter" runs $W/text
check "a bad text for it" refused sh -c $W/text.bad
echo -1 >/proc/sys/fs/binfmt_misc/imadtest
entry $W/table.bad
check "a bad interpreter" refused sh -c $W/text
echo -1 >/proc/sys/fs/binfmt_misc/imadtest

# --- other namespaces
elsewhere() { unshare -m sh -c "mount --bind $W /mnt && exec /mnt/$1"; }
check "in another mount namespace" runs elsewhere ns
check "in another mount namespace, bad" refused elsewhere ns.bad
alone() { unshare -m sh -c "mount -t ext4 $(disk ext4) /mnt && cp --preserve=all $W/bind $W/bind.bad /mnt/ && exec /mnt/$1"; }
check "on a disk that only it has" runs alone bind
check "on a disk that only it has, bad" refused alone bind.bad

# --- filesystems of a plain user
check "a plain user mounts" plain 'mount -t tmpfs none /mnt'
check "a plain user's tmpfs: what has no label" refused plain "mount -t tmpfs none /mnt && cp $W/user /mnt/p && exec /mnt/p"
check "a plain user's overlay" runs plain "rm -rf /tmp/o; $over && exec /tmp/o/m/user"
check "a plain user's overlay, bad" refused plain "rm -rf /tmp/o; $over && exec /tmp/o/m/user.bad"
check "a plain user's overlay, changed in it" refused plain "rm -rf /tmp/o; $over && cat /tmp/o/m/user >/tmp/o/m/new && chmod 755 /tmp/o/m/new && exec /tmp/o/m/new"

imactl sync
list=/run/imad/ascii_runtime_measurements
for f in old passed handle table ns; do
	check "$f is in the list, as it is" grep -q "sha256:$(sha256sum <$W/$f | cut -d' ' -f1) .*$f" $list
	[ $f = table ] || check "and so is $f.bad" grep -q "sha256:$(sha256sum <$W/$f.bad | cut -d' ' -f1) .*$f" $list
done
check "list and PCR agree" imactl verify
check "stop" stop_imad
