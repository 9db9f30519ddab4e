// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What BPF needs to know to see the labels of SELinux and Smack: where they hang, and which of
 * them the policy asks for. What it makes of SELinux's own tables is tried before it is believed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <imad/log.h>
#include <imad/util.h>

#include "hooks_priv.h"

#define TRY_HALF 2 /* of what is there for each half of the table of rules */

static const struct {
	const char *name, *sizes, *state; /* in the kernel's list, and its symbols */
} modules[] = {
	[IMAD_LSM_SELINUX] = { "selinux", "selinux_blob_sizes", "selinux_state" },
	[IMAD_LSM_SMACK] = { "smack", "smack_blob_sizes", NULL },
};

enum imad_lsm hooks_lsm(void)
{
	cleanup_close int fd = open("/sys/kernel/security/lsm", O_RDONLY | O_CLOEXEC);
	char words[256], *save = NULL;
	ssize_t n = fd < 0 ? -1 : read(fd, words, sizeof(words) - 1);

	if (n < 0)
		return IMAD_LSM_NONE;
	words[n] = '\0';
	for (char *w = strtok_r(words, ",\n", &save); w; w = strtok_r(NULL, ",\n", &save))
		for (unsigned int i = IMAD_LSM_SELINUX; i < ARRAY_SIZE(modules); i++)
			if (!strcmp(w, modules[i].name))
				return i;
	return IMAD_LSM_NONE;
}

enum imad_lsm hooks_labels(const struct hooks *h)
{
	return h->lsm;
}

/* Addresses of the kernel's own symbols; 0 for those that it does not tell. */
static void find_symbols(const char *const names[2], uint64_t ret[2])
{
	FILE *f = fopen("/proc/kallsyms", "re");
	unsigned long long address;
	char line[512], name[256];

	ret[0] = ret[1] = 0;
	while (f && fgets(line, sizeof(line), f) && !(ret[0] && (ret[1] || !names[1])))
		for (unsigned int i = 0; i < 2; i++)
			if (names[i] && strstr(line, names[i]) && !strchr(line, '[') &&
			    sscanf(line, "%llx %*c %255s", &address, name) == 2 && !strcmp(name, names[i]))
				ret[i] = address;
	if (f)
		fclose(f);
}

void labels_find(struct hooks *h)
{
	struct imad_control *c = &h->skel->bss->control;
	enum imad_lsm lsm = hooks_lsm();
	const char *const names[2] = { modules[lsm].sizes, modules[lsm].state };
	struct imad_probe probe;
	uint64_t addresses[2];
	int fd;

	if (lsm == IMAD_LSM_NONE)
		return;
	find_symbols(names, addresses);
	if (!addresses[0] || (names[1] && !addresses[1])) {
		log_msg(LOG_WARNING, "labels of %s cannot be seen: the kernel does not tell where %s is (CONFIG_KALLSYMS_ALL)",
			modules[lsm].name, addresses[0] ? names[1] : names[0]);
		return;
	}
	c->selinux_state = addresses[1];
	c->lsm_sizes = addresses[0];
	fd = hooks_open(h, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0, &probe); /* BPF takes the sizes */
	if (fd >= 0)
		close(fd);
	if (fd < 0 || c->lsm_sizes) {
		log_msg(LOG_WARNING, "labels of %s cannot be seen: BPF was not asked", modules[lsm].name);
		return;
	}
	h->lsm = c->lsm = lsm;
}

static void forget_names(int fd, uint32_t half)
{
	struct imad_label_name key, next;
	bool have = false;

	while (bpf_map_get_next_key(fd, have ? &key : NULL, &next) == 0) {
		if (have && key.half == half)
			(void)bpf_map_delete_elem(fd, &key);
		key = next;
		have = true;
	}
	if (have && key.half == half)
		(void)bpf_map_delete_elem(fd, &key);
}

/* That a label with @text in @field fulfils these conditions, too. 0 or negative errno. */
static int add_name(int fd, uint32_t half, uint32_t field, const char *text, uint32_t bits)
{
	struct imad_label_name key = { .half = half, .field = field };
	uint32_t all;

	snprintf(key.text, sizeof(key.text), "%s", text);
	if (bpf_map_lookup_elem(fd, &key, &all) == 0)
		bits |= all;
	return bpf_map_update_elem(fd, &key, &bits, BPF_ANY);
}

/* Before anybody looks at that half: nothing that was kept for an older policy counts in it. */
static void begin_half(struct imad_control *c, uint32_t half, uint32_t object, uint32_t subject)
{
	uint32_t newest = 0; /* what was kept may have been kept for a daemon that is dead */

	for (unsigned int i = 0; i < ARRAY_SIZE(c->labels_gen); i++)
		newest = MAX(newest, c->labels_gen[i]);
	c->labels_gen[half] = newest + 1;
	c->object_labels[half] = object;
	c->subject_labels[half] = subject;
}

/* Its own context, as BPF sees it, against what SELinux says: whether BPF finds its way to the names. */
static bool understands_selinux(struct hooks *h)
{
	struct imad_control *c = &h->skel->bss->control;
	int names = bpf_map__fd(h->skel->maps.label_names), fd, r = 0;
	cleanup_close int attr = open("/proc/thread-self/attr/current", O_RDONLY | O_CLOEXEC);
	uint32_t before = c->probe_labels, field = 0;
	char context[1024], *rest = context, *part;
	ssize_t n = attr < 0 ? -1 : read(attr, context, sizeof(context) - 1);
	struct imad_probe probe;

	if (n < 0)
		return false;
	context[n] = '\0';
	if (!strchr(context, ':')) /* SELinux has no policy yet */
		return true;
	forget_names(names, TRY_HALF);
	begin_half(c, TRY_HALF, 0, ~0u);
	while (field < IMAD_LABEL_FIELDS && r == 0 && (part = strsep(&rest, ":"))) {
		r = add_name(names, TRY_HALF, field, part, 1u << field);
		field++;
	}
	c->probe_labels = TRY_HALF;
	fd = hooks_open(h, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0, &probe);
	c->probe_labels = before;
	if (fd >= 0)
		close(fd);
	return r == 0 && fd >= 0 && probe.subject && probe.object && probe.facts.labels == (1u << IMAD_LABEL_FIELDS) - 1;
}

/* SELinux's policy may have come since the last time. */
static void try_labels(struct hooks *h)
{
	if (h->lsm != IMAD_LSM_SELINUX || understands_selinux(h))
		return;
	log_msg(LOG_ERR, "SELinux in this kernel is not laid out as imad knows it: obj_* and subj_* match nothing");
	h->lsm = h->skel->bss->control.lsm = IMAD_LSM_NONE;
}

int labels_fill(struct hooks *h, const struct policy *p, uint32_t half)
{
	int fd = bpf_map__fd(h->skel->maps.label_names), r = 0;
	uint32_t object = 0, subject = 0;

	forget_names(fd, half);
	if (p->n_labels)
		try_labels(h);
	for (unsigned int i = 0; i < p->n_labels && r == 0; i++) {
		const struct policy_label *l = &p->labels[i];

		*(policy_label_of_object(l->kind) ? &object : &subject) |= 1u << i;
		r = add_name(fd, half, policy_label_field(l->kind), l->value, 1u << i);
		if (r == 0 && *l->known_as)
			r = add_name(fd, half, policy_label_field(l->kind), l->known_as, 1u << i);
	}
	begin_half(&h->skel->bss->control, half, object, subject);
	return r;
}
