# SPDX-License-Identifier: GPL-2.0-or-later
# Who writes the logs is held like anybody else: journald, and a log that is rotated at each message, on watched filesystems,
# names of users looked up, while imad says something of each denial; and nobody waits as long as the deadline. What becomes
# of a gate that logs before it answers is in 89-naive.
# init: systemd
# kernels: 6.12
# disk: ext4 64M
# time: 300
. /vm/lib.sh

W=/test
mkdir -p $W /mnt/log /etc/imad /var/log/journal
mkfs.ext4 -q "$(disk ext4)"
mount "$(disk ext4)" /mnt/log
journalctl -q --flush # from now on it is on the disk
cat >/etc/imad/policy <<'END'
measure func=FILE_CHECK mask=MAY_READ fowner=10003
measure func=FILE_CHECK uid=0 fowner=0
appraise func=BPRM_CHECK fowner=10001
END
printf 'policy = /etc/imad/policy\nappraise = enforce\n[gate]\nhold = open\ndeadline = 30s\n' >/etc/imad/imad.conf
install -D -m 644 /vm/systemd/imad.service /usr/lib/systemd/system/imad.service
for f in $(seq 40); do cp /bin/true $W/bad$f && echo "$f" >>$W/bad$f && chown 10001 $W/bad$f; done
status() { imactl status --json | grep -o "\"$1\": *[0-9]*" | grep -o '[0-9]*$' | tail -n 1; }

check "start" systemctl start imad
check "it enforces" exits 126 sh -c $W/bad1 2>/dev/null

# --- the storm, until /tmp/stop is there
/vm/naive logger /mnt/log >/tmp/said.logger 2>&1 &
logger=$!
wait_for 20 grep -q ready /tmp/said.logger
storm() { while [ ! -e /tmp/stop ]; do "$@" || :; done >/dev/null 2>&1 & }
said() { logger --socket /tmp/log.socket a line that is to be written; logger a line for the journal, as long as lines are; }
denied() { for f in $(seq 2 40); do $W/bad$f; done; }
looked_up() { getent passwd nobody; id games; }
for s in said said denied looked_up "journalctl -q --rotate"; do storm $s; done
opened=0
for i in 1 2 3 4; do
	/vm/openers make $W $((i * 1000)) 40 10003
	/vm/openers read $W $((i * 1000)) 40 6 >/tmp/said || :
	! grep -q '^40 opened, 0 refused' /tmp/said || opened=$((opened + 1))
	cat /tmp/said
done
touch /tmp/stop
wait_for 60 imactl sync
check "in the storm all that may be is opened" test $opened = 4
check "nobody met the deadline" test "$(status timeouts)" = 0
check "denials went on" test "$(status denials)" -ge 40
check "a log was rotated" test "$(ls /mnt/log/log.* | wc -l)" = 8
check "the journal was" test "$(ls /var/log/journal/*/system@* | wc -l)" -ge 2
kill $logger
journalctl --sync
check "imad has said what it denied" sh -c 'journalctl -q -b -u imad | grep -q "integrity_data .*name=\"/test/bad"'
check "list and PCR agree" imactl verify
check "stop" systemctl stop imad
