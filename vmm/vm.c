/* SPDX-License-Identifier: MIT */
#include "vmm/vm.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/cpuid.h"
#include "vmm/kvm.h"

#define IOAPIC_PINS                                                                            \
	24 /* split irqchip: reserved for an IOAPIC of user space; MSI routes follow */
#define TSS_GPA 0xfffbd000ULL /* three pages that Intel's KVM wants, in the device hole */
#define EXITS_OFF                                                                              \
	(KVM_X86_DISABLE_EXITS_MWAIT | KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE)
#define X2APIC_FLAGS (KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)

static int kvm_problem(struct problem *problem, int err, const char *what)
{
	return problem_set(problem, err, EXIT_LWVMM_FAILED,
		"/dev/kvm: %s failed (%s): see `lwvmm check` for what this host lacks", what,
		strerror(-err));
}

/* All that must be said before the first vCPU is there. */
static int caps_enable(struct vm *vm, struct problem *problem)
{
	int err, mask;

	err = kvm_tss_set(vm->vm_fd, TSS_GPA);
	if (err)
		return kvm_problem(problem, err, "KVM_SET_TSS_ADDR");
	err = kvm_cap_enable(vm->vm_fd, KVM_CAP_SPLIT_IRQCHIP, IOAPIC_PINS);
	if (err)
		return kvm_problem(problem, err, "KVM_CAP_SPLIT_IRQCHIP");
	err = kvm_cap_enable(vm->vm_fd, KVM_CAP_X2APIC_API, X2APIC_FLAGS);
	if (err)
		return kvm_problem(problem, err, "KVM_CAP_X2APIC_API");
	if (vm->plan->cores_shared && kvm_extension(vm->vm_fd, KVM_CAP_HALT_POLL) > 0)
		/* A halted vCPU must leave its core to the proxies at once. Older KVMs poll
		 * anyway. */
		(void)kvm_cap_enable(vm->vm_fd, KVM_CAP_HALT_POLL, 0);
	mask = kvm_extension(vm->vm_fd, KVM_CAP_X86_DISABLE_EXITS);
	if (mask <= 0)
		return 0;
	if (vm->software)
		mask &= KVM_X86_DISABLE_EXITS_HLT;
	else
		mask &= vm->plan->cores_shared ? 0 : EXITS_OFF;
	err = mask ? kvm_cap_enable(vm->vm_fd, KVM_CAP_X86_DISABLE_EXITS, mask) : 0;
	return err ? kvm_problem(problem, err, "KVM_CAP_X86_DISABLE_EXITS") : 0;
}

static int share_create(struct vm *vm, struct problem *problem)
{
	int err;

	vm->share_fd = memfd_create("lwvmm-share", MFD_CLOEXEC);
	if (vm->share_fd < 0 || ftruncate(vm->share_fd, ABI_SHARE_SIZE)) {
		err = -errno;
		goto fail;
	}
	vm->share =
		mmap(NULL, ABI_SHARE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, vm->share_fd, 0);
	if (vm->share == MAP_FAILED) {
		err = -errno;
		goto fail;
	}
	vm->share->magic = ABI_SHARE_MAGIC;
	vm->share->version = ABI_VERSION;
	vm->share->ncores = vm->plan->nvcpus;
	return 0;
fail:
	if (vm->share_fd >= 0)
		close(vm->share_fd);
	return problem_set(problem, err, EXIT_LWVMM_FAILED,
		"share area: %llu KiB of memory could not be had (%s): free some memory",
		ABI_SHARE_SIZE >> 10, strerror(-err));
}

static void share_destroy(struct vm *vm)
{
	munmap(vm->share, ABI_SHARE_SIZE);
	close(vm->share_fd);
}

static int slot_add(struct vm *vm, unsigned slot, uint64_t start, uint64_t size, void *host,
	struct problem *problem)
{
	int err = gpa_map_add(&vm->map, gpa(start), size, host);

	if (!err)
		err = kvm_slot_add(vm->vm_fd, slot, start, size, host);
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"memory slot %u (gpa %#llx, %llu MiB): KVM refused it (%s): report "
			"this as "
			"a bug",
			slot, (unsigned long long)start, (unsigned long long)size >> 20,
			strerror(-err));
	return 0;
}

static int slots_add(struct vm *vm, struct problem *problem)
{
	const struct plan *plan = vm->plan;
	int err;

	for (unsigned i = 0; i < plan->nextents; i++) {
		err = slot_add(vm, i, plan->extent[i].gpa, plan->extent[i].size,
			vm->memory->extent[i].hva, problem);
		if (err)
			return err;
	}
	return slot_add(vm, plan->nextents, ABI_SHARE_GPA, ABI_SHARE_SIZE, vm->share, problem);
}

/* Not in the map: the VMM itself never touches what is mapped there, which may vanish. */
static int window_add(struct vm *vm, struct problem *problem)
{
	const struct plan *plan = vm->plan;
	int err;

	if (!plan->window_size)
		return 0;
	err = window_create(&vm->window, plan->window_gpa, plan->window_size, problem);
	if (err)
		return err;
	err = kvm_slot_add(vm->vm_fd, plan->nextents + 1, vm->window.gpa, vm->window.size,
		vm->window.host);
	if (!err)
		return 0;
	window_destroy(&vm->window);
	vm->window.size = 0;
	return problem_set(problem, err, EXIT_LWVMM_FAILED,
		"window: KVM refused a slot of %lu MiB (%s): ask for less with --window",
		(unsigned long)(plan->window_size >> 20), strerror(-err));
}

static void window_remove(struct vm *vm)
{
	if (vm->window.size)
		window_destroy(&vm->window);
}

