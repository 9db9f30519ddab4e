# SPDX-License-Identifier: GPL-2.0-or-later
# The classic walk through IMA appraisal, with imad in the kernel's place: boot in fix mode, read all that is root's,
# boot again enforcing, and everything works; then a byte is changed, while imad runs and while it does not.
# init: systemd
# kernels: 6.1
# also: 7.2
# boots: A B
# keep: root
# disk: spare 64M
# time: 200
. /vm/lib.sh

unlabelled() { # files of root's on the root file system that have no label; what is new while we look is none
	find / -xdev -path /vm -prune -o -type f -uid 0 ! -newer /tmp/begin -print0 | xargs -0 getfattr --absolute-names -n security.ima 2>&1 >/dev/null |
		sed -n 's/^\(.*\): security.ima: No such attribute/\1/p'
}
spare=$(disk spare)

if [ "$BOOT" = A ]; then
	lighter
	rm -rf /usr/lib/python3* /usr/share/python3
	install -D -m 644 /vm/systemd/imad.service /usr/lib/systemd/system/imad.service
	install -D -m 644 /vm/systemd/imad.tmpfiles /usr/lib/tmpfiles.d/imad.conf
	mkdir -p /etc/imad
	printf 'policy = appraise_tcb\nappraise = fix\n' >/etc/imad/imad.conf
	systemctl -q enable imad
	systemctl start imad
	# The modules of this machine are on a disk that cannot be written, so not labelled either; nor are the test's own files.
	{
		echo "dont_appraise fgroup=4242"
		echo "dont_appraise fsmagic=0x01021997"
		echo "dont_appraise fsuuid=$(findmnt -n -o UUID /usr/lib/modules)"
		imactl policy show | grep appraise
	} >/etc/imad/policy
	check "a policy of its own" imactl policy load /etc/imad/policy
	touch /tmp/begin
	find / -fstype ext4 -type f -uid 0 -exec head -n 1 '{}' + >/dev/null 2>&1 || :
	unlabelled >/tmp/unlabelled
	check "every file of root's has a label" same /tmp/unlabelled /dev/null

	check "it is the file's SHA-256" test "$(getfattr --only-values -n security.ima /bin/true 2>/dev/null | xxd -p -c 200)" = \
		"0404$(sha256sum /bin/true | cut -d' ' -f1)"
	check "as getfattr shows it" sh -c "getfattr -m - -d /bin/true 2>/dev/null | grep -q '^security.ima=0sBA'"
	check "status counts them" sh -c "imactl status --json | grep -qE '\"fixed\": ?[1-9][0-9]{3}'"
	check "nothing was denied" sh -c "imactl status --json | grep -qE '\"denials\": ?0'"
	mkfs.ext4 -q "$spare"
	mount "$spare" /mnt
	echo "what the label is of" >/mnt/offline
	cat /mnt/offline >/dev/null
	imactl sync
	check "a file on another disk" sh -c "getfattr -m - -d /mnt/offline 2>/dev/null | grep -q '^security.ima=0sBA'"
	umount /mnt
	printf 'policy = /etc/imad/policy\nappraise = enforce\n' >/etc/imad/imad.conf
	cat /etc/imad/imad.conf
	imactl sync
	exit 0
fi

check "it enforces" sh -c "imactl status --json | grep -qE '\"mode\": ?\"enforce\"'"
check "multi-user.target is up" systemctl -q is-active multi-user.target
systemctl --no-legend --plain list-units --failed >/tmp/units
check "no unit failed" same /tmp/units /dev/null
# The machine was switched off in boot A: of a file that was open for write then the label is old, as with the kernel.
journalctl -q -b -u imad | grep 'op=appraise_data' | grep -v 'name="/var/log/' >/tmp/denied || :
check "nothing was denied but a log file" same /tmp/denied /dev/null
check "programs run" sh -c "id && ls / && date" >/dev/null
check "new files are made and read" sh -c "echo x >/etc/new && cat /etc/new && rm /etc/new" >/dev/null

# One byte, while imad runs: from the page cache of a process that is not appraised.
cp /bin/true /usr/local/bin/prog
check "a new program runs" /usr/local/bin/prog
setfattr -n security.ima -v "0x0404$(sha256sum /bin/false | cut -d' ' -f1)" /usr/local/bin/prog
check "with another's label it does not" exits 126 sh -c /usr/local/bin/prog 2>/tmp/err
check "Permission denied" grep -q "Permission denied" /tmp/err
check "nor is it read" exits 1 cat /usr/local/bin/prog
imactl sync
check "an audit event says why" sh -c "journalctl -q -b -u imad | grep -q 'op=appraise_data cause=invalid-hash .*name=\"/usr/local/bin/prog\"'"

# One byte on the disk, while nobody looks.
at=$(grep -abo "what the label is of" "$spare" | head -n 1 | cut -d: -f1)
printf W | dd of="$spare" bs=1 seek="$at" conv=notrunc status=none
sync
mount "$spare" /mnt
check "the byte has changed" sh -c "debugfs -R 'cat /offline' $spare 2>/dev/null | grep -q What"
check "a file that was changed off line is not read" exits 1 cat /mnt/offline
imactl sync
check "an audit event says why, too" sh -c "journalctl -q -b -u imad | grep -q 'cause=invalid-hash .*name=.*offline'"
check "two files were denied" sh -c "imactl status --json | grep -qE '\"denials\": ?[1-9]'"
