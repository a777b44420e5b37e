/* SPDX-License-Identifier: MIT */
/*
 * How a running guest is found by its name: three files,
 *
 * - guest-NAME, locked by the VMM's open descriptor as long as the guest lives, so that no
 *   crash leaves a name taken; holds the VMM's pid;
 * - guest-NAME.sock, its control socket, mode 0600: proxies of `exec`, `ps`, `stop` (proto.h);
 * - guest-NAME.log, standard error of a detached guest; stays only if something is in it.
 *
 * Those of root's guests are in a folder that is root's, also of a guest that root has started
 * for another user: nobody can take such a name, or put something in root's way. All others
 * share the folder of the leases, where anybody may make files: one that is not ours is never
 * used there. Both ends of a connection look at the uid that the kernel says the other one has.
 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "vmm/base/problem.h"

#define CONTROL_NAME_SIZE 64
#define CONTROL_ROOT_DIR  "/run/lwvmm" /* as the pools' journal; mode 0755 */

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
int control_open(const char *name, struct control *control, struct problem *problem);

/* Makes standard error the log file, unless it is systemd's journal. Before the seal. */
int control_log(struct control *control, struct problem *problem);

/*
 * Makes the socket another user's, who may also read the log (root alone may do this). Then, as
 * that user: those who connect look whose the listener is.
 */
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
int control_connect(const char *name, bool own, struct problem *problem);

/* Is there a VMM that has this name, listening or not? */
bool control_lives(const char *name);

/*
 * The log of a guest of this name, open for reading, and its path; NULL: there is none to be
 * read. What a user's VMM has written is that user's: not fit for a terminal as it is.
 */
FILE *control_log_read(const char *name, char *path, size_t size);

/* Who listens at the other end, as the kernel says; false: it does not. */
bool control_peer(int sock, pid_t *pid, uid_t *uid);

/*
 * The names of the guests that live, root's first, each once; removes what killed guests of
 * ours have left. Returns how many there are, at most `max` of them in names[].
 */
unsigned control_list(char (*names)[CONTROL_NAME_SIZE], unsigned max);

/*
 * The VMM of root's guest of this name, whether it listens or not, and (unless NULL) whose the
 * guest is; 0: none lives, *owner is as before.
 */
pid_t control_root_vmm(const char *name, uid_t *owner);

/* The same in one folder, for tests. */
int control_open_in(
	const char *dir, const char *name, struct control *control, struct problem *problem);
int control_connect_in(const char *dir, const char *name, bool own, struct problem *problem);
unsigned control_list_in(const char *dir, char (*names)[CONTROL_NAME_SIZE], unsigned max);

/*
 * May a peer with this uid speak to a guest of uid `owner`? To run programs in it is the
 * owner's alone, not root's: a proxy makes the calls that the guest asks for, with its own
 * rights.
 */
bool control_may_ask(uid_t peer, uid_t owner);
bool control_may_exec(uid_t peer, uid_t owner);

#endif
