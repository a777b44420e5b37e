/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as extents: dealt out to the banks as --mem says or in proportion to their
 * vCPUs, then laid into guest-physical space around the device hole.
 *
 * Without 1 GiB pages RAM begins at 0 and has no other gap than the hole. With them each bank
 * has a small part of 2 MiB pages; these lie side by side from 0 on, and the 1 GiB pages behind
 * them, each at a multiple of 1 GiB: what is between is no RAM.
 */
#include <errno.h>

#include "numa/plan_parts.h"

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

/* The bank whose share is the furthest below its part, or with `largest` the largest one. */
static unsigned bank_pick(const struct plan *plan, uint64_t units, uint64_t total,
	const uint64_t share[PLAN_MAX_BANKS], bool largest)
{
	__int128 most = 0;
	unsigned best = 0;

	for (unsigned i = 0; i < plan->nbanks; i++) {
		__int128 value =
			(__int128)units * plan->bank[i].weight - (__int128)share[i] * total;

		if (largest)
			value = share[i];
		if (i == 0 || value > most) {
			most = value;
			best = i;
		}
	}
	return best;
}

/* Deals out `units` by weight; every bank gets one at least. -ENOMEM: not enough for that. */
static int shares_by_weight(
	const struct plan *plan, uint64_t units, uint64_t share[PLAN_MAX_BANKS])
{
	uint64_t total = 0, left = units;

	if (units < plan->nbanks)
		return -ENOMEM;
	for (unsigned i = 0; i < plan->nbanks; i++)
		total += plan->bank[i].weight;
	for (unsigned i = 0; i < plan->nbanks; i++) {
		share[i] = (uint64_t)((__uint128_t)units * plan->bank[i].weight / total);
		left -= share[i];
	}
	/* What rounding down has left is less than one for each bank. */
	while (left--)
		share[bank_pick(plan, units, total, share, false)]++;
	for (unsigned i = 0; i < plan->nbanks; i++) {
		if (!share[i]) {
			share[bank_pick(plan, units, total, share, true)]--;
			share[i] = 1;
		}
	}
	return 0;
}

/* --mem has said it all. With 1 GiB pages what is no whole GiB goes into the small part. */
static int shares_by_parts(const struct plan *plan, uint64_t unit,
	uint64_t share[PLAN_MAX_BANKS], struct problem *problem)
{
	uint64_t units = 0;

	for (unsigned i = 0; i < plan->nbanks; i++) {
		share[i] = round_up(plan->bank[i].asked, PLAN_GRANULE) / unit;
		units += share[i];
	}
	if (!units)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--mem: on none of its nodes one 1 GiB page: ask for more, or for "
			"smaller pages with --page");
	return 0;
}

static void extent_add(struct plan *plan, uint64_t gpa, uint64_t size,
	const struct plan_bank *bank, enum plan_backing backing)
{
	static const uint64_t page_size[] = {[BACKING_4K] = KIB(4),
		[BACKING_THP] = KIB(4),
		[BACKING_2M] = MIB(2),
		[BACKING_1G] = GIB(1)};

	plan->extent[plan->nextents++] = (struct plan_extent){
		.gpa = gpa,
		.size = size,
		.page_size = page_size[backing],
		.thp = backing == BACKING_THP,
		.host_node = bank->host_node,
		.guest_node = bank->guest_node,
	};
	plan->node[bank->guest_node].size += size;
	plan->mem += size;
}

/* Lays `size` bytes of a bank from `gpa` on, on both sides of the hole; where the next may
 * begin. */
static uint64_t bank_lay(struct plan *plan, uint64_t gpa, uint64_t size,
	const struct plan_bank *bank, enum plan_backing backing)
{
	if (gpa < PLAN_HOLE_START && size > PLAN_HOLE_START - gpa) {
		extent_add(plan, gpa, PLAN_HOLE_START - gpa, bank, backing);
		size -= PLAN_HOLE_START - gpa;
		gpa = PLAN_HOLE_END;
	}
	extent_add(plan, gpa, size, bank, backing);
	gpa += size;
	return gpa == PLAN_HOLE_START ? PLAN_HOLE_END : gpa;
}

/*
 * A bank's part of 2 MiB pages: what is no whole GiB, and never less than the kernel needs for
 * itself, the program for its first GiB and threads for what is smaller than a GiB. What is not
 * said for each bank is dealt out evenly, the odd rest to the first.
 */
