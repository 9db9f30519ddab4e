// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The settings that BPF reads, and what is asked of it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include <imad/appraise.h>
#include <imad/log.h>
#include <imad/util.h>

#include "hooks_priv.h"

/* Magics that rules name and on which nothing can be measured: BPF need not look at the rules there. */
static void set_skips(struct imad_control *c, const struct policy *p)
{
	unsigned int n = 0;

	c->n_skip = 0;
	for (unsigned int i = 0; i < p->n_rules && n < IMAD_SKIP_MAX; i++)
		if ((p->rules[i].conds & IMAD_COND_FSMAGIC) && !policy_can_match_fs(p, p->rules[i].fsmagic, NULL, NULL))
			c->skip[n++] = p->rules[i].fsmagic;
	__atomic_store_n(&c->n_skip, n, __ATOMIC_RELEASE);
}

static uint32_t file_masks(const struct policy *p)
{
	uint32_t masks = 0;

	for (unsigned int i = 0; i < p->n_rules; i++) {
		const struct imad_rule *r = &p->rules[i];

		if (!(r->action & IMAD_ACTION_DO) || ((r->conds & IMAD_COND_FUNC) && r->func != IMAD_FILE_CHECK))
			continue;
		masks |= r->conds & (IMAD_COND_MASK | IMAD_COND_INMASK) ? r->mask : ~0u;
	}
	return masks;
}

/* The names of that half, in place of those that it had two policies ago. */
static int fill_names(struct hooks *h, const struct policy *p, uint32_t half)
{
	int fd = bpf_map__fd(h->skel->maps.names), r = 0;
	struct imad_name_key key, next;
	void *from = NULL;

	while (bpf_map_get_next_key(fd, from, &next) == 0) {
		if (from && key.half == half)
			(void)bpf_map_delete_elem(fd, &key);
		key = next;
		from = &key;
	}
	if (from && key.half == half)
		(void)bpf_map_delete_elem(fd, &key);
	for (unsigned int i = 0; i < p->n_names && r == 0; i++) {
		uint64_t bit = 1ull << i;

		memset(&key, 0, sizeof(key));
		key.half = half;
		snprintf(key.name, sizeof(key.name), "%s", p->names[i]);
		r = bpf_map_update_elem(fd, &key, &bit, BPF_ANY);
	}
	return r;
}

/* Rules and zeroed hits in the half of the tables that no program looks at. 0 or negative errno. */
static int fill_half(struct hooks *h, const struct policy *p, uint32_t half)
{
	int rules = bpf_map__fd(h->skel->maps.rules), hits = bpf_map__fd(h->skel->maps.hits);
	int cpus = libbpf_num_possible_cpus(), r = cpus < 0 ? cpus : 0;
	cleanup_free uint64_t *zeros = calloc(cpus > 0 ? cpus : 1, sizeof(*zeros));

	if (!zeros)
		return -ENOMEM;
	for (unsigned int i = 0; i < p->n_rules && r == 0; i++) {
		uint32_t key = half * IMAD_RULES_MAX + i;

		r = bpf_map_update_elem(rules, &key, &p->rules[i], BPF_ANY);
		if (r == 0)
			r = bpf_map_update_elem(hits, &key, zeros, BPF_ANY);
	}
	if (r == 0)
		r = fill_names(h, p, half);
	return r == 0 ? labels_fill(h, p, half) : r;
}

void hooks_set_appraise(struct hooks *h, enum imad_appraise mode)
{
	h->skel->bss->control.appraise = mode;
}

void hooks_set_evm(struct hooks *h, enum imad_appraise mode)
{
	h->skel->bss->control.evm = mode;
}

int hooks_protect_labels(struct hooks *h)
{
	if (!bpf_program__autoload(h->skel->progs.imad_setxattr))
		return -EOPNOTSUPP;
	h->skel->bss->control.protect_labels = 1;
	return 0;
}

void hooks_label_thread(struct hooks *h, uint32_t tid)
{
	h->skel->bss->control.label_tid = tid;
}

unsigned int hooks_idle_half(const struct hooks *h)
{
	return !(h->skel->bss->control.rules >> 16);
}

#define FUNCS_KERNEL                                                       \
	(POLICY_FUNC_BIT(MODULE_CHECK) | POLICY_FUNC_BIT(FIRMWARE_CHECK) | \
	 POLICY_FUNC_BIT(KEXEC_KERNEL_CHECK) | POLICY_FUNC_BIT(KEXEC_INITRAMFS_CHECK))

