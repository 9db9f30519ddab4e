/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machinekey.c, seal.c, secret.c against swtpm: sealed and had again, many times; each way in which it is not to be had, by
 * its own error; and what a core dump of a process that holds keys and uses them has of them.
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <imad/evm.h>
#include <imad/machinekey.h>
#include <imad/seal.h>
#include <imad/tpm.h>
#include <imad/tpmkey.h>

#include "core_scan.h"
#include "test.h"
#include "tpm_proxy.h"

#define cleanup_key cleanup(evmkey_done)
#define cleanup_secret cleanup(secret_done)
#define RESTARTS 100
#define UNSEAL	 0x15eu /* TPM_CC_Unseal */
#define TEST_PCR 16

/* It locks nothing, and keeps what was freed. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

static struct swtpm swtpm;
static struct proxy proxy;
static char dir[TMPDIR_PATH];
static struct machinekey_why why;

static int start(void **state)
{
	(void)state;
	return swtpm_start(&swtpm) < 0 || proxy_start(&proxy, &swtpm) < 0 || tmpdir_make(dir) < 0 ? -1 : 0;
}

static int stop(void **state)
{
	(void)state;
	proxy_stop(&proxy);
	swtpm_stop(&swtpm);
	tmpdir_remove(dir);
	return 0;
}

static void make_secret(struct secret *ret)
{
	assert_ok(secret_init(ret, EVMKEY_SIZE));
	assert_ok(secret_random(ret));
}

static void make(uint32_t pcrs, struct secret *key, struct evmkey *k)
{
	make_secret(key);
	if (machinekey_seal(key, swtpm.tcti, ALGO_SHA256, pcrs, k, &why) < 0)
		fail_msg("%s", why.text);
}

static void extend(void)
{
	struct digest d = { .algo = ALGO_SHA256, .size = 32, .bytes = { 1 } };
	cleanup(tpm_freep) struct tpm *tpm = NULL;

	assert_ok(tpm_open(swtpm.tcti, &tpm));
	assert_ok(tpm_extend(tpm, TEST_PCR, &d, 1));
}

/* The flags of its mapping: locked, left out of dumps, wiped in a child. */
static void secrets(void **state)
{
	cleanup_secret struct secret s = { 0 };
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long from = 0, to;
	char line[512] = "";
	bool ours = false;

	(void)state;
	make_secret(&s);
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) && !(ours && strncmp(line, "VmFlags:", 8) == 0))
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			ours = from <= (unsigned long)s.bytes && (unsigned long)s.bytes < to;
	fclose(maps);
	assert_true(ours && strstr(line, " dd") && strstr(line, " wf"));
	assert_true(SANITIZED || strstr(line, " lo"));
	secret_done(&s);
	assert_null(s.bytes);
	secret_done(&s);
}

static void many_times(void **state)
{
	(void)state;
	for (int policy = 0; policy < 2; policy++) {
		cleanup_secret struct secret key = { 0 };
		cleanup_key struct evmkey k = { 0 };

		make(policy ? 1u << TEST_PCR | 1u << 7 : 0, &key, &k);
		for (int i = 0; i < (policy ? RESTARTS : 5); i++) {
			cleanup_secret struct secret got = { 0 };

			if (machinekey_reveal(dir, &k, swtpm.tcti, &got, &why) < 0)
				fail_msg("%d: %s", i, why.text);
			assert_int_equal(got.n, key.n);
			assert_memory_equal(got.bytes, key.bytes, key.n);
		}
	}
}

static void changed_pcr(void **state)
{
	cleanup_secret struct secret key = { 0 }, got = { 0 };
	cleanup_key struct evmkey k = { 0 }, free_one = { 0 };

	(void)state;
	make(0, &key, &free_one);
	secret_done(&key);
	make(1u << TEST_PCR | 1u << 7, &key, &k);
	extend();
	assert_int_equal(machinekey_reveal(dir, &k, swtpm.tcti, &got, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.text, "PCR 16 (sha256) is not as it was"));
	assert_null(got.bytes);

	/* It is the TPM that keeps it back: a file that says what the PCR is now changes nothing. */
	{
		cleanup(tpm_freep) struct tpm *tpm = NULL;
		cleanup(seal_freep) struct seal *s = NULL;
		struct digest now[TPMBLOB_PCRS_MAX] = { 0 };
		struct pcr_value v;

		assert_ok(tpm_open(swtpm.tcti, &tpm));
		memcpy(now, k.pcrs, sizeof(now));
		assert_ok(tpm_pcr_read(tpm, TEST_PCR, &v));
		for (unsigned int i = 0; i < v.n; i++)
			if (v.bank[i].algo == ALGO_SHA256)
				now[TEST_PCR] = v.bank[i];
		assert_ok(seal_open(swtpm.tcti, &s));
		assert_int_equal(seal_unseal(s, &k, NULL, &got), -EKEYREJECTED);
		assert_ok(evmkey_bind(&k, ALGO_SHA256, 1u << TEST_PCR | 1u << 7, now));
		assert_int_equal(seal_unseal(s, &k, NULL, &got), -EKEYREJECTED);
		buf_reset(&k.blob.policy); /* nor one that says that it wants no policy */
		assert_int_equal(seal_unseal(s, &k, NULL, &got), -EKEYREJECTED);
	}
	assert_ok(machinekey_reveal(dir, &free_one, swtpm.tcti, &got, &why)); /* bound to none */
}

