/* SPDX-License-Identifier: MIT */
/*
 * Boots boot_guest.elf on two vCPUs of this machine's KVM, without plan, pools or proxy: the
 * VM, the loader, hypercalls, doorbells and host interrupts alone. Usage: test_boot IMAGE
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "guest-lwk/abi/layout.h"
#include "numa/host.h"
#include "vmm/account.h"
#include "vmm/boot.h"
#include "vmm/memory.h"
#include "vmm/postmortem.h"
#include "vmm/vm.h"

#define WAIT_MS    10000
#define FDT_MAGIC  0xedfe0dd0u /* as a little-endian machine reads it */
#define INTERRUPTS 3

static struct plan plan;
static struct host host;
static struct memory memory;
static struct vm vm;
static struct problem problem;
static int bad;

#define EXPECT(what, ok) expect((what), (ok), __LINE__)

static void expect(const char *what, int ok, int line)
{
	printf("%s %s (line %d)\n", ok ? "ok  " : "BAD ", what, line);
	bad += !ok;
}

static void make_plan(void)
{
	unsigned n = 0;

	if (host_read("", &host, &problem))
		return;
	snprintf(plan.name, sizeof(plan.name), "test-boot");
	for (unsigned c = 0; c < host.ncpus && n < 2; c++) {
		if (!host.cpu[c].allowed)
			continue;
		plan.vcpu[n] =
			(struct plan_vcpu){.core = (uint16_t)c, .sibling_of = (uint16_t)n};
		n++;
	}
	plan.nvcpus = n;
	plan.nnodes = 1;
	plan.node[0].size = plan.mem = MIB(64);
	plan.node[0].distance[0] = 10;
	plan.nextents = 1;
	plan.extent[0] = (struct plan_extent){.size = MIB(64), .page_size = KIB(4)};
	plan.nhelpers = 1;
	plan.helper[0] = plan.vcpu[0].core;
	plan.cores_shared = true;
	plan.kvm = host.kvm;
}

static int wait_booted(unsigned want)
{
	for (unsigned i = 0; i < WAIT_MS; i++) {
		if (__atomic_load_n(&vm.share->booted, __ATOMIC_ACQUIRE) >= want)
			return 1;
		if (poll(&(struct pollfd){.fd = vm.fail_fd, .events = POLLIN}, 1, 1) > 0)
			return 0;
	}
	return 0;
}

static int start(const struct boot_image *image)
{
	struct boot_entry entry;
	struct fdt_facts facts = {.software = vm.software,
		.tsc_khz = vm.tsc_khz,
		.xcr0 = vm.xcr0,
		.xstate_size = vm.xstate_size};

	if (account_create(&vm) ||
		boot_load(image, &plan, &vm.map, &facts, vm.guest_1g, &entry, &problem))
		return -1;
	for (unsigned i = 0; i < vm.nvcpus; i++)
		if (vcpu_set_entry(&vm.vcpu[i], entry.entry, entry.tables, &problem))
			return -1;
	return vm_start(&vm, &problem);
}

static void check_guest(uint64_t tsc_before)
{
	const uint64_t *result = vm.share->panic[0].gpr;
	struct account_core counts;
	uint64_t count = 0;
	ssize_t got;

	EXPECT("both cores boot", wait_booted(vm.nvcpus));
	got = read(vm.bell_fd[ABI_BELL_VMM], &count, sizeof(count));
	EXPECT("the VMM's bell was rung once", got == sizeof(count) && count == 1);
	got = read(vm.bell_fd[0], &count, sizeof(count));
	EXPECT("no other bell was", got < 0);
	for (unsigned i = 0; i < INTERRUPTS; i++) {
		vm_event(&vm, i);
		for (unsigned t = 0;
			t < WAIT_MS && __atomic_load_n(&result[2], __ATOMIC_ACQUIRE) <= i; t++)
			poll(NULL, 0, 1);
	}
	EXPECT("events interrupt core 0",
		wait_booted(vm.nvcpus + 1) && result[2] == INTERRUPTS);
	EXPECT("events are seen", vm.share->core[0].events == 7);
	account_mark(&vm, 1);
	vm_stop(&vm);
	EXPECT("no vCPU failed", !postmortem_find(&vm));
	EXPECT("the device tree is where rsi says", result[0] == FDT_MAGIC);
	EXPECT("the guest's TSC is the host's",
		result[1] > tsc_before && result[1] < __rdtsc());
	EXPECT("vector state goes both ways", result[3] == 0x1234567);
	EXPECT("hypercalls succeed", result[4] == 0);
	EXPECT("hypercalls are counted", vm.vcpu[0].hypercalls[ABI_HC_PRINT] == 1);
	account_read(&vm, 0, &counts);
	EXPECT("KVM counts the exits", !counts.have_kvm || counts.kvm[STAT_EXITS] > 0);
	printf("     exits %llu, of the host %llu, halts %llu, insn_emulation %llu\n",
		(unsigned long long)counts.kvm[STAT_EXITS],
		(unsigned long long)counts.kvm[STAT_IRQ_EXITS],
		(unsigned long long)counts.kvm[STAT_HALT_EXITS],
		(unsigned long long)counts.kvm[STAT_INSN_EMULATION]);
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;
	struct boot_image image = {.name = argv[1]};
	uint64_t before = __rdtsc();
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return 2;
	image.size = (size_t)st.st_size;
	image.data = mmap(NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0);
	make_plan();
	if (image.data == MAP_FAILED || memory_create(&plan, &memory, &problem) ||
		vm_create(&vm, &plan, &memory, &problem) || start(&image)) {
		printf("BAD  set-up: %s\n", problem.text);
		return 1;
	}
	vm.verbose = 1;
	check_guest(before);
	if (postmortem_find(&vm))
		postmortem(postmortem_find(&vm), &image, &problem);
	account_destroy(&vm);
	vm_destroy(&vm);
	memory_destroy(&memory);
	return bad != 0;
}
