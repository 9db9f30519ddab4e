/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl evm: the key of this machine's HMACs, by which labels and metadata are vouched for. */
#include <getopt.h>
#include <string.h>

#include "evm.h"
#include "tree.h"

static const struct {
	const char *name, *help;
	int (*fn)(const struct evm_options *o, int argc, char **argv);
} commands[] = {
	{ "init",
	  "[--pcrs [BANK:]N,N...] [--public-key PEM] [--recovery-file FILE | --without-recovery]\n"
	  "                     [--key-file FILE | --credential NAME]\n"
	  "      make the key and have the TPM seal it; or, without a TPM, keep it in a file", evm_init },
	{ "status",
	  "[--json]\n"
	  "      which key it is, what keeps it, and whether it can be had now", evm_status },
	{ "recover",
	  "[--from FILE] [--recovery-file FILE] [--pcrs [BANK:]N,N...] [--public-key PEM] [--key-file FILE]\n"
	  "      the same key from its copy under the passphrase, sealed anew", evm_recover },
	{ "approve",
	  "--key KEY --pcrs [BANK:]N[=HEX],N[=HEX]... [--out FILE] [--pass-file FILE]\n"
	  "      sign these PCR values, those of now where none is given: whoever has sealed with --public-key takes them, too", evm_approve },
	{ "rekey",
	  "[as init] [--keep-old | --finish] [--jobs N] PATH...\n"
	  "      another key: HMACs of files and all below folders that are right by the old one are made by the new; then\n"
	  "      the old one is forgotten, unless something failed or --keep-old; --finish: also if something failed", evm_rekey },
};

static int help(void)
{
	puts("usage: imactl evm SUBCOMMAND [--statedir DIR] [--tcti TCTI] [ARGUMENT]...\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %s %s\n", commands[i].name, commands[i].help);
	puts("\n"
	     "  --public-key PEM       the TPM gives the key while the PCRs are as the holder of this key has signed (evm approve, ukify)\n"
	     "  --recovery-file FILE   its first line is the recovery passphrase; else it is asked for\n"
	     "  --statedir DIR         where the key's file is (" IMAD_STATEDIR ")");
	return IMACTL_OK;
}

/* All subcommands know all options: what does not go together is told. */
static int parse(struct evm_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "statedir", required_argument, NULL, 0 },	  { "tcti", required_argument, NULL, 1 },
		{ "pcrs", required_argument, NULL, 2 },		  { "key-file", required_argument, NULL, 3 },
		{ "credential", required_argument, NULL, 4 },	  { "recovery-file", required_argument, NULL, 5 },
		{ "from", required_argument, NULL, 6 },		  { "without-recovery", no_argument, NULL, 'W' },
		{ "json", no_argument, NULL, 'J' },		  { "keep-old", no_argument, NULL, 'K' },
		{ "finish", no_argument, NULL, 'F' },		  { "jobs", required_argument, NULL, 'j' },
		{ "public-key", required_argument, NULL, 7 },	  { "key", required_argument, NULL, 8 },
		{ "pass-file", required_argument, NULL, 9 },	  { "out", required_argument, NULL, 10 },
		{ 0 },
	};
	const char **to[] = { &o->statedir, &o->tcti, &o->pcrs, &o->key_file, &o->credential, &o->recovery_file, &o->from,
			      &o->public_key, &o->key.file, &o->key.pass_file, &o->out };
	int c, code = IMACTL_OK;

	while (code == IMACTL_OK && (c = getopt_long(argc, argv, "j:", options, NULL)) != -1) {
		if (c == '?')
			return IMACTL_USAGE;
		if (c == 'j')
			code = tree_take_jobs("evm rekey", optarg, &o->threads);
		o->keep_old |= c == 'K';
		o->finish |= c == 'F';
		if (c < (int)ARRAY_SIZE(to))
			*to[c] = optarg;
		o->without_recovery |= c == 'W';
		o->json |= c == 'J';
	}
	if (code != IMACTL_OK)
		return code;
	if (o->keep_old && o->finish)
		return complain(IMACTL_USAGE, "evm: --keep-old and --finish contradict each other");
	if (!!o->key_file + !!o->credential + !!(o->pcrs || o->public_key) > 1)
		return complain(IMACTL_USAGE, "evm: --pcrs or --public-key, --key-file and --credential say different things about where the key is");
	if (o->without_recovery && o->recovery_file)
		return complain(IMACTL_USAGE, "evm: --recovery-file and --without-recovery contradict each other");
	return IMACTL_OK;
}

int cmd_evm(const struct imactl *ctl, int argc, char **argv)
{
	struct evm_options o = EVM_OPTIONS_INIT;
	int code;

	(void)ctl;
	o.threads = tree_threads();
	if (argc < 2)
		return help();
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[1]) != 0)
			continue;
		argv[1] = argv[0];
		code = parse(&o, argc - 1, argv + 1);
		if (code == IMACTL_OK && commands[i].fn != evm_approve && (o.key.file || o.key.pass_file || o.out))
			code = complain(IMACTL_USAGE, "evm %s: --key, --pass-file and --out go with approve", commands[i].name);
		return code == IMACTL_OK ? commands[i].fn(&o, argc - 1 - optind, argv + 1 + optind) : code;
	}
	return complain(IMACTL_USAGE, "evm: unknown subcommand '%s'; imactl evm lists them", argv[1]);
}
