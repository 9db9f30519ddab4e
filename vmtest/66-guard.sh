# SPDX-License-Identifier: GPL-2.0-or-later
# Not to be switched off: each attack by root works with protect = no (boot A) and is refused with protect = yes (boot B),
# where stop and restart by systemd, and unlock by a key or at the console, still do what they say.
# init: systemd
# boots: A B
# kernels: 6.1
# also: 6.12 7.2
# time: 300
. /vm/lib.sh

unit() { systemctl show -P "$1" imad.service; }
serves() { systemctl -q is-active imad && imactl sync >/dev/null 2>&1; }
pid() { unit MainPID; }
same_pid() { [ "$(pid)" = "$P" ] && [ -d "/proc/$P" ]; }
start_of() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null; }
status_has() { imactl status --json | grep -q "$1"; }
cgroup() { echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$P/cgroup")"; }
# The number behind NAME: in what the descriptors of imad say of themselves.
bpf_id() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$P"/fdinfo/* 2>/dev/null | sort -n | sed -n "${2:-1}p"; }

# --- each attack: succeeds if it did what it wants. $P is imad.
kill_signal() { kill "-$1" "$P"; }
kill_stop() { kill -STOP "$P" && grep -q '^State:.T' "/proc/$P/status" && kill -CONT "$P"; }
# The process that ends an imad that hangs.
watcher() { tr -d ' ' <"/proc/$P/task/$P/children"; }
watcher_stop() { kill -STOP "$(watcher)" && kill -CONT "$(watcher)"; }
watcher_kill() { kill -KILL "$(watcher)"; }
watcher_oom() { echo 1000 >"/proc/$(watcher)/oom_score_adj"; }
# A descriptor that signals its owner: the kernel sends it, and asks nobody for a permission to kill.
sigio() {
	perl -e 'pipe($r, $w); fcntl($r, 8, $ARGV[0]+0) or die "$!\n"; fcntl($r, 10, 9); $f = fcntl($r, 3, 0);
		fcntl($r, 4, $f | 020000) or die "$!\n"; syswrite($w, "x"); sleep 1' "$P"
	wait_for 1 other_process
}
other_process() { ! [ -d "/proc/$P" ] || [ "$(start_of "$P")" != "$S" ]; }
trace() { perl -e 'exit(syscall(101, 0x4206, $ARGV[0]+0, 0, 0) == 0 ? 0 : 1)' "$P"; } # PTRACE_SEIZE: it goes on
memory() { perl -e 'open($f, "+<", "/proc/$ARGV[0]/mem") or die "$!\n"' "$P"; }
vm_read() {
	perl -e '$b = "\0" x 8; $a = hex((split /-/, `head -n 1 /proc/$ARGV[0]/maps`)[0]);
		$l = pack("pQ", $b, 8); $r = pack("QQ", $a, 8); exit(syscall(310, $ARGV[0]+0, $l, 1, $r, 1, 0) == 8 ? 0 : 1)' "$P"
}
take_fd() { perl -e '$p = syscall(434, $ARGV[0]+0, 0); exit($p >= 0 && syscall(438, $p, 0, 0) >= 0 ? 0 : 1)' "$P"; }
limit() { prlimit --pid "$P" --nofile=500000:500000; }
priority() { renice -n 5 -p "$P" >/dev/null; }
affinity() { taskset -p 3 "$P" >/dev/null; }
io_class() { ionice -c 2 -n 7 -p "$P"; }
oom() { echo -999 >"/proc/$P/oom_score_adj"; }
slack() { echo 60000 >"/proc/$P/timerslack_ns"; }
thread() { for t in /proc/"$P"/task/*; do [ "${t##*/}" = "$P" ] || { echo -999 >"$t/oom_score_adj"; return; }; done; }
# No program is started while it is frozen: nobody would let it go on.
freeze() { c=$(cgroup) && echo 1 >"$c/cgroup.freeze" && echo 0 >"$c/cgroup.freeze"; }
memory_max() { echo 1000G >"$(cgroup)/memory.high"; }
slice() { echo max >/sys/fs/cgroup/system.slice/memory.high; }
map_dump() { /vm/bpftool map dump id "$(bpf_id map_id "$1")" >/dev/null; }
prog_dump() { /vm/bpftool prog dump xlated id "$(bpf_id prog_id)" >/dev/null; }
link_open() { perl -e '$a = pack("L32", $ARGV[0]); exit(syscall(321, 30, $a, length $a) >= 0 ? 0 : 1)' "$(bpf_id link_id)"; }
pin_move() { f=$(ls -d /sys/fs/bpf/imad/[0-9]*/events) && mv "$f" "${f}_x" && mv "${f}_x" "$f"; }
pin_get() { f=$(ls -d /sys/fs/bpf/imad/[0-9]*/verdicts) && /vm/bpftool map show pinned "$f" >/dev/null; }
pin_remove() { rm /sys/fs/bpf/imad/[0-9]*/*; }
pin_rename() { mv /sys/fs/bpf/imad /sys/fs/bpf/other && mv /sys/fs/bpf/other /sys/fs/bpf/imad; }
cover_bpf() { cover /sys/fs/bpf; }
cover_run() { cover /run/imad; }
cover_file() { mount --bind /bin/true /usr/sbin/imad && umount /usr/sbin/imad; }
cover_conf() { mount --bind /tmp /etc/imad && umount /etc/imad; }
sysctl_off() { echo 0 >/proc/sys/kernel/ftrace_enabled && echo 1 >/proc/sys/kernel/ftrace_enabled; }
sysrq() { echo h >/proc/sysrq-trigger; }
list_remove() { rm /run/imad/ascii_runtime_measurements; }
list_write() { true >>/run/imad/binary_runtime_measurements; }
list_add() { true >/run/imad/more && rm /run/imad/more; }
socket_remove() { mv /run/imad/control /run/imad/other && mv /run/imad/other /run/imad/control; }
binary_move() { mv /usr/sbin/imad /usr/sbin/other && mv /usr/sbin/other /usr/sbin/imad; }
binary_mode() { chmod 700 /usr/sbin/imad && chmod 755 /usr/sbin/imad; }
binary_label() { setfattr -n security.ima -v 0x0404 /usr/sbin/imad && setfattr -x security.ima /usr/sbin/imad; }
binary_replace() { cp /usr/sbin/imactl /usr/sbin/new && mv /usr/sbin/new /usr/sbin/imactl; }
conf_write() { echo >>/etc/imad/imad.conf; }
conf_edit() { sed -i 's/^#nothing//' /etc/imad/imad.conf; }
conf_link() { ln /etc/imad/imad.conf /etc/imad/other && rm /etc/imad/other; }
kexec() { perl -e 'exit(syscall(246, 0, 0, 0, 0) == 0 ? 0 : 1)'; } # kexec_load() of nothing: unloads
key_add() { true >/etc/keys/ima-unlock/more && rm /etc/keys/ima-unlock/more; }
conf_move() { mv /etc/imad /etc/other && mv /etc/other /etc/imad; }
# Over what tells who imad is and what it has.
cover() { mount -t tmpfs none "$1" && umount -l "$1"; } # imad may be looking at what is new
cover_proc() { cover "/proc/$P" && cover "/proc/$P/fd"; }
cover_cgroup() { cover "$(cgroup)" && cover /sys/fs/cgroup; }
# mount() of a bind mount, with a flag that tells something else where there is none: MS_PRIVATE.
bind_private() { perl -e '($a, $b, $t) = @ARGV; exit(syscall(165, $a, $b, $t, 4096 | 1 << 18, 0) == 0 ? 0 : 1)' /tmp /etc/imad none && umount /etc/imad; }
# open_tree() and move_mount().
cover_by_descriptor() {
	perl -e '($a, $b, $e) = @ARGV; $f = syscall(428, -100, $a, 1); exit($f >= 0 && syscall(429, $f, $e, -100, $b, 4) == 0 ? 0 : 1)' \
		/tmp /etc/imad "" && umount /etc/imad
}
# In a namespace that gives its mounts to the host's.
cover_from_afar() { unshare -m --propagation unchanged mount -t tmpfs none /run/imad && umount -l /run/imad; }
cover_by_move() {
	unshare -m --propagation unchanged sh -c 'mount --make-rslave /dev && mount -t tmpfs none /dev/shm && mount --move /dev/shm /run/imad' &&
		umount -l /run/imad
}
rbind() { mkdir -p /peer && { mountpoint -q /peer || mount --rbind /sys /peer; }; }
peer_umount() { rbind && umount -l /peer/fs/bpf && ! mountpoint -q /sys/fs/bpf; }
peer_umount_above() { rbind && umount -l /peer && ! mountpoint -q /sys/fs/cgroup; }
# The folders above its files.
move_folder() { perl -e 'rename($ARGV[0], "$ARGV[0].x") && rename("$ARGV[0].x", $ARGV[0]) or die "$!\n"' "$1"; }
move_usr() { move_folder /usr; }
move_var() { move_folder /var; }
move_lib() { move_folder /var/lib; }
move_keys() { move_folder /etc/keys; }
move_units() { move_folder /usr/lib/systemd/system; }
move_etc_units() { move_folder /etc/systemd/system; }
cover_var() { cover /var; }
cover_keys() { cover /etc/keys; }
# Another cgroup, that is frozen; and the freezer of cgroup v1, where not even SIGKILL helps.
cgroup_move() {
	c=$(cgroup)
	mkdir -p /sys/fs/cgroup/other && echo "$P" >/sys/fs/cgroup/other/cgroup.procs && echo "$P" >"$c/cgroup.procs"
}
freezer_v1() {
	mkdir -p /v1 && { mountpoint -q /v1 || mount -t cgroup -o freezer none /v1; } && mkdir -p /v1/x || return
	echo "$P" >/v1/x/cgroup.procs
	echo FROZEN >/v1/x/freezer.state && echo THAWED >/v1/x/freezer.state && echo "$P" >/v1/cgroup.procs
}
# Who answers for its opens, and who has a lock or a lease on its files.
permission_mark() {
	perl -e '$f = syscall(300, 4, 0); exit($f >= 0 && syscall(301, $f, 1, $ARGV[1] + 0, -100, $ARGV[0]) == 0 ? 0 : 1)' "$@"
}
mark_conf() { permission_mark /etc/imad/imad.conf $((0x10000)); }
mark_folder() { permission_mark /usr/sbin $((0x8040000)); }
lock_conf() { flock -n /etc/imad/imad.conf true; }
lock_keys() { flock -n /etc/keys/ima-unlock true; }
lease() { perl -e 'open($f, "<", "/etc/imad/imad.conf"); fcntl($f, 1024, 0) or die "$!\n"; fcntl($f, 1024, 2)'; }
acl() {
	setfattr -n system.posix_acl_access -v 0x0200000001000600ffffffff04000400ffffffff20000400ffffffff /etc/imad/imad.conf
}
attributes() { chattr +d /etc/imad/imad.conf && chattr -d /etc/imad/imad.conf; }
unit_write() { echo '# ' >>/usr/lib/systemd/system/imad.service; }

attacks='kill_stop watcher_stop watcher_oom watcher_kill trace memory vm_read take_fd limit priority affinity io_class oom slack thread freeze memory_max slice
	map_dump prog_dump link_open pin_move pin_get pin_rename cover_bpf cover_run cover_file cover_conf sysctl_off sysrq
	list_write list_add socket_remove binary_move binary_mode binary_label binary_replace conf_write conf_edit conf_link
	key_add conf_move unit_write kexec
	cover_proc cover_cgroup bind_private cover_by_descriptor cover_from_afar cover_by_move move_usr move_var move_lib move_keys move_units move_etc_units
	cover_var cover_keys cgroup_move freezer_v1 mark_conf mark_folder lock_conf lock_keys lease acl attributes'

at_console() { setsid -c -w imactl unlock --for 60 </dev/ttyS0; }
who() { P=$(pid) S=$(start_of "$P"); }
# Boot A shows that it is no other reason.
refused() { ! "$@" >/tmp/refused 2>&1; }

install -D -m 644 /vm/systemd/imad.service /usr/lib/systemd/system/imad.service
mkdir -p /etc/imad /etc/keys/ima-unlock
echo 'measure func=BPRM_CHECK' >/etc/imad/policy
[ "$BOOT" = A ] && protect=no || protect=yes
echo "protect = $protect" >/etc/imad/imad.conf
systemctl daemon-reload
ln -s imad.service.d /etc/systemd/system/imad.service.d # which leads nowhere
check "start" systemctl start imad
check "it serves" serves
who

if [ "$BOOT" = A ]; then
	check "not protected" status_has '"protection":{"active":false,"hooks_fire":true'
	check "nothing to unlock" exits 1 imactl unlock --for 5
	for a in $attacks; do check "T18: works unguarded: $a" "$a"; done
	# The heartbeat.
	echo 0 >/proc/sys/kernel/ftrace_enabled
	check "T18: silence is noticed" wait_for 15 status_has '"hooks_fire":false'
	check "doctor says it" sh -c 'imactl doctor | grep -q "^problem  *ftrace "'
	echo 1 >/proc/sys/kernel/ftrace_enabled
	check "and its end" wait_for 15 status_has '"hooks_fire":true.*"silences":1'
	journalctl --sync
	check "in the log" sh -c 'journalctl -q -b -u imad | grep -q "hooks do not fire, because kernel.ftrace_enabled is 0"'
	check "audited" sh -c 'journalctl -q -b -u imad | grep -q "op=protect cause=hooks-silent.*kernel.ftrace_enabled"'
	check "recorded" sh -c 'imactl sync; imactl list --json | grep -q hooks-silent'
	check "works: list_remove" list_remove
	check "works: pin_remove" pin_remove
	check "works: sigio" sigio
	wait_for 60 serves
	who
	check "works: kill -9" kill_signal KILL
	check "it has gone" wait_for 5 sh -c "[ ! -d /proc/$P ]"
	check "works: peer_umount" peer_umount
	check "works: peer_umount_above" peer_umount_above
	exit
fi

check "protected" status_has '"protection":{"active":true,"hooks_fire":true'
check "what cannot be guarded is said" status_has "1 of imad's paths are not guarded"
for a in $attacks peer_umount peer_umount_above list_remove pin_remove sigio; do check "T18: refused: $a" refused "$a"; done
for s in KILL STOP TERM INT USR1 SEGV; do check "T18: refused: kill -$s" refused kill_signal $s; done
check "refused: umount" refused umount -l /sys/fs/bpf
check "refused: umount of /run" refused umount -l /run
check "refused: move" refused mount --move /sys/fs/bpf /mnt
check "refused: kill, when its descriptors cannot have been seen for a while" sh -c 'sleep 6; ! kill -9 "$1"' - "$P"
check "refused: cgroup.kill" refused sh -c "echo 1 >$(cgroup)/cgroup.kill"
check "it is the same process" same_pid
check "it serves" serves
check "with its limits" grep -q '^Max open files  *524288' "/proc/$P/limits"
check "its list agrees" imactl verify
check "counted" status_has '"refused":{"signal":[1-9][0-9]*,"ptrace":[1-9]*,"limits":[1-9]*,"proc":[1-9]*,"cgroup":[1-9]*,"bpf":[1-9]*,"file":[1-9][0-9]*,"lock":[1-9]*,"mount":[1-9]*,"sysctl":[1-9]'
audited() { journalctl --sync && journalctl -q -b -u imad >/tmp/journal && grep -q "op=protect cause=$1 " /tmp/journal; }
wait_for 5 audited sysctl || :
for c in signal ptrace proc cgroup sysctl; do check "audited: $c" grep -q "op=protect cause=$c " /tmp/journal; done

# What is not its own goes on.
check "a mount with peers, made a slave" sh -c 'mount --make-rslave /peer && umount -l /peer && mountpoint -q /sys/fs/bpf'
check "another process moved" sh -c 'sleep 60 & echo $! >/sys/fs/cgroup/other/cgroup.procs && kill -9 $!'
check "what imactl keeps" sh -c 'mkdir /var/lib/imad/archive && flock /var/lib/imad/archive true && rmdir /var/lib/imad/archive'
check "another file locked" flock -n /etc/passwd true
check "a unit with mounts of its own" systemd-run -q --wait -p ProtectSystem=strict -p PrivateTmp=yes -p InaccessiblePaths=/etc/imad true
check "a unit with credentials, which systemd moves to their place" systemd-run -q --wait -p SetCredential=a:b true
check "reload" systemctl reload imad
check "masked" systemctl -q mask imad
check "keys read again" imactl keys reload
check "the null device is none of its files" sh -c 'echo >/dev/null && chmod 666 /dev/null'
check "unmasked" systemctl -q unmask imad
check "another process" sh -c 'sleep 60 & kill -9 $!'
check "another mount" sh -c 'mount -t tmpfs none /mnt && umount /mnt'
check "another namespace" unshare -m sh -c 'mount -t tmpfs none /run/imad && umount /run/imad && umount -l /sys/fs/bpf'
check "another map" /vm/bpftool map create /sys/fs/bpf/free type array key 4 value 4 entries 1 name free
check "and its end" rm /sys/fs/bpf/free
check "another cgroup" sh -c 'mkdir /sys/fs/cgroup/free && echo 1 >/sys/fs/cgroup/free/cgroup.freeze && rmdir /sys/fs/cgroup/free'
check "looking at it" sh -c "ls -l /proc/$P/exe /proc/$P/fd >/dev/null && cat /proc/$P/maps >/dev/null"
check "signal 0" kill -0 "$P"

# Unlocking. Without a key: the local console, and no pseudo terminal.
check "without a terminal" refused imactl unlock --for 60
check "on a pseudo terminal" refused script -qec 'imactl unlock --for 60' /dev/null
check "at the console" at_console
check "it is unlocked" status_has '"unlocked_s":[1-9]'
for a in kill_stop limit freeze conf_write binary_replace map_dump; do check "works, unlocked: $a" "$a"; done
rsa_key /tmp/key && openssl req -x509 -key /tmp/key -subj /CN=unlock -out /etc/keys/ima-unlock/cert 2>/dev/null
rsa_key /tmp/other && openssl req -x509 -key /tmp/other -subj /CN=other -out /dev/null 2>/dev/null
printf 'appraise = enforce\nappraise.force = yes\n' >/etc/imad/imad.conf # which means protect, at the next start
check "lock" imactl lock
check "locked: conf_write" refused conf_write
check "locked: key_add" refused key_add

old=$P
check "restart" systemctl restart imad
check "it serves again" serves
who
check "another process" test "$P" != "$old"
check "protected, as it enforces" status_has '"protection":{"active":true'
check "refused again" refused kill_signal KILL
check "the console no longer unlocks" refused at_console
check "nor does another key" refused imactl unlock --for 60 --key /tmp/other
imactl unlock --for 8 --ask >/tmp/challenge
check "signed elsewhere" evmctl ima_sign --sigfile -a sha256 --key /tmp/key /tmp/challenge
check "refused: signed for another time" sh -c 'imactl unlock --for 60 --ask >/tmp/newer; ! imactl unlock --signature /tmp/challenge.sig'
imactl unlock --for 8 --ask >/tmp/challenge
evmctl ima_sign --sigfile -a sha256 --key /tmp/key /tmp/challenge >/dev/null 2>&1
check "unlocks" imactl unlock --signature /tmp/challenge.sig
check "works, unlocked" priority
sleep 9
check "no longer" refused priority
check "a signature serves once" refused imactl unlock --signature /tmp/challenge.sig
check "with the key at hand" imactl unlock --for 30 --key /tmp/key
check "works, unlocked again" priority
check "lock again" imactl lock

check "stop" systemctl stop imad
check "an orderly end" test "$(unit Result) $(unit ExecMainStatus)" = "success 0"
check "nothing is guarded now" conf_write
# Who traces it already could do everything.
traced() { # whatever stops it on the way (its child ends) it goes on from
	perl -e 'if (!($p = fork)) { sleep 1; exec "imad" } syscall(101, 0x4206, $p, 0, 0) == 0 or die;
		while (waitpid($p, 0) > 0 && -d "/proc/$p") { syscall(101, 7, $p, 0, 0) } exit $? >> 8'
}
echo 'protect = yes' >/etc/imad/imad.conf
check "traced, it does not start" exits 1 traced
