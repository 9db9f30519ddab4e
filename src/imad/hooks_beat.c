// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether the hooks still fire: one switch of the kernel's takes all of them away without a word. */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include <imad/util.h>

#include "hooks_priv.h"

int hooks_beat(struct hooks *h)
{
	struct imad_probe blank, seen;
	cleanup_close int fd = -1;
	uint32_t zero = 0;
	int r;

	memset(&blank, 0, sizeof(blank));
	blank.dev = ~0u; /* no file system has it */
	pthread_mutex_lock(&h->probe_lock);
	r = bpf_map_update_elem(bpf_map__fd(h->skel->maps.probe), &zero, &blank, BPF_ANY);
	h->skel->bss->control.probe_written = 0;
	__atomic_store_n(&h->skel->bss->control.probe_tid, (uint32_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	if (r == 0)
		r = fd < 0 ? -errno : bpf_map_lookup_elem(bpf_map__fd(h->skel->maps.probe), &zero, &seen);
	__atomic_store_n(&h->skel->bss->control.probe_tid, 0, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&h->probe_lock);
	if (r < 0)
		return r;
	return seen.dev == blank.dev ? 0 : 1;
}
