/* SPDX-License-Identifier: MIT */
/* A guest that root starts for another user. */
#ifndef VMM_GIVE_H
#define VMM_GIVE_H

#include "numa/options.h"
#include "vmm/control.h"

/*
 * The VMM's process, until now root's, becomes the user's that --user names, with its files and
 * its socket: from here on the guest is as one that this user has started. To be called when
 * root is no longer needed: before the seal and before any thread.
 */
int give(struct control *control, const struct options *opt, struct problem *problem);

#endif
