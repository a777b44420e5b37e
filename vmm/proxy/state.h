/* SPDX-License-Identifier: MIT */
/* All of a proxy: one a process, made by proxy_main(), never freed. Not for other folders. */
#ifndef VMM_PROXY_STATE_H
#define VMM_PROXY_STATE_H

#include "vmm/proto.h"
#include "vmm/proxy/creds.h"
#include "vmm/proxy/crew.h"
#include "vmm/proxy/load.h"
#include "vmm/proxy/maplog.h"
#include "vmm/proxy/porter.h"
#include "vmm/proxy/proxy.h"
#include "vmm/proxy/relay.h"
#include "vmm/proxy/trace.h"
#include "vmm/proxy/viewer.h"
#include "vmm/proxy/window.h"
#include "vmm/proxy/watch.h"

enum proxy_phase {
	PHASE_HELLO, /* waits for WELCOME */
	PHASE_EXEC,  /* waits for the LWK to map the program */
	PHASE_RUN,
	PHASE_PART, /* END is sent: waits for BYE; outcome is known */
};

struct proxy {
	struct crew crew;
	const struct proxy_job *job;
	char name[64];                     /* of the guest, for messages */
	uint64_t sig_blocked, sig_ignored; /* inherited */
	sigset_t inherited;
	struct trace trace;
	uint32_t apart; /* futex: 1 once the helper has its own descriptor table */
	uint32_t heap;  /* heap.h */
	uint32_t pid;   /* and its helper's thread id, set with apart */
	int32_t helper_tid;
	uint64_t end_ms; /* of --timeout, on helper_now_ms()'s clock; 0: none */

	/* The helper's own from here on (porter and log: see their headers). */
	enum proxy_phase phase;
	int epoll, bell, timer;
	struct abi_share *share;
	struct abi_proc *proc;
	bool cancel_again; /* a cancel could not be sent */
	struct proto_welcome welcome;
	struct outcome outcome;
	struct maplog log;
	struct porter porter;
	struct relay relay;
	struct load load;
	struct viewer viewer;
	struct window_port window;
	struct creds creds;
	struct watch watch;
};

/* attach.c: the message and its descriptors, taken over, become share, bell, log and porter. */
int attach(struct proxy *p, const struct proto_welcome *welcome, const int *fd, unsigned nfds,
	struct problem *problem);

/* mail.c: one packet from the VMM into *mail. Bytes, 0: end of file, -errno; -EMFILE:
 * descriptors were lost. */
union mail {
	uint32_t type;
	struct proto_hello hello;
	struct proto_welcome welcome;
	struct proto_problem problem;
	struct proto_end end;
};
int mail_receive(int sock, union mail *mail, int fd[PROTO_MAX_FDS], unsigned *nfds);
int mail_hello(const struct proxy_job *job);
int mail_end(int sock, uint32_t wait_status);
/* It is about to execute another program, and the end of file will mean that; or no longer. */
int mail_leave(int sock, bool leaves);

/* bell.c: the LWK has rung. */
void bell_answer(struct proxy *p);

uint64_t helper_now_ms(void);

/* helper.c: the thread; and the end of the program's memory before we part from the VMM. */
void *helper_main(void *proxy);
void helper_part(struct proxy *p);

#endif
