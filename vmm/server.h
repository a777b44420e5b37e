/* SPDX-License-Identifier: MIT */
/*
 * The VMM's side of vmm/proto.h: one connection a process. It makes processes of proxies that
 * say HELLO and notices when a proxy ends, is stopped, or is gone.
 */
#ifndef VMM_SERVER_H
#define VMM_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "numa/options.h"
#include "vmm/base/problem.h"
#include "vmm/janitor.h"
#include "vmm/vm.h"

enum server_news {
	SERVER_NOTHING,
	SERVER_ENDED, /* END: the program has exited and its memory is unmapped */
	SERVER_LOST,  /* the proxy is gone without a word, or broke the protocol */
};

struct server {
	struct vm *vm;
	struct janitor *janitor;
	enum commit_choice commit;
	int sock;
	int proc;    /* index of its process, -1 before HELLO */
	int pid_fd;  /* of the proxy, to wait until all of it is gone; -1: none */
	int stat_fd; /* its /proc/PID/stat, for SIGSTOP; -1: none */
	bool stopped;
	uint64_t born_ns; /* of the guest: tells it from one with the same pid */
};

void server_init(struct server *s, struct vm *vm, struct janitor *janitor,
	const struct options *opt, int sock);
void server_close(struct server *s);

/* Reads one packet of a readable socket. */
enum server_news server_read(struct server *s);

/* Looks whether the proxy has been stopped or continued since, and tells the LWK. */
void server_poll_stop(struct server *s);

/* Waits (a bounded time) until a lost proxy's whole thread group, and so its mappings, are
 * gone. */
void server_wait_gone(struct server *s);

/* The last words. A proxy that is gone does not hear them. */
void server_send_problem(int sock, const struct problem *problem);
void server_send_bye(int sock);

/*
 * Waits (a bounded time) for the proxy's end of file. A socket that is closed with something
 * unread in it resets the connection, and what we have just sent would be lost.
 */
void server_linger(int sock);

#endif
