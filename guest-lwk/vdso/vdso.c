/* SPDX-License-Identifier: MIT */
/*
 * What a program calls instead of the kernel. Mapped at ABI_VDSO_VA + 4096, the time page one
 * page below it (vdso.lds gives it a name). It runs in ring 3 and keeps no state.
 */
#include "guest-lwk/vdso/read.h"

struct vdso_timespec {
	int64_t sec, nsec;
};

struct vdso_timeval {
	int64_t sec, usec;
};

enum {
	NR_gettimeofday = 96,
	NR_time = 201,
	NR_clock_gettime = 228,
	NR_clock_getres = 229,
	NR_getcpu = 309
};

#define NS_PER_SEC 1000000000ULL

extern const struct abi_time vdso_time_page __attribute__((visibility("hidden")));

int __vdso_clock_gettime(int clock, struct vdso_timespec *ts);
int __vdso_clock_getres(int clock, struct vdso_timespec *res);
int __vdso_gettimeofday(struct vdso_timeval *tv, uint64_t *tz);
int64_t __vdso_time(int64_t *sec);
int __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused);

static int64_t syscall3(int64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

int __vdso_clock_gettime(int clock, struct vdso_timespec *ts)
{
	uint64_t ns;

	if (!time_page_read(&vdso_time_page, (uint32_t)clock, &ns))
		return (int)syscall3(NR_clock_gettime, (uint64_t)clock, (uint64_t)ts, 0);
	ts->sec = (int64_t)(ns / NS_PER_SEC);
	ts->nsec = (int64_t)(ns % NS_PER_SEC);
	return 0;
}

int __vdso_clock_getres(int clock, struct vdso_timespec *res)
{
	uint64_t ns;

	if (!time_page_base(&vdso_time_page, (uint32_t)clock, &ns))
		return (int)syscall3(NR_clock_getres, (uint64_t)clock, (uint64_t)res, 0);
	if (res)
		*res = (struct vdso_timespec){0, 1};
	return 0;
}

int __vdso_gettimeofday(struct vdso_timeval *tv, uint64_t *tz)
{
	uint64_t ns;

	if (!time_page_read(&vdso_time_page, ABI_CLOCK_REALTIME, &ns))
		return (int)syscall3(NR_gettimeofday, (uint64_t)tv, (uint64_t)tz, 0);
	if (tv) {
		tv->sec = (int64_t)(ns / NS_PER_SEC);
		tv->usec = (int64_t)(ns % NS_PER_SEC / 1000);
	}
	if (tz)
		*tz = 0; /* two ints: minutes west, kind of summer time */
	return 0;
}

int64_t __vdso_time(int64_t *sec)
{
	uint64_t ns;

	if (!time_page_read(&vdso_time_page, ABI_CLOCK_REALTIME, &ns))
		return syscall3(NR_time, (uint64_t)sec, 0, 0);
	if (sec)
		*sec = (int64_t)(ns / NS_PER_SEC);
	return (int64_t)(ns / NS_PER_SEC);
}

/* TSC_AUX holds node << 12 | core; on a software KVM the instruction tells the host's CPU. */
int __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused)
{
	uint32_t aux;

	if (!vdso_time_page.valid || vdso_time_page.software)
		return (int)syscall3(NR_getcpu, (uint64_t)cpu, (uint64_t)node, 0);
	__asm__ volatile("rdtscp" : "=c"(aux)::"eax", "edx");
	if (cpu)
		*cpu = aux & 0xfff;
	if (node)
		*node = aux >> 12;
	return 0;
}
