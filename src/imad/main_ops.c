// SPDX-License-Identifier: GPL-2.0-or-later
/* Adapters: what the engine, the gate and the mounts ask for, answered by the kernel rooms. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <imad/appraise.h>
#include <imad/audit.h>
#include <imad/digest.h>
#include <imad/file.h>
#include <imad/finder.h>
#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define OVERLAYFS_MAGIC 0x794c7630

static bool is_overlay(int fd)
{
	struct statfs s;

	return fstatfs(fd, &s) == 0 && s.f_type == OVERLAYFS_MAGIC;
}

static int op_state(void *arg, int fd, struct imad_gen *gen, bool *has_gen, struct imad_verdict *verdict)
{
	return hooks_state(((struct daemon *)arg)->hooks, fd, gen, has_gen, verdict);
}

static int op_publish(void *arg, int fd, const struct imad_verdict *verdict)
{
	return hooks_publish(((struct daemon *)arg)->hooks, fd, verdict);
}

static uint32_t op_epoch(void *arg)
{
	return hooks_epoch(((struct daemon *)arg)->hooks);
}

static int op_ignore(void *arg, int fd, bool survive)
{
	return gate_ignore(((struct daemon *)arg)->gate, fd, is_overlay(fd), survive);
}

static void op_regard(void *arg, int fd)
{
	gate_regard(((struct daemon *)arg)->gate, fd, is_overlay(fd));
}

int daemon_probe(struct daemon *d, int fd, uint64_t written, struct imad_probe *ret)
{
	char link[32];
	int again;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	again = hooks_open(d->hooks, AT_FDCWD, link, O_RDONLY, written, ret);
	if (again < 0)
		return again;
	close(again);
	return 0;
}

/* A path longer than PATH_MAX: IMA's name is the last component, and only BPF can tell that one. */
int daemon_name_of(struct daemon *d, int fd, char *ret)
{
	struct imad_probe probe;
	int r = file_name(fd, ret);

	if (r != -ENAMETOOLONG)
		return r;
	r = daemon_probe(d, fd, 0, &probe);
	if (r < 0)
		return r;
	memcpy(ret, probe.name, strnlen(probe.name, sizeof(probe.name) - 1) + 1);
	return 0;
}

static void op_regard_all(void *arg)
{
	gate_regard_all(((struct daemon *)arg)->gate);
}

static void op_new_epoch(void *arg)
{
	hooks_new_epoch(((struct daemon *)arg)->hooks);
}

static void op_new_trust(void *arg)
{
	hooks_new_trust(((struct daemon *)arg)->hooks);
}

static int op_install(void *arg, const struct policy *p)
{
	return hooks_set_policy(((struct daemon *)arg)->hooks, p);
}

/* It is still there, perhaps, but somebody is removing it. */
static bool label_goes(struct daemon *d, int fd)
{
	struct imad_verdict unused;
	struct imad_gen g;
	bool has_gen;

	return hooks_state(d->hooks, fd, &g, &has_gen, &unused) == 0 && has_gen && (g.flags & IMAD_GEN_UNLABELLED);
}

/* Add what is not there yet; returns where it is. */
static unsigned int add_algo(const struct algo **algos, unsigned int *n, const struct algo *algo)
{
	for (unsigned int i = 0; i < *n; i++)
		if (algos[i] == algo)
			return i;
	algos[*n] = algo;
	return (*n)++;
}

static void note_finding(struct daemon *d, const struct trust *trust, int fd, const struct engine_content *content,
			 const struct finder *label, const struct digest *digests, unsigned int n)
{
	struct finding found;

	daemon_describe(trust, fd, content->name, label, content->found, digests, n, &found);
	failures_found(d->failures, &found);
}

static int collect(struct daemon *d, void *scratch, int fd, unsigned int needs, const struct digest *digest,
		   struct engine_content *ret)
{
	const struct algo *algos[ALGO_COUNT] = { d->hash }, *wanted[ALGO_COUNT];
	cleanup(trust_unrefp) struct trust *trust = daemon_trust(d);
	cleanup(finder_done) struct finder label = { 0 };
	unsigned int n = 1, n_wanted = 0, sha1 = 0;
	struct digest digests[ALGO_COUNT];
	int r;

