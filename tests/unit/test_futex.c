/* SPDX-License-Identifier: MIT */
/*
 * The LWK's futexes on the host: guest-lwk/futex.c as it is, a host thread for each of its
 * threads, found through GS as in the kernel. A lost wake-up shows as a test that does not end.
 */
#include <asm/prctl.h>
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/futex.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/syscall.h"
#include "tests/unit/suite.h"

#define THREADS 4
#define ROUNDS  3000

enum { WAIT = 128, WAKE, REQUEUE = 131, CMP_REQUEUE, WAKE_OP, WAIT_BITSET = 137, WAKE_BITSET };

static struct mm mm;
static struct process proc = {.mm = &mm};
struct machine machine;

/* A thread of the LWK, on a core of its own. */
static struct lane {
	struct core core;
	struct thread thread;
	sem_t wake;
	u32 state;
	u64 alarm; /* the deadline it set */
	bool signal;
} lanes[THREADS + 1];

static struct lane *lane_of(struct thread *t)
{
	return container_of(t, struct lane, thread);
}

static void lane_enter(struct lane *lane)
{
	lane->core.self = &lane->core;
	lane->core.current = &lane->thread;
	lane->thread.proc = &proc;
	sem_init(&lane->wake, 0, 0);
	ck_assert_int_eq(syscall(SYS_arch_prctl, ARCH_SET_GS, &lane->core), 0);
}

/* ---- what futex.c asks of the kernel ---- */

/* Where mm.windows is set all words are the window's, and the proxy waits for them. */
bool mm_in_window(struct process *process, u64 va)
{
	return process->mm->windows;
}

bool mm_check(struct process *process, u64 va, u64 len, u32 prot)
{
	return true;
}

int *__errno_location(void); /* errno.h's names are the LWK's here */

s64 fwd_call(u32 nr, const u64 arg[6], u64 lo, u64 hi)
{
	ck_assert_uint_eq(nr, SYS_futex);
	ck_assert(mm.windows && !(arg[1] & 128) && lo <= arg[0] && hi >= arg[0] + 4);

	sched_prepare();
	s64 ret = syscall(SYS_futex, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);

	sched_cancel();
	return ret < 0 ? -*__errno_location() : ret;
}

s64 fwd_call_whole(struct fwd_whole *call)
{
	return fwd_call(call->nr, call->arg, call->arg[0], call->arg[0] + 4);
}

void syscall_account(u32 nr, s64 ret, u64 tsc)
{
}

void spin_wait(struct spinlock *lock)
{
	while (!spin_trylock(lock))
		sched_yield();
}

u64 mm_gpa(struct process *process, u64 va, bool write)
{
	return va < 4096 ? 0 : va - ABI_DIRECT_VA; /* so that gpa_to_ptr() gives va */
}

s64 user_read_u32(u32 *value, u64 addr)
{
	*value = *(volatile u32 *)addr;
	return 0;
}

s64 user_cmpxchg_u32(u64 addr, u32 *old, u32 new_value)
{
	__atomic_compare_exchange_n(
		(u32 *)addr, old, new_value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return 0;
}

s64 user_read_timespec(u64 addr, u64 *ns)
{
	*ns = *(u64 *)addr;
	return 0;
}

bool signal_pending_now(void)
{
	return lane_of(current_thread())->signal;
}

s64 clock_ns(u32 clock, u64 *ns)
{
	*ns = 1000;
	return 0;
}

u64 ns_add(u64 a, u64 b)
{
	return a + b;
}

/* Rings when schedule() finds nobody else to wake the thread. */
s64 alarm_set(u32 clock, u64 ns)
{
	lane_of(current_thread())->alarm = ns;
	return 0;
}

bool alarm_rang(u32 clock, u64 ns)
{
	return current_thread()->timed_out;
}

void alarm_clear(void)
{
	current_thread()->timed_out = false;
	lane_of(current_thread())->alarm = 0;
}

void sched_prepare(void)
{
	__atomic_store_n(&lane_of(current_thread())->state, 1, __ATOMIC_SEQ_CST);
}

void sched_cancel(void)
{
	__atomic_store_n(&lane_of(current_thread())->state, 0, __ATOMIC_SEQ_CST);
}

void schedule(void)
{
	struct lane *lane = lane_of(current_thread());

	if (lane->alarm)
		lane->thread.timed_out = true;
	else
		sem_wait(&lane->wake);
}

bool sched_wake(struct thread *t)
{
	struct lane *lane = lane_of(t);
	bool blocked = __atomic_exchange_n(&lane->state, 0, __ATOMIC_SEQ_CST);

	if (blocked)
		sem_post(&lane->wake);
	return blocked;
}

/* ---- tests ---- */

static u64 addr_of(u32 *word)
{
	return (u64)word;
}

static u32 *words; /* four, where programs live: below ABI_USER_END */
static u64 counter;

/* The mutex of the book: 0 free, 1 held, 2 held and waited for. */
static void lock(u32 *word)
{
	u32 seen = 0;

	if (__atomic_compare_exchange_n(
		    word, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE))
		sys_futex(addr_of(word), WAIT, 2, 0, 0, 0);
}

static void unlock(u32 *word)
{
	if (__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) == 2)
		sys_futex(addr_of(word), WAKE, 1, 0, 0, 0);
}

