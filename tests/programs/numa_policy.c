/* SPDX-License-Identifier: MIT */
/*
 * Memory policies by the system calls alone: every mode, its errors, and where memory comes to
 * lie. All is derived from the nodes that there are, so it runs on one node and on many, and
 * says the same.
 */
#define _GNU_SOURCE
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "check.h"

#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif
enum { PREFERRED_MANY = 5 };

#define BLOCK (2UL << 20)
#define PAGE  4096UL
#define BITS  1024 /* of the sets that we pass */

typedef uint64_t set_t[BITS / 64];

static set_t memory; /* nodes with memory */
static int node[64], nodes, absent;

static long set_policy(int mode, const uint64_t *set)
{
	return syscall(SYS_set_mempolicy, mode, set, set ? BITS + 1UL : 0UL);
}

static long bind_range(void *at, size_t len, int mode, const uint64_t *set, unsigned flags)
{
	return syscall(SYS_mbind, at, len, mode, set, set ? BITS + 1UL : 0UL, flags);
}

static long get_policy(int *mode, uint64_t *set, void *at, unsigned long flags)
{
	return syscall(
		SYS_get_mempolicy, mode, set, set ? (unsigned long)BITS : 0UL, at, flags);
}

static uint64_t *only(int which)
{
	static set_t set;

	memset(set, 0, sizeof(set));
	set[which / 64] = 1UL << which % 64;
	return set;
}

static int same(const uint64_t *a, const uint64_t *b)
{
	return memcmp(a, b, sizeof(set_t)) == 0;
}

