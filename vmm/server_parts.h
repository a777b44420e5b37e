/* SPDX-License-Identifier: MIT */
/* What the files of the server have of each other. */
#ifndef VMM_SERVER_PARTS_H
#define VMM_SERVER_PARTS_H

#include "vmm/server.h"

#define for_each_client(s, c)                                                                  \
	for (__auto_type c = &(s)->client[0]; c < &(s)->client[SERVER_MAX_CLIENTS]; c++)

uint64_t server_now_ms(void);

/* server.c: takes the next who connects, or turns it away. False: there is none. */
bool client_accept(struct server *s);
/* Watches a descriptor of the client; its socket or its pid_fd. */
int client_watch(struct server *s, const struct client *c, bool pid);
/* Closes the connection with a reason. A process stays until its proxy is gone. */
void client_refuse(struct server *s, struct client *c, const char *text);
/* Closes all that it has. */
void client_free(struct client *c);
/* Closes its socket; all of it if it is no process. */
void client_close(struct client *c);
/* One packet. False: the peer is gone or does not read. */
bool client_send(const struct client *c, const void *packet, size_t size);
bool client_send_bye(const struct client *c);
/* server_stat.c: the answer to STAT. */
bool client_send_account(struct server *s, const struct client *c);

/* What each process has used so far; times in TSC ticks, of which ticks_ns() makes ns. */
void server_usage(const struct vm *vm, struct proto_usage usage[ABI_MAX_PROCS]);
uint64_t ticks_ns(const struct vm *vm, uint64_t ticks);

/* server_tally.c: whose process says HELLO. */
void tally_join(struct server *s, struct client *c);
/* The whole of it has ended. */
void tally_leave(struct server *s, const struct client *c);
/* What reaped processes have left is read before their indices have other owners. */
void tally_collect(struct server *s);
void tally_ask(struct server *s, struct client *c, const struct proto_ask_ended *ask);
void tally_answer(struct server *s, struct client *c);

/* server_process.c: a proxy's HELLO, now or when a dead process has given back what it had. */
void process_hello(struct server *s, struct client *c, const struct proto_hello *hello);
void process_retry(struct server *s, struct client *c);
/* The whole thread group of the client's proxy is gone, or may be: then the client is, too. */
void process_dead(struct server *s, struct client *c);
/* It executes another program: what it had in the guest is as good as gone. */
void process_away(struct server *s, struct client *c);
void process_look_dead(struct server *s);

/* server_stop.c: the guest shall end. */
void stop_begin(struct server *s, uint32_t timeout_ms);
enum server_news stop_poll(struct server *s);

#endif
