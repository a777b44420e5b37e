/* SPDX-License-Identifier: MIT */
/* STAT: what the guest has used so far, read from the share area while it runs. */
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/account.h"
#include "vmm/server_parts.h"

#define TRIES 100 /* for a core that switches threads just now */

/* The thread that has the core, since when, and its calls since then, as of one moment. */
struct turn {
	uint32_t slot; /* + 1; 0: none */
	uint64_t tsc, local;
};

static struct turn turn_read(const struct abi_core *c)
{
	struct turn turn = {0};

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t since;

		/* The LWK: running = 0, the account and the times, running again (release). */
		turn.slot = __atomic_load_n(&c->running, __ATOMIC_ACQUIRE);
		since = __atomic_load_n(&c->busy_since, __ATOMIC_RELAXED);
		turn.tsc = __rdtsc() - since;
		turn.local = __atomic_load_n(&c->n_syscalls_local, __ATOMIC_RELAXED) -
			     __atomic_load_n(&c->local_since, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&c->running, __ATOMIC_RELAXED) == turn.slot &&
			__atomic_load_n(&c->busy_since, __ATOMIC_RELAXED) == since)
			return turn;
	}
	return (struct turn){0};
}

void server_usage(const struct vm *vm, struct proto_usage usage[ABI_MAX_PROCS])
{
	const struct abi_share *share = vm->share;

	for (unsigned i = 0; i < ABI_MAX_PROCS; i++) {
		const struct abi_proc *p = &share->proc[i];

		usage[i] = (struct proto_usage){
			.nthreads = __atomic_load_n(&p->nthreads, __ATOMIC_RELAXED),
			.cpu_ns = p->dead_cpu_tsc,
			.local = p->dead_local,
			.forwarded = p->dead_forwarded,
			.mem = p->memory,
			.mem_peak = p->memory_peak,
		};
	}
	for (unsigned slot = 0; slot < ABI_MAX_THREADS; slot++) {
		const struct abi_thread *t = &share->thread[slot];
		uint32_t proc = __atomic_load_n(&t->proc, __ATOMIC_RELAXED);

		if (!proc || proc > ABI_MAX_PROCS)
			continue;
		usage[proc - 1].cpu_ns += t->cpu_tsc;
		usage[proc - 1].local += t->local;
		usage[proc - 1].forwarded += share->mbox[slot].seq - t->seq;
	}
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		struct turn turn = turn_read(&share->core[i]);
		uint32_t proc = 0;

		/* Once: the guest can change it between the check and the use. */
		if (turn.slot && turn.slot <= ABI_MAX_THREADS)
			proc = __atomic_load_n(
				&share->thread[turn.slot - 1].proc, __ATOMIC_RELAXED);
		if (!proc || proc > ABI_MAX_PROCS)
			continue;
		usage[proc - 1].cpu_ns += turn.tsc;
		usage[proc - 1].local += turn.local;
	}
}

static void core_describe(const struct vm *vm, unsigned i, struct proto_core *to)
{
	struct account_core core;

	account_read(vm, i, &core);
	*to = (struct proto_core){
		.core = vm->plan->vcpu[i].core,
		.have_exits = core.have_kvm,
		.local = core.syscalls_local,
		.faults = core.faults,
		.irqs = core.irq_timer + core.irq_kick + core.irq_host,
		.switches = core.switches,
	};
	if (core.have_kvm) {
		to->exits = core.kvm[STAT_EXITS];
		to->irq_exits = core.kvm[STAT_IRQ_EXITS];
		to->halt_exits = core.kvm[STAT_HALT_EXITS];
	}
}

uint64_t ticks_ns(const struct vm *vm, uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * vm->share->time.mult >> 32);
}

bool client_send_account(struct server *s, const struct client *c)
{
	static struct proto_account account;
	static struct proto_usage usage[ABI_MAX_PROCS];
	const struct vm *vm = s->vm;

	account = (struct proto_account){
		.type = PROTO_ACCOUNT,
		.version = PROTO_VERSION,
		.ncores = vm->nvcpus,
		.nnodes = vm->plan->nnodes,
		.up_ms = server_now_ms() - s->start_ms,
	};
	for (unsigned i = 0; i < vm->nvcpus; i++)
		core_describe(vm, i, &account.core[i]);
	for (unsigned i = 0; i < account.nnodes; i++)
		account.node[i] =
			(struct proto_node){vm->share->mem_total[i], vm->share->mem_free[i]};
	server_usage(vm, usage);
	for_each_client (s, p) {
		struct proto_usage *to = &account.process[account.nprocs];

		if (p->state != CLIENT_PROCESS || account.nprocs == ABI_MAX_PROCS)
			continue;
		*to = usage[p->proc];
		to->pid = p->hello.pid;
		to->cpu_ns = ticks_ns(vm, to->cpu_ns);
		account.nprocs++;
	}
	return client_send(c, &account, sizeof(account));
}
