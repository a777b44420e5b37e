/* SPDX-License-Identifier: MIT */
/* 64 threads and what POSIX gives them to work together. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>

#include "check.h"

#define THREADS 64

static pthread_t threads[THREADS];

static void start_all(void *(*body)(void *))
{
	for (size_t i = 0; i < THREADS; i++)
		CHECK_ZERO(pthread_create(&threads[i], NULL, body, (void *)i));
}

static void join_all(void)
{
	for (size_t i = 0; i < THREADS; i++) {
		void *result;

		CHECK_ZERO(pthread_join(threads[i], &result));
		CHECK(result == (void *)(i * 3));
	}
}

static void *result_of(void *arg)
{
	return (void *)((size_t)arg * 3);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *mutex_body(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		CHECK_ZERO(pthread_mutex_lock(&mutex));
		counter++;
		CHECK_ZERO(pthread_mutex_unlock(&mutex));
	}
	return result_of(arg);
}

static void test_mutex(void)
{
	counter = 0;
	start_all(mutex_body);
	join_all();
	CHECK(counter == THREADS * 1000L);
}

/* A token goes round: each thread waits for its turn, many condition variables' worth of
 * wake-ups. */
static pthread_cond_t turn_cond = PTHREAD_COND_INITIALIZER;
static size_t turn;

static void *ring_body(void *arg)
{
	for (size_t round = 0; round < 5; round++) {
		CHECK_ZERO(pthread_mutex_lock(&mutex));
		while (turn != round * THREADS + (size_t)arg)
			CHECK_ZERO(pthread_cond_wait(&turn_cond, &mutex));
		turn++;
		CHECK_ZERO(pthread_cond_broadcast(&turn_cond));
		CHECK_ZERO(pthread_mutex_unlock(&mutex));
	}
	return result_of(arg);
}

static void test_cond(void)
{
	turn = 0;
	start_all(ring_body);
	join_all();
	CHECK(turn == 5u * THREADS);
}

static pthread_barrier_t barrier;
static int arrived[10];
static int serial;

static void *barrier_body(void *arg)
{
	for (int phase = 0; phase < 10; phase++) {
		int err;

		__atomic_add_fetch(&arrived[phase], 1, __ATOMIC_RELAXED);
		err = pthread_barrier_wait(&barrier);
		CHECK(err == 0 || err == PTHREAD_BARRIER_SERIAL_THREAD);
		if (err != 0)
			__atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
		CHECK(__atomic_load_n(&arrived[phase], __ATOMIC_RELAXED) == THREADS);
	}
	return result_of(arg);
}

