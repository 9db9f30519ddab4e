# SPDX-License-Identifier: GPL-2.0-or-later
# imactl trim beside a running imad: the count goes on, the rest verifies from the checkpoint, archive and rest are for
# evmctl the list of the TPM's PCR, attestation goes on across the cut, so does a daemon that was killed, also in the
# middle of it; what was measured before the cut is not measured again; and what was forged is refused.
# kernels: 6.1
# also: 7.2
# time: 240
. /vm/lib.sh

E=/tmp/trim # on tmpfs: not measured
mkdir -p /test $E
ak=/var/lib/imad/ak.pem
boot=$(cat /proc/sys/kernel/random/boot_id)
archive=/var/lib/imad/archive/$boot
count() { cat /run/imad/runtime_measurements_count; }
first() { sed -n 's/^records //p' /run/imad/checkpoint; }
gaps() { imactl status --json | sed -n 's/.*"gap": *\([0-9]*\).*/\1/p'; }
nonce() { od -An -tx1 -N16 /dev/urandom | tr -d ' \n'; }
use() { # NAME N: N new files
	for i in $(seq "$2"); do
		echo "$1 $i" >/test/$1.$i
		cat /test/$1.$i >/dev/null
	done
	imactl sync
}
said() { "$@" >/tmp/said 2>&1 || { cat /tmp/said; return 1; }; }
agrees() { said imactl verify --ak $ak --archive $archive && grep -q "$1" /tmp/said || { cat /tmp/said; return 1; }; }
# refused "reason" ARGUMENTS...: imactl verify ends with 1, and says so.
refused() {
	reason=$1
	shift
	exits 1 imactl verify "$@" >/tmp/said 2>&1 && grep -q "$reason" /tmp/said || { cat /tmp/said; return 1; }
}
# attested FROM: evidence from there, and the verifier's state goes on.
attested() {
	n=$(nonce)
	imactl attest --nonce "$n" --from "$1" >$E/e.json && said imactl verify --evidence $E/e.json --ak $ak --nonce "$n" --state $E/state
}
state() { sed 's/.*"records": *\([0-9]*\).*/\1/' $E/state | grep -x '[0-9]*'; }
# The parts that were cut off: one that begins where the list does is of a trim that was interrupted.
parts() {
	for p in $archive/*.bin; do
		n=${p##*/}
		[ "$((1${n%.bin} - 1000000000000))" -ge "$(first)" ] || echo "$p"
	done
}
# joined: archive and rest, as one, in evmctl's eyes.
joined() {
	snapshot /run/imad $E/snap && cat $(parts) $E/snap/list >$E/joined &&
		test "$(evmctl_list $E/joined --pcrs sha1,/dev/null | records)" = "$(cat $E/snap/count)" &&
		evm_matches sha1 $E/joined $E/snap/pcrs.sha1 && evm_matches sha256 $E/joined $E/snap/pcrs.sha256
}

start_imad --policy tcb
use old 20
check "the first evidence" attested 0
use kept 15

# --- cut
before=$(count)
check "trim" imactl trim --keep 10
cut=$(first)
check "ten were kept, give or take what came" test "$cut" -ge $((before - 10)) -a "$cut" -le "$(count)"
check "the count went on" test "$(count)" -ge "$before"
check "the list begins at the cut" sh -c "imactl list --json | head -n 1 | grep -q '\"record\":$cut,'"
check "so does record_info" sh -c "head -n 1 /run/imad/record_info | grep -q '^{\"record\":$cut,'"
check "and status" sh -c "imactl status --json | grep -q '\"first\": *$cut\\b'"
check "the archive has what was before" test "$(evmctl_list $archive/000000000000.bin --pcrs sha1,/dev/null | records)" = "$cut"
check "verify" agrees "^from record $cut on, checkpoint made at .* by AK .*(signature good)"
check "evmctl: archive and rest give the TPM's PCR" joined
check "the quote is of the text above it" sh -c "
	sed -n '/^quoted /q; p' /run/imad/checkpoint | sha256sum | cut -c1-64 >$E/hash
	sed -n 's/^attest //p' /run/imad/checkpoint | grep -q \$(cat $E/hash)"

