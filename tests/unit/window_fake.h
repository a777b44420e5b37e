/* SPDX-License-Identifier: MIT */
/* A window at a made-up address, without a guest, and a folder of its own for its files. */
#ifndef TESTS_UNIT_WINDOW_FAKE_H
#define TESTS_UNIT_WINDOW_FAKE_H

#include "vmm/window.h"

#define GPA   (5ULL << 30)
#define MIB   (1ULL << 20)
#define PAGE  ABI_PAGE
#define CHUNK WINDOW_CHUNK
#define SIZE  (16 * CHUNK)

extern struct window w;
extern struct problem problem;
extern struct abi_window_answer at; /* of the last map */
extern unsigned fds_before;         /* open ones, after setup */

/* For tcase_add_checked_fixture. The folder is the working directory. */
void setup(void);
void teardown(void);

/* How many descriptors are open. */
unsigned fds(void);

/* Makes or opens a file of this size there. */
int file(const char *name, uint64_t size);

/* Maps and closes the descriptor, as the serving thread does. */
int map(int fd, bool writable, uint64_t offset, uint64_t len);

/* Where the window has a guest's address, and whether memory is there. */
char *host(uint64_t gpa);
bool is_mapped(uint64_t gpa);

/* No reference, no file, no mapping, no descriptor more than after setup. */
void nothing_left(void);

#endif
