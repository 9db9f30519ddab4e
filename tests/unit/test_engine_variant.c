// SPDX-License-Identifier: GPL-2.0-or-later
/* Engine: records by the fs-verity digest, and with an appended signature. */
#include "engine_fixture.h"

#define C 4u /* slots: A plain, B by fs-verity, C with the signature */

static bool has_verity, has_modsig, has_meta;
static unsigned int asked, told;
static struct digest audited;

static int collect(void *arg, void *scratch, int fd, unsigned int needs, const struct digest *digest,
		   struct engine_content *ret)
{
	int r = fake_ops.collect(arg, scratch, fd, needs, digest, ret);

	asked = needs;
	must(ret->verity.size == 0 && ret->digest_modsig.size == 0 && !ret->modsig, "left over from the round before");
	for (unsigned int i = 0; !has_verity && i < fx.n_files; i++)
		fx.files[i].recorded[1] = fx.files[i].gen.gen + 1; /* of what there is nothing to record all is in the list */
	if (has_verity)
		ret->verity = (struct digest){ .algo = ALGO_SHA256, .size = 32, .bytes = { 7 } };
	must(!ret->has_meta && !ret->meta.evmsig.len, "left over from the round before");
	if (has_meta) {
		buf_add(&ret->meta.evmsig, "\5", 1);
		ret->has_meta = true;
	}
	if (has_modsig) {
		ret->digest_modsig = (struct digest){ .algo = ALGO_SHA1, .size = 20, .bytes = { 8 } };
		ret->modsig = (uint8_t *)strdup("der");
		ret->modsig_len = 3;
	}
	return r;
}

static void tell_no_verity(void *arg, const char *name, uint64_t dev, uint64_t ino, uint32_t pid, uint32_t uid)
{
	(void)arg, (void)dev;
	must(!strcmp(name, "file0") && ino == fx.files[0].ino && pid == 77 && uid == 1000, "told of another use");
	told++;
}

static void audit(void *arg, const struct engine_content *content, uint32_t pid, uint32_t uid)
{
	audited = content->digest;
	fake_ops.audit(arg, content, pid, uid);
}

static struct fake_file *start_variants(void)
{
	static struct policy p;
	struct engine_ops ops = fake_ops;
	struct fake_file *f = new_file();

	has_verity = has_modsig = has_meta = false;
	told = 0;
	ops.collect = collect;
	ops.no_verity = tell_no_verity;
	ops.audit = audit;
	start_with(&ops);
	p = (struct policy){
		.n_slots = 3,
		.slots = { { .pcr = FIRST_PCR },
			   { .pcr = FIRST_PCR + 1, .variant = IMAD_VARIANT_VERITY },
			   { .pcr = FIRST_PCR + 2, .variant = IMAD_VARIANT_MODSIG } },
	};
	assert_ok(engine_set_policy(fx.e, &p));
	return f;
}

static void by_verity(void **state)
{
	struct fake_file *f = start_variants();

	(void)state;
	has_verity = true;
	hold_reader(f, A | B);
	wait_released();
	assert_int_equal(asked, ENGINE_DIGEST | ENGINE_VERITY);
	assert_int_equal(fx.n_submitted, 2);
	assert_false(fx.submitted[0].verity);
	assert_int_equal(fx.submitted[0].digest.bytes[0], 1); /* the fake content */
	assert_true(fx.submitted[1].verity);
	assert_int_equal(fx.submitted[1].digest.bytes[0], 7);
	assert_null(fx.submitted[1].modsig);
	assert_int_equal(f->verdict.done, A | B);
	assert_int_equal(told, 0);
}

/* The content need not be read for that. */
static void only_by_verity(void **state)
{
	struct fake_file *f = start_variants();

	(void)state;
	has_verity = true;
	hold_reader(f, B);
	wait_released();
	assert_int_equal(asked, ENGINE_VERITY);
	assert_int_equal(fx.n_submitted, 1);
}

/* Owner, mode and attributes are looked at only if some template tells of them. */
static void by_inode(void **state)
{
	static struct policy p = { .n_slots = 2, .slots = { { .pcr = FIRST_PCR }, { .pcr = FIRST_PCR + 1, .template = "evm-sig" } } };
	struct fake_file *f = start_variants();

	(void)state;
	hold_reader(f, A);
	wait_released();
	assert_int_equal(asked, ENGINE_DIGEST);
	assert_null(fx.submitted[0].meta);
	assert_ok(engine_set_policy(fx.e, &p));
	has_meta = true;
	f->gen.gen++;
	hold_reader(f, A | B);
	wait_released();
	assert_int_equal(asked, ENGINE_DIGEST | ENGINE_META);
	assert_int_equal(fx.n_submitted, 3);
	assert_non_null(fx.submitted[2].meta);
	assert_string_equal(fx.submitted[2].template->name, "evm-sig");
}

