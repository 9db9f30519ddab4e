/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and deny list as imad would read them: the same settings, the same reader. */
#include <fcntl.h>
#include <string.h>

#include <imad/conf.h>
#include <imad/keydir.h>

#include "imactl.h"

#define CONF_PATH IMAD_SYSCONFDIR "/imad.conf"
#define CMDLINE_MAX 8192

bool trust_option(struct trust_options *o, int c, char *value)
{
	const char **to[] = { &o->config, &o->dir, &o->ca, &o->deny };

	if (c < 1001 || c > 1004)
		return false;
	*to[c - 1001] = value;
	return true;
}

/* A small text file, NUL-terminated; its size or negative errno. */
static ssize_t read_text(const char *path, size_t max, char **ret)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	cleanup_free char *text = malloc(max + 1);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (text && len < max && (n = read(fd, text + len, max - len)) > 0)
		len += (size_t)n;
	if (!text || n < 0)
		return text ? -errno : -ENOMEM;
	if (len == max)
		return -EFBIG;
	text[len] = '\0';
	*ret = take_ptr(text);
	return (ssize_t)len;
}

static int read_config(const char *given, struct conf *c)
{
	const char *path = given ? given : CONF_PATH;
	cleanup_free char *text = NULL;
	ssize_t n = read_text(path, CONF_TEXT_MAX + 1, &text);
	struct parse_error e = { 0 };
	int r;

	if (n == -ENOENT && !given)
		return IMACTL_OK;
	if (n < 0)
		return complain(IMACTL_UNCHECKED, "cannot read the configuration '%s': %s", path, strerror((int)-n));
	r = conf_parse(c, text, (size_t)n, &e);
	return r < 0 ? complain(IMACTL_UNCHECKED, "%s, line %u: %s: '%s'", path, e.line, e.why ? e.why : strerror(-r), e.token) :
		       IMACTL_OK;
}

static int read_cmdline(struct conf *c)
{
	cleanup_free char *text = NULL;
	struct parse_error e = { 0 };

	if (read_text("/proc/cmdline", CMDLINE_MAX, &text) < 0 || conf_parse_cmdline(c, text, &e) == 0)
		return IMACTL_OK;
	return complain(IMACTL_UNCHECKED, "kernel command line: %s: '%s'", e.why, e.token);
}

static void tell_nobody(void *arg, const char *path, const char *why)
{
	(void)arg, (void)path, (void)why;
}

int trust_read(const struct trust_options *o, void (*told)(void *arg, const char *path, const char *why), void *arg,
	       struct trust **ret)
{
	struct keydir_places places;
	struct keydir_error e = { "" };
	struct conf c;
	int code;

	conf_defaults(&c);
	code = read_config(o->config, &c);
	if (code == IMACTL_OK)
		code = read_cmdline(&c);
	if (code != IMACTL_OK)
		return code;
	places = (struct keydir_places){
		.dir = o->dir ? o->dir : c.keys_dir,
		.ca = o->ca ? o->ca : c.keys_ca,
		.deny = o->deny ? o->deny : c.keys_deny,
	};
	/* What the settings name need not be there; what was asked for must. */
	if (o->dir && access(o->dir, R_OK | X_OK) < 0)
		return complain(IMACTL_UNCHECKED, "%s: %s", o->dir, strerror(errno));
	if (o->deny && o->deny[0] && access(o->deny, F_OK) < 0)
		return complain(IMACTL_UNCHECKED, "%s: %s", o->deny, strerror(errno));
	return keydir_load(&places, told ? told : tell_nobody, arg, ret, &e) < 0 ? complain(IMACTL_UNCHECKED, "%s", e.text) :
										   IMACTL_OK;
}
