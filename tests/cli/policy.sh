#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl policy check and test: what is said of a policy, and what it says of a use.
. "$(dirname "$0")/common"
P="$IMACTL policy"

# one line of stderr, and nothing else, for what was just expected
one_line() {
	[ "$(wc -l <"$T/err")" = 1 ] && [ ! -s "$T/out" ]
	verdict "$1: one line" $?
}

# refused RC TEXT COMMAND...: as expect, and one line
refused() {
	expect "$@"
	shift 2
	one_line "$*"
}

# --- the subcommands
expect 2 '^  check \[--json\] NAME|FILE' $P
expect 2 '^  test ' $P
expect 2 "unknown subcommand 'chek'" $P chek
grep -q '^  check ' "$T/err" && [ ! -s "$T/out" ]
verdict 'the subcommands on stderr' $?
expect 2 "unknown subcommand '--json'" $P --json
refused 2 'no policy given' $P check
refused 2 '^imactl: .*--nope' $P check --nope tcb
refused 2 'no policy given' $P test --func FILE_CHECK
refused 2 '^imactl: .*--nope' $P test --nope tcb

# --- check
printf '%b\n' '# a comment\n' 'measure func=BPRM_CHECK' '\tmeasure func=MMAP_CHECK # and another' \
	'measure func=MODULE_CHECK' >"$T/good"
expect 0 '^3 rules, 0 findings$' $P check "$T/good"
expect 0 '^21 rules, 0 findings$' $P check tcb+tmpfs
expect 0 '^tcb: tmpfs is left out' $P check tcb
expect 0 '^20 rules, 1 findings$' $P check tcb
expect 0 '^ima_tcb:16: misses files opened' $P check ima_tcb
expect 0 '^fail_securely: nothing is measured' $P check fail_securely

cat >"$T/advice" <<'EOF'
# line 1
dont_measure fowner=7
measure fowner=7

measure func=BPRM_CHECK mask=MAY_READ
measure func=BPRM_CHECK uid=0
measure func=BPRM_CHECK uid=0 fsname=ext4
measure func=MMAP_CHECK
measure func=MODULE_CHECK
dont_hash
EOF
cat >"$T/want" <<EOF
$T/advice:3: contradicts line 2, which decides first
$T/advice:5: can never match: no use of its func has this mask
$T/advice:7: never reached: line 6 decides first
$T/advice:10: has no effect: no rule that it could stop comes after it
8 rules, 4 findings
EOF
$P check "$T/advice" >"$T/got"
same 'findings with their lines' "$T/want" "$T/got"

# Built-in ones first whatever the order given, then files; ima_tcb not beside tcb.
printf 'measure func=BPRM_CHECK uid=3\n' >"$T/more"
expect 0 "^$T/more:1: never reached: tcb+tmpfs:14 decides first$" $P check "$T/more" tcb+tmpfs
echo measure >"$T/all"
expect 0 "^$T/good:3: never reached: $T/all:1 decides first$" $P check "$T/all" "$T/good"
expect 0 '^20 rules' $P check ima_tcb tcb
expect 0 '^20 rules' $P check tcb tcb
expect 0 '^6 rules' $P check "$T/good" "$T/good"
expect 0 "^$T/good: tmpfs is left out" $P check tcb "$T/good"

$P check --json "$T/advice" tcb >"$T/json"
python3 - "$T/json" "$T/advice" <<'EOF'
import json, sys
o, name = json.load(open(sys.argv[1])), sys.argv[2]
assert o["rules"] == 28, o["rules"]
f = {(x.get("source"), x.get("line")): x for x in o["findings"]}
x = f[name, 3]
assert x["kind"] == "contradicts" and x["other"] == {"source": name, "line": 2}, x
assert x["text"] == "contradicts line 2, which decides first"
x = f[name, 8]
assert x["kind"] == "never_reached" and x["other"] == {"source": "tcb", "line": 14}, x
assert f[None, None]["kind"] == "gap_tmpfs" and "source" not in f[None, None]
EOF
verdict 'check --json' $?

