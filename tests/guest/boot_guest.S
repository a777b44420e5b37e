/* SPDX-License-Identifier: MIT */
/*
 * A guest of a few dozen instructions for tests/guest/test_boot.c: it checks how it was entered, calls
 * the VMM by each hypercall that needs a real vCPU, rings a bell and takes interrupts of the host. Core
 * 0 does the work; every core then counts itself in share->booted and halts for good.
 *
 * rdi: index of the vCPU; rsi: gpa of the device tree. Results go to share->panic[0].gpr (unused as long
 * as nothing panics): gpr[0] the device tree's magic, gpr[1] the TSC, gpr[2] interrupts taken.
 */
#include "share_offsets.h"

#define DIRECT 0xffff800000000000
#define SHARE  (DIRECT + 0xc0000000)
#define BELL   0x610
#define CALL   0x600

	.section .note.lwvmm, "a", @note
	.long 6, 4, 1
	.asciz "lwvmm"
	.balign 4
	.long 1

	.section .text.entry, "ax"
	.globl lwk_entry
lwk_entry:
	movabs $SHARE, %rbx
	imul $SIZE_CORE, %rdi, %rax
	lea OFF_CORE(%rbx, %rax), %rbp		/* our struct abi_core */
	lea stacks(%rip), %rsp
	lea 1(%rdi), %rax
	shl $12, %rax
	add %rax, %rsp
	lidt idt_pointer(%rip)
	lgdt gdt_pointer(%rip)
	test %rdi, %rdi
	jnz .Lready

	/* The device tree is where rsi says, and the memory is mapped. */
	movabs $DIRECT, %rax
	mov (%rax, %rsi), %ecx
	mov %rcx, (OFF_GPR + 0)(%rbx)
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, (OFF_GPR + 8)(%rbx)

	lea message(%rip), %rax
	call .Lphysical
	mov %rax, OFF_HC(%rbp)
	movq $message_end - message, (OFF_HC + 8)(%rbp)
	mov $1, %eax				/* PRINT */
	call .Lhypercall

	/* Vector state: store, change a register through the area, load, store again elsewhere. */
	lea area(%rip), %rax
	call .Lphysical
	mov %rax, OFF_HC(%rbp)
	mov $3, %eax				/* XSAVE */
	call .Lhypercall
	movq $0x1234567, 160 + area(%rip)	/* xmm0 */
	orq $2, 512 + area(%rip)		/* XSTATE_BV: SSE is not initial */
	mov $4, %eax				/* XRSTOR */
	call .Lhypercall
	lea area + 4096(%rip), %rax
	call .Lphysical
	mov %rax, OFF_HC(%rbp)
	movq $0, (OFF_HC + 8)(%rbp)
	mov $5, %eax				/* XSWITCH, storing alone */
	call .Lhypercall
	mov 160 + 4096 + area(%rip), %rax
	mov %rax, (OFF_GPR + 24)(%rbx)

	/* Interrupts of the host: software-enable the APIC, say that one is wanted, halt. */
	lea on_host(%rip), %rax
	lea idt + 0xe2 * 16(%rip), %rcx
	mov %ax, (%rcx)
	movw $8, 2(%rcx)
	movw $0x8e00, 4(%rcx)
	shr $16, %rax
	mov %ax, 6(%rcx)
	shr $16, %rax
	mov %eax, 8(%rcx)
	mov $0x80f, %ecx			/* spurious vector register */
	mov $0x1ff, %eax
	xor %edx, %edx
	wrmsr
	mov $BELL, %dx
	mov $64, %eax				/* the VMM's bell */
	out %eax, %dx
	movl $1, OFF_NEED_IRQ(%rbp)
	lock incl OFF_BOOTED(%rbx)
.Lwait:	sti
	hlt
	cli
	cmpq $3, (OFF_GPR + 16)(%rbx)
	jb .Lwait
	lock incl OFF_BOOTED(%rbx)
.Lstop:	cli
	hlt
	jmp .Lstop

.Lready:
	lock incl OFF_BOOTED(%rbx)
	jmp .Lstop

on_host:
	push %rax
	push %rcx
	push %rdx
	movl $0, OFF_IRQ_SENT(%rbp)
	incq (OFF_GPR + 16)(%rbx)
	mov $0x80b, %ecx			/* end of interrupt */
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	pop %rdx
	pop %rcx
	pop %rax
	iretq

/* rax: address in the image; becomes its gpa */
.Lphysical:
	movabs $0xffffffff80000000, %rcx
	sub %rcx, %rax
	ret

/* eax: number; the answer is added to gpr[4] (any error makes it negative) */
.Lhypercall:
	mov $CALL, %dx
	out %eax, %dx
	mov (OFF_HC + 32)(%rbp), %rax
	or %rax, (OFF_GPR + 32)(%rbx)
	ret

	.section .rodata
message:
	.ascii "hello from ring 0\n"
message_end:
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word 23
	.quad gdt
idt_pointer:
	.word 4095
	.quad idt

	.data
	.balign 64
area:	.fill 8192, 1, 0
	.balign 16
idt:	.fill 4096, 1, 0
stacks:	.fill 65536, 1, 0
