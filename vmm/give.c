/* SPDX-License-Identifier: MIT */
#include "vmm/give.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int give(struct control *control, const struct options *opt, struct problem *problem)
{
	gid_t group = opt->gid;
	int err = control_give(control, opt->uid, opt->gid);

	/* The user last: the right to change the others goes with it. */
	if (!err && (setgroups(1, &group) || setresgid(opt->gid, opt->gid, opt->gid) ||
			    setresuid(opt->uid, opt->uid, opt->uid)))
		err = -errno;
	/* It still has root's descriptors, of pools: not the user's to look at or change. */
	if (!err && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		err = -errno;
	if (!err)
		err = control_listen_again(control);
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"guest %s: cannot be given to user %u (%s): is that a user of this "
			"container?",
			control->name, opt->uid, strerror(-err));
	return 0;
}
