# SPDX-License-Identifier: GPL-2.0-or-later
# Why was this denied: imactl explain against what was really done, the journal's fields, appraise.grace and
# appraise.protect_labels, all as a service.
# init: systemd
# kernels: 6.12
# also: 7.2
# time: 240
. /vm/lib.sh

W=/test
mkdir -p $W /etc/imad /etc/keys/ima
install -D -m 644 /vm/systemd/imad.service /usr/lib/systemd/system/imad.service
cat >/etc/imad/policy <<'END'
# by who owns the file
appraise func=BPRM_CHECK fowner=10001
appraise func=BPRM_CHECK fowner=10002 appraise_type=imasig

appraise func=FILE_CHECK fowner=10003
appraise func=BPRM_CHECK fowner=10004 appraise_algos=sha512
appraise func=MMAP_CHECK fowner=10005
END
for k in good other; do
	rsa_key /tmp/$k.key && openssl req -x509 -key /tmp/$k.key -subj /CN=$k -outform DER -out /tmp/$k.der \
		-addext keyUsage=digitalSignature 2>/dev/null
done
cp /tmp/good.der /etc/keys/ima
make() { # NAME OWNER [LABEL...]
	name=$1 owner=$2
	shift 2
	cp /bin/true "$W/$name"
	[ $# = 0 ] || "$@" "$W/$name" >/dev/null 2>&1 || echo "  $name: no label"
	chown "$owner" "$W/$name"
}
hashed() { evmctl ima_hash -a "$1" "$2"; }
signed() { evmctl ima_sign -a sha256 --key "/tmp/$1.key" "$2"; }
make none 10001
make changed 10001 hashed sha256
make busy 10005 hashed sha256
make unsigned 10002 hashed sha256
make other 10002 signed other
make touched 10002 signed good
make unread 10003
make kept 10003 setfattr -n security.ima -v 0x0404000000000000000000000000000000000000000000000000000000000000000f
make algo 10004 hashed sha256
make map 10005
make free 10009
configure() { # LINE of [appraise]...
	unlock_imad
	printf 'policy = /etc/imad/policy\nappraise = enforce\n[appraise]\n' >/etc/imad/imad.conf
	for line; do echo "$line"; done >>/etc/imad/imad.conf
	systemctl restart imad && imactl sync
}
systemctl daemon-reload
check "start" configure

# field FILE KEY...: a member of JSON, as text. Python starts slowly here: once a file, it writes FILE.flat, a member a line.
cat >/tmp/flat.py <<'END'
import json, sys
def flat(path, o):
    for k, v in o.items() if isinstance(o, dict) else enumerate(o) if isinstance(o, list) else ():
        flat(path + [str(k)], v)
    print(" ".join(path) + "=" + (str(o).lower() if isinstance(o, bool) else str(o)).replace("\n", " "))
flat([], json.load(open(sys.argv[1])))
END
field() {
	json=$1
	shift
	[ "$json.flat" -nt "$json" ] || python3 -ISB /tmp/flat.py "$json" >"$json.flat" || return 1
	keys=$*
	until member=$(grep -m 1 "^$keys=" "$json.flat"); do
		case $keys in *' '*) keys=${keys% *} ;; *) return 1 ;; esac
	done
	[ "$keys" = "$*" ] || [ "${member#*=}" = None ] || return 1 # of what is null, all is
	echo "${member#*=}"
}
# is WHAT WANTED FILE KEY...
is() {
	what=$1 wanted=$2
	shift 2
	got=$(field "$@") || got="no answer"
	check "$what" test "$got" = "$wanted" || :
	[ "$got" = "$wanted" ] || echo "  it is '$got', not '$wanted'"
}
explain() { imactl sync && imactl explain --json "$@" >/tmp/why; }
denied() { exits 126 "$@" 2>/dev/null; }
sum() { sha256sum "$1" | cut -d' ' -f1; }

# A writer and a user of whom all is known.
$W/changed
before=$(sum $W/changed)
cp /bin/sh /tmp/scribbler
/tmp/scribbler -c "echo \$\$ >/tmp/writer; echo more >>$W/changed"
at=$(date +%s)
# It stays for a moment after the exec failed, so that /proc can tell of it.
check "a changed file is denied" denied setpriv --reuid=1000 --regid=1000 --clear-groups /bin/bash -c \
	"shopt -s execfail; echo \$\$ >/dev/shm/user; exec $W/changed; sleep 3; exit 126"
