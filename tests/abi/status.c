/* SPDX-License-Identifier: MIT */
/* The stat family, statfs, extended attributes. */
#include "abi.h"

#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static void show_stat(const struct stat *st)
{
	TELL("mode %o links %ld size %ld uid %d gid %d blksize %ld\n", st->st_mode,
		(long)st->st_nlink, (long)st->st_size, (int)st->st_uid, (int)st->st_gid,
		(long)st->st_blksize);
}

CASE(stat, stat, lstat, fstat)
{
	struct stat st;
	int fd = abi_file("a", "abc");

	MUST(symlink("a", "s"));
	SHOW(SYS(stat, "s", &st));
	show_stat(&st);
	SHOW(SYS(lstat, "s", &st));
	show_stat(&st);
	SHOW(SYS(fstat, fd, &st));
	show_stat(&st);
	SHOW(SYS(stat, "absent", &st));
	SHOW(SYS(stat, "", &st));
	SHOW(SYS(stat, "a/b", &st));
	SHOW(SYS(fstat, 99, &st));
	SHOW(SYS(stat, "a", BAD));
	SHOW(SYS(stat, BAD, &st));
}

CASE(stat_devices, newfstatat)
{
	struct stat st;

	MUST(stat("/dev/null", &st));
	TELL("%o %d:%d\n", st.st_mode, major(st.st_rdev), minor(st.st_rdev));
	MUST(stat("/dev/zero", &st));
	TELL("%o %d:%d\n", st.st_mode, major(st.st_rdev), minor(st.st_rdev));
}

CASE(newfstatat_flags, newfstatat)
{
	struct stat st;
	int fd = abi_file("a", "abc");

	MUST(symlink("a", "s"));
	SHOW(fstatat(AT_FDCWD, "s", &st, 0));
	show_stat(&st);
	SHOW(fstatat(AT_FDCWD, "s", &st, AT_SYMLINK_NOFOLLOW));
	show_stat(&st);
	SHOW(SYS(newfstatat, fd, "", &st, AT_EMPTY_PATH));
	show_stat(&st);
	SHOW(SYS(newfstatat, fd, "", &st, 0));
	SHOW(SYS(newfstatat, AT_FDCWD, "a", &st, 0x4));
	SHOW(SYS(newfstatat, fd, "a", &st, 0));
	SHOW(SYS(newfstatat, AT_FDCWD, "a", &st, AT_NO_AUTOMOUNT));
}

CASE(statx, statx)
{
	struct statx st;
	int fd = abi_file("a", "abc");

	SHOW(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &st));
	TELL("mode %o size %ld links %d mask %x\n", st.stx_mode, (long)st.stx_size,
		(int)st.stx_nlink, st.stx_mask & STATX_BASIC_STATS);
	SHOW(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &st));
	TELL("size %ld\n", (long)st.stx_size);
	SHOW(statx(AT_FDCWD, "a", AT_STATX_DONT_SYNC, STATX_SIZE, &st));
	SHOW(statx(AT_FDCWD, "a", AT_STATX_SYNC_TYPE, STATX_SIZE, &st));
	SHOW(statx(AT_FDCWD, "a", 0, 0x80000000u, &st));
	SHOW(SYS(statx, AT_FDCWD, "a", 0x4, 0, &st));
	SHOW(SYS(statx, AT_FDCWD, "a", 0, 0, BAD));
}

CASE(statfs, statfs, fstatfs)
{
	struct statfs a, b;
	int fd = abi_file("a", "");

	SHOW(statfs(".", &a));
	SHOW(fstatfs(fd, &b));
	TRUE(a.f_type == b.f_type && a.f_bsize == b.f_bsize && a.f_namelen == b.f_namelen);
	TELL("type %lx bsize %ld namelen %ld\n", (long)a.f_type, (long)a.f_bsize,
		(long)a.f_namelen);
	SHOW(statfs("/proc", &a));
	TELL("type %lx\n", (long)a.f_type);
	SHOW(statfs("absent", &a));
	SHOW(fstatfs(99, &a));
	SHOW(SYS(statfs, ".", BAD));
}

CASE(ustat, ustat)
{
	char buf[64];
	struct stat st;

	MUST(stat(".", &st));
	SHOW(SYS(ustat, st.st_dev, buf));
	SHOW(SYS(ustat, 0xffff, buf));
	SHOW(SYS(ustat, st.st_dev, BAD));
}

CASE(xattr, setxattr, getxattr, listxattr, removexattr)
{
	char buf[64] = "";

	close(abi_file("a", ""));
	SHOW(setxattr("a", "user.one", "value", 5, 0));
	SHOW(getxattr("a", "user.one", buf, sizeof(buf)));
	abi_bytes("value", buf, 5);
	SHOW(getxattr("a", "user.one", buf, 2));
	SHOW(getxattr("a", "user.one", NULL, 0));
	SHOW(setxattr("a", "user.one", "x", 1, XATTR_CREATE));
	SHOW(setxattr("a", "user.two", "x", 1, XATTR_REPLACE));
	SHOW(setxattr("a", "user.two", "x", 1, 0x10));
	SHOW(listxattr("a", buf, sizeof(buf)));
	SHOW(listxattr("a", NULL, 0));
	SHOW(listxattr("a", buf, 3));
	SHOW(removexattr("a", "user.one"));
	SHOW(removexattr("a", "user.one"));
	SHOW(getxattr("a", "user.one", buf, sizeof(buf)));
	SHOW(setxattr("a", "nonsense.x", "x", 1, 0));
	SHOW(SYS(setxattr, "a", "user.x", BAD, 4, 0));
	SHOW(SYS(setxattr, "a", "user.x", "x", 1 << 20, 0));
}

CASE(fxattr, fsetxattr, fgetxattr, flistxattr, fremovexattr)
{
	char buf[64] = "";
	int fd = abi_file("a", "");

	SHOW(fsetxattr(fd, "user.one", "value", 5, 0));
	SHOW(fgetxattr(fd, "user.one", buf, sizeof(buf)));
	SHOW(flistxattr(fd, buf, sizeof(buf)));
	SHOW(fremovexattr(fd, "user.one"));
	SHOW(fsetxattr(99, "user.one", "value", 5, 0));
	SHOW(fgetxattr(99, "user.one", buf, sizeof(buf)));
	SHOW(flistxattr(99, buf, sizeof(buf)));
	SHOW(fremovexattr(99, "user.one"));
}

CASE(lxattr, lsetxattr, lgetxattr, llistxattr, lremovexattr)
{
	char buf[64] = "";

	close(abi_file("a", ""));
	MUST(symlink("a", "s"));
	SHOW(lsetxattr("s", "user.one", "v", 1, 0));
	SHOW(lgetxattr("s", "user.one", buf, sizeof(buf)));
	SHOW(llistxattr("s", buf, sizeof(buf)));
	SHOW(lremovexattr("s", "user.one"));
	SHOW(lsetxattr("a", "user.one", "v", 1, 0));
	SHOW(lgetxattr("a", "user.one", buf, sizeof(buf)));
	SHOW(llistxattr("a", buf, sizeof(buf)));
	SHOW(lremovexattr("a", "user.one"));
}