# What the daemon's parser refuses, with the line.
bad_rule() {
	printf "# first\n\n$1\n" >"$T/bad"
	refused 1 "^$T/bad:3: $2$" $P check tcb "$T/bad"
}
bad_rule 'meazure' "unknown word: 'meazure'"
bad_rule 'measure uid=4294967295' "number out of range: 'uid=4294967295'"
bad_rule 'measure func=NO_CHECK' "unknown func: 'func=NO_CHECK'"
bad_rule 'measure uid=0 \r' "carriage return: '?'"
bad_rule 'measure \033[2J' "not printable ASCII: '?\[2J'"
bad_rule 'measure template=nope' "unknown template: 'template=nope'"
echo 'measure pcr=11 template=ima-sig' >"$T/slot"
expect 0 '^1 rules' $P check "$T/slot"
printf 'measure obj_type=bin_t' >"$T/unended"
expect 0 '^1 rules' $P check "$T/unended"

head -c 100000 /dev/zero | tr '\0' '\377' >"$T/junk"
refused 1 "^$T/junk:1: line too long: '" $P check "$T/junk"
printf 'measure\0dont_measure\n' >"$T/nul"
refused 1 "^$T/nul:1: NUL byte: '" $P check "$T/nul"
head -c 1048576 /dev/zero | tr '\0' 'm' >"$T/long"
refused 1 "^$T/long:1: line too long: '" $P check "$T/long"
printf 'm' >>"$T/long"
refused 3 "cannot read '$T/long': larger than 1048576 bytes" $P check "$T/long"
head -c 1048576 /dev/zero | tr '\0' '\n' >"$T/blank"
expect 0 '^0 rules, 1 findings$' $P check "$T/blank"
awk 'BEGIN { for (i = 0; i < 513; i++) print "measure uid=" i }' >"$T/many"
refused 1 "^$T/many:513: too many rules: 'measure'" $P check "$T/many"
head -n 512 "$T/many" >"$T/full"
expect 0 '^512 rules' $P check "$T/full"

refused 3 "cannot read '$T/none': No such file" $P check "$T/none"
refused 3 "cannot read 'tbc': No such file or directory; built in are tcb ima_tcb" $P check tbc
refused 3 "cannot read '$T': not a regular file" $P check tcb "$T"
mkfifo "$T/fifo"
refused 3 "cannot read '$T/fifo': not a regular file" timeout 10 $P check "$T/fifo"
refused 3 "cannot read '/dev/zero': not a regular file" $P check /dev/zero
: >"$T/$(printf 'x\033[2J')"
expect 0 '/x\\x1b\[2J: nothing is measured' $P check "$T/$(printf 'x\033[2J')"

# --- show, of names and files: what is shown is a policy, and shown again it is the same
expect 0 '^measure func=BPRM_CHECK mask=MAY_EXEC$' $P show tcb
cp "$T/out" "$T/shown"
expect 0 '^20 rules, 1 findings$' $P check "$T/shown"
expect 0 '^dont_measure' $P show "$T/shown"
cmp -s "$T/out" "$T/shown"
verdict 'shown again it is the same' $?
expect 0 '"text":"measure func=MMAP_CHECK.*","source":".*good","line":4}' $P show --json "$T/good"
refused 3 'built in are tcb' $P show nope

