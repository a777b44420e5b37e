/* SPDX-License-Identifier: MIT */
/* The tree as a whole, and how sets are written. */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/view/view.h"

const char *view_list(uint64_t set, char text[VIEW_TEXT_MAX])
{
	uint16_t list[64];
	unsigned n = 0;

	for (; set; set &= set - 1)
		list[n++] = (uint16_t)__builtin_ctzll(set);
	text[0] = '\0';
	if (n)
		cpulist_format(list, n, text, VIEW_TEXT_MAX);
	return text;
}

const char *view_mask(uint64_t set, unsigned bits, char text[VIEW_TEXT_MAX])
{
	int digits = (int)((bits > 32 ? bits - 32 : bits) + 3) / 4;

	if (bits > 32)
		snprintf(text, VIEW_TEXT_MAX, "%0*x,%08x", digits, (unsigned)(set >> 32),
			(unsigned)set);
	else
		snprintf(text, VIEW_TEXT_MAX, "%0*x", digits, (unsigned)set);
	return text;
}

void view_put(
	struct view_maker *m, enum view_kind kind, const char *text, const char *path, ...)
{
	char where[PATH_MAX];
	char line[VIEW_TEXT_MAX + 1];
	va_list ap;

	if (m->err)
		return;
	va_start(ap, path);
	vsnprintf(where, sizeof(where), path, ap);
	va_end(ap);
	/* Files are lines, but for those that are longer texts already. */
	if (kind == VIEW_FILE && (!*text || text[strlen(text) - 1] != '\n')) {
		snprintf(line, sizeof(line), "%s\n", text);
		text = line;
	}
	m->err = m->sink->put(m->sink, kind, where, text);
}

/*
 * Huge pages are what all memory of a guest is made of; a pool to take them from by hand there
 * is none. The guest has no PCI bus either: the host's would name the host's CPUs and nodes.
 */
static void make_rest(struct view_maker *m)
{
	static const char *const size[] = {"2048", "1048576"};
	static const char *const file[] = {
		"nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages"};

	view_put(m, VIEW_DIR, NULL, "sys/kernel");
	view_put(m, VIEW_DIR, NULL, "sys/kernel/mm");
	view_put(m, VIEW_DIR, NULL, "sys/kernel/mm/hugepages");
	for (unsigned i = 0; i < 2; i++) {
		view_put(m, VIEW_DIR, NULL, "sys/kernel/mm/hugepages/hugepages-%skB", size[i]);
		for (unsigned k = 0; k < 4; k++)
			view_put(m, VIEW_FILE, "0", "sys/kernel/mm/hugepages/hugepages-%skB/%s",
				size[i], file[k]);
	}
	view_put(m, VIEW_DIR, NULL, "sys/bus/pci");
	view_put(m, VIEW_DIR, NULL, "sys/bus/pci/devices");
	view_put(m, VIEW_DIR, NULL, "sys/bus/pci/drivers");
	view_put(m, VIEW_DIR, NULL, "sys/bus/pci/slots");
}

int view_tree(const struct plan *plan, const struct view_facts *facts,
	const struct view_memory *memory, struct view_sink *sink)
{
	static const char *const top[] = {
		"sys", "sys/bus", "sys/devices", "sys/devices/system", "proc"};
	struct view_maker m = {.plan = plan, .facts = facts, .memory = memory, .sink = sink};

	view_topology(plan, &m.topology);
	for (unsigned i = 0; i < sizeof(top) / sizeof(top[0]); i++)
		view_put(&m, VIEW_DIR, NULL, "%s", top[i]);
	view_make_cpus(&m);
	view_make_nodes(&m);
	make_rest(&m);
	return m.err;
}
