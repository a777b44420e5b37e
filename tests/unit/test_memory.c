/* SPDX-License-Identifier: MIT */
/* The guest's RAM: where it is mapped, that it is all there before use, and in which page
 * sizes. */
#include <check.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/base/affinity.h"
#include "vmm/memory.h"

static struct problem problem;
static struct memory memory;

/* A plan on node 0 with the cores that this process may use. */
static void plan_start(struct plan *plan)
{
	cpu_set_t allowed;

	*plan = (struct plan){.name = "test", .nnodes = 1, .page_asked = PAGE_AUTO};
	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (unsigned core = 0; core < CPU_SETSIZE && plan->nvcpus < 2; core++)
		if (CPU_ISSET(core, &allowed))
			plan->vcpu[plan->nvcpus++].core = (uint16_t)core;
}

static void plan_add(
	struct plan *plan, uint64_t gpa, uint64_t size, uint64_t page_size, bool thp)
{
	plan->extent[plan->nextents++] = (struct plan_extent){
		.gpa = gpa, .size = size, .page_size = page_size, .thp = thp};
	plan->mem += size;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void create(const struct plan *plan)
{
	int rc = memory_create(plan, &memory, &problem);

	ck_assert_msg(rc == 0, "%s", problem.text);
}

START_TEST(test_layout)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(2), KIB(4), false);
	plan_add(&plan, MIB(2), MIB(2), KIB(4), false);
	plan_add(&plan, GIB(4), MIB(4), KIB(4), false);
	create(&plan);
	for (unsigned i = 0; i < memory.nextents; i++) {
		struct memory_extent *e = &memory.extent[i];

		ck_assert_uint_eq(((uintptr_t)e->hva - e->plan.gpa) % GIB(1), 0);
		ck_assert_ptr_eq(memory_hva(&memory, e->plan.gpa, e->plan.size), e->hva);
	}
	/* Across two extents, but not past the end, into the hole, out of it, or around. */
	ck_assert_ptr_eq(memory_hva(&memory, MIB(2) - 8, 16), memory.base + MIB(2) - 8);
	ck_assert_ptr_nonnull(memory_hva(&memory, MIB(4) - 1, 1));
	ck_assert_ptr_null(memory_hva(&memory, MIB(4) - 1, 2));
	ck_assert_ptr_null(memory_hva(&memory, MIB(4), 1));
	ck_assert_ptr_null(memory_hva(&memory, 0, GIB(4) + 1));
	ck_assert_ptr_null(memory_hva(&memory, GIB(4) - 1, 2));
	ck_assert_ptr_nonnull(memory_hva(&memory, GIB(4) + MIB(4) - 1, 1));
	ck_assert_ptr_null(memory_hva(&memory, GIB(4) + MIB(4), 1));
	ck_assert_ptr_null(memory_hva(&memory, GIB(4), UINT64_MAX));
	ck_assert_ptr_null(memory_hva(&memory, UINT64_MAX, 1));
	memory_destroy(&memory);
	ck_assert_ptr_null(memory_hva(&memory, 0, 1));
}
END_TEST

/* Row: 64 MiB of 4 KiB pages, of collapsed pages, of collapsed pages with a tail. */
static const struct {
	uint64_t size, got_2m;
	bool thp;
} row[] = {
	{MIB(64), 0, false},
	{MIB(64), MIB(64), true},
	{MIB(4), MIB(4), true},
};

/* Not sanitized: the sanitizer's own shadow memory takes faults. Returns how many it took. */
__attribute__((no_sanitize("address", "undefined"))) static long touch(
	char *start, uint64_t size, char *sum)
{
	long before = faults();

	for (uint64_t at = 0; at < size; at += KIB(4)) {
		*sum |= start[at];
		start[at] = 0;
	}
	return faults() - before;
}

