/* SPDX-License-Identifier: MIT */
/* open, read, write, lseek and what flags change. */
#include "abi.h"

#include <sys/file.h>
#include <sys/uio.h>

CASE(open_missing, open, openat)
{
	SHOW(open("absent", O_RDONLY));
	SHOW(SYS(open, "absent", O_RDONLY));
	SHOW(SYS(openat, AT_FDCWD, "absent", O_RDONLY, 0));
	SHOW(open("absent/below", O_RDONLY | O_CREAT, 0600));
	SHOW(open("", O_RDONLY));
}

CASE(open_excl, openat, close)
{
	SHOW(open("a", O_WRONLY | O_CREAT | O_EXCL, 0640));
	SHOW(open("a", O_WRONLY | O_CREAT | O_EXCL, 0640));
	SHOW(close(3));
	SHOW(close(3));
}

CASE(open_trunc, openat, fstat)
{
	struct stat st;
	int fd = abi_file("a", "twelve bytes");

	close(fd);
	fd = (int)SHOW(open("a", O_RDWR | O_TRUNC));
	MUST(fstat(fd, &st));
	TELL("size %ld\n", (long)st.st_size);
}

CASE(open_append, open, write, lseek)
{
	int fd = abi_file("a", "abc");

	close(fd);
	fd = (int)SHOW(SYS(open, "a", O_RDWR | O_APPEND));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(write(fd, "def", 3));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(lseek(fd, 1, SEEK_SET));
	SHOW(write(fd, "g", 1));
	SHOW(lseek(fd, 0, SEEK_CUR));
}

CASE(open_directory, openat)
{
	MUST(mkdir("d", 0700));
	close(abi_file("f", ""));
	GOOD(open("d", O_RDONLY | O_DIRECTORY));
	SHOW(open("f", O_RDONLY | O_DIRECTORY));
	SHOW(open("d", O_WRONLY));
	SHOW(open("d", O_RDWR | O_CREAT, 0600));
	SHOW(open("f/", O_RDONLY));
}

CASE(open_nofollow, openat)
{
	close(abi_file("f", ""));
	MUST(symlink("f", "l"));
	MUST(symlink("l2", "l2"));
	SHOW(open("l", O_RDONLY | O_NOFOLLOW));
	SHOW(open("l2", O_RDONLY));
	GOOD(open("l", O_PATH | O_NOFOLLOW));
}

CASE(open_path, openat, read, fstat, fcntl)
{
	char c;
	struct stat st;
	int fd;

	close(abi_file("f", "x"));
	fd = (int)MUST(open("f", O_PATH));
	SHOW(read(fd, &c, 1));
	SHOW(fstat(fd, &st));
	SHOW(fcntl(fd, F_GETFL) & O_PATH);
	SHOW(fchmod(fd, 0600));
}

CASE(open_tmpfile, openat, linkat)
{
	int fd = (int)MUST(open(".", O_TMPFILE | O_RDWR, 0600));
	char path[64];

	SHOW(write(fd, "hello", 5));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	SHOW(access("named", R_OK));
}

CASE(open_flags, openat, fcntl)
{
	static const struct abi_bit bits[] = {BIT(O_WRONLY), BIT(O_RDWR), BIT(O_APPEND),
		BIT(O_NONBLOCK), BIT(O_DIRECTORY), BIT(O_NOATIME)};
	int fd = (int)MUST(open(
		"f", O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOATIME, 0600));

	BITS("flags", (unsigned long)fcntl(fd, F_GETFL), bits);
	SHOW(fcntl(fd, F_GETFD));
	SHOW(fcntl(fd, F_SETFL, O_APPEND));
	BITS("flags", (unsigned long)fcntl(fd, F_GETFL), bits);
}

CASE(open_long_name, openat, stat)
{
	char name[8192];
	struct stat st;

	memset(name, 'a', sizeof(name));
	name[255] = '\0';
	GOOD(open(name, O_RDWR | O_CREAT, 0600));
	name[255] = 'a';
	name[256] = '\0';
	SHOW(open(name, O_RDWR | O_CREAT, 0600));
	name[256] = 'a';
	name[4095] = '\0';
	SHOW(stat(name, &st));
	name[4095] = 'a';
	name[4096] = '\0';
	SHOW(stat(name, &st));
	name[4096] = 'a';
	name[8191] = '\0';
	SHOW(stat(name, &st));
}

