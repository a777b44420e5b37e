/* SPDX-License-Identifier: MIT */
/*
 * Futexes. The key of a word is its guest-physical address, so PRIVATE and shared ones are the
 * same.
 *
 * No lost wake-up. A waiter reads the word and joins the bucket under the bucket's lock; a
 * waker changes the word first and then takes the lock. Whoever has the lock first, the other
 * sees what it did: the waiter the new value, or the waker the waiter. What happens between
 * joining and leaving the core is the scheduler's business (sched_prepare): the waker takes the
 * waiter off the bucket before it wakes it, the waiter declares itself blocked before it looks
 * whether it is still on.
 *
 * No lock when nobody waits. futex_waiters[] counts the waiters by their word's offset in its
 * page, which is the same in a program's address and in the key: the waker needs not even walk
 * the page tables. The waiter counts itself (locked increment, full fence) and then reads the
 * word; the waker has changed the word, full fence, and then reads the count. If it reads none,
 * the waiter's increment came later, so the waiter reads the new value and does not wait. (A
 * waker that finds a count that is not its word's only looks in vain.)
 *
 * Words of the window, which host processes may share, are the host's: futex_host.c.
 */
#include "guest-lwk/futex.h"
#include "guest-lwk/futex_host.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sched.h"

#define BUCKET_BITS 8
struct futex_bucket {
	struct spinlock lock;
	struct thread *head, *tail;
} __attribute__((aligned(64)));

static struct futex_bucket buckets[1 << BUCKET_BITS];
u32 futex_waiters[PAGE_SIZE / sizeof(u32)] __attribute__((aligned(PAGE_SIZE)));

u32 *futex_filter(u64 addr_or_key)
{
	return &futex_waiters[(addr_or_key & (PAGE_SIZE - 1)) / sizeof(u32)];
}

static struct futex_bucket *bucket_of(u64 key)
{
	return &buckets[(key >> 2) * 0x9e3779b97f4a7c15ULL >> (64 - BUCKET_BITS)];
}

/*
 * 0 and the key, -EINVAL (not aligned), -EFAULT, or FUTEX_ON_HOST: what the page tables say,
 * not what they said at an earlier look, as the direct map has no window. Linux wants a word
 * that is not PRIVATE writable: one that nobody can change is no futex.
 */
static s64 futex_key(u64 addr, bool writable, u64 *key)
{
	struct process *proc = current_thread()->proc;

	*key = 0;
	if (addr & 3)
		return -EINVAL;
	if (addr >= ABI_USER_END)
		return -EFAULT;
	u64 gpa = mm_gpa(proc, addr, writable);

	if (gpa ? window_has(gpa) : mm_in_window(proc, addr))
		return FUTEX_ON_HOST;
	*key = gpa;
	return gpa ? 0 : -EFAULT;
}

/* By the direct map: it cannot fault, so it may be read under the lock. */
static u32 word_of(u64 key)
{
	return READ_ONCE(*(u32 *)gpa_to_ptr(key));
}

/* ---- a bucket's list; caller holds its lock ---- */

static void bucket_add(struct futex_bucket *b, struct thread *t)
{
	t->futex.next = NULL;
	if (b->head)
		b->tail->futex.next = t;
	else
		b->head = t;
	b->tail = t;
	t->futex.bucket = b;
}

/* Takes out t, which follows prev (NULL: is the first). */
static void bucket_remove(struct futex_bucket *b, struct thread *prev, struct thread *t)
{
	if (prev)
		prev->futex.next = t->futex.next;
	else
		b->head = t->futex.next;
	if (b->tail == t)
		b->tail = prev;
}

/*
 * As soon as the waiter sees NULL it may go on, and even end: then the wake-up meets a slot
 * where nobody waits, or one whose new thread looks at its own condition once for nothing.
 */
static void wake_one(struct thread *t)
{
	store_release(&t->futex.bucket, NULL);
	sched_wake(t);
}

/*
 * No word is shared by two processes. A waiter whose word was unmapped under it stays, and its
 * key may be another process's by now: that one's wake-ups are not for it.
 */
static bool waits_for(const struct thread *t, u64 key)
{
	return t->futex.key == key && t->proc == current_thread()->proc;
}

static u32 bucket_wake(struct futex_bucket *b, u64 key, u32 count, u32 bitset)
{
	struct thread *prev = NULL, *t = b->head;
	u32 woken = 0;

	while (t && woken < count) {
		struct thread *next = t->futex.next;

		if (waits_for(t, key) && (t->futex.bitset & bitset)) {
			bucket_remove(b, prev, t);
			wake_one(t);
			woken++;
		} else {
			prev = t;
		}
		t = next;
	}
	return woken;
}

/*
 * Moves waiters of `from` to the key `to`. They are counted there before they can be looked for
 * there: both buckets are locked.
 */
static u32 bucket_requeue(
	struct futex_bucket *b, u64 from, struct futex_bucket *b2, u64 to, u32 count)
{
	struct thread *prev = NULL, *t = b->head, *last = b->tail;
	u32 moved = 0;

	while (t && moved < count) {
		struct thread *next = t == last ? NULL : t->futex.next;

		if (waits_for(t, from)) {
			__atomic_add_fetch(futex_filter(to), 1, __ATOMIC_SEQ_CST);
			__atomic_sub_fetch(futex_filter(from), 1, __ATOMIC_SEQ_CST);
			bucket_remove(b, prev, t);
			t->futex.key = to;
			bucket_add(b2, t);
			moved++;
		} else {
			prev = t;
		}
		t = next;
	}
	return moved;
}

/* Two buckets, lower address first. */
static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	spin_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		spin_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* ---- waiting ---- */

