/* SPDX-License-Identifier: MIT */
/*
 * A VMM and an LWK for the proxy's tests: the test process plays both, by the rules of
 * abi/share.h and vmm/proto.h, against a whole proxy in a child process.
 */
#ifndef TESTS_UNIT_PROXY_FAKE_H
#define TESTS_UNIT_PROXY_FAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/proto.h"
#include "vmm/proxy/proxy.h"

#define FAKE_CORES 4
#define FAKE_RAM   (64ULL << 20) /* two extents of half of it */
#define FAKE_VA    ABI_PIE_BASE  /* program and buffers: mapped from the start, one block */

struct fake {
	struct abi_share *share;
	struct abi_proc *proc;
	char *ram; /* guest memory, by gpa */
	uint64_t next_gpa;
	int share_fd, bell_fd, irq_fd[FAKE_CORES], ram_fd[2];
	int sock;
	pid_t pid;  /* the proxy */
	int err_fd; /* what it says on standard error */
	struct options opt;
	struct elf_program elf;
	uint32_t poll_us;
	int window_fd; /* to a window's thread; -1: there is none */
	int read_fd;   /* a pipe that the program inherits: -1 or its number in the proxy */
	void (*before)(void); /* in the proxy, before it becomes one */
};

/* Fills in defaults; the test may change opt, poll_us and the like, then fake_start(). */
void fake_init(struct fake *f);

/* Starts the proxy and brings it up to EXEC, or (fake_run) until its program runs. */
void fake_start(struct fake *f);
void fake_run(struct fake *f);

/* LWK: event of this process came and is taken. Waits; fails after some seconds. */
void fake_event(struct fake *f);
void fake_ring(struct fake *f);
void fake_state(struct fake *f, uint32_t state);

/* Appends to the mapping log; returns the position after it. */
uint64_t fake_log(struct fake *f, uint32_t op, uint64_t va, uint64_t len, uint64_t gpa);

/* Forwarded calls. The mailbox of `slot`; tid is the pid for slot 0. */
void fake_request(struct fake *f, uint32_t slot, long nr, const uint64_t arg[6]);
bool fake_take(struct fake *f, uint32_t slot, int64_t *ret); /* is the answer there? takes it */
int64_t fake_answer(struct fake *f, uint32_t slot);          /* waits for it */
int64_t fake_call(
	struct fake *f, uint32_t slot, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
void fake_cancel(struct fake *f, uint32_t slot);

/* Program memory at va (in the first block), as the test sees it. */
void *fake_memory(struct fake *f, uint64_t va);

/* The program ends; checks END. Then the proxy's wait status. */
void fake_exit(struct fake *f, uint32_t wait_status);
void fake_bye(struct fake *f);
int fake_wait(struct fake *f);

/* All that the proxy has said on standard error; it has ended. */
const char *fake_said(struct fake *f);

#endif
