# SPDX-License-Identifier: GPL-2.0-or-later
# Bad input is refused with one line that says what and where, the documented exit code, and nothing half
# started; a running daemon stands bad messages and a second imad.
# kernels: 6.12
# time: 200
. /vm/lib.sh

log=/tmp/refused.log
mounts
mkdir -p /test /etc/imad

# Nothing of a start that was refused is left.
nothing_left() {
	for left in /run/imad/*; do
		[ ! -e "$left" ] || { echo "  left: $left"; return 1; }
	done
	[ -z "$(ls /sys/fs/bpf)" ] || { ls /sys/fs/bpf; return 1; }
}

# refused STATUS TEXT [arguments]: imad ends so, with one line of warning or worse, which holds TEXT.
refused() {
	want=$1 text=$2
	shift 2
	exits "$want" timeout 80 imad "$@" >$log 2>&1 || { cat $log; return 1; }
	# getopt's own lines have no priority
	[ "$(grep -cE '^<[0-4]>|^imad: ' $log)" = 1 ] && grep -qF -- "$text" $log || { sed 's/^/  /' $log; return 1; }
	nothing_left
}

# --- usage, configuration, policy: exit 2

check "an unknown option" refused 2 "--nonsense" --nonsense
check "an argument too many" refused 2 "'tcb'" tcb
check "an unknown policy" refused 2 "'nonsense'" --policy nonsense
check "it tells the known ones" grep -q "built in are tcb " $log
check "a policy file that is not there" refused 2 "'/test/none': No such file" --policy /test/none
check "a policy file that is a folder" refused 2 "'/test'" --policy /test
{ for i in 1 2 3 4 5 6; do echo "# $i"; done; echo "measure func=BPRM_CHECK mask=MAY_EXCE"; } >/test/policy
check "an error in line 7 of a policy" refused 2 "/test/policy, line 7: " --policy /test/policy
check "and its token" grep -q "'mask=MAY_EXCE'" $log
check "--check says the same" refused 2 "/test/policy, line 7: " --check --policy /test/policy
head -c 2000000 /dev/zero | tr '\0' '#' >/test/large
check "a policy file that is too large" refused 2 "'/test/large': File too large" --policy /test/large
check "an unknown hash" refused 2 "'md6'" --hash md6 --policy tcb
check "an unknown template" refused 2 "'ima-old'" --template ima-old --policy tcb
check "fields that no template has" refused 2 "'n-ng|d-type'" --template_fmt "n-ng|d-type" --policy tcb
check "a PCR that there is not" refused 2 "--pcr" --pcr 24 --policy tcb
check "a PCR that is no number" refused 2 "--pcr" --pcr ten --policy tcb
check "a configuration that is not there" refused 2 "'/test/none': No such file" --config /test/none
check "a configuration that is a folder" refused 2 "'/test': Is a directory" --config /test
printf '# one\npolicy = tcb\ncolour = red\n' >/test/conf
check "an unknown key" refused 2 "/test/conf, line 3: unknown key: 'colour'" --config /test/conf
printf 'policy = tcb\n[gate]\nhold = never\n' >/test/conf
check "a bad value" refused 2 "/test/conf, line 3: " --config /test/conf
printf 'policy\n' >/test/conf
check "a line that is none" refused 2 "/test/conf, line 1: " --config /test/conf
check "a configuration that is too large" refused 2 "/test/large" --config /test/large
echo 'colour = red' >/etc/imad/imad.conf
check "imad.conf is read" refused 2 "/etc/imad/imad.conf, line 1: unknown key: 'colour'"
check "another configuration is read instead" exits 0 imad --check --config /dev/null --policy tcb

# --- what cannot be started: exit 1

setpriv --reuid 1000 --regid 1000 --clear-groups imad --config /dev/null --policy tcb >$log 2>&1 && got=0 || got=$?
check "without root" exits 1 sh -c "exit $got"
check "it says so" grep -q 'imad needs root' $log
check "and leaves nothing" nothing_left

# --- imad.conf, and options above it

printf 'policy = tcb\nhash = sha384\npcr = 11\ntemplate = ima-sig\n' >/etc/imad/imad.conf
start_imad --pcr 12
status() { imactl status --json | grep -qE "$1"; }
check "hash and template are those of imad.conf" status '"hash": ?"sha384".*"template": ?"ima-sig"'
check "the PCR is that of the option" status '"pcr": ?12[,}]'

# --- a second imad

cp /run/imad/binary_runtime_measurements /tmp/before
exits 1 timeout 80 imad --pcr 13 >$log 2>&1 && got=0 || got=$?
check "a second imad is refused" test $got = 0
check "with one line" exits 0 test "$(grep -cE '^<[0-4]>' $log)" = 1
check "that says why" grep -q 'another imad' $log
check "the first one answers" imactl sync
check "and its list is as it was, but longer" cmp -n "$(stat -c %s /tmp/before)" /tmp/before /run/imad/binary_runtime_measurements
check "and gives the PCR" imactl verify

# --- control messages

cat >/tmp/talk.py <<'END'
import socket, struct, sys

def talk(packet):
	"""Status of the answer, None if there is none."""
	s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	s.settimeout(10)
	s.connect("/run/imad/control")
	try:
		s.send(packet)
		answer = s.recv(1 << 18)
	except (ConnectionError, BrokenPipeError):
		return None
	return struct.unpack("<i", answer[8:12])[0] if answer else None

def message(magic=b"IMAD", version=1, type=4, status=0, length=0, payload=b""):
	return magic + struct.pack("<HHiI", version, type, status, length) + payload

assert talk(message()) == 0, "a good one"
bad = {
	"cut": message()[:7],
	"one byte": b"I",
	"cut payload": message(length=10, payload=b"12345"),
	"trailing bytes": message(payload=b"12345"),
	"length beyond all": message(length=0xffffffff),
	"magic": message(magic=b"DAMI"),
	"version": message(version=2),
	"unknown request": message(type=98),
	"an answer": message(type=5),
	"oversized": message(length=5000, payload=bytes(5000)),
	"far oversized": message(length=100000, payload=bytes(100000)),
	"zeros": bytes(16),
}
for name, packet in bad.items():
	r = talk(packet)
	print("  %s: %s" % (name, r))
	assert r is None or r < 0, name
	assert talk(message()) == 0, "after " + name
END
check "bad messages are refused, good ones are answered" python3 -IS /tmp/talk.py
cat >/tmp/crowd.py <<'END'
import socket, subprocess
crowd = []
for i in range(200):
	s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	s.settimeout(5)
	try:
		s.connect("/run/imad/control")
		crowd.append(s)
	except OSError as e:
		print("  %d connections, then %s" % (i, e))
		break
for s in crowd:
	s.close()
END
check "many silent connections" python3 -IS /tmp/crowd.py
check "it answers after them" imactl sync
check "nobody but root can ask" exits 1 setpriv --reuid 1000 --regid 1000 --clear-groups imactl sync
check "stop" stop_imad
check "the socket is gone" test ! -e /run/imad/control
cat /vm/imad.log
