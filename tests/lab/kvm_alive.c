/* SPDX-License-Identifier: MIT */
/*
 * The lab's own first test: does KVM run a guest here, on memory of a given page size? It owes
 * nothing to lwvmm, so where it fails the lab is at fault. The guest (64-bit, one vCPU) adds up
 * 1 to 1000 through its memory, writes the sum to a port and halts; the halt must leave
 * KVM_RUN.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/mman.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPECTED_SUM 500500u
#define SUM_PORT     0x10

/* Guest-physical addresses; one 2 MiB identity page maps them all. */
enum {
	GPA_PML4 = 0x1000,
	GPA_PDPT = 0x2000,
	GPA_PD = 0x3000,
	GPA_CODE = 0x4000,
	GPA_DATA = 0x5000
};

static const uint8_t code[] = {
	0xb9, 0xe8, 0x03, 0x00, 0x00,       /* mov $1000, %ecx */
	0x01, 0x0c, 0x25, 0, 0x50, 0, 0,    /* add %ecx, GPA_DATA */
	0xff, 0xc9,                         /* dec %ecx */
	0x75, 0xf5,                         /* jnz to the add */
	0x8b, 0x04, 0x25, 0x00, 0x50, 0, 0, /* mov GPA_DATA, %eax */
	0xe7, SUM_PORT,                     /* out %eax, $SUM_PORT */
	0xf4,                               /* hlt */
};

struct page_kind {
	const char *name;
	size_t size;
	int flags;
};

static const struct page_kind kinds[] = {
	{"4K", 2u << 20, 0},
	{"2M", 2u << 20, MAP_HUGETLB | MAP_HUGE_2MB},
	{"1G", 1u << 30, MAP_HUGETLB | MAP_HUGE_1GB},
};

static const struct page_kind *kind_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	}
	errx(2, "usage: kvm_alive 4K|2M|1G|hold");
}

static int checked_ioctl(int fd, unsigned long request, void *arg, const char *what)
{
	int result = ioctl(fd, request, arg);

	if (result < 0)
		err(1, "%s", what);
	return result;
}

static void put64(uint8_t *ram, size_t gpa, uint64_t value)
{
	memcpy(ram + gpa, &value, sizeof(value));
}

static uint8_t *make_ram(int vm, const struct page_kind *kind)
{
	uint8_t *ram = mmap(NULL, kind->size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | kind->flags, -1, 0);
	if (ram == MAP_FAILED)
		err(1, "%zu bytes in pages of %s", kind->size, kind->name);

	put64(ram, GPA_PML4, GPA_PDPT | 3);
	put64(ram, GPA_PDPT, GPA_PD | 3);
	put64(ram, GPA_PD, 0x83);
	memcpy(ram + GPA_CODE, code, sizeof(code));

	struct kvm_userspace_memory_region region = {
		.memory_size = kind->size, .userspace_addr = (uintptr_t)ram};
	checked_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	return ram;
}

static void set_registers(int vcpu)
{
	struct kvm_sregs sregs;
	struct kvm_segment data = {.limit = UINT32_MAX,
		.selector = 16,
		.type = 3,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1};
	struct kvm_segment text = data;
	struct kvm_regs regs = {.rip = GPA_CODE, .rflags = 2};

	text.selector = 8;
	text.type = 11;
	text.db = 0;
	text.l = 1;
	checked_ioctl(vcpu, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cs = text;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr3 = GPA_PML4;
	sregs.cr4 = 0x20;       /* PAE */
	sregs.cr0 = 0x80000031; /* PG, NE, ET, PE */
	sregs.efer = 0x500;     /* LMA, LME */
	checked_ioctl(vcpu, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	checked_ioctl(vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

static void expect_sum(const struct kvm_run *run)
{
	uint32_t sum;

	if (run->exit_reason != KVM_EXIT_IO || run->io.port != SUM_PORT || run->io.size != 4)
		errx(1, "exit %u where the guest's sum was expected", run->exit_reason);
	memcpy(&sum, (const uint8_t *)run + run->io.data_offset, sizeof(sum));
	if (sum != EXPECTED_SUM)
		errx(1, "the guest's sum is %u, not %u", sum, EXPECTED_SUM);
}

/* One vCPU with KVM's own interrupt controller, one without: each has its static key. */
static void hold(int kvm)
{
	for (int irqchip = 0; irqchip < 2; irqchip++) {
		int vm = checked_ioctl(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");

		if (irqchip)
			checked_ioctl(vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
		checked_ioctl(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	}
	puts("held");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		err(1, "/dev/kvm");
	if (argc == 2 && strcmp(argv[1], "hold") == 0)
		hold(kvm);

	const struct page_kind *kind = kind_by_name(argc == 2 ? argv[1] : "");

	int vm = checked_ioctl(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	uint8_t *ram = make_ram(vm, kind);
	int vcpu = checked_ioctl(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	size_t size =
		checked_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	struct kvm_run *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(1, "mapping of struct kvm_run");

	set_registers(vcpu);
	checked_ioctl(vcpu, KVM_RUN, NULL, "KVM_RUN");
	expect_sum(run);
	checked_ioctl(vcpu, KVM_RUN, NULL, "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_HLT)
		errx(1, "exit %u where the guest's halt was expected", run->exit_reason);

	printf("kvm is alive on %s pages\n", kind->name);
	munmap(run, size);
	munmap(ram, kind->size);
	close(vcpu);
	close(vm);
	close(kvm);
	return 0;
}
