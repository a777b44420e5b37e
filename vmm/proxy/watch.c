/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/watch.h"

#include <unistd.h>

/* In armed[], between the count and the events: it is watched; it cannot be. */
#define ARMED_SHIFT   17
#define WATCH_ARMED   0x08000
#define WATCH_REFUSED 0x10000

void watch_init(struct watch *w, struct abi_watch *share)
{
	w->share = share;
	w->pid = (uint32_t)getpid();
	pthread_mutex_init(&w->lock, NULL);
	watch_news(w);
}

/* Entry of a descriptor whose events, with those found before, are quiet. Returns them all. */
static uint64_t entry_set(struct watch *w, uint64_t gen, uint32_t fd, uint64_t events)
{
	uint64_t *entry = &w->share->entry[fd];
	uint64_t old = __atomic_load_n(entry, __ATOMIC_RELAXED);
	uint64_t bare = gen << ABI_WATCH_SHIFT | ABI_WATCH_VALID;

	if ((old ^ bare) < ABI_WATCH_VALID)
		events |= old & ABI_WATCH_EVENTS;
	__atomic_store_n(entry, bare | events, __ATOMIC_SEQ_CST);
	return events;
}

/* The events that are watched for, as long as the numbers mean what they did. */
static bool armed_holds(uint64_t armed, uint64_t tables, uint64_t mark)
{
	return armed >> ARMED_SHIFT == tables && armed & mark;
}

/*
 * The entry is stored before armed[] is looked at; watch_fired() clears armed[] before the
 * entry. So either we see that the watch is gone, and arm it anew, or the entry that we have
 * stored is the one to be cleared. And armed[] is stored before the watch is armed, so that
 * what fires at once finds it. Only who holds the lock sets either; true if item is to be
 * armed.
 */
static bool item_quiet(struct watch *w, const struct watch_call *call, struct watch_item *item)
{
	uint64_t *armed = &w->armed[item->fd];
	uint64_t events = item->events & ABI_WATCH_EVENTS;
	uint64_t now;

	now = __atomic_load_n(armed, __ATOMIC_SEQ_CST);
	if (armed_holds(now, call->tables, WATCH_REFUSED))
		return false;
	events = entry_set(w, call->gen, (uint32_t)item->fd, events);
	now = __atomic_load_n(armed, __ATOMIC_SEQ_CST);
	if (armed_holds(now, call->tables, WATCH_ARMED)) {
		if (!(events & ~now))
			return false;
		events |= now & ABI_WATCH_EVENTS;
	}
	item->events = (uint16_t)events;
	__atomic_store_n(
		armed, call->tables << ARMED_SHIFT | WATCH_ARMED | events, __ATOMIC_SEQ_CST);
	return true;
}

/* Regular files, and what is closed already. */
static void refused(struct watch *w, const struct watch_call *call, uint32_t fd)
{
	__atomic_store_n(
		&w->armed[fd], call->tables << ARMED_SHIFT | WATCH_REFUSED, __ATOMIC_SEQ_CST);
	__atomic_store_n(&w->share->entry[fd], 0, __ATOMIC_SEQ_CST);
}

void watch_quiet(
	struct watch *w, const struct watch_call *call, struct watch_item *item, unsigned count)
{
	unsigned n = 0;

	pthread_mutex_lock(&w->lock);
	if (w->state == WATCHER_OFF)
		count = 0;
	for (unsigned i = 0; i < count; i++)
		if (item_quiet(w, call, &item[i]))
			item[n++] = item[i];
	if (n)
		watcher_arm(w, item, n);
	for (unsigned i = 0; i < n; i++)
		if (!item[i].armed)
			refused(w, call, (uint32_t)item[i].fd);
	pthread_mutex_unlock(&w->lock);
}

void watch_fired(struct watch *w, uint32_t fd)
{
	__atomic_store_n(&w->armed[fd], 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&w->share->entry[fd], 0, __ATOMIC_SEQ_CST);
}
