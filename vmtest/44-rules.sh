# SPDX-License-Identifier: GPL-2.0-or-later
# Rule by rule: what the kernel's IMA takes imad takes, and what it refuses imad refuses. Where they differ
# the row says why: the release or the option of the kernel that a word needs, or in what imad is stricter.
# kernels: 6.1
# also: 7.2
# time: 200
. /vm/lib.sh

# rows: WHY|RULE; WHY is empty, or the first release that takes the rule, or another reason to differ:
#   config   the kernel's build leaves the word out    strict   imad refuses what cannot be meant
#   lsm      the label's module is not active: an error under built-in rules, inactive under others
rows() {
	while IFS= read -r row; do
		case $row in
		'' | '#'*) ;;
		*) printf '%s\n' "$row" ;;
		esac
	done <<'END'
# --- lexing
|measure
|dont_measure
|appraise
|dont_appraise
|audit
|hash
|dont_hash
6.19|dont_audit
|Measure
|measured
|measure measure
|measure dont_measure
|measure appraise
|appraise audit
|func=FILE_CHECK
|uid=0
|measure nonsense
|measure nonsense=1
|measure func
|measure func=
|measure uid
|measure =
|   measure     uid=0
|measure	uid=0	gid=0
|uid=0 func=FILE_CHECK measure
|measure func=file_check
|measure func=FILE_CHECKS
|measure func=NONE
|measure func=POST_SETATTR
|measure func=FILE_CHECK func=FILE_CHECK
|measure func=FILE_CHECK func=BPRM_CHECK

# --- func
|measure func=FILE_CHECK
|measure func=PATH_CHECK
|measure func=MMAP_CHECK
|measure func=FILE_MMAP
6.3|measure func=MMAP_CHECK_REQPROT
|measure func=BPRM_CHECK
|measure func=CREDS_CHECK
|measure func=MODULE_CHECK
|measure func=FIRMWARE_CHECK
|measure func=KEXEC_KERNEL_CHECK
|measure func=KEXEC_INITRAMFS_CHECK
|measure func=POLICY_CHECK
|measure func=KEXEC_CMDLINE
|measure func=KEY_CHECK
|measure func=CRITICAL_DATA
|measure func=SETXATTR_CHECK

# --- mask
|measure mask=MAY_EXEC
|measure mask=MAY_WRITE
|measure mask=MAY_READ
|measure mask=MAY_APPEND
|measure mask=^MAY_EXEC
|measure mask=^MAY_READ
|measure mask=MAY_ACCESS
|measure mask=READ
|measure mask=
|measure mask=^
|measure mask=^^MAY_READ
|measure mask=MAY_READ mask=MAY_READ
|measure mask=MAY_READ mask=^MAY_EXEC
|measure mask=MAY_READ|MAY_EXEC
|measure mask=may_read

# --- numbers and filesystems
|measure fsmagic=0xef53
|measure fsmagic=ef53
|measure fsmagic=0Xef53
|measure fsmagic=+ef53
|measure fsmagic=-1
|measure fsmagic=0x
|measure fsmagic=xyz
|measure fsmagic=ffffffffffffffff
|measure fsmagic=10000000000000000
|measure fsmagic=0xef53 fsmagic=0xef53
|measure fsmagic=0 fsmagic=0xef53
|measure fsmagic=
|measure fsname=ext4
|measure fsname=ext4 fsname=xfs
|measure fsname=nonsense
6.19|measure fs_subtype=sshfs
|measure fs_subtype=sshfs fs_subtype=sshfs
|measure fsuuid=12345678-9abc-def0-1234-56789abcdef0
|measure fsuuid=12345678-9ABC-DEF0-1234-56789ABCDEF0
|measure fsuuid=12345678-9abc-def0-1234-56789abcdef0tail
|measure fsuuid=12345678-9abc-def0-1234-56789abcdef
|measure fsuuid=123456789abc-def0-1234-56789abcdef00
|measure fsuuid=12345678-9abc-def0-1234-56789abcdef0 fsuuid=12345678-9abc-def0-1234-56789abcdef0
|measure uid=0
|measure uid=4294967294
|measure uid=4294967295
|measure uid=4294967296
|measure uid=+1
|measure uid=-1
|measure uid=0x10
|measure uid=root
|measure uid=
|measure uid>5
|measure uid<5
|measure uid>=5
|measure uid==5
|measure uid!5
|measure uid=1 uid=1
|measure uid>1 uid<9
|measure uid=1 euid=1
|measure euid=1 uid=1
|measure gid=1 egid=1
|measure uid=1 gid=1
|measure euid<5 egid>5
|measure fowner=1
|measure fowner>1
|measure fowner<1
|measure fowner=1 fowner=1
|measure fgroup=1
|measure fgroup>1 fowner<1
|measure fgroup=1 fgroup=1

