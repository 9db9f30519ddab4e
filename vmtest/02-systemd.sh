# SPDX-License-Identifier: GPL-2.0-or-later
# A guest under systemd comes up whole, so that what fails in the other tests of that kind is imad's.
# kernels: 6.1
# also: 7.2
# init: systemd
. /vm/lib.sh

check "systemd is process 1" grep -qx systemd /proc/1/comm
check "multi-user.target is up" systemctl -q is-active multi-user.target
systemctl --no-legend --plain list-units --failed >/tmp/units
check "no unit failed" same /tmp/units /dev/null
check "udev named the root disk" test -e /dev/disk/by-id/virtio-root
echo here | systemd-cat -t vmtest
journalctl --sync
check "the journal takes lines" sh -c 'journalctl -q -t vmtest | grep -q here'
for fs in /sys/kernel/security /sys/fs/bpf /sys/fs/cgroup; do
	check "$fs is mounted" mountpoint -q $fs
done
check "snapshot" snapshot /sys/kernel/security/ima /tmp/snap
check "evmctl: the kernel's list gives PCR 10" evm_matches sha256 /tmp/snap/list /tmp/snap/pcrs.sha256
