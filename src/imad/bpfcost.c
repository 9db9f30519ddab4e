// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <imad/bpfcost.h>
#include <imad/log.h>

void bpfcost_tell(const struct bpf_object *obj, const char *whose)
{
	struct bpf_program *prog;
	unsigned long all = 0;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (bpf_program__fd(prog) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size) < 0)
			continue;
		log_msg(LOG_DEBUG, "%s: the verifier went through %u instructions", bpf_program__name(prog), info.verified_insns);
		all += info.verified_insns;
	}
	log_msg(LOG_DEBUG, "all programs of %s: %lu instructions", whose, all);
}
