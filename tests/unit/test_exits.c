/* SPDX-License-Identifier: MIT */
/* Exits that no guest made: what each reason leads to, and what hypercalls do with bad
 * arguments. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"
#include "vmm/exits.h"
#include "vmm/vm.h"

#define RAM_SIZE 0x10000

static struct vm vm;
static struct vcpu *vcpu = &vm.vcpu[1];
static struct abi_hc_args *hc;
static uint8_t ram[2][RAM_SIZE];
static union {
	struct kvm_run run;
	uint8_t bytes[8192];
} page;

static void setup(void)
{
	vm.share = aligned_alloc(ABI_PAGE, sizeof(*vm.share));
	ck_assert_ptr_nonnull(vm.share);
	memset(vm.share, 0, sizeof(*vm.share));
	vm.nvcpus = 2;
	vcpu->vm = &vm;
	vcpu->index = 1;
	vcpu->fd = -1;
	hc = &vm.share->core[1].hc;
	/* Two ranges, one after the other for the guest, apart for the host. */
	ck_assert_int_eq(gpa_map_add(&vm.map, gpa(RAM_SIZE), RAM_SIZE, ram[0]), 0);
	ck_assert_int_eq(gpa_map_add(&vm.map, gpa(0), RAM_SIZE, ram[1]), 0);
}

static void teardown(void)
{
	free(vm.share);
}

static enum exit_verdict port_write(uint16_t port, uint8_t size, uint32_t value)
{
	page.run.exit_reason = KVM_EXIT_IO;
	page.run.io.direction = KVM_EXIT_IO_OUT;
	page.run.io.port = port;
	page.run.io.size = size;
	page.run.io.count = 1;
	page.run.io.data_offset = 4096;
	memcpy(page.bytes + 4096, &value, sizeof(value));
	return exit_handle(vcpu, &page.run);
}

static int64_t call(enum abi_hc nr, uint64_t a, uint64_t b, uint64_t c)
{
	hc->arg[0] = a;
	hc->arg[1] = b;
	hc->arg[2] = c;
	hc->ret = 1;
	ck_assert_int_eq(port_write(ABI_PORT_HC, 4, nr), EXIT_CONTINUE);
	return hc->ret;
}

START_TEST(test_continue)
{
	static const uint32_t reasons[] = {
		KVM_EXIT_HLT,
		KVM_EXIT_INTR,
		KVM_EXIT_IRQ_WINDOW_OPEN,
		KVM_EXIT_IOAPIC_EOI,
	};

	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		page.run.exit_reason = reasons[i];
		ck_assert_int_eq(exit_handle(vcpu, &page.run), EXIT_CONTINUE);
		ck_assert_uint_eq(vcpu->exits[reasons[i]], 1);
	}
	ck_assert_int_eq(vcpu->failure, VCPU_FINE);
}
END_TEST

START_TEST(test_fail)
{
	static const uint32_t reasons[] = {
		KVM_EXIT_SHUTDOWN,
		KVM_EXIT_INTERNAL_ERROR,
		KVM_EXIT_FAIL_ENTRY,
		KVM_EXIT_MMIO,
		KVM_EXIT_SYSTEM_EVENT,
		KVM_EXIT_UNKNOWN,
		KVM_EXIT_HYPERCALL,
		63,
		64,
		0xffffffff,
	};

	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		vcpu->failure = VCPU_FINE;
		page.run.exit_reason = reasons[i];
		ck_assert_int_eq(exit_handle(vcpu, &page.run), EXIT_FAIL);
		ck_assert_int_eq(vcpu->failure, VCPU_EXIT);
		ck_assert_ptr_nonnull(vcpu->why);
	}
}
END_TEST

