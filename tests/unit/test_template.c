/* SPDX-License-Identifier: GPL-2.0-or-later */
/* template.c: bytes of each field that imad makes, text of each field that it reads, malformed data. */
#include <imad/template.h>

#include "golden.h"

#define SHA256_PREFIX "\x28\0\0\0sha256:\0"
#define D32	      "0123456789abcdef0123456789abcdef"
#define D20	      "0123456789abcdefghij"
#define D32_HEX	      "3031323334353637383961626364656630313233343536373839616263646566"
#define D20_HEX	      "303132333435363738396162636465666768696a"
#define Z20	      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define Z32	      Z20 "\0\0\0\0\0\0\0\0\0\0\0\0"
#define BYTES(s)      ((const uint8_t *)(s)), (sizeof(s) - 1)

static const struct digest sha256 = { ALGO_SHA256, 32, D32 };
static const struct digest sha1 = { ALGO_SHA1, 20, D20 };

static const struct template *find(const char *name)
{
	const struct template *t = template_find(name, strlen(name));

	assert_non_null(t);
	return t;
}

static void assert_encoded(const char *name, const struct template_input *in, const void *wanted, size_t n)
{
	cleanup_buf struct buf b = { 0 };

	buf_add_str(&b, "before");
	assert_ok(template_encode(find(name), in, &b));
	assert_int_equal(b.len, 6 + n);
	assert_memory_equal(b.data + 6, wanted, n);
}

static void encodes(void **state)
{
	struct template_input in = {
		.digest = &sha256, .digest_sha1 = &sha1, .name = "/a  b ", .sig = "\3sig", .sig_len = 4
	};

	(void)state;
	assert_encoded("ima-ng", &in, BYTES(SHA256_PREFIX D32 "\7\0\0\0/a__b_\0"));
	assert_encoded("ima-sig", &in,
		       BYTES(SHA256_PREFIX D32 "\7\0\0\0/a__b_\0"
					       "\4\0\0\0\3sig"));
	assert_encoded("ima", &in, BYTES(D20 "\6\0\0\0/a__b_"));

	in.digest = &sha1;
	assert_encoded("d-ng|n-ng", &in, BYTES("\x1a\0\0\0sha1:\0" D20 "\7\0\0\0/a__b_\0"));
	in.name = "";
	assert_encoded("ima", &in, BYTES(D20 "\0\0\0\0"));
}

static void encodes_data(void **state)
{
	struct template_input in = { .digest = &sha256, .name = "kernel version", .buf = "6.1\0x", .buf_len = 5 };

	(void)state;
	assert_encoded("ima-buf", &in, BYTES(SHA256_PREFIX D32 "\x0f\0\0\0kernel_version\0"
							       "\5\0\0\0006.1\0x"));
	in.buf = NULL, in.buf_len = 0; /* of a file, if a rule asks for that */
	assert_encoded("ima-buf", &in, BYTES(SHA256_PREFIX D32 "\x0f\0\0\0kernel_version\0"
							       "\0\0\0\0"));
}

static void encodes_only_signatures(void **state)
{
	static const char bare[] = SHA256_PREFIX D32 "\2\0\0\0/\0"
						     "\0\0\0\0";
	struct template_input in = { .digest = &sha256, .name = "/" };

	(void)state;
	assert_encoded("ima-sig", &in, BYTES(bare));
	in.sig = "\4\4hash", in.sig_len = 6;
	assert_encoded("ima-sig", &in, BYTES(bare));
	in.sig = "\6\2", in.sig_len = 2;
	assert_encoded("ima-sig", &in,
		       BYTES(SHA256_PREFIX D32 "\2\0\0\0/\0"
					       "\2\0\0\0\6\2"));
	in.sig = "\3", in.sig_len = 0;
	assert_encoded("ima-sig", &in, BYTES(bare));
}

