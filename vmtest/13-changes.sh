# SPDX-License-Identifier: GPL-2.0-or-later
# However a file's content changes, its next use is measured again, once, with the new digest; unchanged
# content is not. On each filesystem, in both ways of holding, for a read and for a mapping without a read.
# time: 240
# kernels: 6.1
# also: 7.2
# boots: access open
# cmdline: ima_template=ima-ng
# disk: xfs 320M
# disk: btrfs 128M
. /vm/lib.sh

list=/run/imad/ascii_runtime_measurements

mounts
# tcb without its rule for tmpfs; the list itself and other files of root on tmpfs stay out.
cat >/tmp/policy <<END
dont_measure fsmagic=0x9fa0
dont_measure fsmagic=0x62656572
dont_measure fsmagic=0x64626720
dont_measure fsmagic=0x1021994 fowner=0
dont_measure fsmagic=0x73636673
measure func=MMAP_CHECK mask=MAY_EXEC
measure func=BPRM_CHECK mask=MAY_EXEC
measure func=FILE_CHECK mask=^MAY_READ euid=0
measure func=FILE_CHECK mask=^MAY_READ uid=0
END
printf '[gate]\nhold = %s\n' "$BOOT" >/tmp/conf
start_imad --config /tmp/conf --policy /tmp/policy

# What a filesystem cannot do; change says so with 95. Direct writes came to tmpfs with 6.6.
missing() {
	case $1 in
	ext4) echo clone ;;
	xfs) ;;
	btrfs) echo collapse insert ;;
	tmpfs) echo clone zero collapse insert direct ;;
	overlay) echo clone ;;
	esac
}

as_user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }

# Digest and name of each file, as a plain user, whose reads no rule wants.
digests() { ( cd "$1" && as_user sha256sum * ); }

# Change every file in its way; print the ways that there are not.
change_all() {
	for way in $(/vm/change ways); do
		got=0
		/vm/change "$way" "$1/$way" 2>/tmp/why || got=$?
		case $got in
		0) ;;
		95) echo "$way" ;;
		*) echo "$way: $(cat /tmp/why)" ;;
		esac
	done
}

# Digest and file name of the records about the folder $1.
records_of() { sed -n "/\.source\$/d; s|^10 [0-9a-f]* ima-ng sha256:\([0-9a-f]*\) $1/\(.*\)|\1  \2|p" $list; }

# What was not changed is what change said it could not, and that this filesystem is known to lack.
lacks() {
	same /tmp/not /tmp/unchanged || return 1
	for way in $(cat /tmp/unchanged); do
		case " $(missing "$1") " in *" $way "*) ;; *) return 1 ;; esac
	done
}

fill() { # FOLDER
	mkdir -p "$1"
	for way in $(/vm/change ways); do
		head -c 20480 /dev/urandom >"$1/$way"
	done
	chown -R 7 "$1"
}

by_read() { ( cd "$1" && cat * ) >/dev/null; }
by_mapping() { for f in "$1"/*; do /vm/probe mmap-read "$f"; done; }

try() { # FILESYSTEM USE
	dir=/test/$1/$2
	digests "$dir" >/tmp/first
	$2 "$dir"
	$2 "$dir"
	# digests reads as a plain user first, so on 6.1 root's uses are late: imad itself reads the files then,
	# and a writer who comes while it does makes a ToMToU violation of that.
	imactl sync
	change_all "$dir" >/tmp/not
	digests "$dir" >/tmp/second
	$2 "$dir"
	$2 "$dir"
	imactl sync
	grep -vxFf /tmp/first /tmp/second >/tmp/changed
	for way in $(/vm/change ways); do
		grep -q "  $way\$" /tmp/changed || echo "$way"
	done >/tmp/unchanged
	check "$1, $2: each way changed the content, but those that this filesystem lacks" lacks "$1"
	sort /tmp/first /tmp/changed >/tmp/want
	records_of "$dir" | sort >/tmp/got
	check "$1, $2: one record a content, and no other" same /tmp/want /tmp/got
}

mkdir -p /test/xfs /test/btrfs /test/tmpfs /test/up /test/wd /test/overlay
mkfs.xfs -q -f "$(disk xfs)"
mkfs.btrfs -q -f "$(disk btrfs)" >/dev/null 2>&1
mount "$(disk xfs)" /test/xfs
mount "$(disk btrfs)" /test/btrfs
mount -t tmpfs tmpfs /test/tmpfs
for fs in ext4 xfs btrfs tmpfs; do
	for use in by_read by_mapping; do
		fill /test/$fs/$use
		try $fs $use
	done
done
# The files lie in the lower layer: the first change copies up.
fill /test/low/by_read
fill /test/low/by_mapping
mount -t overlay -o lowerdir=/test/low,upperdir=/test/up,workdir=/test/wd overlay /test/overlay
try overlay by_read
try overlay by_mapping

check "imactl verify agrees" imactl verify
check "nobody wrote while another read: no violation" grep -qx 0 /run/imad/violations
check "imad complains of nothing" exits 1 grep -E '^<[0-4]>' /vm/imad.log
check "stop" stop_imad
