/* SPDX-License-Identifier: MIT */
/*
 * The program's memory, by a system call: another thread of the program may unmap it at any
 * moment, which must not be our fault. Bytes, or -1.
 */
#ifndef VMM_PROXY_MEMORY_H
#define VMM_PROXY_MEMORY_H

#include <stdint.h>
#include <sys/uio.h>

static inline ssize_t memory_read(uint32_t pid, uint64_t at, void *to, size_t len)
{
	struct iovec here = {to, len}, there = {(void *)at, len};

	return process_vm_readv((pid_t)pid, &here, 1, &there, 1, 0);
}

static inline ssize_t memory_write(uint32_t pid, uint64_t at, const void *from, size_t len)
{
	struct iovec here = {(void *)from, len}, there = {(void *)at, len};

	return process_vm_writev((pid_t)pid, &here, 1, &there, 1, 0);
}

#endif
