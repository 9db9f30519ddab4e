/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list.c against lists that kernels wrote, cut and damaged lists, known template digests. */
#include <imad/digest.h>
#include <imad/list.h>

#include "golden.h"

#define HEADER                                                                                               \
	"\x0a\0\0\0"                                                                                         \
	"0123456789abcdefghij"
#define BYTES(s) ((const uint8_t *)(s)), (sizeof(s) - 1)

static const struct {
	const char *binary, *ascii;
	unsigned int records, violations;
} lists[] = {
	{ "kernel-6.1/ima-ng.bin", "kernel-6.1/ima-ng.ascii", 56, 2 },
	{ "kernel-6.1/ima-ng-sha1.bin", "kernel-6.1/ima-ng-sha1.ascii", 56, 2 },
	{ "kernel-6.1/ima-sig.bin", "kernel-6.1/ima-sig.ascii", 56, 2 },
	{ "kernel-6.1/ima-legacy-sha1.bin", "kernel-6.1/ima-legacy-sha1.ascii", 56, 2 },
	{ "kernel-6.1/appraise-ima-sig.bin", "kernel-6.1/appraise-ima-sig.ascii", 34, 2 },
	{ "ibmtss/sha1.log", "ibmtss/sha1.log.ascii", 362, 0 },
};

static size_t parse(const struct buf *list, size_t at, struct list_record *r)
{
	const char *why = NULL;
	ssize_t n = list_parse(list->data + at, list->len - at, r, &why);

	if (n <= 0)
		fail_msg("record at byte %zu: %zd %s", at, n, why ? why : "");
	return (size_t)n;
}

static void assert_header_digest(const struct list_record *r)
{
	struct digest d;

	if (r->violation)
		return;
	assert_ok(list_template_digest(r, algo_by_id(ALGO_SHA1), &d));
	assert_memory_equal(r->header_digest, d.bytes, LIST_HEADER_DIGEST);
}

/* Parse, encode, print, decode and hash every record of a list; @text and @again take both forms. */
static unsigned int walk(const struct buf *list, struct buf *again, struct buf *text,
			 unsigned int *violations)
{
	unsigned int n = 0;

	*violations = 0;
	for (size_t at = 0; at < list->len; n++) {
		struct template_fields f;
		struct list_record r;

		at += parse(list, at, &r);
		assert_header_digest(&r);
		assert_ok(list_encode(&r, again));
		assert_ok(list_print(&r, text));
		assert_ok(template_decode(r.template, r.data, r.data_len, &f));
		*violations += r.violation;
	}
	return n;
}

static void kernel_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		cleanup_buf struct buf list = { 0 }, ascii = { 0 }, again = { 0 }, text = { 0 };
		unsigned int violations;

		golden_read(&list, "%s", lists[i].binary);
		golden_read(&ascii, "%s", lists[i].ascii);
		assert_int_equal(walk(&list, &again, &text, &violations), lists[i].records);
		assert_int_equal(violations, lists[i].violations);
		assert_int_equal(again.len, list.len);
		assert_memory_equal(again.data, list.data, list.len);
		assert_int_equal(text.len, ascii.len);
		assert_memory_equal(text.data, ascii.data, ascii.len);
	}
}

