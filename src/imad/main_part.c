// SPDX-License-Identifier: GPL-2.0-or-later
/* The end: whether the BPF programs go, or stay because another daemon will come. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define ASK_US 2000000ull
#define TRY_MS 5000
#define SYSTEMD "org.freedesktop.systemd1"

/* systemd's own socket: a message bus may be there later than we are. */
static int ask_systemd(sd_bus **bus)
{
	int r = sd_bus_new(bus);

	if (r >= 0)
		r = sd_bus_set_address(*bus, "unix:path=/run/systemd/private");
	if (r >= 0)
		r = sd_bus_start(*bus);
	return r >= 0 ? sd_bus_set_method_call_timeout(*bus, ASK_US) : r;
}

/* The object that @method of systemd's manager gives. */
static int find_unit(sd_bus *bus, const char *method, sd_bus_message **reply, const char **path, const char *types, ...)
{
	va_list ap;
	int r;

	va_start(ap, types);
	r = sd_bus_call_methodv(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", method, NULL, reply, types, ap);
	va_end(ap);
	return r < 0 ? r : sd_bus_message_read(*reply, "o", path);
}

/* The type of the job that systemd has for our unit: "stop", "restart"; "" if there is none or nobody to ask. */
static void job_type(char *ret, size_t size)
{
	cleanup_free char *type = NULL;
	sd_bus_message *unit = NULL, *job = NULL;
	const char *path = NULL;
	sd_bus *bus = NULL;
	int r = ask_systemd(&bus);

	if (r >= 0)
		r = find_unit(bus, "GetUnitByPID", &unit, &path, "u", (uint32_t)getpid());
	if (r >= 0)
		r = sd_bus_get_property(bus, SYSTEMD, path, SYSTEMD ".Unit", "Job", NULL, &job, "(uo)");
	if (r >= 0)
		r = sd_bus_message_read(job, "(uo)", NULL, &path);
	if (r >= 0)
		r = sd_bus_get_property_string(bus, SYSTEMD, path, SYSTEMD ".Job", "JobType", NULL, &type);
	snprintf(ret, size, "%s", r >= 0 && type ? type : "");
	sd_bus_message_unref(unit);
	sd_bus_message_unref(job);
	sd_bus_flush_close_unref(bus);
}

bool daemon_unit_is_active(const char *unit)
{
	cleanup_free char *state = NULL;
	sd_bus_message *reply = NULL;
	const char *path = NULL;
	sd_bus *bus = NULL;
	int r;

	if (sd_booted() <= 0)
		return true;
	r = ask_systemd(&bus);
	if (r >= 0)
		r = find_unit(bus, "GetUnit", &reply, &path, "s", unit);
	if (r >= 0)
		r = sd_bus_get_property_string(bus, SYSTEMD, path, SYSTEMD ".Unit", "ActiveState", NULL, &state);
	sd_bus_message_unref(reply);
	sd_bus_flush_close_unref(bus);
	return r >= 0 && state && !strcmp(state, "active");
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
