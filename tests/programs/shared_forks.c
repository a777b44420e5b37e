/* SPDX-License-Identifier: MIT */
/* fork() of a program that has shared memory mapped: parent and child have the same. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "check.h"

#define PAGE 4096L
#define MIB  (1L << 20)
#define RW   (PROT_READ | PROT_WRITE)

/* In the child, what fails is its exit status; 0 is good. */
static pid_t child(int (*fn)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(fn());
	CHECK(pid > 0);
	return pid;
}

static int status_of(pid_t pid)
{
	int status = -1;

	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int run_child(int (*fn)(void))
{
	return status_of(child(fn));
}

static char *shared_map(long len, int fd, long off)
{
	int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0);
	char *map = mmap(NULL, (size_t)len, RW, flags, fd, off);

	CHECK(map != MAP_FAILED);
	return map;
}

static sigjmp_buf back;

static void on_fault(int signo)
{
	siglongjmp(back, signo);
}

/* The signal that reading this raises; 0: none. */
static int touch(const volatile char *at)
{
	int signo = sigsetjmp(back, 1);

	if (!signo)
		(void)*at;
	return signo;
}

static char *map, *other;

static int writes_child(void)
{
	int pipes[2];
	char text[6];

	if (strcmp(map + 2 * MIB + 5, "hello") != 0 || pipe(pipes))
		return 1;
	/* Calls made on the host find it as well. */
	if (write(pipes[1], map + 2 * MIB + 5, 6) != 6 || read(pipes[0], map + PAGE, 6) != 6)
		return 2;
	memcpy(text, map + PAGE, 6);
	map[3 * MIB - 1] = 7;
	while (__atomic_load_n(map + 3 * MIB - 2, __ATOMIC_ACQUIRE) != 8)
		;
	return strcmp(text, "hello") == 0 ? 0 : 3;
}

/* What is written after fork() is seen on the other side, both ways, at once. */
static void both_ways(int fd)
{
	pid_t pid;

	map = shared_map(3 * MIB, fd, 0);
	strcpy(map + 2 * MIB + 5, "hello");
	pid = child(writes_child);
	while (__atomic_load_n(map + 3 * MIB - 1, __ATOMIC_ACQUIRE) != 7)
		;
	__atomic_store_n(map + 3 * MIB - 2, 8, __ATOMIC_RELEASE);
	CHECK(status_of(pid) == 0);
	CHECK(strcmp(map + PAGE, "hello") == 0);
	CHECK(munmap(map, 3 * MIB) == 0);
}

static void anonymous(void)
{
	both_ways(-1);
}

static void files(void)
{
	int fd = open("/dev/shm", O_RDWR | O_TMPFILE, 0600);
	char text[6];

	CHECK(fd >= 0 && ftruncate(fd, 3 * MIB) == 0);
	both_ways(fd);
	CHECK(pread(fd, text, 6, PAGE) == 6 && strcmp(text, "hello") == 0);
	CHECK(close(fd) == 0);
}

