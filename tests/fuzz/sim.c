/* SPDX-License-Identifier: MIT */
/* The processor's side: privileged instructions and cores. */
#include <asm/prctl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#undef NSIG /* the LWK has its own */
#include "guest-lwk/pmem.h"
#include "guest-lwk/pt.h"
#include "tests/fuzz/sim.h"

static struct thread program[SIM_CORES]; /* one of its threads on each core */
static u64 cr3[SIM_CORES];

static u32 running; /* index of the core whose GS base is set */
static u64 boot_table, ram;

struct process sim_proc, sim_child;
bool sim_zero_in_place;

/* ---- the run ---- */

#define TRACE_LINES 24
static char trace[TRACE_LINES][160];
static u64 ntrace, random_state;

void sim_seed(u64 seed)
{
	random_state = seed * 0x9e3779b97f4a7c15ULL + 1;
}

u64 sim_random(u64 below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return below ? random_state % below : 0;
}

void sim_trace(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(trace[ntrace++ % TRACE_LINES], sizeof(trace[0]), fmt, args);
	va_end(args);
}

void sim_fail(const char *fmt, ...)
{
	va_list args;

	for (u64 i = ntrace > TRACE_LINES ? ntrace - TRACE_LINES : 0; i < ntrace; i++)
		fprintf(stderr, "%6lu %s\n", i, trace[i % TRACE_LINES]);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	abort();
}

void panic(const char *fmt, ...)
{
	(void)fmt;
	sim_fail("the kernel panics: %s", fmt);
}

/* ---- privileged instructions ---- */

static void run_on(u32 core)
{
	running = core;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, &cores[core]))
		sim_fail("no GS base");
}

/*
 * What KVM has made of a table's entries stays in step with the guest's own writes alone: one
 * that is present when the host clears it would come back when the table is used again.
 */
static void no_present_entry(const u64 *entry, u64 n)
{
	for (u64 i = 0; i < n; i++)
		if ((entry[i] & (PTE_PRESENT | PTE_POPULATED)) == (PTE_PRESENT | PTE_POPULATED))
			sim_fail("the host clears a present entry, %lx", entry[i]);
}

static void zero(u64 gpa, u64 len)
{
	if (len == PAGE_SIZE && host_is_kernels(gpa))
		no_present_entry(gpa_to_ptr(gpa), PAGE_SIZE / sizeof(u64));
	if (gpa < ram)
		sim_fail("zeroes gpa %lx, which is no RAM", gpa);
	if (!sim_zero_in_place && sim_tlb_holds(gpa, len, false))
		sim_fail("zeroes gpa %lx while a core can still use it", gpa);
	/* Whole pages are given back to this host, which has them zero again. */
	if (!((gpa | len) & (PAGE_SIZE - 1)) && len >= 16 * PAGE_SIZE)
		madvise(gpa_to_ptr(gpa), len, MADV_DONTNEED);
	else
		memset(gpa_to_ptr(gpa), 0, len);
}

static void clear(u64 *entry, u64 n)
{
	u64 first = 0, end = 0;

	no_present_entry(entry, n);
	for (u64 i = 0; i < n; i++) {
		if (!(entry[i] & ABI_PTE_POPULATED))
			continue;
		if (!end)
			first = i;
		end = i + 1;
		entry[i] = 0;
	}
	cores[running].share->hc.ret = (s64)(end << 32 | first);
}

static void hypercall(u32 op)
{
	const u64 *arg = cores[running].share->hc.arg;

	switch (op) {
	case ABI_HC_ZERO:
		zero(arg[0], arg[1]);
		break;
	case ABI_HC_COPY:
		if (sim_tlb_holds(arg[1], arg[2], true))
			sim_fail("copies gpa %lx while a core can still write to it", arg[1]);
		memcpy(gpa_to_ptr(arg[0]), gpa_to_ptr(arg[1]), arg[2]);
		break;
	case ABI_HC_PT_FILL:
		for (u64 i = 0, *entry = gpa_to_ptr(arg[0]); i < arg[1]; i++)
			if (!(entry[i] & ABI_PTE_POPULATED))
				entry[i] = arg[2] + i * (arg[2] & ABI_PTE_LARGE ? BLOCK_SIZE
										: PAGE_SIZE);
		break;
	case ABI_HC_PT_CLEAR:
		clear(gpa_to_ptr(arg[0]), arg[1]);
		break;
	default:
		sim_fail("hypercall %u", op);
	}
}

static void port_write(u16 port, u32 value)
{
	if (port == ABI_PORT_HC)
		hypercall(value);
	else if (port == ABI_PORT_BELL && value == ABI_BELL_VMM)
		host_janitor(true);
	else
		sim_fail("write of %x to port %x", value, port);
}

/* ABI_VEC_KICK arrives: the core enters the kernel and leaves it again. */
static void kick(u32 core)
{
	u32 sender = running;

	if (core >= SIM_CORES || !cores[core].share->in_user)
		return;
	run_on(core);
	sim_enter();
	sim_leave();
	run_on(sender);
}

