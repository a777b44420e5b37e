/* SPDX-License-Identifier: MIT */
/* Names: directories, links, renaming, permissions and owners. */
#include "abi.h"

#include <dirent.h>
#include <sys/sysmacros.h>
#include <utime.h>

CASE(mkdir_rmdir, mkdir, rmdir)
{
	SHOW(mkdir("d", 0700));
	SHOW(mkdir("d", 0700));
	SHOW(mkdir("x/y", 0700));
	SHOW(mkdir("d/e", 0700));
	SHOW(rmdir("d"));
	SHOW(rmdir("d/e"));
	SHOW(rmdir("d/."));
	SHOW(rmdir("d"));
	SHOW(rmdir("d"));
	close(abi_file("f", ""));
	SHOW(rmdir("f"));
	SHOW(mkdir("f/x", 0700));
}

CASE(mkdirat, mkdirat, unlinkat)
{
	int dir;

	SHOW(mkdirat(AT_FDCWD, "d", 0700));
	dir = (int)MUST(open("d", O_RDONLY));
	SHOW(mkdirat(dir, "e", 0700));
	SHOW(mkdirat(99, "e", 0700));
	SHOW(unlinkat(dir, "e", 0));
	SHOW(unlinkat(dir, "e", AT_REMOVEDIR));
	SHOW(unlinkat(dir, "e", AT_REMOVEDIR));
	SHOW(unlinkat(dir, "e", 0x1));
}

CASE(chdir, chdir, fchdir, getcwd)
{
	char here[4096], cwd[4096];
	int dir;

	MUST(mkdir("d", 0700));
	MUST(getcwd(here, sizeof(here)) != NULL);
	dir = (int)MUST(open(".", O_RDONLY));
	SHOW(chdir("d"));
	MUST(getcwd(cwd, sizeof(cwd)) != NULL);
	TELL("%s\n", cwd + strlen(here));
	SHOW(fchdir(dir));
	MUST(getcwd(cwd, sizeof(cwd)) != NULL);
	TRUE(strcmp(here, cwd) == 0);
	close(abi_file("f", ""));
	SHOW(chdir("f"));
	SHOW(chdir("absent"));
	SHOW(fchdir(99));
	SHOW(fchdir((int)MUST(open("f", O_RDONLY))));
	SHOW(SYS(getcwd, cwd, 1));
	SHOW(SYS(getcwd, BAD, 4096));
	TRUE(SYS(getcwd, cwd, sizeof(cwd)) == (long)strlen(here) + 1);
}

CASE(cwd_removed, getcwd, rmdir, openat)
{
	char cwd[4096];

	MUST(mkdir("d", 0700));
	MUST(chdir("d"));
	SHOW(rmdir("../d"));
	SHOW(SYS(getcwd, cwd, sizeof(cwd)));
	SHOW(open("f", O_RDWR | O_CREAT, 0600));
	SHOW(open(".", O_RDONLY));
}

CASE(rename, rename, renameat)
{
	close(abi_file("a", "a"));
	close(abi_file("b", "bb"));
	MUST(mkdir("d", 0700));
	MUST(mkdir("e", 0700));
	SHOW(rename("a", "b"));
	SHOW(rename("a", "b"));
	SHOW(rename("b", "d"));
	SHOW(rename("d", "b"));
	SHOW(rename("b", "d/b"));
	SHOW(rename("e", "d"));
	SHOW(rename("d", "d/x"));
	SHOW(rename("d", "e"));
	SHOW(renameat(AT_FDCWD, "e/b", AT_FDCWD, "c"));
	SHOW(renameat(99, "c", AT_FDCWD, "z"));
	SHOW(rename("c", "absent/z"));
}

CASE(renameat2, renameat2)
{
	close(abi_file("a", "a"));
	close(abi_file("b", "bb"));
	SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
	SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
	SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_EXCHANGE));
	SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
	SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE | RENAME_NOREPLACE));
	SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", 0x100));
}

CASE(link, link, linkat)
{
	struct stat st;

	close(abi_file("a", "a"));
	SHOW(link("a", "b"));
	SHOW(link("a", "b"));
	SHOW(link("absent", "c"));
	SHOW(link(".", "c"));
	MUST(stat("b", &st));
	TELL("links %ld\n", (long)st.st_nlink);
	MUST(symlink("a", "s"));
	SHOW(linkat(AT_FDCWD, "s", AT_FDCWD, "t", 0));
	SHOW(linkat(AT_FDCWD, "s", AT_FDCWD, "u", AT_SYMLINK_FOLLOW));
	MUST(lstat("t", &st));
	TELL("link: %d\n", S_ISLNK(st.st_mode));
	MUST(lstat("u", &st));
	TELL("link: %d links %ld\n", S_ISLNK(st.st_mode), (long)st.st_nlink);
	SHOW(linkat(AT_FDCWD, "s", AT_FDCWD, "v", 0x4000));
}

