/* SPDX-License-Identifier: MIT */
/* Files and directories in the working directory; leaves nothing behind. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "check.h"

static int create(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static void test_write_read(void)
{
	char text[64] = "";
	struct stat st;
	int fd = create("a.tmp", "hello, file\n");

	CHECK(lseek(fd, 7, SEEK_SET) == 7 && read(fd, text, sizeof(text)) == 5);
	CHECK(strcmp(text, "file\n") == 0 && read(fd, text, 1) == 0);
	CHECK(lseek(fd, 0, SEEK_END) == 12);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 12 && S_ISREG(st.st_mode));
	CHECK(fchmod(fd, 0400) == 0 && stat("a.tmp", &st) == 0 && (st.st_mode & 0777) == 0400);
	CHECK(close(fd) == 0);
	CHECK_ERRNO(close(fd), EBADF);
	CHECK_ERRNO(open("a.tmp", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERRNO(open("none.tmp", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("a.tmp/b", O_RDONLY), ENOTDIR);
	CHECK(unlink("a.tmp") == 0);
	CHECK_ERRNO(unlink("a.tmp"), ENOENT);
}

static void test_append(void)
{
	int a = create("a.tmp", "one\n"), b = open("a.tmp", O_WRONLY | O_APPEND);
	char text[64] = "";

	CHECK(b >= 0 && write(b, "two\n", 4) == 4 && write(a, "xyz", 3) == 3);
	CHECK(write(b, "three\n", 6) == 6);
	CHECK(pread(a, text, sizeof(text), 0) == 14 && strcmp(text, "one\nxyz\nthree\n") == 0);
	CHECK(close(a) == 0 && close(b) == 0 && unlink("a.tmp") == 0);
}

static void test_truncate(void)
{
	char text[16];
	int fd = create("a.tmp", "0123456789");

	CHECK(ftruncate(fd, 4) == 0 && ftruncate(fd, 8) == 0);
	CHECK(pread(fd, text, 16, 0) == 8 && memcmp(text, "0123\0\0\0\0", 8) == 0);
	CHECK(truncate("a.tmp", 2) == 0 && lseek(fd, 0, SEEK_END) == 2);
	CHECK(posix_fallocate(fd, 0, 100) == 0 && lseek(fd, 0, SEEK_END) == 100);
	CHECK(fsync(fd) == 0 && close(fd) == 0 && unlink("a.tmp") == 0);
}

static void test_rename(void)
{
	struct stat a, b;
	char target[16] = "";

	CHECK(close(create("a.tmp", "a")) == 0 && close(create("b.tmp", "bb")) == 0);
	CHECK(rename("a.tmp", "b.tmp") == 0);
	CHECK_ERRNO(stat("a.tmp", &a), ENOENT);
	CHECK(stat("b.tmp", &b) == 0 && b.st_size == 1);
	CHECK(link("b.tmp", "c.tmp") == 0 && stat("c.tmp", &a) == 0);
	CHECK(a.st_ino == b.st_ino && a.st_nlink == 2);
	CHECK(symlink("c.tmp", "d.tmp") == 0 && readlink("d.tmp", target, 15) == 5);
	CHECK(strcmp(target, "c.tmp") == 0 && lstat("d.tmp", &b) == 0 && S_ISLNK(b.st_mode));
	CHECK(access("d.tmp", R_OK) == 0 && unlink("b.tmp") == 0 && unlink("c.tmp") == 0);
	CHECK_ERRNO(access("d.tmp", R_OK), ENOENT);
	CHECK(unlink("d.tmp") == 0);
}

static void test_vectors(void)
{
	char a[4] = "", b[8] = "";
	struct iovec out[] = {{"abc", 3}, {"", 0}, {"defgh", 5}}, in[] = {{a, 2}, {b, 8}};
	int fd = create("a.tmp", "");

	CHECK(writev(fd, out, 3) == 8 && pwritev(fd, out, 1, 100) == 3);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, in, 2) == 10);
	CHECK(memcmp(a, "ab", 3) == 0 && memcmp(b, "cdefgh\0\0", 8) == 0);
	CHECK(preadv(fd, in, 1, 100) == 2 && pwrite(fd, "Z", 1, 101) == 1);
	CHECK(pread(fd, b, 8, 100) == 3 && memcmp(b, "aZc", 3) == 0);
	CHECK(close(fd) == 0 && unlink("a.tmp") == 0);
}

/* 16 MiB through buffers of all sizes and alignments. */
static void test_bulk(void)
{
	size_t size = (size_t)16 << 20, at = 0;
	unsigned char *data = malloc(size), *back = malloc(size);
	int fd = create("a.tmp", ""), copy = create("b.tmp", "");
	off_t offset = 0;
	uint64_t seed = 7;

	CHECK(data && back);
	for (size_t i = 0; i < size; i++)
		data[i] = (unsigned char)check_random(&seed);
	while (at < size) {
		size_t len = check_random(&seed) % 1000000 + 1;

		len = len < size - at ? len : size - at;
		CHECK(write(fd, data + at, len) == (ssize_t)len);
		at += len;
	}
	CHECK(pread(fd, back, size, 0) == (ssize_t)size && memcmp(data, back, size) == 0);
	while (offset < (off_t)size)
		CHECK(sendfile(copy, fd, &offset, size) > 0);
	memset(back, 0, size);
	CHECK(pread(copy, back, size, 0) == (ssize_t)size && memcmp(data, back, size) == 0);
	CHECK(copy_file_range(fd, &(off_t){0}, copy, &(off_t){5}, 1000, 0) == 1000);
	CHECK(pread(copy, back, 1000, 5) == 1000 && memcmp(data, back, 1000) == 0);
	CHECK(close(fd) == 0 && close(copy) == 0 && unlink("a.tmp") == 0 &&
		unlink("b.tmp") == 0);
	free(data);
	free(back);
}

