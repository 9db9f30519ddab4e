# time: 200
. /vm/lib.sh
mounts
mkdir -p /run/imad /etc/imad
(imad --appraise enforce --policy appraise_tcb 2>&1) >/tmp/out &
sleep 12
kill $! 2>/dev/null || :
grep -n "BEGIN PROG LOAD\|processed\|failed" /tmp/out | head -20
tail -60 /tmp/out
check ok true
