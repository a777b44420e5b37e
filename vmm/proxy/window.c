/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/window.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/proxy/futex.h"
#include "vmm/proxy/thread.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/*
 * In pages that the guest then finds without waiting. That it cannot be done (no memory, no
 * room in the file system, an older kernel) is no error: the pages come when they are touched.
 */
static void fill(const struct window_fill *f)
{
	const uint64_t block = ABI_BLOCK_SIZE;
	uint64_t lo = (f->va + block - 1) & ~(block - 1), hi = (f->va + f->len) & ~(block - 1);

	if (!f->len)
		return;
	if (f->huge && lo < hi)
		(void)madvise((void *)lo, hi - lo, MADV_COLLAPSE);
	(void)madvise(
		(void *)f->va, f->len, f->write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

/* Is the page there, now that the file may have grown? */
static int64_t look_again(uint64_t va)
{
	struct iovec here = {&(char){0}, 1}, there = {(void *)va, 1};

	/* By copying, as this may be a page of anything by now: a system call may fail, we may
	 * not. */
	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == 1 ? 0 : -EFAULT;
}

static int64_t segment_size(int shmid)
{
	struct shmid_ds ds;

	return shmctl(shmid, IPC_STAT, &ds) ? -errno : (int64_t)ds.shm_segsz;
}

static int64_t ask(struct window_port *p, struct abi_mbox *mbox, uint32_t slot)
{
	struct window_fill todo;
	uint32_t turn;
	int64_t ret;

	if (p->sock < 0)
		return -ENODEV;
	pthread_mutex_lock(&p->lock);
	p->mbox = mbox;
	p->slot = slot;
	p->fill = (struct window_fill){0};
	__atomic_store_n(&p->turn, WINDOW_ASKED, __ATOMIC_RELEASE);
	futex_wake(&p->turn, 1);
	while ((turn = __atomic_load_n(&p->turn, __ATOMIC_ACQUIRE)) != WINDOW_ANSWERED)
		futex_wait(&p->turn, turn);
	ret = p->ret;
	todo = p->fill;
	pthread_mutex_unlock(&p->lock);
	fill(&todo);
	return ret;
}

int64_t window_call(struct window_port *p, struct abi_mbox *mbox, uint32_t slot)
{
	switch (mbox->nr) {
	case ABI_CALL_WINDOW_FAULT:
		return look_again(mbox->arg[0]);
	case ABI_CALL_SHMSIZE:
		return segment_size((int)mbox->arg[0]);
	case ABI_CALL_MAP_FILE:
	case ABI_CALL_WINDOW_GROW:
	case ABI_CALL_SHMAT:
		return ask(p, mbox, slot);
	default:
		return -ENOSYS;
	}
}

int window_port_open(
	struct window_port *p, int sock, struct maplog *log, struct problem *problem)
{
	p->sock = sock;
	p->log = log;
	p->self = p->meminfo = -1;
	pthread_mutex_init(&p->lock, NULL);
	return sock < 0 ? 0 : thread_start(window_ask_main, p, problem);
}
