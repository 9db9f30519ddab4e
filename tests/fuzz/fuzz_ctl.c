/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control packets: any bytes; what decodes encodes to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include <imad/ctl.h>
#include <imad/util.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(buf_done) struct buf b = { 0 };
	struct ctl_message m;
	int r = ctl_decode(data, size, CTL_REQUEST_MAX, &m);

	if (r == 0) {
		if (ctl_encode(&m, &b) < 0 || b.len != size || memcmp(b.data, data, size) != 0)
			abort();
	} else if (r != -EBADMSG && r != -EMSGSIZE && r != -EPROTONOSUPPORT) {
		abort();
	}
	return 0;
}
