// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages of its own for each: the kernel locks and leaves out whole pages only. */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <imad/secret.h>
#include <imad/util.h>

#define STACK_SIZE (512u << 10)

int secret_init(struct secret *s, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r;

	if (p == MAP_FAILED)
		return -errno;
	if (mlock(p, n) == 0 && madvise(p, n, MADV_DONTDUMP) == 0 && madvise(p, n, MADV_WIPEONFORK) == 0) {
		*s = (struct secret){ .bytes = p, .n = n };
		return 0;
	}
	r = -errno;
	(void)munmap(p, n);
	return r;
}

void secret_done(struct secret *s)
{
	if (!s->bytes)
		return;
	OPENSSL_cleanse(s->bytes, s->n);
	(void)munmap(s->bytes, s->n); /* unlocks, too */
	*s = (struct secret){ 0 };
}

int secret_random(struct secret *s)
{
	int r = RAND_priv_bytes(s->bytes, (int)s->n) == 1 ? 0 : -EIO;

	ERR_clear_error();
	return r;
}

struct call {
	int (*fn)(void *arg);
	void *arg;
	int r;
};

static void *run(void *arg)
{
	struct call *c = arg;

	c->r = c->fn(c->arg);
	return NULL;
}

int secret_call(int (*fn)(void *arg), void *arg, int *ret)
{
	cleanup(secret_done) struct secret stack = { 0 };
	struct call c = { .fn = fn, .arg = arg };
	pthread_attr_t attr;
	pthread_t thread;
	int r = secret_init(&stack, STACK_SIZE);

	if (r < 0)
		return r;
	(void)pthread_attr_init(&attr);
	r = -pthread_attr_setstack(&attr, stack.bytes, stack.n);
	if (r == 0)
		r = -pthread_create(&thread, &attr, run, &c);
	if (r == 0)
		r = -pthread_join(thread, NULL);
	(void)pthread_attr_destroy(&attr);
	if (r == 0)
		*ret = c.r;
	return r;
}
