# SPDX-License-Identifier: GPL-2.0-or-later
# imad is killed at each step in which it makes an HMAC anew, and the kernel drops the inode before the next imad comes: no
# file is locked out by that, and none is let in that was changed by others. It is traced and killed, so it does not protect itself.
# Killed at the calls by which something changes, at the first and at the last; CMDLINE="STEPS=all" SLOW=4 vmtest/run 83-evm-death: at each.
# kernels: 6.1
# also: 6.12 7.2
# protect: no
# disk: work 64M
# time: 240
. /vm/lib.sh

W=/test
S=$RESULTS/state
mounts
mkdir -p $W
echo 0 >/proc/sys/kernel/printk_ratelimit
cat >/tmp/policy <<'END'
appraise func=BPRM_CHECK fowner=10001
appraise func=FILE_CHECK fowner=10002
END
printf 'policy = /tmp/policy\nappraise = enforce\n[evm]\ndir = %s\n' "$S" >/tmp/conf
start() { start_imad --config /tmp/conf --evm "${1:-enforce}"; }
right() { imactl check --evm --quiet --statedir "$S" --config /tmp/conf "$@"; }
renewed() { imactl sync && wait_for 5 right "$1"; }
runs() { "$W/$1" >/dev/null 2>&1; }
denied() { ! runs "$1"; }
wrong() { ! right "$1"; }
# The kernel forgets what nobody has open.
fresh() { sync && echo 3 >/proc/sys/vm/drop_caches; }
kill_imad() { kill -9 "$imad_pid" 2>/dev/null && wait "$imad_pid" || :; }
has_ended() { ! kill -0 "$imad_pid" 2>/dev/null || grep -q '^State:.Z' "/proc/$imad_pid/status"; }
each() { # COMMAND FILE...: for each of them
	c=$1
	shift
	for f; do $c "$f" || { echo "  $f"; return 1; }; done
}
change() { chmod 701 "$W/$1"; }
in_time() { renewed "$W/$1"; }

mke2fs -q -t ext4 "$(disk work)"
mount "$(disk work)" $W
check "a key" imactl evm init --statedir "$S" --without-recovery
many=$(seq -f many%g 40)
for f in step dead edited capped beneath caps $many; do cp /bin/true $W/$f; done
for f in data data2; do echo $f >$W/$f; done
chown 10001 $W/*
chown 10002 $W/data*
check "labels and HMACs" imactl label --evm --statedir "$S" $W
start || exit 1

# --- the steps: what the thread that makes an HMAC asks the kernel, and does
calls=fremovexattr,flistxattr,fgetxattr,fsetxattr,openat
attached() { grep -q attached /tmp/strace.err; }
trace() { # arguments of strace's
	strace -f -p "$imad_pid" -e trace=$calls "$@" -o /tmp/trace 2>/tmp/strace.err &
	strace_pid=$!
	wait_for 20 attached
}
change_mode() {
	mode=$((mode + 1)) && [ $((mode % 10)) -lt 8 ] || mode=$((mode + 2))
	chmod $mode $W/step
}
change_content() { echo more >>$W/data2; }
reads() { cat "$W/$1" >/dev/null; }
find_steps() { # FILE CHANGE: to $steps
	trace
	check "$2" "$2"
	check "$2: HMAC" renewed "$W/$1"
	kill $strace_pid && wait $strace_pid || :
	maker=$(awk '/ fsetxattr\(/ { print $1; exit }' /tmp/trace)
	steps=$(awk -v t="$maker" '$1 == t && $2 ~ /^[a-z]+\(/ { sub(/\(.*/, "", $2); print $2 ":" ++n[$2] }' /tmp/trace)
	grep "^$maker " /tmp/trace | cut -c1-60 | sed 's/^/  /'
	check "there are steps" test "$(echo "$steps" | wc -l)" -ge 6
	[ "${STEPS:-}" = all ] || steps=$(echo "$steps" | sed -n '1p;$p;/^fsetxattr/p' | awk '!had[$0]++')
	echo "  killed at" $steps
}
kill_at_each_step() { # FILE USE CHANGE
	check "$2 $1" "$2" "$1"
	find_steps "$1" "$3"
	for step in $steps; do
		check "$2 $1 before" "$2" "$1"
		trace -e "inject=${step%:*}:signal=KILL:when=${step#*:}"
		check "$3" "$3"
		check "imad is killed at $step" wait_for 10 has_ended
		kill_imad
		wait $strace_pid || :
		fresh
		start || exit 1
		check "$2 $1 after" "$2" "$1"
		check "HMAC of $1" renewed "$W/$1"
	done
}
mode=700
kill_at_each_step step runs change_mode
kill_at_each_step data2 reads change_content

