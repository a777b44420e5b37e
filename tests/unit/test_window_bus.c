/* SPDX-License-Identifier: MIT */
/*
 * The search for pages without memory after KVM_RUN's EFAULT: real files, made-up registers and
 * events. What is found, in which order, and when it ends.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/exits.h"
#include "vmm/kvm.h"
#include "vmm/vm.h"
#include "vmm/window_parts.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define GPA  (5ULL << 30)
#define SIZE (8 * WINDOW_CHUNK)
#define PAGE ABI_PAGE

static struct vm vm;
static struct kvm_run run;
static struct kvm_regs regs;
static struct kvm_vcpu_events events;
static struct problem problem;
static struct vcpu *vcpu;
static struct abi_core *core;

int kvm_regs_get(int fd, struct kvm_regs *to)
{
	*to = regs;
	return 0;
}

int kvm_events_get(int fd, struct kvm_vcpu_events *to)
{
	*to = events;
	return 0;
}

int kvm_events_set(int fd, const struct kvm_vcpu_events *from)
{
	events = *from;
	return 0;
}

/* What asks a file system must not hold the lock. */
static bool alone = true; /* nobody else can have it */
static unsigned looked, lost_pages;
static uint8_t *lost; /* a page of the host's that cannot be had */

int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);
int __real_madvise(void *at, size_t len, int advice);
int __wrap_madvise(void *at, size_t len, int advice);

static void not_locked(void)
{
	if (!alone)
		return;
	ck_assert_int_eq(pthread_mutex_trylock(&vm.window.lock), 0);
	pthread_mutex_unlock(&vm.window.lock);
	looked++;
}

int __wrap_fstat64(int fd, struct stat *st)
{
	not_locked();
	return __real_fstat64(fd, st);
}

int __wrap_madvise(void *at, size_t len, int advice)
{
	if (advice != MADV_POPULATE_READ)
		return __real_madvise(at, len, advice);
	not_locked();
	if (lost && (uint8_t *)at <= lost && lost < (uint8_t *)at + len) {
		lost_pages++;
		errno = EFAULT;
		return -1;
	}
	return __real_madvise(at, len, advice);
}

static void setup(void)
{
	vm.share = mmap(NULL, ABI_SHARE_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_int_eq(window_create(&vm.window, GPA, SIZE, &problem), 0);
	vcpu = &vm.vcpu[1];
	vcpu->vm = &vm;
	vcpu->index = 1;
	vcpu->run = &run;
	core = &vm.share->core[1];
	regs.rip = 0x1000;
}

static int hold(uint64_t size, uint64_t len, uint64_t gpa)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct window_file want = {fd, true, 0, len};
	struct abi_window_answer at;

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(window_map(&vm.window, &want, &at), 0);
	ck_assert_uint_eq(at.gpa, gpa);
	return fd;
}

/* One failing KVM_RUN; true if the guest is told. */
static bool told(void)
{
	bool is;

	events = (struct kvm_vcpu_events){0};
	ck_assert_int_eq(window_bus(vcpu), EXIT_CONTINUE);
	is = events.exception.injected;
	if (is)
		ck_assert_uint_eq(events.exception.nr, ABI_VEC_BAD);
	return is;
}

START_TEST(what_was_cut_off)
{
	int fd = hold(3 * WINDOW_CHUNK, 3 * WINDOW_CHUNK - PAGE, GPA);

	hold(PAGE, PAGE, GPA + 3 * WINDOW_CHUNK);
	ck_assert_int_eq(ftruncate(fd, (off_t)WINDOW_CHUNK + 5 * PAGE + 1), 0);
	ck_assert(told());
	ck_assert_uint_eq(core->bad_gpa, GPA + WINDOW_CHUNK + 6 * PAGE);
	ck_assert_uint_eq(core->bad_gpa + core->bad_len, GPA + 3 * WINDOW_CHUNK);
	ck_assert_uint_gt(looked, 0);
	/* Whole again by the time that we look: nothing is said. */
	regs.rip++;
	ck_assert_int_eq(ftruncate(fd, 3 * (off_t)WINDOW_CHUNK), 0);
	ck_assert(!told());
}
END_TEST

