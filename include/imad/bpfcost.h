/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What BPF programs cost the kernel's verifier, which a start waits for. */
#ifndef IMAD_BPFCOST_H
#define IMAD_BPFCOST_H

struct bpf_object;

/*
 * Log, at debug, how many instructions the verifier went through (bpf_prog_info.verified_insns; its limit is a million a
 * program) for each program of @obj that is loaded, and for all of them, which are called those of @whose.
 */
void bpfcost_tell(const struct bpf_object *obj, const char *whose);

#endif
