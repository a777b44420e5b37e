/* SPDX-License-Identifier: MIT */
/*
 * The share area: memory that the LWK, the VMM and every proxy map (its own memfd and memory
 * slot at ABI_SHARE_GPA). All of it is zero at the start. It holds no pointers, only indices,
 * guest-physical and program-virtual addresses.
 *
 * Memory order. A word named "published by X" is stored by X with release order after what it
 * publishes, and loaded with acquire order by its reader. Where two sides each write one word
 * and then read the other's (need_irq and done), both use a full fence between.
 */
#ifndef LWK_ABI_SHARE_H
#define LWK_ABI_SHARE_H

#include "guest-lwk/abi/abi.h"

#define ABI_PAGE       4096
#define ABI_SLOT_WORDS (ABI_MAX_THREADS / 64)

/*
 * Time page: mapped read-only into every program for the vDSO. Written by a host thread,
 * seqlock: odd while being written. ns = ((tsc - tsc_base) * mult) >> 32 + base; mult is ns per
 * tick in 32.32.
 */
struct abi_time {
	uint32_t seq;
	uint32_t valid; /* 0 before the first update */
	uint64_t tsc_base;
	uint64_t mult;
	uint64_t mono_ns; /* CLOCK_MONOTONIC at tsc_base */
	uint64_t real_ns; /* CLOCK_REALTIME at tsc_base */
	int64_t boot_off; /* CLOCK_BOOTTIME - CLOCK_MONOTONIC */
	int64_t tai_off;  /* CLOCK_TAI - CLOCK_REALTIME */
	uint64_t raw_ns;  /* CLOCK_MONOTONIC_RAW at tsc_base, and its own slope (it is not
			     slewed) */
	uint64_t raw_mult;
	uint32_t software; /* rdpid/rdtscp tell the host's CPU here: do not use them */
	uint32_t pad;
};

struct abi_hc_args {
	uint64_t arg[4];
	int64_t ret;
};

/*
 * One guest core, as the host sees it.
 *
 * Completion: where the mailbox says that its thread waits for it (abi_mbox.waits), the proxy
 * sets the mailbox's bit in done[], then the word's bit in done_words, then a full fence, and
 * only if need_irq is set and irq_sent was 0 (exchange) sends ABI_VEC_HOST. The LWK clears
 * need_irq while it polls in its idle loop, sets it (full fence, then one more look at
 * done_words and events) before it halts or returns to a program, and clears irq_sent first
 * thing in the handler.
 */
struct abi_core {
	uint32_t need_irq;   /* LWK: an interrupt is wanted for done bits and events */
	uint32_t irq_sent;   /* host sets by exchange, LWK clears */
	uint64_t done_words; /* bit w: done[w] has bits */
	uint64_t done[ABI_SLOT_WORDS];
	uint64_t events; /* bit p: process p has an event (proc[p].event); core 0 serves them */
	struct abi_hc_args hc;
	uint32_t in_user; /* LWK: 1 while the core runs a program (also read by other cores) */
	uint32_t pad;
	/* VMM, before it injects ABI_VEC_BAD: pages of the window that no longer have memory.
	 * bad_len 0: which ones could not be found. */
	uint64_t bad_gpa, bad_len;
	/* The account, kept by the LWK: plain increments of this core alone. */
	uint64_t n_syscalls_local;
	uint64_t n_faults;     /* page faults of programs that committed memory */
	uint64_t n_exceptions; /* other exceptions of programs */
	uint64_t n_irq_timer, n_irq_kick, n_irq_host;
	uint64_t n_switches; /* thread switches with vector state */
	uint64_t n_halts;
	uint32_t running; /* slot + 1 of the thread that has the core, 0: none */
	uint32_t pad2;
	uint64_t busy_since; /* TSC, and n_syscalls_local, when it came */
	uint64_t local_since;
	uint64_t n_lock_waits; /* its locks that it found taken */
} __attribute__((aligned(256)));

/* The account of a thread, by slot, without what it does since its core's busy_since. */
struct abi_thread {
	uint32_t proc; /* index + 1, 0: no thread */
	uint32_t seq;  /* of its mailbox when it began: each request is a forwarded call */
	uint64_t cpu_tsc;
	uint64_t local; /* local calls */
};