/* Read from a hex dump of the file, field by field, not printed by imad. */
#define Z40 "0000000000000000000000000000000000000000"
static const char *const rare[] = {
	"10 17f427af544b919270aa8ac3dd06e8a3058661d5 d-ng|sig sha1:" Z40 " \n",
	"10 661ae12f7a72e3dff4226ecb6426f6ad0f9f3ddc n-ng|d-ng boot_aggregate sha1:" Z40 "\n",
	"10 f50d178680908e72f5f53128255507d1a617b25f n-ng|sig|d-ng boot_aggregate  sha1:" Z40 "\n",
	"10 d681eaf9c9e737e299a8dd9b34877235e01df773 n-ng|sig boot_aggregate \n",
	"10 ae959575af8b3473c28ef016473348f744f5d8e0 n boot_aggregate\n",
	"10 9069ca78e7450a285173431b3e52c5c25299e473 sig \n",
	"10 " Z40 " ima " Z40 " boot_aggregate\n",
	"10 1d8d532d463c9f8c205d0df7787669a85f93e260 ima-ng sha1:" Z40 " boot_aggregate\n",
	"10 83b3361c177f46e094c15258a9674293ef4ddd6a ima-sig sha1:7c47327b7a9d33ac594d6ffd0ec88401be242b23 "
	"boot_aggregate \n",
	"10 06df53be5e3478a0b0bb47e2aebdab65799908bd ima-modsig "
	"sha256:f7c9ff948b7ba1a88e9f05a158f599ba145b530c8417678d26b43412287c13a5 "
	"/usr/lib/modules/5.4.0-rc7+/kernel/drivers/gpu/drm/drm_panel_orientation_quirks.ko   \n",
	NULL, /* two long signatures */
	NULL,
	"10 ced2b2461799f6745de1d48a0a92916ebfb3fac2 ima-sigv2 "
	"ima:sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
	"/tmp/lower/lower/lower-file.txt \n",
	NULL, /* a certificate */
	"10 2deb500f9144b904bc9b6236f0659cd6a41c5598 evm-sig "
	"sha256:672650050835777850b66645283ddbcc17305ba14d599e1b186d9d656eb9a85e "
	"/tmp/lower/lower/foo-evmsig-4.txt "
	"050204"
	"78511c2a"
	"0080"
	"5060562ef2d42c5593e9916a6ac8a5e2615458c8772404980aa0621e32d5c5526d7817555d14f3bd277860f7308ab467"
	"b42dd037db955d2a9aad9351db0b5db01f677ef16b8e169d8236b0ebc54822f891f04c5a0ebbd6e23bcd9f9cd4b2d440"
	"a47c5b7fdd1da48ab64caf093663986452cac2724b21d94f34f77db028832b26"
	" security.selinux|security.ima 2500000022000000 "
	"756e636f6e66696e65645f753a6f626a6563745f723a756e6c6162656c65645f743a733000"
	"0404672650050835777850b66645283ddbcc17305ba14d599e1b186d9d656eb9a85e"
	" 0 0 33188\n",
	"10 6063493db77edb0c0869f7ba70cf22fdc054fdeb ima-ngv2 "
	"ima:sha256:9bb37c1bb81ebad4b74b3df82cf5c738773e1017a2a1998fa7f4467568edf839 boot_aggregate\n",
	NULL, /* a module's signature */
};

static void rare_templates(void **state)
{
	cleanup_buf struct buf list = { 0 }, again = { 0 };
	size_t at = 0, n = 0;

	(void)state;
	golden_read(&list, "ibmtss/imatest.log");
	for (; at < list.len; n++) {
		cleanup_buf struct buf line = { 0 };
		struct list_record r;

		at += parse(&list, at, &r);
		assert_header_digest(&r);
		assert_int_equal(r.violation, n == 6);
		assert_ok(list_encode(&r, &again));
		assert_ok(list_print(&r, &line));
		assert_true(n < ARRAY_SIZE(rare));
		if (!rare[n])
			continue;
		buf_add_u8(&line, 0);
		assert_string_equal((char *)line.data, rare[n]);
	}
	assert_int_equal(n, ARRAY_SIZE(rare));
	assert_int_equal(again.len, list.len);
	assert_memory_equal(again.data, list.data, list.len);
}

/* "d|n" is the format of template ima, but as a name it stands for the usual form with lengths. */
static void format_is_not_its_template(void **state)
{
	static const char record[] = HEADER "\3\0\0\0d|n"
					    "\x1f\0\0\0"
					    "\x14\0\0\0"
					    "0123456789abcdefghij"
					    "\3\0\0\0/a\0";
	static const char line[] = "10 303132333435363738396162636465666768696a d|n "
				   "303132333435363738396162636465666768696a /a\n";
	cleanup_buf struct buf again = { 0 }, text = { 0 };
	struct list_record r;
	const char *why;

	(void)state;
	assert_int_equal(list_parse(BYTES(record), &r, &why), sizeof(record) - 1);
	assert_ok(list_encode(&r, &again));
	assert_int_equal(again.len, sizeof(record) - 1);
	assert_memory_equal(again.data, record, again.len);
	assert_ok(list_print(&r, &text));
	assert_int_equal(text.len, sizeof(line) - 1);
	assert_memory_equal(text.data, line, text.len);
}

/* Every cut of a list parses up to the last whole record, then says that more is to come. */
static void cut_anywhere(void **state)
{
	static const char *const names[] = { "kernel-6.1/ima-sig.bin", "kernel-6.1/ima-legacy-sha1.bin",
					     "ibmtss/imatest.log" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_buf struct buf list = { 0 };

		golden_read(&list, "%s", names[i]);
		for (size_t n = 0, start = 0; n < list.len; n++) {
			/* A copy of its own, so that a read beyond the cut is seen by the sanitizer. */
			cleanup_free uint8_t *cut = malloc(n - start + 1);
			struct list_record r = { .pcr = 99 };
			const char *why = NULL;
			ssize_t took;

			memcpy(cut, list.data + start, n - start);
			took = list_parse(cut, n - start, &r, &why);
			if (took > 0) {
				assert_int_equal(took, n - start);
				start = n;
				continue;
			}
			assert_int_equal(took, n == start ? -ENODATA : -EAGAIN);
			assert_null(why);
			assert_int_equal(r.pcr, 99);
		}
	}
}

