/* SPDX-License-Identifier: MIT */
#include "vmm/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/affinity.h"
#include "vmm/pool_sysfs.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static bool from_pool(const struct plan_extent *x)
{
	return x->page_size > KIB(4) && !x->thp;
}

/* Address space for all of RAM with its holes. Whatever is mapped later is mapped inside. */
static int space_reserve(struct memory *memory, struct problem *problem)
{
	const struct plan_extent *last = &memory->extent[memory->nextents - 1].plan;
	uint64_t span = (last->gpa + last->size + GIB(1) - 1) & ~(GIB(1) - 1);
	char *got = mmap(NULL, span + GIB(1), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t head;

	if (got == MAP_FAILED)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"memory: no %lu MiB of address space for the guest: %s: raise `ulimit "
			"-v`",
			span >> 20, strerror(errno));
	head = -(uintptr_t)got & (GIB(1) - 1);
	if (head)
		munmap(got, head);
	if (head < GIB(1))
		munmap(got + head + span, GIB(1) - head);
	memory->base = got + head;
	memory->span = span;
	return 0;
}

static int memfd_make(const struct plan_extent *x, const char *guest)
{
	unsigned flags = MFD_CLOEXEC;
	char name[96];
	int fd;

	if (from_pool(x))
		flags |= MFD_HUGETLB | (x->page_size == GIB(1) ? MFD_HUGE_1GB : MFD_HUGE_2MB);
	snprintf(name, sizeof(name), "lwvmm:%s:%lx", guest, x->gpa);
	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(name, flags | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static int pool_short(const struct plan_extent *x, int err, struct problem *problem)
{
	const char *size = pool_size_name(x->page_size);
	struct pool_files files;
	uint64_t have = 0;

	if (!pool_files_open("", x->host_node, x->page_size, &files)) {
		pool_available(&files, &have);
		pool_files_close(&files);
	}
	return problem_set(problem, err, EXIT_LWVMM_FAILED,
		"node %u: cannot reserve %lu %s pages, its pool now has %lu free: %s: another "
		"program "
		"was faster, or a cgroup limits them (hugetlb.%sB.max): try again, or use "
		"--page 4K",
		x->host_node, x->size / x->page_size, size, have, strerror(-err), size);
}

/*
 * Maps one extent at its place. For pages of a pool this is the reservation: the kernel sets
 * them aside here or fails, so no later fault can find the pool empty. (Hence never
 * MAP_NORESERVE.)
 */
static int extent_map(struct memory *memory, struct memory_extent *e, const char *guest,
	struct problem *problem)
{
	const struct plan_extent *x = &e->plan;

	e->memfd = memfd_make(x, guest);
	if (e->memfd < 0)
		return problem_set(problem, e->memfd, EXIT_LWVMM_FAILED,
			"memory: memfd_create for pages of %lu KiB: %s", x->page_size >> 10,
			strerror(-e->memfd));
	/* Nobody who gets the descriptor can make the guest's RAM go away by truncating it. */
	if (ftruncate(e->memfd, (off_t)x->size) < 0 ||
		fcntl(e->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"memory: cannot make a file of %lu MiB: %s", x->size >> 20,
			strerror(errno));
	e->hva = mmap(memory->base + x->gpa, x->size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_FIXED, e->memfd, 0);
	if (e->hva == MAP_FAILED) {
		e->hva = NULL;
		if (from_pool(x))
			return pool_short(x, -errno, problem);
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"memory: cannot map %lu MiB: %s: see vm.overcommit_memory",
			x->size >> 20, strerror(errno));
	}
	/* Not in core dumps, and no fork may keep pages in use; explicit 4 KiB pages stay 4
	 * KiB. */
	madvise(e->hva, x->size, MADV_DONTDUMP);
	madvise(e->hva, x->size, MADV_DONTFORK);
	if (x->page_size == KIB(4) && !x->thp)
		madvise(e->hva, x->size, MADV_NOHUGEPAGE);
	return 0;
}

/*
 * Where the host has several nodes, and where the guest is to have (a guest's nodes on one host
 * node are held to the same rule). Some containers forbid it: on a host with a single node
 * memory cannot lie wrong, so there that is no error.
 */
static int extents_bind(struct memory *memory, const struct plan *plan, struct problem *problem)
{
	bool many = affinity_many_nodes();

	memory->bound = many || plan->nnodes > 1;
	for (unsigned i = 0; i < memory->nextents && memory->bound; i++) {
		const struct memory_extent *e = &memory->extent[i];
		struct problem why = {0};
		int rc = affinity_bind(e->hva, e->plan.size, e->plan.host_node, &why);

		if (!many && (rc == -EPERM || rc == -ENOSYS))
			memory->bound = false;
		else if (rc)
			return problem_set(problem, rc, why.status, "%s", why.text);
	}
	return 0;
}

/* Pages of a pool are never swapped. Others are locked where the limit allows it; else said so.
 */
static void extents_lock(struct memory *memory)
{
	for (unsigned i = 0; i < memory->nextents; i++) {
		struct memory_extent *e = &memory->extent[i];

		/* ONFAULT: all pages are there, so that another walk to populate them is
		 * spared. */
		e->locked =
			from_pool(&e->plan) || mlock2(e->hva, e->plan.size, MLOCK_ONFAULT) == 0;
	}
}

static void fallback_report(const struct memory *memory, const struct plan *plan)
{
	uint64_t huge = 0, small = 0;
	bool locked = true;

	if (plan->page_asked != PAGE_AUTO)
		return;
	for (unsigned i = 0; i < memory->nextents; i++) {
		const struct memory_extent *e = &memory->extent[i];

		if (!e->plan.thp)
			continue;
		huge += e->got_2m;
		small += e->got_4k;
		locked = locked && e->locked;
	}
	if (huge || small)
		note_print("memory is not from a pool (%s): transparent huge pages gave %lu "
			   "MiB in "
			   "2 MiB pages and %lu MiB in 4 KiB pages%s",
			plan->why_pages, huge >> 20, small >> 20,
			locked ? "" : ", and may be swapped (raise `ulimit -l`)");
}

static void memory_start(struct memory *memory, const struct plan *plan)
{
	*memory = (struct memory){.nextents = plan->nextents};
	for (unsigned i = 0; i < plan->nextents; i++)
		memory->extent[i] =
			(struct memory_extent){.plan = plan->extent[i], .memfd = -1};
}

int memory_reserve(const struct plan *plan, struct memory *memory, struct problem *problem)
{
	int rc;

	memory_start(memory, plan);
	rc = space_reserve(memory, problem);
	/* All is reserved before the first page is touched: a shortage costs no time. */
	for (unsigned i = 0; i < memory->nextents && !rc; i++)
		rc = extent_map(memory, &memory->extent[i], plan->name, problem);
	if (rc)
		memory_destroy(memory);
	return rc;
}

int memory_fill(const struct plan *plan, struct memory *memory, struct problem *problem)
{
	int rc = extents_bind(memory, plan, problem);

	if (!rc)
		rc = memory_prefault(memory, plan, problem);
	if (!rc)
		rc = memory_verify_nodes(memory, problem);
	if (!rc)
		rc = memory_verify(memory, problem);
	if (rc) {
		memory_destroy(memory);
		return rc;
	}
	extents_lock(memory);
	fallback_report(memory, plan);
	return 0;
}

int memory_create(const struct plan *plan, struct memory *memory, struct problem *problem)
{
	int rc = memory_reserve(plan, memory, problem);

	return rc ? rc : memory_fill(plan, memory, problem);
}

void memory_destroy(struct memory *memory)
{
	if (memory->span)
		munmap(memory->base, memory->span);
	for (unsigned i = 0; i < memory->nextents; i++)
		if (memory->extent[i].memfd >= 0)
			close(memory->extent[i].memfd);
	*memory = (struct memory){0};
}

void *memory_hva(const struct memory *memory, uint64_t gpa, uint64_t len)
{
	uint64_t at = gpa, end = gpa + len;

	if (end < gpa)
		return NULL;
	/* Neighbouring extents are neighbours on the host too: a range may span them, but no
	 * hole. */
	for (unsigned i = 0; i < memory->nextents; i++) {
		const struct plan_extent *x = &memory->extent[i].plan;

		if (at < x->gpa)
			return NULL;
		if (at >= x->gpa + x->size)
			continue;
		at = x->gpa + x->size;
		if (end <= at)
			return memory->base + gpa;
	}
	return NULL;
}
