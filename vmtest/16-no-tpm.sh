# SPDX-License-Identifier: GPL-2.0-or-later
# No TPM: one warning, everything else works, and verify says that it could not check.
# tpm: no
# kernels: 7.2
# time: 60
. /vm/lib.sh

start_imad --policy tcb
check "one warning, and it names the TPM" sh -c "[ \$(grep -cE '^<[0-4]>' /vm/imad.log) = 1 ] && grep -q '^<4>.*TPM' /vm/imad.log"
mkdir -p /test
echo content >/test/file
cat /test/file
check "files are measured" grep -q ' /test/file$' /run/imad/ascii_runtime_measurements
check "verify could not check" exits 3 imactl verify
check "status says so" sh -c "imactl status --json | grep -qE '\"present\": ?false.*\"no TPM'"
check "every record is true to its own digest" sh -c "imactl verify 2>&1 | grep -qv mismatch"
imactl verify || :
cat /vm/imad.log
check "stop" stop_imad
