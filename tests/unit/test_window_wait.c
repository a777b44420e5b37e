/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom in the window: guest-lwk/mm_window_wait.c as it is, a host thread for each
 * of a process's threads, some of which fork while others change something, and a thread of
 * another process that looks into this one (process_vm_readv). A lost wake-up, or two that wait
 * for each other, shows as a test that does not end.
 */
#include <asm/prctl.h>
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/mm_window.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/vma.h"
#include "tests/unit/suite.h"

#define FORKERS  2
#define CHANGERS 2
#define SETTLERS 2
#define ROUNDS   4000

static struct mm mm = {.windows = true};
static struct process proc = {.mm = &mm};
struct machine machine;

/* A thread of the LWK, on a core of its own. */
static struct lane {
	struct core core;
	struct thread thread;
	sem_t wake;
	u32 state;
} lanes[FORKERS + CHANGERS + SETTLERS];

static u32 forks, changes; /* under way; mm.lock */
static bool over;

static struct lane *lane_of(struct thread *t)
{
	return container_of(t, struct lane, thread);
}

static void lane_enter(struct lane *lane)
{
	ck_assert_int_eq(syscall(SYS_arch_prctl, ARCH_SET_GS, &lane->core), 0);
}

/* ---- what mm_window_wait.c asks of the kernel ---- */

void spin_wait(struct spinlock *lock)
{
	while (!spin_trylock(lock))
		sched_yield();
}

/* All of it is of the window, and nothing is pending. */
struct vma *vma_find_above(struct mm *of, u64 va)
{
	return NULL;
}

bool mm_window_meets(struct mm *of, u64 start, u64 end)
{
	return true;
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
	sem_wait(&lane_of(current_thread())->wake);
}

bool sched_wake(struct thread *t)
{
	struct lane *lane = lane_of(t);
	bool blocked = __atomic_exchange_n(&lane->state, 0, __ATOMIC_SEQ_CST);

	if (blocked)
		sem_post(&lane->wake);
	return blocked;
}

/* ---- what they do ---- */

static void *fork_main(void *lane)
{
	lane_enter(lane);
	for (int i = 0; i < ROUNDS; i++) {
		mm_window_hold(&proc);
		spin_lock(&mm.lock);
		ck_assert_uint_eq(forks++, 0);
		ck_assert_uint_eq(changes, 0);
		spin_unlock(&mm.lock);
		sched_yield();
		spin_lock(&mm.lock);
		ck_assert_uint_eq(changes, 0);
		forks--;
		spin_unlock(&mm.lock);
		mm_window_release(&proc);
	}
	return NULL;
}

static void *change_main(void *lane)
{
	lane_enter(lane);
	for (int i = 0; i < ROUNDS; i++) {
		spin_lock(&mm.lock);
		mm_window_change(&proc);
		ck_assert_uint_eq(forks, 0);
		changes++;
		spin_unlock(&mm.lock);
		sched_yield();
		spin_lock(&mm.lock);
		changes--;
		spin_unlock(&mm.lock);
		mm_window_changed(&proc);
	}
	return NULL;
}

static void *settle_main(void *lane)
{
	lane_enter(lane);
	for (int i = 0; i < ROUNDS; i++) {
		spin_lock(&mm.lock);
		mm_window_settle(&proc, 0, PAGE_SIZE);
		ck_assert_uint_eq(forks, 0);
		spin_unlock(&mm.lock);
		sched_yield();
	}
	return NULL;
}

/* As peer_copy.c and sys_peer.c: the order of lock.h. */
static void *peer_main(void *unused)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		spin_lock(&proc.lock);
		spin_lock(&mm.lock);
		spin_unlock(&mm.lock);
		spin_unlock(&proc.lock);
		sched_yield();
	}
	return NULL;
}

START_TEST(nobody_waits_for_ever)
{
	static void *(*const main_of[])(void *) = {
		fork_main, fork_main, change_main, change_main, settle_main, settle_main};
	pthread_t peer, thread[ARRAY_SIZE(lanes)];

	for (u32 i = 0; i < ARRAY_SIZE(lanes); i++) {
		struct lane *lane = &lanes[i];

		lane->core.self = &lane->core;
		lane->core.current = &lane->thread;
		lane->thread.proc = &proc;
		lane->thread.next = proc.threads;
		proc.threads = &lane->thread;
		sem_init(&lane->wake, 0, 0);
	}
	pthread_create(&peer, NULL, peer_main, NULL);
	for (u32 i = 0; i < ARRAY_SIZE(lanes); i++)
		pthread_create(&thread[i], NULL, main_of[i], &lanes[i]);
	for (u32 i = 0; i < ARRAY_SIZE(lanes); i++)
		pthread_join(thread[i], NULL);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	pthread_join(peer, NULL);
	ck_assert_uint_eq(mm.changes | mm.waiting | mm.forking, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("window_wait");
	TCase *tc = tcase_create("window_wait");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, nobody_waits_for_ever);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
