/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which words go together in one rule: ima_validate_rule() in ima_policy.c, as
 * tables of words instead of flags, so that a refusal can name the word.
 */
#include "policy_words.h"

#define W(ID) (1u << WORD_##ID)

#define FS_WORDS (W(FSMAGIC) | W(FSNAME) | W(FS_SUBTYPE) | W(FSUUID))
#define ID_WORDS (W(UID) | W(EUID) | W(GID) | W(EGID))
#define OWNER_WORDS (W(FOWNER) | W(FGROUP))
#define LSM_WORDS                                                              \
	(W(OBJ_USER) | W(OBJ_ROLE) | W(OBJ_TYPE) | W(SUBJ_USER) | W(SUBJ_ROLE) | \
	 W(SUBJ_TYPE))

/* Words that no func excludes; their own conditions are below. */
#define FREE_WORDS (W(FUNC) | W(PCR) | W(TEMPLATE) | W(APPRAISE_FLAG))
#define BUFFER_FILE_WORDS (FREE_WORDS | FS_WORDS | ID_WORDS | OWNER_WORDS | LSM_WORDS)
#define FILE_WORDS \
	(BUFFER_FILE_WORDS | W(MASK) | W(APPRAISE_TYPE) | W(APPRAISE_ALGOS) | W(PERMIT_DIRECTIO) | W(DIGEST_TYPE))

#define MEASURES (IMAD_MEASURE | IMAD_DONT_MEASURE)
#define ALL (IMAD_ACTION_DO | IMAD_ACTION_DONT)

/* What a func allows. Those not listed here, and a rule without func=, are file hooks. */
static const struct kind {
	uint32_t funcs, words, actions;
	bool modsig;
} kinds[] = {
	{ POLICY_FUNC_BIT(MODULE_CHECK) | POLICY_FUNC_BIT(KEXEC_KERNEL_CHECK) | POLICY_FUNC_BIT(KEXEC_INITRAMFS_CHECK),
	  FILE_WORDS & ~W(DIGEST_TYPE), ALL, .modsig = true },
	{ POLICY_FUNC_BIT(KEXEC_CMDLINE), BUFFER_FILE_WORDS, MEASURES, false },
	{ POLICY_FUNC_BIT(KEY_CHECK), FREE_WORDS | W(UID) | W(GID) | W(KEYRINGS), MEASURES, false },
	{ POLICY_FUNC_BIT(CRITICAL_DATA), FREE_WORDS | W(UID) | W(GID) | W(LABEL), MEASURES, false },
	{ POLICY_FUNC_BIT(SETXATTR_CHECK), FREE_WORDS | W(APPRAISE_ALGOS), IMAD_APPRAISE, false },
	{ ~0u, FILE_WORDS, ALL, false },
};

static const struct kind *kind_of(const struct imad_rule *r)
{
	const struct kind *k = kinds;

	while (!(k->funcs & 1u << r->func))
		k++;
	return k;
}

/* The first of @words that was given. */
static bool find(const struct draft *d, uint32_t words, struct slice *ret)
{
	words &= d->given;
	if (!words)
		return false;
	*ret = d->tokens[__builtin_ctz(words)];
	return true;
}

static const char *signature_invalid(const struct draft *d, const struct kind *k, struct slice *ret)
{
	uint32_t opts = d->rule.opts;

	*ret = d->tokens[WORD_APPRAISE_TYPE];
	if ((opts & IMAD_OPT_MODSIG) && !k->modsig)
		return "modsig is for modules and kexec images";
	if ((opts & IMAD_OPT_MODSIG) && (opts & IMAD_OPT_SIGV3))
		return "modsig and sigv3 exclude each other";
	*ret = d->tokens[WORD_DIGEST_TYPE];
	if ((opts & IMAD_OPT_VERITY) && (d->rule.action & IMAD_APPRAISE) && !(opts & IMAD_OPT_SIGV3))
		return "needs appraise_type=sigv3";
	return NULL;
}

const char *policy_rule_invalid(const struct draft *d, struct slice *ret)
{
	const struct kind *k = kind_of(&d->rule);
	uint32_t action = d->rule.action;

	if (action != IMAD_MEASURE && find(d, W(PCR) | W(TEMPLATE), ret))
		return "needs measure";
	if (action != IMAD_APPRAISE && find(d, W(APPRAISE_TYPE) | W(APPRAISE_ALGOS), ret))
		return "needs appraise";
	if (!(action & k->actions)) {
		*ret = d->tokens[WORD_FUNC];
		return "func does not go with the action";
	}
	if (find(d, ~k->words, ret))
		return d->given & W(FUNC) ? "does not go with the func" : "needs a func=";
	if (d->rule.func == IMAD_SETXATTR_CHECK && !d->rule.algos) {
		*ret = d->tokens[WORD_FUNC];
		return "needs appraise_algos=";
	}
	return signature_invalid(d, k, ret);
}