# --- attestation across the cut
check "a state that ends before the cut goes on" test "$(state)" -lt "$cut"
check "with the archive" attested "$(state)"
check "and behind the cut" attested "$(state)"
use more 10
check "and again" attested "$(state)"
cp $E/state $E/state.kept
rm $E/state
check "whoever has not seen anything gets all" attested 0
cp $E/state.kept $E/state
mv $archive $E/away
check "without the archive that is told" sh -c "exec 2>$E/err; imactl attest --nonce 0011223344556677 --from 3 >/dev/null; test \$? = 1 && grep -q 'were cut off the list' $E/err"
check "but what is there is given" attested "$(state)"
mv $E/away $archive

# --- the daemon is killed in the middle: when the part in the archive is begun, and when the new list is written
touch_off() { # FILES: waits until one is there, or the trim has ended
	while kill -0 $trim_pid 2>/dev/null; do
		for f in $1; do [ ! -e "$f" ] || return 0; done
	done
}
for what_new in archive list; do
	[ $what_new = list ] && files='/run/imad/*.new' || files="$archive/*$(first).bin*"
	use middle.$what_new 5
	imactl trim --keep 4 >/tmp/said 2>&1 &
	trim_pid=$!
	touch_off "$files"
	kill -9 "$imad_pid"
	wait "$imad_pid" || :
	wait $trim_pid && how=cut || how=whole
	start_imad --policy tcb
	check "killed, the $what_new was being written ($how): verify" agrees "^from record $(first) on"
	check "nothing new is left" test -z "$(ls /run/imad | grep new)"
	check "the state goes on" attested "$(state)"
done
cat /test/old.7 /test/kept.9 >/dev/null
imactl sync
check "archive and rest" joined
check "what was measured before the cut is not measured again" test "$(grep -aoF /test/old.7 $E/joined | wc -l)" = 1

# --- all of it, twice
own=$(gaps)
check "trim all" imactl trim
check "verify" agrees "^from record $(first) on"
check "imad's own violations are counted on" test "$own" -gt 0 -a "$(gaps)" = "$own"
check "by verify, too" grep -q "^  $own imad:gap: " /tmp/said
check "the state goes on" attested "$(state)"
use last 10
check "once more" imactl trim
check "archive and rest" joined
check "the state goes on" attested "$(state)"
check "imactl verify of it all" agrees "^match"

# --- refused
cp /run/imad/checkpoint $E/good
for forge in "s/^records .*/records $(($(first) - 1))/" "s/^time .*/time 1/" "s/^violations .*/violations $(first)/" "s/^own gap .*/own gap 1/"; do
	sed "$forge" $E/good >$E/forged
	cmp -s $E/good $E/forged || check "forged: $forge" refused 'signed another checkpoint' --checkpoint $E/forged --ak $ak
done
sed "/^pcr 10 sha256/s/........$/00000000/" $E/good >$E/forged
check "forged: a value" refused 'does not lead from the checkpoint' --checkpoint $E/forged
sed "s/^boot_id ......../boot_id 00000000/" $E/good >$E/forged
check "forged: another boot" refused 'the checkpoint is of boot 00000000' --checkpoint $E/forged
openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -out $E/other.pem 2>/dev/null
check "another key" refused 'of another key' --ak $E/other.pem
set -- $archive/*.bin
check "parts in another order" refused 'do not lead to the checkpoint' --archive "$2" --archive "$1" $(shift 2; printf -- '--archive %s ' "$@")
check "a part is missing" refused 'the archived parts have' $(shift; printf -- '--archive %s ' "$@")
check "root only" exits 1 setpriv --reuid 1 --regid 1 --clear-groups imactl trim
cat /vm/imad.log | grep -a 'trim\|begins at record' | tail -n 5
check "stop" stop_imad
