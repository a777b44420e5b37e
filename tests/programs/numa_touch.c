/* SPDX-License-Identifier: MIT */
/*
 * numa_touch [MIB]: first touch, page by page. A thread on each core initialises its own part
 * of one array; then every page of a part must lie on the node of its thread. With `table` for
 * a second word it also prints how many lie where.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "check.h"

#define BLOCK (2UL << 20)
#define PAGE  4096UL
#define CHUNK 1024

struct part {
	pthread_t thread;
	int core;
	unsigned node;
	char *start;
	size_t len;
	size_t on[64], nowhere;
};

static struct part part[1024];
static int parts;
static pthread_barrier_t all_there;

static void *touch_body(void *arg)
{
	struct part *p = arg;
	unsigned core;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(p->core, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
	CHECK(getcpu(&core, &p->node) == 0 && core == (unsigned)p->core);
	pthread_barrier_wait(&all_there);
	for (size_t at = 0; at < p->len; at += PAGE)
		p->start[at] = (char)(p->core + 1);
	return NULL;
}

static void count_chunk(struct part *p, size_t at, size_t n)
{
	void *page[CHUNK];
	int status[CHUNK];

	for (size_t i = 0; i < n; i++)
		page[i] = p->start + at + i * PAGE;
	CHECK(syscall(SYS_move_pages, 0, n, page, NULL, status, 0) == 0);
	for (size_t i = 0; i < n; i++) {
		if (status[i] >= 0 && status[i] < 64)
			p->on[status[i]]++;
		else
			p->nowhere++;
	}
}

static void count(struct part *p)
{
	for (size_t at = 0; at < p->len; at += CHUNK * PAGE) {
		size_t left = (p->len - at) / PAGE;

		count_chunk(p, at, left < CHUNK ? left : CHUNK);
	}
}

/* The nearest node with memory is the thread's own only where that has some. */
static int has_memory(unsigned node)
{
	uint64_t set[16] = {0};

	CHECK(syscall(SYS_get_mempolicy, NULL, set, 1024UL, NULL, 4UL) == 0);
	return set[0] >> node & 1;
}

static void table_print(void)
{
	printf("core node  pages");
	for (int n = 0; n < 64; n++) {
		if (has_memory((unsigned)n))
			printf("  node%d", n);
	}
	printf("\n");
	for (int i = 0; i < parts; i++) {
		printf("%4d %4u %6zu", part[i].core, part[i].node, part[i].len / PAGE);
		for (int n = 0; n < 64; n++) {
			if (has_memory((unsigned)n))
				printf(" %6zu", part[i].on[n]);
		}
		printf("\n");
	}
}

static void run(char *array, size_t len)
{
	CHECK_ZERO(pthread_barrier_init(&all_there, NULL, (unsigned)parts));
	for (int i = 0; i < parts; i++) {
		part[i].start = array + (size_t)i * len;
		part[i].len = len;
		CHECK_ZERO(pthread_create(&part[i].thread, NULL, touch_body, &part[i]));
	}
	for (int i = 0; i < parts; i++)
		CHECK_ZERO(pthread_join(part[i].thread, NULL));
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 0) : 64, len;
	cpu_set_t set;
	char *array;

	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	for (int core = 0; core < CPU_SETSIZE && parts < (int)ARRAY_LEN(part); core++) {
		if (CPU_ISSET(core, &set))
			part[parts++].core = core;
	}
	len = ((mib << 20) / (size_t)parts) & ~(BLOCK - 1);
	CHECK(len > 0);
	array = mmap(NULL, len * (size_t)parts + BLOCK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(array != MAP_FAILED);
	run((char *)(((uintptr_t)array + BLOCK - 1) & ~(BLOCK - 1)), len);
	for (int i = 0; i < parts; i++)
		count(&part[i]);
	if (argc > 2 && strcmp(argv[2], "table") == 0)
		table_print();
	for (int i = 0; i < parts; i++) {
		const struct part *p = &part[i];

		CHECK(p->nowhere == 0);
		CHECK(!has_memory(p->node) || p->on[p->node] == p->len / PAGE);
	}
	printf("all local\n");
	return 0;
}
