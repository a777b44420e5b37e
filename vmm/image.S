/* SPDX-License-Identifier: MIT */
/* The built-in LWK image, as the linker made it. */
	.section .rodata
	.balign 64
	.globl boot_image_data
	.globl boot_image_size
boot_image_data:
	.incbin LWK_FILE
boot_image_end:
	.balign 8
boot_image_size:
	.quad boot_image_end - boot_image_data
	.section .note.GNU-stack, "", @progbits