static void test_locks(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 3};
	struct flock ofd = lock;
	int a = create("a.tmp", "0123456789"), b = open("a.tmp", O_RDWR);

	CHECK(b >= 0 && fcntl(a, F_SETLK, &lock) == 0);
	CHECK(fcntl(b, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK); /* one owner */
	CHECK(fcntl(b, F_OFD_GETLK, &ofd) == 0 && ofd.l_type == F_WRLCK);
	CHECK(flock(a, LOCK_EX) == 0);
	CHECK_ERRNO(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK(flock(a, LOCK_UN) == 0 && flock(b, LOCK_EX | LOCK_NB) == 0);
	CHECK(close(a) == 0 && close(b) == 0 && unlink("a.tmp") == 0);
}

static int entries, entry_bytes;

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	entries++;
	entry_bytes += type == FTW_F ? (int)st->st_size : 0;
	return remove(path);
}

static void test_directories(void)
{
	char name[64];
	struct dirent *entry;
	int seen = 0;
	DIR *dir;

	CHECK(mkdir("d.tmp", 0755) == 0 && mkdir("d.tmp/sub", 0755) == 0);
	CHECK_ERRNO(mkdir("d.tmp", 0755), EEXIST);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d.tmp/a-rather-long-name-%d", i);
		CHECK(close(create(name, "12345")) == 0);
	}
	dir = opendir("d.tmp");
	CHECK(dir != NULL);
	while ((entry = readdir(dir)) != NULL)
		seen += entry->d_name[0] != '.';
	CHECK(seen == 1001);
	rewinddir(dir);
	CHECK(readdir(dir) != NULL && closedir(dir) == 0);
	CHECK_ERRNO(rmdir("d.tmp"), ENOTEMPTY);
	CHECK(nftw("d.tmp", visit, 8, FTW_DEPTH | FTW_PHYS) == 0);
	CHECK(entries == 1002 && entry_bytes == 5000);
	CHECK(opendir("d.tmp") == NULL && errno == ENOENT);
}

