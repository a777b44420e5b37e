/* SPDX-License-Identifier: MIT */
/*
 * What an MPI library needs of the system: messages of all sizes between neighbours (eager, by
 * shared memory, by single copy), collectives, memory that ranks share. Prints the same
 * natively and in a guest, a line a case, by rank 0. `mpi hang` waits for ever after its first
 * barrier; `mpi cpus` prints where each rank may run; `mpi pingpong` measures.
 */
#define _GNU_SOURCE
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int rank, size;

static void check(int good, const char *what)
{
	if (good)
		return;
	printf("FAIL rank %d: %s\n", rank, what);
	fflush(stdout);
	MPI_Abort(MPI_COMM_WORLD, 3);
}

static void say(const char *what)
{
	MPI_Barrier(MPI_COMM_WORLD);
	if (!rank)
		printf("ok %s\n", what);
	fflush(stdout);
}

static unsigned char pattern(int from, size_t i)
{
	return (unsigned char)(i * 13 + (i >> 9) + (size_t)from * 31);
}

/* Around the ring, so that everybody sends and receives at once. */
static void ring(int len)
{
	int to = (rank + 1) % size, from = (rank + size - 1) % size;
	unsigned char *out = malloc((size_t)len + 1), *in = calloc(1, (size_t)len + 1);
	MPI_Status status;
	int got;

	check(out && in, "memory");
	for (int i = 0; i < len; i++)
		out[i] = pattern(rank, (size_t)i);
	MPI_Sendrecv(
		out, len, MPI_BYTE, to, 7, in, len, MPI_BYTE, from, 7, MPI_COMM_WORLD, &status);
	MPI_Get_count(&status, MPI_BYTE, &got);
	check(got == len && status.MPI_SOURCE == from, "length and source");
	for (int i = 0; i < len; i++)
		check(in[i] == pattern(from, (size_t)i), "contents");
	free(out);
	free(in);
}

static void messages(void)
{
	static const int len[] = {
		0, 1, 8, 1000, 4096, 4097, 16384, 65536, 100001, 1 << 20, 5 << 20};

	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++)
		for (int times = 0; times < 3; times++)
			ring(len[i]);
	say("messages");
}

static void collectives(void)
{
	double *mine = malloc(sizeof(double) * 20000), *sum = malloc(sizeof(double) * 20000);
	int *all = malloc(sizeof(int) * (size_t)size), seen = rank * rank;

	check(mine && sum && all, "memory");
	for (int i = 0; i < 20000; i++)
		mine[i] = rank + i;
	MPI_Allreduce(mine, sum, 20000, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
	for (int i = 0; i < 20000; i++)
		check(sum[i] == (double)size * i + size * (size - 1) / 2., "sum");
	MPI_Allgather(&seen, 1, MPI_INT, all, 1, MPI_INT, MPI_COMM_WORLD);
	for (int i = 0; i < size; i++)
		check(all[i] == i * i, "gather");
	MPI_Bcast(mine, 20000, MPI_DOUBLE, size - 1, MPI_COMM_WORLD);
	check(mine[5] == size - 1 + 5, "broadcast");
	free(mine);
	free(sum);
	free(all);
	say("collectives");
}

/* A segment that all map: each writes its part, all read it. */
static void shared(void)
{
	MPI_Win win;
	MPI_Comm node;
	int *part, *first, unit, n;
	MPI_Aint bytes;

	MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
	MPI_Comm_size(node, &n);
	check(n == size, "all ranks share memory");
	MPI_Win_allocate_shared(
		100000 * sizeof(int), sizeof(int), MPI_INFO_NULL, node, &part, &win);
	MPI_Win_lock_all(0, win);
	for (int i = 0; i < 100000; i++)
		part[i] = rank * 100000 + i;
	MPI_Win_sync(win);
	MPI_Barrier(node);
	MPI_Win_sync(win);
	for (int r = 0; r < size; r++) {
		MPI_Win_shared_query(win, r, &bytes, &unit, &first);
		for (int i = 0; i < 100000; i += 999)
			check(first[i] == r * 100000 + i, "shared memory");
	}
	MPI_Win_unlock_all(win);
	MPI_Win_free(&win);
	MPI_Comm_free(&node);
	say("shared");
}

static void cpus(void)
{
	cpu_set_t set;
	int mine = -1, *all = malloc(sizeof(int) * (size_t)size);

	if (!sched_getaffinity(0, sizeof(set), &set))
		mine = CPU_COUNT(&set) == 1 ? sched_getcpu() : 1000 + CPU_COUNT(&set);
	MPI_Gather(&mine, 1, MPI_INT, all, 1, MPI_INT, 0, MPI_COMM_WORLD);
	for (int i = 0; !rank && i < size; i++)
		printf("rank %d: %s %d\n", i, all[i] < 1000 ? "CPU" : "CPUs:", all[i] % 1000);
	free(all);
}

/* Half of the time there and back, the best of some rounds, in microseconds. */
static void pingpong(void)
{
	static char data[4 << 20];

	for (int len = 1; len <= (int)sizeof(data); len *= 4) {
		int times = len < 65536 ? 500 : 20;
		double best = 1e9;

		for (int round = 0; round < 5; round++) {
			double start;

			MPI_Barrier(MPI_COMM_WORLD);
			start = MPI_Wtime();
			for (int i = 0; i < times && rank < 2; i++) {
				if (rank == i % 2)
					MPI_Send(data, len, MPI_BYTE, 1 - rank, 1,
						MPI_COMM_WORLD);
				else
					MPI_Recv(data, len, MPI_BYTE, 1 - rank, 1,
						MPI_COMM_WORLD, MPI_STATUS_IGNORE);
			}
			start = (MPI_Wtime() - start) * 1e6 / times;
			best = start < best ? start : best;
		}
		if (!rank)
			printf("%d %.3f\n", len, best);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "all";

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	if (!strcmp(what, "all")) {
		messages();
		collectives();
		shared();
		if (!rank)
			printf("%d ranks\n", size);
	} else if (!strcmp(what, "cpus")) {
		cpus();
	} else if (!strcmp(what, "pingpong")) {
		pingpong();
	} else if (!strcmp(what, "hang")) {
		say("waiting");
		if (rank)
			MPI_Recv(&rank, 1, MPI_INT, 0, 9, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		pause();
	}
	MPI_Finalize();
	return 0;
}
