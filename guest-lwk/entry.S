/* SPDX-License-Identifier: MIT */
/*
 * Every way into the kernel and out of it. Interrupts are off in ring 0, but for the HLT of the idle loop.
 *
 * On a software KVM `syscall` never arrives at syscall_entry: it leaves RIP there but stays in ring 3, and
 * so page-faults on this very address; trap.c recognises that (docs/decisions/0003-software-kvm.md).
 */
#include "guest-lwk/core.h"
#include "guest-lwk/regs.h"

	.section .note.lwvmm, "a", @note
	.balign 4
	.long 6, 4, 1 /* name bytes, descriptor bytes, ABI_NOTE_TYPE */
	.asciz "lwvmm"
	.balign 4
	.long 1 /* ABI_VERSION */

	.section .text.entry, "ax"
	.globl lwk_entry
lwk_entry:
	/* rdi: index, rsi: device tree. A boot stack for each core, used by its idle loop for ever. */
	mov %rdi, %rax
	inc %rax
	shl $13, %rax /* KSTACK_SIZE */
	lea boot_stacks(%rip), %rsp
	add %rax, %rsp
	xor %ebp, %ebp
	call boot_main
1:	hlt
	jmp 1b

	.macro SAVE_GPRS
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm

	.macro RESTORE_GPRS
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	.endm

	/*
	 * C wants the stack on 16 bytes at a call. struct regs is 23 words below a top (or, from ring 0, below
	 * what the processor itself has aligned).
	 */
	.macro CALL_REGS function
	mov %rsp, %rdi
	sub $8, %rsp
	call \function
	add $8, %rsp
	.endm

	.text
	.balign 64
	.globl syscall_entry
syscall_entry:
	swapgs
	mov %rsp, %gs:CORE_USER_RSP
	mov %gs:CORE_KSTACK, %rsp
	pushq $USER_DS
	pushq %gs:CORE_USER_RSP
	push %r11
	pushq $USER_CS
	push %rcx
	pushq $0
	pushq $256
	push %rax
	SAVE_GPRS
	CALL_REGS syscall_trap
	test %al, %al
	jz leave_iret
	/* rcx and r11 hold rip and rflags already (checked by syscall_trap). */
	RESTORE_GPRS
	mov 48(%rsp), %rsp
	swapgs
	sysretq

	.balign 64
common_trap:
	pushq $-1
	SAVE_GPRS
	cld
	testb $3, REGS_CS(%rsp)
	jz 1f
	swapgs
	CALL_REGS trap_user
leave_iret:
	RESTORE_GPRS
	add $24, %rsp
	swapgs
	iretq
1:	CALL_REGS trap_kernel
	RESTORE_GPRS
	add $24, %rsp
	iretq

	/* A new thread: its struct regs is on the stack, nothing else. */
	.globl thread_entry
thread_entry:
	CALL_REGS thread_first
	jmp leave_iret

	.globl switch_stacks
switch_stacks:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	/* One stub a vector, 16 bytes apart: trap.c computes their addresses. */
	.macro STUB vector, has_error
	.balign 16
	.if !\has_error
	pushq $0
	.endif
	pushq $\vector
	jmp common_trap
	.endm

	.balign 16
	.globl trap_stubs
trap_stubs:
	.irp v, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	.if (\v == 8) || (\v >= 10 && \v <= 14) || (\v == 17) || (\v == 21) || (\v == 29) || (\v == 30)
	STUB \v, 1
	.else
	STUB \v, 0
	.endif
	.endr
	.irp v, 0xe0, 0xe1, 0xe2, 0xff
	STUB \v, 0
	.endr

	.bss
	.balign 4096
	.globl boot_stacks
boot_stacks:
	.skip 64 * 8192

	.section .note.GNU-stack, "", @progbits