CASE(openat_dirfd, openat, mkdir)
{
	int dir, file;

	MUST(mkdir("d", 0700));
	dir = (int)MUST(open("d", O_RDONLY));
	GOOD(openat(dir, "f", O_RDWR | O_CREAT, 0600));
	SHOW(access("d/f", F_OK));
	file = abi_file("g", "");
	SHOW(openat(file, "f", O_RDONLY));
	SHOW(openat(-1, "f", O_RDONLY));
	SHOW(openat(99, "f", O_RDONLY));
	SHOW(SYS(openat, 99, "/dev/null", O_RDONLY));
}

CASE(openat2_resolve, openat2)
{
	struct {
		uint64_t flags, mode, resolve;
	} how = {O_RDONLY, 0, 0};

	close(abi_file("f", ""));
	MUST(symlink("f", "l"));
	GOOD(SYS(openat2, AT_FDCWD, "f", &how, sizeof(how)));
	how.resolve = 0x04; /* RESOLVE_NO_SYMLINKS */
	SHOW(SYS(openat2, AT_FDCWD, "l", &how, sizeof(how)));
	how.resolve = 0x08; /* RESOLVE_BENEATH */
	SHOW(SYS(openat2, AT_FDCWD, "/dev/null", &how, sizeof(how)));
	SHOW(SYS(openat2, AT_FDCWD, "../x", &how, sizeof(how)));
	how.resolve = 1u << 30;
	SHOW(SYS(openat2, AT_FDCWD, "f", &how, sizeof(how)));
	how.resolve = 0;
	how.flags = 1ul << 40;
	SHOW(SYS(openat2, AT_FDCWD, "f", &how, sizeof(how)));
	how.flags = O_RDONLY;
	how.mode = 0600;
	SHOW(SYS(openat2, AT_FDCWD, "f", &how, sizeof(how)));
	SHOW(SYS(openat2, AT_FDCWD, "f", &how, 8));
}

CASE(creat, creat)
{
	SHOW(SYS(creat, "c", 0600));
	SHOW(write(3, "abc", 3));
	SHOW(read(3, &(char){0}, 1));
	SHOW(SYS(creat, "c", 0600));
	SHOW(SYS(creat, "/", 0600));
}

CASE(umask, umask, openat)
{
	struct stat st;

	umask(027);
	SHOW(umask(077));
	close((int)MUST(open("a", O_RDWR | O_CREAT, 0666)));
	MUST(stat("a", &st));
	TELL("mode %o\n", st.st_mode);
	SHOW(umask(07777));
	SHOW(umask(0));
}

CASE(read_write, read, write)
{
	char buf[16] = "";
	int fd = abi_file("a", "0123456789");

	SHOW(read(fd, buf, 4));
	abi_bytes("read", buf, 4);
	SHOW(write(fd, "xy", 2));
	SHOW(read(fd, buf, 16));
	abi_bytes("read", buf, 4);
	SHOW(read(fd, buf, 16));
	SHOW(read(fd, buf, 0));
	SHOW(write(fd, buf, 0));
}

CASE(read_write_bad, read, write)
{
	char buf[4];
	int fd = abi_file("a", "0123");
	int ro = (int)MUST(open("a", O_RDONLY)), wo = (int)MUST(open("a", O_WRONLY));

	SHOW(read(wo, buf, 4));
	SHOW(write(ro, buf, 4));
	SHOW(SYS(read, -1, buf, 4));
	SHOW(SYS(write, 1000, buf, 4));
	SHOW(SYS(read, fd, BAD, 4));
	SHOW(SYS(write, fd, BAD, 4));
	SHOW(SYS(read, fd, buf, -1L));
	SHOW(SYS(write, fd, buf, -1L));
	SHOW(SYS(read, 1L << 32, buf, 0));
	MUST(mkdir("d", 0700));
	SHOW(read((int)MUST(open("d", O_RDONLY)), buf, 4));
}

