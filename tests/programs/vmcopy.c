/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv and process_vm_writev. Without words: on its own memory, and on that of
 * children. `vmcopy lend` shows its memory to others until it is killed; `vmcopy borrow PID
 * ADDRESS` copies from and to there.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PAGE 4096UL
#define MIB  (1UL << 20)

/* What is lent, from its address on. */
#define FULL      0UL        /* 5 MiB of a pattern */
#define EMPTY     (6 * MIB)  /* 3 MiB that nobody has touched */
#define READ_ONLY (10 * MIB) /* a page */
#define HOLE      (11 * MIB) /* nothing is mapped there */
#define LENT      (12 * MIB)

static uint8_t mine[5 * MIB];

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 12));
}

static uint8_t *lent_make(void)
{
	uint8_t *at = mmap(NULL, LENT, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(at != MAP_FAILED);
	for (size_t i = 0; i < 5 * MIB; i++)
		at[FULL + i] = pattern(i);
	memset(at + READ_ONLY, 3, PAGE);
	CHECK(mprotect(at + READ_ONLY, PAGE, PROT_READ) == 0);
	CHECK(munmap(at + HOLE, MIB) == 0);
	return at;
}

static ssize_t get(pid_t pid, const uint8_t *from, size_t len)
{
	struct iovec local = {mine, len}, remote = {(void *)from, len};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

static ssize_t put(pid_t pid, uint8_t *to, size_t len)
{
	struct iovec local = {mine, len}, remote = {to, len};

	return process_vm_writev(pid, &local, 1, &remote, 1, 0);
}

static void whole(pid_t pid, uint8_t *lent)
{
	CHECK(get(pid, lent + FULL, sizeof(mine)) == sizeof(mine));
	for (size_t i = 0; i < sizeof(mine); i++)
		CHECK(mine[i] == pattern(i));
	CHECK(put(pid, lent + EMPTY, 3 * MIB) == 3 * MIB);
	memset(mine, 0, sizeof(mine));
	CHECK(get(pid, lent + EMPTY, 3 * MIB) == 3 * MIB);
	for (size_t i = 0; i < 3 * MIB; i++)
		CHECK(mine[i] == pattern(i));
	printf("ok whole\n");
}

/* Ranges of other sizes on both sides; some are empty. */
static void scattered(pid_t pid, uint8_t *lent)
{
	struct iovec local[] = {{mine, 10}, {mine + 50, 0}, {mine + 100, 5000}};
	struct iovec remote[20];

	for (size_t i = 0; i < ARRAY_LEN(remote); i++)
		remote[i] = (struct iovec){lent + FULL + i * 300000, i * 100};
	memset(mine, 0xee, 6000);
	CHECK(process_vm_readv(pid, local, 3, remote, ARRAY_LEN(remote), 0) == 5010);
	CHECK(mine[0] == pattern(300000) && mine[9] == pattern(300009) && mine[10] == 0xee);
	CHECK(mine[100] == pattern(300010) && mine[5099] != 0xee && mine[5100] == 0xee);
	CHECK(process_vm_readv(pid, local, 0, remote, 3, 0) == 0);
	CHECK(process_vm_readv(pid, local, 3, remote, 0, 0) == 0);
	printf("ok scattered\n");
}

static void refused(pid_t pid, uint8_t *lent)
{
	struct iovec local = {mine, 16}, bad_local = {(void *)16, 16};
	struct iovec remote[2] = {{lent + FULL, 8}, {lent + HOLE, 8}};

	CHECK_ERRNO(get(pid, lent + HOLE, 1), EFAULT);
	CHECK_ERRNO(put(pid, lent + HOLE, 1), EFAULT);
	CHECK_ERRNO(put(pid, lent + READ_ONLY, 1), EFAULT);
	CHECK(get(pid, lent + READ_ONLY, 1) == 1 && mine[0] == 3);
	CHECK_ERRNO(get(pid, (void *)(1UL << 63), 1), EFAULT);
	CHECK(process_vm_readv(pid, &local, 1, remote, 2, 0) == 8);
	CHECK_ERRNO(process_vm_readv(pid, &local, 1, remote, 1, 1), EINVAL);
	CHECK_ERRNO(process_vm_readv(pid, &local, 1, remote, 1025, 0), EINVAL);
	CHECK_ERRNO(process_vm_readv(pid, &local, 1025, remote, 1, 0), EINVAL);
	CHECK_ERRNO(process_vm_readv(pid, &bad_local, 1, remote, 1, 0), EFAULT);
	CHECK_ERRNO(process_vm_readv(pid, &local, 1, (void *)16, 1, 0), EFAULT);
	CHECK_ERRNO(process_vm_readv(0x7fffffff, &local, 1, remote, 1, 0), ESRCH);
	CHECK_ERRNO(process_vm_readv(-1, &local, 1, remote, 1, 0), ESRCH);
	printf("ok refused\n");
}

/* More than is to be moved is not looked at. */
static void ample(pid_t pid, uint8_t *lent)
{
	struct iovec local = {mine, 16};
	struct iovec remote[2] = {{lent + FULL, LENT}, {(void *)16, 16}};

	CHECK(process_vm_readv(pid, &local, 1, remote, 2, 0) == 16);
	remote[0].iov_len = 1UL << 46;
	CHECK(process_vm_readv(pid, &local, 1, remote, 1, 0) == 16);
	CHECK(mine[0] == pattern(0) && mine[15] == pattern(15));
	remote[1].iov_len = ~0UL;
	CHECK_ERRNO(process_vm_readv(pid, &local, 1, remote, 2, 0), EINVAL);
	CHECK(process_vm_writev(pid, &local, 1, remote, 1, 0) == 16);
	printf("ok ample\n");
}

/* Few ranges, over borders of 2 MiB on both sides. */
static void often(pid_t pid, uint8_t *lent)
{
	for (size_t i = 0; i < 20; i++) {
		struct iovec local[] = {{mine, 3 * MIB}, {mine + 3 * MIB, MIB - i}};
		struct iovec remote[] = {{lent + FULL + i, MIB}, {lent + EMPTY, 0},
			{lent + FULL + 2 * MIB, 3 * MIB}};

		memset(mine, 0xee, sizeof(mine));
		CHECK(process_vm_readv(pid, local, 2, remote, 3, 0) == (ssize_t)(4 * MIB - i));
		CHECK(mine[0] == pattern(i) && mine[MIB - 1] == pattern(MIB - 1 + i));
		CHECK(mine[MIB] == pattern(2 * MIB) && mine[4 * MIB - i] == 0xee);
		CHECK(mine[4 * MIB - i - 1] == pattern(5 * MIB - i - 1));
	}
	printf("ok often\n");
}

static pid_t child(void (*work)(pid_t parent, uint8_t *lent), uint8_t *lent)
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	work(parent, lent);
	_exit(0);
}

static void end(pid_t pid, int signal)
{
	int status;

	CHECK(!signal || kill(pid, signal) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == signal);
}

static void idle(pid_t parent, uint8_t *lent)
{
	(void)parent, (void)lent;
	for (;;)
		pause();
}

static void copy_many(pid_t pid, uint8_t *lent)
{
	for (size_t i = 0; i < 300; i++) {
		CHECK(get(pid, lent + FULL + i * 1000, 100000) == 100000);
		CHECK(mine[0] == pattern(i * 1000) && mine[99999] == pattern(i * 1000 + 99999));
	}
}

static int finished[2];

/* The parent may still be copying from here. */
static void copy_and_stay(pid_t parent, uint8_t *lent)
{
	copy_many(parent, lent);
	CHECK(write(finished[1], "", 1) == 1);
	idle(parent, lent);
}

static void each_other(uint8_t *lent)
{
	pid_t pid;
	char byte;

	CHECK(pipe(finished) == 0);
	pid = child(copy_and_stay, lent);
	CHECK(close(finished[1]) == 0);
	copy_many(pid, lent);
	CHECK(read(finished[0], &byte, 1) == 1);
	end(pid, SIGKILL);
}

/* Who gives its rights up may not look into root's program any longer. */
static void drop(pid_t parent, uint8_t *lent)
{
	CHECK(get(parent, lent + FULL, 10) == 10 && get(parent, lent + FULL, 10) == 10);
	CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
	CHECK_ERRNO(get(parent, lent + FULL, 10), EPERM);
}

/* The same of who only borrows this program's memory until it has one of its own. */
static void drop_borrowed(pid_t pid, uint8_t *lent)
{
	volatile int error = 0;

	CHECK(get(pid, lent + FULL, 10) == 10 && get(pid, lent + FULL, 10) == 10);
	if (!vfork()) {
		if (syscall(SYS_setresgid, 65534, 65534, 65534) ||
			syscall(SYS_setresuid, 65534, 65534, 65534) ||
			get(pid, lent + FULL, 10) == 10)
			error = -1;
		else
			error = errno;
		_exit(0);
	}
	CHECK(wait(NULL) > 0 && error == EPERM);
	CHECK(get(pid, lent + FULL, 10) == 10);
}

static void children(uint8_t *lent)
{
	pid_t pid = child(idle, lent);

	whole(pid, lent);
	often(pid, lent);
	scattered(pid, lent);
	ample(pid, lent);
	refused(pid, lent);
	if (geteuid() == 0)
		drop_borrowed(pid, lent);
	end(pid, SIGKILL);
	/* In a guest a moment later: the LWK learns of it by another way than who waits. */
	for (int i = 0; i < 100 && get(pid, lent + FULL, 1) == 1; i++)
		check_sleep_ms(10);
	CHECK_ERRNO(get(pid, lent + FULL, 1), ESRCH);
	each_other(lent);
	if (geteuid() == 0)
		end(child(drop, lent), 0);
	printf("ok children\n");
}

static void lend(void)
{
	uint8_t *at = lent_make();

	printf("lent %d %lu\nready\n", (int)getpid(), (unsigned long)at);
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	pid_t pid = argc > 3 ? atoi(argv[2]) : getpid();
	uint8_t *lent;

	if (argc == 2 && strcmp(argv[1], "lend") == 0)
		lend();
	lent = argc > 3 ? (uint8_t *)strtoul(argv[3], NULL, 10) : lent_make();
	whole(pid, lent);
	scattered(pid, lent);
	ample(pid, lent);
	refused(pid, lent);
	if (argc == 1)
		children(lent);
	return 0;
}
