/* SPDX-License-Identifier: MIT */
/* What `struct host` tells about how well guests will run. */
#include <inttypes.h>
#include <stdarg.h>

#include "numa/options.h"
#include "numa/plan.h"
#include "vmm/check.h"

#define LIST_TEXT 256

void check_say(struct check *check, enum check_level level, const char *fmt, ...)
{
	static const char *const word[] = {
		[CHECK_OK] = "ok  ", [CHECK_WARN] = "warn", [CHECK_FAIL] = "FAIL"};
	va_list ap;

	check->nwarn += level == CHECK_WARN;
	check->nfail += level == CHECK_FAIL;
	fprintf(check->out, "%s  ", word[level]);
	va_start(ap, fmt);
	vfprintf(check->out, fmt, ap);
	va_end(ap);
	fputc('\n', check->out);
}

static bool is_usable(const struct host_cpu *cpu)
{
	return cpu->online && cpu->allowed;
}

static bool is_isolated(const struct host_cpu *cpu)
{
	return is_usable(cpu) && cpu->isolated;
}

static bool is_tickless(const struct host_cpu *cpu)
{
	return is_usable(cpu) && cpu->nohz_full;
}

static unsigned cpus_list(
	const struct host *host, bool (*is)(const struct host_cpu *), char text[LIST_TEXT])
{
	uint16_t list[HOST_MAX_CPUS] = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < host->ncpus; i++) {
		if (is(&host->cpu[i]))
			list[n++] = (uint16_t)i;
	}
	cpulist_format(list, n, text, LIST_TEXT);
	return n;
}

void check_cores(struct check *check, const struct host *host)
{
	char text[LIST_TEXT];
	unsigned n = cpus_list(host, is_usable, text);

	if (n == 0)
		check_say(check, CHECK_FAIL,
			"cores: none that is online may be used: widen the affinity mask or "
			"cpuset");
	else if (n == 1)
		check_say(check, CHECK_WARN,
			"cores: we may use %s only: helper threads will share it with the "
			"guest",
			text);
	else
		check_say(check, CHECK_OK, "cores: we may use %s (%u)", text, n);
	if (cpus_list(host, is_isolated, text))
		check_say(check, CHECK_OK, "isolation: isolated cores %s", text);
	else
		check_say(check, CHECK_WARN,
			"isolation: no core is isolated, so the host's own work disturbs "
			"guests: boot "
			"with isolcpus=domain,managed_irq,LIST (LIST: the guests' cores)");
	if (cpus_list(host, is_tickless, text))
		check_say(check, CHECK_OK, "timer tick: nohz_full on cores %s", text);
	else
		check_say(check, CHECK_WARN,
			"timer tick: the host's tick interrupts guests: boot with "
			"nohz_full=LIST "
			"rcu_nocbs=LIST (LIST: the guests' cores)");
}

static void pool_2m_check(struct check *check, const struct host *host, unsigned node)
{
	const struct host_pool *pool = &host->node[node].pool_2m;
	const char *const object = "2 MiB pages on node";

	if (!host->node[node].have_2m)
		check_say(check, CHECK_WARN,
			"%s %u: the kernel has none: it needs CONFIG_HUGETLBFS", object, node);
	else if (pool->free)
		check_say(check, CHECK_OK, "%s %u: %" PRIu64 " free of %" PRIu64 "%s", object,
			node, pool->free, pool->total,
			host->may_grow_pools ? "; we may add more when a guest needs them"
					     : "");
	else if (host->may_grow_pools)
		check_say(check, CHECK_OK,
			"%s %u: none free of %" PRIu64
			", but we may add them when a guest needs them",
			object, node, pool->total);
	else
		check_say(check, CHECK_WARN,
			"%s %u: none free of %" PRIu64
			": for 1 GiB of them, as root: echo %" PRIu64 " > "
			"/sys/devices/system/node/node%u/hugepages/hugepages-2048kB/"
			"nr_hugepages",
			object, node, pool->total, pool->total + 512, node);
}

