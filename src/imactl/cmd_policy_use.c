/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The use that policy test asks about: from options, or from a file. Values are
 * read by the policy parser, as those of one condition, so that there is one language.
 */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <imad/match.h>

#include "imactl.h"

#define MOUNTINFO "/proc/self/mountinfo"

/* Options that take the value of a condition: name, word of the policy, field in rule and facts. */
#define VALUES(X)                                        \
	X(FUNC, "func", "func", func, func)              \
	X(UID, "uid", "uid", uid, uid)                   \
	X(EUID, "euid", "euid", uid, euid)               \
	X(SUID, "suid", "uid", uid, suid)                \
	X(GID, "gid", "gid", gid, gid)                   \
	X(EGID, "egid", "egid", gid, egid)               \
	X(SGID, "sgid", "gid", gid, sgid)                \
	X(FOWNER, "fowner", "fowner", fowner, fowner)    \
	X(FGROUP, "fgroup", "fgroup", fgroup, fgroup)    \
	X(FSMAGIC, "fsmagic", "fsmagic", fsmagic, fsmagic) \
	X(FSNAME, "fsname", "fsname", fsname, fsname)    \
	X(FS_SUBTYPE, "fs-subtype", "fs_subtype", fs_subtype, fs_subtype) \
	X(FSUUID, "fsuuid", "fsuuid", fsuuid, fsuuid)

#define VALUE_ENUM(ID, option, word, rule, fact) VALUE_##ID,
enum { VALUES(VALUE_ENUM) VALUE_COUNT };

#define SAME_SIZE(ID, option, word, rule, fact)                                             \
	_Static_assert(sizeof(((struct imad_rule *)0)->rule) == sizeof(((struct imad_facts *)0)->fact), option);
VALUES(SAME_SIZE)

#define VALUE_ROW(ID, option, word, rule, fact)                                             \
	[VALUE_##ID] = { word, offsetof(struct imad_rule, rule), offsetof(struct imad_facts, fact), \
			 sizeof(((struct imad_facts *)0)->fact) },
static const struct value {
	const char *word;
	size_t from, to, n;
} values[] = { VALUES(VALUE_ROW) };

#define OPTION_LABEL VALUE_COUNT /* + enum policy_label_kind */
enum {
	OPTION_MASK = OPTION_LABEL + POLICY_SUBJ_TYPE + 1,
	OPTION_CAP_SETUID,
	OPTION_CAP_SETGID,
	OPTION_FILE,
	OPTION_KEYRING,
	OPTION_CRITICAL,
	OPTION_COUNT,
};

#define VALUE_OPTION(ID, option, word, rule, fact) { option, required_argument, NULL, VALUE_##ID },
static const struct option options[] = {
	VALUES(VALUE_OPTION)
	{ "obj-user", required_argument, NULL, OPTION_LABEL + POLICY_OBJ_USER },
	{ "obj-role", required_argument, NULL, OPTION_LABEL + POLICY_OBJ_ROLE },
	{ "obj-type", required_argument, NULL, OPTION_LABEL + POLICY_OBJ_TYPE },
	{ "subj-user", required_argument, NULL, OPTION_LABEL + POLICY_SUBJ_USER },
	{ "subj-role", required_argument, NULL, OPTION_LABEL + POLICY_SUBJ_ROLE },
	{ "subj-type", required_argument, NULL, OPTION_LABEL + POLICY_SUBJ_TYPE },
	{ "mask", required_argument, NULL, OPTION_MASK },
	{ "cap-setuid", optional_argument, NULL, OPTION_CAP_SETUID },
	{ "cap-setgid", optional_argument, NULL, OPTION_CAP_SETGID },
	{ "file", required_argument, NULL, OPTION_FILE },
	{ "keyring", required_argument, NULL, OPTION_KEYRING },
	{ "label", required_argument, NULL, OPTION_CRITICAL },
	{ "json", no_argument, NULL, 'j' },
	{ 0 },
};

struct parsing {
	struct policy_use use;
	uint32_t given;	       /* bit per option number */
	const char *file;
	struct policy *policy; /* for one value at a time */
};

static void parsing_done(struct parsing *s)
{
	free(s->policy);
}

static bool is_given(const struct parsing *s, unsigned int option)
{
	return s->given & 1u << option;
}

static int refuse(const char *option, const char *value, const char *why)
{
	return complain(IMACTL_USAGE, "policy test: --%s %s: %s", option, value, why);
}

/* The rule "dont_measure WORD=VALUE" in s->policy->rules[0], or NULL and in @why why there is none. */
static const struct imad_rule *parse_value(struct parsing *s, const char *word, const char *value, const char **why)
{
	static const struct policy_env env = { 0 };
	cleanup(buf_done) struct buf text = { 0 };
	struct parse_error e = { .why = strerror(ENOMEM) };

	for (const char *c = value; *c; c++) {
		if (*c > ' ' && *c <= '~')
			continue;
		*why = "not one word of printable ASCII";
		return NULL;
	}
	buf_addf(&text, "dont_measure %s=%s", word, value);
	s->policy->n_rules = 0;
	if (buf_error(&text) < 0 || policy_parse(s->policy, (const char *)text.data, text.len, &env, &e) < 0) {
		*why = e.why;
		return NULL;
	}
	return &s->policy->rules[0];
}

