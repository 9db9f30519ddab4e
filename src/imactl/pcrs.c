/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where PCR values come from: files in the form of evmctl --pcrs, sysfs, the TPM itself. */
#include <ctype.h>
#include <dirent.h>
#include <string.h>

#include <imad/tpm.h>

#include "imactl.h"

static struct pcr_value *find_pcr(struct pcr_set *set, unsigned long pcr)
{
	for (unsigned int i = 0; i < set->n; i++)
		if (set->value[i].pcr == pcr)
			return &set->value[i];
	return NULL;
}

/* 0; -EEXIST: the bank is there; -E2BIG: too many. */
static int add_bank(struct pcr_value *v, const struct digest *d)
{
	for (unsigned int i = 0; i < v->n; i++)
		if (v->bank[i].algo == d->algo)
			return -EEXIST;
	if (v->n == PCR_BANKS_MAX)
		return -E2BIG;
	v->bank[v->n++] = *d;
	return 0;
}

/* A digest in hex, joined or with blanks between, up to the end of the line. */
static int parse_digest(const char *s, const struct algo *algo, struct digest *ret)
{
	struct digest d = { .algo = algo->id, .size = algo->size };
	char hex[2 * DIGEST_MAX];
	size_t n = 0;

	for (; *s; s++) {
		if (isspace((unsigned char)*s))
			continue;
		if (n == sizeof(hex))
			return -EBADMSG;
		hex[n++] = *s;
	}
	if (n != 2u * algo->size || hex_decode(hex, n, d.bytes, d.size) < 0)
		return -EBADMSG;
	*ret = d;
	return 0;
}

/* One line "PCR-10: 9a35..." */
static int take_line(const char *line, const struct algo *algo, struct pcr_set *set)
{
	struct pcr_value *v;
	struct digest d;
	char *end;
	unsigned long pcr;

	if (strncmp(line, "PCR-", 4) != 0 || !isdigit((unsigned char)line[4]))
		return -EBADMSG;
	pcr = strtoul(line + 4, &end, 10);
	if (*end != ':' || parse_digest(end + 1, algo, &d) < 0)
		return -EBADMSG;
	v = find_pcr(set, pcr);
	return v ? add_bank(v, &d) : 0;
}

int pcrs_from_file(const char *spec, struct pcr_set *set, struct why *why)
{
	const char *comma = strchr(spec, ','), *path = spec;
	const struct algo *algo = comma ? algo_by_name(spec, (size_t)(comma - spec)) : NULL;
	cleanup(file_closep) FILE *f = NULL;
	cleanup_free char *line = NULL;
	size_t size = 0;
	unsigned int n = 0;
	int r;

	if (algo)
		path = comma + 1;
	else
		algo = algo_by_id(ALGO_SHA1); /* as evmctl takes it */
	f = fopen(path, "re");
	if (!f)
		return why_set(why, -errno, "cannot read PCR values from '%s': %s", path, strerror(errno));
	while (getline(&line, &size, f) > 0) {
		n++;
		r = take_line(line, algo, set);
		if (r == -EEXIST)
			return why_set(why, r, "'%s' line %u: second value of that PCR in bank %s", path, n,
				       algo->name);
		if (r < 0)
			return why_set(why, r, "'%s' line %u: not a PCR value of bank %s", path, n,
				       algo->name);
	}
	if (ferror(f) || n == 0)
		return why_set(why, -EIO, "no PCR values in '%s'", path);
	return 0;
}

/* <tpm_dir>/pcr-sha256/10 */
static int read_sysfs(const char *tpm_dir, const struct algo *algo, unsigned int pcr, struct digest *ret)
{
	cleanup(file_closep) FILE *f = NULL;
	char path[256], line[2 * DIGEST_MAX + 2];

	(void)snprintf(path, sizeof(path), "%s/pcr-%s/%u", tpm_dir, algo->name, pcr);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	return fgets(line, sizeof(line), f) ? parse_digest(line, algo, ret) : -EIO;
}

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

int pcrs_from_sysfs(const char *tpm_dir, struct pcr_set *set, struct why *why)
{
	cleanup(dir_closep) DIR *dir = opendir(tpm_dir);
	const struct dirent *e;
	unsigned int n_banks = 0;
	int r;

	if (!dir)
		return why_set(why, -errno, "cannot read '%s': %s", tpm_dir, strerror(errno));
	while ((e = readdir(dir))) {
		const struct algo *algo;

		if (strncmp(e->d_name, "pcr-", 4) != 0)
			continue;
		algo = algo_by_name(e->d_name + 4, strlen(e->d_name + 4));
		if (!algo)
			return why_set(why, -EOPNOTSUPP, "TPM bank '%s' is not known here", e->d_name + 4);
		for (unsigned int i = 0; i < set->n; i++) {
			struct digest d;

			r = read_sysfs(tpm_dir, algo, set->value[i].pcr, &d);
			if (r == 0)
				r = add_bank(&set->value[i], &d);
			if (r < 0)
				return why_set(why, r, "cannot read PCR %u in bank %s: %s", set->value[i].pcr,
					       algo->name, strerror(-r));
		}
		n_banks++;
	}
	return n_banks > 0 ? 0 : why_set(why, -ENOENT, "no PCR files in '%s'", tpm_dir);
}

int pcrs_from_tpm(const char *tcti, struct pcr_set *set, struct why *why)
{
	cleanup(tpm_freep) struct tpm *tpm = NULL;
	int r = tpm_open(tcti, &tpm);

	if (r == -ENODEV)
		return why_set(why, r, "no TPM at '%s'", tcti);
	if (r < 0)
		return why_set(why, r, "cannot use the TPM at '%s': %s", tcti, strerror(-r));
	for (unsigned int i = 0; i < set->n; i++) {
		struct pcr_value v = { 0 };

		r = tpm_pcr_read(tpm, set->value[i].pcr, &v);
		for (unsigned int k = 0; r == 0 && k < v.n; k++)
			r = add_bank(&set->value[i], &v.bank[k]);
		if (r < 0)
			return why_set(why, r, "cannot read PCR %u of the TPM at '%s': %s", set->value[i].pcr,
				       tcti, *tpm_error(tpm) ? tpm_error(tpm) : strerror(-r));
	}
	return 0;
}
