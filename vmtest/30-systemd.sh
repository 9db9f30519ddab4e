# SPDX-License-Identifier: GPL-2.0-or-later
# imad as a service: it is enabled, restarted, stopped, hung and killed, and after a reboot it comes up
# before the rest of the system, whose programs are then in the list.
# init: systemd
# kernels: 6.1
# also: 7.2
# boots: A B
# keep: root
# time: 300
. /vm/lib.sh

list=/run/imad/ascii_runtime_measurements
unit() { systemctl show -P "$1" "${2:-imad.service}"; }
pid() { unit MainPID; }
has() { grep -q " sha256:[0-9a-f]* $1\$" $list; }
records() { wc -l <$list; }
serves() { systemctl -q is-active imad && imactl sync >/dev/null 2>&1; }
another() { [ "$(pid)" != 0 ] && [ "$(pid)" != "$1" ] && serves; }
status_of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid)/status"; }
# How many bits are set in a hexadecimal number.
bits() { n=$((0x$1)) c=0; while [ $n -gt 0 ]; do c=$((c + n % 2)) n=$((n / 2)); done; echo $c; }
# A new program, so that a record proves that measuring goes on.
measures() { cp /bin/true "/usr/local/bin/$1" && "/usr/local/bin/$1" && imactl sync && has "/usr/local/bin/$1"; }
agrees() { imactl verify >/tmp/verify || { cat /tmp/verify; return 1; }; }

held() { imactl list --json --path "$1" >/tmp/records && grep -q '"kind":"gate"' /tmp/records || { cat /tmp/records; return 1; }; }

if [ "$BOOT" = A ]; then
	install -D -m 644 /vm/systemd/imad.service /usr/lib/systemd/system/imad.service
	install -D -m 644 /vm/systemd/imad.tmpfiles /usr/lib/tmpfiles.d/imad.conf
	mkdir -p /etc/imad
	echo 'policy = tcb' >/etc/imad/imad.conf
	systemd-analyze verify imad.service >/tmp/analyze 2>&1
	check "systemd finds nothing wrong with the unit" same /tmp/analyze /dev/null
	check "enable --now" systemctl -q enable --now imad
	check "it is active as soon as that returns" serves
	check "it measures" measures first
	check "list and PCR agree" agrees

	check "mounts are the host's" test "$(readlink "/proc/$(pid)/ns/mnt")" = "$(readlink /proc/1/ns/mnt)"
	check "no new privileges" test "$(status_of NoNewPrivs)" = 1
	check "system calls are filtered" test "$(status_of Seccomp)" = 2
	check "nine capabilities of all" test "$(bits "$(status_of CapBnd)")" = 9
	check "never killed for memory" test "$(cat "/proc/$(pid)/oom_score_adj")" = -1000
	check "/run/imad is root's" test "$(stat -c '%a %U' /run/imad)" = "750 root"
	check "tmpfiles leave it alone" systemd-tmpfiles --create imad.conf
	check "still there" serves

	# What it reads is within its sandbox, though device-mapper comes later than imad.
	echo 'measure func=CRITICAL_DATA' >/tmp/critical
	modprobe dm-mod
	check "critical data" imactl policy load --append /tmp/critical
	check "BPF programs are among it" sh -c "imactl sync && grep -q ' bpf_programs ' $list"
	sleep 1
	journalctl --sync
	journalctl -q -b -u imad | grep 'critical data' >/tmp/unread || :
	check "all of it could be read" same /tmp/unread /dev/null

	# Within its sandbox as well.
	check "reload" systemctl reload imad
	echo key:12 >/etc/imad/deny
	check "a reload of a broken list fails" exits 1 systemctl reload imad
	rm /etc/imad/deny
	check "and nothing else" serves

	before=$(records)
	old=$(pid)
	check "restart" systemctl restart imad
	check "another process" another "$old"
	check "the list goes on where it was" test "$(records)" -ge "$before"
	check "with one boot_aggregate" test "$(grep -c ' boot_aggregate *$' $list)" = 1
	check "it measures after that" measures second
	check "list and PCR still agree" agrees

	# Who collects its core would be held by it.
	cp /bin/true /usr/local/bin/collect
	echo '|/usr/local/bin/collect' >/proc/sys/kernel/core_pattern
	old=$(pid)
	kill -SEGV "$old"
	check "after a crash it comes back" wait_for 20 another "$old"
	check "the list agrees after a crash" agrees

	mkdir -p /run/systemd/system/imad.service.d
	printf '[Service]\nWatchdogSec=8\n' >/run/systemd/system/imad.service.d/quick.conf
	systemctl daemon-reload
	systemctl restart imad
	old=$(pid)
	kill -STOP "$old"
	check "hung, the watchdog ends it and it comes back" wait_for 30 another "$old"
	rm -r /run/systemd/system/imad.service.d
	systemctl daemon-reload
	systemctl restart imad # with its own patience: this machine may be slow
	check "it measures after a hang" measures third
	check "the list agrees after a hang" agrees

	check "stop" systemctl stop imad
	check "an orderly end" test "$(unit Result) $(unit ExecMainStatus)" = "success 0"
	check "no socket is left" test ! -e /run/imad/control
	check "start" systemctl start imad
	check "list and PCR agree at last" agrees
	echo records "$(records)"
	exit
fi

check "multi-user.target is up" systemctl -q is-active multi-user.target
systemctl --no-legend --plain list-units --failed >/tmp/units
check "no unit failed" same /tmp/units /dev/null
check "imad runs" serves
check "it was up before sysinit.target" test \
	"$(unit ActiveEnterTimestampMonotonic)" -lt "$(unit ActiveEnterTimestampMonotonic sysinit.target)"
for program in /usr/bin/udevadm /usr/bin/dbus-daemon /usr/lib/systemd/systemd-logind /vm/run; do
	check "$program is in the list, held until it was" held "$program"
done
check "list and PCR agree" agrees
check "snapshot" snapshot /run/imad /tmp/snap
for bank in sha1 sha256; do
	check "evmctl: the list gives PCR 10 in $bank" evm_matches $bank /tmp/snap/list /tmp/snap/pcrs.$bank
done
journalctl --sync
check "the journal has its first line" sh -c 'journalctl -q -b -u imad | grep -q "measuring into PCR 10"'
imactl status | grep -A 3 '^gaps'
