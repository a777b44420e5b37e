/* SPDX-License-Identifier: MIT */
/* Pipes, and calls that copy between descriptors. */
#include "abi.h"

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static volatile int caught;

static void on_signal(int sig)
{
	caught = sig;
}

CASE(pipe, pipe, pipe2, read, write, close)
{
	int p[2];
	char buf[8] = "";

	SHOW(SYS(pipe, p));
	TELL("%d %d\n", p[0], p[1]);
	SHOW(write(p[1], "abc", 3));
	SHOW(read(p[0], buf, 8));
	TELL("%s\n", buf);
	SHOW(read(p[1], buf, 1));
	SHOW(write(p[0], buf, 1));
	close(p[1]);
	SHOW(read(p[0], buf, 8));
	SHOW(SYS(pipe, BAD));
	SHOW(pipe2(p, 0x1));
}

CASE(pipe2_nonblock, pipe2, read, write)
{
	int p[2];
	char buf[4096] = "";
	long n, sum = 0;

	SHOW(pipe2(p, O_NONBLOCK | O_CLOEXEC));
	SHOW(fcntl(p[0], F_GETFD));
	SHOW(read(p[0], buf, 8));
	while ((n = write(p[1], buf, sizeof(buf))) > 0)
		sum += n;
	SHOW(write(p[1], buf, 1));
	TELL("%ld bytes\n", sum);
	SHOW(read(p[0], buf, 1));
	SHOW(write(p[1], buf, 1));
}

CASE(pipe_size, fcntl)
{
	int p[2];

	MUST(pipe(p));
	SHOW(fcntl(p[0], F_GETPIPE_SZ));
	SHOW(fcntl(p[0], F_SETPIPE_SZ, 4096));
	SHOW(fcntl(p[1], F_GETPIPE_SZ));
	SHOW(fcntl(p[1], F_SETPIPE_SZ, 5000));
	SHOW(fcntl(abi_file("a", ""), F_GETPIPE_SZ));
}

CASE(pipe_packets, pipe2)
{
	int p[2];
	char buf[16];

	MUST(pipe2(p, O_DIRECT));
	SHOW(write(p[1], "abc", 3));
	SHOW(write(p[1], "defgh", 5));
	SHOW(read(p[0], buf, 2));
	SHOW(read(p[0], buf, 16));
}

CASE(sigpipe_ignored, write)
{
	int p[2];

	abi_handler(SIGPIPE, SIG_IGN, 0);
	MUST(pipe(p));
	close(p[0]);
	SHOW(write(p[1], "x", 1));
}

CASE(sigpipe_handled, write)
{
	int p[2];

	abi_handler(SIGPIPE, on_signal, 0);
	MUST(pipe(p));
	close(p[0]);
	SHOW(write(p[1], "x", 1));
	TELL("signal %d\n", caught);
}

CASE(sigpipe_kills, write)
{
	int p[2];

	MUST(pipe(p));
	close(p[0]);
	TELL("before\n");
	fflush(stdout);
	write(p[1], "x", 1);
	TELL("after\n");
}

CASE(read_interrupted, read)
{
	int p[2];
	char c;

	abi_handler(SIGUSR1, on_signal, 0);
	MUST(pipe(p));
	abi_interrupt_after(30);
	SHOW(read(p[0], &c, 1));
	TELL("signal %d\n", caught);
}

static void *write_later(void *arg)
{
	abi_wait_for(&caught, SIGUSR1);
	abi_sleep_ms(20);
	MUST(write(*(int *)arg, "x", 1));
	return NULL;
}

CASE(read_restarted, read)
{
	int p[2];
	char c = 0;
	unsigned long thread;

	abi_handler(SIGUSR1, on_signal, SA_RESTART);
	MUST(pipe(p));
	abi_interrupt_after(30);
	thread = abi_thread(write_later, &p[1]);
	SHOW(read(p[0], &c, 1));
	TELL("signal %d, %c\n", caught, c);
	abi_join(thread);
}