static void cr3_load(u64 value)
{
	cr3[running] = value;
	tlb_flush(running, value == boot_table ? 0 : value);
}

/* Length of the instruction, 0: none that we know. */
static u32 emulate(const u8 *ip, greg_t *gregs)
{
	static const int numbers[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
		REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14,
		REG_R15};
	u32 rex = (*ip & 0xf0) == 0x40 ? *ip & 1 : 0, prefix = (*ip & 0xf0) == 0x40;
	const u8 *op = ip + prefix;

	if (*op == 0xef) {
		port_write((u16)gregs[REG_RDX], (u32)gregs[REG_RAX]);
		return prefix + 1;
	}
	if (op[0] != 0x0f)
		return 0;
	if (op[1] == 0x30 && (u32)gregs[REG_RCX] == MSR_X2APIC_ICR) {
		kick((u32)gregs[REG_RDX]);
		return prefix + 2;
	}
	if ((op[2] & 0xf8) != 0xd8) /* cr3 */
		return 0;
	greg_t *reg = &gregs[numbers[(op[2] & 7) | rex << 3]];

	if (op[1] == 0x20)
		*reg = (greg_t)cr3[running];
	else if (op[1] == 0x22)
		cr3_load((u64)*reg);
	else
		return 0;
	return prefix + 3;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
	u32 len = info->si_code == SI_KERNEL ? emulate((const u8 *)gregs[REG_RIP], gregs) : 0;

	if (!len)
		sim_fail("signal %d at %llx, address %p", sig, gregs[REG_RIP], info->si_addr);
	gregs[REG_RIP] += len;
}

/* ---- cores ---- */

void sim_enter(void)
{
	struct core *core = this_core();

	WRITE_ONCE(core->share->in_user, 0);
	WRITE_ONCE(core->share->need_irq, 0);
}

/* As user_return() of trap.c. */
void sim_leave(void)
{
	struct core *core = this_core();

	mm_load(&sim_proc);
	WRITE_ONCE(core->share->in_user, 1);
	WRITE_ONCE(core->share->need_irq, 1);
	fence_full();
	if (core->tlb_seen != READ_ONCE(sim_proc.mm->tlb_gen))
		mm_flush_self(core);
}

void sim_switch_core(void)
{
	if (sim_random(4) == 0)
		sim_enter(); /* it idles: its TLB may be as old as it likes */
	run_on((u32)sim_random(SIM_CORES));
	sim_leave();
}

void sim_core_idle(u32 core)
{
	run_on(core);
	sim_enter();
	mm_load(NULL);
}

void sim_become_child(void)
{
	struct process maker;

	for (u32 i = 0; i < SIM_CORES; i++)
		sim_core_idle(i);
	mm_destroy(&sim_proc);
	maker = sim_proc;
	sim_proc = sim_child;
	sim_child = maker;
	run_on(0);
	sim_leave();
}

static void cores_boot(void)
{
	struct abi_share *share = (void *)(SIM_ARENA + (1 << 20));

	machine = (struct machine){
		.software_kvm = true, .tsc_khz = 2000000, .tsc_hz = 2000000000, .share = share};
	ncores = SIM_CORES;
	nodes = (struct nodes){.distance = {{10, 21, 17}, {21, 10, 16}, {17, 16, 10}}};
	boot_table = SIM_GPA;
	((u64 *)SIM_ARENA)[511] = PTE_PRESENT;
	sim_proc.share = &share->proc[0];
	sim_child.share = &share->proc[1];
	sim_child.index = 1;
	for (u32 i = 0; i < SIM_CORES; i++) {
		cores[i].self = &cores[i];
		cores[i].index = i;
		cores[i].node = i % 2;
		node_add(i % 2, false);
		cores[i].share = &share->core[i];
		cores[i].current = &program[i];
		program[i].proc = &sim_proc;
		cr3[i] = boot_table;
	}
	run_on(0);
}

void sim_boot(const struct sim_range *ranges, u32 n)
{
	struct sigaction action = {
		.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	u64 size = SIM_DEVICE, gpa;

	ram = SIM_GPA + SIM_DEVICE;
	for (u32 i = 0; i < n; i++) {
		size += ranges[i].size;
		ram -= ranges[i].host_page == BLOCK_SIZE ? ranges[i].size : 0;
	}
	gpa = ram;
	if (mmap((void *)SIM_ARENA, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
		    0) == MAP_FAILED)
		sim_fail("no address space");
	madvise((void *)SIM_ARENA, size, MADV_NOHUGEPAGE);
	tlb_boot(ram, size);
	sigaction(SIGSEGV, &action, NULL);
	cores_boot();
	host_boot(ram, ranges, n);
	for (u32 i = 0; i < n; i++) {
		pmem_add(gpa, ranges[i].size, ranges[i].host_page, ranges[i].node);
		node_add(ranges[i].node, true);
		gpa += ranges[i].size;
	}
	node_sort();
	window_boot();
}
