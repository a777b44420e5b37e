/* SPDX-License-Identifier: MIT */
/* What the loader leaves in guest memory: image, page tables and device tree, for plans of many
 * sizes. */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/share.h"
#include "tests/unit/suite.h"
#include "vmm/boot.h"

#define PTE_P    1ULL
#define PTE_RW   2ULL
#define PTE_US   4ULL
#define PTE_PS   0x80ULL
#define PTE_NX   (1ULL << 63)
#define PTE_ADDR 0x000ffffffffff000ULL
#define TEXT     0x200000ULL
#define DATA     0x400000ULL

/* An image as guest-lwk/lwk.lds makes them: text, data with .bss, our note. */
static struct {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[3];
	uint8_t gap[0x1000 - sizeof(Elf64_Ehdr) - 3 * sizeof(Elf64_Phdr)];
	uint8_t text[0x1000], data[0x1000];
} file;
static struct boot_image image = {"image", &file, sizeof(file)};
static struct plan plan;
static struct gpa_map map;
static struct problem problem;
static struct boot_entry entry;
static uint8_t *low; /* RAM from gpa 0: the only part the loader touches */

static void make_image(void)
{
	struct {
		Elf64_Nhdr head;
		char name[8];
		uint32_t version;
	} note = {{6, 4, ABI_NOTE_TYPE}, ABI_NOTE_NAME, ABI_VERSION};

	memset(file.text, 0x11, sizeof(file.text));
	memset(file.data, 0x22, sizeof(file.data));
	memcpy(file.text + 0x800, &note, sizeof(note));
	file.ehdr = (Elf64_Ehdr){
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = ABI_IMAGE_VA + TEXT + 0x10,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	file.phdr[0] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = 0x1000,
		.p_vaddr = ABI_IMAGE_VA + TEXT,
		.p_paddr = TEXT,
		.p_filesz = 0x1000,
		.p_memsz = 0x1000};
	file.phdr[1] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = 0x2000,
		.p_vaddr = ABI_IMAGE_VA + DATA,
		.p_paddr = DATA,
		.p_filesz = 0x1000,
		.p_memsz = 0x300000};
	file.phdr[2] = (Elf64_Phdr){.p_type = PT_NOTE,
		.p_flags = PF_R,
		.p_offset = 0x1800,
		.p_filesz = sizeof(note)};
}

/* A plan of `mem` bytes on `nodes` nodes, an extent a node and side of the hole. */
static void make_plan(uint64_t mem, unsigned nodes, unsigned vcpus)
{
	uint64_t at = 0, share = mem / nodes & ~(ABI_BLOCK_SIZE - 1);

	plan = (struct plan){.name = "boot", .nvcpus = vcpus, .nnodes = nodes, .mem = mem};
	for (unsigned i = 0; i < vcpus; i++)
		plan.vcpu[i].guest_node = (uint8_t)(i * nodes / vcpus);
	for (unsigned n = 0; n < nodes; n++) {
		uint64_t left = n + 1 < nodes ? share : mem - share * (nodes - 1);

		plan.node[n] = (struct plan_node){.host_node = (uint8_t)n, .size = left};
		for (unsigned to = 0; to < nodes; to++)
			plan.node[n].distance[to] = (uint8_t)(n == to ? 10 : 21 + 2 * n + to);
		while (left) {
			uint64_t size = left;

			if (at < ABI_HOLE_START && at + size > ABI_HOLE_START)
				size = ABI_HOLE_START - at;
			plan.extent[plan.nextents++] = (struct plan_extent){.gpa = at,
				.size = size,
				.page_size = n % 2 ? GIB(1) : MIB(2),
				.guest_node = (uint8_t)n};
			left -= size;
			at += size;
			if (at == ABI_HOLE_START)
				at = ABI_HOLE_END;
		}
	}
}

static void make_map(void)
{
	map.n = 0;
	for (unsigned i = 0; i < plan.nextents; i++) {
		const struct plan_extent *e = &plan.extent[i];

		ck_assert_int_eq(gpa_map_add(&map, gpa(e->gpa), e->size, low + e->gpa), 0);
	}
	/* What lies above the hole is never looked at here: the host addresses need not be
	 * real. */
	ck_assert_int_eq(gpa_map_add(&map, gpa(ABI_SHARE_GPA), ABI_SHARE_SIZE, low), 0);
}

static int load(bool use_1g)
{
	struct fdt_facts facts = {.software = !use_1g,
		.tsc_khz = 2600000,
		.poll_ns = 20000,
		.xcr0 = 0xe7,
		.xstate_size = 2432};

	make_map();
	return boot_load(&image, &plan, &map, &facts, use_1g, &entry, &problem);
}