	_Static_assert(ENGINE_NAME_MAX >= FILE_NAME_MAX && ENGINE_SIG_MAX >= FILE_LABEL_MAX, "buffers");
	r = daemon_name_of(d, fd, ret->name);
	if (r == 0 && (needs & ENGINE_LABEL) && !label_goes(d, fd))
		r = finder_read(fd, &label);
	if (r < 0)
		return r;
	ret->sig_len = file_label(fd, ret->sig, &algos[0]);
	if (needs & ENGINE_SHA1)
		sha1 = add_algo(algos, &n, algo_by_id(ALGO_SHA1));
	if (needs & ENGINE_LABEL)
		n_wanted = finder_needs(trust, &label, wanted);
	for (unsigned int i = 0; i < n_wanted; i++)
		(void)add_algo(algos, &n, wanted[i]);
	if (!(needs & ENGINE_DIGEST) && !n_wanted)
		n = 0;
	if (n == 1 && digest && digest->algo == algos[0]->id)
		digests[0] = *digest;
	else
		r = n ? file_hash(scratch, fd, algos, n, digests) : 0;
	if (r < 0)
		return r;
	if (n)
		ret->digest = digests[0];
	if (needs & ENGINE_SHA1)
		ret->digest_sha1 = digests[sha1];
	if (needs & ENGINE_LABEL) {
		ret->found = finder_found(trust, fd, &label, digests, n, &ret->denied);
		ret->found = daemon_evm_find(d, trust, fd, ret->found);
		note_finding(d, trust, fd, ret, &label, digests, n);
	}
	return 0;
}

static int op_collect(void *arg, void *scratch, int fd, unsigned int needs, const struct digest *digest,
		      struct engine_content *ret)
{
	struct daemon *d = arg;
	uint32_t epoch = hooks_epoch(d->hooks);
	int r = collect(d, scratch, fd, needs, digest, ret);

	if (r == 0)
		r = daemon_collect_beside(d, scratch, fd, needs, ret);
	if (r == 0 && (needs & ENGINE_LABEL))
		daemon_know_content(d, scratch, fd, epoch, ret);
	if (r == 0 && (needs & ENGINE_LABEL) && d->conf.appraise == CONF_APPRAISE_FIX)
		daemon_fix_label(d, scratch, fd, ret);
	return r;
}

static int op_collect_data(void *arg, const void *data, size_t n, struct engine_content *ret)
{
	struct daemon *d = arg;
	int r = digest_buf(d->hash, data, n, &ret->digest);

	return r < 0 ? r : digest_buf(algo_by_id(ALGO_SHA1), data, n, &ret->digest_sha1); /* template=ima stores that */
}

static void *op_scratch_new(void *arg)
{
	struct file_hasher *h;

	(void)arg;
	return file_hasher_new(&h) == 0 ? h : NULL;
}

static void op_scratch_free(void *arg, void *scratch)
{
	(void)arg;
	file_hasher_free(scratch);
}

static int op_is_elf(void *arg, int fd, bool wait)
{
	(void)arg;
	return file_is_elf_object(fd, wait);
}

static bool op_answer(void *arg, struct hold *h, bool allow)
{
	(void)arg;
	return gate_answer(h, allow);
}

static void op_release(void *arg, struct hold *h)
{
	(void)arg;
	gate_release(h);
}

static int op_hold_fd(const struct hold *h)
{
	return h->fd;
}

static uint64_t op_hold_since(const struct hold *h)
{
	return h->since_ns;
}

static struct hold *op_next_hold(const struct hold *h)
{
	return h->next;
}

static void op_chain_hold(struct hold *h, struct hold *next)
{
	h->next = next;
}

static void op_on_timeout(void *arg)
{
	gate_count_timeout(((struct daemon *)arg)->gate);
}

