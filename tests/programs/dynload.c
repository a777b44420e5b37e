/* SPDX-License-Identifier: MIT */
/*
 * What a dynamic program lives on: libraries found by $ORIGIN, LD_LIBRARY_PATH or LD_PRELOAD,
 * dlopen, thread-local storage of a library that came late, IFUNC, RELRO, a large .bss, and
 * what the kernel tells ld.so. "relro": writes to a page that ld.so has made read-only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

const char *library_name(void);

static int anything;
static void *const relocated[] = {&anything};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int has_base(struct dl_phdr_info *info, size_t size, void *found)
{
	(void)size;
	if (info->dlpi_addr == getauxval(AT_BASE) && strstr(info->dlpi_name, "ld-linux"))
		*(int *)found = 1;
	return 0;
}

static void look_at_kernel(void)
{
	char path[4096] = "";
	int found = 0;

	printf("link: %zd bytes, ", readlink("/proc/self/exe", path, sizeof(path) - 1));
	printf("%s\n", base_name(path));
	printf("named: %s\n", base_name((const char *)getauxval(AT_EXECFN)));
	dl_iterate_phdr(has_base, &found);
	printf("interpreter %s\n", found ? "where AT_BASE says" : "not found");
	printf("entry %s\n",
		getauxval(AT_ENTRY) - getauxval(AT_PHDR) < 1 << 24 ? "near" : "far");
	printf("readable: %d, shorter: %zd\n", access("/proc/self/exe", R_OK),
		readlink("/proc/self/exe", path, 3));
}

static void *use_late(void *library)
{
	int *(*counter)(void) = (int *(*)(void))dlsym(library, "late_counter");

	*counter() += 5;
	return (void *)(long)*counter();
}

static int look_at_late(void)
{
	void *library = dlopen("libdynload_late.so", RTLD_NOW), *result;
	int (*chosen)(void), (*bss)(void);
	pthread_t thread;

	if (!library) {
		printf("late: %s\n", dlerror());
		return 1;
	}
	for (int i = 0; i < 3; i++) {
		pthread_create(&thread, NULL, use_late, library);
		pthread_join(thread, &result);
		printf("late thread %d: %ld\n", i, (long)result);
	}
	chosen = (int (*)(void))dlsym(library, "late_chosen");
	bss = (int (*)(void))dlsym(library, "late_bss");
	printf("chosen %d, zeros %d\n", chosen(), bss());
	printf("absent: %s\n", dlsym(library, "nowhere") ? "there" : dlerror() ? "no" : "?");
	dlclose(library);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("library: %s\n", library_name());
	if (argc > 1 && !strcmp(argv[1], "relro"))
		*(void *volatile *)&relocated[0] = NULL;
	look_at_kernel();
	return look_at_late();
}