static void pool_1g_check(struct check *check, const struct host *host, unsigned node)
{
	const struct host_pool *pool = &host->node[node].pool_1g;
	const char *const object = "1 GiB pages on node";

	/* Nobody needs them, so their absence is no flaw. */
	if (!host->node[node].have_1g)
		check_say(check, CHECK_OK, "%s %u: the CPU or kernel has none", object, node);
	else if (pool->free)
		check_say(check, CHECK_OK, "%s %u: %" PRIu64 " free of %" PRIu64, object, node,
			pool->free, pool->total);
	else
		check_say(check, CHECK_OK,
			"%s %u: none free of %" PRIu64
			" (for --page 1G boot with hugepagesz=1G "
			"hugepages=N, or as root: echo N > "
			"/sys/devices/system/node/node%u/hugepages/"
			"hugepages-1048576kB/nr_hugepages)",
			object, node, pool->total, node);
}

/* A node whose cores we may use but that has no memory: guests there must say where to take it.
 */
static void empty_node_check(struct check *check, const struct host *host, unsigned node)
{
	uint16_t list[HOST_MAX_CPUS];
	char text[LIST_TEXT];
	unsigned n = 0;

	for (unsigned i = 0; i < host->ncpus; i++) {
		if (host->cpu[i].node == node && is_usable(&host->cpu[i]))
			list[n++] = (uint16_t)i;
	}
	if (!n)
		return;
	cpulist_format(list, n, text, sizeof(text));
	check_say(check, CHECK_WARN,
		"node %u: it has cores %s but no memory: guests there are refused without "
		"--mem SIZE@NODE, and slow with it",
		node, text);
}

void check_pools(struct check *check, const struct host *host)
{
	if (host->nnodes > 1 && host->slit_odd[0])
		check_say(check, CHECK_WARN,
			"distances between nodes: they make no sense (%s), so 10 and 20 are "
			"used: ask the vendor for firmware with a valid SLIT",
			host->slit_odd);
	for (unsigned i = 0; i < host->nnodes; i++) {
		if (!host->node[i].mem_total) {
			if (host->node[i].present)
				empty_node_check(check, host, i);
			continue;
		}
		if (!host->node[i].allowed) {
			check_say(check, CHECK_WARN,
				"node %u: our cpuset lets us take no memory there: widen "
				"cpuset.mems",
				i);
			continue;
		}
		pool_2m_check(check, host, i);
		pool_1g_check(check, host, i);
	}
}

static void hugetlb_limit_check(struct check *check, const char *name, uint64_t left)
{
	char size[SIZE_TEXT_MAX];

	size_format(left, size);
	if (left == UINT64_MAX)
		return;
	if (left < PLAN_MIN_MEM)
		check_say(check, CHECK_WARN,
			"control group: hugetlb.%s allows %s more: raise it", name, size);
	else
		check_say(check, CHECK_OK, "control group: hugetlb.%s allows %s more", name,
			size);
}

void check_limits(struct check *check, const struct host *host)
{
	char left[SIZE_TEXT_MAX], limit[SIZE_TEXT_MAX], memlock[SIZE_TEXT_MAX];

	size_format(host->cgroup_memory_left, left);
	size_format(host->cgroup_memory_limit, limit);
	size_format(host->memlock, memlock);
	if (host->cgroup_memory_left == UINT64_MAX)
		check_say(check, CHECK_OK, "control group: no limit on memory");
	else
		check_say(check, CHECK_OK, "control group: %s of %s are left", left, limit);
	hugetlb_limit_check(check, "2MB", host->cgroup_hugetlb_2m);
	hugetlb_limit_check(check, "1GB", host->cgroup_hugetlb_1g);
	/* Guests' RAM does not count as locked, and root is not limited. */
	if (host->memlock == UINT64_MAX || host->may_grow_pools)
		check_say(check, CHECK_OK, "memlock: not limited for us");
	else
		check_say(check, CHECK_WARN,
			"memlock: %s, enough for guests but not for passed-through devices: "
			"ulimit -l "
			"unlimited (limits.conf: memlock; systemd and slurmd: "
			"LimitMEMLOCK=infinity)",
			memlock);
}

void check_guest(struct check *check, const struct host *host)
{
	static const struct options none;
	static struct plan plan; /* large */
	struct problem problem = {0};
	char size[SIZE_TEXT_MAX];
	int err = plan_make(&none, host, &plan, &problem);

	size_format(plan.mem, size);
	if (err)
		check_say(check, CHECK_FAIL, "guest: %s", problem.text);
	else
		check_say(check, CHECK_OK,
			"guest: without options it gets %u vCPU%s and %s; %s", plan.nvcpus,
			plan.nvcpus == 1 ? "" : "s", size, plan.why_pages);
}
