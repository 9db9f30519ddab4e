// SPDX-License-Identifier: GPL-2.0-or-later
/* imactl doctor: what the kernel was built with, how it was booted, and its switches. */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>

#include <imad/host.h>

#include "doctor.h"

#define FANOTIFY_GROUPS_WANTED 8 /* one for each depth of stacked file systems, and somebody else's */

static void check_bpf_lsm(const struct doctor *d, struct finding *f)
{
	cleanup_free char *list = NULL;
	int r = doctor_read(d, "/sys/kernel/security/lsm", &list);
	char given[256];

	if (r == -ENOENT) {
		say(f, DOCTOR_UNCHECKED, "no /sys/kernel/security/lsm: securityfs is not mounted");
		remedy(f, AS_COMMAND, "mount -t securityfs securityfs /sys/kernel/security");
	} else if (r < 0) {
		say(f, DOCTOR_UNCHECKED, "cannot read /sys/kernel/security/lsm: %s", strerror(-r));
	} else if (host_list_has(list, "bpf")) {
		say(f, DOCTOR_OK, "BPF LSM is active (%s)", list);
	} else if (doctor_config(d, "CONFIG_BPF_LSM") == 'n') {
		say(f, DOCTOR_PROBLEM, "this kernel is built without BPF LSM (CONFIG_BPF_LSM): it needs another kernel");
	} else {
		bool listed = host_param(d->cmdline, "lsm", given, sizeof(given)) == 0;

		say(f, DOCTOR_PROBLEM, "BPF LSM is not active%s%s", listed ? ", and must be in place of lsm=" : "",
		    listed ? given : "");
		remedy(f, ON_CMDLINE, "lsm=%s,bpf", list);
	}
}

static void check_btf(const struct doctor *d, struct finding *f)
{
	if (doctor_has(d, "/sys/kernel/btf/vmlinux"))
		say(f, DOCTOR_OK, "the kernel has its types (BTF)");
	else if (doctor_has(d, "/sys/kernel/notes"))
		say(f, DOCTOR_PROBLEM, "the kernel is built without BTF (CONFIG_DEBUG_INFO_BTF): it needs another kernel");
	else
		say(f, DOCTOR_UNCHECKED, "no /sys/kernel: sysfs is not mounted");
}

/* The kernel itself, where its configuration is not there to be read. 'y', 'n', or '?' without the right to ask. */
static char try_fanotify(const struct doctor *d)
{
	cleanup_close int fd = -1;

	if (d->root[0])
		return '?';
	fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? 'y' : errno == EPERM || errno == EMFILE ? '?' : 'n';
}

static void check_fanotify(const struct doctor *d, struct finding *f)
{
	char built = doctor_config(d, "CONFIG_FANOTIFY_ACCESS_PERMISSIONS");

	if (built == '?')
		built = try_fanotify(d);
	if (built == 'y')
		say(f, DOCTOR_OK, "fanotify can hold opens");
	else if (built == '?')
		say(f, DOCTOR_UNCHECKED, "no /boot/config-%s, and only root can ask the kernel", d->release);
	else
		say(f, DOCTOR_PROBLEM, "fanotify cannot hold opens (CONFIG_FANOTIFY_ACCESS_PERMISSIONS): it needs another kernel");
}

static void check_fanotify_limits(const struct doctor *d, struct finding *f)
{
	long groups;
	int r = doctor_read_number(d, "/proc/sys/fs/fanotify/max_user_groups", &groups);

	if (r == -ENOENT && doctor_has(d, "/proc/sys/kernel"))
		say(f, DOCTOR_OK, "no limit of groups; queue and marks are unlimited for imad");
	else if (r < 0)
		say(f, DOCTOR_UNCHECKED, "cannot read fs.fanotify.max_user_groups: %s", strerror(-r));
	else if (groups >= FANOTIFY_GROUPS_WANTED)
		say(f, DOCTOR_OK, "%ld groups; queue and marks are unlimited for imad", groups);
	else {
		say(f, DOCTOR_PROBLEM, "a user, root too, can only have %ld fanotify groups", groups);
		remedy(f, IN_SYSCTL, "fs.fanotify.max_user_groups = 128");
	}
}

static int lockdown(const struct doctor *d, char *ret, size_t size)
{
	cleanup_free char *text = NULL;
	int r = doctor_read(d, "/sys/kernel/security/lockdown", &text);

	return r < 0 ? r : host_chosen(text, ret, size);
}

