# SPDX-License-Identifier: GPL-2.0-or-later
# Twin boots of the kernel's own IMA, without imad: the same work leaves the same records, so that a
# difference between A and B in the other twin tests is imad's. Also: what lasts from boot to boot.
# kernels: 6.12
# boots: A B
# cmdline: ima_policy=tcb
# cmdline-A: ima_template=ima-ng
# cmdline-B: ima_template=ima-sig
# disk: work 32M
. /vm/lib.sh

disk=$(disk work)
if [ "$BOOT" = A ]; then
	check "a blank disk" mke2fs -q -t ext4 "$disk"
fi
mount "$disk" /mnt
if [ "$BOOT" = A ]; then
	cp /bin/true "/mnt/true copy"
	echo content >/mnt/file
fi
"/mnt/true copy"
cat /mnt/file >/dev/null
umount /mnt

check "snapshot" snapshot /sys/kernel/security/ima "$RESULTS/$BOOT"
now=$RESULTS/$BOOT
for bank in sha1 sha256; do
	check "evmctl: the list gives PCR 10 in $bank" evm_matches $bank "$now/list" "$now/pcrs.$bank"
done
# path and digest; the template hash differs as the templates do
sed -n 's/^10 [0-9a-f]* ima-[a-z]* \([^ ]* \/mnt\/[^ ]*\) *$/\1/p' "$now/ascii" | sort >"$now/lines"
check "both files are in the list" test "$(wc -l <"$now/lines")" = 2
if [ "$BOOT" = B ]; then
	check "A and B have the same records" same "$RESULTS/A/lines" "$RESULTS/B/lines"
fi
