/* SPDX-License-Identifier: MIT */
/*
 * How a running guest is found by its name: three files in one place for all users of the node
 * (that of the leases).
 *
 *   guest-NAME        locked by the VMM's open descriptor as long as the guest lives, so that
 * no crash leaves a name taken; holds the VMM's pid guest-NAME.sock   its control socket, mode
 * 0600: proxies of `exec`, `ps`, `stop` (proto.h) guest-NAME.log    standard error of a
 * detached guest; stays only if something is in it
 *
 * Anybody may make files there. So a file that is not ours is never used, and both ends of a
 * connection look at the uid that the kernel says the other one has.
 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include <stdbool.h>
#include <sys/types.h>

#include "vmm/base/problem.h"

#define CONTROL_NAME_SIZE 64

/* Letters, digits, '-', '_' and '.', not too many: fit to be part of a file's name. */
bool control_name_sound(const char *name);

/* The file that describes the guest, in /etc/lwvmm or where LWVMM_CONFIG_DIR says. */
void control_config_path(const char *name, char *path, size_t size);

/* The VMM's side: a name that is taken. */
struct control {
	char name[CONTROL_NAME_SIZE];
	int dir_fd, lock_fd;
	int sock; /* listens; -1: not (any more) */
	bool log; /* standard error is the log file */
};

/* Takes the name and listens. -EBUSY: the problem says who has it. Before the seal. */
int control_open(
	const char *dir, const char *name, struct control *control, struct problem *problem);

/* Makes standard error the log file, unless it is systemd's journal. Before the seal. */
int control_log(struct control *control, struct problem *problem);

/* Makes all files another user's (root alone may). Then, as that user: those who connect look
 * whose the listener is. */
int control_give(struct control *control, uid_t uid, gid_t gid);
int control_listen_again(struct control *control);

/* Nobody can connect any more; the name stays taken. Twice is harmless. */
void control_deafen(struct control *control);

/* Gives the name back; harmless where control_open() has failed. */
void control_close(struct control *control);

/*
 * The other side: a connection to the guest, or -errno with the problem (no such guest, not
 * ours, just ending). `own`: it must be the caller's own guest; else root may reach any.
 */
int control_connect(const char *dir, const char *name, bool own, struct problem *problem);

/*
 * The names of the guests that live, sorted; removes what killed guests of ours have left.
 * Returns how many there are, at most `max` of them in names[].
 */
unsigned control_list(const char *dir, char (*names)[CONTROL_NAME_SIZE], unsigned max);

/*
 * May a peer with this uid speak to a guest of uid `owner`? To run programs in it is the
 * owner's alone, not root's: a proxy makes the calls that the guest asks for, with its own
 * rights.
 */
bool control_may_ask(uid_t peer, uid_t owner);
bool control_may_exec(uid_t peer, uid_t owner);

#endif
