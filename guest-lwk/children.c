/* SPDX-License-Identifier: MIT */
/*
 * The CPU time of children. The host knows who waits for whom, and that of the proxies; what
 * the programs used only we know. So what ends leaves its time here, under its pid, and who has
 * waited for that pid takes it. A process ends before its proxy does, so it is here by then,
 * but for one that a signal from outside has ended.
 *
 * The same pid goes on with another program after execve(), and takes its own time back.
 */
#include "guest-lwk/children.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/sys_misc.h"

/* More have seldom ended and not been waited for; the oldest are forgotten. */
#define ENDED     128
#define EXEC_SECS 10 /* in which the next program has come */

#define WNOWAIT      0x01000000
#define SIGINFO_SIZE 128

struct ended {
	u32 pid;
	struct cpu_times times;
	u64 when;
};

static struct spinlock lock; /* a leaf */
static struct ended ended[ENDED];
static u32 next;

static struct ended *find(u32 pid)
{
#pragma GCC unroll 16 /* where ring 0 is emulated: two instructions each */
	for (u32 i = 0; i < ENDED; i++)
		if (ended[i].pid == pid)
			return &ended[i];
	return NULL;
}

void children_ended(const struct process *proc)
{
	spin_lock(&lock);
	struct ended *e = find(proc->pid);

	if (!e)
		e = &ended[next++ % ENDED];
	*e = (struct ended){.pid = proc->pid,
		.times = {proc->dead_cpu_tsc, proc->children_tsc},
		.when = rdtsc()};
	spin_unlock(&lock);
}

/* What it has left; keep: and leaves. */
static bool take(u32 pid, bool keep, struct cpu_times *times)
{
	spin_lock(&lock);
	struct ended *e = find(pid);

	if (e) {
		*times = e->times;
		e->pid = keep ? pid : 0;
	}
	spin_unlock(&lock);
	return e;
}

void children_exec(u32 pid, struct cpu_times *times)
{
	*times = (struct cpu_times){0};
	spin_lock(&lock);
	struct ended *e = find(pid);

	/* Else it is of another process, which had the same pid. */
	if (e && rdtsc() - e->when < EXEC_SECS * machine.tsc_hz) {
		*times = e->times;
		e->pid = 0;
	}
	spin_unlock(&lock);
}

struct user_siginfo {
	s32 signo, error, code, pad, pid;
};

/* The pid that was waited for, 0: none. */
static u32 waited(u32 nr, const u64 arg[6], s64 ret)
{
	struct user_siginfo info;

	if (nr == ABI_NR_wait4)
		return ret > 0 ? (u32)ret : 0;
	return !ret && arg[2] && !user_read(&info, arg[2], sizeof(info)) ? (u32)info.pid : 0;
}

static void account(u32 nr, const u64 arg[6], s64 ret)
{
	struct process *proc = current_thread()->proc;
	bool keep = nr == ABI_NR_waitid && arg[3] & WNOWAIT;
	u64 usage = nr == ABI_NR_wait4 ? arg[3] : arg[4];
	u32 pid = waited(nr, arg, ret);
	struct cpu_times times;
	u64 user[4] = {0}; /* two struct timeval: user's, system's */

	if (!pid || !take(pid, keep, &times))
		return;
	if (!keep)
		__atomic_add_fetch(
			&proc->children_tsc, times.own + times.children, __ATOMIC_RELAXED);
	if (usage) {
		children_timeval(times.own + times.children, user);
		user_write(usage, user, sizeof(user));
	}
}

/*
 * Where the host says which child it was if the program does not ask: below its red zone, where
 * a signal's frame might lie as well. 0: there is no room.
 */
static u64 told_at(struct thread *t)
{
	u64 at = ALIGN_DOWN(thread_regs(t)->rsp - 128 - SIGINFO_SIZE, 16);

	return mm_check(t->proc, at, SIGINFO_SIZE, ABI_PROT_R | ABI_PROT_W) ? at : 0;
}

s64 children_wait(u32 nr, const u64 arg[6])
{
	u64 call[6];

	memcpy(call, arg, sizeof(call));
	if (nr == ABI_NR_waitid && !call[2])
		call[2] = told_at(current_thread());
	s64 ret = syscall_forward(nr, call);

	account(nr, call, ret);
	return ret;
}

void children_timeval(u64 tsc, u64 timeval[2])
{
	u64 ns = tsc_to_ns(tsc);

	timeval[0] = ns / NS_PER_SEC;
	timeval[1] = ns % NS_PER_SEC / 1000;
}