static void test_at_calls(void)
{
	struct stat st;
	struct timespec times[2] = {{1000000, 5}, {2000000, 6}};
	int dir, fd;

	CHECK(mkdir("d.tmp", 0755) == 0 && (dir = open("d.tmp", O_RDONLY | O_DIRECTORY)) >= 0);
	CHECK((fd = openat(dir, "f", O_CREAT | O_WRONLY, 0600)) >= 0 && close(fd) == 0);
	CHECK(fstatat(dir, "f", &st, 0) == 0 && faccessat(dir, "f", R_OK, 0) == 0);
	CHECK(utimensat(dir, "f", times, 0) == 0 && fstatat(dir, "f", &st, 0) == 0);
	CHECK(st.st_atim.tv_sec == 1000000 && st.st_mtim.tv_nsec == 6);
	CHECK(renameat(dir, "f", dir, "g") == 0 && fchdir(dir) == 0 && access("g", F_OK) == 0);
	CHECK(chdir("..") == 0 && unlinkat(dir, "g", 0) == 0);
	CHECK(close(dir) == 0 && rmdir("d.tmp") == 0);
}

static void test_map(void)
{
	static char data[10000];
	const char *p;
	char *q;
	int fd = create("a.tmp", "");

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	CHECK(write(fd, data, sizeof(data)) == sizeof(data));
	p = mmap(NULL, sizeof(data), PROT_READ, MAP_PRIVATE, fd, 0);
	q = mmap(NULL, 5904, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
	CHECK(p != MAP_FAILED && q != MAP_FAILED && close(fd) == 0);
	CHECK(memcmp(p, data, sizeof(data)) == 0 && memcmp(q, data + 4096, 5904) == 0);
	CHECK(p[10000] == 0 && p[12287] == 0);
	memset(q, 0, 5904);
	CHECK(memcmp(p, data, sizeof(data)) == 0);
	fd = open("a.tmp", O_RDONLY);
	CHECK(pread(fd, q, 5904, 4096) == 5904 && memcmp(q, data + 4096, 5904) == 0);
	CHECK_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 100), EINVAL);
	CHECK(munmap((void *)p, sizeof(data)) == 0 && munmap(q, 5904) == 0);
	CHECK(close(fd) == 0 && unlink("a.tmp") == 0);
}

static void test_stdio(void)
{
	FILE *f = fopen("a.tmp", "w+");
	char line[128];
	int n = 0, value;

	CHECK(f != NULL);
	for (int i = 0; i < 5000; i++)
		CHECK(fprintf(f, "line %d\n", i) > 0);
	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		CHECK(sscanf(line, "line %d", &value) == 1 && value == n);
		n++;
	}
	CHECK(n == 5000 && fclose(f) == 0 && unlink("a.tmp") == 0);
	CHECK((f = tmpfile()) != NULL && fputs("x", f) >= 0 && fclose(f) == 0);
}

/* Eight threads, each with its file, at once. */
static void *thread_body(void *arg)
{
	char name[32], text[32], back[32];

	snprintf(name, sizeof(name), "t%zu.tmp", (size_t)arg);
	for (int i = 0; i < 100; i++) {
		int fd, n = snprintf(text, sizeof(text), "%zu %d", (size_t)arg, i);

		CHECK((fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0);
		CHECK(write(fd, text, (size_t)n) == n && pread(fd, back, 32, 0) == n);
		CHECK(memcmp(text, back, (size_t)n) == 0 && close(fd) == 0);
	}
	CHECK(unlink(name) == 0);
	return NULL;
}

static void test_threads(void)
{
	pthread_t thread[8];

	for (size_t i = 0; i < 8; i++)
		CHECK_ZERO(pthread_create(&thread[i], NULL, thread_body, (void *)i));
	for (size_t i = 0; i < 8; i++)
		CHECK_ZERO(pthread_join(thread[i], NULL));
}

/* musl 1.2.3 has no statx of its own. */
static void test_statx(void)
{
#ifdef STATX_SIZE
	struct statx sx;

	CHECK(statx(AT_FDCWD, "/", 0, STATX_SIZE | STATX_TYPE, &sx) == 0 &&
		S_ISDIR(sx.stx_mode));
	CHECK_ERRNO(statx(AT_FDCWD, "/nowhere", 0, STATX_SIZE, &sx), ENOENT);
#endif
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"write_read", test_write_read},
		{"append", test_append},
		{"truncate", test_truncate},
		{"rename", test_rename},
		{"vectors", test_vectors},
		{"bulk", test_bulk},
		{"locks", test_locks},
		{"directories", test_directories},
		{"at_calls", test_at_calls},
		{"statx", test_statx},
		{"map", test_map},
		{"stdio", test_stdio},
		{"threads", test_threads},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
