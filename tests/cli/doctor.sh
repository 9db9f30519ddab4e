#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl doctor on a host made of files: all is well, then one thing after the other is not.
. "$(dirname "$0")/common"
. "$(dirname "$0")/daemon"

R=$T/root
# put FILE TEXT...: lines of a file below the root.
put() { f=$R$1 && shift && mkdir -p "${f%/*}" && printf '%s\n' "$@" >"$f"; }

# A host on which nothing is wrong.
well() {
	rm -rf "$R"
	mkdir -p "$R"
	put /proc/cmdline 'root=/dev/vda1 ro quiet'
	put /proc/sys/kernel/osrelease 6.1.0-1-amd64
	put /proc/self/mountinfo '21 1 254:0 / / rw - ext4 /dev/vda1 rw' '22 21 0:20 / /run rw - tmpfs tmpfs rw'
	put /boot/config-6.1.0-1-amd64 CONFIG_BPF_LSM=y CONFIG_FANOTIFY_ACCESS_PERMISSIONS=y CONFIG_FS_VERITY=y \
		CONFIG_SECURITY_LOCKDOWN_LSM=y
	put /sys/kernel/security/lsm lockdown,capability,apparmor,bpf
	put /sys/kernel/security/lockdown 'none [integrity] confidentiality'
	put /sys/kernel/security/ima/ascii_runtime_measurements '10 00 ima-ng sha256:00 boot_aggregate'
	put /sys/kernel/btf/vmlinux ''
	put /sys/kernel/notes ''
	put /sys/module/module/parameters/sig_enforce N
	put /sys/class/tpm/tpm0/tpm_version_major 2
	mkdir -p "$R/sys/class/tpm/tpm0/pcr-sha1" "$R/sys/class/tpm/tpm0/pcr-sha256" "$R/dev" "$R/run/imad"
	put /dev/tpmrm0 ''
	put /proc/sys/fs/fanotify/max_user_groups 128
	put /proc/sys/kernel/ftrace_enabled 1
	put /proc/sys/kernel/kexec_load_disabled 0
	put /proc/sys/kernel/unprivileged_bpf_disabled 2
	put /proc/sys/kernel/unprivileged_userns_clone 0
	put /proc/sys/user/max_user_namespaces 100
	put /etc/imad/imad.conf 'policy = tcb'
	mkdir -p "$R/etc/systemd/system/sysinit.target.wants"
	ln -s /usr/lib/systemd/system/imad.service "$R/etc/systemd/system/sysinit.target.wants/imad.service"
}

doctor() { "$IMACTL" --rundir "$T" doctor --root "$R" "$@"; }
# finds LEVEL NAME TEXT: that line, with the level and the text (grep -e).
finds() {
	doctor >"$T/out" 2>"$T/err"
	grep -q -e "^$1  *$2  .*$3" "$T/out"
	verdict "$2 is $1: $3" $? || grep -e " $2 " "$T/out"
}

