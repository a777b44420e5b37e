/* SPDX-License-Identifier: MIT */
/*
 * The one place from which the program's system calls are made. Between call_begin and call_end nothing has
 * happened yet: a signal handler that finds the instruction pointer there moves it to call_cancelled, and
 * the call is never made. From call_end on it has been made, and rax is its result (musl's idea).
 */
	.text

/* long call_make(const uint32_t *hit, const uint64_t arg[6], uint64_t nr); */
	.globl	call_make, call_begin, call_end, call_cancelled
	.type	call_make, @function
	.balign	64
call_make:
	mov	%rdx, %rax
	mov	%rsi, %r11
	mov	%rdi, %rcx
	mov	0(%r11), %rdi
	mov	8(%r11), %rsi
	mov	16(%r11), %rdx
	mov	24(%r11), %r10
	mov	32(%r11), %r8
	mov	40(%r11), %r9
call_begin:
	/* A handler that ran before this line has left its mark in *hit. */
	cmpl	$0, (%rcx)
	jne	call_cancelled
	syscall
call_end:
	ret
call_cancelled:
	mov	$-513, %rax	/* ABI_NOT_BEGUN */
	ret
	.size	call_make, . - call_make

/* What a signal handler returns to. */
	.globl	call_restorer
	.type	call_restorer, @function
	.balign	16
	nop			/* unwinders look at the instruction before the return address */
call_restorer:
	mov	$15, %eax	/* rt_sigreturn */
	syscall
	.size	call_restorer, . - call_restorer

	.section .note.GNU-stack, "", @progbits
