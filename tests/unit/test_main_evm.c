// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EVM in the daemon: what is found of a file, and how its HMAC follows label and metadata; at each step a file that was right
 * passes, and nothing else comes to pass. Needs CAP_SYS_ADMIN and a filesystem that tells its UUID; else skipped.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <imad/appraise.h>
#include <imad/metadata.h>
#include <imad/util.h>

#include "test.h"
#include "tmpdir.h"

#include "../../src/imad/main.h"

#define SKIP 77

static char tmp[TMPDIR_PATH];
static int fd = -1;
static struct daemon d;
static struct trust *trust;
static uint64_t vouched; /* BPF's number */

int hooks_state(struct hooks *h, int file, struct imad_gen *gen, bool *has_gen, struct imad_verdict *verdict)
{
	(void)h, (void)file;
	*gen = (struct imad_gen){ .gen = 1, .vouched = vouched };
	*verdict = (struct imad_verdict){ 0 };
	*has_gen = true;
	return 0;
}

static const uint8_t id[2][EVM_MAC_ID] = { "aaaa", "bbbb" }, bytes[2][32] = { { 1 }, { 2 } };
static const uint8_t label1[34] = { 4, 4, 1 }, label2[34] = { 4, 4, 2 };

static void keys(unsigned int n)
{
	d.evm.n = n;
	for (unsigned int i = 0; i < n; i++)
		d.evm.key[i] = (struct evm_key){ .id = id[i], .bytes = bytes[i], .n = sizeof(bytes[i]) };
}

static void set_label(const uint8_t *label)
{
	assert_int_equal(fsetxattr(fd, "security.ima", label, 34, 0), 0);
}

static enum imad_evm evm(void)
{
	return IMAD_EVM(daemon_evm_look(&d, trust, fd));
}

static int new_file(void **state)
{
	char path[TMPDIR_PATH + 16];

	(void)state;
	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "%s/file", tmp);
	(void)unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	set_label(label1);
	d.conf.evm = CONF_APPRAISE_ENFORCE;
	d.evm.of_kernel = false;
	vouched = 0;
	keys(1);
	return 0;
}

static void found(void **state)
{
	uint8_t kernels[21] = { EVM_HMAC }, bad[64] = { EVM_PORTABLE, 2 };

	(void)state;
	assert_int_equal(evm(), IMAD_EVM_MISSING);
	assert_int_equal(daemon_evm_renew(&d, fd), 1);
	assert_int_equal(evm(), IMAD_EVM_PASS);
	assert_int_equal(fchmod(fd, 04755), 0);
	assert_int_equal(evm(), IMAD_EVM_INVALID);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(evm(), IMAD_EVM_PASS);
	assert_int_equal(fchown(fd, 1, 0), 0);
	assert_int_equal(evm(), IMAD_EVM_INVALID);
	assert_int_equal(fchown(fd, 0, 0), 0);
	set_label(label2);
	assert_int_equal(evm(), IMAD_EVM_INVALID);
	set_label(label1);
	keys(0);
	assert_int_equal(evm(), IMAD_EVM_UNVERIFIABLE);
	keys(1);
	d.evm.key[0].id = id[1];
	assert_int_equal(evm(), IMAD_EVM_INVALID); /* of a key that is not ours */
	keys(1);
	d.evm.of_kernel = true;
	assert_int_equal(evm(), IMAD_EVM_NONE);
	d.evm.of_kernel = false;
	d.conf.evm = CONF_APPRAISE_OFF;
	assert_int_equal(evm(), IMAD_EVM_NONE);
	d.conf.evm = CONF_APPRAISE_LOG;
	assert_int_equal(evm(), IMAD_EVM_PASS);
	if (fsetxattr(fd, "security.evm", bad, sizeof(bad), 0) == 0) /* it decides where it is */
		assert_int_equal(evm(), IMAD_EVM_INVALID_IMMUTABLE);
	if (fsetxattr(fd, "security.evm", kernels, sizeof(kernels), 0) == 0)
		assert_int_equal(evm(), IMAD_EVM_PASS); /* the kernel's is not asked for ours */
	assert_int_equal(fremovexattr(fd, "security.ima"), 0);
	assert_int_equal(evm(), IMAD_EVM_NONE); /* the label itself is missing */
}

/* What BPF has seen change counts as right until the HMAC is made anew; without that nothing does. */
static void vouched_for(void **state)
{
	uint32_t hash = IMAD_FOUND(IMAD_LABEL_HASH, 0, ALGO_SHA256) | IMAD_FOUND_GOOD;

	(void)state;
	assert_int_equal(daemon_evm_renew(&d, fd), 1);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(daemon_evm_find(&d, trust, fd, hash), hash | IMAD_FOUND_EVM(IMAD_EVM_INVALID));
	vouched = 5;
	assert_int_equal(daemon_evm_find(&d, trust, fd, hash), hash | IMAD_FOUND_EVM(IMAD_EVM_PASS));
	assert_int_equal(evm(), IMAD_EVM_INVALID); /* it is not made by looking */
	keys(0);
	assert_int_equal(daemon_evm_find(&d, trust, fd, hash), hash | IMAD_FOUND_EVM(IMAD_EVM_UNVERIFIABLE));
}

