/* SPDX-License-Identifier: MIT */
#include "guest-lwk/arch.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/process.h"
#include "guest-lwk/regs.h"

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap; /* no I/O bitmap: ring 3 has no ports */
} __attribute__((packed));

struct gate {
	u16 offset0, selector;
	u8 ist, type;
	u16 offset1;
	u32 offset2, reserved;
};

struct descriptor_ptr {
	u16 limit;
	u64 base;
} __attribute__((packed));

#define GDT_ENTRIES 7
static const u64 gdt_template[GDT_ENTRIES] = {
	0, 0x00af9b000000ffff, /* KERNEL_CS */
	0x00cf93000000ffff,    /* KERNEL_DS */
	0x00cff3000000ffff,    /* USER_DS */
	0x00affb000000ffff,    /* USER_CS */
};

/* The tables of one core on a cache line of their own. */
static struct arch_core {
	u64 gdt[GDT_ENTRIES + 1];
	struct tss tss;
} __attribute__((aligned(64))) arch_cores[ABI_MAX_CORES];

#define IST_SIZE 4096
static u8 ist_stacks[ABI_MAX_CORES][2][IST_SIZE] __attribute__((aligned(16)));

static struct gate idt[256];

extern char trap_stubs[], syscall_entry[];

static void gate_set(u32 vector, u32 stub, u8 ist, u8 dpl)
{
	u64 handler = (u64)trap_stubs + 16UL * stub;

	idt[vector] = (struct gate){
		.offset0 = (u16)handler,
		.offset1 = (u16)(handler >> 16),
		.offset2 = (u32)(handler >> 32),
		.selector = KERNEL_CS,
		.ist = ist,
		.type = (u8)(0x8e | dpl << 5),
	};
}

void arch_init(void)
{
	for (u32 v = 0; v < 32; v++)
		gate_set(v, v, v == 8 ? 1 : v == 2 ? 2 : 0, v == 3 || v == 4 ? 3 : 0);
	gate_set(ABI_VEC_TIMER, 32, 0, 0);
	gate_set(ABI_VEC_KICK, 33, 0, 0);
	gate_set(ABI_VEC_HOST, 34, 0, 0);
	gate_set(ABI_VEC_SPURIOUS, 35, 0, 0);
}

void core_set_kstack(struct core *core, u64 top)
{
	core->kstack_top = top;
	arch_cores[core->index].tss.rsp[0] = top;
}

static void tables_load(u32 index)
{
	struct arch_core *a = &arch_cores[index];
	u64 base = (u64)&a->tss;

	memcpy(a->gdt, gdt_template, sizeof(gdt_template));
	a->gdt[5] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | 0x89ULL << 40 |
		    (base >> 24 & 0xff) << 56;
	a->gdt[6] = base >> 32;
	a->tss.iomap = sizeof(struct tss);
	for (u32 i = 0; i < 2; i++)
		a->tss.ist[i] = (u64)ist_stacks[index][i] + IST_SIZE;

	struct descriptor_ptr gdtr = {sizeof(a->gdt) - 1, (u64)a->gdt};
	struct descriptor_ptr idtr = {sizeof(idt) - 1, (u64)idt};

	__asm__ volatile("lgdt %0" ::"m"(gdtr));
	__asm__ volatile("lidt %0" ::"m"(idtr));
	__asm__ volatile(
		"pushq %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" ::"i"(KERNEL_CS)
		: "rax", "memory");
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" ::"r"(KERNEL_DS));
	__asm__ volatile("mov %0, %%fs; mov %0, %%gs" ::"r"(0));
	__asm__ volatile("ltr %w0" ::"r"(TSS_SEL));
}

void arch_init_core(u32 index)
{
	struct core *core = &cores[index];

	tables_load(index);
	wrmsr(MSR_GS_BASE, (u64)core);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_STAR, (u64)KERNEL_DS << 48 | (u64)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, machine.software_kvm ? ABI_GATE_VA : (u64)syscall_entry);
	wrmsr(MSR_FMASK, 0x47700); /* TF IF DF IOPL NT AC */
	if (!machine.software_kvm)
		wrmsr(MSR_TSC_AUX, core->node << 12 | index);
	wrmsr(MSR_X2APIC_SVR, 0x100 | ABI_VEC_SPURIOUS);
}