START_TEST(test_prefault)
{
	struct plan plan;
	long taken;
	char sum = 0;

	plan_start(&plan);
	plan_add(&plan, 0, row[_i].size, KIB(4), row[_i].thp);
	create(&plan);
	ck_assert_uint_eq(memory.extent[0].got_2m, row[_i].got_2m);
	ck_assert_uint_eq(memory.extent[0].got_4k, row[_i].size - row[_i].got_2m);
	ck_assert_uint_eq(memory.extent[0].got_1g, 0);
	/* All is there, writable and zero: touching it costs no fault. */
	taken = touch(memory.base, row[_i].size, &sum);
	ck_assert_int_eq(sum, 0);
	ck_assert_msg(taken < 8, "%ld faults", taken);
	memory_destroy(&memory);
}
END_TEST

START_TEST(test_two_kinds)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(8), KIB(4), false);
	plan_add(&plan, MIB(8), MIB(8), KIB(4), true);
	create(&plan);
	ck_assert_uint_eq(memory.extent[0].got_4k, MIB(8));
	ck_assert_uint_eq(memory.extent[1].got_2m, MIB(8));
	memory_destroy(&memory);
}
END_TEST

START_TEST(test_sealed)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(2), KIB(4), false);
	create(&plan);
	ck_assert_int_eq(ftruncate(memory.extent[0].memfd, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	memory_destroy(&memory);
}
END_TEST

START_TEST(test_pool_short)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(4), KIB(4), false);
	plan_add(&plan, GIB(4), GIB(1024), MIB(2), false);
	ck_assert_int_eq(memory_create(&plan, &memory, &problem), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(problem.text, "node 0: cannot reserve 524288 2M pages"));
	ck_assert_int_eq(problem.status, EXIT_LWVMM_FAILED);
	ck_assert_uint_eq(memory.span, 0);
}
END_TEST

START_TEST(test_no_address_space)
{
	struct rlimit limit = {GIB(1), GIB(1)};
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, GIB(2), KIB(4), false);
	if (setrlimit(RLIMIT_AS, &limit) < 0) /* this test runs in a process of its own */
		return;
	ck_assert_int_eq(memory_create(&plan, &memory, &problem), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(problem.text, "ulimit -v"));
}
END_TEST

START_TEST(test_affinity)
{
	struct plan plan;
	unsigned last;

	plan_start(&plan);
	last = plan.vcpu[plan.nvcpus - 1].core;
	ck_assert_int_eq(affinity_pin(last, &problem), 0);
	ck_assert_int_eq(sched_getcpu(), (int)last);
	ck_assert_int_eq(affinity_verify(last, &problem), 0);
	ck_assert_int_eq(affinity_verify(last + 1, &problem), -EIO);
	problem.status = 0;
	ck_assert_int_eq(affinity_pin(CPU_SETSIZE - 1, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "core 1023"));
}
END_TEST

/* A worker that cannot be pinned is an error, not a slower start. */
START_TEST(test_core_not_there)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(64), KIB(4), false);
	plan.vcpu[0].core = CPU_SETSIZE - 1;
	ck_assert_int_eq(memory_create(&plan, &memory, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "core 1023"));
}
END_TEST

/* Calls of the kernel that do not go the way of this machine, which has a single node. */
static struct {
	bool many_nodes;
	int mbind_errno, move_errno;
	unsigned long binds, pages, bound_node, flags;
	unsigned long stray_each; /* each such page lies on node 3; 0: none */
	bool absent;              /* or on none */
} kernel;
static pthread_mutex_t kernel_lock = PTHREAD_MUTEX_INITIALIZER;

bool __wrap_affinity_many_nodes(void);
long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);

bool __wrap_affinity_many_nodes(void)
{
	return kernel.many_nodes;
}

static long fake_mbind(const unsigned long *mask, unsigned long mode, unsigned long flags)
{
	ck_assert_uint_eq(mode, MPOL_BIND);
	kernel.binds++;
	kernel.flags = flags;
	kernel.bound_node = (unsigned long)__builtin_ctzl(mask[0]);
	errno = kernel.mbind_errno;
	return errno ? -1 : 0;
}

