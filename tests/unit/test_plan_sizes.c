/* SPDX-License-Identifier: MIT */
/* Every memory size around the hole on every kind of page: what holds for all plans' extents.
 */

#include "tests/unit/plan_fake.h"
#include "tests/unit/suite.h"

/* What holds for the extents of every plan. */
static void extents_check(void)
{
	uint64_t sum = 0, end = 0, node_sum[PLAN_MAX_NODES] = {0};

	ck_assert_uint_ge(plan.nextents, 1);
	ck_assert_uint_eq(plan.extent[0].gpa, 0);
	for (unsigned i = 0; i < plan.nextents; i++) {
		const struct plan_extent *e = &plan.extent[i];

		ck_assert_uint_gt(e->size, 0);
		ck_assert_uint_ge(e->gpa, end); /* sorted, no overlap */
		end = e->gpa + e->size;
		ck_assert(end <= PLAN_HOLE_START || e->gpa >= PLAN_HOLE_END);
		ck_assert_uint_eq(e->size % e->page_size, 0);
		ck_assert_uint_eq(e->gpa % e->page_size, 0); /* congruent with its memfd */
		ck_assert_uint_eq(e->gpa % MIB(2), 0);
		ck_assert_uint_eq(e->size % MIB(2), 0);
		ck_assert(!e->thp || e->page_size == KIB(4));
		ck_assert_uint_lt(e->guest_node, plan.nnodes);
		ck_assert_uint_eq(e->host_node, plan.node[e->guest_node].host_node);
		ck_assert_uint_le(e->pool_grow, e->size / e->page_size);
		node_sum[e->guest_node] += e->size;
		sum += e->size;
	}
	ck_assert_uint_eq(sum, plan.mem);
	for (unsigned i = 0; i < plan.nnodes; i++) {
		ck_assert_uint_eq(plan.node[i].size, node_sum[i]);
		ck_assert_uint_gt(node_sum[i], 0);
	}
}

/* Sizes on both sides of every edge of the layout. */
static const uint64_t edges[] = {MIB(64), MIB(128), MIB(512), GIB(1), GIB(2), GIB(3), GIB(4),
	GIB(5), GIB(6), GIB(7), GIB(8), GIB(17), GIB(40)};
static const int64_t offsets[] = {-(int64_t)MIB(64), -(int64_t)MIB(62), -(int64_t)MIB(2), -1, 0,
	1, (int64_t)KIB(4), (int64_t)MIB(2), (int64_t)MIB(62), (int64_t)MIB(64),
	(int64_t)MIB(66)};

static void size_check(uint64_t mem, enum page_choice page, uint64_t expected)
{
	ck_assert_msg(make(NULL, mem, page) == 0, "%s", problem.text);
	extents_check();
	ck_assert_uint_eq(plan.mem, expected);
	ck_assert_uint_eq(plan.mem_asked, mem);
}

static uint64_t rounded(uint64_t mem)
{
	return (mem + MIB(2) - 1) / MIB(2) * MIB(2);
}

/* What a guest of this size has with 1 GiB pages: the small part of each node is large enough.
 */
static uint64_t with_small_parts(uint64_t mem)
{
	uint64_t n = plan.nnodes, blocks = mem % GIB(1) / MIB(2), sum = mem / GIB(1) * GIB(1);
	uint64_t least = MIB(64) +
			 (n == 1 ? plan.nvcpus * MIB(32) : (plan.nvcpus + n - 1) / n * MIB(64));

	for (unsigned i = 0; i < n; i++) {
		uint64_t rest = (blocks / n + (i ? 0 : blocks % n)) * MIB(2);

		sum += rest < least ? least : rest;
	}
	return sum;
}

static void every_size(enum page_choice page)
{
	for (unsigned i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		for (unsigned k = 0; k < sizeof(offsets) / sizeof(offsets[0]); k++) {
			uint64_t mem = edges[i] + (uint64_t)offsets[k];
			uint64_t expected = rounded(mem);

			if (mem < MIB(64) || mem > GIB(64))
				continue;
			if (page == PAGE_1G && expected < plan.nnodes * GIB(1))
				continue;
			if (page == PAGE_1G)
				expected = with_small_parts(expected);
			size_check(mem, page, expected);
		}
	}
}