CASE(unlink, unlink, unlinkat)
{
	int fd = abi_file("a", "abc");
	struct stat st;

	SHOW(unlink("a"));
	SHOW(unlink("a"));
	SHOW(fstat(fd, &st));
	TELL("links %ld size %ld\n", (long)st.st_nlink, (long)st.st_size);
	SHOW(unlink("."));
	SHOW(unlink(""));
	MUST(mkdir("d", 0700));
	SHOW(unlink("d"));
	SHOW(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	SHOW(unlinkat(AT_FDCWD, "d", 0x8));
}

CASE(symlink, symlink, symlinkat, readlink, readlinkat)
{
	char buf[32] = "";
	int link;

	SHOW(symlink("some/where", "s"));
	SHOW(symlink("x", "s"));
	SHOW(symlink("", "t"));
	SHOW(symlinkat("y", AT_FDCWD, "u"));
	SHOW(symlinkat("y", 99, "u"));
	SHOW(readlink("s", buf, sizeof(buf)));
	abi_bytes("link", buf, 10);
	SHOW(readlink("s", buf, 3));
	SHOW(SYS(readlink, "s", buf, 0));
	SHOW(SYS(readlink, "s", buf, -1));
	SHOW(readlinkat(AT_FDCWD, "u", buf, sizeof(buf)));
	SHOW(readlink(".", buf, sizeof(buf)));
	SHOW(readlink("absent", buf, sizeof(buf)));
	link = (int)MUST(open("s", O_PATH | O_NOFOLLOW));
	SHOW(readlinkat(link, "", buf, sizeof(buf)));
}

CASE(chmod, chmod, fchmod, fchmodat)
{
	struct stat st;
	int fd = abi_file("a", "");

	SHOW(chmod("a", 04711));
	MUST(stat("a", &st));
	TELL("%o\n", st.st_mode);
	SHOW(fchmod(fd, 0));
	MUST(stat("a", &st));
	TELL("%o\n", st.st_mode);
	SHOW(fchmodat(AT_FDCWD, "a", 0600, 0));
	SHOW(chmod("absent", 0600));
	SHOW(fchmod(99, 0600));
	SHOW(SYS(fchmodat, 99, "a", 0600));
}

CASE(fchmodat2, fchmodat2)
{
	close(abi_file("a", ""));
	MUST(symlink("a", "s"));
	SHOW(SYS(fchmodat2, AT_FDCWD, "a", 0640, 0));
	SHOW(SYS(fchmodat2, AT_FDCWD, "s", 0600, AT_SYMLINK_NOFOLLOW));
	SHOW(SYS(fchmodat2, AT_FDCWD, "a", 0600, 0x4));
}

CASE(chown, chown, fchown, lchown, fchownat)
{
	struct stat st;
	int fd = abi_file("a", "");

	MUST(symlink("a", "s"));
	SHOW(chown("a", 12, 13));
	SHOW(fchown(fd, (uid_t)-1, 14));
	MUST(stat("a", &st));
	TELL("%d %d\n", (int)st.st_uid, (int)st.st_gid);
	SHOW(lchown("s", 15, 16));
	MUST(lstat("s", &st));
	TELL("%d %d\n", (int)st.st_uid, (int)st.st_gid);
	SHOW(fchownat(AT_FDCWD, "s", 17, 18, AT_SYMLINK_NOFOLLOW));
	SHOW(fchownat(fd, "", 19, 20, AT_EMPTY_PATH));
	MUST(fstat(fd, &st));
	TELL("%d %d\n", (int)st.st_uid, (int)st.st_gid);
	SHOW(fchownat(AT_FDCWD, "a", 1, 1, 0x4));
	SHOW(chown("absent", 1, 1));
	SHOW(fchown(99, 1, 1));
}

CASE(access, access, faccessat, faccessat2)
{
	close(abi_file("a", ""));
	SHOW(access("a", F_OK));
	SHOW(access("a", R_OK | W_OK));
	SHOW(access("a", X_OK));
	SHOW(access("a", 8));
	SHOW(access("absent", F_OK));
	SHOW(SYS(faccessat, AT_FDCWD, "a", R_OK));
	SHOW(SYS(faccessat2, AT_FDCWD, "a", X_OK, AT_EACCESS));
	SHOW(SYS(faccessat2, AT_FDCWD, "a", R_OK, 0x4));
	SHOW(SYS(faccessat2, 99, "a", R_OK, 0));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

CASE(getdents64, getdents64)
{
	struct entry {
		uint64_t ino;
		int64_t off;
		uint16_t len;
		uint8_t type;
		char name[];
	} * entry;
	char buf[4096], names[16][32];
	int dir, n = 0;
	long len;

	close(abi_file("f", ""));
	MUST(mkdir("d", 0700));
	MUST(symlink("f", "l"));
	MUST(mkfifo("p", 0600));
	dir = (int)MUST(open(".", O_RDONLY));
	len = MUST(SYS(getdents64, dir, buf, sizeof(buf)));
	for (long at = 0; at < len && n < 16; at += entry->len) {
		entry = (struct entry *)(buf + at);
		snprintf(names[n++], 32, "%s %d", entry->name, entry->type);
	}
	qsort(names, (size_t)n, sizeof(*names), by_name);
	for (int i = 0; i < n; i++)
		TELL("%s\n", names[i]);
	SHOW(SYS(getdents64, dir, buf, sizeof(buf)));
	MUST(lseek(dir, 0, SEEK_SET));
	SHOW(SYS(getdents64, dir, buf, 8));
	SHOW(SYS(getdents64, dir, BAD, 4096));
	SHOW(SYS(getdents64, 3, buf, sizeof(buf)));
	SHOW(SYS(getdents64, abi_file("f", ""), buf, sizeof(buf)));
}

CASE(getdents, getdents)
{
	char buf[1024];
	int dir = (int)MUST(open(".", O_RDONLY));

	GOOD(SYS(getdents, dir, buf, sizeof(buf)));
	SHOW(SYS(getdents, dir, buf, sizeof(buf)));
	SHOW(SYS(getdents, 99, buf, sizeof(buf)));
}

CASE(readdir_many, getdents64, openat)
{
	char name[32];
	DIR *dir;
	int n = 0;

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "a-rather-long-name-%d", i);
		close((int)MUST(open(name, O_WRONLY | O_CREAT, 0600)));
	}
	dir = opendir(".");
	while (dir && readdir(dir))
		n++;
	TELL("%d entries\n", n);
	rewinddir(dir);
	n = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == 'a' && unlink(e->d_name) == 0)
			n++;
	}
	TELL("%d removed\n", n);
	SHOW(closedir(dir));
}

