# SPDX-License-Identifier: GPL-2.0-or-later
# A FUSE server that never answers imad (mute.c). Who has asked such a server cannot be killed, and keeps all
# descriptors of its process open, fanotify's too: all that is held waits for ever. So imad never asks. What is used
# there is in the list all the same, and so is what is only reached through it; imad ends and starts as ever.
# kernels: 6.1
# also: 7.2
# time: 240
. /vm/lib.sh

list=/run/imad/ascii_runtime_measurements
mounts
modprobe fuse
mkdir -p /test/mute /test/naive /test/here /test/turns /test/back /test/empty /test/over
chmod 777 /test
/vm/race good /test/prog
serve() { # MOUNTPOINT WHOM [MANNER]
	/vm/mute "$1" /test/prog "$2" $3 >"/tmp/asked.${1##*/}" 2>&1 &
	server=$!
	wait_for 10 test -e "$1/prog"
}
asked() { grep -c '^no answer' "/tmp/asked.$1" || :; }

# First that it is so.
cp /usr/bin/head /test/asks
serve /test/naive /test/asks
naive=$server
/test/asks -c 1 /test/naive/prog >/dev/null 2>&1 &
asks=$!
wait_for 10 grep -q '^no answer' /tmp/asked.naive
kill -9 $asks
sleep 1
check "who has asked cannot be killed" [ -e /proc/$asks/exe ]
kill $naive
check "... before the server is" wait_for 10 [ ! -e /proc/$asks/exe ]
umount -l /test/naive

# A server may say what it likes, and a gate that looks at what it serves waits for a server that waits for the gate.
serve /test/turns nobody turns
looks_like_prog() { [ "$(sha256sum </test/turns/prog)" = "$(sha256sum </test/prog)" ]; }
check "T24: what it serves is looked at" looks_like_prog
check "T24: and is another content when it is used" exits 1 looks_like_prog
got=0
/test/turns/prog || got=$?
check "T24: which runs, and does something else ($got)" test $got != 126 -a $got != 1
serve /test/back nobody back
/vm/naive looks /test /test/back >/tmp/naive 2>&1 &
gate=$!
wait_for 10 grep -q ready /tmp/naive
/vm/probe read /test/back/prog &
reader=$!
sleep 5
check "T24: a gate that looks waits for the server, and that for the gate" [ -e /proc/$reader/exe ]
kill -9 $server
kill -9 $gate
wait $reader || :
wait $gate || :
umount -l /test/back

serve /test/mute /usr/sbin/imad
mute=$server

# Milliseconds of the slowest of some first uses.
slowest() { # FIRST LAST
	max=0
	for i in $(seq "$1" "$2"); do
		cp /test/prog "/test/here/$i"
		start=$(date +%s%N)
		exits 1 "/test/here/$i" || return 1
		took=$((($(date +%s%N) - start) / 1000000))
		[ $took -le $max ] || max=$took
	done
	echo "  the slowest of $(($2 - $1 + 1)): $max ms"
}
answers() { timeout 5 imactl status >/dev/null; }
quick() { slowest "$@" && [ "$max" -lt 2500 ]; } # half of the deadline: a busy host
used_there() { for i in 1 2 3 4 5 6 7 8 9 10 11 12; do exits 1 /test/mute/prog || return 1; done; }
in_list() { grep -aE "^10 [0-9a-f]{40} ima-ng sha256:[0-9a-f]{64} $1\$" $list; }
matches() { snapshot /run/imad /tmp/snapshot && evm_matches sha256 /tmp/snapshot/list /tmp/snapshot/pcrs.sha256; }
ends_soon() { start=$(date +%s); stop_imad; got=$?; [ $(($(date +%s) - start)) -le 10 ] && [ $got = 0 ]; }

start_imad --policy tcb
check "elsewhere, with nothing in the way" quick 1 10
check "whoever is answered uses the program" used_there
check "elsewhere nobody waits for that" quick 11 50
check "sync comes back" timeout 60 imactl sync
check "nobody was answered by the deadline" [ "$(imactl status | awk '$1 == "timeouts" { print $2 }')" = 0 ]
check "all uses elsewhere are in the list" [ "$(grep -ac ' /test/here/' $list)" = 50 ]
check "what is used there is as well, by the digest that the kernel took" in_list /test/mute/prog
check "... and no violation stands for it" [ "$(cat /run/imad/violations)" = 0 ]

# The same beneath an overlay, the machine's or a plain user's.
mount -t overlay -o lowerdir=/test/mute:/test/empty none /test/over
check "a program of an overlay on it runs" exits 1 /test/over/prog
theirs() { setpriv --reuid=1000 --regid=1000 --clear-groups unshare -Urm sh -c "mount -t tmpfs none /mnt && cd /mnt && mkdir u w m && mount -t overlay -o userxattr,lowerdir=/test/mute,upperdir=u,workdir=w none m || exit 9; exec m/prog"; }
check "and of a plain user's overlay" exits 1 theirs
check "sync comes back" timeout 60 imactl sync
check "... is in the list" in_list /test/over/prog
check "elsewhere nobody waits for that" quick 61 64

# A file of ext4 that is reached through the server only, and late: with nothing mounted on the way the gate holds it.
mount --bind /test/here /test/mute/folder
cp /test/prog /test/here/through
check "a program that is reached through it runs" exits 1 /test/mute/folder/through
check "sync comes back" timeout 60 imactl sync
check "... is in the list" in_list /test/mute/folder/through
exec 7</test/mute/prog
check "imactl explain says that it is not for imad" sh -c "timeout 80 imactl explain /test/mute/prog 2>&1 | grep -q FUSE"
check "imad has asked for nothing" [ "$(asked mute)" = 0 ]
check "the list gives the PCR" matches

check "imad ends soon" ends_soon
imad --policy tcb >/vm/imad.log 2>&1 &
imad_pid=$!
check "it starts, with a file open there" wait_for 30 answers
check "elsewhere nobody waits" quick 51 60
check "imad has asked for nothing" [ "$(asked mute)" = 0 ]
kill -9 $imad_pid
wait $imad_pid 2>/dev/null || :
check "it can be killed, and started again" start_imad --policy tcb
check "the list gives the PCR" matches
check "stop" ends_soon

# What is of such a server is never believed, beneath an overlay neither; its server may be held itself.
cat >/tmp/policy <<'END'
appraise func=BPRM_CHECK fsmagic=0x65735546
appraise func=BPRM_CHECK fsmagic=0x794c7630
measure func=FILE_CHECK mask=MAY_READ fowner=10001
END
cp /test/prog /test/own && chown 10001 /test/own
cp /vm/mute /test/server
check "enforced" start_imad --appraise enforce --policy /tmp/policy
check "T24: what a server serves is not executed" exits 126 sh -c /test/turns/prog 2>/dev/null
check "T24: nor beneath an overlay" exits 126 sh -c /test/over/prog 2>/dev/null
told() { grep -q "integrity_data .* cause=unverifiable-signature .* name=\"$1\"" /vm/imad.log; }
imactl sync
check "T24: and it is said why" told /test/turns/prog
check "T24: of the overlay, too" told /test/over/prog
/test/server /test/back /test/own nobody back >/dev/null 2>&1 &
wait_for 10 test -e /test/back/prog
check "T24: a server that opens files while it is asked" timeout 60 cmp /test/back/prog /test/prog
check "imad has asked for nothing" [ "$(asked mute)" = 0 ]
check "the list gives the PCR" matches
check "stop" ends_soon
cat /tmp/asked.mute
tail -n 5 /vm/imad.log