static void *mutex_main(void *arg)
{
	lane_enter(arg);
	for (int i = 0; i < ROUNDS; i++) {
		lock(&words[0]);
		counter++;
		if (i % 64 == 0)
			sched_yield();
		unlock(&words[0]);
	}
	return NULL;
}

/* A plain store, then the wake-up, for ever between two: what the filter must not lose. */
static void *pong_main(void *arg)
{
	struct lane *lane = arg;
	u32 me = (u32)(lane - lanes) & 1;

	lane_enter(lane);
	for (u32 i = 0; i < ROUNDS; i++) {
		while (__atomic_load_n(&words[me], __ATOMIC_ACQUIRE) == i)
			sys_futex(addr_of(&words[me]), WAIT, i, 0, 0, 0);
		__atomic_store_n(&words[!me], i + 1 + me, __ATOMIC_RELEASE);
		sys_futex(addr_of(&words[!me]), WAKE, 1, 0, 0, 0);
	}
	return NULL;
}

static void run(void *(*fn)(void *), unsigned n)
{
	pthread_t thread[THREADS];

	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, fn, &lanes[i]), 0);
	for (unsigned i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
}

START_TEST(test_mutex)
{
	run(mutex_main, THREADS);
	ck_assert_uint_eq(counter, THREADS * ROUNDS);
}
END_TEST

START_TEST(test_ping_pong)
{
	words[0] = 1; /* lane 0 begins */
	run(pong_main, 2);
	ck_assert_uint_eq(words[0], ROUNDS + 1);
	ck_assert_uint_eq(words[1], ROUNDS);
}
END_TEST