/* What every rule asks together: a label that passes with that need not be judged by the rules at each use. */
static void set_strict(struct imad_control *c, const struct policy *p)
{
	uint32_t opts = 0, algos = ~0u, setxattr = 0, denied = 0;

	for (unsigned int i = 0; i < p->n_rules; i++) {
		const struct imad_rule *r = &p->rules[i];

		opts |= r->opts; /* options spread to whatever matches the same use */
		if (r->action != IMAD_APPRAISE)
			continue;
		if (r->func == IMAD_SETXATTR_CHECK && (r->conds & IMAD_COND_FUNC)) {
			if (!setxattr && r->algos) /* the first one counts */
				c->setxattr_rule = (c->rules >> 16) * IMAD_RULES_MAX + i + 1;
			setxattr = setxattr ? setxattr : r->algos;
			continue;
		}
		if (r->algos)
			algos &= r->algos;
		if (!(r->conds & IMAD_COND_FUNC))
			continue;
		if (!(denied & 1u << r->func))
			c->load_rule[r->func] = (c->rules >> 16) * IMAD_RULES_MAX + i + 1;
		denied |= 1u << r->func;
	}
	c->strict = 0;
	c->strict_opts = opts;
	c->strict_algos = algos;
	c->setxattr_algos = c->appraise == IMAD_APPRAISE_OFF ? 0 : setxattr;
	c->kernel_appraised = c->appraise != IMAD_APPRAISE_OFF && (denied & FUNCS_KERNEL);
	c->load_denied = c->appraise == IMAD_APPRAISE_ENFORCE ? denied : 0;
	/* What digest_type=verity passes fails without it: no label passes with all rules. */
	c->strict = !(c->strict_opts & IMAD_OPT_VERITY);
}

static void summarize(const struct imad_control *c, const struct policy *p, struct policy_summary *ret)
{
	policy_summarize(p, ret);
	if (c->appraise != IMAD_APPRAISE_OFF)
		return;
	ret->classes &= ~IMAD_APPRAISE;
	ret->all_slots &= ~IMAD_SLOT_APPRAISE;
	ret->appraises_opens = ret->appraises_programs = false;
}

int hooks_set_policy(struct hooks *h, const struct policy *p)
{
	struct imad_control *c = &h->skel->bss->control;
	uint32_t half = !(c->rules >> 16);
	struct policy_summary sum;
	int r = pins_stamp(h, p);

	if (r == 0)
		r = fill_half(h, p, half);
	summarize(c, p, &sum);
	if (r == 0)
		r = programs_attach(h, programs_needed(h, &sum, p));
	if (r == 0)
		r = pins_follow(h);
	if (r < 0)
		return r;
	/* More of the facts, then the rules that ask for them, then the new epoch. */
	c->n_skip = 0;
	c->strict = 0;
	c->opens_appraised |= sum.appraises_opens;
	c->masks = ~0u;
	c->conds |= sum.conds;
	c->funcs |= sum.funcs;
	c->classes |= sum.classes;
	c->all_slots |= sum.all_slots;
	c->modsig_slots |= sum.modsig_slots;
	__atomic_store_n(&c->rules, half << 16 | p->n_rules, __ATOMIC_RELEASE);
	c->probe_labels = half;
	hooks_new_epoch(h);
	c->conds = sum.conds;
	c->funcs = sum.funcs;
	c->classes = sum.classes;
	c->all_slots = sum.all_slots;
	c->modsig_slots = sum.modsig_slots;
	c->masks = file_masks(p);
	c->opens_appraised = sum.appraises_opens;
	set_skips(c, p);
	set_strict(c, p);
	programs_detach_except(h, programs_needed(h, &sum, p));
	(void)pins_follow(h); /* only unpins */
	return 0;
}

void hooks_hits(struct hooks *h, uint64_t *ret, unsigned int n)
{
	uint32_t half = h->skel->bss->control.rules >> 16;
	int fd = bpf_map__fd(h->skel->maps.hits), cpus = libbpf_num_possible_cpus();
	cleanup_free uint64_t *percpu = calloc(cpus > 0 ? cpus : 1, sizeof(*percpu));

	for (unsigned int i = 0; i < n; i++) {
		uint32_t key = half * IMAD_RULES_MAX + i;

		ret[i] = 0;
		if (!percpu || cpus <= 0 || bpf_map_lookup_elem(fd, &key, percpu) < 0)
			continue;
		for (int cpu = 0; cpu < cpus; cpu++)
			ret[i] += percpu[cpu];
	}
}

void hooks_activate(struct hooks *h, enum imad_hold hold, unsigned int hash)
{
	struct imad_control *c = &h->skel->bss->control;

	c->hold = hold;
	c->hash = hash;
	__atomic_store_n(&c->active, 1, __ATOMIC_RELEASE);
}

void hooks_hold_opens(struct hooks *h)
{
	h->skel->bss->control.hold = IMAD_HOLD_OPEN;
}

uint32_t hooks_epoch(const struct hooks *h)
{
	return __atomic_load_n(&h->skel->bss->control.epoch, __ATOMIC_ACQUIRE);
}

uint64_t hooks_untold(const struct hooks *h)
{
	return __atomic_load_n(&h->skel->bss->untold, __ATOMIC_RELAXED);
}

uint32_t hooks_load_rule(const struct hooks *h, unsigned int func)
{
	return func < IMAD_FUNC_COUNT ? __atomic_load_n(&h->skel->bss->control.load_rule[func], __ATOMIC_RELAXED) : 0;
}