VERSION=$("$IMACTL" --version) VERSION=${VERSION#imactl }
daemon "version=$VERSION"

well
expect 0 ' ok, 0 advice, 0 problems, 0 unchecked$' doctor
[ "$(grep -c '^ok ' "$T/out")" = "$(($(wc -l <"$T/out") - 1))" ]
verdict 'one line a check' $?
expect 0 '{"checks":\[{"name":"bpf-lsm","level":"ok",.*"problem":0,"unchecked":0}$' doctor --json

# The kernel.
put /sys/kernel/security/lsm lockdown,capability,apparmor
finds problem bpf-lsm 'on the kernel command line: lsm=lockdown,capability,apparmor,bpf$'
expect 1 ', 1 problems, 0 unchecked$' doctor
expect 1 '"name":"bpf-lsm","level":"problem",.*"line":"lsm=lockdown,capability,apparmor,bpf"}' doctor --json
put /proc/cmdline 'ro lsm=apparmor'
finds problem bpf-lsm 'in place of lsm=apparmor; '
put /boot/config-6.1.0-1-amd64 '# CONFIG_BPF_LSM is not set'
finds problem bpf-lsm 'CONFIG_BPF_LSM.*another kernel$'
finds problem fanotify 'CONFIG_FANOTIFY_ACCESS_PERMISSIONS'
finds advice fs-verity 'no fs-verity'
rm "$R/sys/kernel/security/lsm"
finds unchecked bpf-lsm 'run: mount -t securityfs securityfs /sys/kernel/security$'
well
rm "$R/boot/config-6.1.0-1-amd64"
finds unchecked fanotify 'no /boot/config-6.1.0-1-amd64'
expect 3 ', 0 problems, [1-9] unchecked$' doctor
rm "$R/sys/kernel/btf/vmlinux"
finds problem btf CONFIG_DEBUG_INFO_BTF
put /proc/sys/fs/fanotify/max_user_groups 2
finds problem fanotify-limits 'sysctl.d/imad.conf: fs.fanotify.max_user_groups = 128$'
put /proc/sys/kernel/ftrace_enabled 0
finds problem ftrace 'run: sysctl kernel.ftrace_enabled=1$'
well
put /sys/kernel/security/lockdown '[none] integrity confidentiality'
finds advice lockdown 'command line: lockdown=integrity$'
finds advice modules 'command line: module.sig_enforce=1$'
finds advice kexec 'sysctl.d/imad.conf: kernel.kexec_load_disabled = 1$'
expect 0 ', 3 advice, 0 problems' doctor
put /sys/module/module/parameters/sig_enforce Y
put /proc/sys/kernel/kexec_load_disabled 1
finds ok modules module.sig_enforce
finds ok kexec kexec_load_disabled
put /sys/module/module/parameters/sig_enforce N
put /proc/sys/kernel/kexec_load_disabled 0
put /etc/imad/imad.conf 'policy = secure_boot' 'appraise = enforce'
finds ok modules MODULE_CHECK
finds ok kexec KEXEC_KERNEL_CHECK
put /etc/imad/imad.conf 'policy = secure_boot' 'appraise = log'
finds advice modules module.sig_enforce
put /sys/kernel/security/lockdown 'none integrity [confidentiality]'
finds problem lockdown 'command line: lockdown=integrity$'
rm "$R/sys/kernel/security/lockdown"
finds advice lockdown 'command line: lsm=lockdown,.* lockdown=integrity$'
put /proc/sys/kernel/unprivileged_bpf_disabled 0
finds advice unprivileged-bpf 'kernel.unprivileged_bpf_disabled = 1$'
put /proc/sys/kernel/unprivileged_userns_clone 1
finds advice user-mounts 'kernel.unprivileged_userns_clone = 0$'
rm "$R/proc/sys/kernel/unprivileged_userns_clone"
finds advice user-mounts 'user.max_user_namespaces = 0$'

# The kernel's IMA and the TPM.
well
put /proc/cmdline 'ro ima_policy=tcb'
finds problem kernel-ima 'in imad.conf: pcr = 11$'
put /etc/imad/imad.conf 'policy = tcb' 'pcr = 11'
finds ok kernel-ima 'PCR 11$'
put /sys/kernel/security/ima/ascii_runtime_measurements '10 00 ima-ng sha256:00 boot_aggregate' '11 11 ima-ng sha256:11 /x'
finds problem kernel-ima '1 records in PCR 11.*: pcr = 12$'
well
put /etc/ima/ima-policy 'measure func=BPRM_CHECK'
finds problem kernel-ima 'run: mv /etc/ima/ima-policy /etc/imad/policy$'
put /sys/class/tpm/tpm0/tpm_version_major 1
finds problem tpm 'version 1'
put /sys/class/tpm/tpm0/tpm_version_major 2
put /etc/imad/imad.conf 'policy = tcb' '[tpm]' 'tcti = none'
finds advice tpm 'in imad.conf: tcti = device:/dev/tpmrm0$'
well
rmdir "$R/sys/class/tpm/tpm0/pcr-sha256"
finds problem tpm-banks 'run: tpm2_pcrallocate sha256:all'
chmod o+w "$R/dev/tpmrm0"
finds problem tpm-device 'run: chmod o-rwx /dev/tpmrm0$'
rm "$R/dev/tpmrm0"
finds problem tpm-device 'no /dev/tpmrm0'
put /etc/imad/imad.conf 'policy = tcb' '[tpm]' 'tcti = device:/dev/tpm0'
put /dev/tpm0 ''
finds advice tpm-device 'one program'
rm -r "$R/sys/class/tpm/tpm0"
finds advice tpm 'no TPM'

# imad.
well
put /etc/imad/imad.conf 'policy = tcb' 'pcr = 24'
finds problem settings "imad.conf, line 2: must be a number from 0 to 23: 'pcr'"
put /etc/imad/imad.conf 'policy = tcb'
put /proc/cmdline 'ro imad.hold=never'
finds problem settings "the kernel command line: unknown key: 'imad.hold"
put /proc/cmdline 'ro imad=off'
finds problem settings 'imad=off'
well
put /etc/imad/imad.conf ''
finds problem policy 'none is named; in imad.conf: policy = tcb$'
put /etc/imad/policy 'measure func=BPRM_CHEK'
finds problem policy '/etc/imad/policy, line 1: '
put /etc/imad/policy 'measure func=BPRM_CHECK'
finds ok policy 'of 1 rules'
put /etc/imad/imad.conf 'policy = tcb /etc/none'
finds problem policy "cannot read '/etc/none'"
well
chmod o+w "$R/etc/imad/imad.conf"
finds problem permissions 'run: chmod go-w /etc/imad/imad.conf$'
chmod o-w "$R/etc/imad/imad.conf"
finds ok permissions 'alone$'
openssl req -newkey rsa:2048 -nodes -keyout "$T/key" -subj /CN=doctor -out "$T/csr" 2>/dev/null
openssl x509 -req -in "$T/csr" -signkey "$T/key" -days -1 -out "$T/old.pem" 2>/dev/null
openssl x509 -req -in "$T/csr" -signkey "$T/key" -days 9 -out "$T/new.pem" 2>/dev/null
mkdir -p "$R/etc/keys/ima"
cp "$T/new.pem" "$R/etc/keys/ima"
finds ok keys '1 trusted keys, none expired$'
chmod o+w "$R/etc/keys/ima/new.pem"
finds problem permissions 'run: chmod go-w /etc/keys/ima/new.pem$'
cp "$T/old.pem" "$R/etc/keys/ima"
finds advice keys "expired on 20.*run: rm /etc/keys/ima/old.pem$"
echo no key >"$R/etc/keys/ima/a"
finds problem keys "'/etc/keys/ima/a': "
rm "$R"/etc/keys/ima/*
put /etc/imad/imad.conf 'policy = secure_boot' 'appraise = enforce'
finds problem keys 'no key in /etc/keys/ima; run: install '
well
put /proc/self/mountinfo '21 1 254:0 / / rw - ext4 /dev/vda1 rw'
finds problem rundir 'on ext4 (/), not tmpfs'
put /etc/imad/imad.conf 'policy = tcb' 'rundir = /var/lib/imad'
finds ok rundir '/var/lib/imad is on ext4 .* stay in its archive$'
: >"$R/proc/self/mountinfo"
finds unchecked rundir 'cannot tell'
well
rm "$R/etc/systemd/system/sysinit.target.wants/imad.service"
finds advice service 'run: systemctl enable --now imad$'
ln -s /dev/null "$R/etc/systemd/system/imad.service"
finds problem service masked
rm "$R/etc/systemd/system/imad.service"
mkdir "$R/etc/systemd/system/multi-user.target.wants"
ln -s x "$R/etc/systemd/system/multi-user.target.wants/imad.service"
finds advice service 'systemctl reenable imad$'
rm -r "$R/etc/systemd"
finds unchecked service 'no systemd'
well
put /etc/imad/imad.conf 'policy = appraise_tcb' 'appraise = enforce'
put /bin/sh ''
finds problem labels 'has no label.*run: imactl label /$'
put /etc/imad/imad.conf 'policy = appraise_tcb' 'appraise = log'
finds advice labels 'has no label'
rm "$R/bin/sh"
finds unchecked labels 'none of the programs'

# The daemon.
well
no_daemon
finds advice daemon 'does not run; run: systemctl start imad$'
for mode in text good refused unstep; do
	daemon $mode
	case $mode in
	text) finds unchecked daemon 'does not answer' ;;
	good) finds advice daemon 'imad 1.2 runs, and imactl is ' ;;
	refused) finds problem daemon 'enforce was refused.*run: journalctl -b -u imad -p err$' ;;
	unstep) finds problem daemon 'do not agree; run: imactl verify$' ;;
	esac
done

# The guard.
finds ok guard 'no protection is asked for'
put /etc/imad/imad.conf 'policy = tcb' 'protect = yes'
finds unchecked guard 'does not say'
for mode in guarded silent bare unlocked by-console; do
	daemon $mode
	case $mode in
	guarded) finds ok guard 'cannot switch' ;;
	silent) finds problem guard 'do not fire.*run: journalctl -b -u imad -p err$' ;;
	bare) finds problem guard 'is to be protected, and is not' ;;
	unlocked) finds advice guard 'for 7 s more; run: imactl lock$' ;;
	by-console) finds advice guard 'no key unlocks.*install -D -m 644 -t /etc/keys/ima-unlock CERTIFICATE$' ;;
	esac
done

expect 2 'takes no arguments' "$IMACTL" doctor x
expect 2 '^imactl: .*--nope' "$IMACTL" doctor --nope
expect 3 "cannot look at '$T/none/'" "$IMACTL" doctor --root "$T/none"
done_testing
