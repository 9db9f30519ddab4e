# SPDX-License-Identifier: GPL-2.0-or-later
# The PCR is reset while the host goes on, after the front of the list was cut off: archive and rest are extended again, and
# verify as if nothing had been cut; without the archive nothing is, and that is told. PCR 16 is one that can be reset without a reboot.
# kernels: 6.12
# also: 6.1 7.2
. /vm/lib.sh

boot=$(cat /proc/sys/kernel/random/boot_id)
A=/var/lib/imad/archive/$boot
E=/tmp/joined
list=/run/imad/ascii_runtime_measurements
mkdir -p /test
echo 'pcr = 16' >/test/conf
start() { start_imad --policy tcb --config /test/conf; }
use() { cp /bin/true "/test/$1" && echo "$1" >>"/test/$1" && "/test/$1"; }
said() { "$@" >/tmp/said 2>&1 || { cat /tmp/said; return 1; }; }
refused() { exits 1 "$@" >/tmp/said 2>&1 || { cat /tmp/said; return 1; }; }
count() { cat /run/imad/runtime_measurements_count; }
counter() { imactl status --json | grep -o "\"$1\": *[a-z0-9]*" | grep -o '[a-z0-9]*$' | tail -n 1; }
# What evmctl says of archive and rest as one list.
joined() {
	imactl sync && snapshot /run/imad /tmp/snap && cat $A/*.bin /tmp/snap/list >$E &&
		test "$(evmctl_list $E --pcrs sha1,/dev/null | records)" = "$(cat /tmp/snap/count)" &&
		evm_matches sha1 $E /tmp/snap/pcrs.sha1 && evm_matches sha256 $E /tmp/snap/pcrs.sha256
}
agrees() { imactl sync && said imactl verify --ak /var/lib/imad/ak.pem --archive $A; }

check "imad" start
use a
check "a trim" imactl trim --keep 20
use b
check "another" imactl trim --keep 5
check "list, archive and PCR agree" agrees
check "for evmctl, too" joined
check "stop" stop_imad
n=$(count)
check "the PCR is reset" tpm2_pcrreset 16
check "what is left leads nowhere" refused imactl verify

check "start" start
check "that is told" grep -q " imad:pcr-reset:pcr=16,found=empty,records=$n\$" $list
check "all is extended again" test "$(counter unextended)" = 0 -a "$(counter in_step)" = true
echo "  $n records, of which $(sed -n 's/^records //p' /run/imad/checkpoint) were cut off"
check "list, archive and PCR agree" agrees
check "for evmctl, too" joined
use c
check "and a trim goes on" imactl trim --keep 5
check "list, archive and PCR agree" agrees
check "for evmctl, too" joined
check "stop" stop_imad

check "once more it is reset" tpm2_pcrreset 16
set -- $A/*.bin
mv "$2" /tmp/part
check "start without a part of the archive" start
check "that is told" grep -q ' imad:pcr-reset:pcr=16,found=zero$' $list
check "the log says why" grep -q 'the archive of the list is of no use: the archived parts have ' /vm/imad.log
check "nothing is extended but what is new" refused imactl verify
check "and verify says that" grep -q 'PCR 16 bank sha256: the list does not lead from the checkpoint' /tmp/said
check "stop" stop_imad
