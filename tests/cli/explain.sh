#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl explain: the daemon's answers as one screen, the words for causes and what is to be done.
. "$(dirname "$0")/common"
. "$(dirname "$0")/daemon"
run() { TZ=UTC "$IMACTL" --rundir "$T" "$@"; }
lines() { # of the last answer
	while read -r line; do
		grep -q -e "$line" "$T/out"
		verdict "explain: $line" $? || sed 's/^/  /' "$T/out"
	done
}

for x in "" "a b" "--last a" "--event 1 a"; do
	# shellcheck disable=SC2086
	expect 2 'name one file, or --last, or --event N' run explain $x
done
for x in 0 x -1 1x 99999999999999999999 ''; do
	expect 2 "is the number of an event" run explain --event "$x"
done
expect 2 'unrecognized option' run explain --first
expect 1 'cannot reach the daemon' run explain --last
expect 1 "cannot open '$T/none'" run explain "$T/none"

daemon good
expect 0 '^event  *12, 1970-01-02 00:00:00.005, denied$' run explain --last
lines <<'END'
^file  */bin/a b (vda1, inode 34)$
^by  *sh (pid 5, uid 1000), /bin/sh$
^use  *BPRM_CHECK, op=appraise_data$
^cause  *invalid-hash$
^  *The content is not the one that the label was made of\.$
^rule  */etc/p:7: appraise func=BPRM_CHECK appraise_algos=sha512,sha384$
^label  *hash sha256$
^  wanted  *sha256:00$
^  found  *sha256:11$
^generation  *4$
^changed  *1970-01-02 00:00:00.000, opened for write by wr\\x1b (pid 9, uid 3)$
^do  *if the change was meant:  imactl label --algo sha512 '/bin/a b'$
END
expect 0 '"meaning":"The content is not' run explain --json --event 12
[ "$(wc -l <"$T/out")" = 1 ]
verdict 'JSON in one line' $?
python3 -c 'import json, sys; o = json.load(sys.stdin); sys.exit(len(o["advice"]) != 2 or o["event"]["number"] != 12)' <"$T/out"
verdict 'it has the advice' $?

# Of what is no file there is no more to say than this.
expect 0 '^event  *13, .*, only told of (not enforcing then)$' run explain --event 13
lines <<'END'
^file  *init_module$
^rule  *any appraise rule of this func$
^do  *load it from a file:
END
for line in ^label ^changed ^generation; do
	! grep -q "$line" "$T/out"
	verdict "no $line" $?
done
# A daemon that is newer.
expect 0 'does not know the cause' run explain --event 14
# A file without an event: the descriptor tells which.
: >"$T/file"
expect 0 '^No failure of this file is kept\.$' run explain "$T/file"
lines <<'END'
^file  */bin/a b$
^now, as uid 1000:$
^  execute  *would pass (/etc/p:7: appraise func=BPRM_CHECK
^  read  *not appraised$
^  somebody has it open for write$
^label  *signature v2 sha256 key 01020304, 256 bytes, by CN=good$
^changed  *not since imad knows the file$
END
for mode in cut version large hangup; do
	daemon $mode
	expect 1 'no good answer from the daemon' run explain --last
done
daemon text
expect 1 'not a JSON object' run explain --last
daemon refuse
expect 1 'the daemon refused EXPLAIN: Operation not permitted' run explain "$T/file"

# Every cause that the daemon can name has words of its own.
for cause in $(sed -n 's/^\tX([A-Z_0-9]*, "\([^"]*\)").*/\1/p' include/imad/appraise.h | grep -v '^pass$'); do
	grep -q "{ \"$cause\"," src/imactl/explain_words.c
	verdict "words for $cause" $?
done
done_testing
