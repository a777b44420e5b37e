/* SPDX-License-Identifier: MIT */
/*
 * locks THREADS ROUNDS: what happens when all threads do the same at once. For each number of
 * threads (1, 2, 4, ... THREADS) a line "TEST-N NS OPERATIONS": nanoseconds an operation as one
 * thread sees it, and how many all threads made. A thread a core.
 *
 *   pingpong  two threads hand a word to and fro by futex; both sleep in turn
 *   mutex     one lock for all, held for some 50 ns
 *   malloc    malloc and free, 64 bytes to 32 KiB
 *   mmap      mmap, touch and munmap of 64 KiB
 *
 * Each is enclosed by two marks (a prctl that natively is an error and changes nothing), in
 * the order of the lines: lwvmm's account then has the counts.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MARK         0x4c57564d /* "LWVM" */
#define THREADS_MOST 64
#define KEPT         32

struct test {
	const char *name;
	void (*work)(unsigned thread, unsigned rounds);
	unsigned least, most; /* threads */
	unsigned scale;       /* operations a round */
};

static const struct test *test;
static unsigned nrounds;
static pthread_barrier_t barrier;
static cpu_set_t cores;

static uint32_t turn;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t guarded;

static void turn_wait(uint32_t mine)
{
	uint32_t now;

	while ((now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) % 2 != mine)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}

static void pingpong(unsigned thread, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		turn_wait(thread);
		__atomic_add_fetch(&turn, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
}

static void contend(unsigned thread, unsigned rounds)
{
	(void)thread;
	for (unsigned i = 0; i < rounds; i++) {
		pthread_mutex_lock(&mutex);
		for (unsigned j = 0; j < 50; j++)
			guarded++;
		pthread_mutex_unlock(&mutex);
	}
}

static void allocate(unsigned thread, unsigned rounds)
{
	void *kept[KEPT] = {NULL};
	uint32_t random = thread + 1;

	for (unsigned i = 0; i < rounds; i++) {
		random = random * 1664525 + 1013904223;
		void **at = &kept[random >> 16 & (KEPT - 1)];

		free(*at);
		*at = malloc(64u << (random >> 24) % 10);
		if (!*at)
			abort();
		*(volatile char *)*at = 1;
	}
	for (unsigned i = 0; i < KEPT; i++)
		free(kept[i]);
}

static void map(unsigned thread, unsigned rounds)
{
	(void)thread;
	for (unsigned i = 0; i < rounds; i++) {
		char *at = mmap(NULL, 64 << 10, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			abort();
		for (unsigned j = 0; j < 64 << 10; j += 4096)
			at[j] = 1;
		if (munmap(at, 64 << 10))
			abort();
	}
}

static const struct test tests[] = {
	{"pingpong", pingpong, 2, 2, 1},
	{"mutex", contend, 1, THREADS_MOST, 100},
	{"malloc", allocate, 1, THREADS_MOST, 100},
	{"mmap", map, 1, THREADS_MOST, 1},
};

static void pin(unsigned thread)
{
	cpu_set_t one;
	int core = -1;

	do
		core++;
	while (!CPU_ISSET(core, &cores) || thread--);
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		abort();
}

static void *follow(void *arg)
{
	unsigned thread = (unsigned)(uintptr_t)arg;

	pin(thread);
	test->work(thread, 16); /* arenas, first touch */
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	test->work(thread, nrounds * test->scale);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void measure(unsigned nthreads)
{
	const unsigned operations = nrounds * test->scale;
	static unsigned marks;
	pthread_t id[THREADS_MOST];
	double start;

	turn = 0;
	pthread_barrier_init(&barrier, NULL, nthreads + 1);
	for (unsigned i = 0; i < nthreads; i++)
		if (pthread_create(&id[i], NULL, follow, (void *)(uintptr_t)i))
			abort();
	pthread_barrier_wait(&barrier);
	prctl(MARK, ++marks);
	start = now_ns();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	printf("%s-%u %.1f %u\n", test->name, nthreads, (now_ns() - start) / operations,
		operations * nthreads);
	prctl(MARK, ++marks);
	for (unsigned i = 0; i < nthreads; i++)
		pthread_join(id[i], NULL);
	pthread_barrier_destroy(&barrier);
}

int main(int argc, char **argv)
{
	unsigned nthreads = argc > 1 ? (unsigned)atoi(argv[1]) : 1;

	nrounds = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
	if (sched_getaffinity(0, sizeof(cores), &cores) || !nthreads ||
		nthreads > (unsigned)CPU_COUNT(&cores) || nthreads > THREADS_MOST) {
		fprintf(stderr, "locks: %s threads, of %d cores\n", argc > 1 ? argv[1] : "1",
			CPU_COUNT(&cores));
		return 2;
	}
	for (test = tests; test < tests + sizeof(tests) / sizeof(tests[0]); test++)
		for (unsigned n = test->least; n <= nthreads && n <= test->most; n *= 2)
			measure(n);
	return 0;
}
