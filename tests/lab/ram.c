/* SPDX-License-Identifier: MIT */
/*
 * ram SIZE [SECONDS]: takes all the memory that the guest has (SIZE as given to --mem), writes
 * a word that tells its own address to every 2 MiB block and reads them all back: memory that
 * is mapped twice, or not, does not pass. At least SIZE less what the LWK keeps must be had.
 * The nested page table has a leaf for every page of the guest's memory then: accounts.py
 * counts them. Stays for SECONDS, to be looked at.
 */
#include <sys/mman.h>
#include <sys/prctl.h>

#include "../programs/check.h"

#define MARK   0x4c57564d /* what lwvmm notes: the first touch is between two of them */
#define BLOCK  (2ul << 20)
#define PIECES 4096
#define KEPT   (24ul << 20) /* for the LWK, the program's own image and its stack */

static struct {
	uint64_t *at;
	size_t size;
} piece[PIECES];

static unsigned pieces;

static size_t take_all(void)
{
	size_t total = 0;

	for (size_t size = 1ul << 30; size >= BLOCK; size /= 8) {
		while (pieces < PIECES) {
			void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (at == MAP_FAILED)
				break;
			piece[pieces].at = at;
			piece[pieces++].size = size;
			total += size;
		}
	}
	return total;
}

static uint64_t *word(unsigned i, size_t offset)
{
	return piece[i].at + offset / sizeof(uint64_t);
}

static size_t wanted(const char *text)
{
	char *unit;
	double size = strtod(text, &unit);

	CHECK(*unit == 'M' || *unit == 'G');
	return (size_t)(size * (*unit == 'G' ? 1024 : 1)) << 20;
}

int main(int argc, char **argv)
{
	size_t total = take_all(), least = wanted(argc > 1 ? argv[1] : "");

	prctl(MARK, 1);
	for (unsigned i = 0; i < pieces; i++)
		for (size_t at = 0; at < piece[i].size; at += BLOCK)
			*word(i, at) = (uintptr_t)word(i, at);
	prctl(MARK, 2);
	for (unsigned i = 0; i < pieces; i++)
		for (size_t at = 0; at < piece[i].size; at += BLOCK)
			CHECK(*word(i, at) == (uintptr_t)word(i, at));
	printf("%zu MiB of %zu in %u pieces\n", total >> 20, least >> 20, pieces);
	fflush(stdout);
	CHECK(total + KEPT >= least);
	if (argc > 2)
		sleep((unsigned)atoi(argv[2]));
	return 0;
}
