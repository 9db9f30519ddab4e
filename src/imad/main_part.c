// SPDX-License-Identifier: GPL-2.0-or-later
/* The end: whether the BPF programs go, or stay because another daemon will come. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define ASK_US 2000000ull
#define TRY_MS 5000

/* The type of the job that systemd has for our unit: "stop", "restart"; "" if there is none or nobody to ask. */
static void job_type(char *ret, size_t size)
{
	cleanup_free char *type = NULL;
	sd_bus_message *unit = NULL, *job = NULL;
	const char *path = NULL;
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	/* systemd's own socket: a message bus may be there later than we are. */
	if (r >= 0)
		r = sd_bus_set_address(bus, "unix:path=/run/systemd/private");
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(bus, ASK_US);
	if (r >= 0)
		r = sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
				       "org.freedesktop.systemd1.Manager", "GetUnitByPID", NULL, &unit, "u",
				       (uint32_t)getpid());
	if (r >= 0)
		r = sd_bus_message_read(unit, "o", &path);
	if (r >= 0)
		r = sd_bus_get_property(bus, "org.freedesktop.systemd1", path, "org.freedesktop.systemd1.Unit", "Job",
					NULL, &job, "(uo)");
	if (r >= 0)
		r = sd_bus_message_read(job, "(uo)", NULL, &path);
	if (r >= 0)
		r = sd_bus_get_property_string(bus, "org.freedesktop.systemd1", path, "org.freedesktop.systemd1.Job",
					       "JobType", NULL, &type);
	snprintf(ret, size, "%s", r >= 0 && type ? type : "");
	sd_bus_message_unref(unit);
	sd_bus_message_unref(job);
	sd_bus_flush_close_unref(bus);
}

/* What /proc/self/exe was called, and what has that name now. */
static bool own_path(char *ret, size_t size)
{
	static const char deleted[] = " (deleted)";
	ssize_t n = readlink("/proc/self/exe", ret, size - 1);

	if (n <= 0)
		return false;
	ret[n] = '\0';
	if ((size_t)n > strlen(deleted) && !strcmp(ret + n - strlen(deleted), deleted))
		ret[n - strlen(deleted)] = '\0';
	return true;
}

/* Wait for a child that prints one line; killed when it takes too long. */
static bool ends_well(pid_t pid)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	int status = -1, r = 0;

	for (unsigned int i = 0; i < TRY_MS / 10 && r == 0; i++) {
		r = waitpid(pid, &status, WNOHANG);
		if (r == 0)
			nanosleep(&moment, NULL);
	}
	if (r == 0) {
		(void)kill(pid, SIGKILL);
		r = waitpid(pid, &status, 0);
	}
	return r == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/*
 * Whether imad, maybe another one by now, can be executed when there is nobody to say
 * what it is: it is executed once while we are here, and so known with all its libraries.
 */
static bool can_be_started(char *path)
{
	char *argv[] = { path, (char *)"--version", NULL }, *env[] = { NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return false;
	r = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn(&pid, path, &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	return r == 0 && ends_well(pid);
}

void daemon_part(struct daemon *d, int r)
{
	char type[32] = "", path[4096];

	if (r >= 0 && getenv("INVOCATION_ID"))
		job_type(type, sizeof(type));
	if (r >= 0)
		daemon_forget_policy(d);
	if (r >= 0 && strcmp(type, "restart") != 0)
		return;
	if (!own_path(path, sizeof(path)) || !can_be_started(path)) {
		log_msg(LOG_WARNING, "imad cannot be executed as things are: its BPF programs do not stay for the next start");
		return;
	}
	hooks_leave(d->hooks, path);
	log_msg(LOG_NOTICE, "the BPF programs stay for the next start");
}
