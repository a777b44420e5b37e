/* SPDX-License-Identifier: MIT */
#include "vmm/boot.h"

/* image.S */
extern const uint8_t boot_image_data[];
extern const uint64_t boot_image_size;

struct boot_image boot_builtin(void)
{
	return (struct boot_image){
		.name = "built-in LWK",
		.data = boot_image_data,
		.size = boot_image_size,
	};
}
