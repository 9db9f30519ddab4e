# SPDX-License-Identifier: GPL-2.0-or-later
#
# What `make demo` shows, for sh -e as root with imad and imactl in $PATH: in a guest (vmtest/demo boots it)
# with PCR 10, or on the machine itself with PCR 16, which is there for debugging and can be reset.
# Everything it makes is in two folders. Ends with an error as soon as something is not as told.
# kernels: 6.1
# time: 120

files=$(mktemp -d -p /var/tmp imad-demo.XXXXXX) # not /tmp: the policy leaves tmpfs out
run=$(mktemp -d -p /run imad-demo.XXXXXX)
imad=
follow=
guarded=990099 # whose programs must match their label here: nobody's
pcr=10
[ -d /vm ] || pcr=16

clean_up() {
	set +e
	for pid in $follow $imad; do
		kill "$pid" && wait "$pid"
	done 2>/dev/null
	[ $pcr = 10 ] || tpm2_pcrreset $pcr
	rm -rf "$files" "$run"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

say() { printf '\n%s\n' "$*"; }
step() {
	echo "  \$ $*"
	"$@" | sed 's/^/    /'
}
try() { # The same for what only makes records.
	echo "  \$ $*"
	"$@" >/dev/null
	ctl sync
	sleep 0.3 # imactl list --follow, below, prints from a process of its own
}
ctl() { imactl --rundir "$run" "$@"; }
records() { ctl list --path "$1" --count; }
must() { "$@" || { echo "This should not be: $*"; cat "$run/log"; exit 1; }; }
events() { ctl status --json | sed 's/.*"gate":{[^}]*"events":\([0-9]*\).*/\1/'; }

say "imad on Linux $(uname -r): what is used is measured first, and each record extends PCR $pcr of the TPM."
echo "appraise func=BPRM_CHECK fowner=$guarded" >"$run/policy"
# It does not protect itself, so that whoever breaks this off can clean up; and its folder is used by all here.
printf 'policy = tcb %s\nappraise = enforce\nprotect = no\nrundir = %s\npcr = %s\n' "$run/policy" "$run" "$pcr" >"$run/imad.conf"
[ $pcr = 10 ] || tpm2_pcrreset $pcr
imad --config "$run/imad.conf" 2>"$run/log" &
imad=$!
tries=100
until ctl sync 2>/dev/null; do
	must test -d /proc/$imad
	must test $((tries -= 1)) -gt 0
	sleep 0.3
done
echo "  \$ imad --policy 'tcb $run/policy' --appraise enforce"
sed 's/^/    policy: /' "$run/policy"
sed -n 's/^<[0-9]>/    /; /measuring into/p' "$run/log"
echo "    $(ctl list --count) records already: boot_aggregate, and what runs since before imad"

mkfifo "$run/live"
sed -u 's/^\([0-9]*\) [0-9a-f]* \([^ ]*\) \([^ ]*:[0-9a-f]\{24\}\)[0-9a-f]* /    + \1 \2 \3... /' <"$run/live" &
imactl --rundir "$run" list --follow --path "$files/*" >"$run/live" &
follow=$!
cd "$files"

say "A program runs, a script runs, root reads a file. Each is held until its record (+) is in list and TPM:"
cp /bin/true tool
printf '#!/bin/sh\necho hello\n' >script
chmod +x script
echo "port 22" >settings
for what in "$files/tool" "$files/script" "cat $files/settings"; do
	try $what
done
must test "$(records "$files/*")" = 3

say "Used again, unchanged: no record, and imad is not even woken:"
try "$files/tool"
before=$(events)
for i in 1 2 3 4 5 6 7 8 9 10; do "$files/tool" && read -r line <"$files/settings"; done
after=$(events)
echo "  10 more runs and reads: $(ctl list --path "$files/*" --count) records as before, $((after - before)) events"
must test "$(records "$files/*")" = 3

say "One file is changed, and is measured again when it is used again:"
echo "port 2222" >settings
try cat "$files/settings"
must test "$(records "$files/settings")" = 2
step sha256sum settings
digest=$(sha256sum settings | cut -d' ' -f1)
must test "$(ctl list --path "$files/settings" | tail -n 1 | cut -d' ' -f4)" = "sha256:$digest"

say "A program with a label, the hash of its content, runs. With one byte more it does not:"
cp /bin/true guarded
step imactl label "$files/guarded"
chown $guarded guarded
try "$files/guarded"
echo "  \$ echo >>$files/guarded"
echo >>guarded
echo "  \$ $files/guarded"
got=0
"$files/guarded" 2>"$run/err" || got=$?
sed 's/^[^:]*: [0-9]*: /    /' "$run/err"
must test $got = 126
must grep -q 'Permission denied' "$run/err"
ctl sync
sleep 0.3
echo "  \$ imactl explain --last"
must ctl explain --last >"$run/why"
sed 's/^/    /' "$run/why"
must grep -q invalid-hash "$run/why"

say "The list is replayed and compared with the TPM:"
echo "  \$ imactl verify"
must ctl verify >"$run/verified"
sed 's/^/    /' "$run/verified"

say "The same list with one byte of one digest changed:"
cp "$run/binary_runtime_measurements" "$run/forged"
at=$(LC_ALL=C grep -obUa "$files/tool" "$run/forged" | head -n 1 | cut -d: -f1)
printf '\001' | dd of="$run/forged" bs=1 seek=$((at - 8)) conv=notrunc 2>/dev/null
echo "  \$ imactl verify --list forged"
got=0
ctl verify --list "$run/forged" >"$run/verified" 2>&1 || got=$?
sed 's/^/    /' "$run/verified"
must test $got = 1

say "End of the demo: what it made is removed again."
