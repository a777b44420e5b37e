/* SPDX-License-Identifier: MIT */
/*
 * Tallies: what a labelled program (`lwvmm exec --label`) has used, with its children and with
 * what it became by execve(). They are told after its end to who asks by the label, also when
 * it was killed: nothing depends on the proxy's last words. All in the VMM's main thread.
 *
 * A process that ends still has its index until the LWK has reaped it (state FREE, stored with
 * release after its last thread has left its account there). Its row stays as it was until the
 * next owner of the index is admitted, which is in this thread, behind tally_collect().
 */
#include <string.h>

#include "vmm/server_parts.h"

#define PATIENT_MS 2000 /* how long who asks waits for a program that does not end */

_Static_assert(SERVER_TALLIES > SERVER_MAX_CLIENTS, "there is always one to forget");

static struct tally *tally_find(struct server *s, uint32_t id)
{
	for (unsigned i = 0; id && i < SERVER_TALLIES; i++)
		if (s->tally[i].id == id)
			return &s->tally[i];
	return NULL;
}

/* One of its processes is not reaped yet. */
static bool owed(const struct server *s, uint32_t id)
{
	for (unsigned i = 0; i < ABI_MAX_PROCS; i++)
		if (s->owes_tally[i] == id)
			return true;
	return false;
}

static bool has_process(const struct server *s, uint32_t id)
{
	for_each_client (s, c)
		if (c->state != CLIENT_FREE && c->tally == id)
			return true;
	return owed(s, id);
}

/* A free one, or the oldest for which nobody has asked. */
static struct tally *tally_take(struct server *s)
{
	struct tally *oldest = NULL;

	for (unsigned i = 0; i < SERVER_TALLIES; i++) {
		struct tally *t = &s->tally[i];

		if (!t->id)
			return t;
		if ((!oldest || t->id < oldest->id) && !has_process(s, t->id))
			oldest = t;
	}
	return oldest;
}

static void tally_begin(struct server *s, struct client *c)
{
	struct tally *t = tally_take(s);

	*t = (struct tally){
		.id = ++s->last_tally,
		.pid = c->peer.pid,
		.start_ms = server_now_ms(),
	};
	memcpy(t->label, c->hello.label, sizeof(t->label) - 1);
	c->tally = t->id;
}

void tally_join(struct server *s, struct client *c)
{
	c->tally = 0;
	if (tally_find(s, c->hello.tally))
		c->tally = c->hello.tally;
	else if (c->hello.label[0])
		tally_begin(s, c);
}

void tally_leave(struct server *s, const struct client *c)
{
	struct tally *t = tally_find(s, c->tally);

	if (t && t->pid == c->peer.pid && !t->end_ms)
		t->end_ms = server_now_ms();
}

static void usage_add(struct proto_usage *to, const struct proto_usage *more)
{
	to->cpu_ns += more->cpu_ns;
	to->local += more->local;
	to->forwarded += more->forwarded;
	to->mem += more->mem;
	if (more->mem_peak > to->mem_peak)
		to->mem_peak = more->mem_peak;
}

void tally_collect(struct server *s)
{
	static struct proto_usage usage[ABI_MAX_PROCS];
	bool have = false;

	for (unsigned i = 0; i < ABI_MAX_PROCS; i++) {
		struct tally *t = tally_find(s, s->owes_tally[i]);

		if (!s->owes_tally[i] || __atomic_load_n(&s->vm->share->proc[i].state,
						 __ATOMIC_ACQUIRE) != ABI_PROC_FREE)
			continue;
		if (!have)
			server_usage(s->vm, usage);
		have = true;
		if (t)
			usage_add(&t->used, &usage[i]);
		s->owes_tally[i] = 0;
	}
}

void tally_ask(struct server *s, struct client *c, const struct proto_ask_ended *ask)
{
	memcpy(c->hello.label, ask->label, sizeof(c->hello.label) - 1);
	c->state = CLIENT_ASKING;
	c->since_ms = server_now_ms();
	/* Who asks may know of the end before the kernel has told us. */
	process_look_dead(s);
	tally_answer(s, c);
}

/* Of those with the same label the last. */
static struct tally *tally_labelled(struct server *s, const char *label)
{
	struct tally *found = NULL;

	for (unsigned i = 0; label[0] && i < SERVER_TALLIES; i++) {
		struct tally *t = &s->tally[i];

		if (t->id && !strcmp(t->label, label) && (!found || t->id > found->id))
			found = t;
	}
	return found;
}

/* Those of its processes that live are added as they are now. */
static struct proto_usage usage_now(const struct server *s, const struct tally *t)
{
	static struct proto_usage usage[ABI_MAX_PROCS];
	struct proto_usage sum = t->used;

	server_usage(s->vm, usage);
	for_each_client (s, c)
		if (c->state == CLIENT_PROCESS && c->proc >= 0 && c->tally == t->id)
			usage_add(&sum, &usage[c->proc]);
	for (unsigned i = 0; i < ABI_MAX_PROCS; i++)
		if (s->owes_tally[i] == t->id)
			usage_add(&sum, &usage[i]);
	sum.pid = t->pid;
	sum.cpu_ns = ticks_ns(s->vm, sum.cpu_ns);
	return sum;
}

/* The process that the label was given to has ended, and all that did so is reaped. */
static bool is_over(const struct server *s, const struct tally *t)
{
	for_each_client (s, c)
		if (c->state != CLIENT_FREE && c->tally == t->id && c->peer.pid == t->pid)
			return false;
	return !owed(s, t->id);
}

void tally_answer(struct server *s, struct client *c)
{
	struct proto_tally answer = {.type = PROTO_TALLY, .version = PROTO_VERSION};
	struct tally *t;

	tally_collect(s);
	t = tally_labelled(s, c->hello.label);
	if (t) {
		uint64_t now = server_now_ms();
		bool over = is_over(s, t);

		if (!over && now - c->since_ms < PATIENT_MS)
			return;
		answer.known = 1;
		answer.ended = over;
		answer.up_ms = (t->end_ms ? t->end_ms : now) - t->start_ms;
		answer.used = usage_now(s, t);
		if (over)
			t->label[0] = '\0';
		if (over && !has_process(s, t->id))
			t->id = 0;
	}
	c->state = CLIENT_NEW;
	c->since_ms = server_now_ms();
	if (!client_send(c, &answer, sizeof(answer)))
		client_close(c);
}
