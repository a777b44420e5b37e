/* SPDX-License-Identifier: MIT */
/*
 * The cases of the abi ring: small functions, each a process of its own, run natively and in a
 * guest. What a case prints must be the same in every native run: no addresses, process
 * numbers, times. Which system calls it shows is said in its head:
 *
 *   CASE(read_past_end, read, lseek) { ... SHOW(read(fd, buf, 8)); ... }
 *
 * Its name is FAMILY-read_past_end, where FAMILY is the file's. The working directory is its
 * own and empty.
 */
#ifndef TESTS_ABI_ABI_H
#define TESTS_ABI_ABI_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "guest-lwk/abi/syscalls.h"

struct abi_case {
	const char *file, *name, *calls;
	void (*run)(void);
};

#define CASE(case_name, ...)                                                                   \
	static void case_##case_name(void);                                                    \
	static const struct abi_case case_row_##case_name = {                                  \
		__FILE__, #case_name, #__VA_ARGS__, case_##case_name};                         \
	static const struct abi_case *const case_entry_##case_name                             \
		__attribute__((section("abi_cases"), used)) = &case_row_##case_name;           \
	static void case_##case_name(void)

/* Ends of processes that are no result of a case. */
#define ABI_BROKEN 77 /* its own preparation failed */
#define ABI_SKIP   78 /* this system has not what it needs */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The raw call, past libc; also those that libc does not know yet. */
#define SYS(name, ...) syscall(ABI_NR_##name, ##__VA_ARGS__)

/* The call's text, its value or the name of its error; the value. */
#define SHOW(call) (errno = 0, abi_show(#call, (long)(call)))
/* The same for values that differ from run to run: not negative is "ok". */
#define GOOD(call) (errno = 0, abi_good(#call, (long)(call)))
/* Calls that return their error, as those of pthreads do. */
#define CODE(call) abi_code(#call, (call))
/* Preparation: silent, and the end when it fails. */
#define MUST(call) (errno = 0, abi_must(#call, (long)(call)))
#define TELL(...)  ((void)printf(__VA_ARGS__))
/* A condition that compares what may not be printed. */
#define TRUE(cond) TELL("%s: %s\n", #cond, (cond) ? "yes" : "no")

/* An address where nothing is. */
#define BAD ((void *)8)

long abi_show(const char *text, long value);
long abi_good(const char *text, long value);
int abi_code(const char *text, int error);
long abi_must(const char *text, long value);
_Noreturn void abi_skip(const char *why);
/* name: bytes, those that cannot be printed in hexadecimal. */
void abi_bytes(const char *name, const void *data, size_t len);
/* Names of the bits that are set. */
struct abi_bit {
	unsigned long bit;
	const char *name;
};
#define BIT(b)                                                                                 \
	{                                                                                      \
		b, #b                                                                          \
	}
void abi_bits(const char *name, unsigned long value, const struct abi_bit *bits, size_t n);
#define BITS(name, value, bits) abi_bits(name, value, bits, ARRAY_LEN(bits))

/* A new file with this content, open for reading and writing, at its beginning. */
int abi_file(const char *name, const char *content);
void abi_sleep_ms(long ms);
uint64_t abi_now_ns(clockid_t clock);
/* Waits until the word, set by another thread or a handler, has the value; ten seconds. */
void abi_wait_for(const volatile int *word, int value);
/* A thread of this function, that is waited for with abi_join(). */
unsigned long abi_thread(void *(*run)(void *), void *arg);
void abi_join(unsigned long thread);
/* Installs a handler, with these flags and nothing else masked. */
void abi_handler(int sig, void (*handler)(int), int flags);
/* Interrupts the calling thread by SIGUSR1 after some time, from another one, and seldom later.
 */
void abi_interrupt_after(long ms);

#endif
