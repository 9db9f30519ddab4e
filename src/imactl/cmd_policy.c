/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl policy: the table of its subcommands. */
#include <getopt.h>
#include <string.h>

#include "imactl.h"

static const struct {
	const char *name;
	int (*fn)(const struct imactl *ctl, int argc, char **argv);
	const char *help;
} subcommands[] = {
	{ "check", cmd_policy_check,
	  "[--json] NAME|FILE...\n"
	  "      whether a policy is well-formed, and what in it cannot be meant" },
	{ "test", cmd_policy_test,
	  "[--json] [-v] NAME|FILE... --func FUNC [--file PATH] [--mask MASK]\n"
	  "             [--uid|--euid|--suid|--gid|--egid|--sgid|--fowner|--fgroup ID]\n"
	  "             [--cap-setuid|--cap-setgid[=yes|no]] [--fsmagic HEX] [--fsname|--fs-subtype TYPE]\n"
	  "             [--fsuuid UUID] [--keyring|--label NAME]\n"
	  "             [--obj-user|--obj-role|--obj-type|--subj-user|--subj-role|--subj-type LABEL]\n"
	  "      which rule decides about a use, and why" },
	{ "simulate", cmd_policy_simulate,
	  "[--json] [-v] [--since boot|RECORD] [--list FILE] NAME|FILE...\n"
	  "      what the policy would have done with the uses that the list has recorded" },
	{ "show", cmd_policy_show,
	  "[--json] [NAME|FILE...]\n"
	  "      the active rules, each with how often it decided a use that was not known yet; or those of these policies" },
	{ "load", cmd_policy_load,
	  "[--append] [--confirm SECONDS] NAME|FILE...\n"
	  "      make it the active policy, or add it; with --confirm only for that long" },
	{ "confirm", cmd_policy_confirm,
	  "\n"
	  "      keep what was loaded with --confirm" },
	{ "lock", cmd_policy_lock,
	  "\n"
	  "      from now on, until the next boot, rules can only be added" },
};

static int usage(void)
{
	fputs("usage: imactl policy SUBCOMMAND [ARGUMENT]...\n\n", stderr);
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		fprintf(stderr, "  %s %s\n", subcommands[i].name, subcommands[i].help);
	fputs("\nA policy is the name of a built-in one or a file; several make one policy.\n", stderr);
	return IMACTL_USAGE;
}

int cmd_policy(const struct imactl *ctl, int argc, char **argv)
{
	if (argc < 2)
		return usage();
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		if (strcmp(subcommands[i].name, argv[1]) != 0)
			continue;
		argv[1] = argv[0]; /* whom getopt's messages name */
		optind = 0;
		return subcommands[i].fn(ctl, argc - 1, argv + 1);
	}
	(void)complain(IMACTL_USAGE, "unknown subcommand '%s' of policy", argv[1]);
	return usage();
}