# --- test
cat >"$T/policy" <<'EOF'
dont_hash fowner=5
hash func=FILE_CHECK
appraise func=FILE_CHECK fowner=0 appraise_type=imasig
hash func=FILE_CHECK uid=9
measure func=KEY_CHECK keyrings=.ima|.evm pcr=11 template=ima-sig
measure func=CRITICAL_DATA label=selinux
audit obj_type=bin_t subj_user=root
EOF
# answers NAME ARGUMENT...: the answer must be what stands on stdin
answers() {
	cat >"$T/want"
	name=$1
	shift
	$P test "$@" >"$T/got"
	same "$name" "$T/want" "$T/got"
}
answers 'root reads' tcb --func FILE_CHECK <<EOF
measure   yes  tcb:16: measure func=FILE_CHECK mask=^MAY_READ euid=0  pcr default, template default
appraise  no   no rule
audit     no   no rule
hash      no   no rule
options   none
EOF
answers 'an exception' "$T/policy" --func FILE_CHECK --fowner 5 <<EOF
measure   no   no rule matches
appraise  no   no rule matches
audit     no   no rule matches
hash      no   $T/policy:1: dont_hash fowner=5
options   none
EOF
answers 'appraised, so not hashed' "$T/policy" --func FILE_CHECK --uid 1 <<EOF
measure   no   no rule matches
appraise  yes  $T/policy:3: appraise func=FILE_CHECK fowner=0 appraise_type=imasig
audit     no   no rule matches
hash      no   $T/policy:2: hash func=FILE_CHECK  dropped, for it is appraised
options   appraise_type=imasig
EOF
answers 'a key' "$T/policy" --func KEY_CHECK --keyring .evm <<EOF
measure   yes  $T/policy:5: measure func=KEY_CHECK keyrings=.ima|.evm pcr=11 template=ima-sig  pcr 11, template ima-sig
appraise  no   no rule matches
audit     no   no rule matches
hash      no   no rule matches
options   none
EOF
answers 'why not a key' -v "$T/policy" --func KEY_CHECK --keyring other --fowner 5 <<EOF
measure   no   no rule matches
               $T/policy:5: keyring is other
               $T/policy:6: func is KEY_CHECK
appraise  no   no rule matches
               $T/policy:3: func is KEY_CHECK
audit     no   no rule matches
               $T/policy:7: func is KEY_CHECK
hash      no   no rule matches
               $T/policy:1: func is KEY_CHECK
               $T/policy:2: func is KEY_CHECK
               $T/policy:4: func is KEY_CHECK
options   none
EOF

# each condition, as the reason; then the same use with the value that fits
printf 'measure %s\n' 'func=BPRM_CHECK' 'mask=^MAY_WRITE' 'mask=MAY_READ' 'fsmagic=0xef53' 'fsname=ext4' \
	'fs_subtype=sshfs' 'fsuuid=12345678-9abc-def0-1234-56789abcdef0' 'uid=5' 'euid=5' 'gid=5' 'egid=5' \
	'fowner=5' 'fgroup=5' 'obj_type=a' 'subj_user=b' >"$T/conditions"
$P test -v "$T/conditions" --func FILE_CHECK --mask MAY_READ,MAY_APPEND --uid 1 --euid 2 --suid 3 --gid 4 --sgid 6 \
	--cap-setuid --fowner 7 --fgroup 8 --fs-subtype x --subj-user other >"$T/got"
cat >"$T/want" <<EOF
measure   no   no rule matches
               $T/conditions:1: func is FILE_CHECK
               $T/conditions:2: mask is MAY_READ|MAY_APPEND
               $T/conditions:3: mask is MAY_READ|MAY_APPEND
               $T/conditions:4: fsmagic is not given
               $T/conditions:5: fsname is not given
               $T/conditions:6: fs_subtype is x
               $T/conditions:7: fsuuid is not given
               $T/conditions:8: uid is 1
               $T/conditions:9: euid is 2, suid 3, uid 1
               $T/conditions:10: gid is 4
               $T/conditions:11: egid is 4
               $T/conditions:12: fowner is 7
               $T/conditions:13: fgroup is 8
               $T/conditions:14: obj_type is not given
               $T/conditions:15: subj_user is other
