/* SPDX-License-Identifier: MIT */
/* Who the process is: ids, groups, credentials, limits, prctl, names of the machine. */
#include "abi.h"

#include <asm/prctl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/klog.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

CASE(pids, getpid, gettid, getppid, getpgrp, getpgid, getsid)
{
	TRUE(getpid() > 1 && getpid() == gettid());
	TRUE(getppid() > 0);
	TRUE(getpgrp() == getpgid(0) && getpgrp() == getpgid(getpid()));
	TRUE(getsid(0) == getsid(getpid()));
	SHOW(getpgid(-1));
	SHOW(getpgid(0x3ffffff));
	SHOW(getsid(-1));
	SHOW(getsid(0x3ffffff));
}

CASE(groups_and_sessions, setpgid, setsid, getpgrp)
{
	TRUE(getpgrp() == getpid() && getsid(0) == getpid());
	SHOW(setsid());
	SHOW(setpgid(0, 0));
	SHOW(setpgid(0x3ffffff, 0));
	SHOW(setpgid(-1, 0));
	SHOW(setpgid(0, -1));
}

static void show_ids(void)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	MUST(getresuid(&r, &e, &s));
	MUST(getresgid(&rg, &eg, &sg));
	TELL("uid %d %d %d gid %d %d %d\n", (int)r, (int)e, (int)s, (int)rg, (int)eg, (int)sg);
	TRUE(getuid() == r && geteuid() == e && getgid() == rg && getegid() == eg);
}

CASE(uids, getuid, geteuid, getgid, getegid, getresuid, getresgid)
{
	show_ids();
	SHOW(SYS(getresuid, BAD, BAD, BAD));
	SHOW(SYS(getresgid, BAD, BAD, BAD));
}

CASE(setuid, setuid, setgid)
{
	close(abi_file("private", "x"));
	MUST(chmod("private", 0));
	SHOW(setgid(44));
	SHOW(setuid(55));
	show_ids();
	SHOW(setuid(0));
	SHOW(setgid(0));
	SHOW(open("private", O_RDONLY));
	SHOW(open("new", O_RDWR | O_CREAT, 0600));
}

CASE(setreuid, setreuid, setregid)
{
	SHOW(setregid(44, 45));
	SHOW(setreuid((uid_t)-1, 55));
	show_ids();
	SHOW(setreuid((uid_t)-1, 0));
	show_ids();
	SHOW(setreuid(66, 66));
	SHOW(setreuid(0, 0));
	show_ids();
}

CASE(setresuid, setresuid, setresgid)
{
	SHOW(setresgid(1, 2, 3));
	SHOW(setresuid(1, 2, 3));
	show_ids();
	SHOW(setresuid(3, 1, 2));
	SHOW(setresuid(4, 4, 4));
	show_ids();
}

CASE(setfsuid, setfsuid, setfsgid)
{
	SHOW(setfsuid(77));
	SHOW(setfsuid((uid_t)-1));
	SHOW(setfsgid(78));
	SHOW(setfsgid((gid_t)-1));
	SHOW(open("new", O_RDWR | O_CREAT, 0600));
}

static void *look_at_ids(void *arg)
{
	(void)arg;
	show_ids();
	SHOW(open("new", O_RDWR | O_CREAT, 0600));
	return NULL;
}

static volatile int go;

static void *wait_and_look(void *arg)
{
	abi_wait_for(&go, 1);
	return look_at_ids(arg);
}

CASE(setuid_threads, setuid)
{
	unsigned long t = abi_thread(wait_and_look, NULL);

	SHOW(setuid(55));
	go = 1;
	abi_join(t);
	abi_join(abi_thread(look_at_ids, NULL));
}

