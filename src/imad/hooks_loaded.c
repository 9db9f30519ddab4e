// SPDX-License-Identifier: GPL-2.0-or-later
/* The BPF programs that the kernel holds, everybody's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <imad/hooks.h>
#include <imad/util.h>

#define LINE_SIZE 96 /* type (at most 32), name (15), tag (16) and their words */

static int print_program(uint32_t id, char line[LINE_SIZE])
{
	cleanup_close int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	char number[16];
	const char *type;
	int n;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	type = libbpf_bpf_prog_type_str(info.type);
	snprintf(number, sizeof(number), "%u", info.type); /* newer than libbpf */
	n = snprintf(line, LINE_SIZE, "type=%.32s name=%.*s tag=", type ? type : number, (int)sizeof(info.name), info.name);
	for (unsigned int i = 0; i < sizeof(info.tag); i++)
		n += snprintf(line + n, LINE_SIZE - n, "%02x", info.tag[i]);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strncmp(a, b, LINE_SIZE);
}

int hooks_loaded_programs(struct buf *out)
{
	cleanup(buf_done) struct buf lines = { 0 };
	char line[LINE_SIZE];
	uint32_t id = 0;
	int r;

	while (bpf_prog_get_next_id(id, &id) == 0) {
		memset(line, 0, sizeof(line));
		r = print_program(id, line);
		if (r == -ENOENT)
			continue; /* unloaded since */
		if (r < 0)
			return r;
		buf_add(&lines, line, sizeof(line));
	}
	if (errno != ENOENT)
		return -errno;
	if (buf_error(&lines) < 0)
		return -ENOMEM;
	if (lines.len)
		qsort(lines.data, lines.len / LINE_SIZE, LINE_SIZE, by_text);
	for (size_t at = 0; at < lines.len; at += LINE_SIZE)
		if (!at || by_text(lines.data + at, lines.data + at - LINE_SIZE))
			buf_addf(out, "%s\n", (char *)lines.data + at);
	return buf_error(out);
}
