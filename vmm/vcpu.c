/* SPDX-License-Identifier: MIT */
/*
 * One vCPU: its first state, its thread, its run loop.
 *
 * Stopping without a lost wake-up: the stop signal is blocked in the thread and unblocked by
 * KVM_RUN alone (KVM_SET_SIGNAL_MASK), so one sent a moment before KVM_RUN begins is still
 * pending there and ends it at once. It is never delivered to a handler.
 */
#include "vmm/vm.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/base/affinity.h"
#include "vmm/exits.h"
#include "vmm/kvm.h"

#define STOP_SIGNAL SIGRTMIN
#define STACK_SIZE  (128u << 10)

#define CR0_START  0x80010023ULL /* PG WP NE MP PE */
#define CR4_START  0x506a0ULL    /* OSXSAVE FSGSBASE OSXMMEXCPT OSFXSR PGE PAE */
#define EFER_START 0xd01ULL      /* NXE LMA LME SCE */
#define APIC_X2    0xc00ULL      /* EN EXTD */

static int vcpu_problem(struct problem *problem, unsigned index, int err, const char *what)
{
	return problem_set(problem, err, EXIT_LWVMM_FAILED,
		"vCPU %u: %s failed (%s): see `lwvmm check` for what this host's KVM lacks",
		index, what, strerror(-err));
}

static int vcpu_shape(struct vcpu *vcpu, struct kvm_cpuid_table *cpuid, struct problem *problem)
{
	sigset_t all_but_stop;
	int err;

	err = kvm_cpuid_set(vcpu->fd, cpuid);
	if (err)
		return vcpu_problem(problem, vcpu->index, err, "KVM_SET_CPUID2");
	err = kvm_xcr0_set(vcpu->fd, vcpu->vm->xcr0);
	if (err)
		return vcpu_problem(problem, vcpu->index, err, "KVM_SET_XCRS");
	/* Guest and host TSC are one clock; KVMs too old to be told start it near 0 and cannot
	 * serve. */
	err = kvm_tsc_offset_clear(vcpu->fd);
	if (err)
		return vcpu_problem(problem, vcpu->index, err, "KVM_VCPU_TSC_OFFSET");
	err = kvm_mp_runnable(vcpu->fd);
	if (err)
		return vcpu_problem(problem, vcpu->index, err, "KVM_SET_MP_STATE");
	sigfillset(&all_but_stop);
	sigdelset(&all_but_stop, STOP_SIGNAL);
	err = kvm_signal_mask_set(vcpu->fd, &all_but_stop);
	return err ? vcpu_problem(problem, vcpu->index, err, "KVM_SET_SIGNAL_MASK") : 0;
}

int vcpu_create(struct vcpu *vcpu, struct vm *vm, unsigned index, struct kvm_cpuid_table *cpuid,
	struct problem *problem)
{
	int err;

	*vcpu = (struct vcpu){.vm = vm, .index = index};
	vcpu->fd = err = kvm_vcpu_create(vm->vm_fd, index);
	if (err < 0)
		return vcpu_problem(problem, index, err, "KVM_CREATE_VCPU");
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		err = vcpu_problem(problem, index, -errno, "mmap");
		goto fail_fd;
	}
	vcpu->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vcpu->irq_fd < 0) {
		err = vcpu_problem(problem, index, -errno, "eventfd");
		goto fail_run;
	}
	vcpu->xsave = aligned_alloc(64, sizeof(struct kvm_xsave));
	if (!vcpu->xsave) {
		err = vcpu_problem(problem, index, -ENOMEM, "malloc");
		goto fail_irq;
	}
	err = vcpu_shape(vcpu, cpuid, problem);
	if (err)
		goto fail_xsave;
	vcpu->stats_fd = kvm_stats_open(vcpu->fd);
	return 0;
fail_xsave:
	free(vcpu->xsave);
fail_irq:
	close(vcpu->irq_fd);
fail_run:
	munmap(vcpu->run, vm->run_size);
fail_fd:
	close(vcpu->fd);
	return err;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->stats_fd >= 0)
		close(vcpu->stats_fd);
	free(vcpu->xsave);
	close(vcpu->irq_fd);
	munmap(vcpu->run, vcpu->vm->run_size);
	close(vcpu->fd);
}

