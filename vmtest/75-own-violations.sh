# SPDX-License-Identifier: GPL-2.0-or-later
# What imad says of itself in the list: gap, lost, timeout, pcr-reset, each provoked; the list and the TPM agree with
# them as with any violation, until somebody else extends the PCR, which no list can make good.
# kernels: 6.1
# also: 7.2
# time: 360
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
echo 0 >/proc/sys/kernel/printk_ratelimit
list=/run/imad/ascii_runtime_measurements
# imad stands still here for minutes. PCR 16 is one that can be reset without a reboot. Uid 10005 reads what nobody is held for.
cat >$W/policy <<'END'
measure func=FILE_CHECK mask=MAY_READ fowner=10003
measure func=FILE_CHECK mask=MAY_READ fsmagic=0x62656572 uid=10005
END
printf 'policy = %s/policy\npcr = 16\n[gate]\ndeadline = 300ms\nwatchdog = off\n' $W >$W/conf
{ cat $W/conf && echo 'on_timeout = deny'; } >$W/deny
file() { echo "$1" >$W/"$1" && chown 10003 $W/"$1"; }
use() { cat $W/"$1" >/dev/null; }
die() {
	kill -9 "$imad_pid"
	wait "$imad_pid" 2>/dev/null || :
}
start() { start_imad --config $W/"$1"; }

# Records of a violation by this name (a pattern), as everybody reads them: zeros for the digests, one word for a name.
records_of() { grep -cE "^16 0{40} ima-ng sha256:0{64} $1 *\$" $list || :; }
told() { # N NAME
	imactl sync
	[ "$(records_of "$2")" = "$1" ] || { echo "  $(records_of "$2") of them:"; grep imad: $list | tail -n 5; return 1; }
}
own() { imactl status --json | grep -o '"own_violations":{[^}]*}' | grep -o "\"$1\":[0-9]*" | grep -o '[0-9]*$'; }
counter() { imactl status --json | grep -o "\"$1\": *[0-9]*" | grep -o '[0-9]*$' | tail -n 1; }
agree() {
	check "$1: list and PCR agree" imactl verify
	check "$1: a copy of the list" snapshot /run/imad /tmp/snap
	check "$1: evmctl says so, of SHA-1" evm_matches sha1 /tmp/snap/list /tmp/snap/pcrs.sha1
	check "$1: evmctl says so, of SHA-256" evm_matches sha256 /tmp/snap/list /tmp/snap/pcrs.sha256
}
before() { # PATTERN PATTERN: the first of the one is before the first of the other
	a=$(grep -nm 1 "$1" $list | cut -d: -f1) b=$(grep -nm 1 "$2" $list | cut -d: -f1)
	[ -n "$a" ] && [ -n "$b" ] && [ "$a" -lt "$b" ]
}

# --- Nobody watches.
file f1 && file f2 && file f3
check "start" start conf
use f1
check "the first of a boot tells of no gap" told 0 'imad:gap.*'
die
use f2
sleep 1
check "start after a death" start conf
use f3
check "gap: told after a death" told 1 'imad:gap:seconds=[0-9]+\.[0-9],uses=late'
grep -o 'imad:gap.*' $list
check "gap: before what comes later" before imad:gap "$W/f3"
check "gap: what was used in it is in the list, behind it" before imad:gap "$W/f2"
check "gap: seconds" test "$(sed -n 's/.*imad:gap:seconds=\([0-9]*\)\..*/\1/p' $list)" -ge 1

# --- The deadline.
truncate -s 300M $W/slow && chown 10003 $W/slow
read -r begin rest </proc/uptime
check "timeout: who reads goes on" sh -c "head -c 1 $W/slow >/dev/null"
read -r end rest </proc/uptime
echo "  after $((${end%.*} - ${begin%.*})) s"
told_of_it() { grep -q ' imad:timeout:' $list; }
check "timeout: told while the file is still being read" wait_for 5 told_of_it
check "timeout: before its record" exits 1 grep -q " $W/slow\$" $list
check "timeout: its record follows, late" wait_for 200 grep -q " $W/slow\$" $list
imactl list --json --path $W/slow >/tmp/slow
check "timeout: marked so" grep -q '"kind":"late"' /tmp/slow
grep -o 'imad:timeout.*' $list
check "timeout: with number and name" told 1 "imad:timeout:uses=1,file=$W/slow"
check "timeout: not one a tick" test "$(records_of 'imad:timeout.*')" -le 3