EOF
head -n 16 "$T/got" >"$T/got16"
same 'every condition has a reason' "$T/want" "$T/got16"
decides() {
	line=$1
	shift
	expect 0 "^measure   yes  $T/conditions:$line: " $P test "$T/conditions" "$@"
}
decides 1 --func BPRM_CHECK
decides 2 --func PATH_CHECK --mask 'MAY_READ|MAY_WRITE'
decides 3 --func FILE_CHECK
decides 3 --func MODULE_CHECK
decides 4 --func MMAP_CHECK --fsmagic EF53
decides 5 --func MMAP_CHECK --fsname ext4
decides 6 --func MMAP_CHECK --fs-subtype sshfs
decides 7 --func MMAP_CHECK --fsuuid 12345678-9ABC-def0-1234-56789abcdef0
decides 8 --func MMAP_CHECK --uid 5
decides 9 --func MMAP_CHECK --euid 5
decides 9 --func MMAP_CHECK --suid 5 --euid 0
decides 10 --func MMAP_CHECK --gid 5
decides 11 --func MMAP_CHECK --egid 5
decides 11 --func MMAP_CHECK --sgid 5 --uid 1 --cap-setgid
decides 12 --func MMAP_CHECK --fowner 5
decides 13 --func MMAP_CHECK --fgroup 5
decides 14 --func KEXEC_CMDLINE --obj-type a
decides 15 --func KEXEC_CMDLINE --subj-user b
expect 0 'no rule matches' $P test "$T/conditions" --func MMAP_CHECK --suid 5 --cap-setuid=no
expect 0 'no rule matches' $P test "$T/conditions" --func MMAP_CHECK --suid 5 --euid 1 --uid 1
expect 0 "audit     yes  $T/policy:7" $P test "$T/policy" --func BPRM_CHECK --obj-type bin_t --subj-user root
expect 0 "measure   yes  $T/policy:6" $P test "$T/policy" --func CRITICAL_DATA --label selinux
printf '%s\n' 'appraise appraise_algos=sha512,sha256 appraise_type=sigv3 digest_type=verity' \
	'audit permit_directio' >"$T/options"
expect 0 '^options   appraise_algos=sha256,sha512 appraise_type=sigv3 digest_type=verity permit_directio$' \
	$P test "$T/options" --func BPRM_CHECK
printf '%s\n' 'measure func=MODULE_CHECK template=ima-modsig' 'appraise func=MODULE_CHECK appraise_type=imasig|modsig' \
	'measure func=BPRM_CHECK' 'audit func=BPRM_CHECK digest_type=verity' >"$T/options"
expect 0 '^options   appraise_type=imasig|modsig$' $P test "$T/options" --func MODULE_CHECK
expect 0 'pcr default, template ima-modsig$' $P test "$T/options" --func MODULE_CHECK
expect 0 'template default, digest of fs-verity$' $P test "$T/options" --func BPRM_CHECK
expect 0 '^options   digest_type=verity$' $P test "$T/options" --func BPRM_CHECK
expect 0 '^2 rules, 2 findings$' $P check "$(printf 'measure func=BPRM_CHECK digest_type=verity\nmeasure func=MMAP_CHECK\n' >"$T/untyped"; echo "$T/untyped")"
expect 0 "untyped:1: its template does not tell the digest of fs-verity from others" $P check "$T/untyped"

# --file: what stat says, and options win
touch "$T/file"
magic=0x$(stat -f -c %t "$T/file") uid=$(stat -c %u "$T/file") gid=$(stat -c %g "$T/file")
type=$(findmnt -n -o FSTYPE -T "$T/file" 2>/dev/null || stat -f -c %T "$T/file")
printf 'audit fowner=4242\nmeasure fsmagic=%s fsname=%s fowner=%s fgroup=%s\n' \
	"$magic" "${type%%.*}" "$uid" "$gid" >"$T/of"
expect 0 "^measure   yes  $T/of:2: " $P test "$T/of" --func FILE_CHECK --file "$T/file"
expect 0 "^measure   no   no rule matches" $P test "$T/of" --func FILE_CHECK --file "$T/file" --fsname other
expect 0 "^audit     yes  $T/of:1: " $P test "$T/of" --func FILE_CHECK --fowner 4242 --file "$T/file"
expect 0 '"fsname":"proc"' $P test tcb --json --func FILE_CHECK --file /proc/self/status
expect 0 '^measure   no   tcb:1: dont_measure fsmagic=0x9fa0$' $P test tcb --func FILE_CHECK --file /proc/self/status
refused 3 "cannot read '$T/none': No such file" $P test tcb --func FILE_CHECK --file "$T/none"
refused 3 "'$T' is not a regular file" $P test tcb --func FILE_CHECK --file "$T"

