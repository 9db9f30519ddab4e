#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl policy simulate: a policy against the uses that a list has recorded.
. "$(dirname "$0")/common"
S="$IMACTL --rundir $T policy simulate"

# The kernel's list with uses of our own beside it: six of files that are not here any more, a key, violations.
cp "$K/ima-ng.bin" "$T/binary_runtime_measurements"
{
	echo '{"record":0,"kind":"import"}'
	echo '{"record":1,"kind":"gate","func":"BPRM_CHECK","uid":0,"dev":"0:1","ino":1}'
	echo '{"record":2,"kind":"gate","func":"BPRM_CHECK","uid":1000,"dev":"0:1","ino":2}'
	echo '{"record":3,"kind":"gate","func":"MMAP_CHECK","uid":0,"dev":"0:1","ino":3}'
	echo '{"record":4,"kind":"late","func":"FILE_CHECK","uid":0,"dev":"0:1","ino":4}'
	echo '{"record":5,"kind":"gate","func":"FILE_CHECK","uid":34,"dev":"0:1","ino":5}'
	echo '{"record":6,"kind":"imad","func":"CRITICAL_DATA","uid":0}'
} >"$T/record_info"

expect 0 '^5 recorded uses, and 51 records that are none$' $S tcb
# Its files are gone: on which filesystem they were, nobody knows.
expect 0 '^       2 unsure: .*, by tcb:15: measure func=BPRM_CHECK mask=MAY_EXEC$' $S tcb
printf 'dont_measure func=FILE_CHECK uid=34\nmeasure func=FILE_CHECK\nmeasure func=BPRM_CHECK uid=0 pcr=12\n' >"$T/site"
expect 0 "^       1 not measured, by $T/site:1: dont_measure func=FILE_CHECK uid=34$" $S "$T/site"
expect 0 '^       2 not measured, by no rule$' $S "$T/site"
expect 0 "^       1 measured into another PCR or template, by $T/site:3: " $S "$T/site"
expect 0 "^       1 measured as now, by $T/site:2: measure func=FILE_CHECK$" $S "$T/site"
name=$(sed -n '6s/.* //p' "$K/ima-ng.ascii")
expect 0 "^      FILE_CHECK uid=34 $name$" $S "$T/site"

# What the list does not tell.
echo 'measure func=BPRM_CHECK euid=0' >"$T/euid"
expect 0 '^       2 unsure: .*, by no rule$' $S "$T/euid"
printf 'measure func=BPRM_CHECK euid=0\nmeasure func=BPRM_CHECK\n' >"$T/either"
expect 0 '^       2 measured as now, by .*either:2: ' $S "$T/either"
printf 'dont_measure func=BPRM_CHECK fowner=0\nmeasure func=BPRM_CHECK\n' >"$T/owner"
expect 0 '^       2 unsure: ' $S "$T/owner"

printf 'dont_measure func=BPRM_CHECK obj_type=a_t\nmeasure func=BPRM_CHECK\n' >"$T/object"
expect 0 '^       2 unsure: ' $S "$T/object"
printf 'dont_measure func=BPRM_CHECK subj_type=a_t\nmeasure func=BPRM_CHECK\n' >"$T/subject"
expect 0 '^       2 unsure: ' $S "$T/subject"
printf 'dont_measure func=BPRM_CHECK subj_type=a_t uid=5\nmeasure func=BPRM_CHECK\n' >"$T/nobody"
expect 0 '^       2 measured as now, by .*nobody:2: ' $S "$T/nobody"

# A file that is still the one that was used: its owner, filesystem and label count.
expect 0 'unknown: another file or none has the name now, by .*appraise:1: ' \
	$S "$(echo 'appraise func=BPRM_CHECK' >"$T/appraise"; echo "$T/appraise")"
here=$(stat -c '%Hd:%Ld","ino":%i' /usr/bin/dash)
sed -i "s|0:1\",\"ino\":2|$here|" "$T/record_info"
expect 0 '^       1 measured as now, by tcb:15: ' $S tcb
expect 0 '^       1 not measured, by .*owner:1: ' $S "$T/owner"
expect 0 '^       1 denied by enforce: missing-hash, by .*appraise:1: ' $S "$T/appraise"

echo 'audit func=FILE_CHECK
hash func=MMAP_CHECK' >"$T/others"
expect 0 '^audit$' $S "$T/others"
"$IMACTL" --rundir "$T" policy simulate "$T/others" | tail -n 4 | tr -s ' \n' ' ' >"$T/got"
echo "audit 2 hash 1 " | tr -d '\n' >"$T/want"
same 'audited and hashed' "$T/want" "$T/got"

# For machines, and a part of the list.
expect 0 '{"record":5,"func":"FILE_CHECK","uid":34,.*"measure":"not measured","measure_rule":".*site:1","appraise":"not appraised","audit":false,"hash":false}' $S --json "$T/site"
[ "$(wc -l <"$T/out")" = 5 ]
verdict 'one line a use' $?
expect 0 '^2 recorded uses' $S --since 4 tcb
expect 0 '^5 recorded uses' $S --since boot tcb

expect 2 'no policy given' $S
expect 2 '--since is boot or the number of a record' $S --since yesterday tcb
expect 1 "$T/bad:1: " $S "$(echo 'measure nothing=1' >"$T/bad"; echo "$T/bad")"
expect 3 'cannot read the list' "$IMACTL" --rundir "$T/none" policy simulate tcb
expect 3 'there is no record_info' "$IMACTL" policy simulate --list "$K/ima-sig.bin" tcb
done_testing
