/* SPDX-License-Identifier: MIT */
/* Of dynload: the library that comes by dlopen. */
#include <stdio.h>

#define BSS (512 << 20) /* more than the guest has */

int *late_counter(void);
int late_chosen(void);
int late_bss(void);

static __thread int counter = 37;
static char zeros[BSS];
static int data = 3; /* behind it, on the same page, .bss begins */

int *late_counter(void)
{
	return &counter;
}

static int chosen(void)
{
	return data + 4;
}

static int (*choose(void))(void)
{
	return chosen;
}

static int by_ifunc(void) __attribute__((ifunc("choose")));

int late_chosen(void)
{
	return by_ifunc();
}

/* Reads zeros where the file's last page ends, in the middle and at the end; then writes. */
int late_bss(void)
{
	int sum = 0;

	for (int i = 0; i < 8192; i++)
		sum |= zeros[i] | zeros[BSS / 2 + i] | zeros[BSS - 1 - i];
	zeros[BSS / 2] = 1;
	return sum + zeros[BSS / 2] - 1;
}

__attribute__((destructor)) static void end(void)
{
	puts("destructor of late");
}
