# SPDX-License-Identifier: GPL-2.0-or-later
# policy.signed: a policy is loaded only with a signature by a trusted key, and never an older one than before;
# and what is no policy at all is refused whole.
# kernels: 6.1
# also: 7.2
# time: 180
. /vm/lib.sh

W=/test
mounts
mkdir -p $W /etc/keys/ima
for k in good other; do
	rsa_key /tmp/$k.key && openssl req -x509 -key /tmp/$k.key -subj /CN=$k -outform DER -out /tmp/$k.der 2>/dev/null
done
cp /tmp/good.der /etc/keys/ima
sign() { evmctl ima_sign -a sha256 --key "/tmp/$1.key" "$2" >/dev/null 2>&1; } # into security.ima
detach() { evmctl ima_sign --sigfile -a sha256 --key "/tmp/$1.key" "$2" >/dev/null 2>&1; }
policy() { printf '# version: %s\nmeasure func=BPRM_CHECK uid=%s\n' "$2" "${3:-0}" >"$W/$1"; }
active() { imactl policy show | sed '1d; s/# [0-9]*$//; s/ *$//'; }
is_active() { [ "$(active)" = "measure func=BPRM_CHECK uid=$1" ] || { active; return 1; }; }
refused() { # WORDS NAME: and what was active stays
	before=$(active)
	got=0
	said=$(imactl policy load "$2" 2>&1) || got=$?
	[ "$got" = 1 ] || { echo "  exit status $got"; return 1; }
	echo "$said" | grep -q "$1" || { echo "  said: $said"; return 1; }
	[ "$(echo "$said" | wc -l)" = 1 ] && [ "$(active)" = "$before" ]
}

policy first 3
cat >/tmp/conf <<END
policy = $W/first
[policy]
signed = yes
END
imad --config /tmp/conf --check >/tmp/said 2>&1 && got=0 || got=$?
check "an unsigned policy in the settings: refused" test $got = 2
check "and named" grep -q "policy file '$W/first': policy.signed asks for a signature, and it has none" /tmp/said
sign good $W/first
check "start" start_imad --config /tmp/conf
check "the version is kept" test "$(cat /var/lib/imad/policy-version)" = 3

check "a built-in policy" refused "counts in imad.conf only" tcb
policy plain 4
check "an unsigned one" refused "it has none" $W/plain
policy other 4
sign other $W/other
check "by another key" refused "not by a trusted key" $W/other
policy beside 4
detach other $W/beside
check "by another key, beside it" refused "a key that is not trusted" $W/beside
detach good $W/beside
check "signed beside it" imactl policy load $W/beside
policy changed 4
detach good $W/changed
echo 'measure func=MMAP_CHECK' >>$W/changed
check "changed after it was signed" refused "not one of this text" $W/changed
head -c 20 $W/beside.sig >$W/changed.sig
check "a damaged signature" refused "not one of this text" $W/changed
policy old 2
sign good $W/old
check "an older version" refused "version 2 is older than 4" $W/old
echo 'measure func=BPRM_CHECK' >$W/none && sign good $W/none
check "no version" refused "# version: N" $W/none
echo '# version: x' >$W/bad && sign good $W/bad
check "a version that is none" refused "not a number" $W/bad
policy next 5 1000
sign good $W/next
check "a newer one" imactl policy load $W/next
check "is active" is_active 1000
check "the one before" refused "version 4 is older than 5" $W/beside

# Through a crash and a restart.
kill -9 "$imad_pid" && wait "$imad_pid" 2>/dev/null || :
check "after a crash" start_imad --config /tmp/conf
check "the loaded one, signed as it is" is_active 1000
stop_imad
imad --config /tmp/conf >/tmp/said 2>&1 && got=0 || got=$?
check "the settings' one is too old now" test $got = 2
check "and why" grep -q 'version 3 is older than 5' /tmp/said
sed -i "s|$W/first|$W/next|" /tmp/conf
check "the newer one in the settings" start_imad --config /tmp/conf
stop_imad

# What is no policy, without signatures: refused whole, in one line, with its place.
check "start without" start_imad --policy $W/next
head -c 100000 /dev/urandom >$W/junk
check "random bytes" refused "policy $W/junk, line 1: " $W/junk
head -c 1048576 /dev/zero | tr '\0' a >$W/long
check "a line of 1 MiB" refused "policy $W/long, line 1: " $W/long
yes 'measure func=BPRM_CHECK uid=0' | head -n 100000 >$W/many
check "100 000 rules" refused "$W/many" $W/many
yes 'measure func=BPRM_CHECK uid=0' | head -n 600 >$W/more
check "600 rules" refused "policy $W/more, line 513: " $W/more
printf 'measure func=BPRM_CHECK\nmeasure func=NOTHING\n' >$W/token
check "an unknown word" refused "line 2: .*NOTHING" $W/token
echo 'measure func=BPRM_CHECK uid=4294967296' >$W/range
check "a number out of range" refused "line 1: .*4294967296" $W/range
check "a folder" refused "cannot read policy file '$W'" $W
mkfifo $W/fifo
check "a pipe" refused "cannot read policy file '$W/fifo'" $W/fifo

# Replaced while it is loaded, again and again: the one or the other, never a mixture.
for i in $(seq 200); do echo "measure func=BPRM_CHECK uid=1"; done >$W/one
for i in $(seq 300); do echo "measure func=BPRM_CHECK uid=2"; done >$W/two
cp $W/one $W/race
( while :; do for f in one two; do cp $W/$f $W/race.new; mv $W/race.new $W/race; done; done ) &
replacer=$!
mixed=0
for i in $(seq 20); do
	imactl policy load $W/race >/dev/null || mixed=$((mixed + 1))
	case $(active | sort | uniq -c | tr -s ' ') in
	" 200 measure func=BPRM_CHECK uid=1" | " 300 measure func=BPRM_CHECK uid=2") ;;
	*) mixed=$((mixed + 1)) ;;
	esac
done
kill $replacer
check "replaced while loaded: always one of the two" test $mixed = 0
check "list and PCR agree" imactl verify
check "stop" stop_imad
tail -n 5 /vm/imad.log