static void bells_destroy(struct vm *vm)
{
	for (unsigned i = 0; i <= ABI_MAX_PROCS; i++)
		if (vm->bell_fd[i] >= 0)
			close(vm->bell_fd[i]);
	close(vm->fail_fd);
}

static int bells_create(struct vm *vm, struct problem *problem)
{
	int err;

	for (unsigned i = 0; i <= ABI_MAX_PROCS; i++)
		vm->bell_fd[i] = -1;
	vm->fail_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->fail_fd < 0)
		return kvm_problem(problem, -errno, "eventfd");
	for (unsigned i = 0; i <= ABI_MAX_PROCS; i++) {
		vm->bell_fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vm->bell_fd[i] < 0) {
			err = kvm_problem(problem, -errno, "eventfd");
			goto fail;
		}
		err = kvm_doorbell_add(vm->vm_fd, vm->bell_fd[i], ABI_PORT_BELL, i);
		if (err) {
			err = kvm_problem(problem, err, "KVM_IOEVENTFD");
			goto fail;
		}
	}
	return 0;
fail:
	bells_destroy(vm);
	return err;
}

static void vcpus_destroy(struct vm *vm)
{
	while (vm->nvcpus)
		vcpu_destroy(&vm->vcpu[--vm->nvcpus]);
}

static int interrupts_connect(struct vm *vm, struct problem *problem)
{
	int err = kvm_msi_routes_set(vm->vm_fd, IOAPIC_PINS, vm->nvcpus, ABI_VEC_HOST);

	if (err)
		return kvm_problem(problem, err, "KVM_SET_GSI_ROUTING");
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		err = kvm_irqfd_add(vm->vm_fd, vm->vcpu[i].irq_fd, IOAPIC_PINS + i);
		if (err)
			return kvm_problem(problem, err, "KVM_IRQFD");
	}
	return 0;
}

static int vcpus_create(struct vm *vm, struct problem *problem)
{
	static struct kvm_cpuid_table supported, cpuid;
	bool deadline = kvm_extension(vm->vm_fd, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	int err = kvm_supported_cpuid(vm->kvm_fd, &supported);
	int size = kvm_run_size(vm->kvm_fd);

	if (err || size < 0)
		return kvm_problem(problem, err ? err : size, "KVM_GET_SUPPORTED_CPUID");
	vm->run_size = (size_t)size;
	vm->xcr0 = cpuid_xcr0(&supported, &vm->xstate_size);
	vm->guest_1g = !vm->software && cpuid_has_1g(&supported);
	while (vm->nvcpus < vm->plan->nvcpus) {
		cpuid = supported;
		cpuid_shape(&cpuid, vm->plan, vm->nvcpus, deadline, vm->xcr0);
		err = vcpu_create(&vm->vcpu[vm->nvcpus], vm, vm->nvcpus, &cpuid, problem);
		if (err)
			goto fail;
		vm->nvcpus++;
	}
	err = interrupts_connect(vm, problem);
	if (err)
		goto fail;
	vm->tsc_khz = (uint64_t)kvm_tsc_khz(vm->vcpu[0].fd);
	return 0;
fail:
	vcpus_destroy(vm);
	return err;
}

int vm_create(struct vm *vm, const struct plan *plan, const struct memory *memory,
	struct problem *problem)
{
	int err;

	vm->plan = plan;
	vm->memory = memory;
	vm->software = plan->kvm == KVM_KIND_SOFTWARE;
	vm->kvm_fd = err = kvm_open(problem);
	if (err < 0)
		return err;
	vm->vm_fd = err = kvm_vm_create(vm->kvm_fd);
	if (err < 0) {
		kvm_problem(problem, err, "KVM_CREATE_VM");
		goto fail_kvm;
	}
	err = caps_enable(vm, problem);
	if (err)
		goto fail_vm;
	err = share_create(vm, problem);
	if (err)
		goto fail_vm;
	err = slots_add(vm, problem);
	if (err)
		goto fail_share;
	err = window_add(vm, problem);
	if (err)
		goto fail_share;
	err = bells_create(vm, problem);
	if (err)
		goto fail_window;
	err = vcpus_create(vm, problem);
	if (err)
		goto fail_bells;
	return 0;
fail_bells:
	bells_destroy(vm);
fail_window:
	window_remove(vm);
fail_share:
	share_destroy(vm);
fail_vm:
	close(vm->vm_fd);
fail_kvm:
	close(vm->kvm_fd);
	return err;
}

void vm_destroy(struct vm *vm)
{
	vcpus_destroy(vm);
	bells_destroy(vm);
	/* The VM lives until its last descriptor is closed, and with it the slots: before the
	 * memory. */
	close(vm->vm_fd);
	window_remove(vm);
	share_destroy(vm);
	close(vm->kvm_fd);
}

void vm_interrupt_all(struct vm *vm)
{
	const uint64_t one = 1;

	for (unsigned i = 0; i < vm->nvcpus; i++) {
		__atomic_store_n(&vm->share->core[i].irq_sent, 0, __ATOMIC_SEQ_CST);
		if (write(vm->vcpu[i].irq_fd, &one, sizeof(one)) < 0)
			note_print("interrupt of core %u: eventfd says %s", i, strerror(errno));
	}
}

void vm_event(struct vm *vm, unsigned proc)
{
	struct abi_core *core = &vm->share->core[0];
	uint64_t one = 1;

	__atomic_fetch_or(&core->events, 1ULL << proc, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&core->need_irq, __ATOMIC_RELAXED))
		return;
	if (__atomic_exchange_n(&core->irq_sent, 1, __ATOMIC_SEQ_CST))
		return;
	if (write(vm->vcpu[0].irq_fd, &one, sizeof(one)) < 0)
		note_print("interrupt of core 0: eventfd says %s", strerror(errno));
}
