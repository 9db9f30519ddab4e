/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings on the kernel command line: imad=on|off and imad.KEY=VALUE. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "conf_priv.h"

struct boot_param {
	const char *name;
	size_t name_len;
	const char *value; /* NULL: no '=' */
	size_t value_len;
};

/*
 * Take the next parameter off *@p as the kernel's next_arg() does (lib/cmdline.c):
 * double quotes keep blanks together and can stand before the name or the value.
 */
static bool next_param(const char **p, struct boot_param *ret)
{
	const char *s = *p + strspn(*p, " \t\n\v\f\r"), *end, *equals = NULL;
	bool in_quote = *s == '"', quoted = in_quote;
	size_t cut;

	if (!*s)
		return false;
	s += quoted;
	for (end = s; *end && (in_quote || !isspace((unsigned char)*end)); end++) {
		if (*end == '=' && !equals && end > s)
			equals = end;
		if (*end == '"')
			in_quote = !in_quote;
	}
	*p = end;
	ret->name = s;
	ret->value = equals ? equals + 1 : NULL;
	if (equals && ret->value < end && *ret->value == '"') {
		ret->value++;
		quoted = true;
	}
	cut = quoted && end > (equals ? ret->value : s) && end[-1] == '"';
	ret->name_len = (size_t)((equals ? equals : end - cut) - s);
	ret->value_len = equals ? (size_t)(end - cut - ret->value) : 0;
	return true;
}

static bool name_is(const struct boot_param *p, const char *name)
{
	return p->name_len == strlen(name) && memcmp(p->name, name, p->name_len) == 0;
}

static const char *set_switch(struct conf *c, const char *value)
{
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		return "must be on or off";
	c->off = strcmp(value, "off") == 0;
	return NULL;
}

static int apply_param(struct conf *c, const struct boot_param *p, struct parse_error *reterr)
{
	static const char prefix[] = "imad.";
	char key[64], value[CONF_VALUE_MAX + 1];
	struct parse_error e;
	const char *why = NULL;
	bool ours = p->name_len >= sizeof(prefix) - 1 && memcmp(p->name, prefix, sizeof(prefix) - 1) == 0;

	if (!ours && !name_is(p, "imad"))
		return 0;
	if (!p->value)
		return conf_bad(reterr, 0, "value missing", p->name, p->name_len);
	if (p->name_len >= sizeof(key))
		return conf_bad(reterr, 0, "unknown key", p->name, p->name_len);
	if (p->value_len >= sizeof(value))
		return conf_bad(reterr, 0, "value longer than 255 bytes", p->name, p->name_len);
	(void)snprintf(key, sizeof(key), "%.*s", (int)p->name_len, p->name);
	(void)snprintf(value, sizeof(value), "%.*s", (int)p->value_len, p->value);

	if (!ours)
		why = set_switch(c, value);
	else if (conf_set(c, key + sizeof(prefix) - 1, value, &e) < 0)
		why = e.why;
	return why ? conf_bad(reterr, 0, why, p->name, p->name_len) : 0;
}

int conf_parse_cmdline(struct conf *c, const char *cmdline, struct parse_error *reterr)
{
	struct conf conf = *c;
	struct boot_param p;
	int r;

	/* What follows "--" is for init, not for the kernel and its modules. */
	while (next_param(&cmdline, &p) && !name_is(&p, "--")) {
		r = apply_param(&conf, &p, reterr);
		if (r < 0)
			return r;
	}
	*c = conf;
	return 0;
}