/* What the processor would do: the page's entry, or 0; its size in *shift. */
static uint64_t walk(uint64_t va, unsigned *shift)
{
	uint64_t pte = entry.tables.value | PTE_P | PTE_RW;

	for (*shift = 39;; *shift -= 9) {
		const uint64_t *table = gpa_to_host(&map, gpa(pte & PTE_ADDR), 4096);

		ck_assert_ptr_nonnull(table);
		pte = table[va >> *shift & 511];
		if (!(pte & PTE_P) || *shift == 12 || (*shift < 39 && pte & PTE_PS))
			return pte & PTE_P ? pte : 0;
	}
}

static void maps(uint64_t va, uint64_t to, uint64_t want, uint64_t not )
{
	unsigned shift;
	uint64_t pte = walk(va, &shift);
	uint64_t mask = (1ULL << shift) - 1;

	ck_assert_msg(pte, "%#lx is not mapped", va);
	ck_assert_uint_eq((pte & PTE_ADDR & ~mask) + (va & mask), to);
	ck_assert_uint_eq(pte & want, want);
	ck_assert_uint_eq(pte & (not | PTE_US), 0);
}

static void setup(void)
{
	low = mmap(NULL, GIB(3), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(low, MAP_FAILED);
	problem = (struct problem){0};
	make_image();
}

static void teardown(void)
{
	munmap(low, GIB(3));
}

static const struct {
	uint64_t mem;
	unsigned nodes, vcpus;
} sizes[] = {
	{MIB(64), 1, 1},
	{MIB(66), 1, 2},
	{MIB(1022), 1, 2},
	{GIB(1), 2, 4},
	{GIB(3) - MIB(2), 1, 3},
	{GIB(3), 1, 2},
	{GIB(3) + MIB(2), 1, 2},
	{GIB(4), 2, 8},
	{GIB(5) - MIB(2), 3, 9},
	{GIB(16), 4, 64},
	{GIB(512), 8, 64},
	{GIB(1024) + MIB(2), 16, 64},
};

static void check_extent(const struct plan_extent *e)
{
	maps(ABI_DIRECT_VA + e->gpa, e->gpa, PTE_RW | PTE_NX, 0);
	maps(ABI_DIRECT_VA + e->gpa + e->size - 1, e->gpa + e->size - 1, PTE_RW | PTE_NX, 0);
	for (unsigned i = 1; i < 64; i++)
		maps(ABI_DIRECT_VA + e->gpa + e->size / 64 * i, e->gpa + e->size / 64 * i,
			PTE_RW | PTE_NX, 0);
}

START_TEST(test_tables)
{
	uint64_t end;
	unsigned shift;

	make_plan(sizes[_i / 2].mem, sizes[_i / 2].nodes, sizes[_i / 2].vcpus);
	ck_assert_int_eq(load(_i % 2), 0);
	for (unsigned i = 0; i < plan.nextents; i++)
		check_extent(&plan.extent[i]);
	end = plan.extent[plan.nextents - 1].gpa + plan.extent[plan.nextents - 1].size;
	if (end != ABI_SHARE_GPA)
		ck_assert_uint_eq(walk(ABI_DIRECT_VA + end, &shift), 0);
	maps(ABI_DIRECT_VA + ABI_SHARE_GPA, ABI_SHARE_GPA, PTE_RW | PTE_NX, 0);
	ck_assert_uint_eq(walk(ABI_DIRECT_VA + ABI_SHARE_GPA + ABI_SHARE_SIZE, &shift), 0);
	maps(ABI_IMAGE_VA + TEXT + 5, TEXT + 5, 0, PTE_RW | PTE_NX);
	maps(ABI_IMAGE_VA + DATA, DATA, PTE_RW | PTE_NX, 0);
	maps(ABI_IMAGE_VA + DATA + 0x2fffff, DATA + 0x2fffff, PTE_RW | PTE_NX, 0);
	ck_assert_uint_eq(walk(ABI_IMAGE_VA + DATA + 0x400000, &shift), 0);
	ck_assert_uint_eq(walk(0, &shift), 0);
	ck_assert_uint_eq(walk(ABI_USER_END - 1, &shift), 0);
	ck_assert_uint_eq(entry.entry, file.ehdr.e_entry);
	ck_assert_uint_eq(entry.free_start % ABI_BLOCK_SIZE, 0);
	ck_assert_uint_gt(entry.free_start, entry.tables.value);
	ck_assert_uint_le(entry.free_start, plan.extent[0].size > MIB(64) ? MIB(64) : MIB(16));
	ck_assert_int_eq(memcmp(low + TEXT, file.text, sizeof(file.text)), 0);
	ck_assert_int_eq(memcmp(low + DATA, file.data, sizeof(file.data)), 0);
}
END_TEST

START_TEST(test_1g_only_if_whole)
{
	unsigned shift;

	make_plan(GIB(6), 1, 2);
	ck_assert_int_eq(load(true), 0);
	walk(ABI_DIRECT_VA + GIB(1), &shift);
	ck_assert_uint_eq(shift, 30);
	walk(ABI_DIRECT_VA + ABI_SHARE_GPA, &shift);
	ck_assert_uint_eq(shift, 21);
	teardown();
	setup();
	ck_assert_int_eq(load(false), 0);
	walk(ABI_DIRECT_VA + GIB(1), &shift);
	ck_assert_uint_eq(shift, 21);
}
END_TEST

static const void *property(const char *path, const char *name, int want)
{
	const void *fdt = low + ABI_FDT_GPA;
	int node = fdt_path_offset(fdt, path), len = -1;
	const void *value;

	ck_assert_msg(node >= 0, "%s is not there", path);
	value = fdt_getprop(fdt, node, name, &len);
	ck_assert_msg(value && len == want, "%s/%s has %d bytes", path, name, len);
	return value;
}

static uint64_t u64_of(const char *path, const char *name, unsigned i, unsigned n)
{
	fdt64_t cell;

	memcpy(&cell, (const char *)property(path, name, (int)(n * 8)) + i * 8, sizeof(cell));
	return fdt64_to_cpu(cell);
}

static uint32_t u32_of(const char *path, const char *name, unsigned i, unsigned n)
{
	fdt32_t cell;

	memcpy(&cell, (const char *)property(path, name, (int)(n * 4)) + i * 4, sizeof(cell));
	return fdt32_to_cpu(cell);
}

static uint32_t distance_cell(unsigned i)
{
	return u32_of("/distance-map", "distance-matrix", i, 3 * plan.nnodes * plan.nnodes);
}

START_TEST(test_tree)
{
	unsigned nodes = sizes[_i].nodes;
	char path[64];

	make_plan(sizes[_i].mem, nodes, sizes[_i].vcpus);
	plan.first_touch = true;
	ck_assert_int_eq(load(false), 0);
	ck_assert_int_eq(fdt_check_full(low + ABI_FDT_GPA, ABI_FDT_MAX), 0);
	for (unsigned i = 0; i < plan.nvcpus; i++) {
		snprintf(path, sizeof(path), "/cpus/cpu@%x", i);
		ck_assert_uint_eq(u32_of(path, "reg", 0, 1), i);
		ck_assert_uint_eq(u32_of(path, "numa-node-id", 0, 1), plan.vcpu[i].guest_node);
	}
	for (unsigned i = 0; i < plan.nextents; i++) {
		const struct plan_extent *e = &plan.extent[i];

		snprintf(path, sizeof(path), "/memory@%lx", e->gpa);
		ck_assert_uint_eq(u64_of(path, "reg", 0, 2), e->gpa);
		ck_assert_uint_eq(u64_of(path, "reg", 1, 2), e->size);
		ck_assert_uint_eq(u64_of(path, ABI_FDT_PAGE_SIZE, 0, 1), e->page_size);
		ck_assert_uint_eq(u32_of(path, "numa-node-id", 0, 1), e->guest_node);
	}
	ck_assert_str_eq(property("/distance-map", "compatible", 21), "numa-distance-map-v1");
	for (unsigned i = 0; i < nodes * nodes; i++) {
		unsigned from = i / nodes, to = i % nodes;

		ck_assert_uint_eq(distance_cell(3 * i), from);
		ck_assert_uint_eq(distance_cell(3 * i + 1), to);
		ck_assert_uint_eq(distance_cell(3 * i + 2), plan.node[from].distance[to]);
	}
	ck_assert_uint_eq(u64_of("/lwvmm", ABI_FDT_FREE, 0, 1), entry.free_start);
	ck_assert_uint_eq(u64_of("/lwvmm", ABI_FDT_SHARE, 0, 2), ABI_SHARE_GPA);
	ck_assert_uint_eq(u64_of("/lwvmm", ABI_FDT_TSC_KHZ, 0, 1), 2600000);
	ck_assert_uint_eq(u32_of("/lwvmm", ABI_FDT_VERSION, 0, 1), ABI_VERSION);
	ck_assert_uint_eq(u32_of("/lwvmm", ABI_FDT_POLL_NS, 0, 1), 20000);
	ck_assert_uint_eq(u32_of("/lwvmm", ABI_FDT_XSTATE, 2, 3), 2432);
	property("/lwvmm", ABI_FDT_SOFTWARE, 0);
	property("/lwvmm", ABI_FDT_TOUCH, 0);
}
END_TEST

/* Node 0 has vCPUs only, node 2 memory only: the tree says so by what it leaves out. */
START_TEST(test_lopsided_nodes)
{
	make_plan(GIB(3), 3, 4);
	for (unsigned i = 0; i < plan.nvcpus; i++)
		plan.vcpu[i].guest_node = (uint8_t)(i / 2);
	for (unsigned i = 0; i < plan.nextents; i++) {
		if (plan.extent[i].guest_node == 0)
			plan.extent[i].guest_node = 1;
	}
	ck_assert_int_eq(load(false), 0);
	ck_assert_int_eq(fdt_check_full(low + ABI_FDT_GPA, ABI_FDT_MAX), 0);
	ck_assert_uint_eq(u32_of("/cpus/cpu@0", "numa-node-id", 0, 1), 0);
	ck_assert_uint_eq(u32_of("/cpus/cpu@3", "numa-node-id", 0, 1), 1);
	ck_assert_uint_eq(u32_of("/memory@0", "numa-node-id", 0, 1), 1);
	ck_assert_uint_eq(u32_of("/memory@80000000", "numa-node-id", 0, 1), 2);
	/* All three are in the distances. */
	ck_assert_uint_eq(distance_cell(3 * 8), 2);
	ck_assert_uint_eq(distance_cell(3 * 2 + 2), 23);
	ck_assert_uint_eq(distance_cell(3 * 6 + 2), 25);
}
END_TEST

START_TEST(test_largest_tree)
{
	make_plan(GIB(512), PLAN_MAX_NODES, PLAN_MAX_VCPUS);
	while (plan.nextents < PLAN_MAX_EXTENTS) {
		struct plan_extent last = plan.extent[plan.nextents - 1];

		last.gpa += last.size;
		plan.extent[plan.nextents++] = last;
	}
	memset(plan.name, 'n', sizeof(plan.name) - 1);
	plan.first_touch = true;
	ck_assert_int_eq(load(false), 0);
	ck_assert_uint_eq(plan.nextents, PLAN_MAX_EXTENTS);
	ck_assert_uint_eq(plan.nnodes, 16);
	ck_assert_int_eq(fdt_check_full(low + ABI_FDT_GPA, ABI_FDT_MAX), 0);
	ck_assert_uint_lt(fdt_totalsize(low + ABI_FDT_GPA), ABI_FDT_MAX);
	ck_assert_uint_eq(distance_cell(3 * 255 + 1), 15);
}
END_TEST

START_TEST(test_thp_pages)
{
	make_plan(MIB(64), 1, 1);
	plan.extent[0].page_size = KIB(4);
	plan.extent[0].thp = true;
	ck_assert_int_eq(load(false), 0);
	ck_assert_uint_eq(u64_of("/memory@0", ABI_FDT_PAGE_SIZE, 0, 1), MIB(2));
}
END_TEST

static void refused(int err, const char *why)
{
	ck_assert_int_eq(load(false), err);
	ck_assert_msg(strstr(problem.text, why), "'%s' is not in '%s'", why, problem.text);
	problem = (struct problem){0};
	make_image();
}

START_TEST(test_bad_images)
{
	make_plan(MIB(64), 1, 1);
	file.phdr[0].p_paddr += ABI_BLOCK_SIZE;
	refused(-ENOEXEC, "is not where");
	file.phdr[1].p_vaddr = ABI_IMAGE_VA;
	file.phdr[1].p_paddr = 0;
	file.phdr[1].p_memsz = 0x1000;
	refused(-ENOEXEC, "is not where");
	file.phdr[1].p_vaddr += 0x1000;
	file.phdr[1].p_paddr += 0x1000;
	refused(-ENOEXEC, "is not where");
	file.phdr[1].p_vaddr = 0x400000;
	refused(-ENOEXEC, "is not where");
	file.phdr[1].p_memsz = GIB(1) + 1;
	refused(-ENOEXEC, "is not where");
	file.phdr[1].p_memsz = MIB(100);
	refused(-ENOMEM, "more --mem");
	file.ehdr.e_entry = ABI_IMAGE_VA + DATA;
	refused(-ENOEXEC, "entry");
	file.text[0x800 + 12] = 'L';
	refused(-ENOEXEC, "64 TiB"); /* without its note it is but a strange program */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("boot");
	TCase *t = tcase_create("boot");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_tables, 0, 2 * sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(t, test_1g_only_if_whole);
	tcase_add_loop_test(t, test_tree, 0, sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(t, test_lopsided_nodes);
	tcase_add_test(t, test_largest_tree);
	tcase_add_test(t, test_thp_pages);
	tcase_add_test(t, test_bad_images);
	suite_add_tcase(s, t);
	return suite_run(s);
}
