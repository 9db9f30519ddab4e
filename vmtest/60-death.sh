# SPDX-License-Identifier: GPL-2.0-or-later
# imad is killed: what is known stays known, what is not is denied or recorded late, and the next imad goes on.
# kernels: 6.1
# also: 7.2
# time: 420
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
echo 0 >/proc/sys/kernel/printk_ratelimit
list=/run/imad/ascii_runtime_measurements
label() { evmctl ima_hash -a sha256 "$1" >/dev/null 2>&1; }
make() { cp /bin/true "$W/$1" && echo "$1" >>"$W/$1" && chown 10001 "$W/$1"; }
wrong=0x04040000000000000000000000000000000000000000000000000000000000000000

die() {
	unlock_imad
	kill -9 "$imad_pid"
	wait "$imad_pid" 2>/dev/null || :
}
denied() { exits 126 sh -c "$1" 2>/dev/null; }
status() { imactl status --json | grep -o "\"$1\": *[0-9]*" | grep -o '[0-9]*$' | tail -n 1; }
again() { start_imad "$@" && grep -q 'going on where a daemon ended' /vm/imad.log; }

# Enforced, by a policy of execs and mappings and one of opens.
cat >$W/policy <<'END'
appraise func=BPRM_CHECK fowner=10001
appraise func=MMAP_CHECK fowner=10001
appraise func=FILE_CHECK fowner=10002
measure func=BPRM_CHECK
END
for f in good written bad bare; do make $f; done
for f in good written; do label $W/$f; done
setfattr -n security.ima -v $wrong $W/bad
echo read >$W/read && chown 10002 $W/read && label $W/read
check "start" start_imad --appraise enforce --policy $W/policy
check "pinned, for root alone" test "$(stat -c '%a %U' /sys/fs/bpf/imad)" = "700 root"
check "a second one is refused" exits 1 imad --policy tcb 2>/tmp/second
check "before it has done anything" sh -c "grep -q 'another imad is running' /tmp/second && [ \$(grep -cE '^<[0-4]>' /tmp/second) = 1 ]"
for f in good written; do check "$f runs" $W/$f; done
check "bad is denied" denied $W/bad
check "read is read" cat $W/read

gates() { ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c 'anon_inode:\[fanotify\]' || :; }
mine() { ls -l "/proc/$imad_pid/fd" | grep -c 'anon_inode:\[fanotify\]' || :; }
check "T10: nobody but imad has its gate open" test "$(gates)" = "$(mine)"
die
check "T10: who was held is let go on: nobody has it open" test "$(gates)" = 0
check "dead: good runs" $W/good
check "dead: bad is denied" denied $W/bad
check "dead: what has no label is denied" denied $W/bare
make fresh && label $W/fresh
check "T10: dead: what is right and unknown is denied" denied $W/fresh
check "T10: dead: nor is it mapped" exits 13 /vm/probe mmap-exec $W/fresh
echo >>$W/written
check "dead: what was good and is written now is denied" denied $W/written
check "dead: a known file is read" cat $W/read
cp $W/read $W/read2 && label $W/read2 && chown 10002 $W/read2
check "dead: an unknown one is not" exits 1 cat $W/read2 2>/dev/null
measured=$(grep -c . $list)
check "start again" again --appraise enforce --policy $W/policy
tail -n 3 /vm/imad.log
check "fresh runs" $W/fresh
check "written is still denied" denied $W/written
check "good runs" $W/good
check "read2 is read" cat $W/read2
label $W/written
imactl sync
check "written with its label runs" $W/written
check "denials went on to be counted" test "$(status denials)" -ge 7
check "no program was measured twice" test "$(sort -k 4 $list | cut -d' ' -f4- | uniq -d | wc -l)" = 0
check "list and PCR agree" imactl verify

# Again and again, while a known program is executed all the time.
rm -f /tmp/stop
# It leaves the CPU to imad, which starts meanwhile.
perl -e 'while (! -e "/tmp/stop") { system("/test/good") == 0 or print "denied\n"; select undef, undef, undef, 0.05 }' >/tmp/spurious 2>&1 &
loop=$!
before=$(wc -l <$list)
kills=2
for i in $(seq $kills); do
	die
	again --appraise enforce --policy $W/policy || { check "start after kill $i" false; break; }
done
touch /tmp/stop
wait $loop
check "T27: $kills kills, and no spurious denial" same /tmp/spurious /dev/null
imactl sync
echo "  $(($(wc -l <$list) - before)) records more, $(status measured) files looked at by the last imad"
check "nothing is measured anew" test "$(status measured)" -lt 40
check "list and PCR agree after them" imactl verify

# It hangs: whoever is held waits, as nobody can answer, until somebody ends it. Programs that are started now may wait too.
make late && label $W/late
unlock_imad
sleep 0 # it is known: else the killer would wait, too
kill -STOP "$imad_pid"
read -r begin rest </proc/uptime
{ sleep 4; kill -9 "$imad_pid"; } &
killer=$!
check "hung: once it is dead the one that waited is denied" denied $W/late
read -r end rest </proc/uptime
check "it did wait" test $((${end%.*} - ${begin%.*})) -ge 3
wait $killer
wait "$imad_pid" 2>/dev/null || :
check "start after a hang" again --appraise enforce --policy $W/policy
check "it runs now" $W/late

