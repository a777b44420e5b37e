/* SPDX-License-Identifier: MIT */
/* The host's caches of the cores that back the vCPUs. */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/view/view.h"

/* A file of the cache's folder as a string without its newline; false: there is none. */
static bool cache_text(int dir, const char *file, char *text, size_t size)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, text, size - 1);
	close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

static unsigned cache_number(int dir, const char *file)
{
	char text[32];

	return cache_text(dir, file, text, sizeof(text)) ? (unsigned)atoi(text) : 0;
}

/* Guest CPUs of a list of host CPUs. */
static uint64_t cache_shared(int dir, const struct plan *plan, unsigned self)
{
	uint16_t core[HOST_MAX_CPUS];
	char text[4096];
	uint64_t set = 1ULL << self;
	unsigned n;

	if (!cache_text(dir, "shared_cpu_list", text, sizeof(text)) ||
		cpulist_parse(text, core, HOST_MAX_CPUS, &n))
		return set;
	for (unsigned i = 0; i < plan->nvcpus; i++)
		for (unsigned k = 0; k < n; k++)
			set |= (uint64_t)(core[k] == plan->vcpu[i].core) << i;
	return set;
}

static bool cache_read(
	int dir, const struct plan *plan, unsigned self, struct view_cache *cache)
{
	cache->level = cache_number(dir, "level");
	if (!cache->level || !cache_text(dir, "type", cache->type, sizeof(cache->type)) ||
		!cache_text(dir, "size", cache->size, sizeof(cache->size)))
		return false;
	cache->id = cache_number(dir, "id");
	cache->ways = cache_number(dir, "ways_of_associativity");
	cache->sets = cache_number(dir, "number_of_sets");
	cache->line = cache_number(dir, "coherency_line_size");
	cache->partition = cache_number(dir, "physical_line_partition");
	cache->shared = cache_shared(dir, plan, self);
	return true;
}

void view_facts_read(const char *root, const struct plan *plan, struct view_facts *facts)
{
	char path[PATH_MAX];

	memset(facts, 0, sizeof(*facts));
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		unsigned *n = &facts->ncaches[i];

		for (; *n < VIEW_MAX_CACHES; (*n)++) {
			bool found;
			int dir;

			snprintf(path, sizeof(path),
				"%s/sys/devices/system/cpu/cpu%u/cache/index%u", root,
				plan->vcpu[i].core, *n);
			dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (dir < 0)
				break;
			found = cache_read(dir, plan, i, &facts->cache[i][*n]);
			close(dir);
			if (!found)
				break;
		}
	}
}
