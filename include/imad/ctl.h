/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of the control socket /run/imad/control (AF_UNIX, SOCK_SEQPACKET, one
 * message a packet). Versioned, bounded, little-endian:
 *   u32 magic "IMAD"  u16 version  u16 type  s32 status  u32 length  payload
 * A request has an even type, its answer type + 1; @status of an answer is 0 or a
 * negative errno, then the payload is a one-line text. Other payloads are JSON
 * objects, or empty. With some requests comes one descriptor (SCM_RIGHTS).
 */
#ifndef IMAD_CTL_H
#define IMAD_CTL_H

#include <imad/buf.h>

#define CTL_VERSION 1
#define CTL_HEADER 16
#define CTL_REQUEST_MAX 4096	  /* whole request, bytes */
#define CTL_ANSWER_MAX (128u << 10) /* whole answer, bytes */

/* X(request number, NAME, text): one list for both sides. */
#define CTL_REQUESTS(X)                                    \
	X(2, STATUS, "what runs, as JSON")                 \
	X(4, SYNC, "answer when all earlier uses are in the list") \
	X(6, POLICY_SHOW, "active rules and their hits, from {first}, as JSON") \
	X(8, POLICY_LOAD, "{policy, append, confirm}: replace the rules") \
	X(10, POLICY_CONFIRM, "keep what was loaded")      \
	X(12, POLICY_LOCK, "from now on rules can only be added") \
	X(14, EXPLAIN, "{event}, or of the file whose descriptor comes with it: why a use failed, as JSON") \
	X(16, LABEL, "{label} or {hash, force}: set the label of the file whose descriptor comes with it") \
	X(20, KEYS_RELOAD, "read keys and deny list again") \
	X(22, TRIM, "cut off the front of the list that the checkpoint whose descriptor comes with it stands for") \
	X(40, UNLOCK_ASK, "{seconds}: what must be signed to unlock, as JSON") \
	X(42, UNLOCK, "{seconds, signature}: protect nothing for so long") \
	X(44, LOCK, "protect again")

#define CTL_ENUM(number, name, text) CTL_##name = (number),
enum ctl_type { CTL_REQUESTS(CTL_ENUM) };

struct ctl_message {
	uint16_t type;
	int32_t status;
	const uint8_t *payload; /* slice of the packet */
	uint32_t payload_len;
};

/* 0 or -ENOMEM. */
int ctl_encode(const struct ctl_message *m, struct buf *out);

/*
 * Decode one packet. Returns 0; -EBADMSG (bad magic, cut, length that does not
 * agree with the packet), -EPROTONOSUPPORT (another version), -EMSGSIZE (longer
 * than @max).
 */
int ctl_decode(const uint8_t *p, size_t n, size_t max, struct ctl_message *ret);

/* Name of a request type, NULL if unknown. */
const char *ctl_name(unsigned int type);

#endif