CASE(fifo, mknod, openat, read)
{
	int r, w;
	char buf[4] = "";

	MUST(mkfifo("p", 0600));
	r = (int)SHOW(open("p", O_RDONLY | O_NONBLOCK));
	SHOW(read(r, buf, 4));
	w = (int)SHOW(open("p", O_WRONLY));
	SHOW(read(r, buf, 4));
	SHOW(write(w, "ab", 2));
	SHOW(read(r, buf, 4));
}

CASE(sendfile, sendfile)
{
	int in = abi_file("a", "0123456789"), out = abi_file("b", ""), p[2];
	off_t off = 3;

	SHOW(sendfile(out, in, &off, 4));
	TELL("off %ld\n", (long)off);
	SHOW(lseek(in, 0, SEEK_CUR));
	SHOW(sendfile(out, in, NULL, 100));
	SHOW(lseek(in, 0, SEEK_CUR));
	SHOW(lseek(out, 0, SEEK_END));
	SHOW(sendfile(out, in, NULL, 100));
	MUST(pipe(p));
	off = 0;
	SHOW(sendfile(p[1], in, &off, 5));
	SHOW(sendfile(out, p[0], NULL, 5));
	off = -1;
	SHOW(sendfile(out, in, &off, 5));
	SHOW(sendfile(99, in, NULL, 5));
	SHOW(sendfile(out, in, BAD, 5));
}

CASE(copy_file_range, copy_file_range)
{
	int in = abi_file("a", "0123456789"), out = abi_file("b", ""), p[2];
	off_t from = 2, to = 4;

	SHOW(copy_file_range(in, &from, out, &to, 5, 0));
	TELL("%ld %ld\n", (long)from, (long)to);
	SHOW(copy_file_range(in, NULL, out, NULL, 100, 0));
	SHOW(lseek(out, 0, SEEK_END));
	SHOW(copy_file_range(in, NULL, out, NULL, 100, 0));
	SHOW(copy_file_range(in, NULL, out, NULL, 100, 1));
	MUST(pipe(p));
	SHOW(copy_file_range(in, NULL, p[1], NULL, 1, 0));
	SHOW(copy_file_range(in, BAD, out, NULL, 1, 0));
	SHOW(copy_file_range(99, NULL, out, NULL, 1, 0));
}

CASE(splice, splice)
{
	int in = abi_file("a", "0123456789"), out = abi_file("b", ""), p[2];
	off_t off = 2;

	MUST(pipe(p));
	SHOW(splice(in, &off, p[1], NULL, 5, 0));
	TELL("off %ld\n", (long)off);
	SHOW(splice(p[0], NULL, out, NULL, 100, 0));
	SHOW(lseek(out, 0, SEEK_END));
	SHOW(splice(in, NULL, out, NULL, 5, 0));
	SHOW(splice(p[0], &off, out, NULL, 5, 0));
	SHOW(splice(p[0], NULL, out, NULL, 5, SPLICE_F_NONBLOCK));
	SHOW(splice(p[0], NULL, p[1], NULL, 5, SPLICE_F_NONBLOCK));
	SHOW(splice(in, NULL, p[1], NULL, 5, 0x100));
	SHOW(splice(in, BAD, p[1], NULL, 5, 0));
}

CASE(tee, tee)
{
	int a[2], b[2];
	char buf[8] = "";

	MUST(pipe(a));
	MUST(pipe(b));
	MUST(write(a[1], "abc", 3));
	SHOW(tee(a[0], b[1], 100, 0));
	SHOW(read(b[0], buf, 8));
	SHOW(read(a[0], buf, 8));
	SHOW(tee(a[0], b[1], 100, SPLICE_F_NONBLOCK));
	SHOW(tee(a[0], a[1], 100, 0));
	SHOW(tee(a[0], abi_file("a", ""), 100, 0));
}

CASE(vmsplice, vmsplice)
{
	int p[2];
	struct iovec v = {"abc", 3};
	char buf[8] = "";

	MUST(pipe(p));
	SHOW(vmsplice(p[1], &v, 1, 0));
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	SHOW(read(p[0], buf, 8));
}
