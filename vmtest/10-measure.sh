# SPDX-License-Identifier: GPL-2.0-or-later
# The main job: imad --policy tcb measures what is executed, mapped and read, in order, into the PCR.
# kernels: 6.1 7.2
# also: 6.12
. /vm/lib.sh

start_imad --policy tcb
list=/run/imad/ascii_runtime_measurements

has() { grep -q " sha256:[0-9a-f]* $1\$" $list; }
count() { grep -c " sha256:[0-9a-f]* $1\$" $list; }
digest_of() { sed -n "s|.* sha256:\([0-9a-f]*\) $1\$|\1|p" $list | tail -n 1; }

mkdir -p /test
check "the first record is boot_aggregate" sh -c "head -n 1 $list | grep -q ' boot_aggregate *$'"
echo one >/test/read
cp /bin/true /test/exec
cat /test/read
/test/exec
check "a file read by root is in the list when read(2) has returned" has /test/read
check "an executed file is" has /test/exec
check "its digest is that of sha256sum" test "$(digest_of /test/exec)" = "$(sha256sum /test/exec | cut -d' ' -f1)"
cat /test/read
/test/exec
check "unchanged content is not measured again" test "$(count /test/read)" = 1
echo two >/test/read
cat /test/read
imactl sync
check "changed content is" test "$(count /test/read)" = 2
check "with the new digest" test "$(digest_of /test/read)" = "$(sha256sum /test/read | cut -d' ' -f1)"
imactl status
check "snapshot" snapshot /run/imad /tmp/snap
for bank in sha1 sha256; do
	check "evmctl: the list gives PCR 10 in $bank" evm_matches $bank /tmp/snap/list /tmp/snap/pcrs.$bank
done
check "imactl verify agrees" imactl verify
cat /vm/imad.log
head -50 $list
check "stop" stop_imad
