/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl sync: return when all earlier uses are in the list and in the PCR. */
#include <getopt.h>

#include <imad/ctl.h>

#include "imactl.h"

#define SYNC_TIMEOUT_S 300 /* a TPM of 8 ms an extend does 30 000 records in it */

int cmd_sync(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option none[] = { { 0 } };
	cleanup(buf_done) struct buf answer = { 0 };
	struct why why;

	if (getopt_long(argc, argv, "", none, NULL) != -1)
		return IMACTL_USAGE;
	if (optind < argc)
		return complain(IMACTL_USAGE, "sync takes no arguments");
	if (client_call(ctl, CTL_SYNC, NULL, SYNC_TIMEOUT_S, &answer, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	return IMACTL_OK;
}