/* A key pair, an approval by it of what PCR 7 is now, and the public part for @k. */
static void approve(struct evmkey *k, struct pcrsig *ret)
{
	EVP_PKEY *pair = EVP_RSA_gen(2048);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct tpmblob_pcrs p = { .bank = ALGO_SHA256, .pcrs = 1u << 7 };
	struct digest now[TPMBLOB_PCRS_MAX], policy;
	size_t n = sizeof(ret->sig);
	const char *unused = NULL;

	assert_ok(machinekey_read_pcrs(swtpm.tcti, p.bank, p.pcrs, now, &why));
	assert_ok(tpmblob_values_digest(p.pcrs, now, &p.digest));
	assert_ok(tpmblob_pcrs_digest(&p, &policy));
	*ret = (struct pcrsig){ .bank = p.bank, .pcrs = p.pcrs };
	memcpy(ret->policy, policy.bytes, sizeof(ret->policy));
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pair), 1);
	assert_int_equal(EVP_DigestSign(ctx, ret->sig, &n, ret->policy, sizeof(ret->policy)), 1);
	ret->len = (uint16_t)n;
	assert_ok(tpmkey_from_public(pair, &k->blob.authority, &unused));
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pair);
}

/* It is the TPM that asks for the approval: without one, with that of another, and if the file wants none, it keeps the key back. */
static void approved(void **state)
{
	cleanup_secret struct secret key = { 0 }, got = { 0 };
	cleanup_key struct evmkey k = { 0 }, other = { 0 };
	cleanup(seal_freep) struct seal *s = NULL;
	struct pcrsig good, bad;

	(void)state;
	make_secret(&key);
	approve(&k, &good);
	approve(&other, &bad);
	assert_ok(machinekey_seal(&key, swtpm.tcti, ALGO_SHA256, 0, &k, &why));
	assert_ok(seal_open(swtpm.tcti, &s));
	for (int i = 0; i < 5; i++) {
		cleanup_secret struct secret again = { 0 };

		assert_ok(seal_unseal(s, &k, &good, &again));
		assert_memory_equal(again.bytes, key.bytes, key.n);
	}
	assert_int_equal(seal_unseal(s, &k, NULL, &got), -EKEYREJECTED);
	assert_int_equal(seal_unseal(s, &k, &bad, &got), -EKEYREJECTED);
	bad = good;
	bad.pcrs = 1u << 8; /* of the same value */
	assert_int_equal(seal_unseal(s, &k, &bad, &got), -EKEYREJECTED);
	bad = good;
	bad.policy[0] ^= 1;
	assert_int_equal(seal_unseal(s, &k, &bad, &got), -EKEYREJECTED);
	buf_reset(&k.blob.authority);
	assert_int_equal(seal_unseal(s, &k, NULL, &got), -EKEYREJECTED);
	assert_null(got.bytes);
}

/* Every byte of both parts, one after the other. */
static void forged(void **state)
{
	cleanup_secret struct secret key = { 0 };
	cleanup(seal_freep) struct seal *s = NULL;
	cleanup_key struct evmkey k = { 0 };
	struct buf *parts[] = { &k.blob.public, &k.blob.private };

	(void)state;
	make(0, &key, &k);
	assert_ok(seal_open(swtpm.tcti, &s));
	for (int p = 0; p < 2; p++)
		for (size_t i = 0; i < parts[p]->len; i++) {
			cleanup_secret struct secret got = { 0 };

			parts[p]->data[i] ^= 0x40;
			assert_true(seal_unseal(s, &k, NULL, &got) < 0);
			assert_null(got.bytes);
			parts[p]->data[i] ^= 0x40;
		}
	parts[1]->data[100] ^= 1;
	assert_int_equal(seal_unseal(s, &k, NULL, &(struct secret){ 0 }), -EBADMSG);
	assert_true(*seal_error(s));
	assert_int_equal(machinekey_reveal(dir, &k, swtpm.tcti, &(struct secret){ 0 }, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "damaged or forged"));
	parts[1]->data[100] ^= 1;
	k.id[15] ^= 1;
	assert_int_equal(machinekey_reveal(dir, &k, swtpm.tcti, &(struct secret){ 0 }, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.text, "another EVM key"));
}