/* A changed byte of the data does not parse, or the header digest tells. */
static void flipped_byte(void **state)
{
	cleanup_buf struct buf list = { 0 };
	unsigned int told = 0;

	(void)state;
	golden_read(&list, "kernel-6.1/ima-sig.bin");
	for (size_t at = 0; at < list.len;) {
		struct list_record r;
		size_t n = parse(&list, at, &r);
		uint8_t *data = list.data + (r.data - list.data);

		for (size_t i = 0; i < r.data_len && !r.violation; i++) {
			struct digest d;

			data[i] ^= 0x10;
			assert_ok(list_template_digest(&r, algo_by_id(ALGO_SHA1), &d));
			assert_memory_not_equal(r.header_digest, d.bytes, LIST_HEADER_DIGEST);
			data[i] ^= 0x10;
			told++;
		}
		at += n;
	}
	assert_true(told > 4000);
}

static void malformed(void **state)
{
	static const char name256[] = HEADER "\0\1\0\0";
	static const struct {
		const char *bytes;
		size_t n;
		const char *why;
	} bad[] = {
#define ROW(bytes, why) { bytes, sizeof(bytes) - 1, why }
		ROW("\0\0\0\x0a", "PCR index out of range"),	    /* big-endian */
		ROW("10 a329efb5fd1b48", "PCR index out of range"), /* an ASCII list */
		ROW("\x40\0\0\0", "PCR index out of range"),
		ROW(HEADER "\0\0\0\0", "empty template name"),
		ROW(name256, "template name too long"),
		ROW(HEADER "\xff\xff\xff\xff", "template name too long"),
		ROW(HEADER "\6\0\0\0ima-nx", "unknown template"),
		ROW(HEADER "\6\0\0\0ima\0ng", "unknown template"),
		ROW(HEADER "\7\0\0\0sig|foo", "unknown template"),
		ROW(HEADER "\6\0\0\0ima-ng\1\0\x10\0", "template data too long"),
		ROW(HEADER "\3\0\0\0ima0123456789abcdefghij\0\1\0\0", "name too long for template ima"),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct list_record r = { .pcr = 99 };
		const char *why = NULL;

		assert_int_equal(list_parse((const uint8_t *)bad[i].bytes, bad[i].n, &r, &why), -EBADMSG);
		assert_string_equal(why, bad[i].why);
		assert_int_equal(r.pcr, 99);
	}
}

/* No record comes out that would not go in again. */
static void refuses_to_encode(void **state)
{
	const struct template *ima = template_find("ima", 3), *ng = template_find("ima-ng", 6);
	const struct list_record bad[] = {
		{ .pcr = LIST_PCR_MAX + 1, .template = ng },
		{ .pcr = 10, .template = ng, .data_len = LIST_DATA_MAX + 1 },
		{ .pcr = 10, .template = ima, .data = (const uint8_t *)"short", .data_len = 5 },
		{ .pcr = 10,
		  .template = ima,
		  .data = (const uint8_t *)"0123456789abcdefghij\2\0\0\0/",
		  .data_len = 25 },
	};
	const struct list_record no_name = {
		.pcr = 10, .template = ng, .data = (const uint8_t *)"x", .data_len = 1
	};
	cleanup_buf struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(list_encode(&bad[i], &b), -EBADMSG);
	assert_int_equal(list_print(&no_name, &b), -EBADMSG);
	assert_int_equal(b.len, 0);
}