/* Nor is anybody asked whether it was removed: the path is as the kernel has it in memory. */
static int op_hint(void *arg, int fd, char *ret, size_t size)
{
	char link[32];
	ssize_t n;

	(void)arg;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, size - 1);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

static void op_submit(void *arg, struct measurement *m)
{
	sequencer_submit(((struct daemon *)arg)->sequencer, m);
}

static void op_audit(void *arg, const struct engine_content *content, uint32_t pid, uint32_t uid)
{
	cleanup(buf_done) struct buf body = { 0 };
	struct audit_subject who;

	(void)arg;
	audit_subject(pid, uid, &who);
	audit_rule_body(&who, content->name, &content->digest, &body);
	audit_send(LOG_NOTICE, "integrity_rule", &body, NULL);
}

static void op_listen(void *arg, int fd)
{
	(void)gate_listen(((struct daemon *)arg)->gate, fd, is_overlay(fd)); /* if not, the label is set once, now */
}

static void op_tell(void *arg, const struct hold *h, uint32_t found)
{
	if (!h->answered)
		hooks_tell_open(((struct daemon *)arg)->hooks, h->tid, found);
}

static int op_reach(void *arg, const void *far, struct engine_use *use)
{
	const struct daemon_far *f = far;

	return f->reach(arg, f, use);
}

const struct engine_ops daemon_engine_ops = {
	.state = op_state,
	.publish = op_publish,
	.epoch = op_epoch,
	.ignore = op_ignore,
	.regard = op_regard,
	.regard_all = op_regard_all,
	.install = op_install,
	.new_epoch = op_new_epoch,
	.new_trust = op_new_trust,
	.collect = op_collect,
	.collect_data = op_collect_data,
	.scratch_new = op_scratch_new,
	.scratch_free = op_scratch_free,
	.is_elf = op_is_elf,
	.answer = op_answer,
	.release = op_release,
	.hold_fd = op_hold_fd,
	.hold_since = op_hold_since,
	.next_hold = op_next_hold,
	.chain_hold = op_chain_hold,
	.on_timeout = op_on_timeout,
	.hint = op_hint,
	.submit = op_submit,
	.audit = op_audit,
	.no_verity = daemon_tell_no_verity,
	.reach = op_reach,
	.listen = op_listen,
	.relabel = daemon_relabel,
	.tell = op_tell,
};

static void on_hold(void *arg, struct hold *h)
{
	engine_hold(((struct daemon *)arg)->engine, h);
}

static void on_close_write(void *arg, int fd)
{
	engine_writer_closed(((struct daemon *)arg)->engine, fd);
}

const struct gate_ops daemon_gate_ops = { .on_hold = on_hold, .on_close_write = on_close_write };

static int op_mark(void *arg, const char *path, uint32_t s_dev, bool overlay)
{
	struct daemon *d = arg;
	int r = gate_mark(d->gate, path, overlay);

	return r < 0 ? r : hooks_set_gated(d->hooks, s_dev, true);
}

static int op_unmark(void *arg, const char *path, uint32_t s_dev, bool overlay)
{
	struct daemon *d = arg;
	int r;

	/* BPF first: it must not rely on a mark that has gone. */
	(void)hooks_set_gated(d->hooks, s_dev, false);
	r = gate_unmark(d->gate, path, overlay);
	if (r < 0)
		(void)hooks_set_gated(d->hooks, s_dev, true);
	return r;
}

static void op_gone(void *arg, uint32_t s_dev)
{
	(void)hooks_set_gated(((struct daemon *)arg)->hooks, s_dev, false);
}

static int op_facts(void *arg, const char *path, struct imad_facts *ret)
{
	struct imad_probe probe;
	int fd = hooks_open(((struct daemon *)arg)->hooks, AT_FDCWD, path, O_RDONLY, 0, &probe);

	if (fd < 0)
		return fd;
	close(fd);
	*ret = probe.facts;
	return 0;
}

const struct mounts_ops daemon_mounts_ops = { .mark = op_mark, .unmark = op_unmark, .gone = op_gone, .facts = op_facts };
