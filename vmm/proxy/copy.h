/* SPDX-License-Identifier: MIT */
/*
 * fork(): a copy of the proxy becomes the proxy of a copy of the program
 * (docs/decisions/0007-processes.md). The maker's memory is mapped in it by the host's fork();
 * while the maker's call lasts, no block of it is reused. The copy asks the VMM for a place in
 * the guest as any proxy does, the LWK makes an address space like the maker's with blocks of
 * its own, and each is filled before it takes the old one's place (maplog.h).
 */
#ifndef VMM_PROXY_COPY_H
#define VMM_PROXY_COPY_H

#include <stdint.h>

struct proxy;
struct service;

/* The maker's service: the pid; -errno. */
int64_t copy_make(struct service *service);

/* The copy, any thread: it comes to nothing. */
struct copy_news;
void copy_lost(struct copy_news *news) __attribute__((noreturn));

/* The copy's helper: how it describes itself to the LWK; and the copy is complete. */
void copy_describe(struct proxy *p);
void copy_born(struct proxy *p);

#endif