# --- The ring buffer is full: files of sysfs, for which nobody is held, are used while imad stands still.
find /sys/module /sys/kernel/slab -type f -perm -o+r 2>/dev/null | head -n 600 >/tmp/files
cat >/tmp/flood.py <<'END'
import os, signal, sys
imad, files = int(sys.argv[1]), open("/tmp/files").read().split()
go = os.pipe()
child = os.fork()
if child == 0: # opens nothing that anybody could be held for, from here on
    os.read(go[0], 1)
    os.setresuid(10005, 10005, 10005)
    for name in files * (3600 // len(files) + 1): # more than the ring buffer holds
        try:
            fd = os.open(name, os.O_RDONLY)
            os.close(fd)
        except OSError:
            pass
    os._exit(0)
os.kill(imad, signal.SIGSTOP)
os.write(go[1], b"x")
os.waitpid(child, 0)
os.kill(imad, signal.SIGCONT)
END
check "lost: a flood" timeout 300 python3 /tmp/flood.py "$imad_pid"
kill -CONT "$imad_pid"
check "lost: told" wait_for 60 sh -c "imactl sync; grep -q ' imad:lost:events=[1-9]' $list"
check "lost: all that were, in one record" told 1 "imad:lost:events=$(counter lost)"
check "lost: in the status" test "$(own lost)" = 1
echo "  $(wc -l </tmp/files) files of sysfs, $(counter lost) events lost"
check "in step" sh -c 'imactl status --json | grep -q "\"in_step\":true"'
agree "gap, timeout, lost"

# --- The PCR is reset.
check "an end" stop_imad
in16=$(grep -c '^16 ' $list)
n=$(cat /run/imad/violations)
check "the TPM resets PCR 16" tpm2_pcrreset 16
check "start with a reset PCR" start conf
check "gap: after an end nobody knows of uses" told 1 'imad:gap:uses=unknown'
check "gap: counted" test "$(own gap)" = 2
check "pcr-reset: told" told 1 "imad:pcr-reset:pcr=16,found=empty,records=$in16"
check "they count as violations" test "$(cat /run/imad/violations)" = $((n + 2))
check "pcr-reset: the log says it" grep -q 'PCR 16 is empty' /vm/imad.log
check "pcr-reset: nothing waits" test "$(counter unextended)" = 0
agree "pcr-reset, the whole list extended again"
check "pcr-reset: in step" sh -c 'imactl status --json | grep -q "\"in_step\":true"'

# --- In words.
imactl list --json --path 'imad:*' >/tmp/own
check "list: each has its word" test "$(grep -c '"own_violation":"\(gap\|lost\|timeout\|pcr-reset\)","meaning":"' /tmp/own)" = "$(wc -l </tmp/own)"
check "list: and its cause beside it" grep -q '"kind":"violation".*"cause":"pcr-reset"' /tmp/own
imactl verify >/tmp/verified
cat /tmp/verified
for word in gap lost timeout pcr-reset; do
	check "verify counts and names imad:$word" grep -q "^  $(own $word) imad:$word: " /tmp/verified
	check "explain imad:$word" sh -c "imactl explain imad:$word | grep -q '^do '"
done
check "verify, for programs" sh -c 'imactl verify --json | grep -q "\"own_violations\":{\"gap\":2,\"lost\":1,\"pcr-reset\":1,\"timeout\":[1-9]"'

# --- Somebody else extends: no list can lead to that value any more, and imad says so. Here no deadline lets anybody in.
check "another end" stop_imad
n=$(records_of 'imad:timeout.*')
check "somebody extends PCR 16" tpm2_pcrextend 16:sha256=0000000000000000000000000000000000000000000000000000000000000001
check "start with a foreign PCR" start deny
check "foreign extend: told" told 1 "imad:pcr-reset:pcr=16,found=other"
check "foreign extend: counted" test "$(own pcr-reset)" = 2
check "foreign extend: not in step" sh -c 'imactl status --json | grep -q "\"in_step\":false"'
check "foreign extend: imactl verify refuses" exits 1 imactl verify >/tmp/verified 2>/tmp/err
check "foreign extend: and says which bank" grep -q 'PCR 16 bank sha256 matches no part of the list' /tmp/err
check "foreign extend: and no other" exits 1 grep -q 'sha1\|sha384' /tmp/err
snapshot /run/imad /tmp/snap
no_match() { ! evm_matches "$@" >/dev/null; }
check "foreign extend: nor can evmctl" no_match sha256 /tmp/snap/list /tmp/snap/pcrs.sha256
check "foreign extend: of the other bank it can" evm_matches sha1 /tmp/snap/list /tmp/snap/pcrs.sha1
file f4
check "records go on: a file is read" wait_for 20 use f4
imactl sync
check "records go on" grep -q " $W/f4\$" $list
truncate -s 301M $W/slow2 && chown 10003 $W/slow2
check "timeout = deny: denied" exits 1 sh -c "head -c 1 $W/slow2 2>/dev/null"
sleep 2
check "timeout = deny: then the list lacks nothing" told "$n" 'imad:timeout.*'
die
