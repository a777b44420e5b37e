/* SPDX-License-Identifier: MIT */
/* Memory policies: calls that set them, where pages say they are, and where blocks may come
 * from. */
#include <string.h>

#include "guest-lwk/mempolicy.h"
#include "guest-lwk/vma.h"
#include "tests/fuzz/mm_call.h"
#include "tests/fuzz/mm_model.h"

/* Policies of pages by number (struct page), as the model has them; 0: none. */
static struct mempolicy known[4096];
static u32 nknown = 1;
static bool strict; /* some policy of this life allows a part of the nodes only */

/* What the call at hand may commit for, beside what the pages themselves have. */
static u32 extra;
static bool only_extra;

void policies_begin(void)
{
	nknown = 1;
	strict = false;
}

bool policies_strict(void)
{
	return strict;
}

void policy_for(u32 number, bool only)
{
	extra = number;
	only_extra = only;
}

static u32 number_of(const struct mempolicy *policy)
{
	u32 i = 1;

	if (policy->mode == MPOL_DEFAULT)
		return 0;
	while (i < nknown && memcmp(&known[i], policy, sizeof(*policy)))
		i++;
	if (i == ARRAY_SIZE(known))
		sim_fail("model: too many policies");
	if (i == nknown)
		known[nknown++] = *policy;
	strict |= policy->mode == MPOL_BIND;
	return i;
}

/* ---- may a block be taken from this node? ---- */

/* No free node of the set is nearer to `from`. */
static bool nearest(u32 from, u64 set, u64 free, u32 node)
{
	for (u32 other = 0; other < nodes.count; other++)
		if (set & free & 1ULL << other &&
			node_distance(from, other) < node_distance(from, node))
			return false;
	return true;
}

static bool interleaved(
	const struct mempolicy *policy, bool of_thread, u64 va, u64 free, u32 node)
{
	bool good = false;

	for (u32 from = 0; of_thread && from < nodes.count; from++)
		good |= policy->nodes >> from & 1 && nearest(from, ~0ULL, free, node);
	if (of_thread)
		return good;
	return nearest(node_nth(policy->nodes, va / BLOCK_SIZE), ~0ULL, free, node) ||
	       (host_free_gibs(~0ULL) &&
		       nearest(node_nth(policy->nodes, va / GIB_SIZE), ~0ULL, free, node));
}

static bool allows(u32 number, u64 va, u64 free, u32 node)
{
	const struct mempolicy *policy = number ? &known[number] : &current_thread()->policy;
	u32 local = this_core()->node;
	u64 set = policy->nodes;

	if ((policy->mode == MPOL_BIND || policy->mode == MPOL_PREFERRED_MANY) &&
		policy->home != NODE_NONE)
		local = policy->home;
	switch (policy->mode) {
	case MPOL_PREFERRED:
		return nearest(node_first(set), ~0ULL, free, node);
	case MPOL_INTERLEAVE:
		return interleaved(policy, !number, va, free, node);
	case MPOL_PREFERRED_MANY:
		return set & free ? set >> node & 1 && nearest(local, set, free, node)
				  : nearest(local, ~0ULL, free, node);
	case MPOL_BIND:
		if (!(set & host_nodes_small()))
			return nearest(local, ~0ULL, free, node);
		return set >> node & 1 && nearest(local, set, free, node);
	default:
		return nearest(local, ~0ULL, free, node);
	}
}

/* A 1 GiB block serves all that its GiB will hold: only what was bound is looked at. */
static bool allows_gib(u32 number, u32 node)
{
	const struct mempolicy *policy = number ? &known[number] : &current_thread()->policy;

	return policy->mode != MPOL_BIND || policy->nodes >> node & 1;
}

void policy_check(u64 va, u32 node, bool gib)
{
	u64 free = host_nodes_free();
	bool good = gib ? allows_gib(extra, node) : allows(extra, va, free, node);

	if (gib && !only_extra)
		return;
	for (u64 at = va; at < va + BLOCK_SIZE && !good && !only_extra; at += PAGE_SIZE) {
		const struct page *p = model_page(at);

		good = p->state == PAGE_MAPPED && allows(p->policy, va, free, node);
	}
	if (!good)
		sim_fail("log: memory of node %u for va %lx (core on node %u, policy %u mode "
			 "%u, free nodes %lx)",
			node, va, this_core()->node, extra,
			extra ? known[extra].mode : current_thread()->policy.mode, free);
}

/* ---- calls ---- */

static struct mempolicy random_policy(bool odd)
{
	static const u16 flags[] = {0, 0, MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES};
	struct mempolicy policy;

	do {
		u32 mode = (u32)sim_random(MPOL_END);
		u64 asked = 1 + sim_random(7);

		if (mode == MPOL_DEFAULT || mode == MPOL_LOCAL)
			asked = 0;
		mode |= asked ? flags[sim_random(ARRAY_SIZE(flags))] : 0;
		if (odd && asked)
			asked |= sim_random(1 << 12) << 3, mode |= MPOL_F_STATIC_NODES;
		if (mode & MPOL_F_STATIC_NODES)
			mode &= ~MPOL_F_RELATIVE_NODES;
		if (!mempolicy_make(&policy, mode, asked))
			return policy;
	} while (true);
}

