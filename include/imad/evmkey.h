/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file that keeps a machine's EVM key: sealed by the TPM, or the name of the place where
 * the bare key is; and, if wanted, a copy under a recovery passphrase. One JSON object. Text and
 * bytes in and out; who has the key itself, keeps it in memory of the room secret.
 *
 *   format     "imad-evm-key"
 *   version    1; unknown members are ignored, other versions refused
 *   id         32 hex digits: evmkey_id(), whose first 8 each HMAC names
 *   tpm        { object: PEM (room tpmblob), parent: hex, the name of the key that it is sealed by,
 *                bank: "sha256", pcrs: { "7": hex, ... } if it is bound to PCRs: their values }
 *   file       path of the 32 bytes, instead of tpm
 *   credential name of a systemd credential that is the 32 bytes, instead of tpm
 *   recovery   { kdf: "scrypt", n, r, p, salt, cipher: "aes-256-gcm", iv, ciphertext, tag }, hex
 */
#ifndef IMAD_EVMKEY_H
#define IMAD_EVMKEY_H

#include <imad/tpmblob.h>
#include <imad/util.h>

#define EVMKEY_SIZE	 32 /* bytes of the key */
#define EVMKEY_ID_SIZE	 16 /* enough that nobody makes another key of the same id */
#define EVMKEY_TEXT_MAX	 65536
#define EVMKEY_PLACE_MAX 1024
#define EVMKEY_PASS_MIN	 12 /* characters of a recovery passphrase: it can be guessed at, off line */
#define EVMKEY_PASS_MAX	 1024

enum evmkey_source { EVMKEY_TPM, EVMKEY_FILE, EVMKEY_CREDENTIAL };

/* The key under a passphrase: scrypt (RFC 7914), then AES-256-GCM, which covers the id and all parameters. */
struct evmkey_wrapped {
	uint64_t n;
	uint32_t r, p;
	uint8_t salt[32], iv[12], ciphertext[EVMKEY_SIZE], tag[16];
};

/* Zero-initialised holds nothing. */
struct evmkey {
	uint8_t id[EVMKEY_ID_SIZE];
	enum evmkey_source source;
	struct tpmblob blob;
	struct buf parent;
	struct digest pcrs[TPMBLOB_PCRS_MAX]; /* the values that the blob's policy wants; size 0: not of this one */
	char place[EVMKEY_PLACE_MAX]; /* path or name of a credential */
	bool has_recovery;
	struct evmkey_wrapped recovery;
};

/* 0, -ENOMEM, or -EBADMSG with the member and the reason in *@e. @ret is untouched then, and else for evmkey_done(). */
int evmkey_parse(const char *text, size_t n, struct evmkey *ret, struct parse_error *e);
void evmkey_done(struct evmkey *k);

/* Append the JSON text and a newline. 0, -ENOMEM or -EIO. */
int evmkey_format(const struct evmkey *k, struct buf *out);

/* Which key it is, without telling anything else of it: the first bytes of its HMAC-SHA256 of a fixed text. 0 or -EIO. */
int evmkey_id(const uint8_t key[EVMKEY_SIZE], uint8_t ret[EVMKEY_ID_SIZE]);

/* Take the policy into the blob and its values beside it, from those of @pcrs (a bit each) in @bank. 0, -EBADMSG or as digest_buf(). */
int evmkey_bind(struct evmkey *k, uint8_t bank, uint32_t pcrs, const struct digest values[TPMBLOB_PCRS_MAX]);

/* The first PCR of the policy whose value is not the one that was bound; -1: none. Values of size 0 differ. */
int evmkey_changed_pcr(const struct evmkey *k, const struct digest now[TPMBLOB_PCRS_MAX]);

/* Wrap @key under @pass (@n bytes), with new random numbers. 0, -ENOMEM or -EIO. */
int evmkey_wrap(const uint8_t key[EVMKEY_SIZE], const uint8_t id[EVMKEY_ID_SIZE], const char *pass, size_t n,
		struct evmkey_wrapped *ret);

/*
 * The key again. 0, -EKEYREJECTED: another passphrase, or something was changed; -EFBIG: it asks for more memory
 * or time than imad ever does (1 GiB); -ENOMEM or -EIO.
 */
int evmkey_unwrap(const struct evmkey_wrapped *w, const uint8_t id[EVMKEY_ID_SIZE], const char *pass, size_t n,
		  uint8_t key[EVMKEY_SIZE]);

#endif
