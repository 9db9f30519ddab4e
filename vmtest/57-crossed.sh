# SPDX-License-Identifier: GPL-2.0-or-later
# Labels of one make, enforced by the other: a root that the kernel's own IMA labels in fix mode (boot A) is enforced by
# imad (B), then loses all its labels, gets new ones from imactl label, and is enforced by the kernel (C).
# init: systemd
# kernels: 6.1
# boots: A B C
# keep: root
# time: 150
# cmdline-A: ima_policy=appraise_tcb ima_appraise=fix
# cmdline-C: ima_policy=appraise_tcb ima_appraise=enforce
. /vm/lib.sh

# FILE VALUE, a line for each file of root's on the root file system that has a label
labels() {
	roots_files | xargs -0 getfattr --absolute-names -n security.ima -e hex 2>/dev/null |
		sed -n '/^# file: /{s///;h};/^security.ima=/{s///;H;x;s/\n/ /;p}' | sort
}
roots_files() { find / -xdev -path /vm -prune -o -type f -uid 0 "$@" -print0; }
unlabelled() { # what is new while we look is none
	roots_files ! -newer /tmp/begin | xargs -0 getfattr --absolute-names -n security.ima 2>&1 >/dev/null |
		sed -n 's/^\(.*\): security.ima: No such attribute/\1/p'
}
# What was denied. The modules of this machine are on a disk that cannot be labelled, which is all that kmod-static-nodes
# reads, and the machine is switched off under its log files.
denied() { journalctl -q -b | grep 'op=appraise_data' | grep -vE 'name="/(usr/)?lib/modules/|name="/var/log/' || :; }
works() { # [UNIT that may fail]: enforced, and everything runs
	check "multi-user.target is up" systemctl -q is-active multi-user.target
	systemctl --no-legend --plain list-units --failed | grep -v "^${1:-none}" >/tmp/units || :
	check "no unit failed" same /tmp/units /dev/null
	denied >/tmp/denied
	check "nothing was denied" same /tmp/denied /dev/null
	check "programs run" sh -c "{ id && ls / && date && openssl version && perl -e 1 && python3 -c 1; } >/dev/null"
	check "new files are made and read" sh -c "echo x >/etc/new && grep -q x /etc/new && rm /etc/new"
	cp /bin/true /usr/local/bin/prog
	check "a new program runs" /usr/local/bin/prog
	setfattr -n security.ima -v "0x0404$(sha256sum /bin/false | cut -d' ' -f1)" /usr/local/bin/prog
	check "with another's label it does not" exits 126 sh -c /usr/local/bin/prog 2>/dev/null
	rm /usr/local/bin/prog
}

case $BOOT in
A)
	lighter
	find / -fstype ext4 -type f -uid 0 -exec head -n 1 '{}' + >/dev/null 2>&1 || :
	labels >"$RESULTS/kernel"
	check "the kernel has labelled thousands of files" test "$(wc -l <"$RESULTS/kernel")" -ge 3000
	check "with SHA-256" grep -q '^/etc/passwd 0x0404' "$RESULTS/kernel"
	install -D -m 644 /vm/systemd/imad.service /usr/lib/systemd/system/imad.service
	install -D -m 644 /vm/systemd/imad.tmpfiles /usr/lib/tmpfiles.d/imad.conf
	mkdir -p /etc/imad
	{ # appraise_tcb, but for the test's own files, which come with each boot, and the disk that cannot be labelled
		echo "dont_appraise fgroup=4242"
		echo "dont_appraise fsuuid=$(findmnt -n -o UUID /usr/lib/modules)"
		for magic in 9fa0 62656572 64626720 1021994 858458f6 1cd1 42494e4d 73636673 f97cff8c 43415d53 6e736673 \
			de5e81e4 27e0eb 63677270; do
			echo "dont_appraise fsmagic=0x$magic"
		done
		echo "appraise fowner=0"
	} >/etc/imad/policy
	printf 'policy = /etc/imad/policy\nappraise = enforce\n' >/etc/imad/imad.conf
	systemctl -q enable imad
	;;
B)
	check "imad enforces" sh -c "imactl status --json | grep -qE '\"mode\": ?\"enforce\"'"
	works
	systemctl -q disable --now imad
	roots_files | xargs -0 setfattr -x security.ima 2>/dev/null || :
	check "no label is left" test -z "$(labels)"
	touch /tmp/begin
	check "imactl label" sh -c "imactl label / 2>/tmp/err"
	check "nothing is said of it" same /tmp/err /dev/null
	labels >/tmp/imactl
	unlabelled >/tmp/unlabelled
	check "every file of root's has a label" same /tmp/unlabelled /dev/null
	# Of what is as it was, the kernel and imactl have made the same label.
	join "$RESULTS/kernel" /tmp/imactl | awk '$2 != $3 { print $1 }' | grep -vE '^/(var/log|var/lib|etc)/' >/tmp/other || :
	check "the labels of the kernel" same /tmp/other /dev/null
	check "thousands of them" test "$(join "$RESULTS/kernel" /tmp/imactl | awk '$2 == $3' | wc -l)" -ge 3000
	;;
C)
	works kmod-static-nodes.service
	;;
esac
