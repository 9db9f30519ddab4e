// SPDX-License-Identifier: GPL-2.0-or-later
/* imactl doctor: the TPM, and whether somebody else measures into the same PCR. */
#include <string.h>
#include <sys/stat.h>

#include <imad/host.h>

#include "doctor.h"

#define TPM "/sys/class/tpm/tpm0"
#define IMA "/sys/kernel/security/ima"
#define PCR_OTHER(pcr) ((pcr) == 11 ? 12u : 11u)

static void advise_pcr(const struct doctor *d, struct finding *f)
{
	remedy(f, IN_CONF, "pcr = %u", PCR_OTHER(d->conf.pcr));
}

/* The kernel's IMA extends PCR 10; a record of another one is its rule's wish. */
static void check_ima(const struct doctor *d, struct finding *f)
{
	cleanup_free char *list = NULL;
	int r = doctor_read(d, IMA "/ascii_runtime_measurements", &list);
	unsigned int n = r == 0 ? host_ima_records(list, d->conf.pcr) : 0;
	char value[256];

	if (n > 0) {
		say(f, DOCTOR_PROBLEM, "the kernel's IMA has %u records in PCR %u, which imad would extend too", n, d->conf.pcr);
		advise_pcr(d, f);
	} else if (d->conf.pcr == 10 && (host_param(d->cmdline, "ima_policy", value, sizeof(value)) == 0 ||
					 host_param(d->cmdline, "ima_tcb", value, sizeof(value)) == 0)) {
		say(f, DOCTOR_PROBLEM, "the kernel command line gives the kernel's IMA a policy (ima_policy=, ima_tcb), and both would extend PCR 10");
		advise_pcr(d, f);
	} else if (d->conf.pcr == 10 && doctor_has(d, "/etc/ima/ima-policy") && doctor_has(d, IMA)) {
		say(f, DOCTOR_PROBLEM, "systemd gives /etc/ima/ima-policy to the kernel's IMA, and both would extend PCR 10; imad also reads %s",
		    IMAD_SYSCONFDIR "/policy");
		remedy(f, AS_COMMAND, "mv /etc/ima/ima-policy %s", IMAD_SYSCONFDIR "/policy");
	} else if (r < 0 && r != -ENOENT) {
		say(f, DOCTOR_UNCHECKED, "cannot read %s: %s", IMA "/ascii_runtime_measurements", strerror(-r));
	} else if (r < 0 && !doctor_has(d, "/sys/kernel/security/lsm")) {
		say(f, DOCTOR_UNCHECKED, "no %s: securityfs is not mounted", IMA);
	} else {
		say(f, DOCTOR_OK, "nobody else measures into PCR %u", d->conf.pcr);
	}
}

static void check_tpm(const struct doctor *d, struct finding *f)
{
	long major;

	if (!doctor_has(d, "/sys/class")) {
		say(f, DOCTOR_UNCHECKED, "no /sys/class: sysfs is not mounted");
	} else if (!doctor_has(d, TPM)) {
		say(f, DOCTOR_ADVICE, "no TPM: nothing anchors the list (look for it in the firmware's settings)");
	} else if (doctor_read_number(d, TPM "/tpm_version_major", &major) == 0 && major != 2) {
		say(f, DOCTOR_PROBLEM, "the TPM is of version %ld; imad speaks 2.0 only", major);
	} else if (strcmp(d->conf.tpm_tcti, "none") == 0) {
		say(f, DOCTOR_ADVICE, "there is a TPM, and tpm.tcti = none: nothing anchors the list");
		remedy(f, IN_CONF, "tcti = device:/dev/tpmrm0");
	} else {
		say(f, DOCTOR_OK, "there is a TPM 2.0");
	}
}

static void check_banks(const struct doctor *d, struct finding *f)
{
	static const char *const banks[] = { "sha1", "sha256", "sha384", "sha512", "sm3_256" };
	char names[64] = "", path[64];
	bool strong = false;

	if (!doctor_has(d, TPM)) {
		say(f, DOCTOR_OK, "no TPM, no banks");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(banks); i++) {
		(void)snprintf(path, sizeof(path), TPM "/pcr-%s", banks[i]);
		if (!doctor_has(d, path))
			continue;
		(void)snprintf(names + strlen(names), sizeof(names) - strlen(names), " %s", banks[i]);
		strong |= i > 0;
	}
	if (strong)
		say(f, DOCTOR_OK, "allocated banks:%s", names);
	else if (!names[0])
		say(f, DOCTOR_UNCHECKED, "the kernel does not tell which banks are allocated");
	else {
		say(f, DOCTOR_PROBLEM, "only the bank%s is allocated, and sha1 proves little", names);
		remedy(f, AS_COMMAND, "tpm2_pcrallocate sha256:all+sha1:none && reboot");
	}
}

static void check_tpm_device(const struct doctor *d, struct finding *f)
{
	static const char prefix[] = "device:";
	const char *dev = d->conf.tpm_tcti + strlen(prefix);
	cleanup_free char *path = doctor_path(d, dev);
	struct stat st;

	if (!doctor_has(d, TPM)) {
		say(f, DOCTOR_OK, "no TPM, no device");
	} else if (strncmp(d->conf.tpm_tcti, prefix, strlen(prefix)) != 0) {
		say(f, DOCTOR_OK, "the TPM is reached by '%s'", d->conf.tpm_tcti);
	} else if (!path || stat(path, &st) < 0) {
		say(f, DOCTOR_PROBLEM, "there is a TPM, and no %s: %s", dev, strerror(path ? errno : ENOMEM));
	} else if (st.st_mode & 0002) {
		say(f, DOCTOR_PROBLEM, "every user can write to %s, and so extend any PCR", dev);
		remedy(f, AS_COMMAND, "chmod o-rwx %s", dev);
	} else if (strcmp(dev, "/dev/tpm0") == 0) {
		say(f, DOCTOR_ADVICE, "%s has room for one program: imad fails while another one has it", dev);
		remedy(f, IN_CONF, "tcti = device:/dev/tpmrm0");
	} else {
		say(f, DOCTOR_OK, "%s is there", dev);
	}
}

const struct doctor_check doctor_tpm_checks[] = {
	{ "kernel-ima", check_ima },
	{ "tpm", check_tpm },
	{ "tpm-banks", check_banks },
	{ "tpm-device", check_tpm_device },
	{ 0 },
};