static long fake_move_pages(unsigned long n, int *status)
{
	errno = kernel.move_errno;
	if (errno)
		return -1;
	pthread_mutex_lock(&kernel_lock);
	for (unsigned long i = 0; i < n; i++) {
		kernel.pages++;
		status[i] = (int)kernel.bound_node;
		if (kernel.stray_each && kernel.pages % kernel.stray_each == 0)
			status[i] = kernel.absent ? -ENOENT : 3;
	}
	pthread_mutex_unlock(&kernel_lock);
	return 0;
}

long __wrap_syscall(long number, ...)
{
	unsigned long arg[6];
	va_list ap;

	va_start(ap, number);
	for (unsigned i = 0; i < 6; i++)
		arg[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (number == SYS_mbind)
		return fake_mbind((const unsigned long *)arg[3], arg[2], arg[5]);
	ck_assert_int_eq(number, SYS_move_pages);
	ck_assert_uint_eq(arg[3], 0); /* asks, and moves nothing */
	return fake_move_pages(arg[1], (int *)arg[4]);
}

/* A host of several nodes: every extent is bound, every page looked at by who touched it. */
START_TEST(test_bound)
{
	struct plan plan;

	kernel.many_nodes = true;
	plan_start(&plan);
	plan_add(&plan, 0, MIB(40), KIB(4), false);
	plan_add(&plan, MIB(40), MIB(4), KIB(4), false);
	plan_add(&plan, MIB(44), MIB(4), KIB(4), true);
	create(&plan);
	ck_assert(memory.bound);
	ck_assert_uint_eq(kernel.binds, 3);
	ck_assert_uint_eq(kernel.flags, MPOL_MF_STRICT);
	ck_assert_uint_eq(memory.extent[0].placed.pages, MIB(40) / KIB(4));
	ck_assert_uint_eq(memory.extent[1].placed.pages, MIB(4) / KIB(4));
	ck_assert_uint_eq(memory.extent[2].placed.pages, 2); /* collapsed: huge ones */
	ck_assert_uint_eq(memory.extent[0].placed.elsewhere, 0);
	memory_destroy(&memory);
}
END_TEST

/* A guest of two nodes on a host of one is held to the same. One of one node is not looked at.
 */
START_TEST(test_bound_on_one_node)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(4), KIB(4), false);
	create(&plan);
	ck_assert(!memory.bound);
	ck_assert_uint_eq(kernel.binds + kernel.pages, 0);
	memory_destroy(&memory);
	plan.nnodes = 2;
	create(&plan);
	ck_assert(memory.bound);
	ck_assert_uint_eq(memory.extent[0].placed.pages, 1024);
	memory_destroy(&memory);
	/* Where a container forbids it, a host of one node has nothing to lose. */
	kernel.mbind_errno = EPERM;
	kernel.pages = 0;
	create(&plan);
	ck_assert(!memory.bound);
	ck_assert_uint_eq(kernel.pages, 0);
	memory_destroy(&memory);
	kernel.mbind_errno = EINVAL;
	ck_assert_int_eq(memory_create(&plan, &memory, &problem), -EINVAL);
}
END_TEST

static const struct {
	int mbind_errno, move_errno, err;
	const char *say;
} forbidden[] = {
	{EPERM, 0, -EPERM, "seccomp profile forbids it: start the container with --cap-add"},
	{ENOSYS, 0, -ENOSYS, "seccomp profile forbids it"},
	{EINVAL, 0, -EINVAL, "cpuset.mems"},
	{EIO, 0, -EIO, "node 0: memory cannot be bound to it"},
	{0, EPERM, -EPERM, "cannot ask where its memory lies (move_pages: "},
	{0, ENOSYS, -ENOSYS, "--cap-add SYS_NICE"},
};