START_TEST(several_one_after_the_other)
{
	/* Each is longer than its file from the beginning. */
	for (unsigned i = 0; i < 3; i++)
		hold(PAGE, 3 * PAGE, GPA + i * WINDOW_CHUNK);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(told());
		ck_assert_uint_eq(core->bad_gpa, GPA + i * WINDOW_CHUNK + PAGE);
	}
	/* The round is over: it may have been nothing. Then from the start. */
	ck_assert(!told());
	ck_assert(told());
	ck_assert_uint_eq(core->bad_gpa, GPA + PAGE);
	/* Another instruction begins anew. */
	regs.rip++;
	ck_assert(told());
	ck_assert_uint_eq(core->bad_gpa, GPA + PAGE);
}
END_TEST

START_TEST(given_up_in_the_end)
{
	unsigned n = 0;

	hold(PAGE, PAGE, GPA);
	core->bad_len = 1;
	while (!told())
		ck_assert_uint_lt(++n, 100);
	ck_assert_uint_ge(n, 10);
	ck_assert_uint_eq(core->bad_len, 0);
}
END_TEST

/* The guest's kernel has been told, and is at the same instruction still. */
START_TEST(the_kernel_s_own_memory)
{
	enum exit_verdict verdict = EXIT_CONTINUE;
	unsigned n, tells = 0;

	hold(PAGE, PAGE, GPA);
	regs.rip = 0xffffffff80001000;
	for (n = 0; n < 1000 && verdict == EXIT_CONTINUE; n++) {
		events = (struct kvm_vcpu_events){0};
		verdict = window_bus(vcpu);
		tells += events.exception.injected;
	}
	ck_assert_int_eq(verdict, EXIT_FAIL);
	ck_assert_uint_ge(tells, 1);
	ck_assert_int_eq(vcpu->failure, VCPU_RUN);
	ck_assert_int_eq(vcpu->error, -EFAULT);
	/* A program may do the same again and again. */
	regs.rip = 0x1000;
	for (n = 0; n < 1000; n++)
		told();
}
END_TEST

START_TEST(not_over_another_exception)
{
	hold(PAGE, 2 * PAGE, GPA);
	events = (struct kvm_vcpu_events){.exception = {.injected = 1, .nr = 14}};
	ck_assert_int_eq(window_bus(vcpu), EXIT_CONTINUE);
	ck_assert_uint_eq(events.exception.nr, 14);
	ck_assert_uint_eq(core->bad_gpa, 0);
}
END_TEST

START_TEST(the_kernel_s_own_access)
{
	memset(run.mmio.data, 0xff, sizeof(run.mmio.data));
	ck_assert_int_eq(window_bus_access(vcpu, GPA + 5 * PAGE + 8), EXIT_CONTINUE);
	ck_assert_uint_eq(events.exception.nr, ABI_VEC_BAD);
	ck_assert_uint_eq(core->bad_gpa, GPA + 5 * PAGE);
	ck_assert_uint_eq(core->bad_len, PAGE);
	ck_assert_uint_eq(run.mmio.data[0], 0);
}
END_TEST

static uint8_t *host(uint64_t gpa)
{
	return vm.window.host + (gpa - GPA);
}

