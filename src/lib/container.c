// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <imad/buf.h>
#include <imad/container.h>
#include <imad/util.h>

#define ID_LEN 64

/* Part of a text. */
struct span {
	const char *at;
	size_t len;
};

static bool cut_prefix(struct span *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->len <= n || memcmp(s->at, prefix, n) != 0)
		return false;
	s->at += n;
	s->len -= n;
	return true;
}

static bool cut_suffix(struct span *s, const char *suffix)
{
	size_t n = strlen(suffix);

	if (s->len <= n || memcmp(s->at + s->len - n, suffix, n) != 0)
		return false;
	s->len -= n;
	return true;
}

static bool is_id(const struct span *s)
{
	if (s->len != ID_LEN)
		return false;
	for (size_t i = 0; i < s->len; i++) {
		if (!strchr("0123456789abcdef", s->at[i]))
			return false;
	}
	return true;
}

/* "docker-" before an ID. Conmon's group, of who watches a container, is not that container's. */
static bool is_engine(const char *at, size_t len)
{
	return len > 1 && at[len - 1] == '-' && !memmem(at, len, "-conmon-", strlen("-conmon-"));
}

static bool find_id(struct span s, struct span *ret)
{
	bool scope = cut_suffix(&s, ".scope");
	size_t before = s.len > ID_LEN ? s.len - ID_LEN : 0;
	struct span id = { s.at + before, s.len - before };

	if (!is_id(&id) || (before && (!scope || !is_engine(s.at, before))))
		return false;
	*ret = id;
	return true;
}

static bool find_name(struct span s, struct span *ret)
{
	bool found = cut_prefix(&s, "lxc.payload.") || (cut_suffix(&s, ".scope") && cut_prefix(&s, "machine-")) ||
		     (cut_suffix(&s, ".service") && cut_prefix(&s, "systemd-nspawn@"));

	if (found)
		*ret = s;
	return found;
}

/* As systemd-escape --unescape. */
static int copy_unescaped(const struct span *s, char *ret, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < s->len; i++) {
		uint8_t byte = (uint8_t)s->at[i];

		if (byte == '\\' && s->len - i >= 4 && s->at[i + 1] == 'x' && hex_decode(s->at + i + 2, 2, &byte, 1) == 0)
			i += 3;
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		ret[n++] = (char)byte;
	}
	ret[n] = '\0';
	return 0;
}

int container_of_cgroup(const char *cgroup, char *ret, size_t size)
{
	size_t end = strlen(cgroup);

	while (end > 0) {
		const char *slash = memrchr(cgroup, '/', end);
		struct span part = { slash ? slash + 1 : cgroup, 0 }, found;

		part.len = (size_t)(cgroup + end - part.at);
		if (find_id(part, &found) || find_name(part, &found))
			return copy_unescaped(&found, ret, size);
		end = slash ? (size_t)(slash - cgroup) : 0;
	}
	return -ENOENT;
}
