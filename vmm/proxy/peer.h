/* SPDX-License-Identifier: MIT */
/* Copies from and to another program of the guest (guest-lwk/sys_peer.c). */
#ifndef VMM_PROXY_PEER_H
#define VMM_PROXY_PEER_H

#include <stdbool.h>

#include "guest-lwk/abi/share.h"

/*
 * If the call of this slot uses another program's memory: waits until that program's proxy has
 * mapped what the LWK has mapped there, or is gone. False: not yet (it may be stopped for
 * long), or the call was cancelled; then it is to be answered ABI_NOT_BEGUN, and the LWK makes
 * it again.
 */
bool peer_wait(const struct abi_share *share, uint32_t slot);

#endif
