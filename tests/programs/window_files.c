/* SPDX-License-Identifier: MIT */
/* Files mapped shared: what is written here is in the file, and the other way round. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "check.h"

#define PAGE 4096L
#define MIB  (1L << 20)
#define RW   (PROT_READ | PROT_WRITE)

static sigjmp_buf back;
static siginfo_t got;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	got = *info;
	siglongjmp(back, 1);
}

/* A touch that raises this signal with this code, at its address. */
static void faults(volatile char *at, int write, int signo, int code)
{
	got.si_signo = 0;
	if (sigsetjmp(back, 1) == 0) {
		if (write)
			*at = 1;
		else
			(void)*at;
	}
	CHECK(got.si_signo == signo && got.si_code == code && got.si_addr == at);
}

/* A file of this size in `where` (NULL: a memfd), without a name. */
static int file_make(const char *where, long size)
{
	int fd = where ? open(where, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600)
		       : memfd_create("test", MFD_CLOEXEC);

	CHECK(fd >= 0 && ftruncate(fd, size) == 0);
	return fd;
}

static char *file_map(int fd, long len, int prot, long off)
{
	char *map = mmap(NULL, (size_t)len, prot, MAP_SHARED, fd, off);

	CHECK(map != MAP_FAILED);
	return map;
}

static void coherent(const char *where)
{
	int fd = file_make(where, 5 * MIB + 100);
	char *map = file_map(fd, 5 * MIB + 100, RW, 0), text[6] = "";
	char *other = file_map(fd, 3 * PAGE, PROT_READ, 4 * MIB);

	memcpy(map + 12345, "hello", 6);
	CHECK(pread(fd, text, 6, 12345) == 6 && strcmp(text, "hello") == 0);
	CHECK(pwrite(fd, "world", 6, 4 * MIB + PAGE) == 6);
	CHECK(strcmp(map + 4 * MIB + PAGE, "world") == 0 && strcmp(other + PAGE, "world") == 0);
	map[4 * MIB + 2 * PAGE] = 7;
	CHECK(other[2 * PAGE] == 7);
	/* Into it and out of it by the host. */
	CHECK(pread(fd, map + PAGE, 6, 12345) == 6 && strcmp(map + PAGE, "hello") == 0);
	CHECK(pwrite(fd, map + 12345, 6, 2 * MIB) == 6 && strcmp(map + 2 * MIB, "hello") == 0);
	map[5 * MIB + 99] = 9;
	CHECK(pread(fd, text, 6, 5 * MIB + 99) == 1 && text[0] == 9);
	CHECK(msync(map, 5 * MIB, MS_SYNC) == 0 && msync(map, 5 * MIB, MS_ASYNC) == 0);
	CHECK(munmap(map, 5 * MIB + 100) == 0 && munmap(other, 3 * PAGE) == 0);
	CHECK(pread(fd, text, 6, 2 * MIB) == 6 && strcmp(text, "hello") == 0);
	CHECK(close(fd) == 0);
}

static void test_tmpfs(void)
{
	coherent("/dev/shm");
}

static void test_disk(void)
{
	coherent("/var/tmp");
}

static void test_memfd(void)
{
	coherent(NULL);
}

static void test_hugetlb(void)
{
	int fd = memfd_create("huge", MFD_HUGETLB);
	char *map = MAP_FAILED;

	/* There may be no huge pages to be had: then it is refused in both. */
	if (fd >= 0 && ftruncate(fd, 4 * MIB) == 0)
		map = mmap(NULL, 4 * MIB, RW, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED) {
		map[3 * MIB] = 5;
		CHECK(munmap(map, 4 * MIB) == 0);
		map = file_map(fd, 2 * MIB, PROT_READ, 2 * MIB);
		CHECK(map[MIB] == 5);
		CHECK_ERRNO(munmap(map, PAGE), EINVAL);
		CHECK_ERRNO(munmap(map + MIB, MIB), EINVAL);
		CHECK(map[MIB] == 5 && munmap(map, 2 * MIB) == 0);
	}
	CHECK(fd < 0 || close(fd) == 0);
	/* Rounded up, or refused where there are none: either is an answer. */
	map = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (map != MAP_FAILED) {
		map[2 * MIB - 1] = 1;
		CHECK(munmap(map, 2 * MIB) == 0);
	}
}

static void test_refusals(void)
{
	int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY), ro, pipes[2];
	char name[] = "/dev/shm/window-test-XXXXXX", *map;

	CHECK(fd >= 0 && pipe(pipes) == 0);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, 99, 0), EBADF);
	CHECK_ERRNO(mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 5), EINVAL);
	CHECK(close(fd) == 0);
	fd = mkstemp(name);
	CHECK(fd >= 0 && ftruncate(fd, 2 * PAGE) == 0);
	ro = open(name, O_RDONLY);
	CHECK(ro >= 0 && unlink(name) == 0);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
	map = file_map(ro, 2 * PAGE, PROT_READ, 0);
	CHECK_ERRNO(mprotect(map, PAGE, RW), EACCES);
	CHECK(mprotect(map, PAGE, PROT_NONE) == 0 && mprotect(map, PAGE, PROT_READ) == 0);
	CHECK(pwrite(fd, "x", 1, 10) == 1 && map[10] == 'x');
	faults(map, 1, SIGSEGV, SEGV_ACCERR);
	CHECK(munmap(map, 2 * PAGE) == 0);
	faults(map, 0, SIGSEGV, SEGV_MAPERR);
	CHECK(close(fd) == 0 && close(ro) == 0 && close(pipes[0]) == 0 && close(pipes[1]) == 0);
}