static void other_tpm(void **state)
{
	cleanup_secret struct secret key = { 0 }, got = { 0 };
	cleanup_key struct evmkey k = { 0 };
	struct swtpm other;

	(void)state;
	make(0, &key, &k);
	assert_ok(swtpm_start(&other));
	assert_int_equal(machinekey_reveal(dir, &k, other.tcti, &got, &why), -ESTALE);
	assert_non_null(strstr(why.text, "another TPM"));
	swtpm_stop(&other);
	assert_int_equal(machinekey_reveal(dir, &k, other.tcti, &got, &why), -ENODEV);
	assert_non_null(strstr(why.text, "there is no TPM"));
}

/* Slow, busy, out of service: no hang, and its own words. */
static void bad_tpm(void **state)
{
	cleanup_secret struct secret key = { 0 }, got = { 0 };
	cleanup_key struct evmkey k = { 0 };

	(void)state;
	make(0, &key, &k);
	proxy.code = UNSEAL;
	proxy.delay_ms = 2500; /* it is waited for, however long it takes */
	assert_ok(machinekey_reveal(dir, &k, proxy.tcti, &got, &why));
	assert_memory_equal(got.bytes, key.bytes, key.n);
	secret_done(&got);
	proxy.delay_ms = 0;
	proxy_plan(&proxy, PROXY_ANSWER, 0, 8, 0x922); /* TPM_RC_RETRY: ESAPI asks five times itself */
	assert_ok(machinekey_reveal(dir, &k, proxy.tcti, &got, &why));
	secret_done(&got);
	proxy_plan(&proxy, PROXY_ANSWER, 0, 1, 0x921); /* TPM_RC_LOCKOUT */
	assert_int_equal(machinekey_reveal(dir, &k, proxy.tcti, &got, &why), -EIO);
	if (!strstr(why.text, "lockout"))
		fail_msg("%s", why.text);
	assert_ok(machinekey_reveal(dir, &k, proxy.tcti, &got, &why)); /* and nothing is left behind */
}

/* It hangs up in the middle: a TPM without a resource manager keeps what was loaded then, so this one is not used again. */
static void gone(void **state)
{
	cleanup_secret struct secret key = { 0 }, got = { 0 };
	cleanup_key struct evmkey k = { 0 };

	(void)state;
	make(0, &key, &k);
	proxy.code = UNSEAL;
	proxy_plan(&proxy, PROXY_DROP, 0, 1, 0);
	assert_int_equal(machinekey_reveal(dir, &k, proxy.tcti, &got, &why), -EIO);
	assert_non_null(strstr(why.text, "does not unseal"));
	assert_null(got.bytes);
}

/* --- files */

static void files(void **state)
{
	cleanup_secret struct secret first = { 0 }, second = { 0 };
	cleanup_key struct evmkey one = { 0 }, two = { 0 };
	struct machinekeys keys = { 0 };
	char path[TMPDIR_PATH + 32];
	struct stat st;

	(void)state;
	assert_int_equal(machinekeys_load(dir, swtpm.tcti, &keys, &why), -ENOENT);
	make(0, &first, &one);
	make(0, &second, &two);
	assert_ok(machinekey_write(dir, MACHINEKEY_FILE, &one, &why));
	snprintf(path, sizeof(path), "%s/%s", dir, MACHINEKEY_FILE);
	assert_ok(stat(path, &st));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ok(machinekeys_load(dir, swtpm.tcti, &keys, &why));
	assert_int_equal(keys.n, 1);
	machinekeys_done(&keys);

	assert_ok(machinekey_write(dir, MACHINEKEY_NEXT, &two, &why));
	assert_ok(machinekeys_load(dir, swtpm.tcti, &keys, &why));
	assert_int_equal(keys.n, 2);
	assert_memory_equal(keys.key[0].key.bytes, second.bytes, EVMKEY_SIZE); /* the one that makes new ones */
	assert_memory_equal(keys.key[1].key.bytes, first.bytes, EVMKEY_SIZE);
	machinekeys_done(&keys);

	assert_ok(machinekey_advance(dir, &why));
	assert_ok(machinekeys_load(dir, swtpm.tcti, &keys, &why));
	assert_int_equal(keys.n, 1);
	assert_memory_equal(keys.key[0].id, two.id, EVMKEY_ID_SIZE);
	machinekeys_done(&keys);
	assert_true(machinekey_advance(dir, &why) < 0);
	assert_ok(truncate(path, 100));
	assert_int_equal(machinekeys_load(dir, swtpm.tcti, &keys, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "damaged: the JSON text is cut"));
	assert_int_equal(keys.n, 0);
}

