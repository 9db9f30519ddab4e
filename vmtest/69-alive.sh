# SPDX-License-Identifier: GPL-2.0-or-later
# Nobody waits for ever, and nothing is lost: openers of files that nobody knows while openers are killed or frozen, a
# filesystem is frozen, descriptors and space for the list run out, there are more threads than CPUs, or less of them for imad.
# kernels: 6.12
# also: 6.1 7.2
# disk: ext4 128M
# time: 300
. /vm/lib.sh

W=/test
mounts
mkdir -p $W/more
mkfs.ext4 -q "$(disk ext4)"
mount "$(disk ext4)" $W/more
mkdir -p /run/imad
mount -t tmpfs -o size=768k,mode=755 tmpfs /run/imad
group=/sys/fs/cgroup/imad
mkdir -p $group /sys/fs/cgroup/openers
echo +cpu +memory >/sys/fs/cgroup/cgroup.subtree_control
list=/run/imad/ascii_runtime_measurements

status() { imactl status --json | grep -o "\"$1\": *[0-9]*" | grep -o '[0-9]*$' | tail -n 1; }
recorded() { grep -c " $W/$1[0-9]*\$" $list; }
descriptors() { ls "/proc/$imad_pid/fd" | wc -l; }
# opens DIR FROM COUNT THREADS: makes files that nobody knows, opens them all, and says what became of that in /tmp/said.
opens() {
	/vm/openers make "$1" "$2" "$3" 10003 && /vm/openers read "$@" >/tmp/said && sed 's/^/  /' /tmp/said
}
all_opened() { opens "$@" && grep -q "^$3 opened, 0 refused" /tmp/said; }
all_answered() { opens "$@" && grep -qE '^[0-9]+ opened, [0-9]+ refused' /tmp/said; }

printf "[gate]\ndeadline = 60s\n" >/tmp/conf
echo 'measure func=FILE_CHECK mask=MAY_READ fowner=10003' >/tmp/policy
check "start" start_imad --config /tmp/conf --policy /tmp/policy
echo $imad_pid >$group/cgroup.procs
check "64 at once are opened" all_opened $W 1000 64 64
imactl sync
check "and recorded" test "$(recorded 10)" = 64

# --- openers that are killed while they are held
before=$(descriptors)
/vm/openers make $W 2000 200 10003
check "killed while they wait" /vm/openers kill $W 2000 200 16
check "others go on" all_opened $W 1100 32 8
imactl sync
check "no descriptor of theirs is kept" test "$(descriptors)" -le $((before + 2))
check "those that ended are recorded" test "$(recorded 2)" -gt 0

# --- an opener that is frozen where it waits, and a filesystem that is
/vm/openers make $W 3000 64 10003
sh -c 'echo $$ >/sys/fs/cgroup/openers/cgroup.procs; exec /vm/openers read /test 3000 64 16' >/tmp/frozen &
frozen=$!
echo 1 >/sys/fs/cgroup/openers/cgroup.freeze
check "beside openers that are frozen" all_opened $W 1200 32 8
echo 0 >/sys/fs/cgroup/openers/cgroup.freeze
check "they go on" wait $frozen
check "and none was refused" grep -q '^64 opened, 0 refused' /tmp/frozen
/vm/openers make $W/more 1000 32 10003
fsfreeze -f $W/more
check "on a filesystem that is frozen" sh -c "/vm/openers read $W/more 1000 32 8 | grep -q '^32 opened, 0 refused'"
check "and on others" all_opened $W 1300 32 8
fsfreeze -u $W/more
imactl sync
check "they are recorded" test "$(recorded more/10)" = 32

# --- no descriptor is left: the kernel refuses whom it cannot show to imad, and goes on when there are some
n=$(descriptors)
prlimit --pid "$imad_pid" --nofile=$((n + 4)):524288
check "without descriptors everybody is answered" all_answered $W 4000 128 64
prlimit --pid "$imad_pid" --nofile=524288:524288
check "and with them opened" sh -c "/vm/openers read $W 4000 128 16 | grep -q '^128 opened, 0 refused'"
imactl sync
check "and recorded, all of them" test "$(recorded 4)" = 128

# --- CPUs: none to spare, and little for imad
for i in $(seq 200); do (while :; do :; done) & echo $! ; done >/tmp/busy
check "beside 200 busy processes" all_opened $W 5000 32 16
kill $(cat /tmp/busy)
echo "20000 100000" >$group/cpu.max
check "with a fifth of a CPU for imad" all_opened $W 5100 32 16
echo max >$group/cpu.max
imactl sync
check "they are recorded too" test "$(recorded 5)" = 64

# --- memory: no more for imad than it has
memory=$(cat $group/memory.current)
echo $((memory + 262144)) >$group/memory.high
check "with no more memory for imad" all_opened $W 6000 256 64
echo max >$group/memory.high
imactl sync
check "they are recorded as well" test "$(recorded 6)" = 256
check "nobody met the deadline" test "$(status timeouts)" = 0
check "list and PCR agree" imactl verify

# --- no space for the list: uses go on, what is not in the list is told, and is measured when there is some
dd if=/dev/zero of=/run/imad/full bs=1k 2>/dev/null || :
check "without space for the list everybody is answered" all_answered $W 7000 64 16
check "it is said" grep -q "No space left on device" /vm/imad.log
rm /run/imad/full
check "with space they are opened" sh -c "/vm/openers read $W 7000 64 16 | grep -q '^64 opened, 0 refused'"
imactl sync
check "and recorded at last" test "$(recorded 7)" = 64
check "list and PCR agree at last" imactl verify
check "stop" stop_imad