static void test_parts(void)
{
	int fd = file_make(NULL, 8 * MIB);
	char *map = file_map(fd, 6 * MIB, RW, PAGE), *at, *same;
	unsigned char vec[4];

	for (long off = 0; off < 6 * MIB; off += PAGE)
		*(long *)(map + off) = off + PAGE;
	CHECK(munmap(map + MIB, 3 * MIB) == 0);
	faults(map + MIB, 0, SIGSEGV, SEGV_MAPERR);
	faults(map + 4 * MIB - 1, 1, SIGSEGV, SEGV_MAPERR);
	CHECK(*(long *)(map + MIB - PAGE) == MIB && *(long *)(map + 4 * MIB) == 4 * MIB + PAGE);
	/* Another part of the file into the hole, and over what is left. */
	at = mmap(map + MIB, 2 * MIB, RW, MAP_SHARED | MAP_FIXED, fd, MIB + PAGE);
	CHECK(at == map + MIB && *(long *)at == MIB + PAGE);
	at = mmap(map + 5 * MIB, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 3 * PAGE);
	CHECK(at == map + 5 * MIB && *(long *)at == 3 * PAGE);
	CHECK(mincore(map + 5 * MIB - PAGE, 3 * PAGE, vec) == 0 &&
		(vec[0] & vec[1] & vec[2] & 1));
	CHECK_ERRNO(mincore(map + 4 * MIB - PAGE, 2 * PAGE, vec), ENOMEM);
	CHECK(mprotect(map + 5 * MIB, PAGE, PROT_READ) == 0);
	faults(map + 5 * MIB, 1, SIGSEGV, SEGV_ACCERR);
	CHECK(mprotect(map + 5 * MIB, PAGE, RW) == 0);
	*at = 1;
	CHECK(madvise(map, MIB, MADV_DONTNEED) == 0 && *(long *)map == PAGE);
	CHECK(madvise(map, MIB, MADV_REMOVE) == 0 && *(long *)map == 0);
	/* The same addresses for private memory, when nothing else is there. */
	CHECK(munmap(map, 6 * MIB) == 0);
	same = mmap(map, 6 * MIB, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(same == map && *(long *)(map + 5 * MIB) == 0);
	map[5 * MIB] = 3;
	at = mmap(map, 6 * MIB, RW, MAP_SHARED | MAP_FIXED, fd, 0);
	CHECK(at == map && *(long *)(map + 2 * MIB) == 2 * MIB && munmap(map, 6 * MIB) == 0);
	CHECK(close(fd) == 0);
}

static void test_mremap(void)
{
	int fd = file_make("/dev/shm", 8 * MIB);
	char *map = file_map(fd, MIB, RW, 2 * MIB), *moved, *place;

	for (long off = 0; off < 8 * MIB; off += PAGE)
		CHECK(pwrite(fd, &off, sizeof(off), off) == sizeof(off));
	CHECK(close(fd) == 0); /* the mapping keeps the file */
	moved = mremap(map, MIB, 3 * MIB, MREMAP_MAYMOVE);
	CHECK(moved != MAP_FAILED && *(long *)(moved + 3 * MIB - PAGE) == 5 * MIB - PAGE);
	moved[3] = 1;
	CHECK(mremap(moved, 3 * MIB, MIB, 0) == moved && moved[3] == 1);
	faults(moved + MIB, 0, SIGSEGV, SEGV_MAPERR);
	place = mmap(
		NULL, 4 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(place != MAP_FAILED);
	map = mremap(moved, MIB, 4 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	CHECK(map == place && map[3] == 1 && *(long *)(map + 3 * MIB) == 5 * MIB);
	faults(moved, 0, SIGSEGV, SEGV_MAPERR);
	CHECK(munmap(map, 4 * MIB) == 0);
}

static void test_truncate(void)
{
	int fd = file_make("/dev/shm", 3 * MIB);
	char *map = file_map(fd, 4 * MIB, RW, 0);

	map[2 * MIB + 5] = 1;
	/* Beyond the end, and when the file has grown. */
	faults(map + 3 * MIB + 7, 0, SIGBUS, BUS_ADRERR);
	CHECK(ftruncate(fd, 4 * MIB) == 0);
	map[3 * MIB + 7] = 2;
	CHECK(map[3 * MIB + 7] == 2);
	/* What was there goes. */
	CHECK(ftruncate(fd, 2 * MIB + PAGE) == 0);
	faults(map + 3 * MIB + 7, 0, SIGBUS, BUS_ADRERR);
	faults(map + 2 * MIB + 3 * PAGE, 1, SIGBUS, BUS_ADRERR);
	CHECK(map[2 * MIB + 5] == 1);
	CHECK(ftruncate(fd, PAGE) == 0);
	faults(map + 2 * MIB + 5, 0, SIGBUS, BUS_ADRERR);
	/* A call that reads there, made here and made on the host. */
	CHECK_ERRNO(clock_gettime(99, (struct timespec *)(map + 2 * MIB)), EINVAL);
	CHECK_ERRNO(write(fd, map + MIB, 5), EFAULT);
	CHECK(nanosleep((struct timespec *)(map + MIB), NULL) == -1 && errno == EFAULT);
	CHECK(ftruncate(fd, 4 * MIB) == 0 && map[2 * MIB + 5] == 0);
	map[4 * MIB - 1] = 4;
	CHECK(munmap(map, 4 * MIB) == 0 && close(fd) == 0);
}

static void test_anonymous(void)
{
	char *map = mmap(NULL, 3 * MIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *more;

	CHECK(map != MAP_FAILED && map[3 * MIB - 1] == 0);
	map[3 * MIB - 1] = 5;
	more = mremap(map, 3 * MIB, 6 * MIB, MREMAP_MAYMOVE);
	CHECK(more != MAP_FAILED && more[3 * MIB - 1] == 5);
	faults(more + 5 * MIB, 0, SIGBUS, BUS_ADRERR);
	CHECK(munmap(more, 6 * MIB) == 0);
}

/* Threads that map, use and unmap at the same time, and one that touches what they replace. */
static int shared_fd;
static char *fixed_place;
static int stop;

static void *mapper(void *arg)
{
	long seed = (long)arg;

	for (int i = 0; i < 40; i++) {
		long off = (seed * 7 + i) % 60 * PAGE, len = (1 + (seed + i) % 5) * PAGE;
		char *map = file_map(shared_fd, len, RW, off);

		CHECK(*(long *)map == off);
		CHECK(*(long *)(map + len - PAGE) == off + len - PAGE);
		CHECK(munmap(map, (size_t)len) == 0);
		if (seed == 0)
			CHECK(mmap(fixed_place, 2 * PAGE, RW, MAP_SHARED | MAP_FIXED, shared_fd,
				      off) == fixed_place);
	}
	return NULL;
}

static void *toucher(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		long word = *(volatile long *)(fixed_place + PAGE);

		CHECK(word > 0 && word <= 60 * PAGE && word % PAGE == 0);
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t thread[3], touch;

	shared_fd = file_make(NULL, 2 * MIB);
	for (long off = 0; off < 2 * MIB; off += PAGE)
		CHECK(pwrite(shared_fd, &off, sizeof(off), off) == sizeof(off));
	fixed_place = file_map(shared_fd, 2 * PAGE, RW, 0);
	CHECK_ZERO(pthread_create(&touch, NULL, toucher, NULL));
	for (long i = 0; i < 3; i++)
		CHECK_ZERO(pthread_create(&thread[i], NULL, mapper, (void *)i));
	for (int i = 0; i < 3; i++)
		CHECK_ZERO(pthread_join(thread[i], NULL));
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	CHECK_ZERO(pthread_join(touch, NULL));
	CHECK(munmap(fixed_place, 2 * PAGE) == 0 && close(shared_fd) == 0);
}

/* Segments of System V: what is refused, and one in place of another. */
static void test_sysv(void)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
	int other = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
	char *map;

	CHECK(id >= 0 && other >= 0);
	map = shmat(id, NULL, 0);
	CHECK(map != (void *)-1);
	map[0] = 7;
	/* The end of the address space, where address and size together wrap. */
	for (uintptr_t pages = 1; pages <= 4; pages++)
		CHECK_ERRNO(shmat(id, (void *)-(pages * PAGE), 0), EINVAL);
	CHECK_ERRNO(shmat(other, map, 0), EINVAL);
	CHECK_ERRNO(shmat(other, NULL, SHM_REMAP), EINVAL);
	CHECK(map[0] == 7);
	CHECK(shmat(other, map, SHM_REMAP) == map && map[0] == 0);
	CHECK(shmdt(map) == 0);
	CHECK_ERRNO(shmdt(map), EINVAL);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0 && shmctl(other, IPC_RMID, NULL) == 0);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"tmpfs", test_tmpfs},
		{"disk", test_disk},
		{"memfd", test_memfd},
		{"hugetlb", test_hugetlb},
		{"refusals", test_refusals},
		{"parts", test_parts},
		{"mremap", test_mremap},
		{"truncate", test_truncate},
		{"anonymous", test_anonymous},
		{"threads", test_threads},
		{"sysv", test_sysv},
	};
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	CHECK(sigaction(SIGBUS, &action, NULL) == 0 && sigaction(SIGSEGV, &action, NULL) == 0);
	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
