# SPDX-License-Identifier: GPL-2.0-or-later
# What the daemon keeps in memory for many records, each a file of its own, and so for 100000.
# kernels: 6.1
# time: 900
. /vm/lib.sh

limit=24576 # KiB resident, beside what is mapped of BPF's ring buffer
per_record=64 # bytes: the set that finds duplicates takes 33 and, in its table, at most 16
want=12000 # an emulator takes a quarter of an hour for 100000; what the others may cost is checked

cat >/vm/files.py <<'END'
"""files.py FROM TO: makes the files FROM..TO-1 below /vm/many, reads each and removes it: all different."""
import os, sys
for i in range(int(sys.argv[1]), int(sys.argv[2])):
	path = "/vm/many/%d" % i
	fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
	os.write(fd, b"%d" % i)
	os.close(fd)
	fd = os.open(path, os.O_RDONLY)
	assert os.read(fd, 16)
	os.close(fd)
	os.unlink(path)
END
records() { cat /run/imad/runtime_measurements_count; }
# Resident without the pages of BPF maps, in KiB.
resident() {
	awk '/^[0-9a-f]+-[0-9a-f]+ / { bpf = $6 ~ /bpf/ }
		$1 == "Rss:" && !bpf { sum += $2 }
		END { print sum }' /proc/$imad_pid/smaps
}
make_files() { # FROM TO
	python3 -IB /vm/files.py "$1" "$2"
	imactl sync
}

mkdir -p /vm/many
# 100000 extends would take a quarter of an hour; what is kept of them is the same.
printf '[tpm]\ntcti = none\n' >/run/none.conf
start_imad --policy tcb --config /run/none.conf
make_files 0 100
first=$(resident)
make_files 100 $((want / 2))
half=$(resident) half_records=$(records)
make_files $((want / 2)) "$want"
full=$(resident) full_records=$(records)
grep -E '^Vm(HWM|RSS|Lck)|^Rss' /proc/$imad_pid/status
echo "KiB resident: $first at the start, $half with $half_records records, $full with $full_records"
check "each file has a record" test "$full_records" -ge "$want"
check "the memory read is not nothing" test "$first" -gt 1000
check "less than $limit KiB resident with 100000 records" \
	test $((full + (100000 - full_records) * per_record / 1024)) -lt $limit
check "a record costs no more than $per_record bytes" \
	test $(((full - half) * 1024)) -le $(((full_records - half_records) * per_record))
check "stop" stop_imad
