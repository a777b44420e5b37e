/* SPDX-License-Identifier: MIT */
/*
 * Signal frames as a program may have written them: sigreturn takes nothing that the program
 * could not have by itself, and XRSTOR, here on the real processor, never faults. An input is a
 * list of changes to a good frame: two bytes of offset, one of length, the bytes.
 */
#include <cpuid.h>
#include <string.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sigframe.h"
#include "guest-lwk/user_window.h"
#include "guest-lwk/xstate.h"
#include "tests/fuzz/fuzz.h"

#define BASE 0x7000000ULL /* the program's address of memory[] */
#define FP   512          /* of the vector state */
/* CF PF AF ZF SF TF DF OF RF AC */
#define FREE_FLAGS 0x50dd5ULL

static _Alignas(64) u8 memory[16384], area[12288], own_state[12288];
static u64 memory_size;

struct machine machine;
static struct thread thread;

/* ---- what the files under test ask of the kernel ---- */

s64 user_read(void *dst, u64 src, u64 len)
{
	if (src < BASE || src - BASE > memory_size || len > memory_size - (src - BASE))
		return -EFAULT;
	memcpy(dst, memory + (src - BASE), len);
	return 0;
}

s64 user_read_u32(u32 *value, u64 addr)
{
	return user_read(value, addr, sizeof(*value));
}

s64 user_write(u64 dst, const void *src, u64 len)
{
	return -EFAULT;
}

s64 user_write_u32(u64 addr, u32 value)
{
	return -EFAULT;
}

void *window_open(struct process *proc, u64 va, u64 len, u32 prot)
{
	return NULL;
}

void window_close(struct process *proc)
{
}

void *kmem_alloc(u32 size)
{
	return area;
}

void kmem_free(void *ptr, u32 size)
{
}

s64 core_hypercall(u32 op, u64 arg0, u64 arg1, u64 arg2)
{
	abort();
}

void process_exit(struct process *proc, u32 wait_status)
{
	abort();
}

void printk(const char *fmt, ...)
{
	abort();
}

void panic(const char *fmt, ...)
{
	abort();
}

void sigframe_info_fill(struct sigframe_info *to, const struct ksiginfo *from)
{
	abort();
}

/* ---- frames ---- */

static void xstate_own(bool save)
{
	if (save)
		__asm__ volatile("xsave64 (%0)" ::"r"(own_state), "a"(0xe7), "d"(0) : "memory");
	else
		__asm__ volatile("xrstor64 (%0)" ::"r"(own_state), "a"(0xe7), "d"(0)
				 : "memory");
}

static void machine_fill(void)
{
	u32 lo, hi, a, b, c, d;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	machine.xcr0 = lo & 0xe7; /* not PKRU: this process needs its memory */
	__cpuid_count(0xd, 0, a, b, c, d);
	machine.xstate_size = MIN(b, (u32)sizeof(area));
	xstate_own(true);
}

static void frame_make(void)
{
	struct sigframe *frame = (void *)memory;
	const struct xs_sw sw = {
		XS_MAGIC1, machine.xstate_size + 4, machine.xcr0, machine.xstate_size, {0}};
	u32 magic2 = XS_MAGIC2;

	memset(memory, 0, sizeof(memory));
	frame->uc.mcontext.cs = USER_CS;
	frame->uc.mcontext.ss = USER_DS;
	frame->uc.mcontext.rip = 0x400000;
	frame->uc.mcontext.rsp = BASE + 4096;
	frame->uc.mcontext.rflags = 0x202;
	frame->uc.mcontext.fpstate = BASE + FP;
	memcpy(memory + FP, own_state, machine.xstate_size);
	memcpy(memory + FP + XS_SW, &sw, sizeof(sw));
	memcpy(memory + FP + machine.xstate_size, &magic2, sizeof(magic2));
	memory_size = FP + machine.xstate_size + 4;
}

static void frame_change(const u8 *data, size_t size)
{
	while (size > 3) {
		u64 at = (data[0] | (u64)data[1] << 8) % memory_size;
		u64 len = MIN(MIN((u64)data[2] % 16, size - 3), memory_size - at);

		memcpy(memory + at, data + 3, len);
		data += 3 + len;
		size -= 3 + len;
	}
	if (size) /* the frame may end early */
		memory_size -= memory_size * data[0] / 256;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct regs regs = {.rsp = BASE + 8, .rflags = 0x246, .cs = USER_CS, .ss = USER_DS},
		    before = regs;
	u64 mask;

	if (!machine.xstate_size)
		machine_fill();
	frame_make();
	if (size)
		frame_change(data, size);
	thread = (struct thread){.signals = {.alt_sp = BASE, .alt_size = 8192}};
	s64 ret = sigframe_pop(&thread, &regs, &mask);

	xstate_own(false);
	MUST(ret == 0 || ret == -EFAULT);
	MUST(size || !ret);
	if (ret) {
		MUST(!memcmp(&regs, &before, sizeof(regs)));
		return 0;
	}
	MUST(regs.cs == USER_CS && regs.ss == USER_DS && regs.rip < ABI_USER_END);
	MUST(((regs.rflags ^ before.rflags) & ~FREE_FLAGS) == 0);
	MUST(!(thread.signals.alt_flags & ~SS_AUTODISARM));
	return 0;
}