/* Forwarded calls by number, per core (the LWK's clock: request to answer, in TSC ticks). */
struct abi_call_stat {
	uint32_t count;
	uint32_t errors;
	uint64_t total_tsc;
	uint64_t max_tsc;
};
#define ABI_MAX_CALLS 512

/*
 * Mailbox of a thread's slot: one forwarded call at a time.
 * LWK: fills the request, state = REQUEST (published by LWK), sets the bit in proc->bell,
 * rings. Proxy: RUNNING, applies the mapping log up to log_pos, calls, ret, state = DONE
 * (published by proxy). LWK: reads ret, state = IDLE. A thread that no longer looks at state by
 * itself stores waits = 1, full fence, then looks once more; the proxy stores DONE, full fence,
 * then reads waits: one of the two sees the other's store. Interruption: the LWK stores
 * cancel_seq = seq, sets the bit in proc->cancel and rings. The proxy answers DONE with ret =
 * ABI_NOT_BEGUN if it came before the call began (it has had no effect and may be made again),
 * else with the call's own result (-EINTR if it was interrupted).
 */
#define ABI_NOT_BEGUN (-513)
enum { ABI_MBOX_IDLE, ABI_MBOX_REQUEST, ABI_MBOX_RUNNING, ABI_MBOX_DONE };

struct abi_mbox {
	uint32_t state;
	uint32_t seq;        /* of this request; LWK increments before REQUEST */
	uint32_t cancel_seq; /* LWK: interrupt the request of this seq */
	uint32_t proc;       /* index of the process */
	uint32_t core;       /* where the thread waits: gets the done bit */
	uint32_t nr;         /* system call number */
	uint64_t arg[6];
	int64_t ret;
	uint64_t log_pos; /* the mapping log must be applied up to here first */
	uint64_t buf_lo,
		buf_hi;  /* hull of the memory that the call may touch, for the reuse rule */
	uint32_t signal; /* proxy: the call raised this signal for its thread (SIGPIPE, SIGXFSZ)
			  */
	uint32_t tid;    /* guest tid, for --trace and post-mortems */
	uint64_t tsc_start; /* LWK's own */
	uint32_t waits;     /* LWK: the thread wants its done bit; 0 with each request */
	uint32_t pad;
} __attribute__((aligned(64)));

/*
 * Mapping log of a process: what its proxy must do to its own address space, in order.
 * Positions count records since the process began; record i is rec[i % ABI_LOG_RECORDS]. The
 * LWK appends and publishes proc->log_head; the proxy applies and publishes proc->log_applied.
 */
#define ABI_LOG_RECORDS 1024
enum {
	ABI_LOG_MAP = 1,
	ABI_LOG_UNMAP = 2,
	ABI_LOG_UNMAP_WINDOW = 3, /* of the window: any multiple of 4 KiB */
	/*
	 * Of a copy (fork_proc), until it is GO: what it has inherited of the window there
	 * stays. Its records ascend by address, and what lies between them goes: the copy has
	 * mapped what the LWK has, and nothing else.
	 */
	ABI_LOG_KEEP_WINDOW = 4,
};
struct abi_log_rec {
	uint64_t va;
	uint64_t len; /* bytes, both multiples of the backing's page size (2 MiB at least) */
	uint64_t gpa; /* MAP: RAM at va */
	uint32_t op;
	uint32_t pad;
};

/* A signal from the host for a process. */
struct abi_siginfo {
	int32_t signo, code, errnum, pid, uid, status;
	uint64_t value;
};

/* What a program is, once the proxy has read its file: the LWK makes memory of it. */
#define ABI_EXEC_SEGS 32 /* of the program and its interpreter together */
enum { ABI_PROT_R = 1, ABI_PROT_W = 2, ABI_PROT_X = 4 }; /* as PROT_* of Linux */
struct abi_exec_seg {
	uint64_t va;       /* page-aligned */
	uint64_t file_len; /* bytes from va on that the proxy will fill: committed before MAPPED
			    */
	uint64_t len; /* whole length, page-aligned up; the rest is zero, committed at first
			 touch */
	uint32_t prot;
	uint32_t pad;
};
/* Limits that the LWK keeps for the program: the proxy's own memory and threads are no part of
 * what they limit. */