# --- pcr, template
|measure pcr=0
|measure pcr=23
|measure pcr=63
|measure pcr=64
|measure pcr=-1
|measure pcr=x
|measure pcr=
|measure pcr=1 pcr=2
|dont_measure pcr=1
|appraise pcr=1
|audit pcr=1
|pcr=1 measure
|measure template=ima-ng
|measure template=ima
|measure template=ima-sig
|measure template=ima-buf
|measure template=ima-modsig
|measure template=ima-ngv2
|measure template=ima-sigv2
|measure template=evm-sig
|measure template=d-ng|n-ng
|measure template=d|n
|measure template=nonsense
|measure template=
|measure template=ima-ng template=ima-ng
|template=ima-ng measure
|dont_measure template=ima-ng
|appraise template=ima-ng
|audit template=ima-ng

# --- appraisal's words
|appraise appraise_type=imasig
config|appraise func=MODULE_CHECK appraise_type=imasig|modsig
|appraise appraise_type=nonsense
|appraise appraise_type=
|appraise appraise_type=imasig appraise_type=imasig
|measure appraise_type=imasig
|dont_appraise appraise_type=imasig
|audit appraise_type=imasig
|appraise func=FILE_CHECK appraise_type=imasig|modsig
|appraise func=BPRM_CHECK appraise_type=imasig|modsig
|appraise appraise_type=imasig|modsig
7.1|appraise appraise_type=sigv3
|appraise digest_type=verity
|appraise digest_type=verity appraise_type=sigv3
7.1|appraise appraise_type=sigv3 digest_type=verity
|appraise digest_type=verity appraise_type=imasig
|appraise func=BPRM_CHECK digest_type=verity appraise_type=sigv3
|appraise func=MODULE_CHECK digest_type=verity appraise_type=sigv3
|measure digest_type=verity
|measure func=FILE_CHECK digest_type=verity template=ima-ngv2
|measure digest_type=nonsense
|measure func=MODULE_CHECK digest_type=verity
|measure func=KEXEC_CMDLINE digest_type=verity
6.6|appraise appraise_flag=check_blacklist
|appraise appraise_flag=
|appraise appraise_algos=sha256
|appraise appraise_algos=sha256,sha512
|appraise appraise_algos=nonsense
|appraise appraise_algos=sha256,
|appraise appraise_algos=
|appraise appraise_algos=sha256 appraise_algos=sha256
|measure appraise_algos=sha256
|dont_appraise appraise_algos=sha256
|appraise permit_directio
|measure permit_directio
|dont_measure permit_directio
|audit permit_directio
|appraise permit_directio=1
|appraise func=SETXATTR_CHECK appraise_algos=sha256
|appraise func=SETXATTR_CHECK
|appraise func=SETXATTR_CHECK appraise_algos=sha256 uid=0
|appraise func=SETXATTR_CHECK appraise_algos=sha256 fowner=0
|measure func=SETXATTR_CHECK appraise_algos=sha256
|dont_appraise func=SETXATTR_CHECK appraise_algos=sha256

