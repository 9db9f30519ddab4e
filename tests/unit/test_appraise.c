// SPDX-License-Identifier: GPL-2.0-or-later
/* Appraise: what was found of a label against what the rules ask, in the kernel's words. */
#include <stdio.h>

#include <imad/appraise.h>
#include <imad/util.h>

#include "test.h"

#define GOOD IMAD_FOUND_GOOD
#define SHA256 4
#define NONE IMAD_FOUND(IMAD_LABEL_NONE, 0, 0)
#define HASH IMAD_FOUND(IMAD_LABEL_HASH, 0, SHA256)
#define SIG2 IMAD_FOUND(IMAD_LABEL_SIGNATURE, 2, SHA256)
#define SIG3 IMAD_FOUND(IMAD_LABEL_SIGNATURE, 3, SHA256)
#define SIG9 (IMAD_FOUND(IMAD_LABEL_SIGNATURE, 9, SHA256) | IMAD_FOUND_VERSION_BAD)
#define VERITY IMAD_FOUND(IMAD_LABEL_VERITY, 3, SHA256)
#define VERITY2 (IMAD_FOUND(IMAD_LABEL_VERITY, 2, SHA256) | IMAD_FOUND_VERSION_BAD)
#define UNKNOWN IMAD_FOUND(IMAD_LABEL_UNKNOWN, 0, 0)
#define IMASIG IMAD_OPT_SIGNED
#define BY_VERITY (IMAD_OPT_SIGNED | IMAD_OPT_VERITY)
#define HAS IMAD_FOUND_VERITY
#define HAS_GOOD (IMAD_FOUND_VERITY | IMAD_FOUND_VERITY_GOOD)
#define ONLY_VERITY IMAD_OPT_VERITY /* as of a measure rule for the same use */
#define BY_MODSIG (IMAD_OPT_SIGNED | IMAD_OPT_MODSIG)
#define APPENDED IMAD_FOUND_MODSIG
#define APPENDED_GOOD (IMAD_FOUND_MODSIG | IMAD_FOUND_MODSIG_GOOD)
#define BY_SIGV3 (IMAD_OPT_SIGNED | IMAD_OPT_SIGV3)

#define EVM(state) IMAD_FOUND_EVM(IMAD_EVM_##state)
#define TOLD IMAD_OPT_EVM_TOLD

