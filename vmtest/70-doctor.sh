# SPDX-License-Identifier: GPL-2.0-or-later
# What imactl doctor says of a Debian is true: what it calls wrong stops imad, and the line that it gives helps.
# kernels: 6.1
# boots: A B C
# cmdline-A: lsm=lockdown,capability
# cmdline-B: lsm=lockdown,capability,ima,evm,bpf lockdown=integrity
# cmdline-C: ima_policy=tcb
. /vm/lib.sh

mounts
mkdir -p /etc/imad
echo 'measure func=BPRM_CHECK' >/etc/imad/policy
doctor() { imactl doctor "$@" >/tmp/doctor; }
# finds LEVEL NAME TEXT: doctor has such a line; TEXT for grep.
finds() { imactl doctor >/tmp/doctor || :; grep -q "^$1  *$2  .*$3" /tmp/doctor || { grep " $2 " /tmp/doctor; return 1; }; }
line_of() { imactl doctor --json | tr '{' '\n' | sed -n "s/.*\"name\":\"$1\".*\"line\":\"\([^\"]*\)\".*/\1/p"; }
# Since 6.8 the kernel's IMA is in the list as well.
same_line() { [ "$1" = lsm=lockdown,capability,bpf ] || [ "$1" = lsm=lockdown,capability,ima,evm,bpf ]; }
refuses() { exits 1 timeout 80 imad 2>/tmp/refused && grep -q "$1" /tmp/refused; }

case $BOOT in
A)
	check "without bpf in lsm= it fails" exits 1 doctor
	cat /tmp/doctor
	check "with the line that boot B has" same_line "$(line_of bpf-lsm)"
	check "and imad does not start" refuses 'BPF LSM is not active'
	check "lockdown is none" finds advice lockdown 'on the kernel command line: lockdown=integrity$'
	check "unsigned modules" finds advice modules 'module.sig_enforce=1$'
	cp "$(modinfo -n brd)" /tmp/brd.ko
	strip -g /tmp/brd.ko 2>/dev/null || printf x >>/tmp/brd.ko # either way its signature is no longer at its end
	check "are loaded" /vm/probe finit-module /tmp/brd.ko
	;;
B)
	check "it advises, no more" exits 0 doctor
	cat /tmp/doctor
	check "the TPM and its banks" finds ok tpm-banks 'sha1 sha256 sha384'
	check "integrity" finds ok lockdown integrity
	check "modules are signed" finds ok modules lockdown
	cp "$(modinfo -n brd)" /tmp/brd.ko
	strip -g /tmp/brd.ko 2>/dev/null || printf x >>/tmp/brd.ko
	check "unsigned ones are refused" exits 1 /vm/probe finit-module /tmp/brd.ko
	check "imad starts" start_imad
	check "and doctor has asked it" finds "[oa][a-z]*" daemon "imad.* runs"
	check "room is enough" finds ok rundir tmpfs
	check "stop" stop_imad
	check "it does not run" finds advice daemon 'does not run'

	sysctl -q kernel.ftrace_enabled=0
	check "ftrace is off" exits 1 doctor
	check "and how it comes back" test "$(line_of ftrace)" = 'sysctl kernel.ftrace_enabled=1'
	eval "$(line_of ftrace)" >/dev/null
	check "it is on" finds ok ftrace on
	echo 1 >/proc/sys/kernel/kexec_load_disabled
	check "no kexec" finds ok kexec kexec_load_disabled
	echo 0 >/proc/sys/fs/fanotify/max_user_groups
	check "no fanotify group" finds problem fanotify-limits 'max_user_groups = 128$'
	check "which is true" exits 1 timeout 80 imad
	sysctl -q "$(line_of fanotify-limits | tr -d ' ')"
	check "no more" finds ok fanotify-limits '128 groups'
	mount -t tmpfs -o size=1m tmpfs /run/imad
	check "a small place" finds problem rundir 'room for 10[0-9]* KiB only'
	umount /run/imad
	mount --bind /root /run/imad
	check "a lasting place" finds problem rundir 'on ext4'
	umount /run/imad
	check "verity is there" finds ok fs-verity there

	printf 'policy = appraise_tcb\nappraise = enforce\n' >/etc/imad/imad.conf
	check "no label" finds problem labels 'no label.*: imactl label /$'
	for f in /sbin/init /bin/sh /usr/sbin/imad /usr/bin/env /etc/passwd; do evmctl ima_hash "$(realpath $f)" >/dev/null 2>&1; done
	check "labels" finds ok labels 'have labels'
	;;
C)
	check "the kernel's IMA measures" finds problem kernel-ima 'records in PCR 10'
	check "imad does not share its PCR" refuses 'PCR 10'
	line_of kernel-ima >/etc/imad/imad.conf
	check "doctor's line" grep -qx 'pcr = 11' /etc/imad/imad.conf
	check "is right" finds ok kernel-ima 'PCR 11'
	check "and imad starts" start_imad
	check "stop" stop_imad
	;;
esac