static void bare(void **state)
{
	cleanup_secret struct secret key = { 0 }, got = { 0 };
	cleanup_key struct evmkey k = { 0 };
	char path[TMPDIR_PATH + 32];
	FILE *f;

	(void)state;
	make_secret(&key);
	snprintf(path, sizeof(path), "%s/imad.evm", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(key.bytes, 1, key.n, f), key.n);
	fclose(f);
	assert_ok(machinekey_point(&key, EVMKEY_FILE, path, &k, &why));
	assert_ok(machinekey_reveal(dir, &k, "none", &got, &why));
	assert_memory_equal(got.bytes, key.bytes, key.n);
	secret_done(&got);
	assert_ok(machinekey_point(&key, EVMKEY_CREDENTIAL, "imad.evm", &k, &why));
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(machinekey_reveal(dir, &k, "none", &got, &why), -ENOENT);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	assert_ok(machinekey_reveal(dir, &k, "none", &got, &why));
	secret_done(&got);
	assert_ok(truncate(path, 31));
	assert_int_equal(machinekey_reveal(dir, &k, "none", &got, &why), -EBADMSG);
	assert_ok(truncate(path, 33));
	assert_int_equal(machinekey_reveal(dir, &k, "none", &got, &why), -EBADMSG);
}

/* --- a process that has it */

/* As the daemon would: load, make HMACs, and then crash. */
static int hold(const char *statedir, const char *tcti)
{
	const struct evm_input in = { .enabled = EVM_ENABLED_USUAL, .xattr[EVM_IMA] = { (const uint8_t *)"x", 1 }, .has_generation = true, .has_uuid = true };
	struct machinekeys keys = { 0 };
	struct digest d;

	if (machinekeys_load(statedir, tcti, &keys, &why) < 0)
		return 1;
	for (int i = 0; i < 100; i++)
		if (evm_hmac(&in, algo_by_id(ALGO_SHA256), keys.key[0].key.bytes, keys.key[0].key.n, &d) < 0)
			return 1;
	if (write(STDOUT_FILENO, "r", 1) != 1 || raise(SIGSTOP) != 0)
		return 1;
	abort();
}

static void be_child(int out)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &all);
	if (chdir(dir) == 0 && dup2(out, STDOUT_FILENO) >= 0)
		execl("/proc/self/exe", "hold", dir, swtpm.tcti, NULL);
	_exit(1);
}

static void in_no_core(void **state)
{
	cleanup_secret struct secret key = { 0 };
	cleanup_key struct evmkey k = { 0 };
	char path[TMPDIR_PATH + 32], ready;
	int out[2], status;
	struct scan scan;
	pid_t pid;

	(void)state;
	if (SANITIZED)
		skip();
	make(0, &key, &k);
	assert_ok(machinekey_write(dir, MACHINEKEY_FILE, &k, &why));
	assert_ok(pipe2(out, O_CLOEXEC));
	pid = fork();
	if (pid == 0)
		be_child(out[1]);
	close(out[1]);
	assert_int_equal(read(out[0], &ready, 1), 1);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_ok(scan_process(pid, key.bytes, key.n, &scan));
	print_message("%zu KiB would be dumped\n", scan.bytes >> 10);
	assert_true(scan.excluded > 0 && scan.bytes > 100000);
	assert_int_equal(scan.dumped, 0);

	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	snprintf(path, sizeof(path), "%s/core", dir); /* where the kernel wrote one: elsewhere somebody collects them */
	if (access(path, R_OK) < 0)
		snprintf(path, sizeof(path), "%s/core.%d", dir, pid);
	assert_true(scan_file(path, key.bytes, key.n) <= 0);
	print_message("core file: %s\n", access(path, R_OK) == 0 ? "searched" : "none here");
	close(out[0]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets), cmocka_unit_test(many_times), cmocka_unit_test(changed_pcr), cmocka_unit_test(approved),
		cmocka_unit_test(forged),
		cmocka_unit_test(other_tpm), cmocka_unit_test(bad_tpm), cmocka_unit_test(files), cmocka_unit_test(bare),
		cmocka_unit_test(in_no_core), cmocka_unit_test(gone),
	};

	if (argc == 3)
		return hold(argv[1], argv[2]);
	return cmocka_run_group_tests(tests, start, stop);
}
