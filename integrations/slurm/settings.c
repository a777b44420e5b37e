/* SPDX-License-Identifier: MIT */
#include "integrations/slurm/settings.h"

#include <errno.h>
#include <slurm/spank.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integrations/slurm/task.h"

struct settings settings = {
	.config_dir = SETTINGS_CONFIG_DIR,
	.lwvmm_file = TASK_LWVMM,
	.task_file = TASK_FILE,
	.account_dir = "/var/log/lwvmm",
};

static bool argument(const char *word, const char *name, const char **value)
{
	size_t len = strlen(name);

	if (strncmp(word, name, len) != 0)
		return false;
	*value = word + len;
	return true;
}

int settings_read(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (argument(argv[i], "config=", &settings.config_dir) ||
			argument(argv[i], "lwvmm=", &settings.lwvmm_file) ||
			argument(argv[i], "task=", &settings.task_file) ||
			argument(argv[i], "account=", &settings.account_dir))
			continue;
		slurm_error("lwvmm: plugstack.conf: %s: not known: account=DIR|none "
			    "config=DIR lwvmm=FILE task=FILE",
			argv[i]);
		return -1;
	}
	if (settings.account_dir && !strcmp(settings.account_dir, "none"))
		settings.account_dir = NULL;
	return 0;
}

int settings_describe(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.conf", settings.config_dir, name);
	if (!access(path, F_OK))
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

/* The end of a file, as a string. */
static void tail_read(int fd, char *said, size_t size)
{
	off_t all = lseek(fd, 0, SEEK_END), room = (off_t)size - 1;
	ssize_t len = pread(fd, said, (size_t)room, all > room ? all - room : 0);

	if (len > 0 && said[len - 1] == '\n')
		len--;
	said[len > 0 ? len : 0] = '\0';
}

/* A file, not a pipe: a guest that it starts may keep its standard error open. */
int settings_run_lwvmm(char **words, char *said, size_t size)
{
	int fd = memfd_create("lwvmm", MFD_CLOEXEC), status = 0, err;
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	setenv(TASK_ENV_CONFIG, settings.config_dir, 1);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fd, STDERR_FILENO);
	err = fd < 0 ? errno
		     : posix_spawn(&pid, settings.lwvmm_file, &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err)
		slurm_error(
			"lwvmm: %s: cannot be executed (%s): check lwvmm= in plugstack.conf",
			settings.lwvmm_file, strerror(err));
	else
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	said[0] = '\0';
	if (fd >= 0) {
		tail_read(fd, said, size);
		close(fd);
	}
	if (err)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
