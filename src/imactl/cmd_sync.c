/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl sync: return when all earlier uses are in the list and in the PCR. */
#include <imad/ctl.h>

#include "imactl.h"

#define SYNC_TIMEOUT_S 300 /* a TPM of 8 ms an extend does 30 000 records in it */

int cmd_sync(const struct imactl *ctl, int argc, char **argv)
{
	return client_order(ctl, argc, argv, "sync", CTL_SYNC, SYNC_TIMEOUT_S);
}
