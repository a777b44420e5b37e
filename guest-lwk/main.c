/* SPDX-License-Identifier: MIT */
/* The boot, a sentence a step. Every core comes here in 64-bit mode, with the kernel's half
 * mapped. */
#include "guest-lwk/arch.h"
#include "guest-lwk/fdt.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sched.h"

extern char boot_stacks[];
void boot_main(u64 index, u64 fdt_gpa); /* entry.S */

static u32 boot_go;
static struct thread idle_threads[ABI_MAX_CORES];
static struct abi_thread idle_accounts[ABI_MAX_CORES];

/* By core 0 for all: the first may get threads for the last, or kick it, before that has
 * booted. */
static void core_prepare(u32 index)
{
	struct core *core = &cores[index];
	struct thread *idle = &idle_threads[index];

	core->self = core;
	core->index = index;
	core->share = &machine.share->core[index];
	idle->kstack = (u64)boot_stacks + (u64)index * KSTACK_SIZE;
	idle->state = THREAD_RUNNING;
	idle->core = core;
	core->idle = core->current = idle;
	idle->account = &idle_accounts[index];
}

static void core_init(u32 index)
{
	arch_init_core(index);
	core_set_kstack(&cores[index], cores[index].idle->kstack + KSTACK_SIZE);
	timer_init_core();
}

static void boot_first(u64 fdt_gpa)
{
	fdt_read(gpa_to_ptr(fdt_gpa));
	if (!machine.share || !machine.tsc_khz || !ncores)
		for (;;)
			__asm__ volatile("ud2"); /* no way to say more without the share area */
	machine.tsc_hz = machine.tsc_khz * 1000;
	for (u32 i = 0; i < ncores; i++)
		core_prepare(i);
	arch_init();
}

void boot_main(u64 index, u64 fdt_gpa)
{
	if (index == 0)
		boot_first(fdt_gpa);
	else
		while (!load_acquire(&boot_go))
			cpu_pause();
	core_init((u32)index);
	if (index == 0) {
		machine.share->version = ABI_VERSION;
		machine.share->tsc_boot = rdtsc();
		store_release(&boot_go, 1);
	}
	pmem_touch((u32)index);
	__atomic_add_fetch(&machine.share->booted, 1, __ATOMIC_RELEASE);
	sched_idle();
}
