/* SPDX-License-Identifier: MIT */
#include "guest-lwk/quiet.h"

	.text
	/*
	 * Access to a program's memory by its own addresses. trap_kernel() commits what may be committed and
	 * retries; else it continues at uaccess_fault. None of these uses the stack.
	 */
	.balign 16
	.globl uaccess_begin, uaccess_end, uaccess_fault
uaccess_begin:
	.globl uaccess_copy /* rdi to, rsi from, rdx bytes */
uaccess_copy:
	mov %rdx, %rcx
	shr $3, %rcx
	rep movsq
	mov %edx, %ecx
	and $7, %ecx
	rep movsb
	xor %eax, %eax
	ret
	.globl uaccess_load32 /* rdi user address, rsi u32 *value */
uaccess_load32:
	mov (%rdi), %eax
	mov %eax, (%rsi)
	xor %eax, %eax
	ret
	.globl uaccess_store32 /* rdi user address, esi value */
uaccess_store32:
	mov %esi, (%rdi)
	xor %eax, %eax
	ret
	.globl uaccess_cmpxchg32 /* rdi user address, rsi u32 *old, edx new */
uaccess_cmpxchg32:
	mov (%rsi), %eax
	lock cmpxchg %edx, (%rdi)
	mov %eax, (%rsi)
	xor %eax, %eax
	ret
	/*
	 * rdi struct pollfd[], rsi their number, not 0; rdx abi_watch.entry, rcx what an entry of this
	 * generation is but for its events. 0: all are quiet, and revents are 0.
	 */
	.globl uaccess_quiet
uaccess_quiet:
	mov (%rdi), %eax
	test %eax, %eax
	js 1f		/* Linux skips a negative descriptor */
	cmp $QUIET_FDS, %eax
	jae 2f
	mov (%rdx,%rax,8), %rax
	xor %rcx, %rax	/* leaves the events, if it is of this generation */
	cmp $QUIET_EVENTS, %rax
	ja 2f
	not %eax
	test %ax, 4(%rdi)
	jnz 2f
1:	movw $0, 6(%rdi)
	add $8, %rdi
	dec %rsi
	jnz uaccess_quiet
	xor %eax, %eax
	ret
2:	mov $1, %eax
	ret
uaccess_end:
uaccess_fault:
	mov $-14, %rax
	ret

	.section .note.GNU-stack, "", @progbits
