/* SPDX-License-Identifier: MIT */
/* Between mm_ops.c and mm_call.c: calls on random places, each with what the model expects of
 * it. */
#ifndef TESTS_FUZZ_MM_CALL_H
#define TESTS_FUZZ_MM_CALL_H

#include "tests/fuzz/mm_ops.h"

struct area {
	u64 va, len;
};

extern const struct mm_config *config;

/* Places that have been mapped; what became of them since is the model's to know. */
void area_add(u64 va, u64 len);
struct area area_pick(void);
struct area part_pick(void);
u64 random_len(void);
u32 random_prot(void);
/* May a call that commits this much at va (0: anywhere) fail for want of memory? */
bool short_of(u64 va, u64 bytes);

#define FILE_FD        5
#define FILE_DIRECTORY 6
#define FILE_PAGES     300ULL
#define FILE_TAG(off)  ((u32)(0x40000000 + (off) / PAGE_SIZE))

/* A call of the program, on the core that runs. */
#define CALL(...)                                                                              \
	({                                                                                     \
		sim_enter();                                                                   \
		s64 ret_ = (__VA_ARGS__);                                                      \
		sim_leave();                                                                   \
		ret_;                                                                          \
	})

static inline void expect(const char *call, s64 ret, s64 wanted)
{
	if (ret != wanted)
		sim_fail("%s: %ld instead of %ld", call, ret, wanted);
}

/* mm_call_window.c */
void call_window(void);
void call_munmap(u64 va, u64 len);
/* mm_call_fork.c */
void call_fork(void);
void call_fork_advice(void);
/* The child, if there is one, ends. */
void fork_end(void);
/* mm_call_look.c */
void call_madvise(void);
void call_mincore(void);
void call_check(void);
void call_on_vdso(void);
void call_random(void);
/* mm_call_policy.c */
void call_policy(void);
/* A random page's policy is the model's. */
void policy_verify(void);
/* What commits from here on is for this policy (only), or also for that of its pages. */
void policy_for(u32 number, bool only);
/* A new life; has it had policies by which memory runs out while there is some? */
void policies_begin(void);
bool policies_strict(void);

#endif