CASE(groups, getgroups, setgroups)
{
	gid_t list[8] = {5, 6, 7};
	int n;

	SHOW(setgroups(3, list));
	list[0] = list[1] = list[2] = 0;
	n = (int)SHOW(getgroups(8, list));
	for (int i = 0; i < n; i++)
		TELL("%d ", (int)list[i]);
	TELL("\n");
	SHOW(getgroups(0, NULL));
	SHOW(getgroups(1, list));
	SHOW(getgroups(-1, list));
	SHOW(setgroups(0, NULL));
	SHOW(getgroups(8, list));
	SHOW(SYS(setgroups, 3, BAD));
	SHOW(SYS(setgroups, 1 << 20, list));
}

CASE(capabilities, capget, capset)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {{0}};

	SHOW(SYS(capget, &h, d));
	TELL("%x %x %x\n", d[0].effective, d[0].permitted, d[0].inheritable);
	d[0].effective = d[0].permitted = 0;
	d[1].effective = d[1].permitted = 0;
	SHOW(SYS(capset, &h, d));
	SHOW(SYS(capget, &h, d));
	TELL("%x %x %x\n", d[0].effective, d[0].permitted, d[0].inheritable);
	SHOW(setuid(5));
	d[0].permitted = 1;
	SHOW(SYS(capset, &h, d));
	h.version = 1;
	SHOW(SYS(capget, &h, NULL));
	TELL("%x\n", h.version);
	SHOW(SYS(capget, BAD, d));
}