static void check_lockdown(const struct doctor *d, struct finding *f)
{
	cleanup_free char *list = NULL;
	char mode[32];
	int r = lockdown(d, mode, sizeof(mode));

	if (r == -ENOENT && doctor_read(d, "/sys/kernel/security/lsm", &list) == 0) {
		say(f, DOCTOR_ADVICE, "no lockdown: root can write to the kernel's memory");
		if (doctor_config(d, "CONFIG_SECURITY_LOCKDOWN_LSM") != 'n')
			remedy(f, ON_CMDLINE, "lsm=lockdown,%s lockdown=integrity", list);
	} else if (r < 0) {
		say(f, DOCTOR_UNCHECKED, "cannot read /sys/kernel/security/lockdown: %s", strerror(-r));
	} else if (strcmp(mode, "none") == 0) {
		say(f, DOCTOR_ADVICE, "lockdown is none: root can write to the kernel's memory and load any module");
		remedy(f, ON_CMDLINE, "lockdown=integrity");
	} else if (strcmp(mode, "confidentiality") == 0) {
		say(f, DOCTOR_PROBLEM, "lockdown is confidentiality, which keeps BPF from reading what imad must read");
		remedy(f, ON_CMDLINE, "lockdown=integrity");
	} else {
		say(f, DOCTOR_OK, "lockdown is %s", mode);
	}
}

static void check_modules(const struct doctor *d, struct finding *f)
{
	cleanup_free char *enforced = NULL;
	int r = doctor_read(d, "/sys/module/module/parameters/sig_enforce", &enforced);
	char mode[32] = "none";

	(void)lockdown(d, mode, sizeof(mode));
	if (r == 0 && (*enforced == 'Y' || *enforced == '1'))
		say(f, DOCTOR_OK, "only signed modules are loaded (module.sig_enforce)");
	else if (strcmp(mode, "none") != 0)
		say(f, DOCTOR_OK, "only signed modules are loaded (lockdown)");
	else if (doctor_asks_signed(d, IMAD_MODULE_CHECK))
		say(f, DOCTOR_OK, "only signed modules are loaded (rules for func=MODULE_CHECK)");
	else if (r == 0) {
		say(f, DOCTOR_ADVICE, "unsigned modules are loaded: root's own module can switch off anything");
		remedy(f, ON_CMDLINE, "module.sig_enforce=1");
	} else if (r == -ENOENT && doctor_has(d, "/sys/module")) {
		say(f, DOCTOR_ADVICE, "unsigned modules are loaded, and this kernel cannot ask for signatures (CONFIG_MODULE_SIG)");
		remedy(f, "in the policy", "appraise func=MODULE_CHECK appraise_type=imasig");
	} else {
		say(f, DOCTOR_UNCHECKED, "cannot read /sys/module/module/parameters/sig_enforce: %s", strerror(-r));
	}
}

static void check_kexec(const struct doctor *d, struct finding *f)
{
	char mode[32] = "none";
	long disabled;
	int r = doctor_read_number(d, "/proc/sys/kernel/kexec_load_disabled", &disabled);

	(void)lockdown(d, mode, sizeof(mode));
	if (r == -ENOENT && doctor_has(d, "/proc/sys/kernel"))
		say(f, DOCTOR_OK, "this kernel has no kexec");
	else if (r < 0)
		say(f, DOCTOR_UNCHECKED, "cannot read kernel.kexec_load_disabled: %s", strerror(-r));
	else if (disabled)
		say(f, DOCTOR_OK, "no other kernel can be loaded (kernel.kexec_load_disabled)");
	else if (strcmp(mode, "none") != 0)
		say(f, DOCTOR_OK, "only signed kernels are loaded (lockdown)");
	else if (doctor_asks_signed(d, IMAD_KEXEC_KERNEL_CHECK))
		say(f, DOCTOR_OK, "only signed kernels are loaded (rules for func=KEXEC_KERNEL_CHECK)");
	else {
		say(f, DOCTOR_ADVICE, "root can start another kernel without a reboot that the TPM would tell");
		remedy(f, IN_SYSCTL, "kernel.kexec_load_disabled = 1");
	}
}

static void check_unprivileged_bpf(const struct doctor *d, struct finding *f)
{
	long disabled;
	int r = doctor_read_number(d, "/proc/sys/kernel/unprivileged_bpf_disabled", &disabled);

	if (r < 0)
		say(f, DOCTOR_UNCHECKED, "cannot read kernel.unprivileged_bpf_disabled: %s", strerror(-r));
	else if (disabled)
		say(f, DOCTOR_OK, "users cannot load BPF programs");
	else {
		say(f, DOCTOR_ADVICE, "every user can load BPF programs");
		remedy(f, IN_SYSCTL, "kernel.unprivileged_bpf_disabled = 1");
	}
}