enum { ABI_LIMIT_DATA, ABI_LIMIT_NPROC, ABI_LIMIT_AS, ABI_LIMITS };
struct abi_limit {
	uint64_t soft, hard; /* as struct rlimit */
};
struct abi_exec {
	uint32_t nsegs;
	uint32_t pad;
	struct abi_exec_seg seg[ABI_EXEC_SEGS]; /* sorted, not overlapping */
	uint64_t brk; /* program break, page-aligned: the end of the program's own segments */
	uint64_t stack_max;  /* RLIMIT_STACK, bounded by the proxy to something finite */
	uint64_t stack_need; /* bytes at the stack's top that the proxy will fill: committed */
	uint64_t stack_top;  /* LWK's answer */
	uint64_t vdso;       /* LWK's answer: AT_SYSINFO_EHDR, 0: none */
	uint64_t entry;      /* where it starts: in the interpreter, if there is one */
	uint64_t rsp;        /* proxy, with GO: first stack pointer */
	struct abi_limit limit[ABI_LIMITS]; /* inherited */
};

/* ITIMER_REAL: when it fires next, on CLOCK_MONOTONIC, and its interval; at 0: it is not set.
 */
struct abi_alarm {
	uint64_t at_ns, interval_ns;
};

/*
 * What a process gets from the one that it comes from and that only the LWK knows: filled by
 * the thread that calls FORK, VFORK or EXEC, at its slot, and read by the proxy until the
 * answer.
 */
struct abi_bequest {
	uint64_t sig_blocked, sig_ignored;
	uint64_t sig_pending; /* EXEC: what is not delivered yet; kept up to the answer */
	uint64_t affinity;
	struct abi_limit limit[ABI_LIMITS];
	struct abi_alarm alarm; /* EXEC */
};

/*
 * Life of a process. The side that moves it on is named; each move is published by state,
 * followed by an event (host to LWK: abi_core[0].events) or a bell (LWK to proxy).
 *
 * FREE -> (VMM) OPEN -> (proxy) EXEC -> (LWK) MAPPED or REFUSED -> (proxy) GO -> (LWK) RUNNING
 * -> (LWK) EXITED -> (VMM, when the proxy is gone) GONE -> (LWK, memory given back) FREE
 * GONE may follow any state: the proxy died. The LWK then kills and reaps the process.
 */
enum {
	ABI_PROC_FREE,
	ABI_PROC_OPEN,
	ABI_PROC_EXEC,
	ABI_PROC_MAPPED,
	ABI_PROC_REFUSED,
	ABI_PROC_GO,
	ABI_PROC_RUNNING,
	ABI_PROC_EXITED,
	ABI_PROC_GONE
};

/* A memory policy as numa_maps tells of it: mode and flags as in get_mempolicy(2). */
#define ABI_POLICIES 16
struct abi_policy {
	uint64_t start, end, nodes;
	uint32_t mode, pad;
};

