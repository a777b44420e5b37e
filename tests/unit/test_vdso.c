/* SPDX-License-Identifier: MIT */
/*
 * The vDSO as programs find it: mapped behind a time page, its functions looked up by name and
 * version through DT_HASH as the C libraries do, and called. Its file is the program's
 * argument.
 */
#include <check.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "tests/unit/suite.h"
#include "vmm/clock.h"

static const char *path;
static char *image;
static struct abi_time *page;
static struct clock host_clock;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void setup(void)
{
	struct timespec nap = {0, 20000000};
	uint64_t tsc = __rdtsc(), ns = now_ns();
	struct stat st;
	int fd = open(path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	page = mmap(NULL, 4096 + (size_t)st.st_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(page != MAP_FAILED);
	image = (char *)page + 4096;
	ck_assert_int_eq(read(fd, image, (size_t)st.st_size), st.st_size);
	close(fd);
	ck_assert_int_eq(mprotect(image, (size_t)st.st_size, PROT_READ | PROT_EXEC), 0);
	nanosleep(&nap, NULL);
	clock_init(&host_clock, page, (__rdtsc() - tsc) * 1000000 / (now_ns() - ns), true);
}

static const Elf64_Phdr *segment(uint32_t type)
{
	const Elf64_Ehdr *ehdr = (void *)image;
	const Elf64_Phdr *phdr = (void *)(image + ehdr->e_phoff);

	for (unsigned i = 0; i < ehdr->e_phnum; i++)
		if (phdr[i].p_type == type)
			return &phdr[i];
	return NULL;
}

static void *dynamic(int64_t tag)
{
	const Elf64_Dyn *dyn = (void *)(image + segment(PT_DYNAMIC)->p_vaddr);

	for (; dyn->d_tag != DT_NULL; dyn++)
		if (dyn->d_tag == tag)
			return image + dyn->d_un.d_ptr;
	ck_abort_msg("no dynamic tag %lld", (long long)tag);
	return NULL;
}

static void *lookup(const char *name)
{
	const uint32_t *hash = dynamic(DT_HASH);
	const Elf64_Sym *sym = dynamic(DT_SYMTAB);
	const char *str = dynamic(DT_STRTAB);
	const uint16_t *versym = dynamic(DT_VERSYM);

	for (uint32_t i = 0; i < hash[1]; i++) {
		if (strcmp(str + sym[i].st_name, name) || sym[i].st_shndx == SHN_UNDEF)
			continue;
		const Elf64_Verdef *def = dynamic(DT_VERDEF);

		while (def->vd_ndx != versym[i])
			def = (const void *)((const char *)def + def->vd_next);
		const Elf64_Verdaux *aux = (const void *)((const char *)def + def->vd_aux);

		ck_assert_str_eq(str + aux->vda_name, "LINUX_2.6");
		return image + sym[i].st_value;
	}
	ck_abort_msg("no symbol %s", name);
	return NULL;
}

START_TEST(test_clock_gettime)
{
	int (*get)(clockid_t, struct timespec *) = lookup("__vdso_clock_gettime");
	static const clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
		CLOCK_PROCESS_CPUTIME_ID /* by system call */};

	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct timespec a, b, c;

		ck_assert_int_eq(clock_gettime(ids[i], &a), 0);
		ck_assert_int_eq(get(ids[i], &b), 0);
		ck_assert_int_eq(clock_gettime(ids[i], &c), 0);
		double x = (double)a.tv_sec + (double)a.tv_nsec / 1e9;
		double y = (double)b.tv_sec + (double)b.tv_nsec / 1e9;
		double z = (double)c.tv_sec + (double)c.tv_nsec / 1e9;

		ck_assert_msg(y > x - 1e-4 && y < z + 1e-4, "%f %f %f", x, y, z);
	}
	struct timespec ts;

	ck_assert_int_lt(get(1000, &ts), 0);
}
END_TEST

START_TEST(test_others)
{
	int (*day)(struct timeval *, void *) = lookup("__vdso_gettimeofday");
	int (*res)(clockid_t, struct timespec *) = lookup("__vdso_clock_getres");
	int (*cpu)(unsigned *, unsigned *, void *) = lookup("__vdso_getcpu");
	time_t (*seconds)(time_t *) = lookup("__vdso_time");
	time_t now = time(NULL), stored = 0;
	struct timezone tz = {1, 1};
	struct timespec ts;
	struct timeval tv;
	unsigned core = ~0U, node = ~0U;

	ck_assert_int_eq(day(&tv, &tz), 0);
	ck_assert_int_le(llabs((long long)(tv.tv_sec - now)), 1);
	ck_assert_int_lt(tv.tv_usec, 1000000);
	ck_assert_int_eq(tz.tz_minuteswest, 0);
	ck_assert_int_le(llabs((long long)(seconds(&stored) - now)), 1);
	ck_assert_int_le(llabs((long long)(stored - now)), 1);
	ck_assert_int_eq(res(CLOCK_MONOTONIC, &ts), 0);
	ck_assert_int_eq(ts.tv_nsec, 1);
	ck_assert_int_eq(res(CLOCK_MONOTONIC, NULL), 0);
	ck_assert_int_eq(cpu(&core, &node, NULL), 0); /* page->software: by system call */
	ck_assert_uint_lt(core, (unsigned)sysconf(_SC_NPROCESSORS_CONF));
}
END_TEST

/* Mapped as it is and never written: one segment from 0, no relocations, no writable part. */
START_TEST(test_shape)
{
	const Elf64_Phdr *load = segment(PT_LOAD);
	const Elf64_Dyn *dyn = (void *)(image + segment(PT_DYNAMIC)->p_vaddr);

	ck_assert_uint_eq(load->p_vaddr, 0);
	ck_assert_uint_eq(load->p_offset, 0);
	ck_assert_uint_eq(load->p_filesz, load->p_memsz);
	ck_assert_uint_eq(load->p_flags, PF_R | PF_X);
	ck_assert_uint_eq(segment(PT_DYNAMIC)->p_flags, PF_R);
	for (; dyn->d_tag != DT_NULL; dyn++)
		ck_assert(dyn->d_tag != DT_RELA && dyn->d_tag != DT_REL &&
			  dyn->d_tag != DT_NEEDED);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("vdso");
	TCase *tcase = tcase_create("vdso");

	if (argc != 2)
		return EXIT_FAILURE;
	path = argv[1];
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, test_clock_gettime);
	tcase_add_test(tcase, test_others);
	tcase_add_test(tcase, test_shape);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
