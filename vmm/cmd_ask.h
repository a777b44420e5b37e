/* SPDX-License-Identifier: MIT */
/* A question to a guest's control socket, and its answer: `ps`, `stat`, `stop`. */
#ifndef VMM_CMD_ASK_H
#define VMM_CMD_ASK_H

#include "vmm/proto.h"
#include "vmm/base/problem.h"

union answer {
	uint32_t type;
	struct proto_guest guest;
	struct proto_account account;
	struct proto_tally tally;
	struct proto_problem problem;
	struct proto_end end;
};

/* Sends the question, waits for the answer. -errno with the problem, the guest's own among it.
 */
int guest_ask(int sock, const char *name, enum proto_type type, uint32_t timeout_ms,
	int wait_ms, union answer *answer, struct problem *problem);

/*
 * QUERY of a guest that root has started: who asks as root what to do, or what to write down,
 * does not listen to another of that name, which may be anybody's.
 */
int guest_query_root(const char *name, union answer *answer, struct problem *problem);

/* Connects, asks QUERY or STAT and checks the answer's bounds. */
int guest_query(
	const char *name, enum proto_type type, union answer *answer, struct problem *problem);

/* Connects, and asks what the program of this label has used; it is told once. */
int guest_query_ended(
	const char *name, const char *label, union answer *answer, struct problem *problem);

int cmd_unknown_word(const char *command, const char *word, struct problem *problem);

#endif
