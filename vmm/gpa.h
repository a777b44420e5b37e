/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical addresses are a type, so that one cannot be taken for a host pointer or a
 * length, and there is one translator, which checks. A map is frozen before the first KVM_RUN
 * and read by all threads after that.
 */
#ifndef VMM_GPA_H
#define VMM_GPA_H

#include <stdbool.h>
#include <stdint.h>

#include "numa/plan.h"

typedef struct {
	uint64_t value;
} gpa_t;

static inline gpa_t gpa(uint64_t value)
{
	return (gpa_t){value};
}

struct gpa_range {
	uint64_t start, size;
	uint8_t *host;
};

/* The extents and the share area: sorted, not overlapping. */
struct gpa_map {
	unsigned n;
	struct gpa_range range[PLAN_MAX_EXTENTS + 1];
};

/* Adds a range; -EEXIST if it overlaps another, -ENOSPC if the map is full, -EINVAL if it is
 * empty. */
int gpa_map_add(struct gpa_map *map, gpa_t start, uint64_t size, void *host);

/*
 * The host's view of [at, at + *len): returns NULL if `at` is no memory, else shortens *len to
 * what is contiguous on the host.
 */
void *gpa_span(const struct gpa_map *map, gpa_t at, uint64_t *len);

/* The host's view of the whole of [at, at + len), or NULL if it is not contiguous memory. */
void *gpa_to_host(const struct gpa_map *map, gpa_t at, uint64_t len);

/* Whether all of [at, at + len) is memory, contiguous on the host or not. */
bool gpa_is_memory(const struct gpa_map *map, gpa_t at, uint64_t len);

/* Zeroes [at, at + len); -EFAULT (and nothing done) if a byte of it is no memory. */
int gpa_zero(const struct gpa_map *map, gpa_t at, uint64_t len);

/* Copies between ranges that do not overlap; -EFAULT (and nothing done) as above. */
int gpa_copy(const struct gpa_map *map, gpa_t to, gpa_t from, uint64_t len);

#endif
