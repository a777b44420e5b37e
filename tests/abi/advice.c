/* SPDX-License-Identifier: MIT */
/* Memory: the break, advice, what is resident or locked, keys. */
#include "abi.h"

#include <sys/mman.h>
#include <sys/uio.h>

#define PAGE 4096ul

static char *map(size_t len, int prot)
{
	char *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(p == MAP_FAILED ? -1 : 0);
	return p;
}

#define RW (PROT_READ | PROT_WRITE)

CASE(madvise_dontneed, madvise)
{
	char *p = map(4 * PAGE, RW);

	memset(p, 5, 4 * PAGE);
	SHOW(madvise(p + PAGE, PAGE, MADV_DONTNEED));
	TELL("%d %d %d\n", p[0], p[PAGE], p[2 * PAGE]);
	SHOW(madvise(p, 4 * PAGE, MADV_FREE));
	SHOW(madvise(p + 1, PAGE, MADV_DONTNEED));
	SHOW(madvise(p, 0, MADV_DONTNEED));
	SHOW(madvise(p, PAGE, 9999));
	MUST(munmap(p + PAGE, PAGE));
	SHOW(madvise(p, 4 * PAGE, MADV_DONTNEED));
	TELL("%d\n", p[3 * PAGE]);
}

CASE(madvise_hints, madvise)
{
	char *p = map(4 * PAGE, RW);

	SHOW(madvise(p, PAGE, MADV_NORMAL));
	SHOW(madvise(p, PAGE, MADV_RANDOM));
	SHOW(madvise(p, PAGE, MADV_SEQUENTIAL));
	SHOW(madvise(p, PAGE, MADV_WILLNEED));
	SHOW(madvise(p, PAGE, MADV_DONTFORK));
	SHOW(madvise(p, PAGE, MADV_DOFORK));
	SHOW(madvise(p, PAGE, MADV_DONTDUMP));
	SHOW(madvise(p, PAGE, MADV_DODUMP));
	SHOW(madvise(p, PAGE, MADV_WIPEONFORK));
	SHOW(madvise(p, PAGE, MADV_KEEPONFORK));
	SHOW(madvise(p, PAGE, MADV_HUGEPAGE));
	SHOW(madvise(p, PAGE, MADV_NOHUGEPAGE));
	SHOW(madvise(p, PAGE, MADV_COLD));
	SHOW(madvise(p, PAGE, MADV_PAGEOUT));
	SHOW(madvise(p, PAGE, MADV_POPULATE_READ));
	SHOW(madvise(p, PAGE, MADV_POPULATE_WRITE));
	SHOW(madvise(p, PAGE, MADV_MERGEABLE));
	SHOW(madvise(p, PAGE, MADV_UNMERGEABLE));
}

CASE(madvise_remove, madvise)
{
	char *p = map(PAGE, RW);
	char *q = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	q[0] = 3;
	SHOW(madvise(p, PAGE, MADV_REMOVE));
	SHOW(madvise(q, PAGE, MADV_REMOVE));
	TELL("%d\n", q[0]);
}

CASE(mincore, mincore)
{
	unsigned char vec[4] = {0};
	char *p = map(4 * PAGE, RW);

	p[0] = 1;
	SHOW(mincore(p, PAGE, vec));
	TELL("%d\n", vec[0] & 1);
	SHOW(mincore(p + 1, PAGE, vec));
	SHOW(SYS(mincore, p, PAGE, BAD));
	MUST(munmap(p + PAGE, PAGE));
	SHOW(mincore(p, 4 * PAGE, vec));
	SHOW(mincore(p, 0, vec));
	SHOW(mincore(p, 1ul << 60, vec));
}

CASE(brk, brk)
{
	char *begin = sbrk(0), *end;

	TRUE(sbrk(10000) == begin);
	end = sbrk(0);
	TELL("%ld\n", (long)(end - begin));
	memset(begin, 1, 10000);
	TRUE(SYS(brk, begin) == (long)begin);
	TRUE(SYS(brk, 0) == (long)begin);
	TRUE(SYS(brk, 1ul << 60) == (long)begin);
	TRUE(sbrk(10000) == begin);
	TELL("%d %d\n", begin[5000], begin[9999]);
}

CASE(msync, msync)
{
	char *p = map(4 * PAGE, RW);

	SHOW(msync(p, PAGE, MS_SYNC));
	SHOW(msync(p, PAGE, MS_ASYNC | MS_INVALIDATE));
	SHOW(msync(p, PAGE, MS_SYNC | MS_ASYNC));
	SHOW(msync(p, PAGE, 0x100));
	SHOW(msync(p + 1, PAGE, MS_SYNC));
	MUST(munmap(p + PAGE, PAGE));
	SHOW(msync(p, 2 * PAGE, MS_SYNC));
	SHOW(msync(p, 0, MS_SYNC));
}

CASE(mlock, mlock, munlock, mlockall, munlockall, mlock2)
{
	char *p = map(4 * PAGE, RW);

	SHOW(mlock(p, PAGE));
	SHOW(munlock(p, PAGE));
	SHOW(mlock2(p, PAGE, MLOCK_ONFAULT));
	SHOW(mlock2(p, PAGE, 0x10));
	SHOW(mlockall(MCL_CURRENT));
	SHOW(mlockall(MCL_CURRENT | MCL_FUTURE));
	SHOW(mlockall(0));
	SHOW(mlockall(0x100));
	SHOW(munlockall());
	MUST(munmap(p + PAGE, PAGE));
	SHOW(mlock(p, 2 * PAGE));
	SHOW(munlock(p + PAGE, PAGE));
}

CASE(pkeys, pkey_free, pkey_mprotect)
{
	char *p = map(PAGE, RW);

	SHOW(SYS(pkey_mprotect, p, PAGE, PROT_READ, -1));
	SHOW(SYS(pkey_free, 15));
}

CASE(mseal, mseal)
{
	char *p = map(2 * PAGE, RW);

	SHOW(SYS(mseal, p, PAGE, 1));
	if (SHOW(SYS(mseal, p, PAGE, 0)) != 0)
		return;
	SHOW(munmap(p, PAGE));
	SHOW(mprotect(p, PAGE, PROT_READ));
	SHOW(mprotect(p + PAGE, PAGE, PROT_READ));
}

CASE(memfd_secret, memfd_secret)
{
	GOOD(SYS(memfd_secret, 0));
}

CASE(process_madvise, process_madvise)
{
	SHOW(SYS(process_madvise, 99, NULL, 0, MADV_COLD, 0));
}

CASE(process_vm, process_vm_readv, process_vm_writev)
{
	char from[8] = "content", to[8] = "";
	struct iovec local = {to, 7}, remote = {from, 7};

	SHOW(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
	abi_bytes("read", to, 7);
	local.iov_base = "changed";
	SHOW(process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	abi_bytes("written", from, 7);
	SHOW(process_vm_readv(getpid(), &local, 1, &remote, 1, 1));
}
