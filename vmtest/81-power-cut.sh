# SPDX-License-Identifier: GPL-2.0-or-later
# The machine loses its power at random moments: while the list grows and is trimmed, a policy is loaded, the EVM key is
# changed, imad is killed, or starts. List and state are on the root file system; that and the TPM stay as they were. Each next boot,
# imad starts by itself, list and PCR agree, what the last boot left is whole, and what had been said to be done is done.
# Five cuts here, one of each kind: ROUNDS=50 SEED=7 vmtest/run 81-power-cut has fifty.
# kernels: 6.1
# also: 7.2
# boots: cut:5 end
# cut: cut
# keep: tpm root
# disk: notes 64M
# time: 150
. /vm/lib.sh

R=/var/lib/imad # list, archive and state
N=/notes	# what was done, on a disk of its own, so that a sync there does not write out what imad should have
W=/test
export TPM2TOOLS_TCTI=device:/dev/tpmrm0
imactl() { command imactl --rundir $R "$@"; }
said() { "$@" >/tmp/said 2>&1 || { cat /tmp/said; return 1; }; }
agrees() { said imactl verify; }
number() { [ ! -s $N/"$1" ] || tail -n 1 $N/"$1"; }
note() { echo "$2" >>$N/"$1" && sync $N/"$1"; } # FILE TEXT
nonce() { od -An -tx1 -N16 /dev/urandom | tr -d ' \n'; }
clock() { tpm2_readclock | sed -n "s/^ *$1: *//p"; }

# publish VERSION: the policy of the settings, signed, from one moment to the next.
publish() {
	cat >/etc/imad/policy.new <<-END
		# version: $1
		measure func=FILE_CHECK mask=MAY_READ fowner=10001
		appraise func=FILE_CHECK fowner=10001
	END
	evmctl ima_sign -a sha256 --key /etc/imad/key.pem /etc/imad/policy.new >/dev/null 2>&1
	sync /etc/imad/policy.new
	mv /etc/imad/policy.new /etc/imad/policy
	sync /etc/imad
}

prepare() {
	mkfs.ext4 -q "$(disk notes)"
	mount "$(disk notes)" $N
	mkdir -p $W $N/hmac /etc/imad /etc/keys/ima
	chown 10001 $W
	rsa_key /etc/imad/key.pem && openssl req -x509 -key /etc/imad/key.pem -subj /CN=policy -outform DER -out /etc/keys/ima/cert.der 2>/dev/null
	printf 'rundir = %s\npolicy = /etc/imad/policy\nappraise = fix\n[policy]\nsigned = yes\n' $R >/etc/imad/imad.conf
	publish 1
	check "a key of this machine" said imactl evm init --without-recovery
	for i in 1 2 3; do echo $i >$N/hmac/$i; done
	check "HMACs" said imactl label --evm $N/hmac
	: >$N/written
	clock reset_count >$N/resets
	sync
}

# --- what the last boot left, before imad has touched it

before_start() {
	old=$(cat $R/boot_id 2>/dev/null || :) list=$R/binary_runtime_measurements
	check "no list without its boot" test -n "$old" -o ! -s $list
	[ -n "$old" ] || return 0
	# The cut of a trim was made, but its files have not got their names yet.
	[ ! -e $list.new ] || [ -e $R/checkpoint.new ] || list=$list.new
	[ -e $list ] || return 0
	if [ $((round % 2)) = 1 ]; then # half of a record, as a torn write would leave it
		head -c 30 $list >/tmp/torn
		cat /tmp/torn >>$list
	fi
	cp $list /tmp/raw
	echo "  left: $(stat -c %s /tmp/raw) bytes of list, $(ls $R | tr '\n' ' ')"
}

# all_but_torn: the list in the archive is what was found, but a record at its end of which the disk has a part, or zeros.
all_but_torn() {
	kept=$(stat -c %s $A/binary_runtime_measurements)
	tail -c +$((kept + 1)) /tmp/raw >/tmp/rest
	cmp -n "$kept" $A/binary_runtime_measurements /tmp/raw && [ "$(stat -c %s /tmp/raw)" -ge "$kept" ] &&
		[ "$(tr -d '\0' </tmp/rest | wc -c)" -lt 400 ] || return 1
	[ ! -e $A/binary_runtime_measurements.rest ] || cmp $A/binary_runtime_measurements.rest /tmp/rest
	[ -s /tmp/rest ] && echo "  no record: the last $(stat -c %s /tmp/rest) bytes of $(stat -c %s /tmp/raw)" || :
}

# cut_of BOOT: where its last trim was done, as far as is known.
cut_of() { { echo 0 && cat $N/cuts 2>/dev/null; } | sed -n "s/^$1 //p; 1p" | tail -n 1; }
first_of() { [ ! -e "$1/checkpoint" ] && echo 0 || sed -n 's/^records //p' "$1/checkpoint"; }

# kept_whole: for evmctl it is a list, and has as many records as the counts say.
kept_whole() {
	n=$(evmctl_list $A/binary_runtime_measurements --pcrs sha1,/dev/null | records)
	[ $((n + $(first_of $A))) = "$(cat $A/runtime_measurements_count)" ] && [ "$(wc -l <$A/ascii_runtime_measurements)" = "$n" ] &&
		[ "$(wc -l <$A/record_info)" = "$n" ]
}

# parts_whole: what was cut off is in the archive, as its signed checkpoint says. There is no PCR any more to compare with.
parts_whole() {
	exits 3 imactl verify --tcti none --list $A/binary_runtime_measurements --ak $R/ak.pem --archive $A >/tmp/said 2>&1 &&
		grep -q '(signature good)' /tmp/said && grep -q 'records before are in the archive' /tmp/said || { cat /tmp/said; return 1; }
}

