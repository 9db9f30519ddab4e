# SPDX-License-Identifier: GPL-2.0-or-later
# The ways back in: imad.appraise=off on the kernel command line, and what is looked at before anything is enforced.
# kernels: 6.1
# boots: A B
# cmdline-B: imad.appraise=off
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
cp /bin/true $W/prog
chown 10001 $W/prog
echo 'appraise func=BPRM_CHECK fowner=10001' >/tmp/policy
configure() {
	printf 'policy = /tmp/policy\nappraise = enforce\n[appraise]\n' >/tmp/conf
	for line; do echo "$line"; done >>/tmp/conf
}
mode() { imactl status --json | grep -qE "\"mode\": ?\"$1\""; }

if [ "$BOOT" = B ]; then
	configure 'grace = 1h' 'protect_labels = yes'
	check "start" start_imad --config /tmp/conf
	check "appraisal is off, whatever imad.conf says" mode off
	check "a file without a label runs" $W/prog
	check "its label is everybody's" setfattr -n security.ima -v 0x0404 $W/prog
	check "stop" stop_imad
	exit 0
fi

configure
check "start" start_imad --config /tmp/conf
check "it enforces" mode enforce
check "a file without a label does not run" exits 126 sh -c $W/prog 2>/dev/null
check "stop" stop_imad
configure "critical = /bin/true $W/prog"
check "start with a critical file without a label" start_imad --config /tmp/conf
check "it only tells" mode log
check "it says of what" grep -q "would be denied, and the host needs it: '$W/prog' (missing-hash)" /vm/imad.log
check "the file runs" $W/prog
check "stop again" stop_imad
check "start with --force" start_imad --config /tmp/conf --force
check "it enforces all the same" mode enforce
check "the file does not run" exits 126 sh -c $W/prog 2>/dev/null
check "stop once more" stop_imad
configure "critical = $W/prog" 'force = yes'
check "start with force = yes" start_imad --config /tmp/conf
check "it enforces as well" mode enforce
imactl label $W/prog
check "a labelled file runs" $W/prog
check "stop at last" stop_imad
configure 'grace = 1h'
sed -i s/enforce/log/ /tmp/conf
check "grace without enforce is refused" exits 2 imad --check --config /tmp/conf 2>/tmp/err
check "and it says why" grep -q "appraise.grace has a meaning only with appraise = enforce" /tmp/err
