# SPDX-License-Identifier: GPL-2.0-or-later
# Appraisal of opens: what does not match its label is not opened, and labels follow writers, as in the kernel's own
# IMA (boot A). Before 6.9 an open that is not known yet succeeds, and its first use is denied instead.
# kernels: 6.1 7.2
# also: 6.12
# boots: A B
# cmdline: ima_template=ima-ng audit=1
# cmdline-A: ima_appraise=enforce
# time: 240
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
chmod 777 $W
echo 0 >/proc/sys/kernel/printk_ratelimit
cat >/tmp/policy <<'END2'
appraise func=FILE_CHECK fowner=10001
appraise func=FILE_CHECK fowner=10002 appraise_type=imasig
appraise func=FILE_CHECK mask=^MAY_WRITE fowner=10003
appraise fowner=10004
appraise func=FILE_CHECK fowner=10005 appraise_algos=sha512
END2

# The same files in both boots. Signatures are no good in A, which has no key: there they only make files immutable.
if [ "$BOOT" = A ]; then
	rsa_key "$RESULTS/good.key" && openssl req -x509 -key "$RESULTS/good.key" -subj /CN=good -outform DER \
		-out "$RESULTS/good.der" -addext keyUsage=digitalSignature 2>/dev/null
fi
mkdir -p /etc/keys/ima && cp "$RESULTS/good.der" /etc/keys/ima
make() { # NAME OWNER [LABEL...]
	name=$1 owner=$2
	shift 2
	cp /bin/true "$W/$name"
	[ $# = 0 ] || "$@" "$W/$name" >/dev/null 2>&1 || echo "  $name: no label"
	chown "$owner" "$W/$name"
	chmod 755 "$W/$name"
}
hashed() { evmctl ima_hash -a "$1" "$2"; }
signed() { evmctl ima_sign -a sha256 --key "$RESULTS/good.key" "$1"; }
value() { setfattr -n security.ima -v "$1" "$2"; }
wrong=0x04040000000000000000000000000000000000000000000000000000000000000000
for u in 1 3 4; do
	make good$u 1000$u hashed sha256
	make none$u 1000$u
	make wrong$u 1000$u value $wrong
	make short$u 1000$u value 0x040400
	make odd$u 1000$u value 0x02040000
done
make good2 10002 hashed sha256
make none2 10002
make good5 10005 hashed sha256
make strong5 10005 hashed sha512
make signed1 10001 signed
make signed2 10002 signed
make signed3 10003 signed
make free 10009
for f in write trunc rdwr touch path pathbad storm renamed; do make $f 10001 hashed sha256; done
make pathbad 10001 value $wrong

if [ "$BOOT" = A ]; then
	check "the kernel takes the policy" sh -c "cat /tmp/policy >/sys/kernel/security/ima/policy"
else
	start_imad --appraise enforce --policy /tmp/policy
fi
label_of() { getfattr --only-values -n security.ima "$W/$1" 2>/dev/null | xxd -p -c 200; }
right() { [ "$(label_of "$1")" = "0404$(sha256sum <"$W/$1" | cut -d' ' -f1)" ]; }
state() { right "$1" && echo right || echo "wrong"; }
try() { "$@" >/dev/null 2>&1 && got=0 || got=$?; echo "$got"; }
user() { setpriv --reuid=10001 --regid=10001 --clear-groups "$@"; }
say() { echo "$*"; }

verdicts() {
	for f in $(cd $W && ls | grep '[1-5]$\|free'); do
		for use in read read rdwr write mmap-read; do
			say "$use $f $(try /vm/probe $use $W/$f)"
		done
		say "known $f $(try /vm/probe open $W/$f)"
		say "exec $f $(try $W/$f)"
		say "uring $f $(try /vm/probe io_uring-open $W/$f)"
	done
	# The label follows whoever may write.
	user sh -c "echo more >>$W/write" && say "append 0"
	say "append, read $(try cat $W/write)"
	say "append, label $(state write)"
	user sh -c "echo new >$W/trunc"
	say "truncate, read $(try cat $W/trunc) $(state trunc)"
	user sh -c "exec 5<>$W/rdwr; echo x >&5"
	say "both, read $(try cat $W/rdwr) $(state rdwr)"
	# While somebody writes, what was found before counts.
	exec 5>>$W/write
	echo again >&5
	say "under a writer $(try cat $W/write)"
	say "a second writer $(try sh -c "echo 2 >>$W/write")"
	exec 5>&-
	say "after both $(try cat $W/write) $(state write)"
	# New files.
	user sh -c "echo a >$W/new"
	say "new $(try cat $W/new) $(state new)"
	user sh -c "exec 5>$W/new2; echo b >&5; cat $W/new2; echo c >>$W/new2; cat $W/new2" >/dev/null && say "new, in use 0"
	say "new, after $(try cat $W/new2) $(state new2)"
	user sh -c "echo d >$W/tmp; mv $W/tmp $W/renamed"
	say "replaced $(try cat $W/renamed) $(state renamed)"
	user touch $W/empty
	say "empty $(try cat $W/empty)"
	user sh -c "echo e >>$W/empty"
	say "filled $(try cat $W/empty) $(state empty)"
	user sh -c ": >$W/mode; chmod 600 $W/mode; echo f >$W/mode"
	say "two steps $(try cat $W/mode) $(state mode)"
	# What is wrong stays wrong.
	say "append to wrong $(try sh -c "echo x >>$W/wrong1")"
	say "still wrong $(try cat $W/wrong1) $(state wrong1)"
	say "truncate wrong $(try sh -c ": >$W/wrong3")"
	say "length wrong3 $(stat -c %s $W/wrong3)"
	truncate -s 5 $W/path # truncate(1) opens
	say "opened and truncated $(try cat $W/path) $(state path)"
	/vm/probe truncate $W/path
	say "truncate(2), then $(try cat $W/path) $(state path)"
	# At once after a writer, written or not.
	bad=0
	for i in $(seq 60); do
		touch $W/touch && cat $W/touch >/dev/null || bad=$((bad + 1))
		echo $i >>$W/storm && cat $W/storm >/dev/null || bad=$((bad + 1))
	done 2>/dev/null
	say "denied after a writer: $bad"
	# A label that changes.
	cp /bin/true $W/again1 && hashed sha256 $W/again1 >/dev/null 2>&1 && chown 10001 $W/again1
	say "another $(try cat $W/again1)"
	setfattr -n security.ima -v $wrong $W/again1
	say "label made wrong $(try cat $W/again1)"
	setfattr -n security.ima -v 0x0404$(sha256sum /bin/true | cut -d' ' -f1) $W/again1
	say "label made right $(try cat $W/again1)"
	setfattr -x security.ima $W/again1
	say "label removed $(try cat $W/again1)"
}
verdicts >"$RESULTS/$BOOT"
cat "$RESULTS/$BOOT"
expect() { check "$1" grep -qx "$1" "$RESULTS/$BOOT"; }
for f in good1 strong5 good4 good3 none3 free; do expect "read $f 0"; done
for f in none1 wrong1 short1 odd1 none2 good2 none4 wrong4; do expect "read $f 13"; expect "known $f 13"; done
for f in wrong3 none3 none1 wrong4; do expect "write $f 13"; done
for f in good1 good3 good4; do expect "write $f 0"; expect "rdwr $f 0"; done
expect "exec wrong4 126"
expect "exec good4 0"
for f in signed1 signed3; do expect "write $f 13"; done
for x in "append, read 0" "append, label right" "truncate, read 0 right" "under a writer 0" \
	"a second writer 0" "after both 0 right" "new 0 right" "new, in use 0" "new, after 0 right" "replaced 0 right" \
	"empty 0" "filled 0 right" "two steps 0 right" "still wrong 1 wrong" "opened and truncated 0 right" \
	"denied after a writer: 0" "label made wrong 1" "label made right 0" "label removed 1"; do
	expect "$x"
done
[ "$BOOT" = B ] || exit 0

for f in signed1 signed2; do expect "read $f 0"; done
expect "known good5 13"
expect "both, read 0 right"
expect "truncate(2), then 1 wrong"
# The kernel has no key that it would take from us: there a signed file is not even read. It asks for an
# algorithm once an inode; and up to 6.1 it may not notice a write.
grep -v "signed\|\(good\|strong\)5\|truncate(2)\|both" "$RESULTS/A" >/tmp/A
grep -v "signed\|\(good\|strong\)5\|truncate(2)\|both" "$RESULTS/B" >/tmp/B
check "the verdicts of the kernel" same /tmp/A /tmp/B
imactl sync
told() { check "cause $1 $2" sh -c "$(printf 'grep -q "audit: integrity_data .* cause=%s .* name=\\"[^\\"]*%s\\"" /vm/imad.log' "$1" "$2")"; }
told missing-hash none1
told invalid-hash wrong1
told unknown-ima-data odd1
told IMA-signature-required good2
told denied-hash-algorithm good5
told immutable-signed-file signed1
check "nothing was denied for want of an answer" sh -c "! grep 'cause=not-appraised' /vm/imad.log"
imactl status --json | grep -o '"\(restarts\|timeouts\|errors\|lost\)": *[0-9]*' | tr '\n' ' '
check "no timeout" sh -c "imactl status --json | grep -q '\"timeouts\": *0'"
for i in $(seq 6); do /vm/probe storm-open $W/none1 && break; done
sleep 1
cat $W/none1 2>/dev/null || :
imactl sync
check "a storm of failures does not fill the log" sh -c "imactl status --json | grep -qE '\"audit_held_back\": ?[1-9]'"
check "what was held back is counted" grep -q "failed appraisals more were not told" /vm/imad.log
echo 'appraise fowner=0' >/tmp/all
check "a policy that would lock the host out is refused" exits 1 imactl policy load --append /tmp/all 2>/tmp/err
check "which says of what" grep -q "would be denied (missing-hash), which the host needs" /tmp/err
check "and nothing has changed" cat /etc/passwd >/dev/null
check "stop" stop_imad

# The same at the start: what fails is told of, and that is all.
check "start with a policy that would lock the host out" start_imad --appraise enforce --policy appraise_tcb
check "it does not enforce" sh -c "imactl status --json | grep -qE '\"mode\": ?\"log\",.*\"enforce_refused\": ?true'"
check "it says why" grep -q "would be denied, and the host needs it: '/sbin/init' (missing-hash)" /vm/imad.log
check "programs run" /bin/true
check "stop again" stop_imad
tail -n 5 /vm/imad.log
