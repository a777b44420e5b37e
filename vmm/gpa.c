/* SPDX-License-Identifier: MIT */
#include "vmm/gpa.h"

#include <errno.h>
#include <string.h>

int gpa_map_add(struct gpa_map *map, gpa_t start, uint64_t size, void *host)
{
	unsigned at = map->n;
	uint64_t end;

	if (!size || __builtin_add_overflow(start.value, size, &end))
		return -EINVAL;
	if (map->n == sizeof(map->range) / sizeof(map->range[0]))
		return -ENOSPC;
	while (at && map->range[at - 1].start > start.value)
		at--;
	if (at && map->range[at - 1].start + map->range[at - 1].size > start.value)
		return -EEXIST;
	if (at < map->n && map->range[at].start < end)
		return -EEXIST;
	memmove(&map->range[at + 1], &map->range[at], (map->n - at) * sizeof(map->range[0]));
	map->range[at] = (struct gpa_range){start.value, size, host};
	map->n++;
	return 0;
}

static const struct gpa_range *range_of(const struct gpa_map *map, uint64_t value)
{
	unsigned low = 0, high = map->n;

	while (low < high) {
		unsigned mid = (low + high) / 2;
		const struct gpa_range *range = &map->range[mid];

		if (value < range->start)
			high = mid;
		else if (value - range->start >= range->size)
			low = mid + 1;
		else
			return range;
	}
	return NULL;
}

void *gpa_span(const struct gpa_map *map, gpa_t at, uint64_t *len)
{
	const struct gpa_range *range = range_of(map, at.value);
	uint64_t offset;

	if (!range)
		return NULL;
	offset = at.value - range->start;
	if (*len > range->size - offset)
		*len = range->size - offset;
	return range->host + offset;
}

void *gpa_to_host(const struct gpa_map *map, gpa_t at, uint64_t len)
{
	uint64_t span = len;
	void *host = gpa_span(map, at, &span);

	return span == len ? host : NULL;
}

bool gpa_is_memory(const struct gpa_map *map, gpa_t at, uint64_t len)
{
	while (len) {
		uint64_t span = len;

		if (!gpa_span(map, at, &span))
			return false;
		at.value += span;
		len -= span;
	}
	return true;
}

int gpa_zero(const struct gpa_map *map, gpa_t at, uint64_t len)
{
	if (!gpa_is_memory(map, at, len))
		return -EFAULT;
	while (len) {
		uint64_t span = len;
		void *host = gpa_span(map, at, &span);

		memset(host, 0, span);
		at.value += span;
		len -= span;
	}
	return 0;
}

int gpa_copy(const struct gpa_map *map, gpa_t to, gpa_t from, uint64_t len)
{
	if (!gpa_is_memory(map, to, len) || !gpa_is_memory(map, from, len))
		return -EFAULT;
	while (len) {
		uint64_t span = len;
		const void *source = gpa_span(map, from, &span);
		void *dest = gpa_span(map, to, &span);

		/* memmove: the addresses are the guest's and may overlap against the contract.
		 */
		memmove(dest, source, span);
		to.value += span;
		from.value += span;
		len -= span;
	}
	return 0;
}
