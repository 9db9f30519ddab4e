/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The built-in policies, rule for rule and in the order of ima_policy.c. They are
 * kept as text and parsed as any other, so that there is one way to make a rule.
 */
#include <string.h>

#include <imad/policy.h>

/*
 * proc sysfs debugfs | tmpfs | devpts binfmt_misc securityfs selinuxfs smackfs cgroup
 * cgroup2 nsfs efivarfs. What is in tmpfs, memfd among it, is not measured: the gap
 * that the policies with +tmpfs close.
 */
#define DONT_MEASURE(tmpfs)                  \
	"dont_measure fsmagic=0x9fa0\n"      \
	"dont_measure fsmagic=0x62656572\n"  \
	"dont_measure fsmagic=0x64626720\n"  \
	tmpfs                                \
	"dont_measure fsmagic=0x1cd1\n"      \
	"dont_measure fsmagic=0x42494e4d\n"  \
	"dont_measure fsmagic=0x73636673\n"  \
	"dont_measure fsmagic=0xf97cff8c\n"  \
	"dont_measure fsmagic=0x43415d53\n"  \
	"dont_measure fsmagic=0x27e0eb\n"    \
	"dont_measure fsmagic=0x63677270\n"  \
	"dont_measure fsmagic=0x6e736673\n"  \
	"dont_measure fsmagic=0xde5e81e4\n"
#define DONT_MEASURE_TMPFS "dont_measure fsmagic=0x1021994\n"

/* With appraise = enforce, programs in memory are those that are known: sealed copies of files that passed. */
#define APPRAISE_TMPFS                                       \
	"appraise func=BPRM_CHECK fsmagic=0x1021994\n"       \
	"appraise func=MMAP_CHECK fsmagic=0x1021994\n"

#define EXECUTED                                             \
	"measure func=MMAP_CHECK mask=MAY_EXEC\n"            \
	"measure func=BPRM_CHECK mask=MAY_EXEC\n"
#define TCB_RULES                                            \
	EXECUTED                                             \
	"measure func=FILE_CHECK mask=^MAY_READ euid=0\n"    \
	"measure func=FILE_CHECK mask=^MAY_READ uid=0\n"     \
	"measure func=MODULE_CHECK\n"                        \
	"measure func=FIRMWARE_CHECK\n"                      \
	"measure func=POLICY_CHECK\n"

#define TCB DONT_MEASURE(DONT_MEASURE_TMPFS) TCB_RULES
#define TCB_TMPFS DONT_MEASURE("") TCB_RULES APPRAISE_TMPFS
#define IMA_TCB                                              \
	DONT_MEASURE(DONT_MEASURE_TMPFS)                     \
	EXECUTED                                             \
	"measure func=FILE_CHECK mask=MAY_READ uid=0\n"      \
	"measure func=MODULE_CHECK\n"                        \
	"measure func=FIRMWARE_CHECK\n"

/* All that imad can measure, whoever uses it. */
#define STRICT                                               \
	DONT_MEASURE("")                                     \
	EXECUTED                                             \
	"measure func=CREDS_CHECK mask=MAY_EXEC\n"           \
	"measure func=FILE_CHECK mask=^MAY_READ\n"           \
	"measure func=MODULE_CHECK\n"                        \
	"measure func=FIRMWARE_CHECK\n"                      \
	"measure func=KEXEC_KERNEL_CHECK\n"                  \
	"measure func=KEXEC_INITRAMFS_CHECK\n"               \
	"measure func=KEXEC_CMDLINE\n"                       \
	"measure func=POLICY_CHECK\n"                        \
	"measure func=KEY_CHECK\n"                           \
	"measure func=CRITICAL_DATA\n"                       \
	APPRAISE_TMPFS

#define SECURE_BOOT                                              \
	"appraise func=MODULE_CHECK appraise_type=imasig\n"       \
	"appraise func=FIRMWARE_CHECK appraise_type=imasig\n"     \
	"appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig\n" \
	"appraise func=POLICY_CHECK appraise_type=imasig\n"

/* ... ramfs devpts binfmt_misc securityfs selinuxfs smackfs nsfs efivarfs cgroup cgroup2 */
#define APPRAISE_TCB                                             \
	"dont_appraise fsmagic=0x9fa0\n"                         \
	"dont_appraise fsmagic=0x62656572\n"                     \
	"dont_appraise fsmagic=0x64626720\n"                     \
	"dont_appraise fsmagic=0x1021994\n"                      \
	"dont_appraise fsmagic=0x858458f6\n"                     \
	"dont_appraise fsmagic=0x1cd1\n"                         \
	"dont_appraise fsmagic=0x42494e4d\n"                     \
	"dont_appraise fsmagic=0x73636673\n"                     \
	"dont_appraise fsmagic=0xf97cff8c\n"                     \
	"dont_appraise fsmagic=0x43415d53\n"                     \
	"dont_appraise fsmagic=0x6e736673\n"                     \
	"dont_appraise fsmagic=0xde5e81e4\n"                     \
	"dont_appraise fsmagic=0x27e0eb\n"                       \
	"dont_appraise fsmagic=0x63677270\n"                     \
	"appraise func=POLICY_CHECK appraise_type=imasig\n"       \
	"appraise fowner=0\n"

const struct policy_builtin policy_builtins[] = {
	{ "tcb", TCB, NULL },
	{ "ima_tcb", IMA_TCB, "tcb" },
	{ "tcb+tmpfs", TCB_TMPFS, NULL },
	{ "strict", STRICT, NULL },
	{ "secure_boot", SECURE_BOOT, NULL },
	{ "appraise_tcb", APPRAISE_TCB, NULL },
	{ "critical_data", "measure func=CRITICAL_DATA\n", NULL },
	{ "fail_securely", "", NULL },
	{ NULL, NULL, NULL },
};

const struct policy_builtin *policy_builtin(const char *name, size_t len)
{
	for (const struct policy_builtin *b = policy_builtins; b->name; b++)
		if (strlen(b->name) == len && !memcmp(name, b->name, len))
			return b;
	return NULL;
}
