/* SPDX-License-Identifier: MIT */
/* Memory policies: what holds on a machine of one node. */
#include "abi.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>

static char *map(void)
{
	char *p =
		mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(p == MAP_FAILED ? -1 : 0);
	return p;
}

static void show_policy(void *at, unsigned long flags)
{
	unsigned long mask = 0;
	int mode = -1;

	SHOW(SYS(get_mempolicy, &mode, &mask, 64, at, flags));
	TELL("mode %d mask %lx\n", mode, mask);
}

CASE(set_mempolicy, set_mempolicy, get_mempolicy)
{
	unsigned long one = 1, none = 0, far = 1ul << 63;

	show_policy(NULL, 0);
	SHOW(SYS(set_mempolicy, MPOL_BIND, &one, 64));
	show_policy(NULL, 0);
	SHOW(SYS(set_mempolicy, MPOL_PREFERRED, &none, 64));
	show_policy(NULL, 0);
	SHOW(SYS(set_mempolicy, MPOL_BIND, &none, 64));
	SHOW(SYS(set_mempolicy, MPOL_BIND, &far, 64));
	SHOW(SYS(set_mempolicy, MPOL_DEFAULT, &one, 64));
	SHOW(SYS(set_mempolicy, 99, &one, 64));
	SHOW(SYS(set_mempolicy, MPOL_BIND, BAD, 64));
	SHOW(SYS(set_mempolicy, MPOL_LOCAL, NULL, 0));
	show_policy(NULL, 0);
}

CASE(mbind, mbind, get_mempolicy)
{
	unsigned long one = 1;
	char *p = map();

	SHOW(SYS(mbind, p, 2 << 20, MPOL_BIND, &one, 64, 0));
	show_policy(p, MPOL_F_ADDR);
	SHOW(SYS(mbind, p + 1, 4096, MPOL_BIND, &one, 64, 0));
	SHOW(SYS(mbind, p, 4096, 99, &one, 64, 0));
	SHOW(SYS(mbind, p, 4096, MPOL_BIND, &one, 64, 0x100));
	SHOW(SYS(mbind, p, 0, MPOL_BIND, &one, 64, 0));
	MUST(munmap(p, 2 << 20));
	SHOW(SYS(mbind, p, 4096, MPOL_BIND, &one, 64, 0));
}

CASE(get_mempolicy, get_mempolicy)
{
	unsigned long mask = 0;
	int node = -1;
	char *p = map();

	p[0] = 1;
	SHOW(SYS(get_mempolicy, &node, NULL, 0, p, MPOL_F_NODE | MPOL_F_ADDR));
	TELL("a node: %d\n",
		node >= 0 && node < 64); /* where it lies is not the same anywhere */
	SHOW(SYS(get_mempolicy, NULL, &mask, 64, NULL, MPOL_F_MEMS_ALLOWED));
	TELL("a node: %d\n", mask != 0); /* a guest may have fewer than its host */
	SHOW(SYS(get_mempolicy, NULL, NULL, 0, p, 0));
	SHOW(SYS(get_mempolicy, &node, NULL, 0, NULL, 0x100));
	SHOW(SYS(get_mempolicy, &node, NULL, 0, BAD, MPOL_F_ADDR));
}

CASE(move_pages, move_pages)
{
	char *p = map();
	void *pages[2] = {p, BAD};
	int nodes[2] = {0, 0}, status[2] = {99, 99};

	p[0] = 1;
	SHOW(SYS(move_pages, 0, 2, pages, NULL, status, 0));
	TELL("a node: %d, %d\n", status[0] >= 0 && status[0] < 64, status[1]);
	SHOW(SYS(move_pages, 0, 1, pages, nodes, status, 2));
	TELL("%d\n", status[0]);
	nodes[0] = 99;
	SHOW(SYS(move_pages, 0, 1, pages, nodes, status, 2));
	SHOW(SYS(move_pages, 0, 1, pages, nodes, status, 0x100));
	SHOW(SYS(move_pages, 0x3ffffff, 1, pages, NULL, status, 0));
	SHOW(SYS(move_pages, 0, 1, BAD, NULL, status, 0));
	SHOW(SYS(move_pages, 0, 0, pages, NULL, status, 0));
}

CASE(migrate_pages, migrate_pages)
{
	unsigned long one = 1;

	SHOW(SYS(migrate_pages, 0, 64, &one, &one));
	SHOW(SYS(migrate_pages, 0x3ffffff, 64, &one, &one));
	SHOW(SYS(migrate_pages, 0, 64, BAD, &one));
}

CASE(home_node, set_mempolicy_home_node, mbind)
{
	unsigned long one = 1;
	char *p = map();

	SHOW(SYS(set_mempolicy_home_node, p, 4096, 0, 0));
	MUST(SYS(mbind, p, 2 << 20, MPOL_BIND, &one, 64, 0));
	SHOW(SYS(set_mempolicy_home_node, p, 2 << 20, 0, 0));
	SHOW(SYS(set_mempolicy_home_node, p, 2 << 20, 99, 0));
	SHOW(SYS(set_mempolicy_home_node, p, 2 << 20, 0, 1));
	SHOW(SYS(set_mempolicy_home_node, p + 1, 2 << 20, 0, 0));
}
