// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ring buffer as its reader sees it. Positions count bytes since it was made. What was read stays where it is until
 * the kernel needs the room, so whoever comes after a daemon that died reads again from where all had become records:
 * what is in the list already is not recorded twice, and what is not gets there. Once: it may be what daemons die of.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <imad/log.h>
#include <imad/util.h>

#include "hooks_priv.h"

static uint64_t position(const uint64_t *of)
{
	return __atomic_load_n(of, __ATOMIC_SEQ_CST);
}

/* A use that a dead daemon has heard of may be long ago: as if there had been none. */
static void hand_over_again(struct hooks *h, const struct imad_event *e)
{
	struct imad_event again = *e;

	again.flags |= IMAD_EVENT_UNATTENDED;
	h->on_event(h->on_event_arg, &again);
}

static int on_ring(void *ctx, void *data, size_t size)
{
	struct hooks *h = ctx;
	const struct imad_event *e = data;

	if (size < sizeof(*e) || !h->on_event)
		return 0;
	h->skel->bss->control.taken++; /* before libbpf gives its place back: read twice is better than not at all */
	if (e->type == IMAD_EVENT_DATA && size >= sizeof(struct imad_data_event))
		h->on_data(h->on_event_arg, data);
	else if (e->type != IMAD_EVENT_DATA && position(h->read) < h->read_before)
		hand_over_again(h, e);
	else if (e->type != IMAD_EVENT_DATA)
		h->on_event(h->on_event_arg, e);
	return 0;
}

int ring_open(struct hooks *h)
{
	int fd = bpf_map__fd(h->skel->maps.events);
	long page = sysconf(_SC_PAGESIZE);

	h->ring = ring_buffer__new(fd, on_ring, h, NULL);
	if (!h->ring)
		return log_errno(LOG_ERR, -errno, "cannot map the ring buffer");
	h->read = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	h->written = mmap(NULL, (size_t)page, PROT_READ, MAP_SHARED, fd, page);
	if (h->read == MAP_FAILED || h->written == MAP_FAILED)
		return log_errno(LOG_ERR, -errno, "cannot map the positions of the ring buffer");
	h->read_before = 0;
	return 0;
}

void ring_close(struct hooks *h)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	ring_buffer__free(h->ring);
	if (h->read && h->read != MAP_FAILED)
		(void)munmap(h->read, page);
	if (h->written && h->written != MAP_FAILED)
		(void)munmap((void *)h->written, page);
}

int hooks_events_fd(struct hooks *h)
{
	return ring_buffer__epoll_fd(h->ring);
}

int hooks_events(struct hooks *h)
{
	return ring_buffer__consume(h->ring);
}

void hooks_on_event(struct hooks *h, void (*fn)(void *arg, const struct imad_event *e),
		    void (*data)(void *arg, const struct imad_data_event *e), void *arg)
{
	h->on_event_arg = arg;
	h->on_data = data;
	h->on_event = fn;
}

static uint32_t untold(struct hooks *h)
{
	struct imad_counters c;

	hooks_counters(h, &c);
	return (uint32_t)c.lost - h->skel->bss->control.lost_told;
}

bool hooks_lose_events(struct hooks *h)
{
	return untold(h) != 0;
}

uint32_t hooks_newly_lost(struct hooks *h)
{
	uint32_t n = untold(h);

	h->skel->bss->control.lost_told += n;
	return n;
}

struct hooks_taken hooks_taken(const struct hooks *h)
{
	return (struct hooks_taken){ .events = h->skel->bss->control.taken, .at = position(h->read) };
}

/* Workers come here in any order, and die between any two lines: where to read again from is what counts. */
void hooks_recorded(struct hooks *h, struct hooks_taken upto)
{
	struct imad_control *c = &h->skel->bss->control;
	__u64 at = __atomic_load_n(&c->recorded_at, __ATOMIC_RELAXED);
	__u32 n = __atomic_load_n(&c->recorded, __ATOMIC_RELAXED);

	while (at < upto.at &&
	       !__atomic_compare_exchange_n(&c->recorded_at, &at, upto.at, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	while ((int32_t)(upto.events - n) > 0 &&
	       !__atomic_compare_exchange_n(&c->recorded, &n, upto.events, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

/*
 * First the place is taken, then looked at: whoever writes from now on spares what lies behind it. Who had begun before
 * that has no more than an event each, for which half of the buffer is room enough.
 */
uint32_t hooks_read_again(struct hooks *h, uint32_t *ret_lost)
{
	struct imad_control *c = &h->skel->bss->control;
	uint64_t from = c->recorded_at, to = position(h->read);
	uint32_t n = from < to ? c->taken - c->recorded : 0;

	*ret_lost = 0;
	__atomic_store_n(h->read, MIN(from, to), __ATOMIC_SEQ_CST);
	if (from < c->read_again || position(h->written) - from > bpf_map__max_entries(h->skel->maps.events) / 2) {
		__atomic_store_n(h->read, to, __ATOMIC_SEQ_CST);
		*ret_lost = n;
		n = 0;
	}
	h->read_before = c->read_again = to;
	c->recorded_at = position(h->read);
	c->recorded = c->taken -= n;
	return n;
}