void hooks_new_epoch(struct hooks *h)
{
	(void)__atomic_add_fetch(&h->skel->bss->control.epoch, 1, __ATOMIC_ACQ_REL);
}

void hooks_new_trust(struct hooks *h)
{
	__atomic_store_n(&h->skel->bss->control.trust_epoch, hooks_epoch(h) + 1, __ATOMIC_RELEASE);
	hooks_new_epoch(h);
}

uint32_t hooks_trust_epoch(const struct hooks *h)
{
	return __atomic_load_n(&h->skel->bss->control.trust_epoch, __ATOMIC_ACQUIRE);
}

int hooks_state(struct hooks *h, int fd, struct imad_gen *gen, bool *has_gen, struct imad_verdict *verdict)
{
	int r;

	memset(gen, 0, sizeof(*gen));
	memset(verdict, 0, sizeof(*verdict));
	r = bpf_map_lookup_elem(bpf_map__fd(h->skel->maps.generations), &fd, gen);
	if (r < 0 && r != -ENOENT)
		return r;
	*has_gen = r == 0;
	r = bpf_map_lookup_elem(bpf_map__fd(h->skel->maps.verdicts), &fd, verdict);
	if (r == 0 && !imad_is_trusted(verdict->found_epoch, h->skel->bss->control.trust_epoch))
		verdict->done &= ~IMAD_SLOT_APPRAISE;
	return r == -ENOENT ? 0 : r;
}

int hooks_publish(struct hooks *h, int fd, const struct imad_verdict *verdict)
{
	int r, tries = 0;

	do /* the first element of an inode can lose a race: the kernel says try again */
		r = bpf_map_update_elem(bpf_map__fd(h->skel->maps.verdicts), &fd, verdict, BPF_ANY);
	while (r == -EAGAIN && tries++ < 16);
	return r;
}

void hooks_tell_open(struct hooks *h, uint32_t tid, uint32_t found)
{
	int held = bpf_map__fd(h->skel->maps.held), opens = bpf_map__fd(h->skel->maps.opens);
	struct imad_open o;
	uint64_t file;

	if (bpf_map_lookup_elem(held, &tid, &file) < 0 || bpf_map_lookup_elem(opens, &file, &o) < 0 || o.found)
		return;
	o.found = found | IMAD_FOUND_KNOWN;
	(void)bpf_map_update_elem(opens, &file, &o, BPF_EXIST); /* its thread is held: it cannot go before this */
}

/* @probe: what is asked, then the answer. */
static int open_asking(struct hooks *h, int dirfd, const char *path, int flags, struct imad_probe *probe)
{
	uint32_t tid = (uint32_t)syscall(SYS_gettid);
	int probes = bpf_map__fd(h->skel->maps.probes), fd, r;

	r = bpf_map_update_elem(probes, &tid, probe, BPF_ANY);
	if (r < 0)
		return r;
	fd = openat(dirfd, path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_LARGEFILE);
	r = fd < 0 ? -errno : bpf_map_lookup_elem(probes, &tid, probe);
	(void)bpf_map_delete_elem(probes, &tid);
	if (r == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return r;
}

int hooks_open(struct hooks *h, int dirfd, const char *path, int flags, uint64_t written, struct imad_probe *probe)
{
	*probe = (struct imad_probe){ .written = written };
	return open_asking(h, dirfd, path, flags, probe);
}

int hooks_made_anew(struct hooks *h, int fd, uint64_t written, uint64_t vouched)
{
	struct imad_probe probe = { .written = written, .vouched = vouched };
	char link[32];
	int again;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	again = open_asking(h, AT_FDCWD, link, O_RDONLY, &probe);
	if (again < 0)
		return again;
	close(again);
	return 0;
}

int hooks_set_gated(struct hooks *h, uint32_t s_dev, bool gated)
{
	int fd = bpf_map__fd(h->skel->maps.gated), r;
	uint32_t one = 1;

	if (gated)
		return bpf_map_update_elem(fd, &s_dev, &one, BPF_ANY);
	r = bpf_map_delete_elem(fd, &s_dev);
	return r == -ENOENT ? 0 : r;
}

bool hooks_is_gated(const struct hooks *h, uint32_t s_dev)
{
	uint32_t one;

	return bpf_map_lookup_elem(bpf_map__fd(h->skel->maps.gated), &s_dev, &one) == 0;
}

void hooks_counters(struct hooks *h, struct imad_counters *ret)
{
	int n = libbpf_num_possible_cpus();
	cleanup_free struct imad_counters *percpu = calloc(n > 0 ? n : 1, sizeof(*percpu));
	uint32_t zero = 0;

	memset(ret, 0, sizeof(*ret));
	if (!percpu || n <= 0 || bpf_map_lookup_elem(bpf_map__fd(h->skel->maps.counters), &zero, percpu) < 0)
		return;
	for (int i = 0; i < n; i++) {
#define ADD(name, text) ret->name += percpu[i].name;
		IMAD_COUNTERS(ADD)
#undef ADD
	}
}
