/* SPDX-License-Identifier: MIT */
/* Cores: kicks, hypercalls, time units. */
#include "guest-lwk/core.h"
#include "guest-lwk/pmem.h"

struct core cores[ABI_MAX_CORES];
u32 ncores;
struct machine machine;

void spin_wait(struct spinlock *lock)
{
	this_core()->share->n_lock_waits++;
	do
		while (READ_ONCE(lock->held))
			cpu_pause();
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE));
}

/*
 * The caller has set a flag that `core` looks at on its way out of the kernel. Either that core
 * is on its way and sees the flag (it sets need_irq, full fence, then reads the flags), or we
 * see need_irq here (flag, full fence, read need_irq): one of the two must happen.
 */
void core_kick(struct core *core)
{
	fence_full();
	if (READ_ONCE(core->share->need_irq))
		wrmsr(MSR_X2APIC_ICR, (u64)core->index << 32 | ABI_VEC_KICK);
}

s64 core_hypercall(u32 op, u64 arg0, u64 arg1, u64 arg2)
{
	struct abi_hc_args *hc = &this_core()->share->hc;

	hc->arg[0] = arg0;
	hc->arg[1] = arg1;
	hc->arg[2] = arg2;
	outl(ABI_PORT_HC, op);
	return READ_ONCE(hc->ret);
}

/* value * num / den with a 128-bit product, when the quotient fits 64 bits. */
static u64 muldiv(u64 value, u64 num, u64 den)
{
	u64 lo, hi;

	__asm__("mul %3" : "=a"(lo), "=d"(hi) : "0"(value), "r"(num));
	if (hi >= den)
		return ~0ULL;
	__asm__("div %2" : "+a"(lo), "+d"(hi) : "r"(den));
	return lo;
}

u64 ns_to_tsc(u64 ns)
{
	return muldiv(ns, machine.tsc_khz, 1000000);
}

u64 tsc_to_ns(u64 tsc)
{
	return muldiv(tsc, 1000000, machine.tsc_khz);
}
