/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl: the table of commands. Only here the program ends. */
#include <getopt.h>
#include <string.h>

#include <imad/log.h>
#include <imad/util.h>

#include "imactl.h"

static const struct {
	const char *name;
	int (*fn)(const struct imactl *ctl, int argc, char **argv);
	const char *help;
} commands[] = {
	{ "list", cmd_list,
	  "[--json] [--count] [--follow] [--path GLOB] [--func FUNC] [--kind KIND]\n"
	  "                 [--container ID] [--hash ALGO] [--ascii | --binary] [FILE]\n"
	  "      print the measurement list; --hash: with the template digests of that bank" },
	{ "status", cmd_status,
	  "[--json]\n"
	  "      what the daemon does" },
	{ "doctor", cmd_doctor,
	  "[--json] [--root DIR]\n"
	  "      what this host lacks for imad, and the line that adds it" },
	{ "verify", cmd_verify,
	  "[--json] [--list FILE] [--pcrs [ALGO,]FILE]... [--imported] [--tcti TCTI|SYSFS]\n"
	  "             [--checkpoint FILE] [--ak PEM] [--archive FOLDER|FILE]...\n"
	  "      check the list and compare it with the TPM\n"
	  "  verify --evidence FILE --ak PEM --nonce HEX [--state FILE] [--reference FILE]... [--key CERT]...\n"
	  "             [--pcr N]... [--bank ALGO]... [--list FILE] [--from-checkpoint] [--no-violations] [--json]\n"
	  "      check what imactl attest gave on another host; asks no TPM and no daemon" },
	{ "attest", cmd_attest,
	  "--nonce HEX [--from N] [--dir DIR] [--list FILE] [--tcti TCTI] [--statedir DIR]\n"
	  "      evidence for somebody else: a quote of the TPM and the list that leads to it" },
	{ "enroll", cmd_enroll,
	  "[--ek rsa2048|p256] [--tcti TCTI] [--statedir DIR] | --activate FILE [...]\n"
	  "  enroll --challenge FILE --dir DIR (--ca FILE... | --without-certificate) | --confirm HEX --dir DIR\n"
	  "      make a verifier sure that the key of imactl attest is in a genuine TPM: two steps a side" },
	{ "trim", cmd_trim,
	  "[--keep N] [--to FILE] [--without-quote] [--tcti TCTI] [--statedir DIR]\n"
	  "      move the front of the list to an archive; a checkpoint, signed by the TPM, stands for it" },
	{ "export", cmd_export,
	  "--format sha256sum|keylime-policy|cel-json|json [--bank ALGO]... [FILE]\n"
	  "      the list in forms that other programs read" },
	{ "sync", cmd_sync,
	  "\n"
	  "      return when all earlier uses are in the list" },
	{ "hash", cmd_hash,
	  "[--algo ALGO] FILE...\n"
	  "      digests of files, as the list shows them" },
	{ "label", cmd_label,
	  "[--algo ALGO] [--evm] [--dry-run] [--only-missing] [--force] [--jobs N] [--json] PATH...\n"
	  "      give files and all below folders the label of their content; signatures stay, unless forced" },
	{ "sign", cmd_sign,
	  "--key FILE|tpm:HANDLE|pkcs11:URI [--cert FILE | --keyid HEX] [--pass-file FILE]\n"
	  "             [--algo ALGO] [--v3 | --verity] [--sigfile] [--evm [--portable]]\n"
	  "             [--tcti TCTI] [--owner-pass-file FILE]\n"
	  "             [--dry-run] [--only-missing] [--jobs N] [--json] PATH...\n"
	  "      sign files and all below folders, in their labels or beside them in FILE.sig;\n"
	  "      --evm: not the content but labels, owner and mode, in security.evm" },
	{ "check", cmd_check,
	  "[--imasig | --modsig] [--sigv3] [--verity] [--evm] [--algos ALGO,...] [--json] [--verbose | --quiet] [--jobs N]\n"
	  "             [--policy NAME|FILE]... [--func FUNC] [--mask MASK] [--uid ID] [--fsuuid UUID]\n"
	  "             [--dir DIR] [--ca FILE] [--deny FILE] [--config FILE] PATH...\n"
	  "      what appraisal would say of files and all below folders, and why; no daemon is asked" },
	{ "key", cmd_key,
	  "create --tpm [--algo ecc-p256|rsa2048] (--out FILE | --handle 0x8101xxxx) [--parent 0x8100xxxx]\n"
	  "             [--pass-file FILE] [--owner-pass-file FILE] [--tcti TCTI]\n"
	  "      make a key that signs inside the TPM; kept in FILE, which only this TPM can use, or in the TPM\n"
	  "  key cert --key FILE|tpm:HANDLE|pkcs11:URI [--csr] [--name TEXT] [--days N] [--der] [--out FILE]\n"
	  "             [--pass-file FILE] [--owner-pass-file FILE] [--tcti TCTI]\n"
	  "      a certificate for a key, signed by itself, or a request for a CA" },
	{ "evm", cmd_evm,
	  "init | status | recover | rekey [ARGUMENT]...\n"
	  "      the key of this machine's HMACs; imactl evm lists the options" },
	{ "keys", cmd_keys,
	  "[--json] [--dir DIR] [--ca FILE] [--deny FILE] [--config FILE] | reload\n"
	  "      the keys that are trusted, from where the settings say; or have the daemon read them again" },
	{ "explain", cmd_explain,
	  "[--json] PATH | --last | --event N | imad:WORD[:DETAIL]\n"
	  "      why a use of a file failed, and what to do about it; or what a violation of that name in the list means" },
	{ "unlock", cmd_unlock,
	  "--for SECONDS [--key FILE | --ask] | --signature FILE\n"
	  "      let imad be switched off and its files be changed for some time" },
	{ "lock", cmd_lock,
	  "\n"
	  "      ... and no longer" },
	{ "policy", cmd_policy,
	  "SUBCOMMAND ...\n"
	  "      check policies and ask them; imactl policy lists the subcommands" },
};