START_TEST(every_size_on_every_page)
{
	static const enum page_choice pages[] = {PAGE_4K, PAGE_2M, PAGE_1G};

	for (unsigned nodes = 1; nodes <= 3; nodes++) {
		host_make(nodes, false);
		pools_set(GIB(60) / MIB(2), 60);
		for (unsigned i = 0; i < 3; i++) {
			ck_assert_int_eq(make(NULL, GIB(4), pages[i]), 0);
			ck_assert_uint_eq(plan.nnodes, nodes);
			every_size(pages[i]);
		}
	}
}
END_TEST

/* A walk over many sizes with a step that is prime to everything. */
START_TEST(walk_over_sizes)
{
	host_make(2, false);
	pools_set(GIB(60) / MIB(2), 60);
	for (uint64_t mem = MIB(64); mem < GIB(9); mem += 10000019) {
		size_check(mem, PAGE_2M, rounded(mem));
		size_check(mem, PAGE_4K, rounded(mem));
		ck_assert_int_eq(make(NULL, mem, PAGE_AUTO), 0);
		extents_check();
		ck_assert_uint_ge(plan.mem, mem);
		ck_assert_uint_le(
			plan.mem, mem + MIB(2 + 64 * 2) + (plan.nvcpus + 1) * MIB(64));
	}
}
END_TEST

START_TEST(ram_has_no_gap_but_the_hole)
{
	host_make(1, false);
	pools_set(GIB(60) / MIB(2), 0);
	ck_assert_int_eq(make(NULL, GIB(3), PAGE_2M), 0);
	ck_assert_uint_eq(plan.nextents, 1);
	ck_assert_int_eq(make(NULL, GIB(3) + MIB(2), PAGE_2M), 0);
	ck_assert_uint_eq(plan.nextents, 2);
	ck_assert_uint_eq(plan.extent[0].size, GIB(3));
	ck_assert_uint_eq(plan.extent[1].gpa, GIB(4));
	ck_assert_uint_eq(plan.extent[1].size, MIB(2));
}
END_TEST

START_TEST(layout_with_1g_pages)
{
	host_make(1, false);
	pools_set(1024, 8);
	ck_assert_int_eq(make(NULL, GIB(3) + MIB(512), PAGE_1G), 0);
	ck_assert_uint_eq(plan.nextents, 3);
	ck_assert_uint_eq(plan.extent[0].size, MIB(512));
	ck_assert_uint_eq(plan.extent[0].page_size, MIB(2));
	ck_assert_uint_eq(plan.extent[1].gpa, GIB(1));
	ck_assert_uint_eq(plan.extent[1].size, GIB(2));
	ck_assert_uint_eq(plan.extent[2].gpa, GIB(4));
	ck_assert_uint_eq(plan.extent[2].page_size, GIB(1));
	ck_assert_refused(make(NULL, GIB(1) - MIB(2), PAGE_1G), -EINVAL, "1 GiB page");
}
END_TEST

START_TEST(memory_is_dealt_out_by_vcpus)
{
	host_make(2, false);
	ck_assert_int_eq(make("0-2,4", GIB(8), PAGE_4K), 0);
	ck_assert_uint_eq(plan.nnodes, 2);
	ck_assert_uint_eq(plan.node[0].size, GIB(6));
	ck_assert_uint_eq(plan.node[1].size, GIB(2));
	ck_assert_uint_eq(plan.node[0].distance[1], 21);
	ck_assert(plan.first_touch);
	/* vCPU 0 decides which host node is guest node 0. */
	ck_assert_int_eq(make("4,0", GIB(1), PAGE_4K), 0);
	ck_assert_uint_eq(plan.node[0].host_node, 1);
	ck_assert_uint_eq(plan.vcpu[1].guest_node, 1);
	ck_assert_int_eq(make("4-7", GIB(1), PAGE_4K), 0);
	ck_assert_uint_eq(plan.nnodes, 1);
	ck_assert_uint_eq(plan.extent[0].host_node, 1);
	ck_assert(!plan.first_touch);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan_sizes");
	TCase *tc = tcase_create("plan_sizes");

	tcase_add_test(tc, every_size_on_every_page);
	tcase_add_test(tc, walk_over_sizes);
	tcase_add_test(tc, ram_has_no_gap_but_the_hole);
	tcase_add_test(tc, layout_with_1g_pages);
	tcase_add_test(tc, memory_is_dealt_out_by_vcpus);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
