/* SPDX-License-Identifier: MIT */
/* What libnuma makes of the machine: one line, for a test that knows it. */
#include <numa.h>
#include <stdio.h>

int main(void)
{
	long long size = 0, sum = 0;

	if (numa_available() < 0) {
		puts("no NUMA");
		return 1;
	}
	printf("cpus %d nodes %d", numa_num_configured_cpus(), numa_num_configured_nodes());
	for (int i = 0; i <= numa_max_node(); i++) {
		size = numa_node_size64(i, NULL);
		sum += size < 0 ? 0 : size;
	}
	printf(" memory %lld of", sum >> 20);
	for (int i = 0; i < numa_num_configured_cpus(); i++)
		printf(" %d", numa_node_of_cpu(i));
	printf(" distance %d\n", numa_distance(0, numa_max_node()));
	return 0;
}
