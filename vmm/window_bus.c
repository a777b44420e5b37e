/* SPDX-License-Identifier: MIT */
/*
 * A file in the window was cut short, or its pages cannot be had, and the guest touches one:
 * KVM_RUN fails with EFAULT and does not say where. So we look: first for files that have
 * become shorter than what is held of them, which costs a system call each, then by bringing in
 * every page that is held. One finding at a time goes to the LWK with ABI_VEC_BAD. If it was
 * not the one, or the file is whole again by now, the instruction fails once more with the same
 * registers, and the search goes on behind the last finding. When nothing is found for long,
 * the guest is told just that: it ends the program, or its kernel's copy from or to it. But if
 * the guest's kernel then still is at the same instruction, that was no such copy, and memory
 * of its own is bad: the guest fails.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "vmm/exits.h"
#include "vmm/kvm.h"
#include "vmm/vm.h"
#include "vmm/window_parts.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define ROUNDS_MAX  16 /* searches without an end, for one instruction */
#define KERNEL_HALF (1ULL << 63)

_Static_assert(sizeof(struct kvm_regs) == sizeof(((struct vcpu *)0)->bus.regs), "kvm_regs");

/* Where the file ends now, in bytes from the chunk's beginning; a segment's end never moves. */
static uint64_t chunk_end(const struct window *w, uint32_t chunk)
{
	const struct window_chunk *c = &w->chunk[chunk];
	const struct window_object *o = &w->object[c->object];
	uint64_t at = c->index * WINDOW_CHUNK, end;
	struct stat st;

	if (o->kind != WINDOW_FILE || fstat(o->fd, &st))
		return WINDOW_CHUNK;
	end = window_round_up((uint64_t)st.st_size, o->page);
	if (end <= at)
		return 0;
	return end - at < WINDOW_CHUNK ? end - at : WINDOW_CHUNK;
}

static bool is_held(const struct window *w, uint32_t chunk)
{
	return w->chunk[chunk].object != WINDOW_NONE && w->chunk[chunk].pages;
}

/* The first page of the chunk at or behind `page` that is held; WINDOW_CHUNK_PAGES: none. */
static uint64_t held_from(const struct window *w, uint32_t chunk, uint64_t page)
{
	const uint32_t *count = &w->count[chunk * WINDOW_CHUNK_PAGES];

	while (page < WINDOW_CHUNK_PAGES && !count[page])
		page++;
	return page;
}

/* Held pages behind the end of a file, from `*chunk` on; where it was found, and its bytes. */
static bool find_short(const struct window *w, uint32_t *chunk, uint64_t *gpa, uint64_t *len)
{
	uint32_t i = *chunk, n = 0;
	uint64_t page = WINDOW_CHUNK_PAGES;

	for (; i < w->nchunks && page == WINDOW_CHUNK_PAGES; i++)
		if (is_held(w, i))
			page = held_from(w, i, chunk_end(w, i) / ABI_PAGE);
	if (page == WINDOW_CHUNK_PAGES)
		return false;
	i--;
	*gpa = w->gpa + i * WINDOW_CHUNK + page * ABI_PAGE;
	/* The file's next chunks are behind its end just as well. */
	for (n = 1; i + n < w->nchunks && is_held(w, i + n) &&
		    w->chunk[i + n].object == w->chunk[i].object &&
		    w->chunk[i + n].index == w->chunk[i].index + n;
		n++)
		;
	*len = n * WINDOW_CHUNK - page * ABI_PAGE;
	*chunk = i + n;
	return true;
}

static bool page_bad(const struct window *w, uint32_t chunk, uint64_t page)
{
	void *at = window_host(w, chunk) + page * ABI_PAGE;

	return madvise(at, ABI_PAGE, MADV_POPULATE_READ) &&
	       (errno == EFAULT || errno == EHWPOISON || errno == EIO);
}