/* Flat 64-bit segments. The guest loads its own tables before it loads a selector. */
static void sregs_long_mode(struct kvm_sregs *sregs, uint64_t cr3)
{
	static const struct kvm_segment code = {
		.limit = 0xffffffff,
		.selector = 8,
		.type = 11,
		.present = 1,
		.s = 1,
		.l = 1,
		.g = 1,
	};
	static const struct kvm_segment data = {
		.limit = 0xffffffff,
		.selector = 16,
		.type = 3,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};

	sregs->cs = code;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->gdt = sregs->idt = (struct kvm_dtable){0};
	sregs->cr0 = CR0_START;
	sregs->cr3 = cr3;
	sregs->cr4 = CR4_START;
	sregs->efer = EFER_START;
	sregs->apic_base |= APIC_X2;
}

int vcpu_set_entry(
	struct vcpu *vcpu, uint64_t entry, gpa_t page_tables, struct problem *problem)
{
	struct kvm_regs regs = {
		.rip = entry,
		.rflags = 2,
		.rdi = vcpu->index,
		.rsi = ABI_FDT_GPA,
	};
	struct kvm_sregs sregs;
	int err;

	err = kvm_sregs_get(vcpu->fd, &sregs);
	if (err)
		return vcpu_problem(problem, vcpu->index, err, "KVM_GET_SREGS");
	sregs_long_mode(&sregs, page_tables.value);
	err = kvm_sregs_set(vcpu->fd, &sregs);
	if (err)
		return vcpu_problem(problem, vcpu->index, err, "KVM_SET_SREGS");
	err = kvm_regs_set(vcpu->fd, &regs);
	return err ? vcpu_problem(problem, vcpu->index, err, "KVM_SET_REGS") : 0;
}

static enum exit_verdict vcpu_run_once(struct vcpu *vcpu)
{
	int err = kvm_run(vcpu->fd);

	/* EAGAIN: software KVM, a wake-up without work. Both end in another look at `stopping`.
	 */
	if (err == -EINTR || err == -EAGAIN) {
		vcpu->exits[KVM_EXIT_INTR]++;
		return EXIT_CONTINUE;
	}
	if (err == -EFAULT && vcpu->vm->window.size)
		return window_bus(vcpu);
	if (err) {
		vcpu->failure = VCPU_RUN;
		vcpu->error = err;
		return EXIT_FAIL;
	}
	return exit_handle(vcpu, vcpu->run);
}

static void vcpu_account(struct vcpu *vcpu)
{
	struct rusage usage;

	if (!getrusage(RUSAGE_THREAD, &usage))
		vcpu->involuntary = (uint64_t)usage.ru_nivcsw;
}

static void *vcpu_main(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;
	unsigned core = vm->plan->vcpu[vcpu->index].core;
	struct problem problem = {0};
	uint64_t one = 1;

	if (affinity_pin(core, &problem)) {
		vcpu->failure = VCPU_PIN;
		problem_print(&problem);
	}
	while (!vcpu->failure && !atomic_load_explicit(&vm->stopping, memory_order_acquire))
		if (vcpu_run_once(vcpu) != EXIT_CONTINUE)
			break;
	if (!vcpu->failure && affinity_verify(core, &problem))
		note_print("vCPU %u: %s", vcpu->index, problem.text);
	vcpu_account(vcpu);
	if (vcpu->failure && write(vm->fail_fd, &one, sizeof(one)) < 0)
		note_print("vCPU %u failed and could not say so", vcpu->index);
	return NULL;
}

/*
 * KVM makes its own worker (kvm-nx-lpage-recovery) at the first KVM_RUN, with the affinity of
 * the thread that calls: so this first one is made here, off the guest's cores, and ends before
 * the guest's first instruction.
 */
static void kvm_worker_place(struct vm *vm)
{
	struct kvm_run *run = vm->vcpu[0].run;

	run->immediate_exit = 1;
	(void)kvm_run(vm->vcpu[0].fd);
	run->immediate_exit = 0;
}

int vm_start(struct vm *vm, struct problem *problem)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err = 0;

	kvm_worker_place(vm);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (unsigned i = 0; i < vm->nvcpus && !err; i++) {
		err = -pthread_create(&vm->vcpu[i].thread, &attr, vcpu_main, &vm->vcpu[i]);
		vm->vcpu[i].started = !err;
		if (err)
			vcpu_problem(problem, i, err, "pthread_create");
	}
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		vm_stop(vm);
	return err;
}

void vm_stop(struct vm *vm)
{
	atomic_store_explicit(&vm->stopping, true, memory_order_release);
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		if (!vm->vcpu[i].started)
			continue;
		vm->vcpu[i].run->immediate_exit = 1;
		pthread_kill(vm->vcpu[i].thread, STOP_SIGNAL);
	}
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		if (!vm->vcpu[i].started)
			continue;
		pthread_join(vm->vcpu[i].thread, NULL);
		vm->vcpu[i].started = false;
	}
}