/* -EAGAIN: the word has another value. Counted in the filter already. */
static s64 join(struct thread *t, u64 key, u32 value, u32 bitset)
{
	struct futex_bucket *b = bucket_of(key);

	spin_lock(&b->lock);
	if (word_of(key) != value) {
		spin_unlock(&b->lock);
		return -EAGAIN;
	}
	t->futex.key = key;
	t->futex.bitset = bitset;
	bucket_add(b, t);
	spin_unlock(&b->lock);
	return 0;
}

/*
 * True if it was still waiting; false: a waker had it. A requeue may change the bucket under
 * our feet.
 */
static bool withdraw(struct thread *t)
{
	struct futex_bucket *b;

	while ((b = load_acquire(&t->futex.bucket))) {
		spin_lock(&b->lock);
		if (t->futex.bucket == b) {
			struct thread *prev = NULL, *at = b->head;

			for (; at != t; at = at->futex.next)
				prev = at;
			bucket_remove(b, prev, t);
			t->futex.bucket = NULL;
			spin_unlock(&b->lock);
			return true;
		}
		spin_unlock(&b->lock);
	}
	return false;
}

/* Blocks until woken (0), too late (-ETIMEDOUT), or interrupted (a restart code). */
static s64 wait_joined(struct thread *t, const struct futex_deadline *end)
{
	s64 why = 0;

	if (end->set)
		alarm_set(end->clock, end->ns);
	t->wait = WAIT_FUTEX;
	for (;;) {
		sched_prepare();
		if (!load_acquire(&t->futex.bucket))
			break;
		if (end->set && alarm_rang(end->clock, end->ns)) {
			why = -ETIMEDOUT;
			break;
		}
		if (sched_interrupted()) {
			why = end->set ? -ERESTARTNOHAND : -ERESTART;
			break;
		}
		schedule();
	}
	sched_cancel();
	t->wait = WAIT_NONE;
	if (end->set)
		alarm_clear();
	return withdraw(t) ? why : 0; /* a wake-up that came in time counts */
}

s64 futex_wait(u64 addr, u32 value, u32 bitset, const struct futex_deadline *end)
{
	struct thread *t = current_thread();
	u64 key;
	s64 ret = bitset ? futex_key(addr, false, &key) : -EINVAL;

	if (ret)
		return ret;
	__atomic_add_fetch(futex_filter(key), 1,
		__ATOMIC_SEQ_CST); /* before the word is read: see the top */
	t->futex.key = key;
	ret = join(t, key, value, bitset);
	if (!ret)
		ret = wait_joined(t, end);
	__atomic_sub_fetch(futex_filter(t->futex.key), 1,
		__ATOMIC_SEQ_CST); /* its last key, if requeued */
	return ret;
}

/* ---- waking ---- */

/* Apart, so that the short way below saves no registers for it. */
static __attribute__((noinline)) s64 wake_waiters(u64 addr, u32 count, u32 bitset, bool private)
{
	struct futex_bucket *b;
	u64 key;
	s64 ret = futex_key(addr, !private, &key);

	if (ret == FUTEX_ON_HOST)
		return futex_host_wake(addr, count, bitset);
	if (ret)
		return private ? 0 : ret;
	b = bucket_of(key);
	spin_lock(&b->lock);
	ret = bucket_wake(b, key, count, bitset);
	spin_unlock(&b->lock);
	return ret;
}

/* Short when nobody waits: programs wake far more often than anybody waits. */
s64 futex_wake(u64 addr, u32 count, u32 bitset, bool private)
{
	if (unlikely(addr & 3 || !bitset))
		return -EINVAL;
	if (unlikely(addr >= ABI_USER_END))
		return -EFAULT;
	fence_full(); /* the program's store before our load of the count: see the top */
	/*
	 * Linux looks whether a PRIVATE word is mapped only when somebody waits; a shared one
	 * it always does.
	 */
	if (private && likely(!READ_ONCE(*futex_filter(addr))))
		return 0;
	return wake_waiters(addr, count, bitset, private);
}

s64 futex_wake_addr(u64 addr, u32 count)
{
	if (!(addr & 3) && mm_in_window(current_thread()->proc, addr))
		return futex_host_wake(addr, count, FUTEX_ANY);
	return futex_wake(addr, count, FUTEX_ANY, true);
}

static bool bucket_has(const struct futex_bucket *b, u64 key)
{
	const struct thread *t = b->head;

	while (t && !waits_for(t, key))
		t = t->futex.next;
	return t;
}

/*
 * Linux does not look whether a PRIVATE word is mapped, but by reading it. We know words by
 * their place: a word without memory has no key (*key is 0), and so nobody waits for it.
 */
static s64 key_or_none(u64 addr, bool private, u64 *key)
{
	s64 ret = futex_key(addr, !private, key);

	return ret == -EFAULT && private && addr < ABI_USER_END ? 0 : ret;
}

s64 futex_requeue(u64 addr, u32 wake, u32 move, u64 addr2, const u32 *expected, bool private)
{
	u64 key, key2;
	s64 ret;

	if ((s32)wake < 0 || (s32)move < 0)
		return -EINVAL;
	ret = key_or_none(addr, private, &key);
	if (ret || (ret = key_or_none(addr2, private, &key2)))
		return ret;
	if (!key)
		return expected ? -EFAULT : 0;
	struct futex_bucket *b = bucket_of(key), *b2 = bucket_of(key2);

	lock_two(b, b2);
	if (expected && word_of(key) != *expected) {
		ret = -EAGAIN;
	} else {
		ret = bucket_wake(b, key, wake, FUTEX_ANY);
		if (key2 && key != key2)
			ret += bucket_requeue(b, key, b2, key2, move);
		else if (!key2 && move && !ret && bucket_has(b, key))
			ret = -EFAULT; /* to where they could not be found */
	}
	unlock_two(b, b2);
	return ret;
}