START_TEST(test_port_miss)
{
	ck_assert_int_eq(port_write(0x80, 4, 0), EXIT_FAIL);
	vcpu->failure = VCPU_FINE;
	ck_assert_int_eq(port_write(ABI_PORT_HC, 2, ABI_HC_PRINT), EXIT_FAIL);
	vcpu->failure = VCPU_FINE;
	page.run.io.direction = KVM_EXIT_IO_IN;
	ck_assert_int_eq(exit_handle(vcpu, &page.run), EXIT_FAIL);
	ck_assert_int_eq(vcpu->failure, VCPU_EXIT);
}
END_TEST

START_TEST(test_unknown_hypercall)
{
	ck_assert_int_eq(call(0, 0, 0, 0), -ENOSYS);
	ck_assert_int_eq(call(ABI_HC_MAX, 0, 0, 0), -ENOSYS);
	ck_assert_int_eq(call((enum abi_hc)0x80000000u, 0, 0, 0), -ENOSYS);
}
END_TEST

START_TEST(test_zero_across_ranges)
{
	memset(ram, 0xff, sizeof(ram));
	ck_assert_int_eq(call(ABI_HC_ZERO, RAM_SIZE - 16, 32, 0), 0);
	ck_assert_uint_eq(ram[1][RAM_SIZE - 17], 0xff);
	ck_assert_uint_eq(ram[1][RAM_SIZE - 16], 0);
	ck_assert_uint_eq(ram[0][15], 0);
	ck_assert_uint_eq(ram[0][16], 0xff);
	ck_assert_uint_eq(vcpu->hypercalls[ABI_HC_ZERO], 1);
}
END_TEST

START_TEST(test_copy_across_ranges)
{
	for (unsigned i = 0; i < 64; i++)
		ram[1][0x100 + i] = (uint8_t)i;
	ck_assert_int_eq(call(ABI_HC_COPY, RAM_SIZE - 10, 0x100, 64), 0);
	ck_assert_int_eq(memcmp(&ram[1][RAM_SIZE - 10], &ram[1][0x100], 10), 0);
	ck_assert_int_eq(memcmp(&ram[0][0], &ram[1][0x10a], 54), 0);
}
END_TEST

START_TEST(test_page_table_entries)
{
	static const uint64_t before[4] = {0, 0x7000 | ABI_PTE_POPULATED, 0x5000, 0};
	static const uint64_t after[4] = {0x10201, 0x7000 | ABI_PTE_POPULATED, 0x12201, 0};
	uint64_t entry[4];

	memcpy(&ram[1][0x100], before, sizeof(before));
	/* Not what is populated, nor what lies behind. */
	ck_assert_int_eq(call(ABI_HC_PT_FILL, 0x100, 3, 0x10201), 0);
	ck_assert_int_eq(memcmp(&ram[1][0x100], after, sizeof(after)), 0);

	ck_assert_int_eq(call(ABI_HC_PT_CLEAR, 0x108, 3, 0), 2LL << 32);
	memcpy(entry, &ram[1][0x100], sizeof(entry));
	ck_assert_uint_eq(entry[0], after[0]);
	ck_assert_uint_eq(entry[1] | entry[2] | entry[3], 0);
	ck_assert_int_eq(call(ABI_HC_PT_CLEAR, 0x108, 3, 0), 0);
	ck_assert_int_eq(call(ABI_HC_PT_CLEAR, 0xf8, 3, 0), 2LL << 32 | 1);

	/* Large leaves are 2 MiB apart. */
	ck_assert_int_eq(call(ABI_HC_PT_CLEAR, 0x100, 4, 0), 0);
	memset(&ram[1][0x100], 0, sizeof(entry));
	ck_assert_int_eq(call(ABI_HC_PT_FILL, 0x100, 3, 0x600281), 0);
	memcpy(entry, &ram[1][0x100], sizeof(entry));
	ck_assert_uint_eq(entry[0], 0x600281);
	ck_assert_uint_eq(entry[1], 0x800281);
	ck_assert_uint_eq(entry[2], 0xa00281);
	ck_assert_uint_eq(entry[3], 0);
}
END_TEST