static bool on_other_nodes(u64 va, u64 len, u64 set, bool *maybe)
{
	bool any = false;

	for (u64 at = va; at < va + len; at += PAGE_SIZE) {
		u64 block = host_proxy_block(at);

		if (!block || set >> host_node(block) & 1)
			continue;
		*maybe = true;
		any |= model_page(at)->tag != 0;
	}
	return any;
}

static void bind_range(struct area a, const struct mempolicy *policy, u32 how)
{
	u32 number = number_of(policy);
	bool maybe = false, sure = how & MPOL_MF_STRICT && number &&
				   on_other_nodes(a.va, a.len, policy->asked, &maybe);
	bool mapped = model_all(a.va, a.va + a.len, PAGE_MAPPED),
	     scarce = short_of(a.va, a.len);

	policy_for(number, false);
	s64 ret = CALL(mm_set_policy(&sim_proc, a.va, a.va + a.len, policy, how));

	policy_for(0, false);
	sim_trace("mbind %lx %lx mode %u nodes %lx how %u = %ld", a.va, a.len, policy->mode,
		policy->nodes, how, ret);
	if (!mapped || sure)
		expect("mbind", ret, mapped ? -EIO : -EFAULT);
	else if (ret && !(ret == -EIO && maybe))
		sim_fail("mbind: %ld", ret);
	if (mapped && (scarce || short_of(a.va, a.len)))
		model_lazy(a.va, a.va + a.len);
	if (!ret || (ret == -EIO && how & MPOL_MF_MOVE))
		model_policy(a.va, a.va + a.len, number);
}

static void call_mbind(void)
{
	struct mempolicy policy = random_policy(false);
	struct area a = part_pick();

	bind_range(a, &policy, (u32)sim_random(4));
	if (sim_random(64))
		return;
	/* More than a process may have at once: those that no page has are forgotten. */
	for (int i = 0; i < 300; i++) {
		policy = random_policy(true);
		bind_range((struct area){a.va, PAGE_SIZE}, &policy, 0);
	}
}

static void call_home(void)
{
	struct area a = part_pick();
	u32 home = (u32)sim_random(nodes.count);
	s64 wanted = -ENOENT;
	bool scarce = short_of(a.va, a.len);

	for (u64 at = a.va; at < a.va + a.len && (!wanted || wanted == -ENOENT);
		at += PAGE_SIZE) {
		struct mempolicy policy = known[model_page(at)->policy];

		if (!model_page(at)->policy)
			continue;
		wanted = policy.mode == MPOL_BIND || policy.mode == MPOL_PREFERRED_MANY
				 ? 0
				 : -EOPNOTSUPP;
		policy.home = home;
		if (!wanted)
			model_policy(at, at + PAGE_SIZE, number_of(&policy));
	}
	s64 ret = CALL(mm_set_home(&sim_proc, a.va, a.va + a.len, home));

	sim_trace("set_mempolicy_home_node %lx %lx %u = %ld", a.va, a.len, home, ret);
	expect("set_mempolicy_home_node", ret, wanted);
	if (scarce)
		model_lazy(a.va, a.va + a.len);
}

static void call_set_mempolicy(void)
{
	struct thread *t = current_thread();

	t->policy = random_policy(false);
	t->interleaved = 63;
	strict |= t->policy.mode == MPOL_BIND;
	sim_trace("set_mempolicy mode %u nodes %lx", t->policy.mode, t->policy.nodes);
}

/* move_pages(): tagged pages are there for sure. */
static void call_where(void)
{
	u64 va[64];
	s32 on[64];
	struct area a = part_pick();
	u32 n = 1 + (u32)sim_random(64);

	for (u32 i = 0; i < n; i++)
		va[i] = sim_random(4) ? a.va + i * PAGE_SIZE + sim_random(PAGE_SIZE)
				      : area_pick().va + sim_random(BLOCK_SIZE);
	sim_enter();
	mm_where(sim_proc.mm, va, on, n);
	sim_leave();
	for (u32 i = 0; i < n; i++) {
		const struct page *p = model_page(va[i]);
		u64 block = host_proxy_block(va[i]);
		s32 wanted = p->state != PAGE_MAPPED ? -EFAULT
			     : !block                ? -ENOENT
						     : (s32)host_node(block);

		if (on[i] != wanted && !(on[i] == -ENOENT && wanted >= 0 && !p->tag))
			sim_fail("move_pages: va %lx is on %d instead of %d", va[i], on[i],
				wanted);
	}
	if (mm_pages_on(sim_proc.mm, nodes.memory) * PAGE_SIZE > sim_proc.mm->committed)
		sim_fail("migrate_pages: more pages than are committed");
}

/* What get_mempolicy() would say. */
void policy_verify(void)
{
	u64 va = part_pick().va;
	const struct page *p = model_page(va);
	const struct vma *vma = vma_find(sim_proc.mm, va);
	const struct mempolicy *policy = vma ? mempolicy_of(sim_proc.mm, vma) : NULL;

	if (p->state != PAGE_MAPPED)
		return;
	if (!policy != !p->policy ||
		(policy && memcmp(policy, &known[p->policy], sizeof(*policy))))
		sim_fail("va %lx: has not policy %u of the model", va, p->policy);
}

void call_policy(void)
{
	switch (sim_random(8)) {
	case 0 ... 3:
		call_mbind();
		break;
	case 4:
		call_set_mempolicy();
		break;
	case 5:
		call_home();
		break;
	default:
		call_where();
	}
}
