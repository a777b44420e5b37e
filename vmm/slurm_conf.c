/* SPDX-License-Identifier: MIT */
#include "vmm/slurm_conf.h"

#include <stdbool.h>
#include <stdlib.h>

#include "numa/options.h"

/* Slurm's picture of a machine: all sockets alike, all cores alike. */
struct shape {
	unsigned sockets, cores, threads; /* cores: of a socket; threads: of a core */
};

struct cpu_list {
	unsigned n;
	uint16_t cpu[HOST_MAX_CPUS];
};

static const struct host_cpu *cpu_at(
	const struct host *host, const struct cpu_list *list, unsigned i)
{
	return &host->cpu[list->cpu[i]];
}

static bool same_core(const struct host_cpu *a, const struct host_cpu *b)
{
	return a->first_sibling == b->first_sibling;
}

/* The length of the first run of neighbours for which this holds. */
static unsigned run_length(const struct host *host, const struct cpu_list *list,
	bool (*same)(const struct host_cpu *a, const struct host_cpu *b))
{
	unsigned n = 1;

	while (n < list->n && same(cpu_at(host, list, 0), cpu_at(host, list, n)))
		n++;
	return n;
}

static bool same_package(const struct host_cpu *a, const struct host_cpu *b)
{
	return a->package == b->package;
}

/* Slurm counts CPUs socket by socket and core by core: does the list, in all runs alike? */
static bool is_regular(const struct host *host, const struct cpu_list *list,
	unsigned per_socket, unsigned per_core)
{
	if (list->n % per_socket || per_socket % per_core)
		return false;
	for (unsigned i = 1; i < list->n; i++) {
		const struct host_cpu *a = cpu_at(host, list, i - 1);
		const struct host_cpu *b = cpu_at(host, list, i);

		if (same_package(a, b) != (i % per_socket != 0) ||
			same_core(a, b) != (i % per_core != 0))
			return false;
	}
	return true;
}

/* What is not regular is told as cores of one socket: so many tasks have room. */
static struct shape shape_of(const struct host *host, const struct cpu_list *list)
{
	unsigned per_socket = run_length(host, list, same_package);
	unsigned per_core = run_length(host, list, same_core);

	if (!is_regular(host, list, per_socket, per_core))
		return (struct shape){1, list->n, 1};
	return (struct shape){list->n / per_socket, per_socket / per_core, per_core};
}

static void shape_print(struct shape shape, unsigned ncpus, uint64_t mem, FILE *out)
{
	fprintf(out,
		" CPUs=%u Boards=1 SocketsPerBoard=%u CoresPerSocket=%u ThreadsPerCore=%u "
		"RealMemory=%lu",
		ncpus, shape.sockets, shape.cores, shape.threads, (unsigned long)(mem >> 20));
}

static const struct host *sorted_host; /* qsort() hands nothing through */

static int by_place(const void *first, const void *second)
{
	uint16_t a = *(const uint16_t *)first, b = *(const uint16_t *)second;
	const struct host_cpu *p = &sorted_host->cpu[a], *q = &sorted_host->cpu[b];

	if (p->package != q->package)
		return p->package < q->package ? -1 : 1;
	if (p->first_sibling != q->first_sibling)
		return p->first_sibling < q->first_sibling ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void host_cpus(const struct host *host, struct cpu_list *all)
{
	all->n = 0;
	for (unsigned i = 0; i < host->ncpus && i < HOST_MAX_CPUS; i++)
		if (host->cpu[i].online)
			all->cpu[all->n++] = (uint16_t)i;
	sorted_host = host;
	qsort(all->cpu, all->n, sizeof(all->cpu[0]), by_place);
}

static bool is_guests(const struct slurm_guest *guest, uint16_t cpu)
{
	for (unsigned i = 0; i < guest->ncores; i++)
		if (guest->core[i] == cpu)
			return true;
	return false;
}

/* CpuSpecList= numbers CPUs as Slurm does, by their place in the machine. */
static void native_print(const struct slurm_guest *guest, const struct host *host, FILE *out)
{
	static struct cpu_list all, taken;
	char text[1024];
	uint64_t mem = 0;

	host_cpus(host, &all);
	taken.n = 0;
	for (unsigned i = 0; i < all.n; i++)
		if (is_guests(guest, all.cpu[i]))
			taken.cpu[taken.n++] = (uint16_t)i;
	if (taken.n == all.n) {
		fprintf(out, "# %s has no core beside the guest's: leave its own node out\n",
			guest->host);
		return;
	}
	for (unsigned i = 0; i < host->nnodes && i < HOST_MAX_NODES; i++)
		mem += host->node[i].mem_total;
	mem -= guest->mem < mem ? guest->mem : mem;
	cpulist_format(taken.cpu, taken.n, text, sizeof(text));
	fprintf(out, "NodeName=%s", guest->host);
	shape_print(shape_of(host, &all), all.n, mem, out);
	fprintf(out,
		" CpuSpecList=%s\n"
		"# with TaskPluginParam=SlurmdOffSpec: else this node's slurmd runs on these "
		"CPUs\n",
		text);
}

void slurm_conf_print(const struct slurm_guest *guest, const struct host *host, FILE *out)
{
	static struct cpu_list list;

	list.n = 0;
	for (unsigned i = 0; i < guest->ncores && i < HOST_MAX_CPUS; i++)
		list.cpu[list.n++] = guest->core[i];
	/* Slurm's slurmd on 6818, the guest's beside it. */
	fprintf(out, "NodeName=%s NodeHostname=%s Port=6819", guest->name, guest->host);
	shape_print(shape_of(host, &list), list.n, guest->mem, out);
	fputc('\n', out);
	native_print(guest, host, out);
}