START_TEST(test_bad_addresses)
{
	memset(ram, 0xff, sizeof(ram));
	ck_assert_int_eq(call(ABI_HC_ZERO, 2 * RAM_SIZE - 16, 32, 0), -EFAULT);
	ck_assert_uint_eq(ram[0][RAM_SIZE - 1], 0xff); /* all or nothing */
	ck_assert_int_eq(call(ABI_HC_ZERO, 0, UINT64_MAX, 0), -EFAULT);
	ck_assert_int_eq(call(ABI_HC_ZERO, UINT64_MAX, 1, 0), -EFAULT);
	ck_assert_int_eq(call(ABI_HC_COPY, 0, 2 * RAM_SIZE, 1), -EFAULT);
	ck_assert_int_eq(call(ABI_HC_COPY, 2 * RAM_SIZE, 0, 1), -EFAULT);
	ck_assert_int_eq(call(ABI_HC_PRINT, 2 * RAM_SIZE, 10, 0), -EFAULT);
	ck_assert_int_eq(call(ABI_HC_PT_FILL, 2 * RAM_SIZE - 16, 3, 0), -EFAULT);
	ck_assert_int_eq(call(ABI_HC_PT_FILL, 4, 1, 0), -EFAULT);
	ck_assert_int_eq(call(ABI_HC_PT_CLEAR, 0, 1ULL << 61, 0), -EFAULT);
	ck_assert_int_eq(call(ABI_HC_PT_CLEAR, 0, 513, 0), -EFAULT);
	vm.xstate_size = 2432;
	ck_assert_int_eq(call(ABI_HC_XSAVE, 2 * RAM_SIZE - 16, 0, 0), -EFAULT);
	ck_assert_int_eq(call(ABI_HC_XRSTOR, UINT64_MAX - 100, 0, 0), -EFAULT);
	ck_assert_int_eq(call(ABI_HC_XSWITCH, 0, 1ULL << 40, 0), -EFAULT);
}
END_TEST

START_TEST(test_panic)
{
	hc->arg[0] = 0x1000;
	ck_assert_int_eq(port_write(ABI_PORT_HC, 4, ABI_HC_PANIC), EXIT_FAIL);
	ck_assert_int_eq(vcpu->failure, VCPU_PANIC);
	ck_assert_uint_eq(vcpu->panic_gpa, 0x1000);
}
END_TEST

START_TEST(test_gpa_map)
{
	uint64_t len = 100;

	ck_assert_int_eq(gpa_map_add(&vm.map, gpa(0x1fff0), 0x100, ram[0]), -EEXIST);
	ck_assert_int_eq(gpa_map_add(&vm.map, gpa(UINT64_MAX - 10), 0x100, ram[0]), -EINVAL);
	ck_assert_int_eq(gpa_map_add(&vm.map, gpa(0x40000), 0, ram[0]), -EINVAL);
	ck_assert_ptr_eq(gpa_span(&vm.map, gpa(RAM_SIZE - 1), &len), &ram[1][RAM_SIZE - 1]);
	ck_assert_uint_eq(len, 1);
	ck_assert_ptr_null(gpa_to_host(&vm.map, gpa(RAM_SIZE - 1), 2));
	ck_assert(gpa_is_memory(&vm.map, gpa(RAM_SIZE - 1), 2));
	ck_assert_ptr_null(gpa_to_host(&vm.map, gpa(2 * RAM_SIZE), 1));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("exits");
	TCase *t = tcase_create("exits");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_continue);
	tcase_add_test(t, test_fail);
	tcase_add_test(t, test_port_miss);
	tcase_add_test(t, test_unknown_hypercall);
	tcase_add_test(t, test_zero_across_ranges);
	tcase_add_test(t, test_copy_across_ranges);
	tcase_add_test(t, test_page_table_entries);
	tcase_add_test(t, test_bad_addresses);
	tcase_add_test(t, test_panic);
	tcase_add_test(t, test_gpa_map);
	suite_add_tcase(s, t);
	return suite_run(s);
}