check "explain --last" explain --last
imactl explain --last
is "denied" true /tmp/why event denied
is "its cause" invalid-hash /tmp/why event cause
is "its file" $W/changed /tmp/why event name
is "its inode" "$(stat -c %i $W/changed)" /tmp/why event ino
is "its device" "$(basename "$(findmnt -n -o SOURCE -T $W)")" /tmp/why event dev
is "who used it" "$(cat /dev/shm/user)" /tmp/why event process pid
is "as whom" 1000 /tmp/why event process uid
is "by which program" "$(realpath /bin/bash)" /tmp/why event process exe
is "the rule's place" /etc/imad/policy:2 /tmp/why event rule place
is "the rule" "appraise func=BPRM_CHECK fowner=10001" /tmp/why event rule text
is "the digest of the label" "sha256:$before" /tmp/why event digest_wanted
is "the digest of the content" "sha256:$(sum $W/changed)" /tmp/why event digest_found
is "who changed it" "$(cat /tmp/writer)" /tmp/why event changed pid
is "by which name" scribbler /tmp/why event changed comm
is "and how" "opened for write" /tmp/why event changed how
is "as whom too" 0 /tmp/why event changed uid
changed=$(field /tmp/why event changed time)
check "when it was changed" test $((at - changed)) -ge -1 -a $((at - changed)) -le 60
is "what it would say now" invalid-hash /tmp/why now uses 0 cause
is "of a use that no rule is about" false /tmp/why now uses 2 appraised
is "what to do" "if the change was meant:  imactl label $W/changed" /tmp/why advice 0
event=$(field /tmp/why event number)
check "explain PATH" explain $W/changed
is "is about the same event" "$event" /tmp/why event number
imactl status --json >/tmp/status
is "status has its number" "$event" /tmp/status appraisal last_event
check "explain --event" explain --event "$event"
is "is it" "$event" /tmp/why event number
check "an event that there was not" exits 1 imactl explain --event 4711 2>/tmp/err
check "is told so" grep -q "event 4711 is not kept" /tmp/err

# The journal.
journalctl --sync
journalctl -q -o json IMAD_CAUSE=invalid-hash IMAD_EVENT="$event" >/tmp/entry
check "one entry in the journal" test "$(wc -l </tmp/entry)" = 1
cat /tmp/entry
journalctl -q IMAD_CAUSE=invalid-hash
is "its user" "$(cat /dev/shm/user)" /tmp/entry IMAD_PID
is "its file too" $W/changed /tmp/entry IMAD_NAME
is "its rule" "/etc/imad/policy:2: appraise func=BPRM_CHECK fowner=10001" /tmp/entry IMAD_RULE
is "its unit" imad.service /tmp/entry _SYSTEMD_UNIT
is "its priority" 4 /tmp/entry PRIORITY
is "its user's id" 1000 /tmp/entry IMAD_UID
is "its result" denied /tmp/entry IMAD_RESULT
check "no line beside it" test "$(journalctl -q -b -u imad | grep -c "event=$event\$")" = 1
check "all failures have one id" test "$(journalctl -q -b -o cat MESSAGE_ID="$(field /tmp/entry MESSAGE_ID)" | grep -c "event=$event\$")" = 1

# Other causes.
cause() { # NAME CAUSE [KEY... VALUE]
	check "explain $1" explain $W/$1
	is "cause of $1" "$2" /tmp/why event cause
	is "rule of $1" "/etc/imad/policy:$3" /tmp/why event rule place
}
denied $W/none
cause none missing-hash 2
is "no label" None /tmp/why event label
is "what to do about none" "if the file is what it should be:  imactl label $W/none" /tmp/why advice 0
denied $W/unsigned
cause unsigned IMA-signature-required 3
denied $W/other
cause other invalid-signature 3
is "a key that is not trusted" None /tmp/why event key_subject
$W/touched
echo >>$W/touched
denied $W/touched
cause touched invalid-signature 3
is "a key that is" "CN=good" /tmp/why event key_subject
denied $W/algo
cause algo denied-hash-algorithm 6
exits 13 /vm/probe mmap-exec $W/map >/dev/null
cause map missing-hash 7
is "func of map" MMAP_CHECK /tmp/why event func
exec 5>>$W/busy
exits 13 /vm/probe mmap-exec $W/busy >/dev/null
exec 5>&-
cause busy open-writers 7
exits 1 cat $W/unread 2>/dev/null
cause unread missing-hash 5
check "explain a file of which nothing is known" explain $W/free
is "it has no event" None /tmp/why now uses 0 cause
imactl explain $W/free
imactl explain $W/touched

