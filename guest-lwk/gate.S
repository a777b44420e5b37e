/* SPDX-License-Identifier: MIT */
/*
 * Software KVM only: where `syscall` goes, in ring 3. There the instruction stays in ring 3 (trap.c), so LSTAR
 * can be a program's page, mapped at ABI_GATE_VA. What needs no kernel is answered here at native speed; the
 * rest jumps on to syscall_entry, a kernel address, and so page-faults into the kernel with rcx, r11 and all
 * arguments as the instruction left them.
 *
 * Answered here: FUTEX_WAKE | FUTEX_PRIVATE of a word for which nobody waits (every OpenMP barrier makes one).
 * The page behind this one is the kernel's count of waiters by offset in page; the program's store, MFENCE, our
 * load of the count, as futex.c argues.
 *
 * Of a traced process all calls are to be seen: its page says that somebody waits for every word.
 *
 * Nothing is changed until the last jump but eax, which was 202, and the flags, which r11 has: so a thread
 * interrupted in here is put back to its `syscall` before a signal is delivered (gate_leave()).
 */
#include "guest-lwk/abi/layout.h"

#define NR_FUTEX          202
#define WAKE_PRIVATE      129
#define FLAG_OF           0x800
#define FLAGS_RARE        0x244500 /* TF DF NT AC ID: the host's SYSCALL may have cleared them */
#define FLAG_OF_TO_BIT_31 0x7ffff800

	.section .rodata.gate, "a", @progbits
	.balign 4096
	.globl gate_page, gate_scratch, gate_kernel, gate_end, gate_waited
gate_page:
	cmp $NR_FUTEX, %eax
	jne gate_kernel
	cmp $WAKE_PRIVATE, %esi
	jne gate_kernel
	test $3, %dil
	jnz gate_kernel
	cmp gate_user_end(%rip), %rdi
	jae gate_kernel
	test $FLAGS_RARE, %r11d
	jnz gate_kernel
	mfence
gate_scratch:
	mov %edi, %eax
	and $4095, %eax
	add gate_waiters(%rip), %rax
	cmpl $0, (%rax)
	jne gate_wake
	/* The flags as they were: OF by an addition, the others by SAHF. */
	mov %r11d, %eax
	and $FLAG_OF, %eax
	add $FLAG_OF_TO_BIT_31, %eax
	mov %r11b, %al
	mov %al, %ah
	sahf
	mov $0, %eax
	jmp *%rcx
gate_wake:
	mov $NR_FUTEX, %eax
gate_kernel:
	jmp *gate_entry(%rip)
gate_end:
	.balign 8
gate_user_end:
	.quad ABI_USER_END
gate_waiters:
	.quad ABI_GATE_VA + 4096
gate_entry:
	.quad syscall_entry
	.balign 4096
gate_waited:
	.fill 1024, 4, 1
	.section .note.GNU-stack, "", @progbits
