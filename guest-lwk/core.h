/* SPDX-License-Identifier: MIT */
/* One guest core: what only it touches, found through GS. */
#ifndef LWK_CORE_H
#define LWK_CORE_H

#define CORE_SELF     0
#define CORE_USER_RSP 8
#define CORE_KSTACK   16

#ifndef __ASSEMBLER__
#include "guest-lwk/abi/share.h"
#include "guest-lwk/lock.h"
#include "guest-lwk/types.h"

struct thread;
struct process;
struct timer;

/* Ready threads of one core, FIFO. Only this core takes from it; any core may add (wake). */
struct runq {
	struct spinlock lock;
	struct thread *head, *tail;
	u32 count; /* ready, the running one not counted */
};

/* Pending timers of one core, earliest first. */
struct timerq {
	struct spinlock lock;
	struct timer *head;
	u64 armed;            /* TSC value in the deadline MSR, 0: none */
	struct timer *firing; /* its fire() runs right now */
};

struct core {
	struct core *self; /* CORE_SELF */
	u64 user_rsp;      /* CORE_USER_RSP: scratch of the system call entry */
	u64 kstack_top;    /* CORE_KSTACK: of the current thread (also in the TSS) */
	struct thread *current;
	struct thread *idle; /* the core's own boot stack; never in a run queue */
	u32 index;
	u32 node;
	struct abi_core *share;
	struct mm *mm; /* whose page tables are loaded (NULL: the boot tables) */
	u64 tlb_seen;  /* mm.tlb_gen that this core has flushed for */
	u32 uaccess;   /* 1 while the kernel uses a program's addresses (pt_root.c, mm_flush) */
	struct thread
		*xstate_owner; /* whose vector state is in the registers, NULL: nobody's */
	bool need_resched;
	u64 slice_end; /* TSC at which the current thread's slice ends, 0: no slice */
	struct thread
		*bases_owner;   /* whose FS and GS bases are in the registers, NULL: nobody's */
	struct thread *leaving; /* dead or moving to leaving_to: the idle loop sees it off */
	struct core *leaving_to;
	u32 nthreads; /* threads placed here; sched.c's placement lock */
	struct runq runq;
	struct timerq timerq;
};

extern struct core cores[ABI_MAX_CORES];
extern u32 ncores; /* cores of this guest */

/* What the device tree says, read once at boot. */
struct machine {
	bool software_kvm; /* ring 0 is emulated: keep it short, no xsave */
	bool first_touch;  /* default commit mode */
	u64 tsc_khz;
	u64 tsc_hz;
	u32 poll_ns;
	u64 xcr0;
	u32 xstate_size;             /* bytes of a standard XSAVE area */
	u64 window_gpa, window_size; /* size 0: there is none */
	struct abi_share *share;
};
extern struct machine machine;

static inline struct core *this_core(void)
{
	struct core *core;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(core));
	return core;
}

#define current_thread() (this_core()->current)

/* arch.c: where the next entry from ring 3 on this core puts its registers. */
void core_set_kstack(struct core *core, u64 top);

/* Sends ABI_VEC_KICK to a core: it enters the kernel (or leaves HLT) and looks at its flags. */
void core_kick(struct core *core);

/* Hypercall of this core (abi.h); returns hc.ret. */
s64 core_hypercall(u32 op, u64 arg0, u64 arg1, u64 arg2);

/* TSC ticks of a number of nanoseconds and back, without 128-bit division. */
u64 ns_to_tsc(u64 ns);
u64 tsc_to_ns(u64 tsc);

void printk(const char *fmt, ...)
	__attribute__((format(printf, 1, 2))); /* %s %d %u %x %lx %p only */
void panic(const char *fmt, ...) NORETURN __attribute__((format(printf, 1, 2)));
#define BUG_ON(cond)                                                                           \
	do {                                                                                   \
		if (unlikely(cond))                                                            \
			panic("%s:%d: %s", __FILE__, __LINE__, #cond);                         \
	} while (0)
#endif
#endif
