# SPDX-License-Identifier: GPL-2.0-or-later
# What the kernel command line decides: no BPF LSM and a PCR that kernel IMA has taken are refused with a
# line that says what to do; imad.* stands above imad.conf; imad=off keeps it from starting.
# kernels: 6.1
# boots: nolsm taken above off wrong
# cmdline-nolsm: lsm=landlock,yama,integrity
# cmdline-taken: ima_policy=tcb
# cmdline-above: imad.policy=tcb imad.hash=sha1 imad.template=ima imad.pcr=14
# cmdline-off: imad=off
# cmdline-wrong: imad.policy=tcb imad.hush=sha1
# time: 60
. /vm/lib.sh

log=/tmp/refused.log
mounts
mkdir -p /etc/imad
printf 'policy = critical_data\nhash = sha512\ntemplate = ima-sig\npcr = 15\n' >/tmp/other.conf

# ends STATUS [arguments]: imad ends so by itself and leaves nothing.
ends() {
	want=$1
	shift
	exits "$want" timeout 80 imad "$@" >$log 2>&1 || { cat $log; return 1; }
	for left in /run/imad/*; do
		[ ! -e "$left" ] || { echo "  left: $left"; return 1; }
	done
}
one_line() { [ "$(grep -cE '^<[0-4]>' $log)" = 1 ] || { cat $log; return 1; }; }
status() { imactl status --json | grep -qE "$1" || { imactl status --json; return 1; }; }

case $BOOT in
nolsm)
	check "without BPF LSM it does not start" ends 1 --policy tcb
	check "it says so in one line" one_line
	check "which names the parameter" grep -q "lsm=.*kernel command line" $log
	check "--check does not need it" exits 0 imad --check --policy tcb
	check "imactl says that nothing runs" exits 1 imactl status
	;;
taken)
	check "a PCR that kernel IMA extends is refused" ends 1 --policy tcb
	check "in one line" one_line
	check "which names the setting" grep -q 'pcr *=' $log
	start_imad --policy tcb --pcr 11
	check "another PCR works" imactl verify
	check "and starts without the kernel's records" status '"pcr": ?11[,}]'
	check "stop" stop_imad
	;;
above)
	start_imad --config /tmp/other.conf
	check "policy" status '"names": ?\["tcb"\]'
	check "hash" status '"hash": ?"sha1"'
	check "template" status '"template": ?"ima"'
	check "PCR" status '"pcr": ?14[,}]'
	check "the list gives the PCR" imactl verify
	check "stop" stop_imad
	;;
off)
	check "imad=off: it ends well at once" ends 0 --policy tcb
	check "it says why" grep -q 'imad=off on the kernel command line' $log
	;;
wrong)
	check "an unknown key is refused" ends 2 --policy tcb
	check "in one line" one_line
	check "which names it" grep -q "kernel command line: unknown key: 'imad.hush'" $log
	;;
esac
