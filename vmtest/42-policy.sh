# SPDX-License-Identifier: GPL-2.0-or-later
# The policy of a running imad: shown, replaced, added to, rolled back, locked; bad ones refused whole; and
# replaced under load without a use that falls between the old rules and the new ones.
# kernels: 6.1
# time: 480
. /vm/lib.sh

list=/run/imad/ascii_runtime_measurements
count() { grep -c " sha256:[0-9a-f]* $1\$" $list || :; }
has() { [ "$(count "$1")" != 0 ]; }
shown() { imactl policy show | sed '/^#/d; s/ *# [0-9]*$//'; }
shows() { shown >/tmp/shown && printf '%s\n' "$@" | diff - /tmp/shown; }
hits() { imactl policy show | sed -n "s/^$1 *# \([0-9]*\)\$/\1/p"; }
source_is() { imactl policy show | head -n 1 | grep -q "^# $1: "; }
held() { imactl list --json --path "$1" | tail -n 1 | grep -q '"kind":"gate"' || { imactl list --json --path "$1"; return 1; }; }
status() { imactl status --json | grep -qE "$1"; }
gated() { imactl status --json | grep -oE '"type": ?"'"$1"'"[^}]*"gated": ?(true|false)' | grep -q 'true$'; }

mounts
mkdir -p /test /tmp/mem
echo 'measure func=BPRM_CHECK' >/test/programs
printf 'measure func=BPRM_CHECK\nmeasure func=FILE_CHECK mask=^MAY_READ fowner=7\n' >/test/files
start_imad --policy tcb

# --- show

check "tcb is shown" exits 0 sh -c "imactl policy show | head -n 1 | grep -q '^# tcb: 20 rules'"
imactl policy show >/test/shown
check "what is shown is a policy" imactl policy check /test/shown
check "as the one that it shows" test "$(imactl policy check /test/shown | tail -n 1)" = "$(imactl policy check tcb | tail -n 1)"
cp /bin/true /test/counted
before=$(hits 'measure func=BPRM_CHECK mask=MAY_EXEC')
/test/counted
check "hits are counted" test "$(hits 'measure func=BPRM_CHECK mask=MAY_EXEC')" = $((before + 1))
/test/counted
check "only where the rules had to be asked" test "$(hits 'measure func=BPRM_CHECK mask=MAY_EXEC')" = $((before + 1))

# --- replace

echo one >/test/one
chown 7 /test/one
cat /test/one >/dev/null
imactl sync
seen=$(count /test/one)
check "under tcb it was read and measured" test "$seen" = 1
check "load another" imactl policy load /test/programs
check "it is active" shows 'measure func=BPRM_CHECK'
check "its file was measured under the one before" has /test/programs
echo two >/test/one
cat /test/one >/dev/null
cat /test/one >/dev/null
imactl sync
check "what it does not name is not measured" test "$(count /test/one)" = 1
check "load a third by a relative name" sh -c 'cd /test && imactl policy load files'
cat /test/one >/dev/null
imactl sync
check "what it names is, though it passed freely before" test "$(count /test/one)" = 2
check "and it was held until then" held /test/one
cat /test/one >/dev/null
check "back and forth" imactl policy load /test/programs
check "and back" imactl policy load /test/files
cat /test/one >/dev/null
imactl sync
check "what is done stays done" test "$(count /test/one)" = 2
check "two policies in one" imactl policy load tcb /test/files
check "both are named" source_is "tcb /test/files"
check "in one order whatever was said" sh -c 'imactl policy load /test/files ima_tcb tcb && imactl policy show | sed -n 2p | grep -q "^dont_measure fsmagic=0x9fa0"'
check "the older tcb is not there beside it" sh -c '! imactl policy show | grep -q "mask=MAY_READ uid=0"'

# --- hooks follow

attached() { imactl status --json | grep -qE '"name": ?"'"$1"'", ?"attached": ?true'; }
check "tcb reads modules" attached kernel_read_file
check "a policy of programs" imactl policy load /test/programs
check "does not" exits 1 attached kernel_read_file
check "tcb again" imactl policy load tcb
check "does again" attached kernel_read_file
modprobe -r xfs 2>/dev/null || :
modprobe xfs
imactl sync
check "and measures them" sh -c "grep -q '/xfs\.ko' $list"
check "back to ima_tcb" imactl policy load ima_tcb

# --- filesystems follow

cp /bin/true /tmp/mem/program
check "tmpfs is not gated under tcb" exits 1 gated tmpfs
/tmp/mem/program
imactl sync
check "nor measured" test "$(count /tmp/mem/program)" = 0
check "a policy for tmpfs" imactl policy load tcb+tmpfs
check "gates it" gated tmpfs
/tmp/mem/program
imactl sync
check "the next use is measured" has /tmp/mem/program
check "and held" held /tmp/mem/program
check "back to tcb" imactl policy load tcb
check "and it is let go" exits 1 gated tmpfs

# --- refused whole