$P test --json -v "$T/policy" tcb --func FILE_CHECK --uid 9 --gid 8 --fsmagic 0x1021994 >"$T/json"
python3 - "$T/json" "$T/policy" <<'EOF'
import json, sys
o, name = json.load(open(sys.argv[1])), sys.argv[2]
u = o["use"]
assert (u["func"], u["mask"], u["uid"], u["euid"], u["fsmagic"]) == ("FILE_CHECK", "MAY_READ", 9, 9, 0x1021994), u
assert (u["suid"], u["gid"], u["egid"], u["sgid"], u["fowner"]) == (9, 8, 8, 8, 0), u
assert "fsname" not in u and u["cap_setuid"] is False
m = o["measure"]
assert m["does"] is False and (m["source"], m["line"]) == ("tcb", 4), m
assert [x["why"] for x in m["passed_over"]] == ["fsmagic is 0x1021994"] * 3, m
assert o["appraise"]["does"] and o["appraise"]["source"] == name and o["options"] == "appraise_type=imasig"
# the second hash rule stands after the class was decided
assert o["hash"] == {"does": False, "source": name, "line": 2, "rule": "hash func=FILE_CHECK", "dropped": True,
    "passed_over": [{"source": name, "line": 1, "why": "fowner is 0"}]}, o["hash"]
assert o["audit"]["does"] is False and "rule" not in o["audit"]
EOF
verdict 'test --json' $?
expect 0 '"pcr":11,"template":"ima-sig"' $P test --json "$T/slot" --func BPRM_CHECK

# bad values
refused 2 '--func is missing' $P test tcb
refused 2 '--func nope: unknown func' $P test tcb --func nope
refused 2 '--func SETXATTR_CHECK: no use is asked for' $P test tcb --func SETXATTR_CHECK
refused 2 '--mask MAY_FLY: unknown mask' $P test tcb --func FILE_CHECK --mask MAY_FLY
refused 2 '--mask ^MAY_READ: unknown mask' $P test tcb --func FILE_CHECK --mask ^MAY_READ
refused 2 '--mask : unknown mask' $P test tcb --func FILE_CHECK --mask ''
refused 2 'no use of BPRM_CHECK has this mask' $P test tcb --func BPRM_CHECK --mask MAY_READ
refused 2 '--uid -1: not a number' $P test tcb --func FILE_CHECK --uid -1
refused 2 '--uid 0x5: not a number' $P test tcb --func FILE_CHECK --uid 0x5
refused 2 '--fowner 4294967295: number out of range' $P test tcb --func FILE_CHECK --fowner 4294967295
refused 2 '--uid : value is missing' $P test tcb --func FILE_CHECK --uid ''
refused 2 '--fsmagic xyz: not a number' $P test tcb --func FILE_CHECK --fsmagic xyz
refused 2 '--fsuuid 1-2: not a UUID' $P test tcb --func FILE_CHECK --fsuuid 1-2
refused 2 '--fsname ext4 uid=0: not one word' $P test tcb --func FILE_CHECK --fsname 'ext4 uid=0'
refused 2 'file system name too long' $P test tcb --func FILE_CHECK --fsname a-name-of-more-than-thirty-one-characters
refused 2 '--cap-setuid maybe: must be yes or no' $P test tcb --func FILE_CHECK --cap-setuid=maybe
refused 2 '--keyring goes with --func KEY_CHECK' $P test tcb --func FILE_CHECK --keyring .ima
refused 2 '--label goes with --func CRITICAL_DATA' $P test tcb --func KEY_CHECK --label x
refused 3 "cannot read 'nope'" $P test nope --func FILE_CHECK
refused 1 "^$T/bad:3: " $P test "$T/bad" --func FILE_CHECK
done_testing
