/* SPDX-License-Identifier: MIT */
/*
 * Calls of which strace(1) and `lwvmm run --trace` must say the same, between two calls by
 * which tests/trace.sh finds them; then what its argument says.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MARK (-77) /* no descriptor */

static void files(void)
{
	char text[64] = "a line of text that is longer than what is shown\n\1";
	struct iovec iov[2] = {{"one ", 4}, {"\ttwo\n", 5}};
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	write(fd, text, 51);
	write(fd, "", 0);
	lseek(fd, 2, SEEK_SET);
	read(fd, text, 10);
	read(fd, (void *)1, 10);
	writev(fd, iov, 2);
	close(fcntl(fd, F_DUPFD, 20));
	close(fd);
	open("/no such \"folder\"/file", O_RDONLY);
	access("file", R_OK | W_OK);
	unlink("file");
	mkdir("folder", 0700);
	rmdir("folder");
	rmdir((const char *)8);
	umask(022);
}

static void descriptors(void)
{
	int pair[2];

	pipe2(pair, O_NONBLOCK | O_CLOEXEC);
	write(pair[1], "12\00034\377", 6);
	dup2(pair[0], 9);
	read(9, &(char[40]){0}, 40);
	read(9, &(char[40]){0}, 40);
	close(pair[0]);
	close(pair[1]);
	close(9);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	sendto(pair[0], "hello", 5, 0, NULL, 0);
	close(pair[1]);
	close(pair[0]);
	close(pair[0]);
}

static void memory(void)
{
	static unsigned word;
	char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(at, 4096, PROT_READ);
	madvise(at, 8192, MADV_DONTNEED);
	munmap(at, 8192);
	munmap(at + 1, 8192);
	sched_yield();
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
	syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL);
}

static void *forever(void *arg)
{
	pause();
	return arg;
}

static void *reads(void *arg)
{
	read(*(int *)arg, &(char){0}, 1);
	return arg;
}

/* The process ends while one thread is in a local and one in a forwarded call. */
static void leave_threads(void)
{
	static int pair[2];
	pthread_t thread[2];

	pipe(pair);
	pthread_create(&thread[0], NULL, forever, NULL);
	pthread_create(&thread[1], NULL, reads, pair);
	usleep(100000);
	write(1, "ready\n", 6);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	close(MARK);
	files();
	descriptors();
	memory();
	close(MARK);
	if (!strcmp(what, "threads"))
		leave_threads();
	if (!strcmp(what, "pause"))
		pause();
	for (int left = argc > 2 ? atoi(argv[2]) : 0; left; left--)
		syscall(SYS_getpid);
	return 0;
}
