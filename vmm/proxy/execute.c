/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/execute.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "guest-lwk/abi/syscalls.h"
#include "vmm/program.h"
#include "vmm/proxy/exe.h"
#include "vmm/proxy/heap.h"
#include "vmm/proxy/inherit.h"
#include "vmm/proxy/state.h"

#define SIGNALS   64
#define FIXED     6 /* words before the program's own: see resume_words() */
#define WORDS_MAX (1u << 20)
#define AT_KNOWN  (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)

/* One execve(), from the program's words to ours. */
struct attempt {
	struct service *service;
	bool alone;
	char name[PATH_MAX]; /* as the kernel would call the file: AT_EXECFN */
	char **words;        /* the program's argv, its pointers; owned */
	struct program program;
	char inherit[INHERIT_TEXT], fd[16];
};

/* ---- the program's words ---- */

static ssize_t program_read(void *to, uint64_t from, size_t len)
{
	struct iovec local = {to, len}, remote = {(void *)from, len};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static int string_read(char text[PATH_MAX], uint64_t from)
{
	size_t done = 0;

	while (done < PATH_MAX) {
		size_t len = ABI_PAGE - (from + done) % ABI_PAGE;
		ssize_t got;

		len = len < PATH_MAX - done ? len : PATH_MAX - done;
		got = program_read(text + done, from + done, len);
		if (got <= 0)
			return -EFAULT;
		if (memchr(text + done, '\0', (size_t)got))
			return 0;
		done += (size_t)got;
	}
	return -ENAMETOOLONG;
}

/* The pointers of argv, as they are: what they point to the kernel reads by itself. */
static int words_read(struct attempt *a, uint64_t from)
{
	static char empty[] = "";
	size_t n = 0, room = 64;
	char **list = malloc((room + 2) * sizeof(*list));

	while (list && from) {
		if (program_read(&list[n], from + n * sizeof(*list), sizeof(*list)) !=
			sizeof(*list)) {
			free(list);
			return -EFAULT;
		}
		if (!list[n])
			break;
		if (++n == WORDS_MAX) {
			free(list);
			return -E2BIG;
		}
		if (n == room) {
			char **more = realloc(list, (2 * room + 2) * sizeof(*list));

			if (!more)
				free(list);
			list = more;
			room *= 2;
		}
	}
	if (!list)
		return -ENOMEM;
	/* As Linux has it since 5.18: no program has to do without a name. */
	if (!n)
		list[n++] = empty;
	list[n] = NULL;
	a->words = list;
	return 0;
}

/* As Linux names what a script's interpreter is to open. */
static int name_make(struct attempt *a, const struct abi_mbox *mbox)
{
	char path[PATH_MAX];
	int folder = (int)mbox->arg[3], flags = (int)mbox->arg[4];
	int err = string_read(path, mbox->arg[0]);
	int n;

	if (err)
		return err;
	if (flags & ~AT_KNOWN || (!path[0] && !(flags & AT_EMPTY_PATH)))
		return -ENOENT;
	if (exe_is_link(mbox->arg[0]))
		n = snprintf(a->name, PATH_MAX, "%s", a->service->common->exe);
	else if (!path[0])
		n = snprintf(a->name, PATH_MAX, "/dev/fd/%d", folder);
	else if (folder == AT_FDCWD || path[0] == '/')
		n = snprintf(a->name, PATH_MAX, "%s", path);
	else
		n = snprintf(a->name, PATH_MAX, "/dev/fd/%d/%s", folder, path);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool is_link(const char *name, int flags)
{
	struct stat st;

	return flags & AT_SYMLINK_NOFOLLOW && !lstat(name, &st) && S_ISLNK(st.st_mode);
}

/* Rights that it gets from its file it can have on the host only. */
static bool gains_rights(int fd)
{
	struct stat st;

	return fstat(fd, &st) || st.st_mode & S_ISUID ||
	       (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) ||
	       fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* True: the guest can run it. False: whatever is the matter, the host's kernel says it best. */
static bool runs_in_guest(struct attempt *a, const struct abi_mbox *mbox)
{
	struct problem problem = {0};

	return !name_make(a, mbox) && !is_link(a->name, (int)mbox->arg[4]) &&
	       !words_read(a, mbox->arg[1]) &&
	       !program_open_file(a->name, a->words, &a->program, &problem) &&
	       a->program.elf.kind == ELF_KIND_LINUX && !gains_rights(a->program.fd);
}

/* ---- what the host keeps over execve() ---- */

/* The process's own SIGCHLD is as it shall be all the time (child.c). */
static void ignore_set(uint64_t set, bool alone)
{
	for (int n = 1; n <= SIGNALS; n++) {
		struct sigaction action = {
			.sa_handler = set >> (n - 1) & 1 ? SIG_IGN : SIG_DFL};

		if (n != SIGCHLD || alone)
			sigaction(n, &action, NULL);
	}
}

/* Signals that the LWK has kept wait here, blocked, for the next program. */
static void pending_hand_over(uint64_t set)
{
	for (int n = 1; n <= SIGNALS; n++)
		if (set >> (n - 1) & 1)
			kill(getpid(), n);
}

/* The LWK has them still: one that queues would be there twice. */
static void pending_take_back(uint64_t set)
{
	const struct timespec now = {0};
	sigset_t one;

	for (; set; set &= set - 1) {
		relay_set(set & -set, &one);
		sigtimedwait(&one, NULL, &now);
	}
}

/* The host's own timer goes on with it; one that is late fires at once. */
static void alarm_set(const struct abi_alarm *alarm)
{
	const uint64_t second = 1000000;
	uint64_t now, left, interval = alarm->interval_ns / 1000;
	struct itimerval value = {0};
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * second + (uint64_t)ts.tv_nsec / 1000;
	left = alarm->at_ns / 1000 > now ? alarm->at_ns / 1000 - now : 1;
	if (alarm->at_ns) {
		value.it_value.tv_sec = (time_t)(left / second);
		value.it_value.tv_usec = (suseconds_t)(left % second);
		value.it_interval.tv_sec = (time_t)(interval / second);
		value.it_interval.tv_usec = (suseconds_t)(interval % second);
	}
	setitimer(ITIMER_REAL, &value, NULL);
}

/* The program that it is about to be natively has the program's mask from its first
 * instruction. */
static int64_t execute_host(const struct abi_mbox *mbox, const struct abi_bequest *bequest)
{
	sigset_t mask, before;
	int64_t ret;

	relay_set(bequest->sig_blocked, &mask);
	alarm_set(&bequest->alarm);
	pthread_sigmask(SIG_SETMASK, &mask, &before);
	ret = syscall(SYS_execveat, mbox->arg[3], mbox->arg[0], mbox->arg[1], mbox->arg[2],
		mbox->arg[4]);
	ret = ret < 0 ? -errno : ret;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	alarm_set(&(struct abi_alarm){0});
	return ret;
}

static uint64_t timeout_left(const struct attempt *a)
{
	const struct proxy *p = a->service->common->proxy;
	uint64_t now = helper_now_ms();

	if (a->alone || !p->end_ms)
		return 0;
	return p->end_ms > now ? p->end_ms - now : 1;
}

/* lwvmm resume INHERIT GUEST FD NAME WORDS... */
static char **resume_words(struct attempt *a, const struct abi_bequest *bequest)
{
	static char self[] = "lwvmm", verb[] = "resume";
	const struct proxy *p = a->service->common->proxy;
	struct inherit inherit = {
		.sig_blocked = bequest->sig_blocked,
		.affinity = bequest->affinity,
		.timeout_ms = timeout_left(a),
		.tally = p->welcome.tally,
		.child = a->alone || p->job->child,
	};
	size_t n = 0;
	char **list;

	inherit.alarm = bequest->alarm;
	memcpy(inherit.limit, bequest->limit, sizeof(inherit.limit));
	inherit_print(&inherit, a->inherit);
	snprintf(a->fd, sizeof(a->fd), "%d", a->program.fd);
	while (a->program.argv[n])
		n++;
	list = malloc((FIXED + n + 1) * sizeof(*list));
	if (!list)
		return NULL;
	list[0] = self;
	list[1] = verb;
	list[2] = a->inherit;
	list[3] = (char *)p->name;
	list[4] = a->fd;
	list[5] = a->program.path;
	memcpy(list + FIXED, a->program.argv, (n + 1) * sizeof(*list));
	return list;
}

static int64_t execute_guest(
	struct attempt *a, const struct abi_mbox *mbox, const struct abi_bequest *bequest)
{
	char **list = resume_words(a, bequest);
	int64_t ret;

	if (!list)
		return -ENOMEM;
	fcntl(a->program.fd, F_SETFD, 0);
	ret = syscall(SYS_execve, "/proc/self/exe", list, mbox->arg[2]);
	ret = ret < 0 ? -errno : ret;
	free(list);
	return ret;
}

int64_t execute(struct service *service, bool alone)
{
	const struct service_common *common = service->common;
	const struct abi_mbox *mbox = service->mbox;
	const struct abi_bequest *bequest = &common->share->bequest[service->slot];
	struct relay *relay = &common->proxy->relay;
	struct attempt *a;
	uint64_t untold = 0, listed;
	bool guest;
	int64_t ret;

	heap_lock();
	a = calloc(1, sizeof(*a));
	if (!a) {
		heap_unlock();
		return -ENOMEM;
	}
	a->service = service;
	a->alone = alone;
	a->program.fd = -1;
	guest = runs_in_guest(a, mbox);
	/* What the relay has taken off the host's queue goes back there, or would be lost. */
	if (!alone) {
		porter_leave(common->porter, true);
		untold = relay_stop(relay);
	}
	ignore_set(bequest->sig_ignored, alone);
	listed = __atomic_load_n(&bequest->sig_pending, __ATOMIC_ACQUIRE);
	pending_hand_over(untold | listed);
	ret = guest ? execute_guest(a, mbox, bequest) : execute_host(mbox, bequest);
	/* Still here: nothing has happened. While all signals are blocked none is lost. */
	ignore_set(0, alone);
	pending_take_back(listed & ~untold);
	if (!alone) {
		relay_go(relay);
		porter_leave(common->porter, false);
	}
	program_close(&a->program, a->words);
	free(a->words);
	free(a);
	heap_unlock();
	return ret;
}