CASE(mknod, mknod, mknodat)
{
	struct stat st;

	SHOW(mknod("p", S_IFIFO | 0600, 0));
	SHOW(mknod("p", S_IFIFO | 0600, 0));
	SHOW(mknodat(AT_FDCWD, "f", S_IFREG | 0600, 0));
	SHOW(mknod("n", S_IFCHR | 0600, makedev(1, 3)));
	SHOW(mknod("d", S_IFDIR | 0600, 0));
	SHOW(mknodat(99, "q", S_IFIFO | 0600, 0));
	MUST(stat("p", &st));
	TELL("%o\n", st.st_mode);
	SHOW(open("p", O_WRONLY | O_NONBLOCK));
}

CASE(utime, utime, utimes, futimesat, utimensat)
{
	struct timespec ts[2] = {{100, 5}, {200, 7}};
	struct timeval tv[2] = {{300, 1}, {400, 2}};
	struct utimbuf old = {500, 600};
	struct stat st;
	int fd = abi_file("a", "");

	SHOW(SYS(utime, "a", &old));
	MUST(stat("a", &st));
	TELL("%ld %ld\n", st.st_atim.tv_sec, st.st_mtim.tv_sec);
	SHOW(SYS(utimes, "a", tv));
	MUST(stat("a", &st));
	TELL("%ld %ld.%ld\n", st.st_atim.tv_sec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	SHOW(SYS(futimesat, AT_FDCWD, "a", tv));
	SHOW(utimensat(AT_FDCWD, "a", ts, 0));
	MUST(stat("a", &st));
	TELL("%ld.%ld\n", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_sec = 900;
	SHOW(futimens(fd, ts));
	MUST(stat("a", &st));
	TELL("%ld %ld\n", st.st_atim.tv_sec, st.st_mtim.tv_sec);
	ts[1].tv_nsec = 2000000000;
	SHOW(futimens(fd, ts));
	SHOW(utimensat(AT_FDCWD, "absent", NULL, 0));
	SHOW(SYS(utimensat, 99, NULL, NULL, 0));
	SHOW(SYS(utimensat, AT_FDCWD, "a", BAD, 0));
}

CASE(name_to_handle, name_to_handle_at, open_by_handle_at)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u;
	int mount = 0;

	close(abi_file("a", "abc"));
	u.h.handle_bytes = 0;
	SHOW(name_to_handle_at(AT_FDCWD, "a", &u.h, &mount, 0));
	TRUE(u.h.handle_bytes > 0);
	u.h.handle_bytes = MAX_HANDLE_SZ;
	SHOW(name_to_handle_at(AT_FDCWD, "a", &u.h, &mount, 0));
	GOOD(open_by_handle_at(AT_FDCWD, &u.h, O_RDONLY));
	u.h.handle_bytes = 1000;
	SHOW(name_to_handle_at(AT_FDCWD, "a", &u.h, &mount, 0));
	SHOW(open_by_handle_at(AT_FDCWD, &u.h, O_RDONLY));
	u.h.handle_bytes = MAX_HANDLE_SZ;
	SHOW(name_to_handle_at(AT_FDCWD, "absent", &u.h, &mount, 0));
	SHOW(name_to_handle_at(AT_FDCWD, "a", &u.h, &mount, 0x4));
}

CASE(chroot, chroot, openat)
{
	MUST(mkdir("d", 0700));
	close(abi_file("d/inside", ""));
	SHOW(chroot("absent"));
	SHOW(chroot("d"));
	SHOW(access("/inside", F_OK));
	SHOW(access("/proc", F_OK));
}