static void fixed(void **state)
{
	uint32_t hash = IMAD_FOUND(IMAD_LABEL_HASH, 0, ALGO_SHA256), right = hash | IMAD_FOUND_GOOD;

	(void)state;
	d.conf.evm = CONF_APPRAISE_FIX;
	assert_int_equal(daemon_evm_find(&d, trust, fd, hash), hash | IMAD_FOUND_EVM(IMAD_EVM_MISSING));
	assert_int_equal(daemon_evm_find(&d, trust, fd, right | IMAD_FOUND_DENIED), right | IMAD_FOUND_DENIED | IMAD_FOUND_EVM(IMAD_EVM_MISSING));
	assert_int_equal(evm(), IMAD_EVM_MISSING);
	assert_int_equal(daemon_evm_find(&d, trust, fd, right), right | IMAD_FOUND_EVM(IMAD_EVM_PASS));
	assert_int_equal(evm(), IMAD_EVM_PASS);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(daemon_evm_find(&d, trust, fd, right), right | IMAD_FOUND_EVM(IMAD_EVM_INVALID)); /* not what is wrong */
	assert_int_equal(evm(), IMAD_EVM_INVALID);
}

/* The label changes: whoever dies between two steps leaves a file that passes, before and after, and no third state does. */
static void each_step_of_a_relabelling(void **state)
{
	static const uint8_t third[34] = { 4, 4, 3 };

	(void)state;
	assert_int_equal(daemon_evm_renew(&d, fd), 1);
	assert_int_equal(daemon_evm_before(&d, fd, label2, sizeof(label2), false), 1);
	assert_int_equal(evm(), IMAD_EVM_PASS);
	set_label(third);
	assert_int_equal(evm(), IMAD_EVM_INVALID);
	set_label(label2);
	assert_int_equal(evm(), IMAD_EVM_PASS);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(evm(), IMAD_EVM_INVALID);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(daemon_evm_renew(&d, fd), 1);
	assert_int_equal(evm(), IMAD_EVM_PASS);
	set_label(label1);
	assert_int_equal(evm(), IMAD_EVM_INVALID); /* the old one is over */
}

/* No HMAC is made by a new label where there was none, or a wrong one. */
static void nothing_to_keep(void **state)
{
	(void)state;
	assert_int_equal(daemon_evm_before(&d, fd, label2, sizeof(label2), false), 0);
	assert_int_equal(evm(), IMAD_EVM_MISSING);
	assert_int_equal(daemon_evm_renew(&d, fd), 1);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(daemon_evm_before(&d, fd, label2, sizeof(label2), false), 0);
	set_label(label2);
	assert_int_equal(evm(), IMAD_EVM_INVALID);
	/* After a write that was allowed there is one, of the new label alone. */
	assert_int_equal(daemon_evm_before(&d, fd, label1, sizeof(label1), true), 1);
	assert_int_equal(evm(), IMAD_EVM_INVALID);
	set_label(label1);
	assert_int_equal(evm(), IMAD_EVM_PASS);
	keys(0);
	assert_int_equal(daemon_evm_before(&d, fd, label2, sizeof(label2), true), 0);
	assert_int_equal(daemon_evm_renew(&d, fd), 0);
}

/* Both keys of a rekey verify, the first makes. */
static void of_two_keys(void **state)
{
	(void)state;
	keys(2);
	d.evm.key[0] = d.evm.key[1];
	assert_int_equal(daemon_evm_renew(&d, fd), 1);
	keys(2);
	assert_int_equal(evm(), IMAD_EVM_PASS);
	assert_int_equal(daemon_evm_renew(&d, fd), 1);
	keys(1);
	assert_int_equal(evm(), IMAD_EVM_PASS);
}

/* A portable signature's file has no HMAC to be made; nor has one in memory. */
static void none_is_made(void **state)
{
	uint8_t signed_by[64] = { EVM_PORTABLE, 2 };
	cleanup_close int shm = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	(void)state;
	if (fsetxattr(fd, "security.evm", signed_by, sizeof(signed_by), 0) == 0) {
		assert_int_equal(daemon_evm_renew(&d, fd), 0);
		assert_int_equal(fgetxattr(fd, EVM_MAC_XATTR, NULL, 0), -1);
	}
	if (shm < 0 || fsetxattr(shm, "security.ima", label1, sizeof(label1), 0) < 0)
		return;
	assert_int_equal(IMAD_EVM(daemon_evm_look(&d, trust, shm)), IMAD_EVM_NONE);
	assert_int_equal(daemon_evm_renew(&d, shm), 0);
}

#define EACH(fn) cmocka_unit_test_setup(fn, new_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(found), EACH(vouched_for), EACH(fixed), EACH(each_step_of_a_relabelling), EACH(nothing_to_keep), EACH(of_two_keys),
		EACH(none_is_made),
	};
	cleanup(metadata_done) struct metadata m = { 0 };
	struct keyring *ring = NULL;
	int r = SKIP;

	if (tmpdir_make(tmp) < 0 || keyring_new(&ring) < 0 || trust_new(ring, &trust) < 0)
		return 1;
	fd = open(tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || fsetxattr(fd, "security.ima", label1, sizeof(label1), 0) < 0 || metadata_read(fd, &m) < 0 || !m.input.has_uuid ||
	    !m.input.has_generation)
		fprintf(stderr, "no security.ima in %s, or no UUID of the filesystem\n", tmp);
	else
		r = cmocka_run_group_tests(tests, NULL, NULL);
	trust_unref(trust);
	tmpdir_remove(tmp);
	return r;
}
