# SPDX-License-Identifier: GPL-2.0-or-later
# The machine is as the other tests expect it: TPM and banks, the kernel's own list, BPF LSM, tools.
# Needs no imad.
# time: 90
. /vm/lib.sh

has() { case " $(cat "$2" | tr ',\n' '  ') " in *" $1 "*) ;; *) return 1 ;; esac; }
grows_no() { [ "$(cat /sys/kernel/security/ima/runtime_measurements_count)" = 1 ]; }

check "a TPM with a resource manager" test -c /dev/tpmrm0
for bank in sha1 sha256 sha384; do
	check "bank $bank" test -r /sys/class/tpm/tpm0/pcr-$bank/0
done
check "BPF is an active LSM" has bpf /sys/kernel/security/lsm
check "BTF of the kernel" test -s /sys/kernel/btf/vmlinux
check "bpffs" mountpoint -q /sys/fs/bpf
check "cgroup2" mountpoint -q /sys/fs/cgroup
check "securityfs under that name" grep -q '^securityfs /sys/kernel/security ' /proc/mounts

ima=/sys/kernel/security/ima
check "the kernel's list has one record" grows_no
check "and it is boot_aggregate" grep -q ' boot_aggregate *$' $ima/ascii_runtime_measurements
check "snapshot" snapshot $ima /tmp/snap
for bank in sha1 sha256; do
	check "evmctl: the list gives PCR 10 in $bank" evm_matches $bank /tmp/snap/list /tmp/snap/pcrs.$bank
	sed '/^PCR-10/{s/: 0/: 1/;t;s/: ./: 0/}' /tmp/snap/pcrs.$bank >/tmp/wrong
	cat /tmp/snap/list /tmp/snap/list >/tmp/longer
	check "a record more does not, in $bank" exits 1 evm_matches $bank /tmp/longer /tmp/snap/pcrs.$bank
	check "evmctl: and it gives no other PCR 10 in $bank" exits 1 evm_matches $bank /tmp/snap/list /tmp/wrong
done

for fs in xfs btrfs overlay loop; do
	check "module $fs" modprobe $fs
done
check "root is ext4 with verity" test -e /sys/fs/ext4/features/verity
echo hello >/vm/hello
check "fs-verity can be turned on" fsverity enable /vm/hello
check "probe reads" /vm/probe read /vm/hello
check "probe tells errno 1 for a write to it" exits 1 /vm/probe write /vm/hello
check "a compiler" sh -c 'echo "int main(void) { return 7; }" >/vm/t.c && gcc -o /vm/t /vm/t.c'
check "whose program runs" exits 7 /vm/t