/* The same for pages inside their file that cannot be had. */
static bool find_lost(const struct window *w, uint32_t *chunk, uint64_t *gpa, uint64_t *len)
{
	for (uint32_t i = *chunk; i < w->nchunks; i++) {
		uint64_t end = is_held(w, i) ? chunk_end(w, i) / ABI_PAGE : 0, page = 0;

		/* At once, if all is well. */
		if (!end || !madvise(window_host(w, i), end * ABI_PAGE, MADV_POPULATE_READ))
			continue;
		while ((page = held_from(w, i, page)) < end && !page_bad(w, i, page))
			page++;
		if (page >= end)
			continue;
		*gpa = w->gpa + i * WINDOW_CHUNK + page * ABI_PAGE;
		*len = ABI_PAGE;
		*chunk = i + 1;
		return true;
	}
	return false;
}

/* False: a round is over, and nothing (more) was found. */
static bool search(struct vcpu *vcpu, uint64_t *gpa, uint64_t *len)
{
	struct window *w = &vcpu->vm->window;
	bool found;

	pthread_mutex_lock(&w->lock);
	found = !vcpu->bus.lost && find_short(w, &vcpu->bus.chunk, gpa, len);
	if (!found) {
		if (!vcpu->bus.lost)
			vcpu->bus.chunk = 0;
		vcpu->bus.lost = true;
		found = find_lost(w, &vcpu->bus.chunk, gpa, len);
	}
	pthread_mutex_unlock(&w->lock);
	if (!found) {
		vcpu->bus.chunk = 0;
		vcpu->bus.lost = false;
		vcpu->bus.rounds++;
	}
	return found;
}

static enum exit_verdict fail(struct vcpu *vcpu, int err)
{
	vcpu->failure = VCPU_RUN;
	vcpu->error = err;
	return EXIT_FAIL;
}

static enum exit_verdict inject(struct vcpu *vcpu, uint64_t gpa, uint64_t len)
{
	struct abi_core *core = &vcpu->vm->share->core[vcpu->index];
	struct kvm_vcpu_events events;
	int err = kvm_events_get(vcpu->fd, &events);

	/* An exception that is just being delivered goes first; then we are here again. */
	if (!err && !events.exception.injected) {
		core->bad_gpa = gpa;
		core->bad_len = len;
		events.exception.injected = 1;
		events.exception.nr = ABI_VEC_BAD;
		events.exception.has_error_code = 0;
		events.exception.error_code = 0;
		err = kvm_events_set(vcpu->fd, &events);
	}
	return err ? fail(vcpu, err) : EXIT_CONTINUE;
}

enum exit_verdict window_bus(struct vcpu *vcpu)
{
	uint64_t gpa = 0, len = 0;
	struct kvm_regs regs;
	int err = kvm_regs_get(vcpu->fd, &regs);

	if (err)
		return fail(vcpu, err);
	vcpu->bus.count++;
	if (memcmp(&regs, vcpu->bus.regs, sizeof(regs)) != 0) {
		memcpy(vcpu->bus.regs, &regs, sizeof(regs));
		vcpu->bus.chunk = vcpu->bus.rounds = 0;
		vcpu->bus.lost = false;
	}
	if (!search(vcpu, &gpa, &len)) {
		if (vcpu->bus.rounds < ROUNDS_MAX)
			return EXIT_CONTINUE;
		if (regs.rip < KERNEL_HALF)
			vcpu->bus.rounds = 0;
		else if (vcpu->bus.rounds >= 2 * ROUNDS_MAX)
			return fail(vcpu, -EFAULT);
	}
	return inject(vcpu, gpa, len);
}

/*
 * Software KVM emulates the guest kernel's own accesses, and takes those without memory for a
 * device's. The instruction ends first, having read zeros; then the exception comes.
 */
enum exit_verdict window_bus_access(struct vcpu *vcpu, uint64_t gpa)
{
	memset(vcpu->run->mmio.data, 0, sizeof(vcpu->run->mmio.data));
	vcpu->bus.count++;
	return inject(vcpu, gpa & ~(uint64_t)(ABI_PAGE - 1), ABI_PAGE);
}
