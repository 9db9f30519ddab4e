/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include <imad/appraise.h>
#include <imad/label.h>
#include <imad/match.h>
#include <imad/modsig.h>
#include <json-c/json.h>

#include "simulate.h"

#define LABEL_MAX 65536

const char *const sim_measure_texts[] = {
	[SIM_AS_NOW] = "measured as now",
	[SIM_NOT_MEASURED] = "not measured",
	[SIM_MOVED] = "measured into another PCR or template",
	[SIM_UNSURE] = "unsure: it depends on what the list does not tell",
};

#define CAUSE_TEXT(name, text) [IMAD_CAUSE_##name] = "denied by enforce: " text,
static const char *const causes[] = { IMAD_CAUSES(CAUSE_TEXT) };

const char *sim_appraise_text(const struct sim_outcome *o)
{
	switch (o->appraise) {
	case SIM_NOT_APPRAISED:
		return NULL;
	case SIM_PASS:
		return "pass";
	case SIM_SIGNED:
		return "signed, which is not checked here";
	case SIM_FILE_GONE:
		return "unknown: another file or none has the name now";
	case SIM_APPRAISE_UNSURE:
		return "unsure: it depends on what the list does not tell";
	default:
		return causes[o->cause];
	}
}

/* --- the use */

static bool get_int(struct json_object *info, const char *key, int64_t *ret)
{
	struct json_object *v;

	if (!json_object_object_get_ex(info, key, &v))
		return false;
	*ret = json_object_get_int64(v);
	return true;
}

static uint32_t find_func(const char *name)
{
	const char *known;

	for (unsigned int i = 0; name && (known = policy_func_name(i)); i++)
		if (strcmp(known, name) == 0)
			return i;
	return IMAD_NONE;
}

/* Whether @path is the inode of the record. */
static bool is_same_file(const char *path, struct json_object *info, struct stat *st)
{
	const char *dev = info_text(info, "dev");
	unsigned int maj, min;
	int64_t ino;

	return dev && sscanf(dev, "%u:%u", &maj, &min) == 2 && get_int(info, "ino", &ino) && stat(path, st) == 0 &&
	       S_ISREG(st->st_mode) && st->st_ino == (ino_t)ino && st->st_dev == makedev(maj, min);
}

/* A hash label is compared with the digest in the list: the content as it was used. */
/* What is said of a file beside its label; a signature is taken for good. */
static uint32_t find_beside(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	uint8_t tail[MODSIG_TAIL];
	struct modsig at;
	struct statx st;
	uint32_t found = 0;
	ssize_t n;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) < 0)
		return 0;
	if (st.stx_attributes & STATX_ATTR_VERITY)
		found |= IMAD_FOUND_VERITY;
	n = st.stx_size > sizeof(tail) ? pread(fd, tail, sizeof(tail), (off_t)(st.stx_size - sizeof(tail))) : 0;
	if (n == sizeof(tail) && modsig_find(tail, sizeof(tail), st.stx_size, &at, NULL) == 0)
		found |= IMAD_FOUND_MODSIG | IMAD_FOUND_MODSIG_GOOD;
	return found;
}

/* The digest is that of the record, whichever its rule asked for. */
static uint32_t find_label(const char *path, const struct digest *digest)
{
	cleanup_free uint8_t *bytes = malloc(LABEL_MAX);
	ssize_t n = bytes ? getxattr(path, "security.ima", bytes, LABEL_MAX) : -1;
	struct label l;

	if (n <= 0)
		return IMAD_FOUND(IMAD_LABEL_NONE, 0, 0);
	if (label_decode(bytes, (size_t)n, &l, NULL) < 0 || !l.algo)
		return IMAD_FOUND(IMAD_LABEL_UNKNOWN, 0, 0);
	if (l.type == LABEL_SIGNATURE || l.type == LABEL_VERITY)
		return IMAD_FOUND(l.type == LABEL_VERITY ? IMAD_LABEL_VERITY : IMAD_LABEL_SIGNATURE, l.version, l.algo->id) |
		       IMAD_FOUND_GOOD | IMAD_FOUND_VERITY_GOOD;
	return IMAD_FOUND(IMAD_LABEL_HASH, 0, l.algo->id) |
	       (label_holds(&l, digest) ? IMAD_FOUND_GOOD | IMAD_FOUND_VERITY_GOOD : 0);
}

