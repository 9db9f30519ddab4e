// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of control groups as engines make them. */
#include <errno.h>
#include <string.h>

#include <imad/container.h>
#include <imad/util.h>

#include "test.h"

#define ID "1f2e3d4c5b6a79880123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void test_known(void **state)
{
	static const struct {
		const char *cgroup, *container;
	} rows[] = {
		{ "/system.slice/docker-" ID ".scope", ID },
		{ "/docker/" ID, ID },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container", ID },
		{ "/machine.slice/libpod-" ID ".scope", ID },
		{ "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope", ID },
		{ "/kubepods/burstable/pod7/" ID, ID },
		{ "/kubepods.slice/crio-" ID ".scope", ID },
		{ "/docker/" OTHER "/docker/" ID, ID }, /* one in the other */
		{ "/docker/" ID "/init.scope/x", ID },
		{ "/lxc.payload.web/system.slice/cron.service", "web" },
		{ "/machine.slice/machine-web\\x2d1.scope", "web-1" },
		{ "/machine.slice/systemd-nspawn@web\\x2d1.service/payload", "web-1" },
		{ "/machine.slice/machine-a\\xzz.scope", "a\\xzz" },
	};
	char got[CONTAINER_ID_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(container_of_cgroup(rows[i].cgroup, got, sizeof(got)), 0);
		assert_string_equal(got, rows[i].container);
	}
}

static void test_none(void **state)
{
	static const char *const rows[] = {
		"", "/", "//", "/init.scope", "/system.slice/cron.service", "/user.slice/session-1.scope",
		"/machine.slice/libpod-conmon-" ID ".scope", "/x/crio-conmon-" ID ".scope", "/docker/" ID "0",
		"/docker/1F" ID, "/docker-" ID, "/a" ID ".scope", "/-" ID ".scope", "/lxc.payload.", "/machine-.scope",
		"/system.slice/systemd-nspawn@.service",
	};
	char got[CONTAINER_ID_MAX] = "before";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(container_of_cgroup(rows[i], got, sizeof(got)), -ENOENT);
	assert_string_equal(got, "before");
}

static void test_size(void **state)
{
	char got[sizeof(ID)];

	(void)state;
	assert_int_equal(container_of_cgroup("/docker/" ID, got, sizeof(got)), 0);
	assert_int_equal(container_of_cgroup("/docker/" ID, got, sizeof(got) - 1), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
