// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's text files, as far as imactl doctor needs them. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <imad/host.h>
#include <imad/util.h>

/* Copy @n bytes and a NUL. False: there is no room. */
static bool copy(char *ret, size_t size, const char *s, size_t n)
{
	if (n >= size)
		return false;
	memcpy(ret, s, n);
	ret[n] = '\0';
	return true;
}

bool host_list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *w = list; *w; w += strcspn(w, ",\n"), w += *w != '\0')
		if (strcspn(w, ",\n") == len && memcmp(w, word, len) == 0)
			return true;
	return false;
}

int host_chosen(const char *text, char *ret, size_t size)
{
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;

	return close && copy(ret, size, open + 1, (size_t)(close - open - 1)) ? 0 : -ENODATA;
}

/* Whether the @n bytes at @s are @name, '-' and '_' being one. */
static bool is_name(const char *s, size_t n, const char *name)
{
	if (n != strlen(name))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((s[i] == '-' ? '_' : s[i]) != (name[i] == '-' ? '_' : name[i]))
			return false;
	return true;
}

int host_param(const char *cmdline, const char *name, char *ret, size_t size)
{
	const char *s = cmdline;
	int r = -ENOENT;

	for (;;) {
		bool quoted = false;
		const char *end, *equals;
		size_t n;

		s += strspn(s, " \t\n");
		for (end = s; *end && (quoted || !strchr(" \t\n", *end)); end++)
			quoted ^= *end == '"';
		n = (size_t)(end - s);
		if (n == 0 || (n == 2 && memcmp(s, "--", 2) == 0))
			return r;
		equals = memchr(s, '=', n);
		if (is_name(s, equals ? (size_t)(equals - s) : n, name)) {
			const char *value = equals ? equals + 1 : end, *last = end;

			if (last - value >= 2 && *value == '"' && last[-1] == '"')
				value++, last--;
			if (!copy(ret, size, value, (size_t)(last - value)))
				return -ENAMETOOLONG;
			r = 0;
		}
		s = end;
	}
}

char host_config(const char *text, const char *option)
{
	size_t len = strlen(option);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, option, len) == 0 && line[len] == '=')
			return line[len + 1] == 'y' || line[len + 1] == 'm' ? line[len + 1] : 'n';
	}
	return 'n';
}

/* The field at @s without the kernel's \040; NULL: there is none. @ret may be NULL. */
static const char *take_field(const char *s, char *ret, size_t size)
{
	size_t n = strcspn(s, " \n"), len = 0;

	if (n == 0)
		return NULL;
	for (size_t i = 0; i < n && ret; len++) {
		char c = s[i++];

		if (c == '\\' && i + 3 <= n) {
			c = (char)((s[i] - '0') << 6 | (s[i + 1] - '0') << 3 | (s[i + 2] - '0'));
			i += 3;
		}
		if (len + 1 >= size)
			return NULL;
		ret[len] = c;
	}
	if (ret)
		ret[len] = '\0';
	return s + n + (s[n] == ' ');
}

/* "36 35 98:0 /root /mount/point rw,... [tags] - type source options" */
static int parse_mount(const char *line, struct host_mount *ret)
{
	const char *s = line;

	for (unsigned int i = 0; i < 4 && s; i++)
		s = take_field(s, NULL, 0);
	if (s)
		s = take_field(s, ret->at, sizeof(ret->at));
	while (s && *s != '-')
		s = take_field(s, NULL, 0);
	if (s)
		s = take_field(s, NULL, 0);
	if (s)
		s = take_field(s, ret->type, sizeof(ret->type));
	if (s)
		s = take_field(s, ret->source, sizeof(ret->source));
	return s ? 0 : -EBADMSG;
}

static bool is_below(const char *path, const char *at)
{
	size_t len = strlen(at);

	return strcmp(at, "/") == 0 || (strncmp(path, at, len) == 0 && (path[len] == '/' || !path[len]));
}

int host_mount(const char *mountinfo, const char *path, struct host_mount *ret)
{
	struct host_mount best, m;
	bool found = false;

	for (const char *line = mountinfo; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (parse_mount(line, &m) < 0)
			return -EBADMSG;
		/* The later of two at one place lies over the other. */
		if (is_below(path, m.at) && (!found || strlen(m.at) >= strlen(best.at))) {
			best = m;
			found = true;
		}
	}
	if (!found)
		return -ENOENT;
	*ret = best;
	return 0;
}

unsigned int host_ima_records(const char *ascii, unsigned int pcr)
{
	unsigned int n = 0;

	for (const char *line = ascii; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		size_t len = strcspn(line, "\n");
		char *after;

		if (strtoul(line, &after, 10) == pcr && after > line && *after == ' ' &&
		    !memmem(line, len, " boot_aggregate", strlen(" boot_aggregate")))
			n++;
	}
	return n;
}
