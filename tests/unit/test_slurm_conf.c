/* SPDX-License-Identifier: MIT */
/* The lines of slurm.conf, for made-up machines. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/suite.h"
#include "vmm/slurm_conf.h"

static struct host host;

/* CPUs numbered as on most machines: all first threads, socket by socket, then all second ones.
 */
static void host_make(unsigned sockets, unsigned cores, unsigned threads)
{
	unsigned ncores = sockets * cores;

	host = (struct host){.ncpus = ncores * threads, .nnodes = 1};
	host.node[0].mem_total = 64ULL << 30;
	for (unsigned i = 0; i < host.ncpus; i++)
		host.cpu[i] = (struct host_cpu){
			.present = true,
			.online = true,
			.package = (uint16_t)(i % ncores / cores),
			.first_sibling = (uint16_t)(i % ncores),
		};
}

#define OFF_SPEC                                                                               \
	"# with TaskPluginParam=SlurmdOffSpec: else this node's slurmd runs on these CPUs\n"

static const struct {
	unsigned sockets, cores, threads;
	unsigned n;
	uint16_t core[8];
	const char *text;
} cases[] = {
	{1, 8, 1, 4, {4, 5, 6, 7},
		"NodeName=v01 NodeHostname=n01 Port=6819 CPUs=4 Boards=1 SocketsPerBoard=1 "
		"CoresPerSocket=4 ThreadsPerCore=1 RealMemory=16384\n"
		"NodeName=n01 CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=8 "
		"ThreadsPerCore=1 RealMemory=49152 CpuSpecList=4-7\n" OFF_SPEC},
	{2, 4, 1, 4, {2, 3, 4, 5},
		"NodeName=v01 NodeHostname=n01 Port=6819 CPUs=4 Boards=1 SocketsPerBoard=2 "
		"CoresPerSocket=2 ThreadsPerCore=1 RealMemory=16384\n"
		"NodeName=n01 CPUs=8 Boards=1 SocketsPerBoard=2 CoresPerSocket=4 "
		"ThreadsPerCore=1 RealMemory=49152 CpuSpecList=2-5\n" OFF_SPEC},
	/* Both threads of two cores, side by side; and in an order that Slurm has no words for.
	 */
	{1, 4, 2, 4, {2, 6, 3, 7},
		"NodeName=v01 NodeHostname=n01 Port=6819 CPUs=4 Boards=1 SocketsPerBoard=1 "
		"CoresPerSocket=2 ThreadsPerCore=2 RealMemory=16384\n"
		"NodeName=n01 CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=4 "
		"ThreadsPerCore=2 RealMemory=49152 CpuSpecList=4-7\n" OFF_SPEC},
	{1, 4, 2, 4, {2, 3, 6, 7},
		"NodeName=v01 NodeHostname=n01 Port=6819 CPUs=4 Boards=1 SocketsPerBoard=1 "
		"CoresPerSocket=4 ThreadsPerCore=1 RealMemory=16384\n"
		"NodeName=n01 CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=4 "
		"ThreadsPerCore=2 RealMemory=49152 CpuSpecList=4-7\n" OFF_SPEC},
	/* Three here, one there. */
	{2, 4, 1, 4, {1, 2, 3, 4},
		"NodeName=v01 NodeHostname=n01 Port=6819 CPUs=4 Boards=1 SocketsPerBoard=1 "
		"CoresPerSocket=4 ThreadsPerCore=1 RealMemory=16384\n"
		"NodeName=n01 CPUs=8 Boards=1 SocketsPerBoard=2 CoresPerSocket=4 "
		"ThreadsPerCore=1 RealMemory=49152 CpuSpecList=1-4\n" OFF_SPEC},
	/* All that there is. */
	{1, 2, 1, 2, {0, 1},
		"NodeName=v01 NodeHostname=n01 Port=6819 CPUs=2 Boards=1 SocketsPerBoard=1 "
		"CoresPerSocket=2 ThreadsPerCore=1 RealMemory=16384\n"
		"# n01 has no core beside the guest's: leave its own node out\n"},
};

START_TEST(lines)
{
	struct slurm_guest guest = {
		.name = "v01",
		.host = "n01",
		.ncores = cases[_i].n,
		.core = cases[_i].core,
		.mem = 16ULL << 30,
	};
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	host_make(cases[_i].sockets, cases[_i].cores, cases[_i].threads);
	slurm_conf_print(&guest, &host, out);
	fclose(out);
	ck_assert_str_eq(text, cases[_i].text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slurm_conf");
	TCase *tc = tcase_create("slurm_conf");

	tcase_add_loop_test(tc, lines, 0, sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
