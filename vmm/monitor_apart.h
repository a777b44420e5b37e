/* SPDX-License-Identifier: MIT */
/* How a VMM's process takes leave of the one that started it. */
#ifndef VMM_MONITOR_APART_H
#define VMM_MONITOR_APART_H

/*
 * Descriptors 0 and 1 and all that were inherited are the program's: holding them here would
 * keep its pipes open after its end. Standard error stays, for what there is to say. The socket
 * stays too, with a number that it may get anew; and the process has a session of its own.
 */
int apart_leave(int *sock);

/*
 * All signals are blocked, the threads inherit that. Those that ask for an orderly end come by
 * the descriptor.
 */
int apart_signals(int *signal_fd);

/* As many descriptors as we may have: files in the window, and descriptors on their way. */
void apart_limits(void);

#endif