struct abi_proc {
	uint32_t state;
	uint32_t pid; /* the proxy's host pid, the program's getpid() */
	uint32_t ppid, uid, gid;
	int32_t refused;      /* REFUSED: -errno */
	uint32_t exit_wait;   /* EXITED: wait status as of wait(2) */
	uint32_t want_ack;    /* host janitor or LWK: apply the log now; proxy clears */
	uint64_t log_head;    /* published by LWK */
	uint64_t log_applied; /* published by proxy */
	uint64_t bell[ABI_SLOT_WORDS];     /* LWK sets bits: mailboxes with a request */
	uint64_t cancel[ABI_SLOT_WORDS];   /* LWK sets bits: mailboxes whose call is to be
					      interrupted */
	uint64_t bell_words, cancel_words; /* bit w: word w has bits */
	uint64_t sig_blocked;              /* proxy, with EXEC: inherited signal mask */
	uint64_t sig_ignored; /* proxy, with EXEC: inherited SIG_IGN dispositions */
	uint64_t sig_pending; /* proxy sets bit signo-1 after sig[signo]; LWK takes by exchange
			       */
	struct abi_siginfo sig[65];
	uint32_t
		stopped; /* proxy is stopped (SIGSTOP seen by the VMM): LWK holds its threads */
	uint32_t stop_signal; /* LWK: the program stopped itself by this signal; proxy stops,
				 clears on CONT */
	uint32_t commit;      /* 0 default, 1 on request, 2 first touch */
	uint32_t nthreads;    /* LWK: live threads */
	uint64_t affinity;    /* guest cores the process may use, 0: all */
	uint32_t trace;       /* proxy, with EXEC: 1: write a trace (abi/trace.h) */
	uint32_t sig_taking;  /* LWK: 1 from before it takes bits of sig_pending until they are
				 with its own */
	uint64_t trace_gpa;   /* LWK's answer: struct abi_trace */
	uint32_t fork_proc;   /* proxy, with EXEC: 1 + index of the process that this is a copy
				 of;   0: exec says what it is */
	uint32_t fork_slot;   /* and of its thread that has called FORK */
	struct abi_alarm alarm; /* proxy, with EXEC: it goes on after execve() */
	/* LWK, for the account: what its ended threads had, and bytes of its memory: now, and
	 * the most so far. */
	uint64_t dead_cpu_tsc, dead_local, dead_forwarded;
	uint64_t memory, memory_peak;
	struct abi_exec exec;
	/*
	 * LWK, before it forwards an open: the memory policies for numa_maps, those of ranges
	 * by address and the one of all else. policy_turn is odd while they change.
	 */
	uint32_t policy_turn, npolicies;
	struct abi_policy policy_all, policy[ABI_POLICIES];
} __attribute__((aligned(64)));

/*
 * The window: guest-physical addresses (device tree: ABI_FDT_WINDOW) at which the VMM maps
 * files of the host. One (device, inode, offset) has one gpa there, congruent to the offset
 * modulo 2 MiB. The VMM counts references by 4 KiB page: each of ABI_CALL_MAP_FILE and the like
 * adds one to every page that it answers; a record of the reclaim ring drops one from every
 * page of [gpa, gpa + len), or adds one (HOLD) to pages that have some. Records that add count
 * at once, in the order of the ring, so that no later one has dropped the last reference by
 * then. Nothing of a window record comes back through `clean`.
 */
struct abi_window_answer { /* mbox.arg[] of a call that succeeded */
	uint64_t gpa;      /* of the first page */
	uint64_t len;      /* bytes from there on that are contiguous, a page at least */
	uint64_t inside;   /* of these, bytes that lie inside the file now, page-aligned up */
	uint64_t writable; /* 1: the descriptor allows writing */
	uint64_t huge;     /* page size of the file's memory: 4096, or a hugetlbfs's */
	uint64_t unused;
};

/*
 * Reclaim: blocks that a process no longer has. The LWK appends; the VMM's janitor waits until
 * the block's proxy has applied the log up to pos and no call that began before (mbox.log_pos <
 * pos) and whose hull meets [va, va+len) is in flight, zeroes the memory and appends the record
 * to `clean`, from which the LWK takes it. Both rings: single producer (LWK: under its lock),
 * single consumer.
 */
#define ABI_RECLAIM_RECORDS 4096
enum {
	ABI_RECLAIM_FREE = 0,
	ABI_RECLAIM_HOLD = 1, /* of the window: gpa and len alone count */
};
struct abi_reclaim_rec {
	uint64_t gpa, len;
	uint64_t va;
	uint64_t pos;
	uint32_t proc;
	uint32_t op;
};
struct abi_ring {
	uint64_t head; /* published by the producer: records ever appended */
	uint64_t tail; /* published by the consumer: records ever taken */
	struct abi_reclaim_rec rec[ABI_RECLAIM_RECORDS];
};

/*
 * Quiet descriptors of a process: what it was last told not to be ready, and what its proxy
 * watches since. The LWK answers polls with timeout 0 from this without the host.
 *
 * entry[fd] is gen << 16 | ABI_WATCH_VALID | events (poll()'s bits, and ABI_WATCH_EPOLL if it
 * is known to be an epoll's), and says something only while its generation is the process's.
 * The proxy (vmm/proxy/watch.c) alone writes: gen goes up before the answer of any call after
 * which the program might know of an event, an entry is stored before its watch is armed and
 * zeroed when that fires. gen never goes back, whoever has the row: what an earlier process
 * left is of no account.
 */
