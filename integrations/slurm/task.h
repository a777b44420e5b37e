/* SPDX-License-Identifier: MIT */
/* What the plug-in (spank.c) tells lwvmm-task (task.c) of a task, by its environment. */
#ifndef INTEGRATIONS_SLURM_TASK_H
#define INTEGRATIONS_SLURM_TASK_H

#define TASK_ENV_GUEST     "LWVMM_TASK_GUEST"
#define TASK_ENV_PROGRAM   "LWVMM_TASK_PROGRAM"
#define TASK_ENV_LWVMM     "LWVMM_TASK_LWVMM"     /* path of lwvmm */
#define TASK_ENV_CORES     "LWVMM_TASK_CORES"     /* of the step on this node: "0-3" */
#define TASK_ENV_CPUS      "LWVMM_TASK_CPUS"      /* how many CPUs these are */
#define TASK_ENV_LABEL     "LWVMM_TASK_LABEL"     /* for its account; "": none */
#define TASK_ENV_BIND_TYPE "LWVMM_TASK_BIND_TYPE" /* of --cpu-bind: as srun was told */
#define TASK_ENV_BIND_LIST "LWVMM_TASK_BIND_LIST"
#define TASK_ENV_CONFIG    "LWVMM_CONFIG_DIR" /* where guests are described; stays */

#endif
