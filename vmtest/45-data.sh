# SPDX-License-Identifier: GPL-2.0-or-later
# What is measured and is no file: critical data as the kernel's own IMA records it (boot A), and the text of
# each policy that is loaded.
# kernels: 6.1 7.2
# boots: A B
# cmdline: ima_template=ima-ng
# cmdline-A: ima_policy=critical_data
. /vm/lib.sh

list=/run/imad/ascii_runtime_measurements
buffers() { grep ' ima-buf ' "$1" || :; }
named() { sed -n "s/^\([0-9]*\) [0-9a-f]* ima-buf sha256:\([0-9a-f]*\) $1 \([0-9a-f]*\)\$/\1 \2 \3/p" $list; }

if [ "$BOOT" = A ]; then
	buffers /sys/kernel/security/ima/ascii_runtime_measurements >"$RESULTS/kernel"
	check "the kernel recorded its version" grep -q ' kernel_version ' "$RESULTS/kernel"
	exit
fi

start_imad --policy critical_data
imactl sync
buffers $list | grep ' kernel_version ' >/tmp/imad
grep ' kernel_version ' "$RESULTS/kernel" >/tmp/kernel
check "imad's record of it is the same" same /tmp/kernel /tmp/imad
check "list and PCR agree" imactl verify

mkdir -p /test
echo 'measure func=CRITICAL_DATA label=ima_policy|nothing pcr=12' >/test/labels
check "load a policy" imactl policy load /test/labels
imactl sync
named ima_policy_loaded >/tmp/loaded
check "its text is recorded, into its PCR" test "$(cut -d' ' -f1 /tmp/loaded)" = 12
cut -d' ' -f3 /tmp/loaded | xxd -r -p >/tmp/text
imactl policy show | sed '/^#/d; s/# [0-9]*$//; s/ *$/ /' >/tmp/shown
check "the text is that of the active policy" same /tmp/text /tmp/shown
check "the digest is that of sha256sum" test "$(cut -d' ' -f2 /tmp/loaded)" = "$(sha256sum </tmp/text | cut -d' ' -f1)"
check "a label without a source is warned of" grep -q '^<4>label=nothing: ' /vm/imad.log
check "the other label is not" exits 1 grep -q '^<4>label=ima_policy' /vm/imad.log
check "a policy that measures policies" imactl policy load tcb
imactl sync
check "is recorded as well" test "$(named ima_policy_loaded | wc -l)" = 2
check "one that does not" imactl policy load ima_tcb
imactl sync
check "is not" test "$(named ima_policy_loaded | wc -l)" = 2
check "list and PCRs agree at the end" imactl verify
check "stop" stop_imad
cat /vm/imad.log
