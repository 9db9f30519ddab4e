/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A software TPM for one test program: start, stop, its TCTI string. Exit code 77 when swtpm is missing. */
#ifndef IMAD_SWTPM_H
#define IMAD_SWTPM_H

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tmpdir.h"

struct swtpm {
	char dir[TMPDIR_PATH];
	char path[TMPDIR_PATH + 8]; /* data socket; the control socket is that and ".ctrl" */
	char tcti[TMPDIR_PATH + 32];
	pid_t pid;
};

static inline void swtpm_nap(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

static inline void swtpm_exec(const struct swtpm *t)
{
	char state[TMPDIR_PATH + 32], server[TMPDIR_PATH + 64], ctrl[TMPDIR_PATH + 64];

	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(null, STDOUT_FILENO); /* the runner reads ours */
	dup2(null, STDERR_FILENO);
	snprintf(state, sizeof(state), "dir=%s", t->dir);
	snprintf(server, sizeof(server), "type=unixio,path=%s", t->path);
	snprintf(ctrl, sizeof(ctrl), "type=unixio,path=%s.ctrl", t->path);
	(void)close_range(3, ~0u, 0); /* a connection of this program that is kept open here would never end */
	execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl", ctrl,
	       "--flags", "not-need-init,startup-clear", NULL);
	_exit(77);
}

/* A socket is there before anybody listens at it. */
static inline int swtpm_listens(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (strlen(path) < sizeof(to.sun_path))
		strcpy(to.sun_path, path);
	r = connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return r == 0;
}

/* Wait for both sockets; a swtpm that is not installed ends the program as skipped. */
static inline int swtpm_wait(struct swtpm *t)
{
	char ctrl[sizeof(t->path) + 8];
	int status;

	snprintf(ctrl, sizeof(ctrl), "%s.ctrl", t->path);
	for (int i = 0; i < 1000; i++) {
		if (waitpid(t->pid, &status, WNOHANG) == t->pid) {
			tmpdir_remove(t->dir);
			if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
				fprintf(stderr, "swtpm is not installed\n");
				exit(77);
			}
			return -1;
		}
		if (swtpm_listens(t->path) && swtpm_listens(ctrl))
			return 0;
		swtpm_nap(10);
	}
	return -1;
}

/* A new TPM, as after power-on. 0 or -1. */
static inline int swtpm_start(struct swtpm *t)
{
	if (tmpdir_make(t->dir) < 0)
		return -1;
	snprintf(t->path, sizeof(t->path), "%s/s", t->dir);
	snprintf(t->tcti, sizeof(t->tcti), "swtpm:path=%s", t->path);
	t->pid = fork();
	if (t->pid == 0)
		swtpm_exec(t);
	return t->pid < 0 ? -1 : swtpm_wait(t);
}

/* Reset: the same TPM, its PCRs as after power-on. 0 or -1. */
static inline int swtpm_reset(struct swtpm *t)
{
	char ctrl[sizeof(t->path) + 8];

	kill(t->pid, SIGTERM);
	waitpid(t->pid, NULL, 0);
	snprintf(ctrl, sizeof(ctrl), "%s.ctrl", t->path);
	unlink(t->path);
	unlink(ctrl);
	t->pid = fork();
	if (t->pid == 0)
		swtpm_exec(t);
	return t->pid < 0 ? -1 : swtpm_wait(t);
}

/* Power off; the folder with the state goes too. */
static inline void swtpm_stop(struct swtpm *t)
{
	if (t->pid <= 0)
		return;
	kill(t->pid, SIGTERM);
	waitpid(t->pid, NULL, 0);
	t->pid = 0;
	tmpdir_remove(t->dir);
}

#endif
