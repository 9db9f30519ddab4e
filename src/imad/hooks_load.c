// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Owns the skeleton, from load to detach. libbpf's messages are
 * kept quiet unless debugging; its error codes end here.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <imad/bpfcost.h>
#include <imad/log.h>
#include <imad/util.h>

#include "hooks_priv.h"

/* A line a message: what the verifier says is many, and the last ones tell why. */
static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	cleanup_free char *text = NULL;
	char *save = NULL;

	if (level == LIBBPF_DEBUG || vasprintf(&text, fmt, ap) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_msg(LOG_DEBUG, "%s", line);
	return 0;
}

/* False only if the kernel says so: without securityfs the load itself will tell. */
static bool bpf_lsm_is_listed(char *list, size_t size)
{
	cleanup_close int fd = open("/sys/kernel/security/lsm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, list, size - 1);
	char words[256], *save = NULL;

	if (n < 0)
		return true;
	list[n] = '\0';
	list[strcspn(list, "\n")] = '\0';
	snprintf(words, sizeof(words), "%s", list);
	for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save))
		if (!strcmp(w, "bpf"))
			return true;
	return false;
}

static void empty(const struct bpf_map *map)
{
	int fd = bpf_map__fd(map);
	uint32_t key;

	while (bpf_map_get_next_key(fd, NULL, &key) == 0 && bpf_map_delete_elem(fd, &key) == 0)
		;
}

/* Marks, answers and questions were the dead daemon's: nothing may count on them. */
static void forget_gates(struct hooks *h)
{
	empty(h->skel->maps.gated);
	empty(h->skel->maps.probes);
}

/* Who we are: exempt, and known again when our program is executed next. */
static int introduce(struct hooks *h)
{
	int r;

	h->skel->bss->control.tgid = getpid();
	r = programs_own(h, "/proc/self/exe");
	return r < 0 ? log_errno(LOG_ERR, r, "cannot open imad's own program") : 0;
}

static int load(struct hooks *h, bool evm, const struct policy *p)
{
	char list[256];
	int r;

	if (!bpf_lsm_is_listed(list, sizeof(list)))
		return log_errno(LOG_ERR, -EOPNOTSUPP,
				 "BPF LSM is not active: add lsm=%s,bpf to the kernel command line", list);
	h->skel = imad_bpf__open();
	if (!h->skel)
		return log_errno(LOG_ERR, -errno, "cannot open the BPF object");
	h->skel->rodata->with_evm = evm;
	r = programs_choose(h->skel, evm ? 0 : NEED_EVM);
	if (r == 0)
		r = pins_adopt(h, p);
	if (r < 0)
		return r;
	r = imad_bpf__load(h->skel);
	if (r == -EOPNOTSUPP)
		return log_errno(LOG_ERR, r, "BPF LSM is not active: add bpf to lsm= on the kernel command line");
	if (r < 0)
		return log_errno(LOG_ERR, r, "the kernel refused the BPF programs (imad needs root and BPF LSM)");
	bpfcost_tell(h->skel->obj, "imad");
	h->skel->bss->control.creds_final = bpf_program__autoload(h->skel->progs.imad_bprm_creds);
	h->skel->bss->control.post_open = bpf_program__autoload(h->skel->progs.imad_file_post_open);
	if (h->adopted)
		forget_gates(h);
	else
		r = programs_attach_always(h);
	if (r == 0)
		r = introduce(h);
	if (r < 0)
		return r;
	r = ring_open(h);
	if (r < 0)
		return r;
	labels_find(h);
	return 0;
}

int hooks_new(uint64_t settings, bool evm, const struct policy *p, struct hooks **ret)
{
	cleanup(hooks_freep) struct hooks *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	libbpf_set_print(print_libbpf);
	h->settings = settings;
	r = pins_open(h);
	if (r == 0)
		r = load(h, evm, p);
	if (r < 0)
		return r;
	*ret = take_ptr(h);
	return 0;
}

void hooks_free(struct hooks *h)
{
	if (!h)
		return;
	ring_close(h);
	pins_close(h);
	if (h->skel)
		programs_detach_except(h, 0);
	imad_bpf__destroy(h->skel);
	free(h);
}

void hooks_freep(struct hooks **h)
{
	hooks_free(*h);
}
