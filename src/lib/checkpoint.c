/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a checkpoint, the digest that its quote signs, the chain over archived parts. */
#include <string.h>

#include <imad/checkpoint.h>
#include <imad/digest.h>

#define HEAD	 "imad-checkpoint"
#define VERSION	 "1"
#define BLOB_MAX 4096 /* bytes of a quote, a signature, a key */
#define LINE_MAX_LEN (2 * BLOB_MAX + 16)

void checkpoint_done(struct checkpoint *c)
{
	buf_done(&c->ak);
	buf_done(&c->attest);
	buf_done(&c->signature);
}

const struct digest *checkpoint_value(const struct checkpoint *c, unsigned int pcr, uint8_t algo)
{
	for (unsigned int i = 0; i < c->n_pcrs; i++)
		for (unsigned int b = 0; c->pcrs[i].pcr == pcr && b < c->pcrs[i].n; b++)
			if (c->pcrs[i].bank[b].algo == algo)
				return &c->pcrs[i].bank[b];
	return NULL;
}

bool checkpoint_has_pcr(const struct checkpoint *c, unsigned int pcr)
{
	for (unsigned int i = 0; i < c->n_pcrs; i++)
		if (c->pcrs[i].pcr == pcr)
			return true;
	return false;
}

int checkpoint_chain(uint8_t chain[CHECKPOINT_CHAIN], const struct digest *part)
{
	uint8_t both[2 * CHECKPOINT_CHAIN];
	struct digest d;
	int r;

	if (part->size != CHECKPOINT_CHAIN)
		return -EINVAL;
	memcpy(both, chain, CHECKPOINT_CHAIN);
	memcpy(both + CHECKPOINT_CHAIN, part->bytes, CHECKPOINT_CHAIN);
	r = digest_buf(algo_by_id(ALGO_SHA256), both, sizeof(both), &d);
	if (r == 0)
		memcpy(chain, d.bytes, CHECKPOINT_CHAIN);
	return r;
}

/* --- reading: a line after the other, each with its name */

struct lines {
	const char *text;
	size_t n, at;
	unsigned int line; /* the one that was taken last */
	char value[LINE_MAX_LEN]; /* what stands behind its name */
	struct parse_error *e;
};

static int wrong(struct lines *l, const char *name, const char *why)
{
	*l->e = (struct parse_error){ .line = l->line, .why = why };
	(void)strncpy(l->e->token, name, sizeof(l->e->token) - 1);
	return -EBADMSG;
}

/* Whether the next line begins with @name and a blank. */
static bool next_is(const struct lines *l, const char *name)
{
	size_t len = strlen(name);

	return l->n - l->at > len && memcmp(l->text + l->at, name, len) == 0 && l->text[l->at + len] == ' ';
}

static int take_line(struct lines *l, const char *name)
{
	const char *start = l->text + l->at, *end = memchr(start, '\n', l->n - l->at);
	size_t len = strlen(name) + 1, n;

	l->line++;
	if (!end)
		return wrong(l, name, l->at == l->n ? "missing" : "the line is cut");
	if (!next_is(l, name))
		return wrong(l, name, "missing, or not in its place");
	n = (size_t)(end - start);
	if (n < len || n - len >= sizeof(l->value))
		return wrong(l, name, "of a wrong length");
	if (memchr(start, '\0', n))
		return wrong(l, name, "holds a NUL");
	memcpy(l->value, start + len, n - len);
	l->value[n - len] = '\0';
	l->at += n + 1;
	return 0;
}

/* Decimal in its shortest form, so that one number has one text. */
static int to_number(const char *text, size_t n, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (n == 0 || n > 18 || (n > 1 && text[0] == '0'))
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EBADMSG;
		v = 10 * v + (uint64_t)(text[i] - '0');
	}
	*ret = v;
	return v <= max ? 0 : -EBADMSG;
}

static int take_number(struct lines *l, const char *name, uint64_t max, uint64_t *ret)
{
	int r = take_line(l, name);

	if (r == 0 && to_number(l->value, strlen(l->value), max, ret) < 0)
		return wrong(l, name, "not a number, or out of range");
	return r;
}