# What it says is to be done helps.
check "imactl label, as it says" imactl label $W/changed
check "then it runs" $W/changed
explain $W/changed
is "and explain says so" "nothing: it would pass now" /tmp/why advice 0
is "the label was changed" "label changed" /tmp/why now changed how
check "imactl label of what cannot be read" imactl label $W/unread
check "then it is read" cat $W/unread >/dev/null
check "only what has none" imactl label --only-missing $W/kept
check "so it stays" exits 1 cat $W/kept 2>/dev/null
check "its label is its digest" test "$(getfattr --only-values -n security.ima $W/unread 2>/dev/null | xxd -p -c 200)" = "0404$(sum $W/unread)"

# Nobody but imad and imactl changes labels.
wrong=0x04040000000000000000000000000000000000000000000000000000000000000000
check "outside, labels are everybody's" setfattr -n security.ima -v $wrong $W/none
setfattr -x security.ima $W/none
check "start with protect_labels" configure 'protect_labels = yes'
for f in none unsigned unread map; do
	check "a label of $f is not set" exits 1 setfattr -n security.ima -v $wrong $W/$f 2>/tmp/err
	check "Operation not permitted" grep -q "Operation not permitted" /tmp/err
done
check "nor removed" exits 1 setfattr -x security.ima $W/changed 2>/dev/null
check "nor security.evm" exits 1 setfattr -n security.evm -v 0x0302 $W/changed 2>/dev/null
explain $W/changed
is "explain tells of it" protected-label /tmp/why event cause
is "op" set_data /tmp/why event op
is "by the rule" /etc/imad/policy:2 /tmp/why event rule place
check "what no rule is about is free" setfattr -n security.ima -v $wrong $W/free
check "other attributes are free" setfattr -n user.x -v 1 $W/changed
check "imactl label" imactl label $W/none $W/changed
check "and it runs" $W/none
check "imactl sign" imactl sign --key /tmp/good.key --cert /tmp/good.der $W/unsigned
check "and what is signed runs" $W/unsigned
check "has labelled" test "$(getfattr --only-values -n security.ima $W/none 2>/dev/null | xxd -p -c 200)" = "0404$(sum $W/none)"
mkdir $W/many
for i in $(seq 150); do echo $i >$W/many/$i; done
chown -R 10001 $W/many
check "a tree of them" imactl label $W/many
check "all of it" test "$(getfattr -R -n security.ima $W/many 2>/dev/null | grep -c '^security.ima=')" = 150
imactl status --json >/tmp/status
is "status says so" true /tmp/status appraisal protect_labels
check "and counts them" test "$(field /tmp/status appraisal labels_set)" = 152

# Log at first, enforce when nothing failed for so long.
make late 10001
# A restart goes on with what was enforced, and is given no time.
anew() { systemctl stop imad && configure "$@"; }
mode() { imactl status --json >/tmp/status && field /tmp/status appraisal mode; }
configure 'grace = 30s'
check "no grace for what was enforced already" test "$(mode)" = enforce
check "start with grace" anew 'grace = 30s' 'protect_labels = yes'
check "it begins with log" test "$(mode)" = log
left=$(field /tmp/status appraisal grace_left_s)
check "some time is left: $left" test "$left" -ge 1 -a "$left" -le 30
[ "$left" -lt 26 ] || sleep 5 # a busy host has needed that already
read -r failed_at rest </proc/uptime
check "what fails runs" $W/late
imactl sync
explain $W/late
is "it was not denied" false /tmp/why event denied
check "labels are everybody's meanwhile" setfattr -n user.y -v 1 $W/late
enforces() { [ "$(mode)" = enforce ]; }
check "then it enforces" wait_for 60 enforces
read -r now rest </proc/uptime
check "not before the time was over that the failure began anew" test $((${now%.*} - ${failed_at%.*})) -ge 29
check "what fails is denied" denied $W/late
check "and labels are protected" exits 1 setfattr -n security.ima -v $wrong $W/late 2>/dev/null
journalctl --sync
check "the journal says when" sh -c "journalctl -q -b -u imad | grep -q 'nothing failed for 30 s: appraise = enforce from now on'"

# What the host needs is looked at before that.
check "start with grace, and a file that would be denied" anew 'grace = 2s' "critical = $W/late"
refused() { mode >/dev/null && [ "$(field /tmp/status appraisal enforce_refused)" = true ]; }
check "it is not enforced" wait_for 20 refused
check "but log" test "$(mode)" = log
imactl label $W/late
check "once it would pass, it is" wait_for 30 enforces
check "stop" systemctl stop imad