static uint64_t small_size(const struct plan *plan, unsigned bank, uint64_t mem)
{
	unsigned n = plan->nbanks;
	uint64_t low = round_up(plan->program_low, PLAN_GRANULE);
	uint64_t least = n == 1 ? PLAN_SMALL_MIN(plan->nvcpus)
				: PLAN_SMALL_NODE((plan->nvcpus + n - 1) / n);
	uint64_t rest = mem % GIB(1);

	if (plan->mem_parts)
		rest = round_up(plan->bank[bank].asked, PLAN_GRANULE) % GIB(1);
	else
		rest = rest / PLAN_GRANULE / n * PLAN_GRANULE +
		       (bank ? 0 : rest / PLAN_GRANULE % n * PLAN_GRANULE);
	least += low / PLAN_GRANULE / n * PLAN_GRANULE +
		 (bank ? 0 : low / PLAN_GRANULE % n * PLAN_GRANULE);
	return rest < least ? least : rest;
}

/* The small parts of all banks; where the 1 GiB pages begin. */
static uint64_t smalls_lay(struct plan *plan, uint64_t mem, enum plan_backing backing)
{
	uint64_t gpa = 0;

	for (unsigned i = 0; i < plan->nbanks; i++)
		gpa = bank_lay(plan, gpa, small_size(plan, i, mem), &plan->bank[i], backing);
	gpa = round_up(gpa, GIB(1));
	return gpa == PLAN_HOLE_START ? PLAN_HOLE_END : gpa;
}

static int shares_make(const struct plan *plan, uint64_t mem, uint64_t unit,
	uint64_t share[PLAN_MAX_BANKS], struct problem *problem)
{
	bool big = unit == GIB(1);
	char text[SIZE_TEXT_MAX];
	int err;

	if (plan->mem_parts)
		err = shares_by_parts(plan, unit, share, problem);
	else
		err = shares_by_weight(plan, mem / unit, share);
	if (err == -ENOMEM)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--mem %s: less than one %s page for each of %u node%s: ask for more, "
			"or for smaller pages with --page",
			size_format(mem, text), big ? "1 GiB" : "2 MiB", plan->nbanks,
			plan->nbanks == 1 ? "" : "s");
	if (!err && !big && share[0] < PLAN_FIRST_MIN / PLAN_GRANULE)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--mem: %s on node %u, where the guest's kernel is, are too little: "
			"it needs %llu MiB: ask for more, or for fewer nodes",
			size_format(share[0] * PLAN_GRANULE, text), plan->bank[0].host_node,
			(unsigned long long)(PLAN_FIRST_MIN >> 20));
	return err;
}

int plan_layout(
	uint64_t mem, const struct plan_way *way, struct plan *plan, struct problem *problem)
{
	bool big = way->main == BACKING_1G;
	uint64_t unit = big ? GIB(1) : PLAN_GRANULE;
	uint64_t share[PLAN_MAX_BANKS] = {0}, gpa = 0;
	int err = shares_make(plan, mem, unit, share, problem);

	if (err)
		return err;
	plan->mem = 0;
	plan->nextents = 0;
	for (unsigned i = 0; i < plan->nnodes; i++)
		plan->node[i].size = 0;
	if (big)
		gpa = smalls_lay(plan, mem, way->small);
	for (unsigned i = 0; i < plan->nbanks; i++) {
		if (share[i])
			gpa = bank_lay(plan, gpa, share[i] * unit, &plan->bank[i], way->main);
	}
	return 0;
}

void plan_window(const struct options *opt, struct plan *plan)
{
	const struct plan_extent *last = &plan->extent[plan->nextents - 1];
	uint64_t end = last->gpa + last->size, size = plan->mem / 2;

	if (size < PLAN_WINDOW_MIN)
		size = PLAN_WINDOW_MIN;
	if (size > PLAN_WINDOW_MAX)
		size = PLAN_WINDOW_MAX;
	if (opt->have_window)
		size = opt->window;
	plan->window_size = round_up(size, PLAN_GRANULE);
	if (plan->window_size)
		plan->window_gpa = round_up(end > PLAN_HOLE_END ? end : PLAN_HOLE_END, GIB(1));
}