static int help(void)
{
	puts("usage: imactl [--rundir DIR] COMMAND [ARGUMENT]...\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %s %s\n", commands[i].name, commands[i].help);
	puts("\n"
	     "  --rundir DIR   where the daemon publishes (" IMAD_RUNSTATEDIR ")\n"
	     "  --help, --version\n"
	     "\n"
	     "exit code: 0 done or right, 1 failed or wrong, 2 usage, 3 could not be checked");
	return IMACTL_OK;
}

static int version(void)
{
	puts("imactl " IMAD_VERSION);
	return IMACTL_OK;
}

static char program[] = "imactl"; /* whom getopt's messages name */

static int run(const struct imactl *ctl, int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[0]) != 0)
			continue;
		argv[0] = program;
		optind = 0; /* start anew */
		return commands[i].fn(ctl, argc, argv);
	}
	return complain(IMACTL_USAGE, "unknown command '%s'; see imactl --help", argv[0]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rundir", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct imactl ctl = { .rundir = IMAD_RUNSTATEDIR };
	int c, code = -1;

	argv[0] = program;
	log_set_level(LOG_ERR); /* the TPM room's; what matters here is told by complain() */
	while (code < 0 && (c = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			ctl.rundir = optarg;
			break;
		case 'h':
			code = help();
			break;
		case 'V':
			code = version();
			break;
		default:
			code = IMACTL_USAGE;
		}
	}
	if (code < 0 && optind == argc)
		code = complain(IMACTL_USAGE, "no command given; see imactl --help");
	if (code < 0)
		code = run(&ctl, argc - optind, argv + optind);
	/* Output that did not arrive is a failure, whatever the command thought. */
	if (fflush(stdout) != 0 || ferror(stdout))
		code = complain(IMACTL_FAILED, "cannot write the output: %s", strerror(errno));
	return code;
}