static const struct row {
	uint32_t found, opts, algos, cause;
} rows[] = {
	{ NONE, 0, 0, IMAD_CAUSE_MISSING_HASH },
	/* EVM comes before the label, but for content that is denied and where there is no label. */
	{ HASH | GOOD | EVM(PASS), 0, 0, IMAD_CAUSE_PASS },
	{ HASH | GOOD | EVM(SIGNED), 0, 0, IMAD_CAUSE_PASS },
	{ HASH | GOOD | EVM(SIGNED), IMASIG, 0, IMAD_CAUSE_SIGNATURE_REQUIRED },
	{ HASH | GOOD | EVM(IMMUTABLE), IMASIG, 0, IMAD_CAUSE_PASS },
	{ HASH | EVM(IMMUTABLE), IMASIG, 0, IMAD_CAUSE_INVALID_HASH },
	{ HASH | EVM(PASS), 0, 0, IMAD_CAUSE_INVALID_HASH },
	{ HASH | GOOD | EVM(MISSING), 0, 0, IMAD_CAUSE_MISSING_HMAC },
	{ HASH | GOOD | EVM(INVALID), 0, 0, IMAD_CAUSE_INVALID_HMAC },
	{ SIG2 | GOOD | EVM(INVALID), IMASIG, 0, IMAD_CAUSE_INVALID_HMAC },
	{ HASH | EVM(INVALID), 0, 0, IMAD_CAUSE_INVALID_HMAC },
	{ HASH | GOOD | EVM(INVALID_IMMUTABLE), 0, 0, IMAD_CAUSE_INVALID_IMMUTABLE },
	{ HASH | GOOD | EVM(UNVERIFIABLE), 0, 0, IMAD_CAUSE_UNVERIFIABLE_HMAC },
	{ NONE | EVM(INVALID), 0, 0, IMAD_CAUSE_MISSING_HASH },
	{ HASH | GOOD | EVM(INVALID) | IMAD_FOUND_DENIED, 0, 0, IMAD_CAUSE_DENIED },
	{ SIG2 | APPENDED_GOOD | EVM(INVALID), BY_MODSIG, 0, IMAD_CAUSE_INVALID_HMAC },
	/* Where it is only told of, what the label fails by is not hidden. */
	{ HASH | GOOD | EVM(INVALID), TOLD, 0, IMAD_CAUSE_INVALID_HMAC },
	{ HASH | EVM(INVALID), TOLD, 0, IMAD_CAUSE_INVALID_HASH },
	{ HASH | GOOD | EVM(MISSING), TOLD | IMASIG, 0, IMAD_CAUSE_SIGNATURE_REQUIRED },
	{ HASH | GOOD | EVM(MISSING), TOLD, 1 << 6, IMAD_CAUSE_DENIED_ALGORITHM },
	{ NONE, IMASIG, 0, IMAD_CAUSE_SIGNATURE_REQUIRED },
	{ NONE | HAS, BY_VERITY, 0, IMAD_CAUSE_VERITY_REQUIRED },
	{ HASH | GOOD, 0, 0, IMAD_CAUSE_PASS },
	{ HASH, 0, 0, IMAD_CAUSE_INVALID_HASH },
	{ HASH | GOOD, IMASIG, 0, IMAD_CAUSE_SIGNATURE_REQUIRED },
	{ HASH | GOOD | HAS, BY_VERITY, 0, IMAD_CAUSE_VERITY_REQUIRED },
	{ SIG2 | GOOD, 0, 0, IMAD_CAUSE_PASS },
	{ SIG2 | GOOD, IMASIG, 0, IMAD_CAUSE_PASS },
	{ SIG2, 0, 0, IMAD_CAUSE_INVALID_SIGNATURE },
	{ SIG2, IMASIG, 0, IMAD_CAUSE_INVALID_SIGNATURE },
	{ SIG2 | GOOD, BY_SIGV3, 0, IMAD_CAUSE_SIGV3_REQUIRED },
	{ SIG3 | GOOD, BY_SIGV3, 0, IMAD_CAUSE_PASS },
	{ SIG3, BY_SIGV3, 0, IMAD_CAUSE_INVALID_SIGNATURE },
	{ SIG3 | GOOD | HAS, BY_VERITY, 0, IMAD_CAUSE_VERITY_REQUIRED },
	{ SIG9, IMASIG, 0, IMAD_CAUSE_INVALID_VERSION },
	{ VERITY | GOOD | HAS, BY_VERITY, 0, IMAD_CAUSE_PASS },
	{ VERITY | HAS, BY_VERITY, 0, IMAD_CAUSE_INVALID_VERITY },
	{ VERITY | GOOD, IMASIG, 0, IMAD_CAUSE_SIGNATURE_REQUIRED },
	{ VERITY2 | HAS, BY_VERITY, 0, IMAD_CAUSE_INVALID_VERSION },
	{ VERITY | GOOD | HAS, 0, 0, IMAD_CAUSE_INVALID_VERITY }, /* the kernel would look at the content's digest */
	{ NONE, BY_VERITY, 0, IMAD_CAUSE_NO_VERITY },
	{ VERITY | GOOD, BY_VERITY, 0, IMAD_CAUSE_NO_VERITY },
	{ HASH | GOOD, ONLY_VERITY, 0, IMAD_CAUSE_NO_VERITY },
	{ NONE | HAS, ONLY_VERITY, 0, IMAD_CAUSE_MISSING_HASH },
	{ HASH | GOOD | HAS, ONLY_VERITY, 0, IMAD_CAUSE_INVALID_HASH },
	{ HASH | HAS_GOOD, ONLY_VERITY, 0, IMAD_CAUSE_PASS },
	{ HASH | HAS_GOOD, 0, 0, IMAD_CAUSE_INVALID_HASH },
	{ HASH | GOOD | HAS, 0, 0, IMAD_CAUSE_PASS },
	{ SIG2 | GOOD | HAS, ONLY_VERITY, 0, IMAD_CAUSE_INVALID_SIGNATURE },
	{ SIG2 | HAS_GOOD, ONLY_VERITY, 0, IMAD_CAUSE_PASS },
	{ SIG2 | HAS_GOOD, BY_VERITY, 0, IMAD_CAUSE_VERITY_REQUIRED },
	{ NONE | APPENDED_GOOD, BY_MODSIG, 0, IMAD_CAUSE_PASS },
	{ NONE | APPENDED, BY_MODSIG, 0, IMAD_CAUSE_INVALID_SIGNATURE },
	{ NONE, BY_MODSIG, 0, IMAD_CAUSE_SIGNATURE_REQUIRED },
	{ NONE | APPENDED_GOOD, IMASIG, 0, IMAD_CAUSE_SIGNATURE_REQUIRED }, /* where no rule allows it */
	{ NONE | APPENDED_GOOD, 0, 0, IMAD_CAUSE_MISSING_HASH },
	{ HASH | APPENDED_GOOD, BY_MODSIG, 0, IMAD_CAUSE_PASS },
	{ HASH | GOOD | APPENDED, BY_MODSIG, 0, IMAD_CAUSE_INVALID_SIGNATURE },
	{ HASH | GOOD, BY_MODSIG, 0, IMAD_CAUSE_SIGNATURE_REQUIRED },
	{ SIG2 | APPENDED_GOOD, BY_MODSIG, 0, IMAD_CAUSE_PASS },
	{ SIG2 | GOOD, BY_MODSIG, 0, IMAD_CAUSE_PASS },
	{ SIG2, BY_MODSIG, 0, IMAD_CAUSE_INVALID_SIGNATURE },
	{ NONE | APPENDED_GOOD, BY_MODSIG | IMAD_OPT_VERITY, 0, IMAD_CAUSE_NO_VERITY },
	{ NONE | APPENDED_GOOD | IMAD_FOUND(0, 0, SHA256), BY_MODSIG, 1u << SHA256, IMAD_CAUSE_PASS },
	{ NONE | APPENDED_GOOD | IMAD_FOUND(0, 0, SHA256), BY_MODSIG, 1u << 6, IMAD_CAUSE_DENIED_ALGORITHM },
	{ UNKNOWN, 0, 0, IMAD_CAUSE_UNKNOWN_DATA },
	{ UNKNOWN, IMASIG, 0, IMAD_CAUSE_UNKNOWN_DATA },
	{ HASH | GOOD, 0, 1u << SHA256, IMAD_CAUSE_PASS },
	{ HASH | GOOD, 0, 1u << 6, IMAD_CAUSE_DENIED_ALGORITHM },
	{ SIG2 | GOOD, IMASIG, 1u << 6 | 1u << 5, IMAD_CAUSE_DENIED_ALGORITHM },
	{ HASH | GOOD | IMAD_FOUND_DENIED, 0, 0, IMAD_CAUSE_DENIED },
	{ SIG3 | GOOD | IMAD_FOUND_DENIED, BY_SIGV3, 0, IMAD_CAUSE_DENIED },
	{ NONE | IMAD_FOUND_DENIED, 0, 0, IMAD_CAUSE_DENIED }, /* whatever the label is */
	{ HASH | GOOD | IMAD_FOUND_DENIED, 0, 1u << 6, IMAD_CAUSE_DENIED },
	{ HASH, 0, 1u << 6, IMAD_CAUSE_INVALID_HASH }, /* the label first, then its algorithm */
};

