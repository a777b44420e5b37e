/* SPDX-License-Identifier: MIT */
/*
 * `lwvmm run --ranks N PROGRAM`: the host's own MPI launcher starts N times `lwvmm exec` in the
 * guest, so that ranks find what they find under mpiexec.
 */
#ifndef VMM_LAUNCH_H
#define VMM_LAUNCH_H

#include <limits.h>

#include "numa/options.h"
#include "vmm/base/problem.h"
#include "vmm/program.h"

/* Whose options a launcher takes. */
enum launch_kind { LAUNCH_OTHER, LAUNCH_MPICH, LAUNCH_OPENMPI };

struct launcher {
	char path[PATH_MAX];
	enum launch_kind kind;
};

/*
 * The launcher that --launcher names, else the one for the MPI library that the program is
 * linked with (its ld.so is asked; a static program and a script tell nothing: then mpiexec).
 */
int launch_find(const struct options *opt, const struct program *program,
	struct launcher *launcher, struct problem *problem);

/* Of the file that a launcher's name leads to. */
enum launch_kind launch_kind_of(const char *file);

/*
 * Runs the ranks in the guest `name` with `ncores` CPUs and waits for their end. Signals to us
 * go to the launcher. Returns its exit status, 128+N if signal N ended it, 124 after --timeout;
 * or -errno with the problem when it could not be started.
 */
int launch_run(const struct launcher *launcher, const struct options *opt, const char *name,
	unsigned ncores, struct problem *problem);

#endif
