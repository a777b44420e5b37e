/* SPDX-License-Identifier: MIT */
/*
 * abi --ring LWVMM GUEST DIR DEVIATIONS RING PATTERN: runs the cases whose names match PATTERN,
 * each natively and by `LWVMM exec GUEST`, in new directories under DIR, and prints a line
 * each. What it wrote, its status and the files that it left must be the same. DEVIATIONS has
 * lines "NAME | RINGS | reason": those must differ. ABI_JOBS [2] at once, ABI_SECONDS [30] for
 * one run, and ABI_NATIVE, words before the native program.
 */
#include "abi.h"

#include <dirent.h>
#include <fnmatch.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <pthread.h>
#include <sys/wait.h>

#include "ring.h"

#define OUTPUT_MAX (64 * 1024)

static const char *lwvmm, *guest, *dir, *deviations, *ring, *pattern;
static char self[4096];
static int seconds;
static size_t next_case;
static pthread_mutex_t lines = PTHREAD_MUTEX_INITIALIZER;
static int failed;

struct result {
	int status; /* as waitpid() gives it; -1: it did not end */
	size_t len, files_len;
	char output[OUTPUT_MAX];
	char files[4096];
};

/* The reason why it deviates in this ring, or an empty one. */
static void deviation(const char *name, char *reason, size_t size)
{
	FILE *f = fopen(deviations, "re");
	char line[512], rings[64], who[ABI_NAME_MAX];
	int at;

	reason[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		at = 0;
		if (sscanf(line, "%95s | %63[^|] | %n", who, rings, &at) == 2 && at > 0 &&
			!strcmp(who, name) && strstr(rings, ring))
			snprintf(reason, size, "%s", line + at);
	}
	if (f)
		fclose(f);
}

/* Names and sizes of what is in the directory, sorted; removed with it. */
static void take_files(const char *path, struct result *res)
{
	struct dirent **names;
	char file[8192];
	struct stat st;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0 &&
			lstat(file, &st) == 0) {
			res->files_len += (size_t)snprintf(res->files + res->files_len,
				sizeof(res->files) - res->files_len, "%.60s %o %ld\n",
				names[i]->d_name, st.st_mode,
				S_ISREG(st.st_mode) ? (long)st.st_size : 0);
			if (res->files_len >= sizeof(res->files))
				res->files_len = sizeof(res->files) - 1;
			if (S_ISDIR(st.st_mode)) {
				struct result *inner = calloc(1, sizeof(*inner));

				chmod(file, 0700);
				if (inner)
					take_files(file, inner);
				free(inner);
			} else {
				unlink(file);
			}
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	rmdir(path);
}

static void become(const char *path, int out, char *const *argv)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || chdir(path) != 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
		dup2(out, 2) < 0 || close_range(3, ~0u, 0) != 0)
		_exit(ABI_BROKEN);
	setsid();
	execvp(argv[0], argv);
	_exit(127);
}