START_TEST(test_bind_refused)
{
	struct plan plan;

	kernel.many_nodes = true;
	kernel.mbind_errno = forbidden[_i].mbind_errno;
	kernel.move_errno = forbidden[_i].move_errno;
	plan_start(&plan);
	plan_add(&plan, 0, MIB(4), KIB(4), false);
	ck_assert_int_eq(memory_create(&plan, &memory, &problem), forbidden[_i].err);
	ck_assert_msg(strstr(problem.text, forbidden[_i].say), "%s", problem.text);
	ck_assert_int_eq(problem.status, EXIT_LWVMM_FAILED);
	ck_assert_uint_eq(memory.span, 0);
}
END_TEST

START_TEST(test_page_elsewhere)
{
	struct plan plan;

	kernel.many_nodes = true;
	kernel.stray_each = 1000;
	plan_start(&plan);
	plan_add(&plan, 0, MIB(64), KIB(4), false);
	ck_assert_int_eq(memory_create(&plan, &memory, &problem), -EIO);
	ck_assert_msg(strstr(problem.text,
			      "64 MiB at gpa 0x0 16 of 16384 pages are not on node 0, to which "
			      "they are bound (some are on node 3)"),
		"%s", problem.text);
	ck_assert_uint_eq(memory.span, 0);
	kernel.absent = true;
	kernel.pages = 0;
	problem = (struct problem){0};
	ck_assert_int_eq(memory_create(&plan, &memory, &problem), -EIO);
	ck_assert_msg(strstr(problem.text, "16 of 16384 pages are gone from node 0"), "%s",
		problem.text);
}
END_TEST

/* What this machine's kernel really says of memory on its node 0. */
START_TEST(test_placement)
{
	struct affinity_tally tally = {0};
	int status[2] = {-1, -1};
	void *page[2];
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(4), KIB(4), false);
	create(&plan);
	page[0] = memory.base;
	page[1] = memory.base + MIB(4) - KIB(4);
	ck_assert_int_eq(
		__real_syscall(SYS_move_pages, 0, 2UL, page, (int *)NULL, status, 0), 0);
	ck_assert_int_eq(status[0] | status[1], 0);
	kernel.bound_node = 0;
	ck_assert_int_eq(affinity_count(memory.base, MIB(4), KIB(4), 1, &tally, &problem), 0);
	ck_assert_uint_eq(tally.elsewhere, 1024);
	ck_assert_int_eq(tally.stray, 0);
	memory_destroy(&memory);
}
END_TEST

/* The benchmarks' way to force fewer workers gives the same memory. */
START_TEST(test_one_worker)
{
	struct plan plan;

	setenv("LWVMM_PREFAULT_WORKERS", _i ? "nonsense" : "1", 1);
	plan_start(&plan);
	plan_add(&plan, 0, MIB(96), KIB(4), false);
	if (!_i)
		plan.vcpu[1].core = CPU_SETSIZE - 1; /* no second worker to fail */
	create(&plan);
	ck_assert_uint_eq(memory.extent[0].got_4k, MIB(96));
	memory_destroy(&memory);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("memory");
	TCase *t = tcase_create("memory");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_layout);
	tcase_add_loop_test(t, test_prefault, 0, sizeof(row) / sizeof(row[0]));
	tcase_add_test(t, test_two_kinds);
	tcase_add_test(t, test_sealed);
	tcase_add_test(t, test_pool_short);
#ifndef __SANITIZE_ADDRESS__ /* which needs terabytes of address space itself */
	tcase_add_test(t, test_no_address_space);
#else
	(void)test_no_address_space;
#endif
	tcase_add_test(t, test_affinity);
	tcase_add_test(t, test_core_not_there);
	tcase_add_test(t, test_placement);
	tcase_add_test(t, test_bound);
	tcase_add_test(t, test_bound_on_one_node);
	tcase_add_loop_test(t, test_bind_refused, 0, sizeof(forbidden) / sizeof(forbidden[0]));
	tcase_add_test(t, test_page_elsewhere);
	tcase_add_loop_test(t, test_one_worker, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_run(suite());
}
