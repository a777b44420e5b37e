/* SPDX-License-Identifier: MIT */
#include "vmm/account.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/vm.h"

#define NAME_MAX_LEN 128
#define DATA_MAX     1024 /* 64-bit values in a vCPU's statistics; histograms make most of them */

static const char *const stat_name[STAT_N] = {
	[STAT_EXITS] = "exits",
	[STAT_IRQ_EXITS] = "irq_exits",
	[STAT_SIGNAL_EXITS] = "signal_exits",
	[STAT_HALT_EXITS] = "halt_exits",
	[STAT_IO_EXITS] = "io_exits",
	[STAT_MMIO_EXITS] = "mmio_exits",
	[STAT_IRQ_WINDOW_EXITS] = "irq_window_exits",
	[STAT_REQUEST_IRQ_EXITS] = "request_irq_exits",
	[STAT_IRQ_INJECTIONS] = "irq_injections",
	[STAT_PF_TAKEN] = "pf_taken",
	[STAT_PF_FIXED] = "pf_fixed",
	[STAT_PF_GUEST] = "pf_guest",
	[STAT_INSN_EMULATION] = "insn_emulation",
	[STAT_TLB_FLUSH] = "tlb_flush",
	[STAT_PREEMPTION] = "preemption_reported",
};

const char *account_stat_name(enum account_stat stat)
{
	return stat_name[stat];
}

/* Where KVM keeps each statistic we know, learnt from its own descriptors. */
static void offsets_learn(struct account *account, int fd)
{
	struct {
		struct kvm_stats_desc desc;
		char name[NAME_MAX_LEN];
	} d;
	struct kvm_stats_header head;
	size_t size;

	for (unsigned i = 0; i < STAT_N; i++)
		account->offset[i] = UINT32_MAX;
	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
		head.name_size >= NAME_MAX_LEN)
		return;
	account->have_kvm = true;
	account->data_at = head.data_offset;
	size = sizeof(d.desc) + head.name_size;
	for (uint32_t i = 0; i < head.num_desc; i++) {
		memset(&d, 0, sizeof(d));
		if (pread(fd, &d, size, head.desc_offset + (off_t)(i * size)) != (ssize_t)size)
			return;
		for (unsigned s = 0; s < STAT_N; s++)
			if (!strcmp(d.name, stat_name[s]))
				account->offset[s] = d.desc.offset;
	}
}

int account_create(struct vm *vm)
{
	vm->account = calloc(1, sizeof(*vm->account));
	if (!vm->account)
		return -ENOMEM;
	pthread_mutex_init(&vm->account->lock, NULL);
	offsets_learn(vm->account, vm->vcpu[0].stats_fd);
	return 0;
}

void account_destroy(struct vm *vm)
{
	if (!vm->account)
		return;
	pthread_mutex_destroy(&vm->account->lock);
	free(vm->account);
	vm->account = NULL;
}

static bool kvm_stats_read(const struct account *account, int fd, uint64_t stat[STAT_N])
{
	uint64_t data[DATA_MAX];
	ssize_t got = -1;

	if (account->have_kvm && fd >= 0)
		got = pread(fd, data, sizeof(data), account->data_at);
	for (unsigned s = 0; s < STAT_N; s++) {
		uint32_t at = account->offset[s];

		stat[s] = 0;
		if (at % 8 == 0 && got >= 8 && at <= (size_t)got - 8)
			stat[s] = data[at / 8];
	}
	return got > 0;
}

void account_read(const struct vm *vm, unsigned index, struct account_core *core)
{
	const struct abi_core *lwk = &vm->share->core[index];

	core->have_kvm = kvm_stats_read(vm->account, vm->vcpu[index].stats_fd, core->kvm);
	core->syscalls_local = lwk->n_syscalls_local;
	core->faults = lwk->n_faults;
	core->exceptions = lwk->n_exceptions;
	core->irq_timer = lwk->n_irq_timer;
	core->irq_kick = lwk->n_irq_kick;
	core->irq_host = lwk->n_irq_host;
	core->switches = lwk->n_switches;
	core->halts = lwk->n_halts;
}

void account_mark(struct vm *vm, uint64_t n)
{
	struct account *account = vm->account;
	struct account_mark *mark;

	pthread_mutex_lock(&account->lock);
	if (account->nmarks == ACCOUNT_MAX_MARKS) {
		account->lost++;
	} else {
		mark = &account->mark[account->nmarks++];
		mark->n = n;
		mark->tsc = __rdtsc();
		for (unsigned i = 0; i < vm->nvcpus; i++)
			account_read(vm, i, &mark->core[i]);
	}
	pthread_mutex_unlock(&account->lock);
}

uint64_t account_guest_exits(const struct account_core *core)
{
	return core->kvm[STAT_EXITS] - core->kvm[STAT_IRQ_EXITS];
}