#define ABI_WATCH_FDS    512
#define ABI_WATCH_SHIFT  16
#define ABI_WATCH_VALID  0x8000
#define ABI_WATCH_EPOLL  0x4000
#define ABI_WATCH_EVENTS 0x7fff /* with it */
struct abi_watch {
	uint64_t gen;
	uint64_t entry[ABI_WATCH_FDS];
} __attribute__((aligned(64)));

/* A kernel fault's post-mortem (ABI_HC_PANIC). */
struct abi_panic {
	uint64_t vector, error, rip, rsp, cr2, cr3, rflags;
	uint64_t gpr[16]; /* rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
	uint32_t core, tid;
	char text[128];
};

#define ABI_SHARE_MAGIC 0x4d4d56574cULL /* "LWVMM" */

struct abi_share {
	struct abi_time time __attribute__((aligned(ABI_PAGE)));
	uint64_t magic __attribute__((aligned(ABI_PAGE)));
	uint32_t version;
	uint32_t ncores;
	uint32_t janitor_idle; /* VMM: ring ABI_BELL_VMM after appending to reclaim; LWK clears
				  by exchange */
	uint32_t booted;       /* LWK: cores that have finished booting */
	uint64_t tsc_boot;     /* LWK: TSC when core 0 had booted */
	/* Incremented by a proxy when its program has changed its ids or capabilities, by the
	 * LWK when a program takes a place in proc[]: who may look into whom is to be asked
	 * anew. */
	uint32_t ids_changes;
	/* LWK: memory by node, bytes: all that is there, and what of it is not in use. */
	uint64_t mem_total[ABI_MAX_NODES], mem_free[ABI_MAX_NODES];
	struct abi_core core[ABI_MAX_CORES];
	struct abi_proc proc[ABI_MAX_PROCS];
	struct abi_mbox mbox[ABI_MAX_THREADS];
	struct abi_thread thread[ABI_MAX_THREADS];
	/*
	 * LWK: whose memory the call in the mailbox of this slot uses besides its own, and the
	 * position up to which that process's log must be applied: what it unmaps later is
	 * reused only after the call. 0: nobody's.
	 */
	uint64_t peer[ABI_MAX_THREADS];
	struct abi_bequest bequest[ABI_MAX_THREADS];
	struct abi_panic panic[ABI_MAX_CORES];
	struct abi_ring reclaim __attribute__((aligned(ABI_PAGE)));
	struct abi_ring clean __attribute__((aligned(ABI_PAGE)));
	struct abi_call_stat call[ABI_MAX_CORES][ABI_MAX_CALLS]
		__attribute__((aligned(ABI_PAGE)));
	struct abi_log_rec log[ABI_MAX_PROCS][ABI_LOG_RECORDS]
		__attribute__((aligned(ABI_PAGE)));
	struct abi_watch watch[ABI_MAX_PROCS] __attribute__((aligned(ABI_PAGE)));
};

#define ABI_PEER(proc, pos) ((uint64_t)(pos) << 8 | ((proc) + 1))
#define ABI_PEER_PROC(peer) ((uint32_t)((peer)&0xff) - 1)
#define ABI_PEER_POS(peer)  ((peer) >> 8)
_Static_assert(ABI_MAX_PROCS < 0xff, "a byte holds a process's index plus 1");

/* The memfd's and the slot's size. */
#define ABI_SHARE_SIZE (4ULL << 20)

_Static_assert(sizeof(struct abi_time) == 80, "abi");
_Static_assert(sizeof(struct abi_log_rec) == 32, "abi");
_Static_assert(sizeof(struct abi_mbox) == 128, "abi");
_Static_assert(sizeof(struct abi_core) == 512, "abi");
_Static_assert(sizeof(struct abi_window_answer) == 6 * sizeof(uint64_t), "abi");
_Static_assert(sizeof(struct abi_thread) == 24, "abi");
_Static_assert(sizeof(struct abi_call_stat) == 24, "abi");
_Static_assert(sizeof(struct abi_reclaim_rec) == 40, "abi");
_Static_assert(sizeof(struct abi_bequest) == 96, "abi");
_Static_assert(sizeof(struct abi_share) <= ABI_SHARE_SIZE, "abi");

#endif