static uint64_t blocks(int fd)
{
	struct stat st;

	ck_assert_int_eq(__real_fstat64(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

START_TEST(a_page_that_cannot_be_had)
{
	int fd = hold(2 * WINDOW_CHUNK, 2 * WINDOW_CHUNK, GPA);

	/* Held, and with memory: but for page 9, which is let go, and the holes. */
	for (unsigned i = 0; i < 600; i++)
		host(GPA)[i * PAGE] = 1;
	window_put(&vm.window, GPA + 9 * PAGE, PAGE);
	lost = host(GPA + 520 * PAGE);
	ck_assert(told());
	ck_assert_uint_eq(core->bad_gpa, GPA + 520 * PAGE);
	ck_assert_uint_eq(core->bad_len, PAGE);
	/* Of nobody any more: not told. */
	regs.rip++;
	lost = host(GPA + 9 * PAGE);
	lost_pages = 0;
	ck_assert(!told());
	ck_assert_uint_eq(lost_pages, 0);
	/* Holes stay holes. */
	ck_assert_uint_eq(blocks(fd), 600 * PAGE);
	ck_assert_uint_gt(looked, 0);
}
END_TEST

/* What is only held by the search itself is let go behind it, with its file. */
START_TEST(leaves_nothing)
{
	int before = fcntl(0, F_DUPFD_CLOEXEC, 3), after;

	close(before);
	for (unsigned i = 0; i < 3; i++)
		close(hold(PAGE, PAGE, GPA + i * WINDOW_CHUNK));
	for (unsigned i = 0; i < 50; i++)
		told();
	window_put(&vm.window, GPA + WINDOW_CHUNK, PAGE);
	for (unsigned i = 0; i < 50; i++)
		told();
	window_put(&vm.window, GPA, PAGE);
	window_put(&vm.window, GPA + 2 * WINDOW_CHUNK, PAGE);
	window_sweep(&vm.window);
	ck_assert_uint_eq(window_use(&vm.window).pages, 0);
	ck_assert_uint_eq(window_use(&vm.window).objects, 0);
	after = fcntl(0, F_DUPFD_CLOEXEC, 3);
	ck_assert_int_eq(after, before);
	close(after);
}
END_TEST

/* Files come, change and go meanwhile. */
static void *changer(void *arg)
{
	atomic_bool *stop = arg;

	while (!atomic_load(stop)) {
		int fd = memfd_create("change", MFD_CLOEXEC);
		struct window_file want = {fd, false, 0, 2 * WINDOW_CHUNK};
		struct abi_window_answer a, b;

		if (ftruncate(fd, 2 * WINDOW_CHUNK) || window_map(&vm.window, &want, &a))
			abort();
		want.writable = true;
		if (window_map(&vm.window, &want, &b) || ftruncate(fd, WINDOW_CHUNK))
			abort();
		close(fd);
		window_put(&vm.window, a.gpa, a.len);
		window_put(&vm.window, b.gpa, b.len);
		window_sweep(&vm.window);
	}
	return NULL;
}

START_TEST(beside_the_window_s_thread)
{
	atomic_bool stop = false;
	pthread_t thread;
	unsigned found = 0;

	hold(PAGE, PAGE, GPA);
	alone = false;
	ck_assert_int_eq(pthread_create(&thread, NULL, changer, &stop), 0);
	/* On a busy machine the other thread may not have had its turn by then. */
	for (unsigned i = 0; i < 20000 || !found; i++) {
		uint64_t gpa, len;
		uint32_t chunk = 0;

		found += window_find_short(&vm.window, &chunk, &gpa, &len);
		chunk = 0;
		ck_assert(!window_find_lost(&vm.window, &chunk, &gpa, &len));
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	window_sweep(&vm.window);
	ck_assert_uint_eq(window_use(&vm.window).pages, 1);
	ck_assert_uint_eq(window_use(&vm.window).objects, 1);
	ck_assert_uint_gt(found, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("window_bus");
	TCase *tc = tcase_create("window_bus");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, what_was_cut_off);
	tcase_add_test(tc, several_one_after_the_other);
	tcase_add_test(tc, given_up_in_the_end);
	tcase_add_test(tc, the_kernel_s_own_memory);
	tcase_add_test(tc, not_over_another_exception);
	tcase_add_test(tc, the_kernel_s_own_access);
	tcase_add_test(tc, a_page_that_cannot_be_had);
	tcase_add_test(tc, leaves_nothing);
	tcase_add_test(tc, beside_the_window_s_thread);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