/* Parts of a file, one after the other and not, with their own protections; and holes. */
static int parts_child(void)
{
	for (long i = 0; i < 8; i++)
		if (i != 5 && *(long *)(map + i * PAGE) != (i < 4 ? i : 15 - i))
			return 1;
	if (touch(map + 5 * PAGE) != SIGSEGV)
		return 2;
	if (mprotect(map + PAGE, PAGE, RW) || munmap(map, PAGE) || touch(map) != SIGSEGV)
		return 3;
	map[PAGE + 8] = 1;
	map = mremap(map + 6 * PAGE, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	return map != MAP_FAILED && *(long *)(map + PAGE) == 10 ? 0 : 4;
}

static int readonly_child(void)
{
	if (sigsetjmp(back, 1))
		return 0;
	map[PAGE] = 1;
	return 1;
}

static void parts(void)
{
	int fd = memfd_create("parts", 0);

	CHECK(fd >= 0 && ftruncate(fd, 4 * MIB) == 0);
	for (long i = 0; i < 16; i++)
		CHECK(pwrite(fd, &i, sizeof(i), i * PAGE) == sizeof(i));
	map = shared_map(8 * PAGE, fd, 0);
	for (long i = 4; i < 8; i++)
		CHECK(mmap(map + i * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, fd,
			      (15 - i) * PAGE) == map + i * PAGE);
	CHECK(mprotect(map + PAGE, PAGE, PROT_READ) == 0);
	CHECK(munmap(map + 5 * PAGE, PAGE) == 0);
	CHECK(run_child(readonly_child) == 0);
	CHECK(run_child(parts_child) == 0);
	CHECK(*(long *)map == 0 && map[PAGE + 8] == 1);
	CHECK(munmap(map, 8 * PAGE) == 0 && close(fd) == 0);
}

/* What the child unmaps, or keeps when its parent unmaps, is the other's no less. */
static int keeps_child(void)
{
	CHECK(munmap(map, MIB) == 0);
	while (__atomic_load_n(other, __ATOMIC_ACQUIRE) != 1)
		;
	if (other[2 * MIB] != 5)
		return 1;
	other[2 * MIB] = 6;
	return run_child(writes_child) == 1 ? 0 : 2;
}

static void separate_ends(void)
{
	int fd = memfd_create("separate", 0);
	pid_t pid;
	char c;

	CHECK(fd >= 0 && ftruncate(fd, 4 * MIB) == 0);
	map = shared_map(4 * MIB, -1, 0);
	other = shared_map(4 * MIB, fd, 0);
	map[MIB / 2] = 4;
	other[2 * MIB] = 5;
	pid = child(keeps_child);
	other[0] = 1;
	CHECK(munmap(other, 4 * MIB) == 0);
	CHECK(status_of(pid) == 0 && map[MIB / 2] == 4);
	CHECK(pread(fd, &c, 1, 2 * MIB) == 1 && c == 6);
	CHECK(munmap(map, 4 * MIB) == 0 && close(fd) == 0);
}

/* The parent ends first; what it had mapped stays its child's. */
static void orphan(void)
{
	pid_t pid;

	map = shared_map(MIB, -1, 0);
	map[1] = 1;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pid_t middle = getpid();

		if (fork())
			_exit(0);
		while (getppid() == middle)
			check_sleep_ms(1);
		check_sleep_ms(20);
		map[2] = map[1];
		__atomic_store_n(map, 1, __ATOMIC_RELEASE);
		_exit(0);
	}
	CHECK(status_of(pid) == 0);
	while (!__atomic_load_n(map, __ATOMIC_ACQUIRE))
		check_sleep_ms(1);
	CHECK(map[2] == 1 && munmap(map, MIB) == 0);
}

struct meeting {
	sem_t ping, pong;
	pthread_mutex_t lock;
	long count;
};
static struct meeting *meeting;

static int ping_child(void)
{
	for (int i = 0; i < 200; i++) {
		if (sem_wait(&meeting->ping))
			return 1;
		meeting->count++;
		if (sem_post(&meeting->pong))
			return 2;
	}
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&meeting->lock);
		meeting->count++;
		pthread_mutex_unlock(&meeting->lock);
	}
	pthread_mutex_lock(&meeting->lock);
	return 0; /* it dies with the lock */
}