static int wait_for(pid_t pid)
{
	int pidfd = pidfd_open(pid, 0), status = -1;
	struct pollfd end = {pidfd, POLLIN, 0};

	if (pidfd >= 0 && poll(&end, 1, seconds * 1000) == 1) {
		waitpid(pid, &status, 0);
	} else {
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (pidfd >= 0)
		close(pidfd);
	return status;
}

/* What lwvmm says about itself is no part of the program's output. */
static void drop_own_lines(struct result *res)
{
	char *to = res->output;

	for (char *line = res->output, *end; *line; line = end) {
		end = line + strcspn(line, "\n");
		end += *end == '\n';
		if (strncmp(line, "lwvmm: ", 7) != 0) {
			memmove(to, line, (size_t)(end - line));
			to += end - line;
		}
	}
	*to = '\0';
	res->len = (size_t)(to - res->output);
}

static void run_one(char *const *argv, const char *path, struct result *res)
{
	char log[4096];
	ssize_t n;
	pid_t pid;
	int out;

	*res = (struct result){.status = -1};
	snprintf(log, sizeof(log), "%s.out", path);
	out = open(log, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (out < 0 || mkdir(path, 0700) != 0)
		return;
	pid = fork();
	if (pid == 0)
		become(path, out, argv);
	res->status = wait_for(pid);
	n = pread(out, res->output, sizeof(res->output) - 1, 0);
	res->output[n > 0 ? n : 0] = '\0';
	drop_own_lines(res);
	close(out);
	take_files(path, res);
}

static void run_native(const char *name, const char *path, struct result *res)
{
	char words[1024], *argv[32], *save = NULL;
	size_t n = 0;

	snprintf(words, sizeof(words), "%s", getenv("ABI_NATIVE") ? getenv("ABI_NATIVE") : "");
	for (char *w = strtok_r(words, " ", &save); w && n < 29; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	argv[n++] = self;
	argv[n++] = (char *)name;
	argv[n] = NULL;
	run_one(argv, path, res);
}

static void run_guest(const char *name, const char *path, struct result *res)
{
	char *argv[] = {(char *)lwvmm, "exec", (char *)guest, "--", self, (char *)name, NULL};

	run_one(argv, path, res);
}

static void status_text(int status, char text[32])
{
	if (status == -1)
		snprintf(text, 32, "no end within %d s", seconds);
	else if (WIFSIGNALED(status))
		snprintf(text, 32, "SIG%s", sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(text, 32, "status %d", WEXITSTATUS(status));
}

/* The first line that differs, of both. */
static void first_difference(const char *a, const char *b, char *why, size_t size)
{
	const char *line_a = a, *line_b = b;

	while (*a && *a == *b) {
		if (*a == '\n') {
			line_a = a + 1;
			line_b = b + 1;
		}
		a++;
		b++;
	}
	snprintf(why, size, "natively '%.*s', in the guest '%.*s'", (int)strcspn(line_a, "\n"),
		line_a, (int)strcspn(line_b, "\n"), line_b);
}

/* Empty: the same. */
static void difference(
	const struct result *native, const struct result *in, char *why, size_t size)
{
	char a[32], b[32];

	why[0] = '\0';
	if (strcmp(native->output, in->output) != 0 && native->status == in->status) {
		first_difference(native->output, in->output, why, size);
	} else if (native->status != in->status) {
		status_text(native->status, a);
		status_text(in->status, b);
		snprintf(why, size, "natively %s, in the guest %s: ", a, b);
		first_difference(
			native->output, in->output, why + strlen(why), size - strlen(why));
	} else if (strcmp(native->files, in->files) != 0) {
		first_difference(native->files, in->files, why, size);
	}
}

static void say(const char *name, const struct result *native, const char *why)
{
	char reason[512];

	deviation(name, reason, sizeof(reason));
	pthread_mutex_lock(&lines);
	if (native->status == -1 ||
		(WIFEXITED(native->status) && WEXITSTATUS(native->status) == ABI_BROKEN)) {
		printf("not ok %s: natively: %.*s\n", name, 200, native->output);
		failed = 1;
	} else if (WIFEXITED(native->status) && WEXITSTATUS(native->status) == ABI_SKIP) {
		printf("skip %s: %.*s\n", name, (int)strcspn(native->output, "\n"),
			native->output);
	} else if (why[0] && reason[0]) {
		printf("ok %s (deviates: %s)\n", name, reason);
	} else if (why[0]) {
		printf("not ok %s: %s\n", name, why);
		failed = 1;
	} else if (reason[0]) {
		printf("not ok %s: it is listed as a deviation, and does not deviate\n", name);
		failed = 1;
	} else {
		printf("ok %s\n", name);
	}
	fflush(stdout);
	pthread_mutex_unlock(&lines);
}

static void *work(void *unused)
{
	struct result *native = malloc(sizeof(*native)), *in = malloc(sizeof(*in));
	char name[ABI_NAME_MAX], path[4096], why[1024];

	(void)unused;
	for (size_t i; native && in &&
		       (i = __atomic_fetch_add(&next_case, 1, __ATOMIC_RELAXED)) <
			       abi_cases_count();) {
		abi_case_name(i, name);
		if (fnmatch(pattern, name, 0) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s.native", dir, name);
		run_native(name, path, native);
		snprintf(path, sizeof(path), "%s/%s.guest", dir, name);
		run_guest(name, path, in);
		difference(native, in, why, sizeof(why));
		say(name, native, why);
	}
	free(native);
	free(in);
	return NULL;
}

int abi_ring(int argc, char **argv)
{
	const char *jobs = getenv("ABI_JOBS"), *limit = getenv("ABI_SECONDS");
	int n = jobs ? atoi(jobs) : 2;
	pthread_t threads[16];

	if (argc != 6 || n < 1 || n > 16 ||
		readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
		fputs("abi --ring LWVMM GUEST DIR DEVIATIONS RING PATTERN\n", stderr);
		return 2;
	}
	lwvmm = argv[0];
	guest = argv[1];
	dir = argv[2];
	deviations = argv[3];
	ring = argv[4];
	pattern = argv[5];
	seconds = limit ? atoi(limit) : 30;
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			return 2;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return failed;
}
