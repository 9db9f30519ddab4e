# SPDX-License-Identifier: GPL-2.0-or-later
# What has been measured costs nothing more: opens, mappings and execs of it wake nobody and send nothing.
# Counted, not timed: events that the gate read, records in the ring buffer, uses that matched no state.
# kernels: 7.2
# also: 6.1
# time: 240
. /vm/lib.sh

cat >/vm/use.py <<'END'
"""use.py READS MMAPS EXECS FILE PROGRAM: opens and reads FILE, maps it PROT_EXEC, executes PROGRAM."""
import mmap, os, sys
reads, mmaps, execs = map(int, sys.argv[1:4])
file, program = sys.argv[4:]
for i in range(reads):
	fd = os.open(file, os.O_RDONLY)
	assert os.read(fd, 16)
	os.close(fd)
for i in range(mmaps):
	fd = os.open(file, os.O_RDONLY)
	mmap.mmap(fd, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC).close()
	os.close(fd)
for i in range(execs):
	pid = os.posix_spawn(program, [program], {})
	assert os.waitpid(pid, 0)[1] == 0
END
cat >/vm/counters.py <<'END'
"""counters.py FILE: of an answer of `imactl status --json`."""
import json, sys
s = json.load(open(sys.argv[1]))
print(s["gate"]["events"], s["kernel_counters"]["events"], s["list"]["records"], s["kernel_counters"]["lost"])
END
use() { # UID ARGUMENTS...
	as=$1
	shift
	setpriv --reuid "$as" --regid "$as" --clear-groups python3 -IB /vm/use.py "$@"
}
# The answer goes to /run, which tcb does not measure.
counters() { imactl status --json >/run/status && python3 -IB /vm/counters.py /run/status; }
reset() { counters >/run/before; }
unchanged() { counters >/run/after && same /run/before /run/after; }
grew() { ! unchanged >/dev/null; }

cp /bin/busybox /vm/true # static: little beside the uses that are counted
start_imad --policy tcb
for uid in 0 1000; do # every program, module of Python and file that is used below
	use $uid 1 1 1 /vm/true /vm/true
done
counters >/dev/null
counters >/dev/null
reset
check "the counters themselves cost nothing" unchanged
for uid in 0 1000; do
	reset
	check "5000 opens and reads by $uid" use $uid 5000 0 0 /vm/true /vm/true
	check "no event, no ring record, no list record" unchanged
	check "5000 mappings by $uid" use $uid 0 5000 0 /vm/true /vm/true
	check "no event, no ring record, no list record" unchanged
	check "400 execs by $uid" use $uid 0 0 400 /vm/true /vm/true
	check "no event, no ring record, no list record" unchanged
done
# The counters do move: the same uses of a file that nobody has seen.
cp /vm/true /vm/other
reset
use 0 1 0 0 /vm/other /vm/true
check "they count a first read" grew
mkdir /vm/third # busybox goes by its name
cp /vm/true /vm/third/true
reset
use 1000 0 0 1 /vm/true /vm/third/true
check "they count a first exec by 1000" grew
check "stop" stop_imad
