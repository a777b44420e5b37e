/* SPDX-License-Identifier: MIT */
/* Copies from and to another program of the guest (guest-lwk/sys_peer.c). */
#ifndef VMM_PROXY_PEER_H
#define VMM_PROXY_PEER_H

#include "guest-lwk/abi/share.h"

/*
 * If the call of this slot uses another program's memory: waits until that program's proxy has
 * mapped what the LWK has mapped there. Not for ever: a proxy that is stopped answers late, and
 * then the host says EFAULT.
 */
void peer_wait(const struct abi_share *share, uint32_t slot);

#endif
