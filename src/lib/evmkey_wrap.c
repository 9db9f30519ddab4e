/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The id of a key, and the key under a passphrase. Nothing that was secret is left in memory of ours. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <imad/evmkey.h>

#define SCRYPT_N   (1u << 17) /* with r = 8: 128 MiB and a third of a second */
#define SCRYPT_R   8
#define SCRYPT_P   1
#define MEMORY_MAX (1ull << 30)
#define KEK_SIZE   32

static void cipher_freep(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
}

int evmkey_id(const uint8_t key[EVMKEY_SIZE], uint8_t ret[EVMKEY_ID_SIZE])
{
	static const unsigned char text[] = "imad evm key id";
	unsigned char mac[EVP_MAX_MD_SIZE];
	bool done = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, EVMKEY_SIZE, text, sizeof(text) - 1, mac, sizeof(mac), NULL);

	ERR_clear_error();
	if (!done)
		return -EIO;
	memcpy(ret, mac, EVMKEY_ID_SIZE);
	return 0;
}

/* What the tag covers beside the ciphertext: all that decides how it is made. */
static size_t put_aad(const struct evmkey_wrapped *w, const uint8_t id[EVMKEY_ID_SIZE], char ret[128])
{
	size_t at = (size_t)snprintf(ret, 128, "imad-evm-key 1 scrypt %llu %u %u aes-256-gcm ", (unsigned long long)w->n, w->r, w->p);

	memcpy(ret + at, id, EVMKEY_ID_SIZE);
	return at + EVMKEY_ID_SIZE;
}

static int derive(const struct evmkey_wrapped *w, const char *pass, size_t n, uint8_t kek[KEK_SIZE])
{
	int r = EVP_PBE_scrypt(pass, n, w->salt, sizeof(w->salt), w->n, w->r, w->p, MEMORY_MAX + (64u << 20), kek, KEK_SIZE) == 1 ? 0 : -EIO;

	ERR_clear_error();
	return r;
}

/* AES-256-GCM over @EVMKEY_SIZE bytes; to decrypt, the tag must fit. */
static bool crypt_key(struct evmkey_wrapped *w, const uint8_t id[EVMKEY_ID_SIZE], const uint8_t kek[KEK_SIZE], bool encrypt,
		      const uint8_t *in, uint8_t *out)
{
	cleanup(cipher_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	char aad[128];
	int n = 0, len = (int)put_aad(w, id, aad);
	bool ok = c && EVP_CipherInit_ex2(c, EVP_aes_256_gcm(), kek, w->iv, encrypt, NULL) == 1 &&
		  EVP_CipherUpdate(c, NULL, &n, (unsigned char *)aad, len) == 1 &&
		  EVP_CipherUpdate(c, out, &n, in, EVMKEY_SIZE) == 1 && n == EVMKEY_SIZE;

	if (ok && !encrypt)
		ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof(w->tag), w->tag) == 1;
	if (ok)
		ok = EVP_CipherFinal_ex(c, out + EVMKEY_SIZE, &n) == 1 && n == 0;
	if (ok && encrypt)
		ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, sizeof(w->tag), w->tag) == 1;
	ERR_clear_error();
	return ok;
}

int evmkey_wrap(const uint8_t key[EVMKEY_SIZE], const uint8_t id[EVMKEY_ID_SIZE], const char *pass, size_t n,
		struct evmkey_wrapped *ret)
{
	struct evmkey_wrapped w = { .n = SCRYPT_N, .r = SCRYPT_R, .p = SCRYPT_P };
	uint8_t kek[KEK_SIZE];
	int r = RAND_bytes(w.salt, sizeof(w.salt)) == 1 && RAND_bytes(w.iv, sizeof(w.iv)) == 1 ? derive(&w, pass, n, kek) : -EIO;

	if (r == 0 && !crypt_key(&w, id, kek, true, key, w.ciphertext))
		r = -EIO;
	OPENSSL_cleanse(kek, sizeof(kek));
	if (r == 0)
		*ret = w;
	return r;
}

/* What RFC 7914 allows, and not more than a machine can be asked for. */
static bool is_affordable(const struct evmkey_wrapped *w)
{
	return w->n >= 2 && !(w->n & (w->n - 1)) && w->n <= MEMORY_MAX && w->r >= 1 && w->r <= 64 && w->p >= 1 && w->p <= 16 &&
	       w->n * w->r * 128 <= MEMORY_MAX;
}

int evmkey_unwrap(const struct evmkey_wrapped *w, const uint8_t id[EVMKEY_ID_SIZE], const char *pass, size_t n,
		  uint8_t key[EVMKEY_SIZE])
{
	struct evmkey_wrapped copy = *w;
	uint8_t kek[KEK_SIZE], out[EVMKEY_SIZE];
	int r = is_affordable(w) ? derive(w, pass, n, kek) : -EFBIG;

	if (r == 0 && !crypt_key(&copy, id, kek, false, w->ciphertext, out))
		r = -EKEYREJECTED;
	if (r == 0)
		memcpy(key, out, sizeof(out));
	OPENSSL_cleanse(kek, sizeof(kek));
	OPENSSL_cleanse(out, sizeof(out));
	return r;
}
