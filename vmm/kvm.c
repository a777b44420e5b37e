/* SPDX-License-Identifier: MIT */
#include "vmm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int kvm_ioctl(int fd, unsigned long request, const void *arg)
{
	int result;

	do
		result = ioctl(fd, request, arg);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

static int kvm_ioctl_value(int fd, unsigned long request, unsigned long value)
{
	int result;

	do
		result = ioctl(fd, request, value);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

int kvm_open(struct problem *problem)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int version;

	if (fd < 0 && errno == ENOENT)
		return problem_set(problem, -ENOENT, EXIT_LWVMM_FAILED,
			"/dev/kvm: this host has no KVM: load kvm_intel or kvm_amd "
			"(`modprobe kvm_amd`), or enable virtualization in the firmware");
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"/dev/kvm: permission denied: add yourself to its group "
			"(`usermod -aG kvm $USER`, then log in again)");
	if (fd < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"/dev/kvm: cannot be opened (%s): see `lwvmm check`", strerror(errno));
	version = kvm_ioctl_value(fd, KVM_GET_API_VERSION, 0);
	if (version == KVM_API_VERSION)
		return fd;
	close(fd);
	return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
		"/dev/kvm: answers API version %d, not %d: this is not a KVM that can be used",
		version, KVM_API_VERSION);
}

int kvm_run_size(int kvm_fd)
{
	return kvm_ioctl_value(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
}

int kvm_supported_cpuid(int kvm_fd, struct kvm_cpuid_table *table)
{
	memset(table, 0, sizeof(*table));
	table->head.nent = KVM_CPUID_MAX;
	return kvm_ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, table);
}

int kvm_vm_create(int kvm_fd)
{
	return kvm_ioctl_value(kvm_fd, KVM_CREATE_VM, 0);
}

int kvm_extension(int fd, unsigned cap)
{
	return kvm_ioctl_value(fd, KVM_CHECK_EXTENSION, cap);
}

int kvm_cap_enable(int vm_fd, unsigned cap, uint64_t arg)
{
	struct kvm_enable_cap enable = {.cap = cap, .args = {arg}};

	return kvm_ioctl(vm_fd, KVM_ENABLE_CAP, &enable);
}

int kvm_tss_set(int vm_fd, uint64_t gpa)
{
	return kvm_ioctl_value(vm_fd, KVM_SET_TSS_ADDR, gpa);
}

int kvm_slot_add(int vm_fd, unsigned slot, uint64_t gpa, uint64_t size, void *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uint64_t)host,
	};

	return kvm_ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static int doorbell(int vm_fd, int event_fd, uint16_t port, uint32_t value, uint32_t flags)
{
	struct kvm_ioeventfd io = {
		.datamatch = value,
		.addr = port,
		.len = 4,
		.fd = event_fd,
		.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH | flags,
	};

	return kvm_ioctl(vm_fd, KVM_IOEVENTFD, &io);
}

int kvm_doorbell_add(int vm_fd, int event_fd, uint16_t port, uint32_t value)
{
	return doorbell(vm_fd, event_fd, port, value, 0);
}

int kvm_doorbell_remove(int vm_fd, int event_fd, uint16_t port, uint32_t value)
{
	return doorbell(vm_fd, event_fd, port, value, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

int kvm_msi_routes_set(int vm_fd, unsigned first_gsi, unsigned n, uint8_t vector)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[256];
	} routes = {.head.nr = n};

	if (n > 256)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		routes.entry[i] = (struct kvm_irq_routing_entry){
			.gsi = first_gsi + i,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi =
				{
					.address_lo = 0xfee00000u | (i & 0xff) << 12,
					.address_hi = i & ~0xffu,
					.data = vector,
				},
		};
	return kvm_ioctl(vm_fd, KVM_SET_GSI_ROUTING, &routes);
}

int kvm_irqfd_add(int vm_fd, int event_fd, unsigned gsi)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)event_fd, .gsi = gsi};

	return kvm_ioctl(vm_fd, KVM_IRQFD, &irqfd);
}

int kvm_vcpu_create(int vm_fd, unsigned id)
{
	return kvm_ioctl_value(vm_fd, KVM_CREATE_VCPU, id);
}

int kvm_cpuid_set(int vcpu_fd, const struct kvm_cpuid_table *table)
{
	return kvm_ioctl(vcpu_fd, KVM_SET_CPUID2, table);
}

int kvm_sregs_get(int vcpu_fd, struct kvm_sregs *sregs)
{
	return kvm_ioctl(vcpu_fd, KVM_GET_SREGS, sregs);
}

