/* SPDX-License-Identifier: MIT */
/* The vDSO in the kernel's image, in whole pages of its own: they are mapped into programs. */
	.section .rodata.vdso, "a", @progbits
	.balign 4096
	.globl vdso_image, vdso_image_end
vdso_image:
	.incbin VDSO_FILE
	.balign 4096
vdso_image_end:
	.section .note.GNU-stack, "", @progbits