/* As in IMA there is no record then. It is looked at again when it may have come to have a digest. */
static void without_verity(void **state)
{
	struct fake_file *f = start_variants();

	(void)state;
	fx.lossy = true; /* let go without that record */
	hold_reader(f, A | B);
	wait_released();
	assert_int_equal(fx.n_submitted, 1);
	assert_int_equal(f->verdict.done, A | B);
	assert_int_equal(f->mark, MARK_ORDINARY);
	assert_int_equal(told, 1);
	hold_reader(f, B);
	wait_released();
	assert_int_equal(fx.n_submitted, 1);
	assert_int_equal(told, 1);
	has_verity = true;
	f->gen.gen++; /* as BPF does then */
	hold_reader(f, B);
	wait_released();
	assert_int_equal(fx.n_submitted, 2);
	assert_true(fx.submitted[1].verity);
	assert_int_equal(f->verdict.done, B);
}

/* ... but that somebody could write it while it was read is a violation all the same. */
static void violation_without_verity(void **state)
{
	struct fake_file *f = start_variants();

	(void)state;
	fx.lossy = true;
	writer_opens(f);
	hold_reader(f, B);
	wait_released();
	assert_int_equal(fx.n_submitted, 1);
	assert_true(fx.submitted[0].violation);
	assert_int_equal(f->verdict.done, B);
	hold_reader(f, B); /* once */
	wait_released();
	assert_int_equal(fx.n_submitted, 1);
}

/* The hooks judge a file that is appraised, and tell of it. */
static void appraised_without_verity(void **state)
{
	struct fake_file *f = start_variants();

	(void)state;
	fx.lossy = true;
	hold_reader(f, B | IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(told, 0);
	assert_int_equal(f->verdict.done, B | IMAD_SLOT_APPRAISE);
	assert_int_equal(f->verdict.found, 0x101);
}

static void audit_by_verity(void **state)
{
	struct fake_file *f = start_variants();

	(void)state;
	f->gen.flags |= IMAD_GEN_VERITY;
	has_verity = true;
	late_use(f, IMAD_SLOT_AUDIT, 1, NULL);
	wait_uses();
	assert_int_equal(asked, ENGINE_VERITY);
	assert_int_equal(audited.bytes[0], 7);
	assert_int_equal(f->verdict.done, IMAD_SLOT_AUDIT);
}

/* The digest that the kernel took is the content's: a record by fs-verity must not have it. */
static void unreachable_by_verity(void **state)
{
	struct digest digest = { .algo = ALGO_SHA256, .size = 32 };

	(void)state;
	start_variants();
	late_use(NULL, A, 1, &digest);
	wait_uses();
	assert_int_equal(fx.n_submitted, 1);
	assert_false(fx.submitted[0].violation);
	late_use(NULL, B, 1, &digest);
	wait_uses();
	assert_int_equal(fx.n_submitted, 2);
	assert_true(fx.submitted[1].violation);
}

static void with_signature(void **state)
{
	struct fake_file *f = start_variants();

	(void)state;
	has_modsig = true;
	hold_reader(f, A | C);
	wait_released();
	assert_int_equal(asked, ENGINE_DIGEST | ENGINE_MODSIG);
	assert_int_equal(fx.n_submitted, 2);
	assert_int_equal(fx.submitted[0].modsig_len, 0);
	assert_int_equal(fx.submitted[0].digest_modsig.size, 0);
	assert_int_equal(fx.submitted[1].modsig_len, 3);
	assert_int_equal(fx.submitted[1].digest_modsig.algo, ALGO_SHA1);
	assert_int_equal(fx.submitted[1].digest.algo, ALGO_SHA256);
	has_modsig = false;
	f->gen.gen++;
	hold_reader(f, C);
	wait_released();
	assert_int_equal(fx.submitted[2].modsig_len, 0);
	assert_int_equal(f->verdict.done, C);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(by_verity),
		TEST(by_inode),
		TEST(only_by_verity),
		TEST(without_verity),
		TEST(violation_without_verity),
		TEST(appraised_without_verity),
		TEST(audit_by_verity),
		TEST(unreachable_by_verity),
		TEST(with_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
