/* SPDX-License-Identifier: MIT */
/*
 * The contract between the VMM, the proxies and the LWK: version, limits, ports, vectors and
 * the hypercalls. Freestanding C, read by all three sides; every layout has a _Static_assert.
 */
#ifndef LWK_ABI_ABI_H
#define LWK_ABI_ABI_H

#include <stdint.h>

#define ABI_VERSION 1

/* The ELF note by which an LWK image is known: name "lwvmm", type 1, a uint32_t ABI_VERSION. */
#define ABI_NOTE_NAME "lwvmm"
#define ABI_NOTE_TYPE 1

#define ABI_MAX_CORES   64
#define ABI_MAX_NODES   16
#define ABI_MAX_PROCS   64
#define ABI_MAX_THREADS 1024 /* of all processes together; a thread's slot is its mailbox */
#define ABI_TID_BASE                                                                           \
	(1u << 22) /* ids of threads other than leaders start above the host's pids */

/*
 * Doorbell: a 4-byte write to this port. The VMM binds an eventfd to each value (ioeventfd with
 * datamatch), so that ringing costs one exit to the kernel at most and none to the VMM.
 */
#define ABI_PORT_BELL        0x610
#define ABI_BELL_PROC(index) (index)       /* the proxy of process `index` */
#define ABI_BELL_VMM         ABI_MAX_PROCS /* the VMM's janitor */

/*
 * Hypercall: fill share->core[i].hc, then write the operation's number (4 bytes) to this port;
 * an exit to the VMM's vCPU thread; the answer is in hc.ret when the instruction retires.
 */
#define ABI_PORT_HC 0x600
enum abi_hc {
	ABI_HC_PRINT = 1, /* arg0 gpa, arg1 bytes: a line of the kernel's log (shown with -v) */
	ABI_HC_PANIC,     /* arg0 gpa of struct abi_panic: stop the guest with a post-mortem */
	ABI_HC_XSAVE,   /* arg0 gpa: this vCPU's extended state, standard XSAVE form, is stored
			   there */
	ABI_HC_XRSTOR,  /* arg0 gpa: and loaded from there */
	ABI_HC_XSWITCH, /* arg0 gpa to store to, arg1 gpa to load from (0: leave out), one exit
			   for both */
	ABI_HC_ZERO, /* arg0 gpa, arg1 bytes: zero guest memory (software KVM, where ring 0 is
			slow) */
	ABI_HC_COPY, /* arg0 gpa to, arg1 gpa from, arg2 bytes: copy guest memory, not
			overlapping */
	ABI_HC_MARK, /* arg0 n: the account notes a mark (counters of this moment) */
	/*
	 * arg0 gpa, arg1 n: entries of a page table, 8 bytes each. FILL: those without
	 * ABI_PTE_POPULATED become arg2 + 4096 * index, or, if it has ABI_PTE_LARGE, + 2 MiB *
	 * index. CLEAR: those with it become 0; the answer is the index of the first of them
	 * and, in the upper half, of the one behind the last; 0: there was none.
	 */
	ABI_HC_PT_FILL,
	ABI_HC_PT_CLEAR,
	ABI_HC_MAX
};

#define ABI_PTE_LARGE     0x080ULL
#define ABI_PTE_POPULATED 0x200ULL /* the LWK's, in a bit that the processor leaves to it */

/* Interrupt vectors. */
#define ABI_VEC_TIMER    0xe0 /* LAPIC, TSC-deadline */
#define ABI_VEC_KICK     0xe1 /* another core: look at your flags */
#define ABI_VEC_HOST     0xe2 /* the host (irqfd): look at your done bits and events */
#define ABI_VEC_SPURIOUS 0xff
/* An exception that the VMM injects: core->bad_gpa tells of window pages without memory. */
#define ABI_VEC_BAD 18

/* Device tree: properties of the node /lwvmm (all big-endian as the specification says). */
#define ABI_FDT_NODE     "lwvmm"
#define ABI_FDT_VERSION  "abi-version"  /* u32 */
#define ABI_FDT_SOFTWARE "software-kvm" /* empty: ring 0 is emulated (platform.md part A) */
#define ABI_FDT_SHARE    "share"        /* u64 gpa, u64 bytes */
#define ABI_FDT_FREE                                                                           \
	"free-start" /* u64: first gpa after image, tables and boot data, 2 MiB-aligned */
#define ABI_FDT_WINDOW    "window"      /* u64 gpa, u64 bytes; not there: no window */
#define ABI_FDT_TSC_KHZ   "tsc-khz"     /* u64 */
#define ABI_FDT_POLL_NS   "poll-ns"     /* u32: how long an idle core polls before it halts */
#define ABI_FDT_TOUCH     "first-touch" /* empty: processes commit at first touch by default */
#define ABI_FDT_XSTATE    "xstate"      /* u64 XCR0, u32 bytes of the standard XSAVE area */
#define ABI_FDT_PAGE_SIZE "page-size"   /* u64, in each /memory node: the host's page size */

#endif
