/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The built-in policies, rule for rule and in the order of ima_policy.c. They are
 * kept as text and parsed as any other, so that there is one way to make a rule.
 */
#include <string.h>

#include <imad/policy.h>

/* proc sysfs debugfs tmpfs devpts binfmt_misc securityfs selinuxfs smackfs cgroup cgroup2 nsfs efivarfs */
#define DONT_MEASURE                         \
	"dont_measure fsmagic=0x9fa0\n"      \
	"dont_measure fsmagic=0x62656572\n"  \
	"dont_measure fsmagic=0x64626720\n"  \
	"dont_measure fsmagic=0x1021994\n"   \
	"dont_measure fsmagic=0x1cd1\n"      \
	"dont_measure fsmagic=0x42494e4d\n"  \
	"dont_measure fsmagic=0x73636673\n"  \
	"dont_measure fsmagic=0xf97cff8c\n"  \
	"dont_measure fsmagic=0x43415d53\n"  \
	"dont_measure fsmagic=0x27e0eb\n"    \
	"dont_measure fsmagic=0x63677270\n"  \
	"dont_measure fsmagic=0x6e736673\n"  \
	"dont_measure fsmagic=0xde5e81e4\n"

#define TCB                                                  \
	DONT_MEASURE                                         \
	"measure func=MMAP_CHECK mask=MAY_EXEC\n"            \
	"measure func=BPRM_CHECK mask=MAY_EXEC\n"            \
	"measure func=FILE_CHECK mask=^MAY_READ euid=0\n"    \
	"measure func=FILE_CHECK mask=^MAY_READ uid=0\n"     \
	"measure func=MODULE_CHECK\n"                        \
	"measure func=FIRMWARE_CHECK\n"                      \
	"measure func=POLICY_CHECK\n"

#define IMA_TCB                                              \
	DONT_MEASURE                                         \
	"measure func=MMAP_CHECK mask=MAY_EXEC\n"            \
	"measure func=BPRM_CHECK mask=MAY_EXEC\n"            \
	"measure func=FILE_CHECK mask=MAY_READ uid=0\n"      \
	"measure func=MODULE_CHECK\n"                        \
	"measure func=FIRMWARE_CHECK\n"

#define BUILTINS(X)         \
	X("tcb", TCB)       \
	X("ima_tcb", IMA_TCB)

#define BUILTIN_NAME(name, text) name,
static const char *const names[] = { BUILTINS(BUILTIN_NAME) NULL };

#define BUILTIN_TEXT(name, text) text,
static const char *const texts[] = { BUILTINS(BUILTIN_TEXT) };

const char *policy_builtin(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(name, names[i]))
			return texts[i];
	return NULL;
}

const char *const *policy_builtin_names(void)
{
	return names;
}