static void verdicts(void **state)
{
	(void)state;
	for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++)
		if (imad_judge(r->opts, r->algos, r->found) != r->cause)
			fail_msg("row %td: cause %u", r - rows, imad_judge(r->opts, r->algos, r->found));
}

/* No label that says it is not good passes, whatever is asked. */
static void nothing_passes_without_good(void **state)
{
	(void)state;
	for (uint32_t kind = 0; kind < 16; kind++)
		for (uint32_t opts = 0; opts < 32; opts++)
			for (uint32_t version = 0; version < 5; version++)
				for (unsigned int bits = 0; bits < 4; bits++)
					assert_int_not_equal(imad_judge(opts, 0, IMAD_FOUND(kind, version, SHA256) |
									 (bits & 1 ? HAS : 0) | (bits & 2 ? APPENDED : 0)),
							     IMAD_CAUSE_PASS);
}

/* What is on the deny list passes by no label, whatever is asked. */
static void nothing_denied_passes(void **state)
{
	(void)state;
	for (uint32_t bits = 0; bits < 0x100; bits++)
		for (uint32_t opts = 0; opts < 32; opts++)
			for (uint32_t version = 0; version < 5; version++)
				assert_int_equal(imad_judge(opts, 0, IMAD_FOUND(bits, version, SHA256) | IMAD_FOUND_DENIED),
						 IMAD_CAUSE_DENIED);
}

/* What the hooks rely on: without verity, what passes with all options passes with any part of them. */
static void strictest_first(void **state)
{
	const uint32_t all = IMAD_OPT_SIGNED | IMAD_OPT_SIGV3 | IMAD_OPT_MODSIG | IMAD_OPT_DIRECTIO;

	(void)state;
	for (uint32_t opts = 0; opts <= all; opts++)
		for (uint32_t part = 0; part <= opts; part++)
			for (uint32_t found = 0; found < 0x400 && !(opts & IMAD_OPT_VERITY) && (part & opts) == part; found++)
				if (imad_judge(opts, 0, found) == IMAD_CAUSE_PASS)
					assert_int_equal(imad_judge(part, 0, found), IMAD_CAUSE_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(nothing_passes_without_good), cmocka_unit_test(nothing_denied_passes),
		cmocka_unit_test(strictest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