static void encodes_violations(void **state)
{
	const struct digest algo_only = { .algo = ALGO_SHA256 };
	struct template_input in = {
		.digest = &algo_only, .name = "/v", .sig = "\3sig", .sig_len = 4, .violation = true
	};

	(void)state;
	assert_encoded("ima-sig", &in,
		       BYTES(SHA256_PREFIX Z32 "\3\0\0\0/v\0"
					       "\0\0\0\0"));
	assert_encoded("ima", &in, BYTES(Z20 "\2\0\0\0/v"));
	in.digest = &sha256;
	assert_encoded("ima-ng", &in, BYTES(SHA256_PREFIX Z32 "\3\0\0\0/v\0"));
	in.sig = "\5evm"; /* is not about the content alone */
	assert_encoded("ima-sig", &in, BYTES(SHA256_PREFIX Z32 "\3\0\0\0/v\0\4\0\0\0\5evm"));
}

/* Field n holds 255 bytes: the last component of a longer path, cut if that is too long too. */
static void cuts_legacy_names(void **state)
{
	char path[400], wanted[20 + 4 + 255] = D20;
	struct template_input in = { .digest = &sha256, .digest_sha1 = &sha1, .name = path };

	(void)state;
	memset(path, 'p', sizeof(path));
	path[256] = '\0';
	memcpy(wanted + 20, "\xff\0\0\0", 4);
	memset(wanted + 24, 'p', 255);
	assert_encoded("ima", &in, wanted, sizeof(wanted));

	path[0] = path[250] = '/';
	assert_encoded("ima", &in, BYTES(D20 "\5\0\0\0ppppp"));

	path[255] = '\0'; /* as long as it may be */
	memcpy(wanted + 24, path, 255);
	assert_encoded("ima", &in, wanted, sizeof(wanted));
}

static void assert_custom(const char *format, const struct template_input *in, const void *wanted, size_t n)
{
	const struct template t = { format, format };
	cleanup_buf struct buf b = { 0 };

	assert_true(template_format_valid(format, strlen(format)));
	assert_ok(template_encode(&t, in, &b));
	assert_int_equal(b.len, n);
	assert_memory_equal(b.data, wanted, n);
}