int kvm_sregs_set(int vcpu_fd, const struct kvm_sregs *sregs)
{
	return kvm_ioctl(vcpu_fd, KVM_SET_SREGS, sregs);
}

int kvm_regs_get(int vcpu_fd, struct kvm_regs *regs)
{
	return kvm_ioctl(vcpu_fd, KVM_GET_REGS, regs);
}

int kvm_regs_set(int vcpu_fd, const struct kvm_regs *regs)
{
	return kvm_ioctl(vcpu_fd, KVM_SET_REGS, regs);
}

int kvm_events_get(int vcpu_fd, struct kvm_vcpu_events *events)
{
	return kvm_ioctl(vcpu_fd, KVM_GET_VCPU_EVENTS, events);
}

int kvm_events_set(int vcpu_fd, const struct kvm_vcpu_events *events)
{
	return kvm_ioctl(vcpu_fd, KVM_SET_VCPU_EVENTS, (void *)events);
}

int kvm_xcr0_set(int vcpu_fd, uint64_t xcr0)
{
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = xcr0}};

	return kvm_ioctl(vcpu_fd, KVM_SET_XCRS, &xcrs);
}

int kvm_xsave_get(int vcpu_fd, struct kvm_xsave *xsave)
{
	return kvm_ioctl(vcpu_fd, KVM_GET_XSAVE, xsave);
}

int kvm_xsave_set(int vcpu_fd, const struct kvm_xsave *xsave)
{
	return kvm_ioctl(vcpu_fd, KVM_SET_XSAVE, xsave);
}

int kvm_mp_runnable(int vcpu_fd)
{
	struct kvm_mp_state state = {.mp_state = KVM_MP_STATE_RUNNABLE};

	return kvm_ioctl(vcpu_fd, KVM_SET_MP_STATE, &state);
}

int kvm_tsc_khz(int vcpu_fd)
{
	return kvm_ioctl_value(vcpu_fd, KVM_GET_TSC_KHZ, 0);
}

int kvm_tsc_offset_clear(int vcpu_fd)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uint64_t)&offset,
	};

	return kvm_ioctl(vcpu_fd, KVM_SET_DEVICE_ATTR, &attr);
}

int kvm_signal_mask_set(int vcpu_fd, const sigset_t *mask)
{
	/* The kernel's signal set is 8 bytes, the C library's is longer. */
	struct {
		struct kvm_signal_mask head;
		uint8_t bits[8];
	} __attribute__((packed)) arg = {.head.len = sizeof(arg.bits)};

	memcpy(arg.bits, mask, sizeof(arg.bits));
	return kvm_ioctl(vcpu_fd, KVM_SET_SIGNAL_MASK, &arg);
}

int kvm_stats_open(int fd)
{
	return kvm_ioctl_value(fd, KVM_GET_STATS_FD, 0);
}

int kvm_run(int vcpu_fd)
{
	/* Not through kvm_ioctl: here EINTR is an answer. */
	return ioctl(vcpu_fd, KVM_RUN, 0) < 0 ? -errno : 0;
}

const char *kvm_exit_name(unsigned reason)
{
	static const char *const names[] = {
		[KVM_EXIT_UNKNOWN] = "UNKNOWN",
		[KVM_EXIT_EXCEPTION] = "EXCEPTION",
		[KVM_EXIT_IO] = "IO",
		[KVM_EXIT_HYPERCALL] = "HYPERCALL",
		[KVM_EXIT_DEBUG] = "DEBUG",
		[KVM_EXIT_HLT] = "HLT",
		[KVM_EXIT_MMIO] = "MMIO",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
		[KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
		[KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
		[KVM_EXIT_INTR] = "INTR",
		[KVM_EXIT_SET_TPR] = "SET_TPR",
		[KVM_EXIT_TPR_ACCESS] = "TPR_ACCESS",
		[KVM_EXIT_NMI] = "NMI",
		[KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
		[KVM_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT",
		[KVM_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
		[KVM_EXIT_X86_RDMSR] = "X86_RDMSR",
		[KVM_EXIT_X86_WRMSR] = "X86_WRMSR",
		[KVM_EXIT_X86_BUS_LOCK] = "X86_BUS_LOCK",
		[KVM_EXIT_NOTIFY] = "NOTIFY",
	};

	if (reason < sizeof(names) / sizeof(names[0]) && names[reason])
		return names[reason];
	return "OTHER";
}