# --- while it is dead; and content, of which the label is due as well
check "a reader" cat $W/data $W/data2
check "they run" each runs dead edited beneath $many
kill_imad
check "changes while it is dead" each change dead beneath $many
check "capabilities while it is dead" exits 1 setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 $W/caps
check "content while it is dead" sh -c "echo more >>$W/data"
fresh
check "not made yet" wrong $W/many1
check "once more, after it came back" chmod 700 $W/many1
check "nobody knows what came back: no content now" exits 2 sh -c "echo more >>$W/data"
fresh

# --- who writes to the disk beneath it
debugfs -w -R "sif /beneath mode 0100777" "$(disk work)" >/dev/null 2>&1
fresh
check "edited beneath" test "$(stat -c %a $W/beneath)" = 777
start || exit 1
check "they run" each runs dead $many
check "they have their HMACs" each in_time dead $many
check "data can be read" cat $W/data
check "data: label and HMAC" renewed $W/data
check "what was edited beneath is denied" denied beneath

# --- who has the filesystem to himself
check "they run" each runs edited capped
kill_imad
check "changes before" each change edited capped
fresh
umount $W
debugfs -w -R "sif /edited mode 0104701" "$(disk work)" >/dev/null 2>&1
printf '\001\000\000\002\377\377\377\377\000\000\000\000\000\000\000\000\000\000\000\000' >/tmp/caps
debugfs -w -R "ea_set -f /tmp/caps /capped security.capability" "$(disk work)" >/dev/null 2>&1
mount "$(disk work)" $W
check "it is edited" test -u $W/edited
check "capabilities are" getfattr -n security.capability $W/capped
start || exit 1
for f in edited capped; do
	check "what another has edited is denied: $f" denied $f
	check "it is not made right" wrong $W/$f
done
check "what nobody changed runs" runs dead

# --- the next one with another setting: what only EVM needs goes, and comes again
attached() { imactl status --json | grep -qE '"name": ?"inode_free_security", ?"attached": ?true'; }
check "EVM's programs are there" attached
kill_imad
start off || exit 1
check "without EVM they are not" exits 1 attached
check "nor is it asked" runs edited
check "a change that nobody sees" chmod 711 $W/many2
kill_imad
start || exit 1
check "they are there again" attached
check "edited is denied" denied edited
check "what was changed unseen, too" denied many2
check "what nobody changed runs" runs dead

# --- its key: the kernel makes no core, and in what one would hold it is not
dmesg >/tmp/dmesg
python3 - "$imad_pid" /vm/imad.log /tmp/dmesg <<'END' >/tmp/scan || cat /tmp/scan
import re, sys
left_out, dumped = [], []
for part in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", open("/proc/%s/smaps" % sys.argv[1]).read()):
    flags = re.search(r"VmFlags:(.*)", part)
    if flags:
        flags = set(flags.group(1).split())
        span = [int(x, 16) for x in part.split()[0].split("-")]
        (left_out if {"dd", "wf"} <= flags else dumped if "rd" in flags and not {"dd", "io"} & flags else []).append(span)
mem = open("/proc/%s/mem" % sys.argv[1], "rb", 0)
def read(begin, n):
    mem.seek(begin)
    try:
        return mem.read(n)
    except OSError:
        return b""
keys = [read(begin, 32) for begin, end in left_out]
keys = [k for k in keys if len(set(k)) > 8]
print("keys:", len(keys))
size = words = 0
for begin, end in dumped:
    for at in range(begin, end, 1 << 20):
        text = read(at, min((1 << 20) + 64, end - at))
        size += len(text)
        words += text.count(b"security.imad.evm")
        for k in keys:
            for half in k[:16], k[16:]:
                if half in text:
                    print("half a key at %x" % (at + text.find(half)))
print("searched:", size > 1 << 20 and words > 0)
for log in sys.argv[2:]:
    text = open(log, "rb").read()
    for k in keys:
        for half in k[:16], k[16:]:
            if half in text or half.hex().encode() in text.lower():
                print("half a key in", log)
END
check "there is a key" grep -q 'keys: [1-9]' /tmp/scan
check "all else was searched" grep -q 'searched: True' /tmp/scan
check "it is nowhere else" exits 1 grep -q half /tmp/scan
prlimit --core=unlimited --pid "$imad_pid"
echo /tmp/core >/proc/sys/kernel/core_pattern
kill -ABRT "$imad_pid" && wait "$imad_pid" || :
check "no core is made" sh -c '! ls /tmp/core*'
grep -E 'ERROR|error|cannot' /vm/imad.log || :
