/* SPDX-License-Identifier: MIT */
#include "guest-lwk/signal_queue.h"

#include "guest-lwk/bequest.h"
#include "guest-lwk/pmem.h"

#define ENTRIES_MAX 4096 /* RLIMIT_SIGPENDING: no program uses up the kernel's memory */

/* Entries stay with the process: a signal costs no allocation but the first times. */
static struct sigqueue *entry_new(struct process *proc)
{
	struct sighand *sighand = &proc->sighand;
	struct sigqueue *entry = sighand->spare;

	if (entry) {
		sighand->spare = entry->next;
		return entry;
	}
	if (sighand->entries == ENTRIES_MAX)
		return NULL;
	entry = kmem_alloc(sizeof(*entry));
	if (entry)
		sighand->entries++;
	return entry;
}

static void entry_free(struct process *proc, struct sigqueue *entry)
{
	entry->next = proc->sighand.spare;
	proc->sighand.spare = entry;
}

s64 sigqueue_put(struct process *proc, struct sigpending *p, const struct ksiginfo *info)
{
	struct sigqueue *entry;

	if (info->signo < SIGRT_FIRST && p->set & SIGMASK(info->signo))
		return 0;
	entry = entry_new(proc);
	if (!entry && info->signo >= SIGRT_FIRST && info->code != SI_USER)
		return -EAGAIN;
	WRITE_ONCE(p->set, p->set | SIGMASK(info->signo));
	bequest_pending(proc);
	if (!entry)
		return 0;
	entry->info = *info;
	entry->next = NULL;
	if (p->head)
		p->tail->next = entry;
	else
		p->head = entry;
	p->tail = entry;
	return 0;
}

/* Takes the entry out whose pointer is at *at; prev is the one before, NULL: none. */
static struct sigqueue *unlink(
	struct sigpending *p, struct sigqueue **at, struct sigqueue *prev)
{
	struct sigqueue *entry = *at;

	*at = entry->next;
	if (p->tail == entry)
		p->tail = prev;
	return entry;
}

void sigqueue_take(struct process *proc, struct sigpending *p, s32 signo, struct ksiginfo *info)
{
	struct sigqueue *found = NULL, *prev = NULL;
	bool more = false;

	*info = (struct ksiginfo){.signo = signo};
	for (struct sigqueue **at = &p->head; *at && !more;) {
		if ((*at)->info.signo == signo && found) {
			more = true;
		} else if ((*at)->info.signo == signo) {
			found = unlink(p, at, prev);
		} else {
			prev = *at;
			at = &prev->next;
		}
	}
	if (!more)
		WRITE_ONCE(p->set, p->set & ~SIGMASK(signo));
	bequest_pending(proc);
	if (found) {
		*info = found->info;
		entry_free(proc, found);
	}
}

void sigqueue_drop(struct process *proc, struct sigpending *p, u64 set)
{
	struct sigqueue *prev = NULL;

	if (!(p->set & set))
		return;
	WRITE_ONCE(p->set, p->set & ~set);
	bequest_pending(proc);
	for (struct sigqueue **at = &p->head; *at;) {
		if (SIGMASK((*at)->info.signo) & set) {
			entry_free(proc, unlink(p, at, prev));
		} else {
			prev = *at;
			at = &prev->next;
		}
	}
}

s32 sigqueue_first(u64 set)
{
	if (set & SIGS_SYNCHRONOUS)
		set &= SIGS_SYNCHRONOUS;
	return (s32)__builtin_ctzll(set) + 1;
}
