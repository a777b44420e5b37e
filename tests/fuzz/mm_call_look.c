/* SPDX-License-Identifier: MIT */
/* Calls that advise and look, and what other parts of the kernel ask. */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/pmem.h"
#include "tests/fuzz/mm_call.h"
#include "tests/fuzz/mm_model.h"

enum { DONTNEED = 4, REMOVE = 9, POPULATE_READ = 22, POPULATE_WRITE };

static bool all_allow(u64 va, u64 len, u32 prot)
{
	for (u64 at = va; at < va + len; at += PAGE_SIZE) {
		const struct page *p = model_page(at);

		if (p->state == PAGE_UNMAPPED || !p->prot || p->beyond ||
			(prot & 2 && !(p->prot & 2)))
			return false;
	}
	return true;
}

void call_madvise(void)
{
	static const u8 advices[] = {
		DONTNEED, DONTNEED, DONTNEED, POPULATE_READ, POPULATE_WRITE, 3, 8, REMOVE, 14};
	struct area a = part_pick();

	if (sim_random(3) == 0) {
		call_fork_advice();
		return;
	}
	u64 advice = advices[sim_random(sizeof(advices))];
	bool mapped = !model_any(a.va, a.va + a.len, PAGE_UNMAPPED), good = mapped,
	     excused = false;

	if (advice == POPULATE_READ || advice == POPULATE_WRITE) {
		good = all_allow(a.va, a.len, advice == POPULATE_WRITE ? 2 : 1);
		excused = short_of(a.va, a.len);
	}
	sim_zero_in_place = true;
	s64 ret = CALL(sys_madvise(a.va, a.len, advice));

	sim_zero_in_place = false;
	sim_trace("madvise %lx %lx %lu = %ld", a.va, a.len, advice, ret);
	if (ret == -ENOMEM && excused)
		return;
	expect("madvise", ret, good ? 0 : -ENOMEM);
	/* Across holes, too. */
	if (advice == DONTNEED)
		for (u64 at = a.va; at < a.va + a.len; at += PAGE_SIZE)
			if (!model_any(at, at + PAGE_SIZE, PAGE_UNMAPPED))
				model_discard(at, at + PAGE_SIZE);
}

static u8 vec[64];

s64 user_write(u64 dst, const void *src, u64 len)
{
	if (dst + len > sizeof(vec))
		sim_fail("mincore writes to %lx", dst);
	__builtin_memcpy(&vec[dst], src, len);
	return 0;
}

void call_mincore(void)
{
	struct area a = part_pick();

	a.len = MIN(a.len, sizeof(vec) * PAGE_SIZE);
	s64 ret = CALL(sys_mincore(a.va, a.len, 0));

	expect("mincore", ret, model_any(a.va, a.va + a.len, PAGE_UNMAPPED) ? -ENOMEM : 0);
	for (u64 i = 0; !ret && i < a.len / PAGE_SIZE; i++) {
		const struct page *p = model_page(a.va + i * PAGE_SIZE);

		if (!vec[i] && !p->window && (p->tag || (p->prot && !p->lazy && !p->beyond)))
			sim_fail("mincore: page %lu of va %lx is not resident", i, a.va);
	}
}

/* A buffer of a forwarded call, and the word of a futex. */
void call_check(void)
{
	struct area a = part_pick();

	if (model_mixed(a.va, a.va + a.len))
		return;
	u64 va = a.va + sim_random(PAGE_SIZE), len = 1 + sim_random(a.len);
	u32 prot = sim_random(2) ? ABI_PROT_R : ABI_PROT_W;
	bool good = all_allow(a.va, ALIGN_UP(va + len, PAGE_SIZE) - a.va, prot);
	bool excused = short_of(a.va, a.len);
	bool ret = CALL(mm_check(&sim_proc, va, len, prot));

	sim_trace("mm_check %lx %lx prot %u = %d", va, len, prot, ret);
	if (ret != good && (ret || !excused))
		sim_fail("mm_check: %d", ret);
	for (u64 at = va; ret && at < va + len; at = ALIGN_DOWN(at, BLOCK_SIZE) + BLOCK_SIZE)
		if (!host_proxy_ptr(at))
			sim_fail("mm_check: va %lx is not committed", at);
	u64 gpa = (u64)CALL((s64)mm_gpa(&sim_proc, va, prot == ABI_PROT_W));

	if (ret && gpa != host_proxy_block(va) + (va & (BLOCK_SIZE - 1)))
		sim_fail("mm_gpa: %lx for va %lx", gpa, va);
	if (!all_allow(a.va, PAGE_SIZE, prot) && gpa)
		sim_fail("mm_gpa: %lx for va %lx, which is not allowed", gpa, va);
}

/* The pages of the kernel's own in the program's space stay as they are. */
void call_on_vdso(void)
{
	u64 va = ABI_VDSO_VA + PAGE_SIZE * sim_random(3), len = PAGE_SIZE * (1 + sim_random(3));
	void *ptr;
	bool faulted;

	sim_trace("vDSO %lx %lx", va, len);
	if (len > ABI_VDSO_VA + 3 * PAGE_SIZE - va)
		len = PAGE_SIZE;
	expect("munmap of the vDSO", CALL(sys_munmap(va, len)), -EINVAL);
	expect("mprotect of the vDSO", CALL(sys_mprotect(va, len, 3)), -ENOMEM);
	expect("mremap of the vDSO", CALL(sys_mremap(va, len, len + PAGE_SIZE, 1, 0)), -EFAULT);
	expect("MADV_DONTNEED of the vDSO", CALL(sys_madvise(va, len, DONTNEED)), -EINVAL);
	expect("write to the vDSO", sim_touch(va, SIM_WRITE, &ptr, &faulted), -EACCES);
	expect("read of the vDSO", sim_touch(va, SIM_READ, &ptr, &faulted), 0);
	expect("futex in the vDSO", CALL((s64)mm_gpa(&sim_proc, va, false)),
		(s64)ptr_to_gpa(ptr));
}
