/* SPDX-License-Identifier: MIT */
/* Types, compiler words and the instructions that C cannot say. Included by every file of the
 * LWK. */
#ifndef LWK_TYPES_H
#define LWK_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define ARRAY_SIZE(a)                 (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)                (((x) + ((a)-1)) & ~((u64)(a)-1))
#define ALIGN_DOWN(x, a)              ((x) & ~((u64)(a)-1))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define likely(x)                     __builtin_expect(!!(x), 1)
#define unlikely(x)                   __builtin_expect(!!(x), 0)
#define NORETURN                      __attribute__((noreturn))
/* Kept apart, so that the short way beside it saves no registers. */
#define APART         __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))

#define PAGE_SIZE  4096ULL
#define BLOCK_SIZE (1ULL << 21)
#define GIB_SIZE   (1ULL << 30)

/* Single-copy atomic access without ordering; and with. */
#define READ_ONCE(x)        (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)    (*(volatile __typeof__(x) *)&(x) = (v))
#define load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define fence_full()        __atomic_thread_fence(__ATOMIC_SEQ_CST)

static inline void cpu_pause(void)
{
	__builtin_ia32_pause();
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
			 : "memory");
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void outl(u16 port, u32 value)
{
	__asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline u64 cr2_read(void)
{
	u64 value;

	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static inline void cr3_write(u64 value)
{
	__asm__ volatile("mov %0, %%cr3" ::"r"(value) : "memory");
}

static inline u64 fsbase_read(void)
{
	u64 value;

	__asm__ volatile("rdfsbase %0" : "=r"(value));
	return value;
}

static inline void fsbase_write(u64 value)
{
	__asm__ volatile("wrfsbase %0" ::"r"(value));
}

#define MSR_EFER             0xc0000080
#define MSR_STAR             0xc0000081
#define MSR_LSTAR            0xc0000082
#define MSR_FMASK            0xc0000084
#define MSR_GS_BASE          0xc0000101
#define MSR_KERNEL_GS_BASE   0xc0000102 /* holds the program's GS base while the kernel runs */
#define MSR_TSC_AUX          0xc0000103
#define MSR_TSC_DEADLINE     0x6e0
#define MSR_X2APIC_EOI       0x80b
#define MSR_X2APIC_SVR       0x80f
#define MSR_X2APIC_ICR       0x830
#define MSR_X2APIC_LVT_TIMER 0x832

/* memcpy, memset, memcmp: for small things only; bulk goes through pmem_zero()/pmem_copy(). */
void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
/* Freestanding, the compiler calls the function even for three words, which takes as long as 20
 * moves where ring 0 is emulated. */
#define memcpy(...) __builtin_memcpy(__VA_ARGS__)

/* Linux's error numbers that the LWK returns, negative, as system calls do. */
enum {
	EPERM = 1,
	ENOENT = 2,
	ESRCH = 3,
	EINTR = 4,
	EIO = 5,
	E2BIG = 7,
	EBADF = 9,
	ECHILD = 10,
	EAGAIN = 11,
	ENOMEM = 12,
	EACCES = 13,
	EFAULT = 14,
	EBUSY = 16,
	EEXIST = 17,
	ENODEV = 19,
	EINVAL = 22,
	ENOSPC = 28,
	ERANGE = 34,
	EDEADLK = 35,
	ENOSYS = 38,
	EOVERFLOW = 75,
	EOPNOTSUPP = 95,
	ETIMEDOUT = 110,
	EOWNERDEAD = 130
};

#endif
