// SPDX-License-Identifier: GPL-2.0-or-later
/* What the guard has to know: whether the hooks still fire, and which BPF objects there are. */
#include <fcntl.h>

#include <imad/util.h>

#include "hooks_priv.h"

int hooks_beat(struct hooks *h)
{
	struct imad_probe seen;
	int fd = hooks_open(h, AT_FDCWD, "/proc/self/stat", O_RDONLY, 0, &seen);

	if (fd < 0)
		return fd;
	close(fd);
	return seen.ino != 0; /* as it was asked, if nobody has answered */
}

struct tell {
	hooks_object_fn *fn;
	void *arg;
};

static int tell_link(void *arg, const char *name, const struct bpf_link *link)
{
	const struct tell *t = arg;

	(void)name;
	return link ? t->fn(t->arg, HOOKS_LINK, bpf_link__fd(link)) : 0;
}

int hooks_each_object(struct hooks *h, hooks_object_fn *fn, void *arg)
{
	struct tell t = { fn, arg };
	struct bpf_program *prog;
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_map(map, h->skel->obj)
		if (r >= 0 && bpf_map__fd(map) >= 0)
			r = fn(arg, HOOKS_MAP, bpf_map__fd(map));
	bpf_object__for_each_program(prog, h->skel->obj)
		if (r >= 0 && bpf_program__fd(prog) >= 0)
			r = fn(arg, HOOKS_PROG, bpf_program__fd(prog));
	return r < 0 ? r : programs_each_link(h, tell_link, &t);
}