static int take_hex(struct lines *l, const char *name, struct buf *ret)
{
	uint8_t bytes[BLOB_MAX];
	int r = take_line(l, name);
	size_t n = strlen(l->value);

	if (r < 0)
		return r;
	if (n == 0 || n % 2 || n > 2 * sizeof(bytes) || hex_decode(l->value, n, bytes, n / 2) < 0)
		return wrong(l, name, "not hex, or too long");
	buf_add(ret, bytes, n / 2);
	return buf_error(ret);
}

static int take_boot_id(struct lines *l, struct checkpoint *c)
{
	int r = take_line(l, "boot_id");
	size_t n = strlen(l->value);

	if (r < 0)
		return r;
	if (n == 0 || n > CHECKPOINT_BOOT_ID ||
	    strspn(l->value, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != n)
		return wrong(l, "boot_id", "not one");
	memcpy(c->boot_id, l->value, n + 1);
	return 0;
}

static int take_chain(struct lines *l, struct checkpoint *c)
{
	int r = take_line(l, "chain");

	if (r == 0 && (strlen(l->value) != 2u * CHECKPOINT_CHAIN ||
		       hex_decode(l->value, 2u * CHECKPOINT_CHAIN, c->chain, CHECKPOINT_CHAIN) < 0))
		return wrong(l, "chain", "not a SHA-256 in hex");
	return r;
}

static int add_value(struct lines *l, struct checkpoint *c, unsigned int pcr, const struct digest *d)
{
	struct pcr_value *v = c->n_pcrs ? &c->pcrs[c->n_pcrs - 1] : NULL;

	if (!v || v->pcr != pcr) {
		if (v && v->pcr > pcr)
			return wrong(l, "pcr", "not in ascending order");
		if (c->n_pcrs == CHECKPOINT_PCRS_MAX)
			return wrong(l, "pcr", "too many PCRs");
		v = &c->pcrs[c->n_pcrs++];
		*v = (struct pcr_value){ .pcr = pcr };
	}
	if (checkpoint_value(c, pcr, d->algo))
		return wrong(l, "pcr", "a second value of that bank");
	if (v->n == PCR_BANKS_MAX)
		return wrong(l, "pcr", "too many banks");
	v->bank[v->n++] = *d;
	return 0;
}

/* "10 sha256 9a35..." */
static int take_pcr(struct lines *l, struct checkpoint *c)
{
	const char *bank, *hex;
	const struct algo *algo;
	struct digest d;
	uint64_t pcr;
	int r = take_line(l, "pcr");

	if (r < 0)
		return r;
	bank = strchr(l->value, ' ');
	hex = bank ? strchr(bank + 1, ' ') : NULL;
	if (!hex || to_number(l->value, (size_t)(bank - l->value), LIST_PCR_MAX, &pcr) < 0)
		return wrong(l, "pcr", "not the value of a PCR");
	algo = algo_by_name(bank + 1, (size_t)(hex - bank - 1));
	if (!algo || strlen(hex + 1) != 2u * algo->size)
		return wrong(l, "pcr", "unknown bank, or a value of another size");
	d = (struct digest){ .algo = algo->id, .size = algo->size };
	if (hex_decode(hex + 1, 2u * algo->size, d.bytes, d.size) < 0)
		return wrong(l, "pcr", "the value is not hex");
	return add_value(l, c, (unsigned int)pcr, &d);
}

/* "gap 2"; @*next: the first kind that may come. */
static int take_own(struct lines *l, struct checkpoint *c, int *next)
{
	size_t n;
	int r = take_line(l, "own");

	if (r < 0)
		return r;
	n = strcspn(l->value, " ");
	while (*next < VIOLATION_KINDS && (strlen(violation_word(*next)) != n || memcmp(violation_word(*next), l->value, n)))
		(*next)++;
	if (*next == VIOLATION_KINDS)
		return wrong(l, "own", "not a kind of violation, or not in its place");
	if (!l->value[n] || to_number(l->value + n + 1, strlen(l->value + n + 1), c->violations, &c->own[*next]) < 0 ||
	    c->own[*next] == 0)
		return wrong(l, "own", "not a number, or out of range");
	(*next)++;
	return 0;
}

static int take_violations(struct lines *l, struct checkpoint *c)
{
	int next = 0, r = take_number(l, "violations", c->records, &c->violations);
	uint64_t sum = 0;

	while (r == 0 && next_is(l, "own")) {
		r = take_own(l, c, &next);
		sum += r == 0 ? c->own[next - 1] : 0;
		if (sum > c->violations)
			r = wrong(l, "own", "more than violations");
	}
	return r;
}

static int take_signed(struct lines *l, struct checkpoint *c)
{
	uint64_t imported = 0;
	int r = take_line(l, HEAD);

	if (r == 0 && strcmp(l->value, VERSION) != 0)
		r = wrong(l, HEAD, "another version");
	if (r == 0)
		r = take_boot_id(l, c);
	if (r == 0)
		r = take_number(l, "records", INT64_MAX, &c->records);
	if (r == 0)
		r = take_violations(l, c);
	if (r == 0)
		r = take_number(l, "imported", 1, &imported);
	if (r == 0)
		r = take_number(l, "time", INT64_MAX, &c->time);
	if (r == 0)
		r = take_chain(l, c);
	do
		r = r == 0 ? take_pcr(l, c) : r;
	while (r == 0 && next_is(l, "pcr"));
	c->imported = imported;
	return r == 0 && c->records == 0 ? wrong(l, "records", "none are cut off") : r;
}

static int take_quote(struct lines *l, struct checkpoint *c)
{
	int r = take_number(l, "quoted", INT64_MAX, &c->quoted);

	if (r == 0 && c->quoted < c->records)
		r = wrong(l, "quoted", "less than records");
	if (r == 0)
		r = take_hex(l, "ak", &c->ak);
	if (r == 0)
		r = take_hex(l, "attest", &c->attest);
	if (r == 0)
		r = take_hex(l, "signature", &c->signature);
	c->has_quote = true;
	return r;
}

int checkpoint_parse(const char *text, size_t n, struct checkpoint *ret, struct parse_error *e)
{
	struct lines l = { .text = text, .n = n, .e = e };
	struct checkpoint c = { .records = 0 };
	int r;

	*e = (struct parse_error){ .why = NULL };
	if (n > CHECKPOINT_TEXT_MAX)
		return wrong(&l, "", "too long");
	r = take_signed(&l, &c);
	if (r == 0)
		r = digest_buf(algo_by_id(ALGO_SHA256), text, l.at, &c.nonce);
	if (r == 0 && l.at < n)
		r = take_quote(&l, &c);
	if (r == 0 && l.at < n)
		r = wrong(&l, "", "something stands behind it");
	if (r < 0)
		checkpoint_done(&c);
	else
		*ret = c;
	return r;
}

/* --- writing */

static void put_signed(const struct checkpoint *c, struct buf *out)
{
	buf_addf(out, HEAD " " VERSION "\nboot_id %s\nrecords %llu\nviolations %llu\n", c->boot_id, (unsigned long long)c->records,
		 (unsigned long long)c->violations);
	for (int i = 0; i < VIOLATION_KINDS; i++)
		if (c->own[i])
			buf_addf(out, "own %s %llu\n", violation_word(i), (unsigned long long)c->own[i]);
	buf_addf(out, "imported %d\ntime %llu\nchain ", c->imported, (unsigned long long)c->time);
	buf_add_hex(out, c->chain, sizeof(c->chain));
	buf_add_u8(out, '\n');
	for (unsigned int i = 0; i < c->n_pcrs; i++) {
		for (unsigned int b = 0; b < c->pcrs[i].n; b++) {
			const struct digest *d = &c->pcrs[i].bank[b];

			buf_addf(out, "pcr %u %s ", c->pcrs[i].pcr, algo_by_id(d->algo)->name);
			buf_add_hex(out, d->bytes, d->size);
			buf_add_u8(out, '\n');
		}
	}
}

static void put_hex(const char *name, const struct buf *b, struct buf *out)
{
	buf_addf(out, "%s ", name);
	buf_add_hex(out, b->data, b->len);
	buf_add_u8(out, '\n');
}

int checkpoint_seal(struct checkpoint *c)
{
	struct buf text = { 0 };
	int r;

	put_signed(c, &text);
	r = buf_error(&text);
	if (r == 0)
		r = digest_buf(algo_by_id(ALGO_SHA256), text.data, text.len, &c->nonce);
	buf_done(&text);
	return r;
}

int checkpoint_format(const struct checkpoint *c, struct buf *out)
{
	put_signed(c, out);
	if (c->has_quote) {
		buf_addf(out, "quoted %llu\n", (unsigned long long)c->quoted);
		put_hex("ak", &c->ak, out);
		put_hex("attest", &c->attest, out);
		put_hex("signature", &c->signature, out);
	}
	return buf_error(out);
}