CASE(lseek, lseek)
{
	int fd = abi_file("a", "0123456789");

	SHOW(lseek(fd, -3, SEEK_END));
	SHOW(lseek(fd, -3, SEEK_CUR));
	SHOW(lseek(fd, -30, SEEK_CUR));
	SHOW(lseek(fd, 1L << 40, SEEK_SET));
	SHOW(lseek(fd, -1, SEEK_SET));
	SHOW(lseek(fd, 0, 77));
	SHOW(lseek(99, 0, SEEK_SET));
	SHOW(lseek(fd, 4, SEEK_DATA));
	SHOW(lseek(fd, 4, SEEK_HOLE));
	SHOW(lseek(fd, 10, SEEK_DATA));
	MUST(pipe((int[2]){0}));
	SHOW(lseek(4, 0, SEEK_CUR));
}

CASE(pread_pwrite, pread64, pwrite64)
{
	char buf[8] = "";
	int fd = abi_file("a", "0123456789");
	int p[2];

	SHOW(pread(fd, buf, 4, 3));
	abi_bytes("read", buf, 4);
	SHOW(pwrite(fd, "abc", 3, 9));
	SHOW(pread(fd, buf, 8, 8));
	abi_bytes("read", buf, 4);
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(pread(fd, buf, 8, -1));
	SHOW(pread(fd, buf, 8, 100));
	MUST(pipe(p));
	SHOW(pread(p[0], buf, 1, 0));
	SHOW(pwrite(p[1], buf, 1, 0));
}

CASE(pwrite_append, pwrite64, openat)
{
	int fd = abi_file("a", "0123");

	close(fd);
	fd = (int)MUST(open("a", O_RDWR | O_APPEND));
	SHOW(pwrite(fd, "xy", 2, 0));
	SHOW(lseek(fd, 0, SEEK_END));
}

CASE(readv_writev, readv, writev)
{
	char a[3] = "", b[5] = "";
	struct iovec in[2] = {{a, 2}, {b, 4}};
	struct iovec out[3] = {{"hel", 3}, {NULL, 0}, {"lo you", 6}};
	int fd = abi_file("a", "");

	SHOW(writev(fd, out, 3));
	SHOW(lseek(fd, 0, SEEK_SET));
	SHOW(readv(fd, in, 2));
	TELL("%s %s\n", a, b);
	SHOW(readv(fd, in, 2));
	TELL("%s %s\n", a, b);
	SHOW(readv(fd, in, 0));
	SHOW(readv(fd, in, -1));
	SHOW(SYS(readv, fd, in, 1025));
	SHOW(SYS(writev, fd, BAD, 1));
	in[0].iov_len = (size_t)-1;
	SHOW(SYS(readv, fd, in, 2));
}

CASE(writev_bad_middle, writev, readv)
{
	struct iovec v[3] = {{"abc", 3}, {BAD, 3}, {"def", 3}};
	int fd = abi_file("a", "0123456789");

	SHOW(SYS(writev, fd, v, 3));
	SHOW(lseek(fd, 0, SEEK_CUR));
	v[0].iov_base = (char[3]){0};
	SHOW(SYS(readv, fd, v, 3));
	SHOW(lseek(fd, 0, SEEK_CUR));
}

CASE(preadv_pwritev, preadv, pwritev)
{
	char a[4] = "", b[4] = "";
	struct iovec in[2] = {{a, 3}, {b, 3}}, out[2] = {{"xx", 2}, {"yy", 2}};
	int fd = abi_file("a", "0123456789");

	SHOW(preadv(fd, in, 2, 2));
	TELL("%s %s\n", a, b);
	SHOW(pwritev(fd, out, 2, 8));
	SHOW(preadv(fd, in, 2, 8));
	TELL("%s %s\n", a, b);
	SHOW(preadv(fd, in, 2, -1));
	SHOW(lseek(fd, 0, SEEK_CUR));
}

CASE(preadv2_flags, preadv2, pwritev2)
{
	char a[8] = "";
	struct iovec in = {a, 3}, out = {"zz", 2};
	int fd = abi_file("a", "0123456789");

	SHOW(preadv2(fd, &in, 1, -1, 0));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(pwritev2(fd, &out, 1, 0, RWF_APPEND));
	SHOW(lseek(fd, 0, SEEK_END));
	SHOW(pwritev2(fd, &out, 1, 0, RWF_DSYNC));
	SHOW(pwritev2(fd, &out, 1, 0, RWF_SYNC));
	SHOW(preadv2(fd, &in, 1, 0, RWF_HIPRI));
	SHOW(preadv2(fd, &in, 1, 0, RWF_NOWAIT));
	SHOW(preadv2(fd, &in, 1, 0, 0x40000000));
}