static void take_file(struct sim_use *u, struct json_object *info)
{
	cleanup_free char *path = strndup(u->name, u->name_len);
	struct statfs fs;
	struct stat st;

	if (!path || path[0] != '/' || !is_same_file(path, info, &st) || statfs(path, &fs) < 0)
		return;
	u->same_file = true;
	u->facts.fowner = st.st_uid;
	u->facts.fgroup = st.st_gid;
	u->facts.fsmagic = (unsigned long)fs.f_type;
	u->known |= IMAD_COND_FOWNER | IMAD_COND_FGROUP | IMAD_COND_FSMAGIC;
	u->found = find_label(path, &u->digest) | find_beside(path);
	u->lsm = file_context(path, u->context, sizeof(u->context));
}

bool sim_use_of(const struct template_fields *f, struct json_object *info, struct sim_use *ret)
{
	struct sim_use u = { .known = IMAD_COND_FUNC | IMAD_COND_MASK | IMAD_COND_INMASK, .name = f->name ? f->name : "",
			     .name_len = f->name_len, .digest = f->digest };
	int64_t uid;

	u.facts.func = find_func(info_text(info, "func"));
	if (u.facts.func == IMAD_NONE || u.facts.func == IMAD_CRITICAL_DATA)
		return false;
	/* A file that was read, as the list has it; whether it could be written as well it does not tell. */
	u.facts.mask = u.facts.func == IMAD_FILE_CHECK ? IMAD_MAY_READ : (uint32_t)__builtin_ctz(policy_func_masks(u.facts.func));
	if (get_int(info, "uid", &uid)) {
		u.facts.uid = (uint32_t)uid;
		u.known |= IMAD_COND_UID;
	}
	if (u.facts.func == IMAD_KEY_CHECK)
		u.known |= IMAD_COND_NAMES;
	take_file(&u, info);
	*ret = u;
	return true;
}

void sim_use_bind(struct sim_use *u, const struct policy *p)
{
	u->facts.names = 0;
	for (unsigned int i = 0; u->facts.func == IMAD_KEY_CHECK && i < p->n_names; i++)
		if (strlen(p->names[i]) == u->name_len && memcmp(p->names[i], u->name, u->name_len) == 0)
			u->facts.names |= 1ull << i;
	/* What label the task had, the list does not tell. */
	u->facts.labels = policy_match_label(p, u->lsm, true, u->context, strlen(u->context));
	u->unknown_labels = 0;
	for (unsigned int i = 0; i < p->n_labels; i++)
		if (!*u->context || !policy_label_of_object(p->labels[i].kind))
			u->unknown_labels |= 1u << i;
}

/* --- the rules */

enum match { NO, UNSURE, YES };

static enum match matches(const struct imad_rule *r, const struct sim_use *u)
{
	struct imad_rule known = *r;
	uint32_t asked = r->conds;

	known.conds &= u->known | IMAD_COND_LABELS;
	known.labels &= ~u->unknown_labels;
	if (!imad_rule_matches(&known, &u->facts))
		return NO;
	if (known.labels == r->labels)
		asked &= ~IMAD_COND_LABELS;
	if (u->facts.func == IMAD_KEY_CHECK) /* of its conditions only these count */
		asked &= IMAD_COND_FUNC | IMAD_COND_UID | IMAD_COND_NAMES;
	return asked & ~u->known ? UNSURE : YES;
}

