/* SPDX-License-Identifier: MIT */
/*
 * The LWK's memory manager against a model: random calls and touches, on a made-up machine
 * (sim.h). Whatever is mapped keeps its content, fresh pages are zero, what is not mapped or
 * not allowed faults, memory that is committed on request never does; no block has two owners,
 * no TLB outlives a flush, and when a process is gone all of its memory is back. mm [SEEDS
 * [STEPS [FIRST-SEED]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#undef NSIG /* the LWK has its own */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/process_exec.h"
#include "tests/fuzz/mm_ops.h"
#include "tests/fuzz/sim.h"

#define MIB(n) ((n) << 20)
#define GIB(n) ((u64)(n) << 30)

static const struct mm_config configs[] = {
	{"2m request", {{MIB(192ULL), BLOCK_SIZE, 0}, {MIB(64ULL), BLOCK_SIZE, 1}}, 2, 1,
		MIB(48ULL)},
	{"2m touch", {{MIB(192ULL), BLOCK_SIZE, 0}, {MIB(64ULL), BLOCK_SIZE, 1}}, 2, 2,
		MIB(96ULL)},
	{"2m request, little", {{MIB(24ULL), BLOCK_SIZE, 0}}, 1, 1, MIB(12ULL)},
	{"2m touch, little", {{MIB(24ULL), BLOCK_SIZE, 0}}, 1, 2, MIB(24ULL)},
	{"2m request, three nodes",
		{{MIB(64ULL), BLOCK_SIZE, 0}, {MIB(32ULL), BLOCK_SIZE, 1},
			{MIB(96ULL), BLOCK_SIZE, 2}, {MIB(64ULL), BLOCK_SIZE, 0}},
		4, 1, MIB(48ULL)},
	{"2m touch, memory elsewhere",
		{{MIB(64ULL), BLOCK_SIZE, 0}, {MIB(128ULL), BLOCK_SIZE, 2}}, 2, 2, MIB(48ULL)},
	{"1g request",
		{{MIB(64ULL), BLOCK_SIZE, 0}, {GIB(4), GIB_SIZE, 0}, {GIB(2), GIB_SIZE, 1}}, 3,
		1, GIB(2)},
	{"1g touch",
		{{MIB(64ULL), BLOCK_SIZE, 0}, {GIB(4), GIB_SIZE, 0}, {GIB(2), GIB_SIZE, 1}}, 3,
		2, GIB(2)},
	{"1g touch, small parts",
		{{MIB(64ULL), BLOCK_SIZE, 0}, {MIB(96ULL), BLOCK_SIZE, 1},
			{GIB(3), GIB_SIZE, 0}, {GIB(2), GIB_SIZE, 1}},
		4, 2, GIB(2)},
	{"1g request, little", {{MIB(16ULL), BLOCK_SIZE, 0}, {GIB(2), GIB_SIZE, 0}}, 2, 1,
		GIB(1)},
	{"1g touch, little", {{MIB(16ULL), BLOCK_SIZE, 0}, {GIB(2), GIB_SIZE, 0}}, 2, 2,
		GIB(1)},
};

/* Three lives of a process on one machine. */
static void run(const struct mm_config *config, u64 seed, u64 steps)
{
	sim_seed(seed);
	sim_boot(config->ranges, config->nranges);
	for (int life = 0; life < 3; life++) {
		ops_begin(config);
		for (u64 i = 0; i < steps / 3; i++)
			ops_step();
		ops_end();
	}
}

/* In a process of its own: the LWK's state is static. */
static bool run_apart(const struct mm_config *config, u64 seed, u64 steps)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		run(config, seed, steps);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "mm: '%s' with seed %lu (of %lu steps) failed\n", config->name,
			seed, steps);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	u64 seeds = argc > 1 ? strtoul(argv[1], NULL, 0) : 4;
	u64 steps = argc > 2 ? strtoul(argv[2], NULL, 0) : 1500;
	u64 first = argc > 3 ? strtoul(argv[3], NULL, 0) : 1;
	bool good = true;

	for (u64 seed = first; seed < first + seeds; seed++)
		for (size_t i = 0; i < ARRAY_SIZE(configs); i++)
			good &= run_apart(&configs[i], seed, steps);
	return !good;
}
