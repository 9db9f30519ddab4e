/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control messages: known bytes, round trip, every truncation, limits. */
#include "test.h"

#include <errno.h>

#include <imad/ctl.h>
#include <imad/util.h>

static const uint8_t known[] = {
	'I', 'M', 'A', 'D', 1, 0, 5, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 'n', 'o'
};

static void known_bytes(void **state)
{
	const struct ctl_message m = {
		.type = 5, .status = -1, .payload = (const uint8_t *)"no", .payload_len = 2
	};
	cleanup(buf_done) struct buf b = { 0 };

	(void)state;
	assert_ok(ctl_encode(&m, &b));
	assert_int_equal(b.len, sizeof(known));
	assert_memory_equal(b.data, known, sizeof(known));
}

static void round_trip(void **state)
{
	static uint8_t payload[CTL_ANSWER_MAX - CTL_HEADER];
	static const uint32_t sizes[] = { 0, 1, CTL_REQUEST_MAX - CTL_HEADER, sizeof(payload) };

	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct ctl_message m = {
			.type = 0xfffe, .status = INT32_MIN, .payload = payload, .payload_len = sizes[i]
		};
		cleanup(buf_done) struct buf b = { 0 };
		struct ctl_message got;

		assert_ok(ctl_encode(&m, &b));
		assert_int_equal(b.len, CTL_HEADER + sizes[i]);
		assert_ok(ctl_decode(b.data, b.len, CTL_ANSWER_MAX, &got));
		assert_int_equal(got.type, 0xfffe);
		assert_int_equal(got.status, INT32_MIN);
		assert_int_equal(got.payload_len, sizes[i]);
		assert_memory_equal(got.payload, payload, sizes[i]);
	}
}

static void refused(void **state)
{
	struct ctl_message m = { .type = 77 };
	uint8_t p[sizeof(known) + 1];

	(void)state;
	/* Cut at every length: copied, so that the sanitizer sees a read past the end. */
	for (size_t n = 0; n < sizeof(known); n++) {
		cleanup_free uint8_t *cut = malloc(n + !n);

		assert_non_null(cut);
		memcpy(cut, known, n);
		assert_int_equal(ctl_decode(cut, n, CTL_REQUEST_MAX, &m), -EBADMSG);
	}
	memcpy(p, known, sizeof(known));
	p[sizeof(known)] = 0; /* one byte more than the length says */
	assert_int_equal(ctl_decode(p, sizeof(p), CTL_REQUEST_MAX, &m), -EBADMSG);
	p[0] = 'i';
	assert_int_equal(ctl_decode(p, sizeof(known), CTL_REQUEST_MAX, &m), -EBADMSG);
	p[0] = 'I', p[4] = 2;
	assert_int_equal(ctl_decode(p, sizeof(known), CTL_REQUEST_MAX, &m), -EPROTONOSUPPORT);
	p[4] = 1, p[15] = 0x80; /* length above 2^31 */
	assert_int_equal(ctl_decode(p, sizeof(known), CTL_REQUEST_MAX, &m), -EBADMSG);
	assert_ok(ctl_decode(known, sizeof(known), sizeof(known), &m));
	m.type = 77;
	assert_int_equal(ctl_decode(known, sizeof(known), sizeof(known) - 1, &m), -EMSGSIZE);
	assert_int_equal(m.type, 77); /* untouched */
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(ctl_name(CTL_STATUS), "STATUS");
	assert_string_equal(ctl_name(CTL_SYNC), "SYNC");
	assert_null(ctl_name(CTL_STATUS + 1));
	assert_null(ctl_name(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_bytes),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refused),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