/* The first rule of one class that is sure to match, -1 if none is; *@unsure: another one may be first. */
static int first_rule(const struct policy *p, const struct sim_use *u, uint32_t does, bool *unsure)
{
	int perhaps = -1;

	*unsure = false;
	for (unsigned int i = 0; i < p->n_rules; i++) {
		const struct imad_rule *r = &p->rules[i];
		enum match m = r->action & (does | does << 1) ? matches(r, u) : NO;

		if (m == NO)
			continue;
		if (m == YES) {
			*unsure = perhaps >= 0 && (p->rules[perhaps].action != r->action || p->rules[perhaps].slot_bit != r->slot_bit);
			return (int)i;
		}
		if (perhaps < 0)
			perhaps = (int)i;
		else if (p->rules[perhaps].action != r->action)
			*unsure = true;
	}
	*unsure = perhaps >= 0 && (*unsure || (p->rules[perhaps].action & IMAD_ACTION_DO));
	return -1;
}

static bool does(const struct policy *p, int rule)
{
	return rule >= 0 && (p->rules[rule].action & IMAD_ACTION_DO);
}

static enum sim_measure measured(const struct policy *p, uint32_t default_pcr, const struct list_record *r, int rule)
{
	const struct policy_slot *slot;

	if (!does(p, rule))
		return SIM_NOT_MEASURED;
	slot = &p->slots[__builtin_ctz(p->rules[rule].slot_bit)];
	if ((slot->pcr == POLICY_PCR_DEFAULT ? default_pcr : (uint32_t)slot->pcr) != r->pcr)
		return SIM_MOVED;
	if (slot->template && strcmp(slot->template, r->template->name) != 0)
		return SIM_MOVED;
	return SIM_AS_NOW;
}

static void appraise(const struct policy *p, const struct sim_use *u, struct sim_outcome *o)
{
	uint32_t opts = 0;
	bool by_modsig;

	if (!does(p, o->appraise_rule))
		return;
	for (unsigned int i = 0; i < p->n_rules; i++)
		if (matches(&p->rules[i], u) == YES)
			opts |= p->rules[i].opts;
	if (!u->same_file) {
		o->appraise = SIM_FILE_GONE;
		return;
	}
	by_modsig = (opts & IMAD_OPT_MODSIG) && (u->found & IMAD_FOUND_MODSIG);
	o->cause = imad_judge(opts, p->rules[o->appraise_rule].algos, u->found);
	o->appraise = o->cause != IMAD_CAUSE_PASS			 ? SIM_FAIL :
		      IMAD_FOUND_KIND(u->found) == IMAD_LABEL_HASH && !by_modsig ? SIM_PASS : SIM_SIGNED;
}

void sim_decide(const struct policy *p, uint32_t default_pcr, const struct list_record *r,
		const struct sim_use *u, struct sim_outcome *ret)
{
	bool unsure;

	*ret = (struct sim_outcome){ .measure_rule = first_rule(p, u, IMAD_MEASURE, &unsure) };
	ret->measure = unsure ? SIM_UNSURE : measured(p, default_pcr, r, ret->measure_rule);
	ret->appraise_rule = first_rule(p, u, IMAD_APPRAISE, &unsure);
	if (unsure)
		ret->appraise = SIM_APPRAISE_UNSURE;
	else
		appraise(p, u, ret);
	ret->audit = does(p, first_rule(p, u, IMAD_AUDIT, &unsure));
	ret->hash = does(p, first_rule(p, u, IMAD_HASH, &unsure));
}

/* --- as text */

void sim_put_rule(FILE *f, const struct named_policy *p, int rule)
{
	cleanup_free char *text = rule >= 0 ? rule_text(&p->policy, (unsigned int)rule) : NULL;

	if (rule < 0) {
		fputs("no rule", f);
		return;
	}
	put_place(f, &p->places[rule]);
	fprintf(f, ": %s", text ? text : "");
}

void sim_add_rule(struct json_object *o, const char *key, const struct named_policy *p, int rule)
{
	char place[256];

	if (rule < 0)
		return;
	(void)snprintf(place, sizeof(place), "%s:%u", p->places[rule].name, p->places[rule].line);
	json_add_text(o, key, place, strlen(place));
}
