/* SPDX-License-Identifier: MIT */
/* The data of files: length, holes, writing back, advice. */
#include "abi.h"

CASE(hole, lseek, ftruncate, read)
{
	char c[2] = "x";
	int fd = abi_file("a", "");

	MUST(ftruncate(fd, 1 << 20));
	SHOW(pwrite(fd, "y", 1, 1 << 19));
	SHOW(lseek(fd, 0, SEEK_DATA));
	SHOW(lseek(fd, 1 << 19, SEEK_HOLE));
	SHOW(pread(fd, c, 1, (1 << 19) - 1));
	TELL("%d\n", c[0]);
}

CASE(truncate, truncate, ftruncate)
{
	int fd = abi_file("a", "0123456789");
	struct stat st;

	SHOW(truncate("a", 4));
	SHOW(ftruncate(fd, 6));
	MUST(fstat(fd, &st));
	TELL("size %ld\n", (long)st.st_size);
	SHOW(truncate("a", -1));
	SHOW(ftruncate(fd, -1));
	SHOW(truncate("absent", 0));
	SHOW(truncate(".", 0));
	SHOW(ftruncate((int)MUST(open("a", O_RDONLY)), 0));
	SHOW(ftruncate(99, 0));
	SHOW(truncate("a", 1L << 62));
}

CASE(sync, fsync, fdatasync, sync, syncfs, sync_file_range)
{
	int fd = abi_file("a", "0123456789"), p[2];

	MUST(pipe(p));
	SHOW(fsync(fd));
	SHOW(fdatasync(fd));
	SHOW(syncfs(fd));
	SHOW(sync_file_range(fd, 0, 10, SYNC_FILE_RANGE_WRITE));
	SHOW(sync_file_range(fd, 0, 10, 0x100));
	SHOW(sync_file_range(p[0], 0, 10, 0));
	SHOW(fsync(p[0]));
	SHOW(fsync(-1));
	SHOW(syncfs(-1));
	sync();
}

CASE(fallocate, fallocate)
{
	int fd = abi_file("a", "0123456789");
	char c = 0;

	SHOW(fallocate(fd, 0, 0, 8192));
	SHOW(lseek(fd, 0, SEEK_END));
	SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 8192, 4096));
	SHOW(lseek(fd, 0, SEEK_END));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	SHOW(pread(fd, &c, 1, 3));
	TELL("%d\n", c);
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
	SHOW(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096));
	SHOW(fallocate(fd, 0, -1, 4096));
	SHOW(fallocate(fd, 0, 0, 0));
	SHOW(fallocate(fd, 0x4000, 0, 1));
	SHOW(posix_fallocate(fd, 0, 16384));
	SHOW(lseek(fd, 0, SEEK_END));
}

CASE(advice, fadvise64, readahead)
{
	int fd = abi_file("a", "0123456789"), p[2];

	MUST(pipe(p));
	CODE(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	CODE(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	CODE(posix_fadvise(fd, 0, 0, 99));
	CODE(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL));
	SHOW(readahead(fd, 0, 4096));
	SHOW(readahead(p[0], 0, 4096));
	SHOW(readahead(-1, 0, 4096));
}

CASE(cachestat, cachestat)
{
	uint64_t range[2] = {0, 0}, stat[5] = {0};
	int fd = abi_file("a", "0123456789");

	if (SHOW(SYS(cachestat, fd, range, stat, 0)) == 0)
		TRUE(stat[0] == 1);
	SHOW(SYS(cachestat, fd, range, stat, 1));
	SHOW(SYS(cachestat, -1, range, stat, 0));
	SHOW(SYS(cachestat, fd, BAD, stat, 0));
}
