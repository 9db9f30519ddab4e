// SPDX-License-Identifier: GPL-2.0-or-later
/* What an overlay lies on, by what mountinfo says of it: whoever opens a file of a layer that is FUSE's asks its server. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <imad/mounts.h>
#include <imad/util.h>

#define DEPTH 2 /* an overlay on an overlay: the kernel stacks no more */

/* Undo mountinfo's octal escapes (\040 for a blank) in place. */
void mounts_unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*out++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* Cut the next folder off @folders, which are separated by colons; one in a name has a backslash before it. */
static char *next_folder(char **folders)
{
	char *folder = *folders, *out = folder, *in = folder;

	if (!folder)
		return NULL;
	while (*in && *in != ':') {
		if (*in == '\\' && in[1])
			in++;
		*out++ = *in++;
	}
	*folders = *in ? in + 1 : NULL;
	*out = '\0';
	return folder;
}

static bool is_layer(const char *option)
{
	return !strncmp(option, "lowerdir", 8) || !strncmp(option, "datadir", 7) || !strncmp(option, "upperdir", 8);
}

bool mounts_lies_on_fuse(char *options, unsigned int depth)
{
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *rest = NULL, *folders, *folder;
	bool fuse = false;

	for (char *o = strtok_r(options, ",\n", &rest); o && !fuse && depth < DEPTH; o = strtok_r(NULL, ",\n", &rest)) {
		folders = is_layer(o) ? strchr(o, '=') : NULL;
		if (!folders)
			continue;
		folders++;
		mounts_unescape(folders);
		while (!fuse && (folder = next_folder(&folders))) {
			cleanup_close int at = *folder ? mounts_walk(root, folder, (uint32_t)getpid()) : -1;

			/* Who does not come there without asking such a server has found one. */
			fuse = at == -EAGAIN || (at >= 0 && mounts_kind_deep(at, depth + 1) == MOUNTS_FUSE);
		}
	}
	return fuse;
}