static void locks(void)
{
	pthread_mutexattr_t attr;
	pid_t pid;

	meeting = (void *)shared_map(PAGE, -1, 0);
	CHECK_ZERO(pthread_mutexattr_init(&attr));
	CHECK_ZERO(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	CHECK_ZERO(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	CHECK_ZERO(pthread_mutex_init(&meeting->lock, &attr));
	CHECK(sem_init(&meeting->ping, 1, 0) == 0 && sem_init(&meeting->pong, 1, 0) == 0);
	pid = child(ping_child);
	for (int i = 0; i < 200; i++)
		CHECK(sem_post(&meeting->ping) == 0 && sem_wait(&meeting->pong) == 0);
	CHECK(meeting->count >= 200);
	for (int i = 0; i < 1000; i++) {
		int err = pthread_mutex_lock(&meeting->lock);

		CHECK(!err || err == EOWNERDEAD);
		if (err)
			CHECK_ZERO(pthread_mutex_consistent(&meeting->lock));
		meeting->count++;
		CHECK_ZERO(pthread_mutex_unlock(&meeting->lock));
	}
	CHECK(status_of(pid) == 0);
	CHECK(meeting->count == 2200 && munmap(meeting, PAGE) == 0);
}

static int segment;

static long attached(void)
{
	struct shmid_ds ds;

	CHECK(shmctl(segment, IPC_STAT, &ds) == 0);
	return (long)ds.shm_nattch;
}

static long attached_before;

static int segment_child(void)
{
	if (attached() != attached_before + 1 || map[PAGE] != 9)
		return 1;
	map[PAGE] = 10;
	if (shmdt(map) || attached() != attached_before || touch(map) != SIGSEGV)
		return 2;
	map = shmat(segment, NULL, SHM_RDONLY);
	return map != (void *)-1 && map[PAGE] == 10 ? 0 : 3;
}

static void segments(void)
{
	segment = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
	CHECK(segment >= 0);
	map = shmat(segment, NULL, 0);
	CHECK(map != (void *)-1);
	map[PAGE] = 9;
	attached_before = attached();
	CHECK(run_child(segment_child) == 0);
	CHECK(map[PAGE] == 10 && attached() == attached_before);
	CHECK(shmdt(map) == 0 && shmctl(segment, IPC_RMID, NULL) == 0);
}

static char *private;

static int advice_child(void)
{
	if (touch(map + PAGE) != SIGSEGV || map[0] != 1 || map[2 * PAGE] != 3)
		return 1;
	if (touch(private + PAGE) != SIGSEGV || private[0] != 1 || private[2 * PAGE] != 3)
		return 2;
	if (other[0] != 1 || other[PAGE] || other[2 * PAGE] != 3)
		return 3;
	/* What comes there is fresh. */
	private =
		mmap(private + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return private != MAP_FAILED && !private[0] && !private[7] ? 0 : 4;
}

static int advice_back_child(void)
{
	return map[PAGE] == 2 && private[PAGE] == 2 && other[PAGE] == 2 ? 0 : 1;
}

static char *pages_make(int how)
{
	char *at = mmap(NULL, 3 * PAGE, RW, how | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED);
	for (char i = 0; i < 3; i++)
		at[i * PAGE] = (char)(i + 1);
	return at;
}

/* What is not for children; and what is zero in them. */
static void advice(void)
{
	map = pages_make(MAP_SHARED);
	private = pages_make(MAP_PRIVATE);
	other = pages_make(MAP_PRIVATE);
	private[PAGE + 7] = 1;
	CHECK(madvise(map + PAGE, PAGE, MADV_DONTFORK) == 0);
	CHECK(madvise(private + PAGE, PAGE, MADV_DONTFORK) == 0);
	CHECK_ERRNO(madvise(map, PAGE, MADV_WIPEONFORK), EINVAL);
	CHECK(madvise(other + PAGE, PAGE, MADV_WIPEONFORK) == 0);
	CHECK(run_child(advice_child) == 0);
	CHECK(madvise(map, 3 * PAGE, MADV_DOFORK) == 0);
	CHECK(madvise(private, 3 * PAGE, MADV_DOFORK) == 0);
	CHECK(madvise(other, 3 * PAGE, MADV_KEEPONFORK) == 0);
	CHECK(run_child(advice_back_child) == 0);
	CHECK(munmap(map, 3 * PAGE) == 0 && munmap(private, 3 * PAGE) == 0);
	CHECK(munmap(other, 3 * PAGE) == 0);
}

static int file;

static int cut_child(void)
{
	if (touch(map + 2 * PAGE) != SIGBUS || ftruncate(file, PAGE))
		return 1;
	if (touch(map + PAGE) != SIGBUS || touch(map) != 0 || ftruncate(file, 4 * PAGE))
		return 2;
	return map[3 * PAGE] == 0 ? 0 : 3;
}

/* The file becomes shorter, and longer, in the child: both see that. */
static void cut(void)
{
	file = memfd_create("cut", 0);
	CHECK(file >= 0 && ftruncate(file, 2 * PAGE) == 0);
	map = shared_map(4 * PAGE, file, 0);
	map[PAGE] = 1;
	CHECK(run_child(cut_child) == 0);
	CHECK(map[PAGE] == 0 && map[3 * PAGE] == 0);
	CHECK(munmap(map, 4 * PAGE) == 0 && close(file) == 0);
}

static int huge_child(void)
{
	if (map[3 * MIB] != 5)
		return 1;
	map[MIB] = 6;
	return 0;
}

static void huge(void)
{
	map = mmap(NULL, 4 * MIB, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	/* There may be none: then it is so in both. */
	if (map == MAP_FAILED)
		return;
	map[3 * MIB] = 5;
	CHECK(run_child(huge_child) == 0);
	CHECK(map[MIB] == 6 && munmap(map, 4 * MIB) == 0);
}

/* Threads that map, unmap and use memory of all kinds while another one forks. */
static int stop;

static char *fixed_place; /* where two of them replace each other's mappings */

static void *file_mapper(void *arg)
{
	int fd = *(int *)arg;

	for (long i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
		long len = (1 + i % 5) * PAGE, off = i % 60 * PAGE;
		char *part = shared_map(len, fd, off);

		CHECK(*(long *)part == off && munmap(part, (size_t)len) == 0);
		CHECK(mmap(fixed_place, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, off) ==
			fixed_place);
	}
	return NULL;
}

static void *memory_mapper(void *arg)
{
	(void)arg;
	for (long i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
		size_t len = (size_t)((1 + i % 50) * PAGE);
		char *memory = mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(memory != MAP_FAILED);
		memset(memory, 0xee, len);
		CHECK(munmap(memory, len) == 0);
	}
	return NULL;
}

static int busy_child(void)
{
	for (int i = 0; i < 40; i++) {
		char *fresh = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (long at = 0; at < 3 * PAGE; at++)
			if (fresh[at])
				return 1;
	}
	for (long off = 0; off < MIB; off += PAGE)
		if (*(long *)(map + off) != off)
			return 2;
	map[MIB - 1] = 3;
	return map[MIB - 1] == 3 ? 0 : 3;
}

static void busy(void)
{
	int fd = memfd_create("busy", 0);
	char *large = malloc(64 * MIB); /* so that the copy takes a while */
	pthread_t thread[3];

	CHECK(fd >= 0 && large && ftruncate(fd, MIB) == 0);
	memset(large, 1, 64 * MIB);
	for (long off = 0; off < MIB; off += PAGE)
		CHECK(pwrite(fd, &off, sizeof(off), off) == sizeof(off));
	map = shared_map(MIB, fd, 0);
	fixed_place = shared_map(PAGE, fd, 0);
	CHECK_ZERO(pthread_create(&thread[0], NULL, file_mapper, &fd));
	CHECK_ZERO(pthread_create(&thread[1], NULL, file_mapper, &fd));
	CHECK_ZERO(pthread_create(&thread[2], NULL, memory_mapper, NULL));
	for (int i = 0; i < 6; i++)
		CHECK(run_child(busy_child) == 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		CHECK_ZERO(pthread_join(thread[i], NULL));
	CHECK(munmap(map, MIB) == 0 && munmap(fixed_place, PAGE) == 0 && close(fd) == 0);
	free(large);
}

static const struct check_case cases[] = {
	{"anonymous", anonymous},
	{"files", files},
	{"parts", parts},
	{"separate-ends", separate_ends},
	{"orphan", orphan},
	{"locks", locks},
	{"segments", segments},
	{"advice", advice},
	{"cut", cut},
	{"huge", huge},
	{"busy", busy},
};

int main(int argc, char **argv)
{
	(void)argc;
	CHECK(signal(SIGSEGV, on_fault) != SIG_ERR && signal(SIGBUS, on_fault) != SIG_ERR);
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