static int take_value(struct parsing *s, unsigned int option, const char *value)
{
	const struct value *v = &values[option];
	const char *name = options[option].name, *why;
	const struct imad_rule *r;

	if (option == VALUE_FUNC && strcmp(value, policy_func_name(IMAD_SETXATTR_CHECK)) == 0)
		return refuse(name, value, "no use is asked for; its first rule says which labels may be written");
	r = parse_value(s, v->word, value, &why);
	if (!r)
		return refuse(name, value, why);
	memcpy((uint8_t *)&s->use.facts + v->to, (const uint8_t *)r + v->from, v->n);
	s->use.known |= r->conds & IMAD_CONDS_FS;
	return IMACTL_OK;
}

/* MAY_READ|MAY_WRITE, or with commas. MAY_ACCESS is no word of the policy, but that of mknod. */
static int take_mask(struct parsing *s, const char *value)
{
	cleanup_free char *copy = strdup(value);
	char *save = NULL;
	const char *why;

	if (!copy)
		return complain(IMACTL_UNCHECKED, "%s", strerror(ENOMEM));
	s->use.facts.mask = 0;
	for (char *word = strtok_r(copy, "|,", &save); word; word = strtok_r(NULL, "|,", &save)) {
		const struct imad_rule *r;

		if (strcmp(word, "MAY_ACCESS") == 0) {
			s->use.facts.mask |= IMAD_MAY_ACCESS;
			continue;
		}
		r = *word == '^' ? NULL : parse_value(s, "mask", word, &why);
		if (!r)
			return refuse("mask", value, *word == '^' ? "unknown mask" : why);
		s->use.facts.mask |= r->mask;
	}
	return s->use.facts.mask ? IMACTL_OK : refuse("mask", value, "unknown mask");
}

static int take_cap(const char *option, const char *value, __u8 *ret)
{
	if (value && strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return refuse(option, value, "must be yes or no");
	*ret = !value || strcmp(value, "yes") == 0;
	return IMACTL_OK;
}

static int take_option(struct parsing *s, unsigned int option, const char *value)
{
	struct policy_use *u = &s->use;

	s->given |= 1u << option;
	if (option < VALUE_COUNT)
		return take_value(s, option, value);
	switch (option) {
	case OPTION_MASK:
		return take_mask(s, value);
	case OPTION_CAP_SETUID:
		return take_cap("cap-setuid", value, &u->facts.cap_setuid);
	case OPTION_CAP_SETGID:
		return take_cap("cap-setgid", value, &u->facts.cap_setgid);
	case OPTION_FILE:
		s->file = value;
		break;
	case OPTION_KEYRING:
	case OPTION_CRITICAL:
		u->name = value;
		break;
	default:
		u->labels[option - OPTION_LABEL] = value;
	}
	return IMACTL_OK;
}

/* --- what a file says of itself */

/* The type of the mounted filesystem, "fuse.sshfs", to be freed. 0 or negative errno. */
static int mount_type(const char *path, char **ret)
{
	cleanup(file_closep) FILE *f = fopen(MOUNTINFO, "re");
	cleanup_free char *line = NULL;
	struct statx st;
	size_t size = 0;

	if (!f || statx(AT_FDCWD, path, 0, STATX_MNT_ID, &st) < 0)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		const char *type = strstr(line, " - ");

		if (!type || strtoull(line, NULL, 10) != st.stx_mnt_id)
			continue;
		*ret = strndup(type + 3, strcspn(type + 3, " \n"));
		return *ret ? 0 : -ENOMEM;
	}
	return -ENODATA;
}

static void copy_fsname(char *to, const char *from, size_t n)
{
	memset(to, 0, IMAD_FSNAME_MAX);
	memcpy(to, from, MIN(n, (size_t)IMAD_FSNAME_MAX - 1));
}

int policy_use_mount(const char *path, struct imad_facts *f)
{
	cleanup_free char *type = NULL;
	int r = mount_type(path, &type);
	size_t n;

	if (r < 0)
		return r;
	n = strcspn(type, "."); /* a subtype stands behind a dot */
	copy_fsname(f->fsname, type, n);
	copy_fsname(f->fs_subtype, type + n + (type[n] == '.'), strlen(type + n + (type[n] == '.')));
	return 0;
}