unchanged() { shown | cmp - /test/active; }
shown >/test/active
# refused TEXT ARGUMENT...: not loaded, in one line with TEXT, and nothing has changed.
refused() {
	text=$1
	shift
	exits 1 imactl policy load "$@" >/tmp/refused 2>&1 || { cat /tmp/refused; return 1; }
	[ "$(wc -l </tmp/refused)" = 1 ] && grep -qF -- "$text" /tmp/refused || { cat /tmp/refused; return 1; }
	unchanged
}
printf 'measure func=BPRM_CHECK\n\nmeasure func=NONSENSE\n' >/test/bad
check "an error in line 3" refused "/test/bad, line 3: unknown func: 'func=NONSENSE'" /test/bad
check "a good one and a bad one" refused "/test/bad, line 3" tcb /test/bad
check "a file that is not there" refused "/test/none" /test/none
check "a folder" refused "/test" /test
check "an unknown name" refused "nonsense" nonsense
head -c 4096 /dev/urandom >/test/junk
check "binary junk" refused "/test/junk, line 1: " /test/junk
{ printf 'measure '; head -c 1000000 /dev/zero | tr '\0' ' '; } >/test/long
check "a line of a megabyte" refused "/test/long, line 1: line too long" /test/long
yes 'measure func=BPRM_CHECK uid=1' | head -n 100000 >/test/many || :
check "100 000 rules" refused "/test/many" /test/many
yes 'measure func=BPRM_CHECK uid=1' | head -n 600 >/test/many || :
check "more rules than there is room for" refused "/test/many, line 513: too many rules" /test/many
mkfifo /test/fifo
check "a FIFO" refused "/test/fifo" /test/fifo
cp /test/files '/test/a b'
check "a name with a blank" refused "blanks" '/test/a b'
check "no seconds" exits 2 imactl policy load --confirm soon tcb
check "no name" exits 2 imactl policy load

# --- confirm or go back

check "load for a moment" imactl policy load --confirm 10 /test/files
check "it is active at once" source_is /test/files
imactl policy load tcb >/tmp/refused 2>&1 && got=0 || got=$?
check "no other one meanwhile" test $got = 1
check "and it says why" grep -q "not confirmed" /tmp/refused
check "it is back by itself" wait_for 40 source_is tcb
check "as it was" unchanged
check "nothing to confirm" exits 1 imactl policy confirm
check "load to keep" imactl policy load --confirm 10 /test/files
check "confirm" imactl policy confirm
sleep 12
check "it stays" source_is /test/files

# --- add, lock, survive

echo 'measure func=MODULE_CHECK' >/test/more
check "add" imactl policy load --append /test/more
check "behind the others" shows 'measure func=BPRM_CHECK' 'measure func=FILE_CHECK mask=^MAY_READ fowner=7' 'measure func=MODULE_CHECK'
kill -9 "$imad_pid"
wait "$imad_pid" || :
start_imad --policy tcb
check "a crash does not undo it" shows 'measure func=BPRM_CHECK' 'measure func=FILE_CHECK mask=^MAY_READ fowner=7' 'measure func=MODULE_CHECK'
stop_imad
start_imad --policy /test/files
check "an orderly stop does" shows 'measure func=BPRM_CHECK' 'measure func=FILE_CHECK mask=^MAY_READ fowner=7'
check "lock" imactl policy lock
shown >/test/active
check "no other policy any more" refused "locked" tcb
check "but more rules" imactl policy load --append /test/more
shown >/test/active
stop_imad
start_imad --policy tcb
check "not even after a stop" refused "locked" tcb
check "the rules are the same" unchanged
check "status says so" status '"locked": ?true'
stop_imad
rm /run/imad/policy # as a boot would

# --- under load

start_imad --policy /test/programs
mkdir /test/load
i=0
while [ $i -lt 300 ]; do
	cp /bin/true /test/load/p$i
	i=$((i + 1))
done
sync
(
	i=0
	while [ $i -lt 300 ]; do
		/test/load/p$i || echo "p$i: $?" >>/test/denied
		i=$((i + 1))
	done
	: >/test/finished
) &
runner=$!
loads=0
while [ ! -e /test/finished ]; do
	imactl policy load /test/files >/dev/null || echo "load $loads" >>/test/denied
	imactl policy load /test/programs >/dev/null || echo "load $loads" >>/test/denied
	loads=$((loads + 2))
done
wait $runner
echo "  $loads policies in the time of 300 programs"
check "several policies came and went" test $loads -ge 4
check "nothing was denied, no load failed" exits 1 cat /test/denied
imactl sync
i=0 missing=0
while [ $i -lt 300 ]; do
	has /test/load/p$i || { missing=$((missing + 1)); echo "  missing: p$i"; }
	i=$((i + 1))
done
check "every program is in the list" test $missing = 0
check "list and PCR agree" imactl verify
check "nothing was lost" status '"lost": ?0[,}]'
check "stop" stop_imad
cat /vm/imad.log