after_start() {
	A=$R/archive/$old
	check "no list is nobody's" test -z "$(ls $R/archive 2>/dev/null | grep unknown)"
	if [ -n "$old" ] && [ -e /tmp/raw ]; then
		check "the list of the last boot is kept, but what was torn" all_but_torn
		check "it is whole: $(cat $A/runtime_measurements_count) records, $(first_of $A) cut off" kept_whole
		check "each trim that was done is" test "$(first_of $A)" -ge "$(cut_of "$old")"
		[ ! -e $A/checkpoint ] || check "its archive is whole" parts_whole
	fi
	version=$(cat $R/policy-version)
	check "the policy's version is kept" test "$version" -ge "$(number version)" -a "$version" -le "$(sed -n 's/^# version: //p' /etc/imad/policy)"
	check "the key is" said imactl evm status
	check "and so are its HMACs" said imactl check --evm $N/hmac
	labels
}

# labels: each file that was written and synced has its content, and a label of it or none.
labels() {
	awk '{ last[$2] = $1 == "done" ? $3 : "" } END { for (f in last) if (last[f]) print last[f] "  " f }' $N/written >/tmp/sums
	[ -s /tmp/sums ] || return 0
	cut -d' ' -f3 /tmp/sums >/tmp/files
	check "what was synced is there: $(wc -l </tmp/sums) files" sha256sum --quiet -c /tmp/sums
	xargs getfattr --absolute-names -n security.ima -e hex </tmp/files 2>/dev/null |
		awk '/^# file: / { f = $3 } /^security.ima=/ { sub(/.*=0x0404/, ""); print $0 "  " f }' | sort >/tmp/labels
	check "no label is wrong, and $(wc -l </tmp/labels) are right" test -z "$(sort /tmp/sums | comm -23 /tmp/labels -)"
	check "not all are lacking" test -s /tmp/labels
}

# --- the load

# Files of user 10001, written, written anew (but not where imad may be dead, which is not there to label them) and synced.
write_files() {
	i=0
	while :; do
		i=$((i + 1))
		[ "$mode" = kill ] && f=$W/$round.$i || f=$W/$round.$((i % 20))
		echo "begin $f" >>$N/written
		sync $N/written
		printf "%0$((i % 7 * 1000 + 9))d\n" $i >$f
		sync $f
		sum=$(sha256sum <$f)
		echo "done $f ${sum%% *}" >>$N/written
		sync $N/written
	done
}

read_files() {
	while :; do
		for f in $W/$round.*; do cat "$f" >/dev/null 2>&1 || :; done
	done
}

trim_once() {
	imactl trim --keep 3 >/tmp/trim 2>&1 || return 0
	cut=$(sed -n 's/^the list begins at record \([0-9]*\).*/\1/p' /tmp/trim)
	[ -z "$cut" ] || note cuts "$(cat $R/boot_id) $cut"
}

# once: what this round is about.
once() {
	case $mode in
	trim) trim_once ;;
	policy)
		version=$((version + 1))
		publish $version
		imactl policy load /etc/imad/policy >/dev/null && note version $version
		;;
	key) imactl evm rekey --without-recovery $N/hmac >/dev/null ;;
	kill)
		trim_once &
		sleep "0.$(($(od -An -N1 -tu1 /dev/urandom)))"
		kill -9 "$imad_pid"
		wait "$imad_pid" || :
		start_imad
		check "killed: list and PCR agree" agrees
		;;
	start) sleep 1 ;;
	esac
}

# --- this boot

mkdir -p $N
[ -e /etc/imad/imad.conf ] && mount "$(disk notes)" $N || prepare
round=$(number round)
round=$((round + 1))
[ "$BOOT" = end ] || note round $round
mode=$(echo trim policy key kill start | cut -d' ' -f$(((round - 1) % 5 + 1)))
echo "  round $round: $mode"
# What is written reaches the disk soon, so that the list of a boot of seconds does, too.
echo 100 >/proc/sys/vm/dirty_expire_centisecs
echo 50 >/proc/sys/vm/dirty_writeback_centisecs

resets=$(clock reset_count)
[ $round = 1 ] || check "for the TPM it was a reset" test "$resets" = $(($(number resets) + 1)) -a "$(clock restart_count)" = 0
note resets "$resets"
before_start
[ "$BOOT$mode" != cutstart ] || cut_within 8
check "imad starts" start_imad
[ ! -e $N/version ] && note version 1
check "list and PCR agree" agrees
after_start
check "a snapshot" snapshot $R /tmp/snap
for bank in sha1 sha256; do
	check "for evmctl, too: $bank" evm_matches $bank /tmp/snap/list /tmp/snap/pcrs.$bank
done
nonce=$(nonce)
check "it attests" sh -c "imactl --rundir $R attest --nonce $nonce >/tmp/evidence"
[ -e $N/ak.pem ] || { cp $R/ak.pem $N/ak.new && sync $N/ak.new && mv $N/ak.new $N/ak.pem; }
check "by the same key, and a verifier goes on" said imactl verify --evidence /tmp/evidence --ak $N/ak.pem --nonce "$nonce" --state $N/state
sync $N/state
if [ "$BOOT" = end ]; then
	check "stop" stop_imad
	exit
fi

: >$N/written
chmod 666 $N/written
sync $N/written $N
export mode round
setpriv --reuid 10001 --regid 10001 --clear-groups sh -c "N=$N W=$W; $(sed -n '/^write_files()/,/^}/p' /vm/script.sh); write_files" &
read_files &
wait_for 20 test -s $W/$round.1
[ $mode = start ] || cut_within 12
while [ "$failed" = 0 ]; do
	once
done
