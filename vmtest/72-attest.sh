# SPDX-License-Identifier: GPL-2.0-or-later
# imactl enroll and attest beside a running imad: under a storm of new records each piece of evidence verifies, the
# next goes on where the last one ended, tpm2_checkquote and evmctl agree, and what was forged is refused.
# The rounds here fit a minute; CMDLINE="ROUNDS=200" SLOW=9 vmtest/run 72-attest has two hundred.
# kernels: 6.1
# also: 7.2
# time: 240
. /vm/lib.sh

E=/tmp/evidence # on tmpfs: not measured
ROUNDS=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^ROUNDS=//p')
ROUNDS=${ROUNDS:-20}
start_imad --policy tcb
mkdir -p /test $E
nonce() { od -An -tx1 -N16 /dev/urandom | tr -d ' \n'; }
verify() { imactl verify --evidence "$@" >/tmp/said 2>&1; }
# refused "reason" ARGUMENTS...: exit status 1, and that in what is said.
refused() {
	reason=$1
	shift
	exits 1 verify "$@" && grep -q "$reason" /tmp/said || { cat /tmp/said; return 1; }
}

# --- enrolled once: this TPM has no certificate
imactl enroll >$E/host.json
check "a challenge" imactl enroll --challenge $E/host.json --without-certificate --dir $E/v
secret=$(imactl enroll --activate $E/v/credential.blob)
check "this TPM reads it" imactl enroll --confirm "$secret" --dir $E/v
ak=$E/v/ak.pem
check "a key of its own" grep -q 'BEGIN PUBLIC KEY' $ak

# --- a storm
storm() {
	n=0
	while [ ! -e /tmp/over ]; do
		n=$((n + 1))
		cp /bin/true /test/storm
		echo $n >>/test/storm
		/test/storm
	done
}
storm &
storm_pid=$!
records() { cat /run/imad/runtime_measurements_count; }
before=$(records)
good=0 agreed=0 from=0 grown=0
for i in $(seq $ROUNDS); do
	n=$(nonce)
	had=$(records)
	rm -rf $E/d
	imactl attest --nonce "$n" --from $from >$E/e.json || continue
	[ "$(records)" = "$had" ] || grown=$((grown + 1))
	if verify $E/e.json --ak $ak --nonce "$n" --state $E/state; then
		good=$((good + 1))
	else
		echo "  round $i: $(cat /tmp/said)"
	fi
	from=$(sed 's/.*"records": *\([0-9]*\).*/\1/' $E/state | grep -x '[0-9]*')
	[ $((i % 5)) = 0 ] || continue
	imactl attest --nonce "$n" --dir $E/d
	tpm2_checkquote -u $E/d/ak.pem -m $E/d/quote.msg -s $E/d/quote.sig -f $E/d/pcrs.values -g sha256 \
		$(cat $E/d/checkquote.args) >/tmp/said 2>&1 &&
		evmctl ima_measurement --ignore-violations --verify-bank=sha256 --pcrs sha256,$E/d/pcrs.sha256 $E/d/list.bin 2>&1 |
		grep -qx 'Matched per TPM bank calculated digest(s).' && cmp $E/d/ak.pem $ak && agreed=$((agreed + 1)) || cat /tmp/said
done
: >/tmp/over
wait $storm_pid
after=$(records)
echo "  $((after - before)) records meanwhile, in $grown rounds while they were answered; $from verified"
check "$ROUNDS of $ROUNDS pieces of evidence verify" test $good = $ROUNDS
check "tpm2_checkquote and evmctl agree" test $agreed = $((ROUNDS / 5))
check "records came all the time" test $grown -gt $((ROUNDS / 2)) -a $((after - before)) -gt $ROUNDS
imactl sync
check "what was verified is a beginning of the list" test "$from" -gt "$before" -a "$from" -le "$(records)"

# --- all of it, at rest
n=$(nonce)
imactl attest --nonce "$n" >$E/e.json
imactl attest --nonce "$n" --dir $E/d
good="$E/e.json --ak $ak --nonce $n"
check "the whole list" verify $good
check "and by the state that has seen the rest" verify $good --state $E/state
check "imactl verify agrees" imactl verify

# --- refused
openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -out $E/other.pem 2>/dev/null
check "another nonce" refused 'answers another nonce' $E/e.json --ak $ak --nonce "$(nonce)"
check "another key" refused 'of another key' $E/e.json --ak $E/other.pem --nonce "$n"
cat >/tmp/forge.py <<'END'
import base64, json, sys
e, how = json.load(open(sys.argv[1])), sys.argv[2]
b = bytearray(base64.b64decode(e["list"]["data"]))
if how == "list":
	at = b.rindex(b"/test/storm")
	b[at + 6:at + 11] = b"quiet"
elif how == "cut":
	at = b.index(b"\x0a\0\0\0", 100)
	del b[:at]
elif how == "quote":
	q = bytearray(base64.b64decode(e["quote"]["attest"]))
	q[-1] ^= 1
	e["quote"]["attest"] = base64.b64encode(q).decode()
e["list"]["data"] = base64.b64encode(b).decode()
json.dump(e, open(sys.argv[3], "w"))
END
for how in list cut quote; do
	python3 -IS /tmp/forge.py $E/e.json $how $E/forged.json
	case $how in
	list) reason='digest is not that of its data' ;;
	cut) reason='no part of the list leads to the quoted value' ;;
	quote) reason="not this key's signature over this quote" ;;
	esac
	check "forged: $how" refused "$reason" $E/forged.json --ak $ak --nonce "$n"
done
# Something else in the PCR: the list leads nowhere any more.
tpm2_pcrextend "10:sha256=$(printf '%064d' 1)"
n=$(nonce)
imactl attest --nonce "$n" >$E/e.json || :
check "a PCR that holds something else" refused 'no part of the list leads to the quoted value' $E/e.json --ak $ak --nonce "$n"
check "stop" stop_imad