static void check_ftrace(const struct doctor *d, struct finding *f)
{
	long enabled;
	int r = doctor_read_number(d, "/proc/sys/kernel/ftrace_enabled", &enabled);

	if (r == -ENOENT && doctor_has(d, "/proc/sys/kernel"))
		say(f, DOCTOR_OK, "no switch kernel.ftrace_enabled");
	else if (r < 0)
		say(f, DOCTOR_UNCHECKED, "cannot read kernel.ftrace_enabled: %s", strerror(-r));
	else if (enabled)
		say(f, DOCTOR_OK, "kernel.ftrace_enabled is on");
	else {
		say(f, DOCTOR_PROBLEM, "kernel.ftrace_enabled is off, and with it every BPF LSM program");
		remedy(f, AS_COMMAND, "sysctl kernel.ftrace_enabled=1");
	}
}

/* Files on what a user mounts in a namespace of his own are measured late, and denied where they are appraised. */
static void check_user_mounts(const struct doctor *d, struct finding *f)
{
	long debian = 1, max;
	int r = doctor_read_number(d, "/proc/sys/user/max_user_namespaces", &max);
	bool has = doctor_read_number(d, "/proc/sys/kernel/unprivileged_userns_clone", &debian) == 0;

	if (r == -ENOENT && doctor_has(d, "/proc/sys/kernel"))
		say(f, DOCTOR_OK, "this kernel has no user namespaces");
	else if (r < 0)
		say(f, DOCTOR_UNCHECKED, "cannot read user.max_user_namespaces: %s", strerror(-r));
	else if (max == 0 || debian == 0)
		say(f, DOCTOR_OK, "users cannot make user namespaces, and so mount nothing");
	else {
		say(f, DOCTOR_ADVICE, "every user can mount overlayfs and FUSE in a user namespace, whose files imad sees late "
				      "(browsers and rootless containers need that)");
		remedy(f, IN_SYSCTL, has ? "kernel.unprivileged_userns_clone = 0" : "user.max_user_namespaces = 0");
	}
}

/* Whether the file system of the root can have such files: ENODATA for one that is none. */
static int ask_verity(void)
{
	struct {
		struct fsverity_digest d;
		unsigned char bytes[64];
	} arg = { .d.digest_size = 64 };
	cleanup_close int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return ioctl(fd, FS_IOC_MEASURE_VERITY, &arg) < 0 && errno != ENODATA ? -errno : 0;
}

static void check_verity(const struct doctor *d, struct finding *f)
{
	char built = doctor_config(d, "CONFIG_FS_VERITY");
	cleanup_free char *mounts = NULL;
	struct host_mount m;

	if (built == '?' && doctor_has(d, "/sys/fs"))
		built = doctor_has(d, "/sys/fs/ext4/features/verity") ? 'y' : '?';
	if (built == 'n') {
		say(f, DOCTOR_ADVICE, "this kernel has no fs-verity, which keeps content from changing below the file system");
	} else if (built == '?') {
		say(f, DOCTOR_UNCHECKED, "cannot tell whether the kernel has fs-verity: no /boot/config-%s", d->release);
	} else if (d->root[0] || ask_verity() == 0) {
		say(f, DOCTOR_OK, "fs-verity is there");
	} else {
		say(f, DOCTOR_ADVICE, "the file system of imactl cannot have fs-verity files, whose content cannot change below it");
		if (doctor_read(d, "/proc/self/mountinfo", &mounts) == 0 && host_mount(mounts, "/usr", &m) == 0 &&
		    strcmp(m.type, "ext4") == 0)
			remedy(f, AS_COMMAND, "tune2fs -O verity %s", m.source);
	}
}

const struct doctor_check doctor_kernel_checks[] = {
	{ "bpf-lsm", check_bpf_lsm },
	{ "btf", check_btf },
	{ "fanotify", check_fanotify },
	{ "fanotify-limits", check_fanotify_limits },
	{ "ftrace", check_ftrace },
	{ "lockdown", check_lockdown },
	{ "modules", check_modules },
	{ "kexec", check_kexec },
	{ "unprivileged-bpf", check_unprivileged_bpf },
	{ "user-mounts", check_user_mounts },
	{ "fs-verity", check_verity },
	{ 0 },
};