/* What was not given, from the file. */
static int take_file(struct parsing *s)
{
	struct imad_facts *f = &s->use.facts;
	struct imad_facts of_mount;
	struct stat st;
	struct statfs fs;
	int r;

	if (stat(s->file, &st) < 0 || statfs(s->file, &fs) < 0)
		return complain(IMACTL_UNCHECKED, "cannot read '%s': %s", s->file, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return complain(IMACTL_UNCHECKED, "'%s' is not a regular file: no policy is asked about it", s->file);
	r = policy_use_mount(s->file, &of_mount);
	if (r < 0)
		return complain(IMACTL_UNCHECKED, "cannot tell the filesystem type of '%s': %s", s->file, strerror(-r));
	if (!is_given(s, VALUE_FSMAGIC))
		f->fsmagic = (unsigned long)fs.f_type;
	if (!is_given(s, VALUE_FSNAME))
		memcpy(f->fsname, of_mount.fsname, sizeof(f->fsname));
	if (!is_given(s, VALUE_FS_SUBTYPE))
		memcpy(f->fs_subtype, of_mount.fs_subtype, sizeof(f->fs_subtype));
	if (!is_given(s, VALUE_FOWNER))
		f->fowner = st.st_uid;
	if (!is_given(s, VALUE_FGROUP))
		f->fgroup = st.st_gid;
	s->use.known |= IMAD_COND_FSMAGIC | IMAD_COND_FSNAME | IMAD_COND_FS_SUBTYPE;
	s->use.lsm = file_context(s->file, s->use.context, sizeof(s->use.context));
	return IMACTL_OK;
}

/* --- what was left out, and what does not go together */

static void default_ids(struct parsing *s)
{
	struct imad_facts *f = &s->use.facts;

	if (!is_given(s, VALUE_EUID))
		f->euid = f->uid;
	if (!is_given(s, VALUE_SUID))
		f->suid = f->uid;
	if (!is_given(s, VALUE_EGID))
		f->egid = f->gid;
	if (!is_given(s, VALUE_SGID))
		f->sgid = f->gid;
	if (!is_given(s, OPTION_CAP_SETUID))
		f->cap_setuid = f->euid == 0;
	if (!is_given(s, OPTION_CAP_SETGID))
		f->cap_setgid = f->euid == 0;
}

static int check_mask(struct parsing *s)
{
	struct imad_facts *f = &s->use.facts;
	uint32_t possible = policy_func_masks(f->func);

	if (!is_given(s, OPTION_MASK))
		f->mask = f->func == IMAD_FILE_CHECK ? IMAD_MAY_READ : (__u32)__builtin_ctz(possible);
	if (possible & 1u << f->mask)
		return IMACTL_OK;
	return complain(IMACTL_USAGE, "policy test: no use of %s has this mask", policy_func_name(f->func));
}

static int complete(struct parsing *s)
{
	uint32_t func = s->use.facts.func;
	int code;

	if (!is_given(s, VALUE_FUNC))
		return complain(IMACTL_USAGE, "policy test: --func is missing");
	if (is_given(s, OPTION_KEYRING) && func != IMAD_KEY_CHECK)
		return complain(IMACTL_USAGE, "policy test: --keyring goes with --func KEY_CHECK only");
	if (is_given(s, OPTION_CRITICAL) && func != IMAD_CRITICAL_DATA)
		return complain(IMACTL_USAGE, "policy test: --label goes with --func CRITICAL_DATA only");
	default_ids(s);
	code = check_mask(s);
	return code == IMACTL_OK && s->file ? take_file(s) : code;
}

int policy_use_parse(int argc, char **argv, struct policy_use *ret)
{
	cleanup(parsing_done) struct parsing s = { .policy = calloc(1, sizeof(*s.policy)) };
	int c, code = s.policy ? IMACTL_OK : complain(IMACTL_UNCHECKED, "%s", strerror(ENOMEM));

	while (code == IMACTL_OK && (c = getopt_long(argc, argv, "jv", options, NULL)) != -1) {
		if (c == '?')
			code = IMACTL_USAGE;
		else if (c == 'v')
			s.use.verbose = true;
		else if (c == 'j')
			s.use.json = true;
		else
			code = take_option(&s, (unsigned int)c, optarg);
	}
	if (code == IMACTL_OK)
		code = complete(&s);
	if (code == IMACTL_OK)
		*ret = s.use;
	return code;
}

void policy_use_bind(struct policy_use *u, const struct policy *p)
{
	uint32_t of_file;

	u->facts.names = u->facts.labels = 0;
	for (unsigned int i = 0; u->name && i < p->n_names; i++)
		if (strcmp(u->name, p->names[i]) == 0)
			u->facts.names |= 1ull << i;
	of_file = policy_match_label(p, u->lsm, true, u->context, strlen(u->context));
	for (unsigned int i = 0; i < p->n_labels; i++) {
		const char *label = u->labels[p->labels[i].kind];

		if (label ? strcmp(label, p->labels[i].value) == 0 : of_file >> i & 1)
			u->facts.labels |= 1u << i;
	}
}