/* A format of its own keeps the lengths that template "ima" lacks. */
static void encodes_formats(void **state)
{
	struct template_input in = { .digest = &sha256, .digest_sha1 = &sha1, .name = "/a b", .sig = "\3s", .sig_len = 2 };
	char path[400] = { 0 };

	(void)state;
	assert_custom("d|n", &in, BYTES("\x14\0\0\0" D20 "\5\0\0\0/a_b\0"));
	assert_custom("n-ng|sig|d-ng", &in, BYTES("\5\0\0\0/a_b\0\2\0\0\0\3s" SHA256_PREFIX D32));
	assert_custom("iuid|igid|imode|xattrnames|xattrlengths|xattrvalues|evmsig|buf|modsig|d-modsig", &in,
		      BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	memset(path, 'p', 300);
	path[0] = path[290] = '/';
	in.name = path;
	assert_custom("n", &in, BYTES("\x0a\0\0\0ppppppppp\0"));
	in.violation = true;
	assert_custom("d", &in, BYTES("\x14\0\0\0" Z20));
	in = (struct template_input){ .digest = &sha256, .name = "/a" };
	assert_int_equal(template_encode(&(struct template){ "d", "d" }, &in, &(struct buf){ 0 }), -EINVAL);
}

/* What each field of a record of the kernel says, as template_each() tells it. */
struct told {
	char text[9][512];
	unsigned int n;
};

static void note(void *arg, const char *id, const char *text, size_t n)
{
	static const char *const ids[] = { "d-ng", "n-ng", "evmsig", "xattrnames", "xattrlengths", "xattrvalues", "iuid", "igid", "imode" };
	struct told *t = arg;

	assert_true(t->n < ARRAY_SIZE(t->text));
	assert_string_equal(id, ids[t->n]);
	snprintf(t->text[t->n++], sizeof(t->text[0]), "%.*s", (int)n, text);
}

static void add_unhexed(struct buf *b, const char *hex)
{
	for (unsigned int byte; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		buf_add_u8(b, (uint8_t)byte);
}

/* The record of template evm-sig that a kernel wrote: told field by field, and made again from what was told. */
static void encodes_evm_sig(void **state)
{
	static const size_t length = 366, name_length = 7;
	cleanup(template_meta_done) struct template_meta m = { 0 };
	cleanup_buf struct buf list = { 0 }, hashed = { 0 };
	struct digest digest = { ALGO_SHA256, 32, "" };
	struct told t = { .n = 0 };
	const uint8_t *data;

	(void)state;
	golden_read(&list, "ibmtss/imatest.log");
	data = memmem(list.data, list.len, "\7\0\0\0evm-sig\x6e\1\0\0", 8 + name_length);
	assert_non_null(data);
	data += 8 + name_length;
	assert_ok(template_each(find("evm-sig"), data, length, note, &t));
	assert_int_equal(t.n, 9);
	assert_string_equal(t.text[1], "/tmp/lower/lower/foo-evmsig-4.txt");

	add_unhexed(&hashed, strchr(t.text[0], ':') + 1);
	memcpy(digest.bytes, hashed.data, 32);
	add_unhexed(&m.evmsig, t.text[2]);
	buf_add(&m.xattr_names, t.text[3], strlen(t.text[3]) + 1);
	add_unhexed(&m.xattr_lengths, t.text[4]);
	add_unhexed(&m.xattr_values, t.text[5]);
	m.uid = (uint32_t)atoi(t.text[6]);
	m.gid = (uint32_t)atoi(t.text[7]);
	m.mode = (uint16_t)atoi(t.text[8]);
	assert_encoded("evm-sig", &(struct template_input){ .digest = &digest, .name = t.text[1], .meta = &m }, data, length);
	/* Only a portable one; and it stands in field sig if no other signature does. */
	assert_custom("sig", &(struct template_input){ .meta = &m, .violation = true }, data + 44 + 38, 4 + 137);
	assert_custom("sig", &(struct template_input){ .meta = &m, .sig = "\3", .sig_len = 1 }, BYTES("\1\0\0\0\3"));
	m.evmsig.data[0] = 2;
	assert_custom("evmsig|sig", &(struct template_input){ .meta = &m }, BYTES("\0\0\0\0\0\0\0\0"));
	m.uid = 0x01020304, m.gid = 5, m.mode = 0104755;
	assert_custom("iuid|igid|imode", &(struct template_input){ .meta = &m },
		      BYTES("\4\0\0\0\4\3\2\1\4\0\0\0\5\0\0\0\2\0\0\0\xed\x89"));
}

static void tells_what_needs_an_inode(void **state)
{
	(void)state;
	assert_true(template_needs_meta(find("evm-sig")));
	assert_false(template_needs_meta(find("ima-sig")));
	assert_false(template_needs_meta(find("ima-modsig")));
	assert_true(template_needs_meta(&(struct template){ "d|imode", "d|imode" }));
}

/* As the kernel's own records in tests/data/ibmtss/imatest.log have them. */
static void encodes_variants(void **state)
{
	struct template_input in = { .digest = &sha256, .name = "/a", .sig = "\3sig", .sig_len = 4 };

	(void)state;
	assert_encoded("ima-ngv2", &in, BYTES("\x2c\0\0\0ima:sha256:\0" D32 "\3\0\0\0/a\0"));
	in.verity = true;
	assert_encoded("ima-ngv2", &in, BYTES("\x2f\0\0\0verity:sha256:\0" D32 "\3\0\0\0/a\0"));
	assert_encoded("ima-sigv2", &in, BYTES("\x2f\0\0\0verity:sha256:\0" D32 "\3\0\0\0/a\0\4\0\0\0\3sig"));
	assert_encoded("ima-ng", &in, BYTES("\x28\0\0\0sha256:\0" D32 "\3\0\0\0/a\0"));
	in.violation = true;
	assert_encoded("ima-ngv2", &in, BYTES("\x2c\0\0\0ima:sha256:\0" Z32 "\3\0\0\0/a\0"));
	in = (struct template_input){ .digest = &sha256, .name = "/a" };
	assert_encoded("ima-modsig", &in, BYTES("\x28\0\0\0sha256:\0" D32 "\3\0\0\0/a\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	in.digest_modsig = &sha1;
	in.modsig = "0der";
	in.modsig_len = 4;
	assert_encoded("ima-modsig", &in, BYTES("\x28\0\0\0sha256:\0" D32 "\3\0\0\0/a\0\0\0\0\0"
						"\x1a\0\0\0sha1:\0" D20 "\4\0\0\0" "0der"));
	in.violation = true;
	assert_encoded("ima-modsig", &in, BYTES("\x28\0\0\0sha256:\0" Z32 "\3\0\0\0/a\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	assert_true(template_has_field(find("ima-modsig"), "d-modsig"));
	assert_true(template_has_field(find("ima-modsig"), "modsig"));
	assert_false(template_has_field(find("ima-sig"), "modsig"));
	assert_true(template_has_field(find("ima-sigv2"), "d-ngv2"));
	assert_false(template_has_field(find("ima-ng"), "d-ngv2"));
	assert_false(template_has_field(find("ima-ng"), "none"));
}

static void refuses_to_encode(void **state)
{
	const struct digest bad_algo = { 200, 32, D32 }, bad_size = { ALGO_SHA256, 20, D32 };
	const struct template_input whole = { .digest = &sha256, .digest_sha1 = &sha1, .name = "/" };
	struct template_input in = whole;
	cleanup_buf struct buf b = { 0 };

	(void)state;
	buf_add_str(&b, "before");
	in.name = NULL;
	assert_int_equal(template_encode(find("ima-ng"), &in, &b), -EINVAL);
	assert_int_equal(template_encode(find("ima"), &in, &b), -EINVAL);
	in = whole;
	in.digest_sha1 = NULL;
	assert_int_equal(template_encode(find("ima"), &in, &b), -EINVAL);
	in.digest_sha1 = &sha256;
	assert_int_equal(template_encode(find("ima"), &in, &b), -EINVAL);
	in = whole;
	in.digest = NULL;
	assert_int_equal(template_encode(find("ima-ng"), &in, &b), -EINVAL);
	in.digest = &bad_algo;
	assert_int_equal(template_encode(find("ima-ng"), &in, &b), -EINVAL);
	in.digest = &bad_size;
	assert_int_equal(template_encode(find("ima-ng"), &in, &b), -EINVAL);
	assert_int_equal(b.len, 6);
	assert_ok(buf_error(&b));
}

static void finds(void **state)
{
	(void)state;
	assert_string_equal(find("ima-sig")->format, "d-ng|n-ng|sig");
	assert_ptr_equal(find("d-ng|n-ng|sig"), find("ima-sig"));
	assert_ptr_equal(find("d|n"), find("ima"));
	assert_null(template_find("ima-sigx", 8));
	assert_null(template_find("ima-si", 6));
	assert_null(template_find("d-ng", 4));
	assert_null(template_find("", 0));
	assert_ptr_equal(template_find("ima-ngXX", 6), find("ima-ng"));
}

static void checks_formats(void **state)
{
	static const char fields15[] = "d|n|d|n|d|n|d|n|d|n|d|n|d|n|d",
			  fields16[] = "d|n|d|n|d|n|d|n|d|n|d|n|d|n|d|n";

	(void)state;
	assert_true(template_format_valid("sig", 3));
	assert_true(template_format_valid("n-ng|d-ngv2|imode", 17));
	assert_true(template_format_valid(fields15, strlen(fields15)));
	assert_false(template_format_valid(fields16, strlen(fields16)));
	assert_false(template_format_valid("", 0));
	assert_false(template_format_valid("sig|", 4));
	assert_false(template_format_valid("|sig", 4));
	assert_false(template_format_valid("sig||d", 6));
	assert_false(template_format_valid("d-type", 6));
	assert_false(template_format_valid("d\0xyz", 5));
	assert_false(template_format_valid("ima-ng", 6));
}

static const struct {
	const char *format, *data;
	size_t n;
	const char *text; /* NULL: malformed */
} printed[] = {
#define ROW(format, data, text)                                                                              \
	{                                                                                                    \
		format, data, sizeof(data) - 1, text                                                         \
	}
	ROW("d-ng|n-ng", SHA256_PREFIX D32 "\4\0\0\0a/b\0", " sha256:" D32_HEX " a/b"),
	ROW("sig", "\0\0\0\0", " "),
	ROW("sig", "\2\0\0\0\3\xab", " 03ab"),
	ROW("d", "\x14\0\0\0" D20, " " D20_HEX),
	ROW("d|n", "\x14\0\0\0" D20 "\2\0\0\0a\0", " " D20_HEX " a"), /* a format is never template ima */
	ROW("d-ngv2", "\x16\0\0\0verity:md5:\0 123456789", " verity:md5:20313233343536373839"),
	ROW("d-ng", "\3\0\0\0:\0\1", " 01"), /* no name of an algorithm: the kernel prints no colon */
	ROW("d-modsig|modsig", "\0\0\0\0\1\0\0\0\x30", "  30"),
	ROW("iuid|igid|imode", "\4\0\0\0\xe8\3\0\0\4\0\0\0\xff\xff\xff\xff\2\0\0\0\xa4\x81",
	    " 1000 4294967295 33188"),
	ROW("iuid", "\1\0\0\0\xff", " 255"),
	ROW("iuid", "\x8\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", " 18446744073709551615"),
	ROW("iuid", "\0\0\0\0", " "),
	ROW("xattrnames|xattrlengths|xattrvalues",
	    "\4\0\0\0a|b\0"
	    "\1\0\0\0\2"
	    "\0\0\0\0",
	    " a|b 02 "),
	ROW("xattrnames", "\0\0\0\0", " "),
	ROW("n-ng", "\3\0\0\0\n\xff\0", " \n\xff"),
	/* malformed */
	ROW("n-ng", "\3\0\0\0abc", NULL),    /* no NUL */
	ROW("n-ng", "\4\0\0\0a\0b\0", NULL), /* a NUL within */
	ROW("n-ng", "\5\0\0\0abc\0", NULL),  /* cut */
	ROW("n-ng", "\2\0\0\0a\0x", NULL),   /* bytes behind the last field */
	ROW("n-ng",
	    "\xff\xff\xff\xff"
	    "a\0",
	    NULL),			      /* a length beyond everything */
	ROW("n-ng|sig", "\2\0\0\0a\0", NULL), /* a field is missing */
	ROW("n-ng", "", NULL),
	ROW("iuid", "\3\0\0\0\1\2\3", NULL),
	ROW("d-ng", "\4\0\0\0sha1", NULL),
	ROW("d-ng", "\5\0\0\0sha1\0", NULL),
	ROW("d-ng", "\1\0\0\0\0", NULL),
	ROW("nosuch", "\0\0\0\0", NULL),
#undef ROW
};

static void prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(printed); i++) {
		const struct template t = { "custom", printed[i].format };
		const char *text = printed[i].text;
		cleanup_buf struct buf b = { 0 };
		int r;

		buf_add_str(&b, "x");
		r = template_print(&t, (const uint8_t *)printed[i].data, printed[i].n, &b);
		assert_int_equal(r, text ? 0 : -EBADMSG);
		assert_int_equal(b.len, 1 + (text ? strlen(text) : 0));
		if (text)
			assert_memory_equal(b.data + 1, text, strlen(text));
	}
}

static void prints_legacy(void **state)
{
	cleanup_buf struct buf b = { 0 };

	(void)state;
	assert_ok(template_print(find("ima"), BYTES(D20 "\2\0\0\0/x"), &b));
	assert_int_equal(b.len, 44);
	assert_memory_equal(b.data, " " D20_HEX " /x", 44);
	assert_int_equal(template_print(find("ima"), BYTES(D20 "\2\0\0\0/\0"), &b), -EBADMSG);
	assert_int_equal(template_print(find("ima"), BYTES(D20 "\1\0\0\0/x"), &b), -EBADMSG);
	assert_int_equal(b.len, 44);
}

static void decodes(void **state)
{
	static const char data[] = SHA256_PREFIX D32 "\4\0\0\0a/b\0"
						     "\2\0\0\0\3s";
	static const char verity[] = "\x2f\0\0\0verity:sha256:\0" D32 "\2\0\0\0v\0";
	struct template_fields f;

	(void)state;
	assert_ok(template_decode(find("ima-sig"), BYTES(data), &f));
	assert_int_equal(f.digest.algo, ALGO_SHA256);
	assert_int_equal(f.digest.size, 32);
	assert_memory_equal(f.digest.bytes, D32, 32);
	assert_int_equal(f.name_len, 3);
	assert_memory_equal(f.name, "a/b", 3);
	assert_int_equal(f.sig_len, 2);
	assert_memory_equal(f.sig, "\3s", 2);

	assert_ok(template_decode(find("ima-ngv2"), BYTES(verity), &f));
	assert_int_equal(f.digest.algo, ALGO_SHA256);
	assert_memory_equal(f.digest.bytes, D32, 32);
	assert_memory_equal(f.name, "v", 1);
	assert_null(f.sig);

	assert_ok(template_decode(find("ima"), BYTES(D20 "\2\0\0\0/x"), &f));
	assert_int_equal(f.digest.algo, ALGO_SHA1);
	assert_memory_equal(f.digest.bytes, D20, 20);
	assert_int_equal(f.name_len, 2);

	assert_ok(template_decode(&(struct template){ "imode", "imode" }, BYTES("\2\0\0\0\1\2"), &f));
	assert_int_equal(f.digest.size, 0);
	assert_null(f.name);
}

static void refuses_to_decode(void **state)
{
	static const struct {
		const char *format, *data;
		size_t n;
	} bad[] = {
#define ROW(format, data) { format, data, sizeof(data) - 1 }
		ROW("d-ng", "\x0c\0\0\0shaX:\0"
			    "123456"),
		ROW("d-ng", "\x0a\0\0\0sha1:\0"
			    "1234"),
		ROW("d-ngv2", "\x1a\0\0\0sha1:\0" D20),
		ROW("d-ngv2", "\x1e\0\0\0imb:sha1:\0" D20),
		ROW("d", "\5\0\0\0"
			 "12345"),
		ROW("d-ng", "\0\0\0\0"),
#undef ROW
	};
	static const char data[] = SHA256_PREFIX D32 "\4\0\0\0a/b\0"
						     "\2\0\0\0\3s";
	struct template_fields f = { .name_len = 42 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct template t = { "custom", bad[i].format };

		assert_int_equal(template_decode(&t, (const uint8_t *)bad[i].data, bad[i].n, &f), -EBADMSG);
	}
	for (size_t n = 0; n < sizeof(data) - 1; n++)
		assert_int_equal(template_decode(find("ima-sig"), (const uint8_t *)data, n, &f), -EBADMSG);
	assert_int_equal(f.name_len, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes),
		cmocka_unit_test(encodes_data),
		cmocka_unit_test(encodes_only_signatures),
		cmocka_unit_test(encodes_violations),
		cmocka_unit_test(cuts_legacy_names),
		cmocka_unit_test(encodes_variants),
		cmocka_unit_test(encodes_formats),
		cmocka_unit_test(encodes_evm_sig),
		cmocka_unit_test(tells_what_needs_an_inode),
		cmocka_unit_test(refuses_to_encode),
		cmocka_unit_test(finds),
		cmocka_unit_test(checks_formats),
		cmocka_unit_test(prints),
		cmocka_unit_test(prints_legacy),
		cmocka_unit_test(decodes),
		cmocka_unit_test(refuses_to_decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
