/* SPDX-License-Identifier: MIT */
/*
 * prefault KIND MIB CORE...: seconds that lwvmm needs to reserve, touch and verify a guest's
 * memory, by its own code (vmm/memory*.c), with no guest. KIND: 2M (pool), thp or 4K.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/memory.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct memory memory;
	static struct plan plan = {.name = "prefault", .nnodes = 1, .page_asked = PAGE_4K};
	struct problem problem = {0};
	double start, seconds;

	if (argc < 4)
		return 2;
	plan.extent[plan.nextents++] =
		(struct plan_extent){.size = MIB(strtoull(argv[2], NULL, 10)),
			.page_size = strcmp(argv[1], "2M") == 0 ? MIB(2) : KIB(4),
			.thp = strcmp(argv[1], "thp") == 0};
	for (int i = 3; i < argc && plan.nvcpus < PLAN_MAX_VCPUS; i++)
		plan.vcpu[plan.nvcpus++].core = (uint16_t)strtoul(argv[i], NULL, 10);
	start = now();
	if (memory_create(&plan, &memory, &problem)) {
		problem_print(&problem);
		return 1;
	}
	seconds = now() - start;
	if (strcmp(argv[1], "thp") == 0 && memory.extent[0].got_4k)
		fprintf(stderr, "only %lu MiB are huge\n", memory.extent[0].got_2m >> 20);
	memory_destroy(&memory);
	printf("%.6f\n", seconds);
	return 0;
}