static void test_barrier(void)
{
	memset(arrived, 0, sizeof(arrived));
	serial = 0;
	CHECK_ZERO(pthread_barrier_init(&barrier, NULL, THREADS));
	start_all(barrier_body);
	join_all();
	CHECK_ZERO(pthread_barrier_destroy(&barrier));
	CHECK(serial == 10);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long pair[2];

static void *rwlock_body(void *arg)
{
	for (int i = 0; i < 200; i++) {
		if ((size_t)arg % 8 == 0) {
			CHECK_ZERO(pthread_rwlock_wrlock(&rwlock));
			pair[0]++;
			pair[1]++;
		} else {
			CHECK_ZERO(pthread_rwlock_rdlock(&rwlock));
			CHECK(pair[0] == pair[1]);
		}
		CHECK_ZERO(pthread_rwlock_unlock(&rwlock));
	}
	return result_of(arg);
}

static void test_rwlock(void)
{
	pair[0] = pair[1] = 0;
	start_all(rwlock_body);
	join_all();
	CHECK(pair[0] == THREADS / 8 * 200);
}

static __thread long tls_word = 5;
static __thread char tls_zero[3000];
static pthread_key_t key;
static int destroyed;

static void key_destroy(void *value)
{
	CHECK(value != NULL);
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
}

static void *tls_body(void *arg)
{
	CHECK(tls_word == 5);
	for (size_t i = 0; i < sizeof(tls_zero); i++)
		CHECK(tls_zero[i] == 0);
	CHECK_ZERO(pthread_setspecific(key, (char *)arg + 1));
	for (int i = 0; i < 50; i++) {
		tls_word = (long)arg * 100 + i;
		sched_yield();
		CHECK(tls_word == (long)arg * 100 + i);
		CHECK(pthread_getspecific(key) == (char *)arg + 1);
	}
	return result_of(arg);
}

static void test_tls(void)
{
	destroyed = 0;
	CHECK_ZERO(pthread_key_create(&key, key_destroy));
	start_all(tls_body);
	join_all();
	CHECK_ZERO(pthread_key_delete(key));
	CHECK(destroyed == THREADS && tls_word == 5);
}

static int detached;

static void *detach_body(void *arg)
{
	(void)arg;
	CHECK_ZERO(pthread_detach(pthread_self()));
	__atomic_add_fetch(&detached, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void test_detach(void)
{
	detached = 0;
	start_all(detach_body);
	check_wait_for(&detached, THREADS);
}

/* Touches most of a stack of 1 MiB: stacks are memory of their own, zero or not. */
static void *stack_body(void *arg)
{
	volatile char frame[900 * 1024];

	for (size_t i = 0; i < sizeof(frame); i += 512)
		frame[i] = (char)(i / 512 + (size_t)arg);
	sched_yield();
	for (size_t i = 0; i < sizeof(frame); i += 512)
		CHECK(frame[i] == (char)(i / 512 + (size_t)arg));
	return result_of(arg);
}

static void test_stacks(void)
{
	pthread_attr_t attr;

	CHECK_ZERO(pthread_attr_init(&attr));
	CHECK_ZERO(pthread_attr_setstacksize(&attr, 1024 * 1024));
	for (size_t i = 0; i < THREADS; i++)
		CHECK_ZERO(pthread_create(&threads[i], &attr, stack_body, (void *)i));
	join_all();
	CHECK_ZERO(pthread_attr_destroy(&attr));
}

static sem_t slots;
static int inside, most;

static void *sem_body(void *arg)
{
	int now;

	while (sem_wait(&slots) != 0)
		CHECK(errno == EINTR);
	now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
	CHECK(now <= 4);
	if (now > __atomic_load_n(&most, __ATOMIC_RELAXED))
		__atomic_store_n(&most, now, __ATOMIC_RELAXED);
	sched_yield();
	__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
	CHECK(sem_post(&slots) == 0);
	return result_of(arg);
}

static void test_sem(void)
{
	CHECK(sem_init(&slots, 0, 4) == 0);
	start_all(sem_body);
	join_all();
	CHECK(most >= 1);
	CHECK(sem_destroy(&slots) == 0);
}

/* More threads than cores wait actively for one another: whoever holds a core must lose it in
 * time. */
static int spin_turn;

static void *spin_body(void *arg)
{
	int me = (int)(size_t)arg;

	for (int round = 0; round < 3; round++) {
		while (__atomic_load_n(&spin_turn, __ATOMIC_ACQUIRE) != round * 8 + me)
			__builtin_ia32_pause();
		__atomic_store_n(&spin_turn, round * 8 + me + 1, __ATOMIC_RELEASE);
	}
	return result_of(arg);
}

static void test_spin(void)
{
	spin_turn = 0;
	for (size_t i = 0; i < 8; i++)
		CHECK_ZERO(pthread_create(&threads[i], NULL, spin_body, (void *)i));
	for (size_t i = 0; i < 8; i++)
		CHECK_ZERO(pthread_join(threads[i], NULL));
	CHECK(spin_turn == 24);
}

static void *cancel_body(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void test_cancel(void)
{
	for (int i = 0; i < 8; i++) {
		void *result;

		CHECK_ZERO(pthread_create(&threads[0], NULL, cancel_body, NULL));
		if (i % 2)
			check_sleep_ms(2);
		CHECK_ZERO(pthread_cancel(threads[0]));
		CHECK_ZERO(pthread_join(threads[0], &result));
		CHECK(result == PTHREAD_CANCELED);
	}
}

static void test_timedwait(void)
{
	struct timespec end;
	uint64_t start = check_now_ns();

	CHECK(clock_gettime(CLOCK_REALTIME, &end) == 0);
	end.tv_nsec += 20000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	CHECK_ZERO(pthread_mutex_lock(&mutex));
	CHECK(pthread_cond_timedwait(&turn_cond, &mutex, &end) == ETIMEDOUT);
	CHECK(check_now_ns() - start >= 19000000);
	CHECK_ZERO(pthread_mutex_unlock(&mutex));
}

/* 2,000 threads one after another: stacks and ids are reused. */
static void test_churn(void)
{
	for (size_t i = 0; i < 2000; i++) {
		void *result;

		CHECK_ZERO(pthread_create(&threads[0], NULL, result_of, (void *)i));
		CHECK_ZERO(pthread_join(threads[0], &result));
		CHECK(result == (void *)(i * 3));
	}
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"mutex", test_mutex},
		{"cond", test_cond},
		{"barrier", test_barrier},
		{"rwlock", test_rwlock},
		{"tls", test_tls},
		{"detach", test_detach},
		{"stacks", test_stacks},
		{"sem", test_sem},
		{"spin", test_spin},
		{"cancel", test_cancel},
		{"timedwait", test_timedwait},
		{"churn", test_churn},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
