/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imad.conf and the kernel command line: any bytes; what is refused leaves the settings alone. */
#include <imad/conf.h>

#include "fuzz.h"

/* @before is a copy of *@c, padding and all, from before the call that gave @r. */
static void check(int r, const struct conf *c, const struct conf *before, const struct parse_error *e)
{
	must(r == 0 || r == -EBADMSG);
	must(r == 0 || (e->why && memcmp(c, before, sizeof(*c)) == 0));
	must(r == 0 || memchr(e->token, '\0', sizeof(e->token)));
	must(c->pcr <= 23 && c->tpm_batch <= 16 && c->tpm_mode <= CONF_TPM_PIPELINED && c->gate_workers <= 64 && c->gate_deadline_ms >= 100 &&
	     c->gate_deadline_ms <= 60000);
	must(memchr(c->policy, '\0', sizeof(c->policy)) && memchr(c->tpm_tcti, '\0', sizeof(c->tpm_tcti)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);
	struct parse_error e = { 0 };
	struct conf c, before;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';

	conf_defaults(&c);
	memcpy(&before, &c, sizeof(c));
	check(conf_parse(&c, (const char *)data, size, &e), &c, &before, &e);
	memcpy(&c, &before, sizeof(c));
	check(conf_parse_cmdline(&c, text, &e), &c, &before, &e);
	return 0;
}