/* THREADS waiters on words[0], each with its own bit; words[2] counts those that came back. */
static void *waiter_main(void *arg)
{
	struct lane *lane = arg;

	lane_enter(lane);
	ck_assert_int_eq(
		sys_futex(addr_of(&words[0]), WAIT_BITSET, 0, 0, 0, 1U << (lane - lanes)), 0);
	__atomic_add_fetch(&words[2], 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static u32 came_back(void)
{
	return __atomic_load_n(&words[2], __ATOMIC_SEQ_CST);
}

static void await(u32 n)
{
	while (came_back() != n)
		sched_yield();
}

static void start_waiters(pthread_t *thread)
{
	lane_enter(&lanes[THREADS]);
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, waiter_main, &lanes[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		while (!__atomic_load_n(&lanes[i].state, __ATOMIC_SEQ_CST))
			sched_yield();
}

START_TEST(test_bitset_and_requeue)
{
	u64 a = addr_of(&words[0]), b = addr_of(&words[1]);
	pthread_t thread[THREADS];

	start_waiters(thread);
	ck_assert_int_eq(sys_futex(a, WAKE_BITSET, THREADS, 0, 0, 1U << 30), 0);
	ck_assert_int_eq(sys_futex(a, WAKE_BITSET, THREADS, 0, 0, 1U << 2), 1);
	await(1);
	ck_assert_int_eq(sys_futex(a, CMP_REQUEUE, 1, 1, b, 5), -EAGAIN);
	ck_assert_int_eq(sys_futex(a, CMP_REQUEUE, 1, 1, b, 0), 2); /* one woken, one moved */
	await(2);
	ck_assert_int_eq(sys_futex(b, WAKE, 9, 0, 0, 0), 1);
	await(3);
	/* Sets words[3] to 7 (was 0); 0 == 0, so both are woken: nobody there, one here. */
	ck_assert_int_eq(sys_futex(a, WAKE_OP, 1, 1, addr_of(&words[3]), 7 << 12), 1);
	await(4);
	ck_assert_uint_eq(words[3], 7);
	ck_assert_int_eq(sys_futex(a, WAKE, 9, 0, 0, 0), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}
END_TEST

/* To and fro a hundred times: nobody is forgotten, nobody wakes early. */
START_TEST(test_requeue_all)
{
	pthread_t thread[THREADS];

	start_waiters(thread);
	for (int i = 0; i < 100; i++) {
		u64 from = addr_of(&words[i & 1]), to = addr_of(&words[!(i & 1)]);

		ck_assert_int_eq(futex_wake_addr(to, 1), 0);
		ck_assert_int_eq(sys_futex(from, CMP_REQUEUE, 0, THREADS, to, 0), THREADS);
	}
	ck_assert_uint_eq(came_back(), 0);
	ck_assert_int_eq(futex_wake_addr(addr_of(&words[0]), 100), THREADS);
	await(THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}
END_TEST

/* The same on the host; a FUTEX_WAKE that says PRIVATE looks at the count first. */
START_TEST(test_window)
{
	u64 a = addr_of(&words[0]), b = addr_of(&words[1]);
	pthread_t thread[THREADS];

	mm.windows = true;
	machine.window_size = ~0ULL;
	run(mutex_main, THREADS);
	ck_assert_uint_eq(counter, THREADS * ROUNDS);
	words[0] = words[1] = words[2] = 0;
	start_waiters(thread);
	while (*futex_filter(a) != THREADS)
		sched_yield();
	usleep(20000);
	ck_assert_int_eq(sys_futex(a, WAKE_BITSET, THREADS, 0, 0, 1U << 2), 1);
	await(1);
	ck_assert_int_eq(sys_futex(a, CMP_REQUEUE, 1, 1, b, 5), -EAGAIN);
	ck_assert_int_eq(sys_futex(a, CMP_REQUEUE, 1, 1, b, 0), 2); /* both are woken */
	await(3);
	ck_assert_int_eq(futex_wake_addr(a, 9), 1);
	await(4);
	ck_assert_int_eq(sys_futex(a, WAKE, 9, 0, 0, 0), 0);
	ck_assert_int_eq(sys_futex(a, WAIT, 7, 0, 0, 0), -EAGAIN);
	ck_assert_uint_eq(*futex_filter(a), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}
END_TEST

START_TEST(test_ends_and_errors)
{
	u64 a = addr_of(&words[0]), second = 1000000000;

	lane_enter(&lanes[0]);
	ck_assert_int_eq(sys_futex(a, WAIT, 1, 0, 0, 0), -EAGAIN);
	ck_assert_int_eq(sys_futex(a, WAIT, 0, (u64)&second, 0, 0), -ETIMEDOUT);
	lanes[0].signal = true;
	ck_assert_int_eq(sys_futex(a, WAIT, 0, 0, 0, 0), -ERESTART);
	ck_assert_int_eq(sys_futex(a, WAIT, 0, (u64)&second, 0, 0), -ERESTARTNOHAND);
	lanes[0].signal = false;
	ck_assert_int_eq(sys_futex(a + 1, WAIT, 0, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(sys_futex(a + 2, WAKE, 1, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(sys_futex(a, WAIT_BITSET, 0, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(sys_futex(a, WAKE_BITSET, 0, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(sys_futex(8, WAIT, 0, 0, 0, 0), -EFAULT);
	ck_assert_int_eq(sys_futex(8, WAKE & 127, 1, 0, 0, 0), -EFAULT);
	ck_assert_int_eq(sys_futex(8, WAKE, 1, 0, 0, 0), 0);
	ck_assert_int_eq(sys_futex(1ULL << 63, WAKE, 1, 0, 0, 0), -EFAULT);
	ck_assert_int_eq(sys_futex(a, REQUEUE, (u64)-1, 1, a, 0), -EINVAL);
	ck_assert_int_eq(sys_futex(a, 6, 0, 0, 0, 0), -ENOSYS); /* LOCK_PI */
	ck_assert_int_eq(sys_futex(a, WAKE_OP, 1, 1, a, 5U << 28), -ENOSYS);
	/* Nothing is left behind: all filters are down again, so waking is the short path. */
	ck_assert_int_eq(sys_futex(a, WAKE, 9, 0, 0, 0), 0);
}
END_TEST

static void setup(void)
{
	words = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ck_assert(words != MAP_FAILED);
}

int main(void)
{
	Suite *suite = suite_create("futex");
	TCase *tcase = tcase_create("futex");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, test_mutex);
	tcase_add_test(tcase, test_ping_pong);
	tcase_add_test(tcase, test_bitset_and_requeue);
	tcase_add_test(tcase, test_requeue_all);
	tcase_add_test(tcase, test_window);
	tcase_add_test(tcase, test_ends_and_errors);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
