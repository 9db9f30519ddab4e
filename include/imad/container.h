/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which container a control group is that of, by the names that engines give to groups. No engine is asked.
 *
 *   docker-ID.scope, libpod-ID.scope, crio-ID.scope, cri-containerd-ID.scope
 *                       runc, crun with systemd: PREFIX-ID.scope (opencontainers/runc, docs/systemd.md)
 *   /docker/ID, .../ID  ... without systemd: the ID alone
 *   lxc.payload.NAME    LXC (lxc.container.conf(5), lxc.cgroup.dir.container)
 *   machine-NAME.scope, systemd-nspawn@NAME.service
 *                       systemd-nspawn(1); names are escaped as by systemd-escape(1)
 *
 * ID is 64 lower case hex digits.
 */
#ifndef IMAD_CONTAINER_H
#define IMAD_CONTAINER_H

#include <stddef.h>

#define CONTAINER_ID_MAX 256 /* bytes with NUL: a name of a group */

/*
 * The innermost container in @cgroup, the path of a control group ("/system.slice/docker-1f..e9.scope").
 * 0, -ENOENT (it is in none that is known), or -ENAMETOOLONG if it does not fit into @size bytes.
 */
int container_of_cgroup(const char *cgroup, char *ret, size_t size);

#endif
