// SPDX-License-Identifier: GPL-2.0-or-later
/* What is to be done: imad.conf, above that the kernel's command line, above that our own. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <imad/digest.h>
#include <imad/file.h>
#include <imad/known.h>
#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define KNOWN_MAX 32768 /* 80 bytes each, as they come */
#define CONF_PATH IMAD_SYSCONFDIR "/imad.conf"

static const struct {
	const char *option, *key, *help;
} settings[] = {
	{ "policy", "policy", "NAME|FILE  built-in policies or policy files (blank between)" },
	{ "hash", "hash", "ALGO         sha1, sha256, sha384 or sha512" },
	{ "template", "template", "NAME     ima-ng, ima-sig or another of IMA's" },
	{ "template_fmt", "template_fmt", "FIELDS  instead of a template: d-ng|n-ng|sig" },
	{ "pcr", "pcr", "N             the PCR to extend" },
	{ "evm", "evm", "MODE          off, log, fix or enforce: whether an HMAC or signature must vouch for the label" },
	{ "appraise", "appraise", "MODE     off, log, fix or enforce: what becomes of files that do not match their label" },
};

static void usage(void)
{
	printf("usage: imad [options]\n"
	       "Measures files before they are used and keeps the list under " IMAD_RUNSTATEDIR ".\n\n");
	for (unsigned int i = 0; i < ARRAY_SIZE(settings); i++)
		printf("  --%s %s\n", settings[i].option, settings[i].help);
	printf("  --config FILE       instead of " CONF_PATH "\n"
	       "  --force             enforce even if the host could not be repaired then\n"
	       "  --detach            take down the BPF programs that an imad which died has left, start nothing\n"
	       "  --check             read settings and policy, say what is wrong, start nothing\n"
	       "  --version, --help\n\n"
	       "Exit codes: 0 stopped, 1 failed, 2 usage or configuration.\n");
}

_Static_assert(ARRAY_SIZE(settings) == OPTION_SETTINGS, "settings by option");

int daemon_parse_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "policy", required_argument, NULL, 0 },   { "hash", required_argument, NULL, 1 },
		{ "template", required_argument, NULL, 2 }, { "template_fmt", required_argument, NULL, 3 },
		{ "pcr", required_argument, NULL, 4 },	    { "evm", required_argument, NULL, 5 },
		{ "appraise", required_argument, NULL, 6 },
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, 'k' },
		{ "force", no_argument, NULL, 'f' },	    { "detach", no_argument, NULL, 'd' },
		{ "version", no_argument, NULL, 'v' },	    { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'f':
			o->force = true;
			break;
		case 'd':
			o->detach = true;
			break;
		case 'v':
			printf("imad %s\n", IMAD_VERSION);
			return EXIT_STOPPED;
		case 'h':
			usage();
			return EXIT_STOPPED;
		case '?':
			return EXIT_USAGE;
		default:
			o->values[c] = optarg;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "imad: unexpected argument '%s' (see imad --help)\n", argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

static int read_config(struct daemon *d, const char *given)
{
	static char text[CONF_TEXT_MAX + 1]; /* too large for the stack of a daemon */
	const char *path = given ? given : CONF_PATH;
	ssize_t n = file_read_small(path, text, sizeof(text));
	struct parse_error e = { 0 };
	int r;

	if (n == -ENOENT && !given)
		return 0;
	if (n < 0)
		return log_errno(LOG_ERR, n, "cannot read the configuration '%s'", path);
	r = conf_parse(&d->conf, text, n, &e);
	if (r < 0)
		log_msg(LOG_ERR, "%s, line %u: %s: '%s'", path, e.line, e.why ? e.why : strerror(-r), e.token);
	return r;
}

static int read_cmdline(struct daemon *d)
{
	char text[8192];
	struct parse_error e = { 0 };
	int r;

	if (file_read_small("/proc/cmdline", text, sizeof(text)) < 0)
		return 0;
	r = conf_parse_cmdline(&d->conf, text, &e);
	if (r < 0)
		log_msg(LOG_ERR, "kernel command line: %s: '%s'", e.why ? e.why : strerror(-r), e.token);
	return r;
}

int daemon_configure(struct daemon *d, const struct options *o)
{
	struct parse_error e = { 0 };
	bool enforce_said;
	int r;

	conf_defaults(&d->conf);
	r = read_config(d, o->config);
	enforce_said = d->conf.appraise == CONF_APPRAISE_ENFORCE;
	if (r == 0)
		r = read_cmdline(d);
	enforce_said |= d->conf.appraise == CONF_APPRAISE_ENFORCE;
	for (unsigned int i = 0; i < ARRAY_SIZE(settings) && r == 0; i++) {
		if (!o->values[i])
			continue;
		r = conf_set(&d->conf, settings[i].key, o->values[i], &e);
		if (r < 0)
			log_msg(LOG_ERR, "--%s: %s: '%s'", settings[i].option, e.why, o->values[i]);
	}
	if (r == 0)
		r = daemon_check_grace(d, enforce_said);
	if (r < 0)
		return r;
	d->conf.appraise_force |= o->force;
	log_set_level(d->conf.log_level);
	d->hash = algo_by_name(d->conf.hash, strlen(d->conf.hash));
	if (!digest_can(d->hash))
		return log_errno(LOG_ERR, -EINVAL, "unknown hash algorithm '%s'", d->conf.hash);
	r = daemon_set_template(d);
	if (r == 0)
		r = daemon_load_keys(d);
	if (r == 0)
		r = known_new(KNOWN_MAX, &d->known);
	return r < 0 ? r : daemon_first_policy(d, o->check);
}
