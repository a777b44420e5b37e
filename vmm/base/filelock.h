/* SPDX-License-Identifier: MIT */
/*
 * Exclusive locks on whole files (OFD locks). Such a lock belongs to the open file: it goes
 * when the last copy of the descriptor is closed, however its process ends, and kill -9 cannot
 * leave it behind. A child made by fork shares it, so it must close its copy; closing a copy
 * never drops the lock of the others.
 */
#ifndef VMM_BASE_FILELOCK_H
#define VMM_BASE_FILELOCK_H

#include <stdbool.h>

/* 0, or -EAGAIN when somebody else has it. The descriptor must be open for writing. */
int filelock_try(int fd);

/* Waits for it. */
int filelock_wait(int fd);

void filelock_drop(int fd);

/* Does anybody else hold it? Looking takes nothing, so it disturbs nobody; may be open for
 * reading only. */
bool filelock_held(int fd);

#endif
