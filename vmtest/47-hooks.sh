# SPDX-License-Identifier: GPL-2.0-or-later
# Every hook at work that is not an open, an exec or a mapping: modules, firmware, a kernel for kexec and its
# command line, keys. The same records as the kernel's own IMA (boot A), and what only imad records.
# kernels: 6.1 7.2
# boots: A B
# cmdline: ima_template=ima-ng
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
cat >/tmp/policy <<'END'
measure func=MODULE_CHECK
measure func=FIRMWARE_CHECK
measure func=KEXEC_KERNEL_CHECK
measure func=KEXEC_CMDLINE pcr=12
measure func=KEY_CHECK keyrings=imad-a|imad-b template=ima-buf
measure func=POLICY_CHECK
END

if [ "$BOOT" = A ]; then
	from=/sys/kernel/security/ima
	openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=imad -outform DER -out "$RESULTS/cert.der" 2>/tmp/err
	echo "$W/policy.ima" >/tmp/path
	cp /tmp/policy $W/policy.ima
	check "the kernel takes the policy" sh -c "cat /tmp/path >$from/policy"
else
	from=/run/imad
	echo 'measure func=BPRM_CHECK pcr=13' >$W/other
	start_imad --policy $W/other
	attached() { imactl status --json | grep -qE '"name": ?"'"$1"'", ?"attached": ?true'; }
	for h in kernel_read_file kernel_load_data; do check "not attached: $h" exits 1 attached "$h"; done
	cp /tmp/policy $W/policy.ima
	check "load" imactl policy load $W/policy.ima
	for h in kernel_read_file kernel_load_data ima_kexec_cmdline; do check "attached: $h" attached "$h"; done
fi

# A kernel image with nothing in it: boot sector and setup header (Documentation/arch/x86/boot.rst), then zeros.
python3 - $W/kernel <<'END'
import struct, sys
image = bytearray(64 << 10)
def put(at, fmt, *v): struct.pack_into('<' + fmt, image, at, *v)
put(0x1f1, 'B', 4)              # setup_sects
put(0x1fe, 'H', 0xaa55)         # boot_flag
put(0x200, 'BB', 0xeb, 0x6a)    # jump
put(0x202, '4sH', b'HdrS', 0x20f)
put(0x211, 'B', 1)              # loadflags: LOADED_HIGH
put(0x22c, 'I', 0x7fffffff)     # initrd_addr_max
put(0x230, 'I', 0x200000)       # kernel_alignment
put(0x234, 'B', 1)              # relocatable_kernel
put(0x236, 'H', 0x3)            # xloadflags: KERNEL_64, CAN_BE_LOADED_ABOVE_4G
put(0x238, 'I', 2047)           # cmdline_size
put(0x258, 'Q', 0x1000000)      # pref_address
put(0x260, 'I', 1 << 20)        # init_size
open(sys.argv[1], 'wb').write(image)
END

modules=/lib/modules/$(uname -r)/kernel
mkdir -p /lib/firmware
head -c 200 /dev/zero >/lib/firmware/regulatory.db
check "finit_module" /vm/probe finit-module "$modules/drivers/block/brd.ko"
check "modprobe" modprobe cfg80211 # asks for regulatory.db
check "kexec_file_load" /vm/probe kexec $W/kernel
cat >/tmp/keys <<'END'
for ring in imad-a imad-b other; do
	id=$(keyctl newring $ring @s)
	keyctl padd asymmetric cert "$id" <"$1" >/dev/null # the kernel may refuse the rest of it; it is a key by then
	keyctl padd user note "$id" <"$1" >/dev/null
done
END
check "keys" keyctl session imad sh -e /tmp/keys "$RESULTS/cert.der"
wait_for 10 grep -q regulatory.db $from/ascii_runtime_measurements || :
[ "$BOOT" = A ] || imactl sync
grep -v ' boot_aggregate *$' $from/ascii_runtime_measurements | sed 's/ *$//' >"$RESULTS/$BOOT"
cut -c1-120 "$RESULTS/$BOOT"
for name in brd.ko cfg80211.ko regulatory.db $W/kernel kexec-cmdline imad-a imad-b; do
	check "recorded: $name" grep -q " [^ ]*$name" "$RESULTS/$BOOT"
done
check "not recorded: another keyring" exits 1 grep -q ' other ' "$RESULTS/$BOOT"
[ "$BOOT" = B ] || exit 0

# What is in A and not in B: nothing. imad has the policy that it was started with, and the text of the new one.
sort "$RESULTS/A" >/tmp/A
sort "$RESULTS/B" >/tmp/B
comm -23 /tmp/A /tmp/B >/tmp/missing
cat /tmp/missing
check "all of them" test ! -s /tmp/missing
check "and of imad's own only the policy's text" test "$(comm -13 /tmp/A /tmp/B | grep -cv '^13 \| ima_policy_loaded ')" = 0

# From memory: nobody can say what file it was.
violations() { cat /run/imad/violations; }
before=$(violations)
check "init_module" /vm/probe init-module "$modules/drivers/block/nbd.ko"
check "kexec_load" /vm/probe kexec-memory -
imactl sync
check "are violations" test "$(violations)" = $((before + 2))
check "by name" grep -q ':0*  *init_module' /run/imad/ascii_runtime_measurements
imactl list --json | grep '"from-memory"' >/tmp/json || :
check "with their cause" test "$(wc -l </tmp/json)" = 2
check "list and PCRs agree" imactl verify
check "back" imactl policy load $W/other
for h in kernel_read_file kernel_load_data ima_kexec_cmdline; do check "detached: $h" exits 1 attached "$h"; done
check "stop" stop_imad
cat /vm/imad.log