# A deny list that was read meanwhile: nobody goes on with what was found by another one.
mkdir -p /etc/imad
unlock_imad
echo "sha256:$(sha256sum <$W/good | cut -d' ' -f1)" >/etc/imad/deny
check "another deny list" imactl keys reload
check "good is denied" denied $W/good
die
check "dead: it is" denied $W/good
rm /etc/imad/deny
check "start without that list" start_imad --appraise enforce --policy $W/policy
check "nothing is gone on with" grep -q 'is not gone on with: PCR, hash, template, list or keys' /vm/imad.log
imactl sync
check "what happened in between is a violation" grep -q ' 0\{40\} .* imad:gap:uses=unknown *$' $list
check "good runs again" $W/good

# Other settings, another state: nothing is known, all is found anew.
die
check "start with another template" start_imad --appraise enforce --policy $W/policy --template ima-sig
check "which is said" grep -q 'is not gone on with: PCR, hash, template, list or keys' /vm/imad.log
check "good still runs" $W/good
check "bad is still denied" denied $W/bad
check "only one set of programs is pinned" test "$(ls /sys/fs/bpf/imad | wc -l)" = 1
check "an orderly end" stop_imad
check "nothing is pinned" test ! -e /sys/fs/bpf/imad
check "nothing is denied" wait_for 30 $W/bad
check "list and PCR agree before the next" imactl verify

# Measured only: what is used meanwhile is recorded afterwards, as it was when it was used.
echo 'measure func=BPRM_CHECK' >$W/measure
echo 'measure func=FILE_CHECK mask=MAY_READ fowner=10003' >>$W/measure
echo 'measure func=MODULE_CHECK' >>$W/measure
module=$(find /lib/modules/$(uname -r)/kernel/drivers/block -name 'brd.ko' | head -n 1)
check "start to measure" start_imad --policy $W/measure
die
make m1 && make m2 && make m3 && echo text >$W/m4 && chown 10003 $W/m4
$W/m1
$W/m2
was=$(sha256sum <$W/m2 | cut -d' ' -f1)
echo >>$W/m2
$W/m3
rm $W/m3
cat $W/m4 >/dev/null
cp "$module" $W/m5.ko
/vm/probe finit-module $W/m5.ko
i=0
while [ $i -lt 100 ]; do $W/m1 && i=$((i + 1)); done
check "measured: start again" again --policy $W/measure
imactl sync
late() { imactl list --json --path "$W/$1" >/tmp/records && grep -q '"kind":"late"' /tmp/records || { cat /tmp/records; return 1; }; }
for f in m1 m2 m4 m5.ko; do check "$f is in the list, late" late $f; done
check "what the kernel has hashed is recorded as it was" sh -c "grep ' $W/m2\$' $list | grep -q $was || ! grep -q sha256 /sys/kernel/security/ima/ascii_runtime_measurements"
check "what is gone is there, or a violation for it" grep -q " $W/m3\$" $list
check "once each" test "$(grep -c " $W/m1\$" $list)" = 1
check "none was lost" test "$(status lost)" = 0
check "list and PCR agree at last" imactl verify

# Heard of by one that dies before it has recorded that: it hashes 200 MB, and not by the algorithm of the kernel's.
die
check "it can be taken down by hand" rm -r /sys/fs/bpf/imad
check "start with another hash" start_imad --hash sha384 --policy $W/measure
check "then there is nothing to go on with" sh -c "! grep -q 'going on where\|is not gone on with' /vm/imad.log"
hashes() { ls -l "/proc/$imad_pid/fd" 2>/dev/null | grep -q " $W/$1\$"; }
heard_in_vain() { # NAME
	die
	truncate -s 200M $W/$1
	chown 10003 $W/$1
	cat $W/$1 >/dev/null
	imad --hash sha384 --policy $W/measure >/vm/imad.log 2>&1 &
	imad_pid=$!
	check "it reads $1, which was used meanwhile" wait_for 60 hashes $1
	die
}
heard_in_vain m6
before=$(grep -c imad:lost: $list || :)
check "start after two deaths" again --hash sha384 --policy $W/measure
check "what was heard of in vain is heard of again" grep -q 'events that it had read, and maybe not recorded, are read again' /vm/imad.log
imactl sync
check "m6 is in the list, late" late m6
check "once" test "$(grep -c " $W/m6\$" $list)" = 1
check "none was lost then, either" test "$(status lost) $(grep -c imad:lost: $list || :)" = "0 $before"
check "list and PCR agree after two deaths" imactl verify

# The same, and more than the ring buffer holds behind it.
heard_in_vain m7
python3 - <<'END'
import os
for i in range(2500):
    name = "/test/n%d" % i
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT))
    os.chown(name, 10003, 0)
    os.close(os.open(name, os.O_RDONLY))
END
check "start after a flood" again --hash sha384 --policy $W/measure
check "what was heard of in vain is told" grep -q 'were read by an imad that died before it had recorded them, and cannot be read again' /vm/imad.log
imactl sync
check "T20: what was lost is counted" test "$(status lost)" -gt 0
check "T20: and is a violation" test "$(grep -c ' 0\{40\} .* imad:lost:events=[1-9][0-9]* *$' $list)" -gt "$before"
check "list and PCR agree after a flood" imactl verify
die
check "detach what is left" imad --detach
check "nothing is left" test ! -e /sys/fs/bpf/imad
