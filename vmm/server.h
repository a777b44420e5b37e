/* SPDX-License-Identifier: MIT */
/*
 * The VMM's side of vmm/proto.h: all connections to a guest. It makes processes of proxies that
 * say HELLO, notices when a proxy ends, is stopped, or is gone, and answers `ps` and `stop`.
 * Nothing here waits for a peer: who does not listen, says nothing or nonsense is dropped.
 */
#ifndef VMM_SERVER_H
#define VMM_SERVER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "numa/options.h"
#include "vmm/base/problem.h"
#include "vmm/janitor.h"
#include "vmm/proto.h"
#include "vmm/vm.h"
#include "vmm/window_serve.h"

#define SERVER_MAX_CLIENTS (ABI_MAX_PROCS + 32)
/* More than there are connections: there is always one of which no process lives. */
#define SERVER_TALLIES    256
#define SERVER_MAX_TOKENS (2 * SERVER_MAX_CLIENTS + 1)

/* Why the guest shall end; NOTHING: it shall not. */
enum server_news {
	SERVER_NOTHING,
	SERVER_ENDED,   /* the program of `run` has exited and its memory is unmapped */
	SERVER_LOST,    /* the proxy of `run`, or who starts a detached guest, is gone */
	SERVER_STOPPED, /* STOP: no process is left */
};

enum client_state {
	CLIENT_FREE,
	CLIENT_NEW,     /* has said nothing yet */
	CLIENT_STARTER, /* of a detached guest, waits for READY */
	CLIENT_WAITING, /* has said HELLO, waits for what a dead process holds */
	CLIENT_PROCESS, /* a proxy; without a socket: one of which only the end is awaited */
	CLIENT_AWAY,    /* its proxy executes another program: one HELLO of the same pid, or its
			   end */
	CLIENT_ASKING,  /* who said ENDED, until that program is reaped */
	CLIENT_ENDED,   /* the proxy of `run` after END, or who said STOP: waits for BYE */
};

struct client {
	enum client_state state;
	bool main;   /* its end is the guest's: `run`, or the starter */
	bool leaves; /* said LEAVE */
	bool parted; /* said END, or has unmapped and waits: the program is over */
	int sock;    /* -1: closed */
	int pid_fd;  /* of the proxy, to see when all of it is gone; -1: none */
	int stat_fd; /* its /proc/PID/stat, for SIGSTOP; -1: none */
	int proc;    /* index of its process; -1: none */
	bool stopped;
	uint64_t since_ms; /* of its state; of its process, once it has one */
	uint32_t tally;    /* of its process; 0: none */
	struct ucred peer;
	struct proto_hello hello; /* of who asks: the label */
};

/* What a labelled program has used, with all that came of it (server_tally.c). */
struct tally {
	uint32_t id;                  /* ascending; 0: free */
	pid_t pid;                    /* of the process that the label was given to */
	char label[PROTO_LABEL_SIZE]; /* "": told already */
	uint64_t start_ms, end_ms;    /* of that process; end 0: it runs */
	struct proto_usage used;      /* by processes that are reaped; times in TSC ticks */
};

struct server {
	struct vm *vm;
	struct janitor *janitor;
	struct window_serve *window; /* NULL: there is none */
	enum commit_choice commit;
	bool detached;
	bool kept; /* of several ranks: the first connection stays, to be the sign of its end */
	int epoll_fd; /* borrowed */
	uint32_t token;
	int listen_fd; /* borrowed; -1: none */
	uid_t owner;
	uint64_t start_ms;
	uint64_t born_ns; /* of the guest: tells it from one with the same pid */
	bool ready;       /* the LWK has booted */
	bool stopping, killed;
	uint64_t kill_ms; /* when `stopping` loses patience */
	struct client client[SERVER_MAX_CLIENTS];
	struct tally tally[SERVER_TALLIES];
	uint32_t last_tally;
	/* By process: the tally to which it is added when it is reaped; 0: none. */
	uint32_t owes_tally[ABI_MAX_PROCS];
};

/*
 * Descriptors go to the epoll with data.u32 = token + something below SERVER_MAX_TOKENS;
 * `sock` is the first connection: the proxy's of `run`, or that of who starts a detached guest.
 */
int server_init(struct server *s, struct vm *vm, struct janitor *janitor,
	const struct options *opt, int epoll_fd, uint32_t token, int sock, int listen_fd);

/* The epoll has reported `event` (the token taken off). */
enum server_news server_event(struct server *s, uint32_t event);

/* To be called often; for at most server_wait_ms() it may be left out (-1: any time). */
enum server_news server_poll(struct server *s);
int server_wait_ms(const struct server *s);

/* Looks which proxies have been stopped or continued since, and tells the LWK. */
void server_poll_stop(struct server *s);

/*
 * The guest is over. Processes that still live, and those who have just come, are told why; all
 * but those who wait for BYE are closed. Then waits (a bounded time) until every proxy that may
 * map guest memory is gone as a whole.
 */
void server_end(struct server *s, const struct problem *why);
void server_wait_gone(struct server *s);

/* Everything is given back: BYE to those who wait for it; then all connections are closed. */
void server_bye(struct server *s);

/* The last words on a socket that no server has. A peer that is gone does not hear them. */
void server_send_problem(int sock, const struct problem *problem);

/*
 * Waits (a bounded time) for the proxy's end of file. A socket that is closed with something
 * unread in it resets the connection, and what we have just sent would be lost.
 */
void server_linger(int sock);

#endif
