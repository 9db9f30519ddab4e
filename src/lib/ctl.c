/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control messages to bytes and back. Who may say what is the server's business. */
#include <string.h>

#include <imad/ctl.h>
#include <imad/util.h>

static const char ctl_magic[4] = "IMAD";

int ctl_encode(const struct ctl_message *m, struct buf *out)
{
	buf_add(out, ctl_magic, sizeof(ctl_magic));
	buf_add_le16(out, CTL_VERSION);
	buf_add_le16(out, m->type);
	buf_add_le32(out, (uint32_t)m->status);
	buf_add_le32(out, m->payload_len);
	if (m->payload_len > 0)
		buf_add(out, m->payload, m->payload_len);
	return buf_error(out);
}

int ctl_decode(const uint8_t *p, size_t n, size_t max, struct ctl_message *ret)
{
	struct reader r = { .p = p, .left = n };
	struct ctl_message m;
	const uint8_t *magic;
	uint16_t version;
	uint32_t status;

	if (n > max)
		return -EMSGSIZE;
	if (reader_bytes(&r, sizeof(ctl_magic), &magic) < 0 ||
	    memcmp(magic, ctl_magic, sizeof(ctl_magic)) != 0)
		return -EBADMSG;
	if (reader_le16(&r, &version) < 0)
		return -EBADMSG;
	if (version != CTL_VERSION)
		return -EPROTONOSUPPORT;
	if (reader_le16(&r, &m.type) < 0 || reader_le32(&r, &status) < 0 ||
	    reader_le32(&r, &m.payload_len) < 0)
		return -EBADMSG;
	if (m.payload_len != r.left || reader_bytes(&r, m.payload_len, &m.payload) < 0)
		return -EBADMSG;
	m.status = (int32_t)status;
	*ret = m;
	return 0;
}

const char *ctl_name(unsigned int type)
{
	switch (type) {
#define CTL_NAME(number, name, text)                                                                         \
	case number:                                                                                         \
		return #name;
		CTL_REQUESTS(CTL_NAME)
#undef CTL_NAME
	}
	return NULL;
}