CASE(prctl_gets, prctl)
{
	int v = 77;

	SHOW(prctl(PR_GET_DUMPABLE));
	SHOW(prctl(PR_GET_KEEPCAPS));
	SHOW(prctl(PR_GET_PDEATHSIG, &v));
	TELL("%d\n", v);
	SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	SHOW(prctl(PR_GET_TIMERSLACK));
	SHOW(prctl(PR_GET_CHILD_SUBREAPER, &v));
	TELL("%d\n", v);
	SHOW(prctl(PR_GET_SECCOMP));
	SHOW(prctl(PR_GET_TIMING));
	SHOW(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	SHOW(prctl(PR_GET_SECUREBITS));
	SHOW(prctl(PR_CAPBSET_READ, CAP_CHOWN));
	SHOW(prctl(PR_CAPBSET_READ, 99));
	SHOW(prctl(9999));
}

CASE(prctl_sets, prctl)
{
	int v = 0;

	SHOW(prctl(PR_SET_PDEATHSIG, SIGTERM));
	SHOW(prctl(PR_GET_PDEATHSIG, &v));
	TELL("%d\n", v);
	SHOW(prctl(PR_SET_PDEATHSIG, 99));
	SHOW(prctl(PR_SET_DUMPABLE, 0));
	SHOW(prctl(PR_GET_DUMPABLE));
	SHOW(prctl(PR_SET_DUMPABLE, 2));
	SHOW(prctl(PR_SET_TIMERSLACK, 1000));
	SHOW(prctl(PR_GET_TIMERSLACK));
	SHOW(prctl(PR_SET_KEEPCAPS, 1));
	SHOW(prctl(PR_GET_KEEPCAPS));
	SHOW(prctl(PR_SET_KEEPCAPS, 2));
	SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	SHOW(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	SHOW(prctl(PR_SET_CHILD_SUBREAPER, 1));
	SHOW(prctl(PR_GET_CHILD_SUBREAPER, &v));
	TELL("%d\n", v);
	SHOW(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	SHOW(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	SHOW(prctl(PR_SET_NAME, BAD));
}

CASE(prctl_ambient, prctl)
{
	SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
	SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

CASE(prctl_vma_name, prctl)
{
	/* PR_SET_VMA, an unknown attribute: glibc and jemalloc try it. */
	SHOW(prctl(0x53564d41, 77, 0, 0, "name"));
}

CASE(arch_prctl, arch_prctl)
{
	unsigned long fs = 0, gs = 1;

	SHOW(SYS(arch_prctl, ARCH_GET_FS, &fs));
	TRUE(fs == (unsigned long)__builtin_thread_pointer());
	SHOW(SYS(arch_prctl, ARCH_SET_GS, 0x1234));
	SHOW(SYS(arch_prctl, ARCH_GET_GS, &gs));
	TELL("%lx\n", gs);
	SHOW(SYS(arch_prctl, ARCH_SET_GS, 1ul << 50));
	SHOW(SYS(arch_prctl, 0x7777, 0));
	SHOW(SYS(arch_prctl, ARCH_GET_FS, BAD));
}

CASE(cpuid_fault, arch_prctl)
{
	SHOW(SYS(arch_prctl, ARCH_GET_CPUID, 0));
	SHOW(SYS(arch_prctl, 0x3001, 0)); /* ARCH_CET_STATUS of old: not there */
}

CASE(xcomp, arch_prctl)
{
	unsigned long mask = 0;

	SHOW(SYS(arch_prctl, ARCH_GET_XCOMP_SUPP, &mask));
	TRUE((mask & 3) == 3);
	SHOW(SYS(arch_prctl, ARCH_GET_XCOMP_PERM, &mask));
	TRUE((mask & 3) == 3);
	SHOW(SYS(arch_prctl, ARCH_REQ_XCOMP_PERM, 63));
}

CASE(personality, personality)
{
	SHOW(personality(0xffffffff));
	SHOW(personality(ADDR_NO_RANDOMIZE));
	SHOW(personality(0xffffffff));
}

CASE(uname, uname)
{
	struct utsname u;

	SHOW(uname(&u));
	TELL("%s %s %s\n", u.sysname, u.machine, u.release);
	TRUE(strlen(u.nodename) > 0 && strlen(u.version) > 0);
	SHOW(SYS(uname, BAD));
}

CASE(sysinfo, sysinfo)
{
	struct sysinfo s;

	SHOW(sysinfo(&s));
	TRUE(s.totalram > s.freeram && s.freeram > 0 && s.mem_unit >= 1 && s.uptime > 0);
	SHOW(SYS(sysinfo, BAD));
}

CASE(getrandom, getrandom)
{
	char buf[300] = "";

	SHOW(getrandom(buf, sizeof(buf), 0));
	SHOW(getrandom(buf, 16, GRND_NONBLOCK));
	SHOW(getrandom(buf, 16, GRND_RANDOM));
	SHOW(getrandom(buf, 16, GRND_INSECURE));
	SHOW(getrandom(buf, 16, 0x10));
	SHOW(getrandom(buf, 0, 0));
	SHOW(SYS(getrandom, BAD, 16, 0));
}

CASE(syslog, syslog)
{
	SHOW(klogctl(10, NULL, 0) > 0);
	SHOW(klogctl(99, NULL, 0));
	SHOW(klogctl(3, NULL, 10));
}

CASE(kcmp, kcmp)
{
	SHOW(SYS(kcmp, getpid(), getpid(), 0, 1, 1));
	SHOW(SYS(kcmp, getpid(), getpid(), 99, 1, 1));
}

CASE(refused_changes, unshare, setns)
{
	SHOW(SYS(unshare, 0x40000));
	SHOW(SYS(setns, -1, 0));
}

CASE(gone_calls, uselib, create_module, get_kernel_syms, query_module, nfsservctl, vserver,
	security, tuxcall, afs_syscall, putpmsg, getpmsg, epoll_ctl_old, epoll_wait_old)
{
	SHOW(SYS(create_module, 0, 0));
	SHOW(SYS(get_kernel_syms, 0));
	SHOW(SYS(query_module, 0));
	SHOW(SYS(nfsservctl, 0));
	SHOW(SYS(getpmsg, 0));
	SHOW(SYS(putpmsg, 0));
	SHOW(SYS(afs_syscall, 0));
	SHOW(SYS(tuxcall, 0));
	SHOW(SYS(security, 0));
	SHOW(SYS(epoll_ctl_old, 0));
	SHOW(SYS(epoll_wait_old, 0));
	SHOW(SYS(vserver, 0));
	SHOW(syscall(400));
	SHOW(syscall(1000));
	SHOW(syscall(-1));
}

CASE(chroot_denied, chroot, setuid)
{
	MUST(setuid(5));
	SHOW(chroot("/"));
	SHOW(SYS(setgroups, 0, NULL));
}
