/* SPDX-License-Identifier: MIT */
/*
 * An LWK image whose first core leaves a number in rbx and runs an instruction that no core knows. The others
 * wait: they would run into the same, and be the first to.
 */
	.section .note.lwvmm, "a", @note
	.long 6, 4, 1
	.asciz "lwvmm"
	.balign 4
	.long 1

	.section .text.entry, "ax"
	.globl lwk_entry
	.type lwk_entry, @function
lwk_entry:
	test %edi, %edi
	jnz 1f
	mov $0x1234, %ebx
	ud2
1:	pause
	jmp 1b

	.data
	.quad 1
