/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls of abi.h. Arguments are the guest's: copied once, then checked. A bad address
 * is an error for the LWK to see (hc.ret), not the end of the guest.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/account.h"
#include "vmm/base/problem.h"
#include "vmm/exits.h"
#include "vmm/kvm.h"
#include "vmm/vm.h"

#define PRINT_MAX 512u

typedef int64_t hypercall_fn(struct vcpu *vcpu, const struct abi_hc_args *args);

static int64_t hc_print(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	uint64_t len = args->arg[1] < PRINT_MAX ? args->arg[1] : PRINT_MAX;
	const char *text = gpa_to_host(&vcpu->vm->map, gpa(args->arg[0]), len);
	char line[PRINT_MAX + 1];

	if (!text)
		return -EFAULT;
	if (!vcpu->vm->verbose)
		return 0;
	memcpy(line, text, len);
	while (len && line[len - 1] == '\n')
		len--;
	line[len] = '\0';
	for (uint64_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			line[i] = '?';
	note_print("lwk core %u: %s", vcpu->index, line);
	return 0;
}

static int64_t hc_panic(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	vcpu->panic_gpa = args->arg[0];
	vcpu->failure = VCPU_PANIC;
	return 0;
}

static int64_t store_state(struct vcpu *vcpu, uint64_t to)
{
	void *area = gpa_to_host(&vcpu->vm->map, gpa(to), vcpu->vm->xstate_size);
	int err;

	if (!area)
		return -EFAULT;
	err = kvm_xsave_get(vcpu->fd, vcpu->xsave);
	if (!err)
		memcpy(area, vcpu->xsave, vcpu->vm->xstate_size);
	return err;
}

static int64_t load_state(struct vcpu *vcpu, uint64_t from)
{
	const void *area = gpa_to_host(&vcpu->vm->map, gpa(from), vcpu->vm->xstate_size);

	if (!area)
		return -EFAULT;
	/* What lies beyond our size belongs to components that XCR0 leaves out: all zero. */
	memset(vcpu->xsave, 0, sizeof(*vcpu->xsave));
	memcpy(vcpu->xsave, area, vcpu->vm->xstate_size);
	return kvm_xsave_set(vcpu->fd, vcpu->xsave);
}

static int64_t hc_xsave(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	return store_state(vcpu, args->arg[0]);
}

static int64_t hc_xrstor(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	return load_state(vcpu, args->arg[0]);
}

static int64_t hc_xswitch(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	int64_t err = args->arg[0] ? store_state(vcpu, args->arg[0]) : 0;

	return err || !args->arg[1] ? err : load_state(vcpu, args->arg[1]);
}

static int64_t hc_zero(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	return gpa_zero(&vcpu->vm->map, gpa(args->arg[0]), args->arg[1]);
}

static int64_t hc_copy(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	return gpa_copy(&vcpu->vm->map, gpa(args->arg[0]), gpa(args->arg[1]), args->arg[2]);
}

static int64_t hc_mark(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	account_mark(vcpu->vm, args->arg[0]);
	return 0;
}

/* n entries of a page table; NULL if they are not there. */
static uint64_t *entries(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	uint64_t at = args->arg[0], n = args->arg[1];

	if (at % sizeof(uint64_t) || n > ABI_PAGE / sizeof(uint64_t))
		return NULL;
	return gpa_to_host(&vcpu->vm->map, gpa(at), n * sizeof(uint64_t));
}

static int64_t hc_pt_fill(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	uint64_t *entry = entries(vcpu, args), leaf = args->arg[2];
	uint64_t step = leaf & ABI_PTE_LARGE ? ABI_BLOCK_SIZE : ABI_PAGE;

	if (!entry)
		return -EFAULT;
	for (uint64_t i = 0; i < args->arg[1]; i++)
		if (!(entry[i] & ABI_PTE_POPULATED))
			entry[i] = leaf + i * step;
	return 0;
}

static int64_t hc_pt_clear(struct vcpu *vcpu, const struct abi_hc_args *args)
{
	uint64_t *entry = entries(vcpu, args), first = 0, end = 0;

	if (!entry)
		return -EFAULT;
	for (uint64_t i = 0; i < args->arg[1]; i++) {
		if (!(entry[i] & ABI_PTE_POPULATED))
			continue;
		if (!end)
			first = i;
		end = i + 1;
		entry[i] = 0;
	}
	return (int64_t)(end << 32 | first);
}

static hypercall_fn *const hypercall_table[ABI_HC_MAX] = {
	[ABI_HC_PRINT] = hc_print,
	[ABI_HC_PANIC] = hc_panic,
	[ABI_HC_XSAVE] = hc_xsave,
	[ABI_HC_XRSTOR] = hc_xrstor,
	[ABI_HC_XSWITCH] = hc_xswitch,
	[ABI_HC_ZERO] = hc_zero,
	[ABI_HC_COPY] = hc_copy,
	[ABI_HC_MARK] = hc_mark,
	[ABI_HC_PT_FILL] = hc_pt_fill,
	[ABI_HC_PT_CLEAR] = hc_pt_clear,
};

enum exit_verdict hypercall(struct vcpu *vcpu, uint32_t nr)
{
	struct abi_hc_args *shared = &vcpu->vm->share->core[vcpu->index].hc;
	struct abi_hc_args args = *shared;

	if (nr >= ABI_HC_MAX || !hypercall_table[nr]) {
		shared->ret = -ENOSYS;
		return EXIT_CONTINUE;
	}
	vcpu->hypercalls[nr]++;
	shared->ret = hypercall_table[nr](vcpu, &args);
	return vcpu->failure ? EXIT_FAIL : EXIT_CONTINUE;
}
