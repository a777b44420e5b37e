/* SPDX-License-Identifier: MIT */
#include "vmm/account.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/kvm.h"
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

/* In the order of enum account_page. */
static const char *const page_stat_name[ACCOUNT_PAGES] = {"pages_1g", "pages_2m", "pages_4k"};

const char *account_stat_name(enum account_stat stat)
{
	return stat_name[stat];
}

/* Where KVM keeps each statistic of `name`, learnt from the descriptor's own description. */
static bool layout_learn(
	struct account_layout *layout, int fd, const char *const *name, unsigned n)
{
	struct {
		struct kvm_stats_desc desc;
		char name[NAME_MAX_LEN];
	} d;
	struct kvm_stats_header head;
	size_t size;

	for (unsigned i = 0; i < n; i++)
		layout->offset[i] = UINT32_MAX;
	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
		head.name_size >= NAME_MAX_LEN)
		return false;
	layout->data_at = head.data_offset;
	size = sizeof(d.desc) + head.name_size;
	for (uint32_t i = 0; i < head.num_desc; i++) {
		memset(&d, 0, sizeof(d));
		if (pread(fd, &d, size, head.desc_offset + (off_t)(i * size)) != (ssize_t)size)
			return false;
		for (unsigned s = 0; s < n; s++)
			if (!strcmp(d.name, name[s]))
				layout->offset[s] = d.desc.offset;
	}
	return true;
}

int account_create(struct vm *vm)
{
	vm->account = calloc(1, sizeof(*vm->account));
	if (!vm->account)
		return -ENOMEM;
	pthread_mutex_init(&vm->account->lock, NULL);
	vm->account->vm_fd = kvm_stats_open(vm->vm_fd);
	vm->account->have_kvm =
		layout_learn(&vm->account->vcpu, vm->vcpu[0].stats_fd, stat_name, STAT_N);
	vm->account->have_pages = layout_learn(
		&vm->account->vm, vm->account->vm_fd, page_stat_name, ACCOUNT_PAGES);
	return 0;
}

void account_destroy(struct vm *vm)
{
	if (!vm->account)
		return;
	if (vm->account->vm_fd >= 0)
		close(vm->account->vm_fd);
	pthread_mutex_destroy(&vm->account->lock);
	free(vm->account);
	vm->account = NULL;
}

/* Those KVM does not have are 0. */
static bool stats_read(const struct account_layout *layout, int fd, uint64_t *stat, unsigned n)
{
	uint64_t data[DATA_MAX];
	ssize_t got = pread(fd, data, sizeof(data), layout->data_at);

	for (unsigned s = 0; s < n; s++) {
		uint32_t at = layout->offset[s];

		stat[s] = 0;
		if (at % 8 == 0 && got >= 8 && at <= (size_t)got - 8)
			stat[s] = data[at / 8];
	}
	return got > 0;
}

bool account_nested_pages(const struct vm *vm, uint64_t pages[ACCOUNT_PAGES])
{
	return !vm->software && vm->account->have_pages &&
	       stats_read(&vm->account->vm, vm->account->vm_fd, pages, ACCOUNT_PAGES);
}

void account_read(const struct vm *vm, unsigned index, struct account_core *core)
{
	const struct abi_core *lwk = &vm->share->core[index];

	core->have_kvm =
		vm->account->have_kvm &&
		stats_read(&vm->account->vcpu, vm->vcpu[index].stats_fd, core->kvm, STAT_N);
	core->syscalls_local = lwk->n_syscalls_local;
	core->faults = lwk->n_faults;
	core->exceptions = lwk->n_exceptions;
	core->irq_timer = lwk->n_irq_timer;
	core->irq_kick = lwk->n_irq_kick;
	core->irq_host = lwk->n_irq_host;
	core->switches = lwk->n_switches;
	core->halts = lwk->n_halts;
	core->lock_waits = lwk->n_lock_waits;
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