# --- which words a func takes
|measure func=MODULE_CHECK uid=0 fowner=0 fsmagic=0xef53 mask=MAY_READ
|appraise func=MODULE_CHECK appraise_type=imasig
|appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig appraise_algos=sha256
|appraise func=FIRMWARE_CHECK appraise_type=imasig
|appraise func=POLICY_CHECK appraise_type=imasig
|measure func=KEXEC_CMDLINE uid=0
|measure func=KEXEC_CMDLINE gid=0 fowner=0 fgroup=0 fsname=ext4 fsmagic=1 pcr=11
|measure func=KEXEC_CMDLINE template=ima-buf
|measure func=KEXEC_CMDLINE mask=MAY_READ
|measure func=KEXEC_CMDLINE permit_directio
|appraise func=KEXEC_CMDLINE
|audit func=KEXEC_CMDLINE
|hash func=KEXEC_CMDLINE
|dont_measure func=KEXEC_CMDLINE
|measure func=KEY_CHECK uid=0
|measure func=KEY_CHECK gid=0
|measure func=KEY_CHECK euid=0
|measure func=KEY_CHECK fowner=0
|measure func=KEY_CHECK fsname=ext4
|measure func=KEY_CHECK mask=MAY_READ
|measure func=KEY_CHECK pcr=11 template=ima-buf
|measure func=KEY_CHECK keyrings=.ima
|measure func=KEY_CHECK keyrings=.ima|.evm|key_import_test
|measure func=KEY_CHECK keyrings=
|measure func=KEY_CHECK keyrings=a||b
|measure func=KEY_CHECK keyrings=|a
|measure func=KEY_CHECK keyrings=a|
|measure func=KEY_CHECK keyrings=a keyrings=b
|measure func=KEY_CHECK label=a
|appraise func=KEY_CHECK
|audit func=KEY_CHECK
|dont_measure func=KEY_CHECK keyrings=.ima
|measure keyrings=.ima
|measure func=FILE_CHECK keyrings=.ima
|measure func=CRITICAL_DATA label=selinux
|measure func=CRITICAL_DATA label=selinux|kernel_info
|measure func=CRITICAL_DATA label=
|measure func=CRITICAL_DATA label=a||b
|measure func=CRITICAL_DATA label=a label=b
|measure func=CRITICAL_DATA uid=0 gid=0 pcr=11
|measure func=CRITICAL_DATA euid=0
|measure func=CRITICAL_DATA keyrings=a
|measure func=CRITICAL_DATA fowner=0
|appraise func=CRITICAL_DATA
|audit func=CRITICAL_DATA
|measure label=selinux
|audit func=BPRM_CHECK uid=0 fowner=0 mask=MAY_EXEC
|hash func=FILE_CHECK fowner=0
|hash uid=0
|dont_hash fsmagic=0x9fa0

# --- labels
lsm|measure obj_type=etc_t
lsm|measure subj_user=system_u
lsm|measure obj_user=_
|measure func=KEY_CHECK obj_type=etc_t
|measure func=CRITICAL_DATA subj_type=x
|measure obj_type=a obj_type=b

# --- where imad is stricter, because the kernel takes what can never match or ends in the middle of a word
strict|measure fsname=a-name-of-more-than-thirty-one-characters
END
}

cat >/tmp/ask.py <<'END'
import os, sys

def takes(rule):
	"""Whether the kernel takes a rule: in one batch with a bad line, so that nothing becomes active."""
	fd = os.open("/sys/kernel/security/ima/policy", os.O_WRONLY)
	try:
		return os.write(fd, rule + b"\n") > 0
	except OSError:
		return False
	finally:
		try:
			os.write(fd, b"not a rule\n")
		except OSError:
			pass
		os.close(fd)

for row in open(sys.argv[1], "rb"):
	print("yes" if takes(row.rstrip(b"\n").split(b"|", 1)[1]) else "no")
END

newer_than() { [ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1)" = "$1" ]; }

# judge WHY KERNEL IMAD: whether the two verdicts are as the row says.
judge() {
	case $1 in
	'') [ "$2" = "$3" ] ;;
	config | lsm) [ "$2 $3" = "no yes" ] ;;
	strict) [ "$2 $3" = "yes no" ] ;;
	*) [ "$3" = yes ] && if newer_than "$1"; then [ "$2" = yes ]; else [ "$2" = no ]; fi ;;
	esac
}

mounts
rows >/tmp/rows
python3 -IS /tmp/ask.py /tmp/rows >/tmp/kernel
while IFS= read -r row; do
	printf '%s\n' "${row#*|}" >/tmp/rule
	if imactl policy check /tmp/rule >/tmp/why 2>&1; then echo yes; else echo no; fi
done </tmp/rows >/tmp/imad
check "every row was judged by both" test "$(wc -l </tmp/rows) $(wc -l </tmp/rows)" = "$(wc -l </tmp/kernel) $(wc -l </tmp/imad)"
paste -d '|' /tmp/kernel /tmp/imad /tmp/rows >/tmp/all
while IFS='|' read -r kernel imad why rule; do
	judge "$why" "$kernel" "$imad" || echo "  kernel: $kernel, imad: $imad, ${why:-no reason to differ}: $rule"
done </tmp/all >/tmp/differ
check "at least 200 rules" test "$(wc -l </tmp/rows)" -ge 200
check "some are taken and some are not" test "$(sort -u /tmp/kernel | wc -l)" = 2
check "kernel and imad agree, or it is said why not" exits 1 grep . /tmp/differ
check "nothing became active" test "$(cat /sys/kernel/security/ima/runtime_measurements_count)" = 1