/* Known template digests, and violations. */
static void made(void **state)
{
	static const struct {
		const char *template;
		struct digest digest;
		const char *sha1, *sha256;
	} known[] = {
		{ "ima-ng",
		  { .algo = ALGO_SHA1, .size = 20 },
		  "1d8d532d463c9f8c205d0df7787669a85f93e260",
		  NULL },
		{ "ima-ng",
		  { .algo = ALGO_SHA256, .size = 32 },
		  "0adefe762c149c7cec19da62f0da1297fcfbffff",
		  "36f1cd67a730bc4137870c4d00dbc7430b51b1ebdaa130744297cf65339078a0" },
		{ "ima-sig",
		  { .algo = ALGO_SHA256, .size = 32 },
		  "4f38ef8f82bbc2a73f2169c57ff5c76e14ce353d",
		  "34d2696f3c3e0b417b0525a2d1501d564ff6bd022f4886a7fae839a9be4f1839" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct template_input in = { .digest = &known[i].digest, .name = "boot_aggregate" };
		const struct template *t = template_find(known[i].template, strlen(known[i].template));
		cleanup_buf struct buf data = { 0 };
		struct list_record r;
		struct digest d;

		buf_add_str(&data, "before");
		assert_ok(list_make(10, t, &in, &data, &r));
		assert_ptr_equal(r.data, data.data + 6);
		d.size = LIST_HEADER_DIGEST;
		memcpy(d.bytes, r.header_digest, LIST_HEADER_DIGEST);
		assert_digest(&d, known[i].sha1);
		assert_ok(list_template_digest(&r, algo_by_id(ALGO_SHA256), &d));
		if (known[i].sha256)
			assert_digest(&d, known[i].sha256);
	}
}

/* The records of public lists that reference texts quote, made from their parts. */
static void made_from_parts(void **state)
{
	static const struct {
		const char *template, *digest, *name, *header;
	} known[] = {
		{ "ima-ng", "f1b4c7c9b27e94569f4c2b64051c452bc609c3cb891dd7fae06b758f8bc83d14",
		  "boot_aggregate", "cf41b43c4031672fcc2bd358b309ad33b977424f" },
		{ "ima-ng", "ae06e032a65fed8102aff5f8f31c678dcf2eb25b826f77ecb699faa0411f89e0", "/init",
		  "983dcd8e6f7c84a1a5f10e762d1850623966ceab" },
		{ "ima-sig", "e4cb9f5709c88376b5fc3743cd88e76b9aae8f3d992d845678de5215edb31216",
		  "boot_aggregate", "0c8a706a75a5689c1e168f0a573a3cbec33061b5" },
		{ "ima", "6f66d1d8e2fffcc12dfcb78c04b81fe5b8bbae4e", "/usr/bin/kmod",
		  "d7026dc672344d3ee372217bdbc7395947788671" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t hex = strlen(known[i].digest);
		struct digest file = { .algo = hex == 40 ? ALGO_SHA1 : ALGO_SHA256,
				       .size = (uint8_t)(hex / 2) },
			      header;
		struct template_input in = { .digest = &file, .digest_sha1 = &file, .name = known[i].name };
		cleanup_buf struct buf data = { 0 };
		struct list_record r;

		assert_ok(hex_decode(known[i].digest, hex, file.bytes, file.size));
		assert_ok(list_make(10, template_find(known[i].template, strlen(known[i].template)), &in,
				    &data, &r));
		header.size = LIST_HEADER_DIGEST;
		memcpy(header.bytes, r.header_digest, LIST_HEADER_DIGEST);
		assert_digest(&header, known[i].header);
	}
}

static void made_violation(void **state)
{
	const struct digest file = { .algo = ALGO_SHA256, .size = 32 };
	const struct template_input in = { .digest = &file, .name = "/v", .violation = true };
	static const uint8_t ones[DIGEST_MAX] = { [0 ... DIGEST_MAX - 1] = 0xff }, zeros[LIST_HEADER_DIGEST];
	cleanup_buf struct buf data = { 0 }, binary = { 0 };
	struct list_record r, again;
	const char *why;
	struct digest d;

	(void)state;
	assert_ok(list_make(11, template_find("ima-ng", 6), &in, &data, &r));
	assert_true(r.violation);
	assert_memory_equal(r.header_digest, zeros, sizeof(zeros));
	for (unsigned int id = ALGO_SHA1; id <= ALGO_SHA512; id++) {
		assert_ok(list_template_digest(&r, algo_by_id(id), &d));
		assert_int_equal(d.size, algo_by_id(id)->size);
		assert_memory_equal(d.bytes, ones, d.size);
	}
	assert_ok(list_encode(&r, &binary));
	assert_int_equal(list_parse(binary.data, binary.len, &again, &why), binary.len);
	assert_true(again.violation);
	assert_int_equal(again.pcr, 11);
}

static void refuses_to_make(void **state)
{
	const struct digest file = { .algo = ALGO_SHA256, .size = 32 };
	const struct template_input in = { .digest = &file, .name = "/v" }, no_name = { .digest = &file };
	const struct template *t = template_find("ima-ng", 6);
	struct list_record r = { .pcr = 99 };
	cleanup_buf struct buf data = { 0 };

	(void)state;
	buf_add_str(&data, "before");
	assert_int_equal(list_make(10, t, &no_name, &data, &r), -EINVAL);
	assert_int_equal(list_make(LIST_PCR_MAX + 1, t, &in, &data, &r), -EINVAL);
	assert_int_equal(data.len, 6);
	assert_int_equal(r.pcr, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_lists),
		cmocka_unit_test(rare_templates),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(format_is_not_its_template),
		cmocka_unit_test(flipped_byte),
		cmocka_unit_test(malformed),
		cmocka_unit_test(made),
		cmocka_unit_test(refuses_to_encode),
		cmocka_unit_test(made_from_parts),
		cmocka_unit_test(made_violation),
		cmocka_unit_test(refuses_to_make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