static char *map(size_t len)
{
	char *p = mmap(
		NULL, len + BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return (char *)(((uintptr_t)p + BLOCK - 1) & ~(BLOCK - 1));
}

static int node_of(void *at)
{
	int status = -1000;

	CHECK(syscall(SYS_move_pages, 0, 1UL, &at, NULL, &status, 0) == 0);
	return status;
}

static void test_nodes(void)
{
	set_t set;
	int mode = 77;

	memset(set, 0xff, sizeof(set));
	CHECK(get_policy(&mode, set, NULL, MPOL_F_MEMS_ALLOWED) == 0 && mode == 0);
	memcpy(memory, set, sizeof(set));
	for (int i = 0; i < 64; i++) {
		if (set[0] >> i & 1)
			node[nodes++] = i;
	}
	for (size_t i = 1; i < ARRAY_LEN(set); i++)
		CHECK(set[i] == 0);
	CHECK(nodes >= 1);
	while (memory[0] >> absent & 1)
		absent++;
	CHECK_ERRNO(get_policy(&mode, set, NULL, MPOL_F_MEMS_ALLOWED | MPOL_F_NODE), EINVAL);
	CHECK_ERRNO(get_policy(&mode, set, NULL, MPOL_F_MEMS_ALLOWED | MPOL_F_ADDR), EINVAL);
	CHECK_ERRNO(get_policy(&mode, set, NULL, 8), EINVAL);
	CHECK_ERRNO(get_policy(&mode, set, set, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_get_mempolicy, &mode, set, 0UL, NULL, 0UL), EINVAL);
	CHECK_ERRNO(syscall(SYS_get_mempolicy, &mode, set, 1UL << 30, NULL, 0UL), EINVAL);
	CHECK_ERRNO(syscall(SYS_get_mempolicy, 8UL, NULL, 0UL, NULL, 0UL), EFAULT);
	CHECK_ERRNO(
		syscall(SYS_get_mempolicy, NULL, 8UL, (unsigned long)BITS, NULL, 0UL), EFAULT);
}

/* A thread's policy is what get_mempolicy says of it, with the flags that it was given with. */
static void check_thread(int mode, const uint64_t *given, int want_mode, const uint64_t *want)
{
	set_t set;
	int got = -1;

	CHECK(set_policy(mode, given) == 0);
	CHECK(get_policy(&got, set, NULL, 0) == 0);
	CHECK(got == want_mode && same(set, want));
}

static void test_thread(void)
{
	static const set_t none;
	set_t more;
	int first = node[0], last = node[nodes - 1];

	check_thread(MPOL_DEFAULT, NULL, MPOL_DEFAULT, none);
	check_thread(MPOL_DEFAULT, none, MPOL_DEFAULT, none);
	check_thread(MPOL_LOCAL, NULL, MPOL_LOCAL, none);
	check_thread(MPOL_PREFERRED, NULL, MPOL_LOCAL, none);
	check_thread(MPOL_PREFERRED, memory, MPOL_PREFERRED, only(first));
	check_thread(MPOL_BIND, memory, MPOL_BIND, memory);
	check_thread(MPOL_BIND, only(last), MPOL_BIND, only(last));
	check_thread(MPOL_INTERLEAVE, memory, MPOL_INTERLEAVE, memory);
	check_thread(PREFERRED_MANY, memory, PREFERRED_MANY, memory);
	check_thread(MPOL_BIND | MPOL_F_STATIC_NODES, only(last),
		MPOL_BIND | MPOL_F_STATIC_NODES, only(last));
	/* Nodes that there are not drop out, unless the program wants its words back. */
	memcpy(more, memory, sizeof(more));
	more[0] |= 1UL << absent;
	check_thread(MPOL_BIND, more, MPOL_BIND, memory);
	check_thread(
		MPOL_BIND | MPOL_F_STATIC_NODES, more, MPOL_BIND | MPOL_F_STATIC_NODES, more);
	/* Relative ones are counted around. */
	check_thread(MPOL_INTERLEAVE | MPOL_F_RELATIVE_NODES, only(nodes),
		MPOL_INTERLEAVE | MPOL_F_RELATIVE_NODES, only(nodes));
	check_thread(MPOL_DEFAULT, NULL, MPOL_DEFAULT, none);
}

static void test_errors(void)
{
	static const set_t none;
	set_t far = {0};
	char *p = map(BLOCK);

	far[ARRAY_LEN(far) - 1] = 1UL << 63;
	CHECK_ERRNO(set_policy(MPOL_DEFAULT, memory), EINVAL);
	CHECK_ERRNO(set_policy(MPOL_LOCAL, memory), EINVAL);
	CHECK_ERRNO(set_policy(MPOL_BIND, NULL), EINVAL);
	CHECK_ERRNO(set_policy(MPOL_BIND, none), EINVAL);
	CHECK_ERRNO(set_policy(MPOL_INTERLEAVE, none), EINVAL);
	CHECK_ERRNO(set_policy(PREFERRED_MANY, none), EINVAL);
	CHECK_ERRNO(set_policy(MPOL_BIND, only(absent)), EINVAL);
	CHECK_ERRNO(set_policy(MPOL_PREFERRED, only(absent)), EINVAL);
	CHECK_ERRNO(set_policy(MPOL_PREFERRED, far), EINVAL);
	CHECK_ERRNO(set_policy(MPOL_PREFERRED | MPOL_F_STATIC_NODES, NULL), EINVAL);
	CHECK_ERRNO(set_policy(MPOL_LOCAL | MPOL_F_STATIC_NODES, NULL), EINVAL);
	CHECK_ERRNO(set_policy(MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, memory),
		EINVAL);
	CHECK_ERRNO(set_policy(99, memory), EINVAL);
	CHECK_ERRNO(set_policy(-1, memory), EINVAL);
	CHECK_ERRNO(syscall(SYS_set_mempolicy, MPOL_BIND, 8UL, 64UL), EFAULT);
	CHECK_ERRNO(syscall(SYS_set_mempolicy, MPOL_BIND, memory, PAGE * 8 + 2), EINVAL);
	/* With a maxnode of 1 the set has no bit. */
	CHECK_ERRNO(syscall(SYS_set_mempolicy, MPOL_BIND, memory, 1UL), EINVAL);
	CHECK(syscall(SYS_set_mempolicy, MPOL_DEFAULT, memory, 1UL) == 0);

	CHECK_ERRNO(bind_range(p + 1, PAGE, MPOL_BIND, memory, 0), EINVAL);
	CHECK_ERRNO(bind_range(p, PAGE, MPOL_BIND, memory, 64), EINVAL);
	CHECK_ERRNO(bind_range(p, PAGE, MPOL_BIND, none, 0), EINVAL);
	CHECK_ERRNO(bind_range(p, PAGE, 99, memory, 0), EINVAL);
	CHECK_ERRNO(bind_range(p, -PAGE, MPOL_BIND, memory, 0), EINVAL);
	CHECK_ERRNO(bind_range(NULL, PAGE, MPOL_BIND, memory, 0), EFAULT);
	CHECK(bind_range(NULL, 0, MPOL_BIND, memory, 0) == 0);
	CHECK(munmap(p + PAGE, PAGE) == 0);
	CHECK_ERRNO(bind_range(p, 4 * PAGE, MPOL_BIND, memory, 0), EFAULT);
	CHECK_ERRNO(get_policy(NULL, NULL, p + PAGE, MPOL_F_ADDR), EFAULT);
}

static void check_vma(void *at, int want_mode, const uint64_t *want)
{
	set_t set;
	int mode = -1;

	CHECK(get_policy(&mode, set, at, MPOL_F_ADDR) == 0);
	CHECK(mode == want_mode && same(set, want));
}

/* The thread's policy does not show at an address; a vma's covers just its range. */
static void test_vma(void)
{
	static const set_t none;
	char *p = map(4 * BLOCK);

	CHECK(set_policy(MPOL_INTERLEAVE, memory) == 0);
	check_vma(p, MPOL_DEFAULT, none);
	CHECK(bind_range(p + BLOCK, BLOCK + 1, MPOL_BIND, memory, 0) == 0);
	check_vma(p + BLOCK - 1, MPOL_DEFAULT, none);
	check_vma(p + BLOCK, MPOL_BIND, memory);
	check_vma(p + 2 * BLOCK + PAGE - 1, MPOL_BIND, memory);
	check_vma(p + 2 * BLOCK + PAGE, MPOL_DEFAULT, none);
	CHECK(bind_range(p + BLOCK + PAGE, PAGE, MPOL_PREFERRED, only(node[0]), 0) == 0);
	check_vma(p + BLOCK, MPOL_BIND, memory);
	check_vma(p + BLOCK + PAGE, MPOL_PREFERRED, only(node[0]));
	check_vma(p + BLOCK + 2 * PAGE, MPOL_BIND, memory);
	CHECK(mprotect(p + BLOCK, BLOCK, PROT_READ) == 0);
	check_vma(p + BLOCK + PAGE, MPOL_PREFERRED, only(node[0]));
	CHECK(bind_range(p, 4 * BLOCK, MPOL_DEFAULT, NULL, 0) == 0);
	for (size_t i = 0; i < 4; i++)
		check_vma(p + i * BLOCK, MPOL_DEFAULT, none);
	CHECK(set_policy(MPOL_DEFAULT, NULL) == 0);
	CHECK(munmap(p, 4 * BLOCK) == 0);
}

/* mmap, mbind, touch: as numa_alloc_onnode() does it. */
static void test_onnode(void)
{
	for (int i = 0; i < nodes; i++) {
		char *p = map(4 * BLOCK);
		int at = -1;

		CHECK(bind_range(p, 4 * BLOCK, MPOL_BIND, only(node[i]), 0) == 0);
		for (size_t off = 0; off < 4 * BLOCK; off += PAGE)
			p[off] = 1;
		for (size_t off = 0; off < 4 * BLOCK; off += PAGE)
			CHECK(node_of(p + off) == node[i]);
		CHECK(get_policy(&at, NULL, p + PAGE, MPOL_F_ADDR | MPOL_F_NODE) == 0);
		CHECK(at == node[i]);
		CHECK(bind_range(p, 4 * BLOCK, MPOL_BIND, only(node[i]),
			      MPOL_MF_STRICT | MPOL_MF_MOVE) == 0);
		/* Looked at from another node's side all of it is misplaced. */
		if (nodes > 1)
			CHECK_ERRNO(bind_range(p, 4 * BLOCK, MPOL_BIND,
					    only(node[(i + 1) % nodes]), MPOL_MF_STRICT),
				EIO);
		CHECK(munmap(p, 4 * BLOCK) == 0);
	}
}

static void test_interleave(void)
{
	size_t count = (size_t)nodes * 4, on[64] = {0};
	char *p = map(count * BLOCK);

	CHECK(bind_range(p, count * BLOCK, MPOL_INTERLEAVE, memory, 0) == 0);
	for (size_t i = 0; i < count; i++)
		for (size_t off = 0; off < BLOCK; off += PAGE)
			p[i * BLOCK + off] = 1;
	for (size_t i = 0; i < count; i++)
		for (size_t off = 0; off < BLOCK; off += PAGE)
			on[node_of(p + i * BLOCK + off)]++;
	for (int i = 0; i < nodes; i++)
		CHECK(on[node[i]] == 4 * BLOCK / PAGE);
	CHECK(munmap(p, count * BLOCK) == 0);
}

/* By the thread's policy, in turns; get_mempolicy() tells the next one. */
static void test_turns(void)
{
	size_t count = (size_t)nodes * 2, on[64] = {0};
	int next = -1;
	char *p;

	CHECK(set_policy(MPOL_INTERLEAVE, memory) == 0);
	CHECK(get_policy(&next, NULL, NULL, MPOL_F_NODE) == 0 && next == node[0]);
	p = map(count * BLOCK);
	for (size_t i = 0; i < count; i++)
		for (size_t off = 0; off < BLOCK; off += PAGE)
			p[i * BLOCK + off] = 1;
	CHECK(set_policy(MPOL_DEFAULT, NULL) == 0);
	CHECK_ERRNO(get_policy(&next, NULL, NULL, MPOL_F_NODE), EINVAL);
	for (size_t i = 0; i < count; i++)
		on[node_of(p + i * BLOCK)]++;
	for (int i = 0; i < nodes; i++)
		CHECK(on[node[i]] > 0);
	CHECK(munmap(p, count * BLOCK) == 0);
}

static void *inherit_body(void *arg)
{
	set_t set;
	int mode = -1;
	char *p = map(BLOCK);

	CHECK(get_policy(&mode, set, NULL, 0) == 0);
	CHECK(mode == MPOL_BIND && same(set, arg));
	*p = 1;
	CHECK(((uint64_t *)arg)[0] >> node_of(p) & 1);
	CHECK(set_policy(MPOL_DEFAULT, NULL) == 0);
	return NULL;
}

static void test_inherit(void)
{
	for (int i = 0; i < nodes; i++) {
		set_t set, now;
		pthread_t thread;
		int mode = -1;

		memcpy(set, only(node[i]), sizeof(set));
		CHECK(set_policy(MPOL_BIND, set) == 0);
		CHECK_ZERO(pthread_create(&thread, NULL, inherit_body, set));
		CHECK_ZERO(pthread_join(thread, NULL));
		/* The child's change is its own. */
		CHECK(get_policy(&mode, now, NULL, 0) == 0);
		CHECK(mode == MPOL_BIND && same(now, set));
	}
	CHECK(set_policy(MPOL_DEFAULT, NULL) == 0);
}

static void test_home(void)
{
	char *p = map(2 * BLOCK);

	CHECK_ERRNO(syscall(SYS_set_mempolicy_home_node, p, BLOCK, (long)node[0], 0L), ENOENT);
	CHECK(bind_range(p, BLOCK, MPOL_BIND, memory, 0) == 0);
	CHECK(syscall(SYS_set_mempolicy_home_node, p, BLOCK, (long)node[nodes - 1], 0L) == 0);
	check_vma(p, MPOL_BIND, memory);
	*p = 1;
	CHECK(node_of(p) == node[nodes - 1]);
	CHECK(bind_range(p, BLOCK, MPOL_INTERLEAVE, memory, 0) == 0);
	CHECK_ERRNO(
		syscall(SYS_set_mempolicy_home_node, p, BLOCK, (long)node[0], 0L), EOPNOTSUPP);
	CHECK_ERRNO(syscall(SYS_set_mempolicy_home_node, p, BLOCK, (long)node[0], 1L), EINVAL);
	CHECK_ERRNO(syscall(SYS_set_mempolicy_home_node, p, BLOCK, 1L << 20, 0L), EINVAL);
	CHECK_ERRNO(
		syscall(SYS_set_mempolicy_home_node, p + 1, BLOCK, (long)node[0], 0L), EINVAL);
	CHECK(munmap(p, 2 * BLOCK) == 0);
}

static void test_move_pages(void)
{
	char *p = map(2 * BLOCK);
	void *page[4] = {p, p + 5, p + BLOCK, NULL};
	int status[4] = {-1, -1, -1, -1}, to[4];

	p[0] = 1;
	page[3] = p + 2 * BLOCK - PAGE;
	CHECK(munmap(p + 2 * BLOCK - PAGE, PAGE) == 0);
	CHECK(syscall(SYS_move_pages, getpid(), 4UL, page, NULL, status, 0) == 0);
	CHECK(memory[0] >> status[0] & 1 && status[1] == status[0]);
	CHECK(status[3] == -EFAULT);
	/* To where it is already. */
	to[0] = to[1] = status[0];
	status[0] = status[1] = -1;
	CHECK(syscall(SYS_move_pages, 0, 2UL, page, to, status, MPOL_MF_MOVE) == 0);
	CHECK(status[0] == to[0] && status[1] == to[0]);
	to[0] = 63;
	CHECK_ERRNO(syscall(SYS_move_pages, 0, 1UL, page, to, status, MPOL_MF_MOVE), ENODEV);
	CHECK_ERRNO(syscall(SYS_move_pages, 0, 1UL, page, NULL, status, 64), EINVAL);
	CHECK_ERRNO(syscall(SYS_move_pages, 0, 1UL, 8UL, NULL, status, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_move_pages, 0, 1UL, page, NULL, 8UL, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_move_pages, 0, 1UL, page, 8UL, status, 0), EFAULT);
	CHECK(syscall(SYS_move_pages, 0, 0UL, NULL, NULL, NULL, 0) == 0);

	CHECK(syscall(SYS_migrate_pages, 0, BITS + 1UL, memory, memory) == 0);
	CHECK_ERRNO(syscall(SYS_migrate_pages, 0, BITS + 1UL, 8UL, memory), EFAULT);
	CHECK(munmap(p, 2 * BLOCK) == 0);
}

int main(void)
{
	static const struct check_case cases[] = {
		{"nodes", test_nodes},
		{"thread", test_thread},
		{"errors", test_errors},
		{"vma", test_vma},
		{"onnode", test_onnode},
		{"interleave", test_interleave},
		{"turns", test_turns},
		{"inherit", test_inherit},
		{"home", test_home},
		{"move_pages", test_move_pages},
	};
	static char *const none[] = {NULL};

	return check_run(cases, ARRAY_LEN(cases), none);
}
