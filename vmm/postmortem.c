/* SPDX-License-Identifier: MIT */
#include "vmm/postmortem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/kvm.h"

#define CODE_BYTES 16

const struct vcpu *postmortem_find(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->nvcpus; i++)
		if (vm->vcpu[i].failure)
			return &vm->vcpu[i];
	return NULL;
}

static void print_gprs(const uint64_t gpr[16])
{
	static const char *const name[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi",
		"rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};

	for (unsigned i = 0; i < 16; i++)
		fprintf(stderr, "%s%-3s %016" PRIx64 "%s", i % 4 ? "  " : "lwvmm:   ", name[i],
			gpr[i], i % 4 == 3 ? "\n" : "");
}

static void print_place(
	const struct boot_image *image, uint64_t rip, uint64_t rsp, uint64_t cr2, uint64_t cr3)
{
	uint64_t offset = 0;
	const char *symbol = elf_symbol(image->data, image->size, rip, &offset);

	fprintf(stderr, "lwvmm:   rip %016" PRIx64, rip);
	if (symbol)
		fprintf(stderr, " (%s+%#" PRIx64 ")", symbol, offset);
	fprintf(stderr,
		"  rsp %016" PRIx64 "\nlwvmm:   cr2 %016" PRIx64 "  cr3 %016" PRIx64 "\n", rsp,
		cr2, cr3);
}

/* The instruction bytes at an address of the image: what a software KVM could not emulate. */
static void print_code(const struct gpa_map *map, uint64_t rip)
{
	const uint8_t *code = NULL;

	if (rip >= ABI_IMAGE_VA)
		code = gpa_to_host(map, gpa(rip - ABI_IMAGE_VA), CODE_BYTES);
	if (!code)
		return;
	fprintf(stderr, "lwvmm:   code");
	for (unsigned i = 0; i < CODE_BYTES; i++)
		fprintf(stderr, " %02x", code[i]);
	fputc('\n', stderr);
}

/*
 * On AMD's processors KVM knows no state of a CPU that has shut down and resets it (svm.c).
 * Real mode is that state: no vCPU of ours is ever in it.
 */
static bool was_reset(const struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	return vcpu->run->exit_reason == KVM_EXIT_SHUTDOWN && !(sregs->cr0 & 1);
}

/* The registers as KVM has them. */
static void print_vcpu_state(const struct vcpu *vcpu, const struct boot_image *image)
{
	struct kvm_sregs sregs;
	struct kvm_regs r;

	if (kvm_regs_get(vcpu->fd, &r) || kvm_sregs_get(vcpu->fd, &sregs)) {
		fprintf(stderr, "lwvmm:   its registers cannot be had any more\n");
		return;
	}
	if (was_reset(vcpu, &sregs)) {
		fprintf(stderr, "lwvmm:   its registers are lost: this KVM resets a CPU that "
				"shuts down\n");
		return;
	}
	print_place(image, r.rip, r.rsp, sregs.cr2, sregs.cr3);
	print_code(&vcpu->vm->map, r.rip);
	print_gprs((uint64_t[16]){r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8,
		r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15});
}

static void describe_exit(const struct vcpu *vcpu, char *text, size_t size)
{
	const struct kvm_run *run = vcpu->run;
	const char *name = kvm_exit_name(run->exit_reason);

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		snprintf(text, size, "%s, port %#x, %u bytes %s", name, run->io.port,
			run->io.size, run->io.direction == KVM_EXIT_IO_OUT ? "out" : "in");
		break;
	case KVM_EXIT_MMIO:
		snprintf(text, size, "%s, gpa %#llx, %u bytes %s", name, run->mmio.phys_addr,
			run->mmio.len, run->mmio.is_write ? "written" : "read");
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(text, size, "%s, suberror %u", name, run->internal.suberror);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(text, size, "%s, hardware reason %#llx", name,
			run->fail_entry.hardware_entry_failure_reason);
		break;
	default:
		snprintf(text, size, "%s (%u)", name, run->exit_reason);
		break;
	}
}

static void of_exit(
	const struct vcpu *vcpu, const struct boot_image *image, struct problem *problem)
{
	char exit[128];

	describe_exit(vcpu, exit, sizeof(exit));
	fprintf(stderr, "lwvmm: post-mortem of guest %s: vCPU %u: %s\nlwvmm:   exit %s\n",
		vcpu->vm->plan->name, vcpu->index, vcpu->why, exit);
	print_vcpu_state(vcpu, image);
	problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
		"guest %s: stopped: vCPU %u: %s: see the post-mortem above",
		vcpu->vm->plan->name, vcpu->index, vcpu->why);
}

static void of_panic(
	const struct vcpu *vcpu, const struct boot_image *image, struct problem *problem)
{
	const void *at =
		gpa_to_host(&vcpu->vm->map, gpa(vcpu->panic_gpa), sizeof(struct abi_panic));
	struct abi_panic p = {.text = "(its last words are at an address without memory)"};

	if (at)
		memcpy(&p, at, sizeof(p));
	p.text[sizeof(p.text) - 1] = '\0';
	for (char *c = p.text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	fprintf(stderr,
		"lwvmm: post-mortem of guest %s: vCPU %u: the kernel gave up: %s\n"
		"lwvmm:   vector %" PRIu64 "  error %#" PRIx64 "  thread %u\n",
		vcpu->vm->plan->name, vcpu->index, p.text, p.vector, p.error, p.tid);
	print_place(image, p.rip, p.rsp, p.cr2, p.cr3);
	print_code(&vcpu->vm->map, p.rip);
	print_gprs(p.gpr);
	problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
		"guest %s: stopped: its kernel gave up on vCPU %u (%s): see the post-mortem "
		"above",
		vcpu->vm->plan->name, vcpu->index, p.text);
}

void postmortem(
	const struct vcpu *vcpu, const struct boot_image *image, struct problem *problem)
{
	switch (vcpu->failure) {
	case VCPU_PANIC:
		of_panic(vcpu, image, problem);
		break;
	case VCPU_EXIT:
		of_exit(vcpu, image, problem);
		break;
	case VCPU_RUN:
		fprintf(stderr, "lwvmm: post-mortem of guest %s: vCPU %u: KVM_RUN: %s\n",
			vcpu->vm->plan->name, vcpu->index, strerror(-vcpu->error));
		print_vcpu_state(vcpu, image);
		problem_set(problem, vcpu->error, EXIT_LWVMM_FAILED,
			"guest %s: stopped: vCPU %u could not run (%s): see the post-mortem "
			"above",
			vcpu->vm->plan->name, vcpu->index, strerror(-vcpu->error));
		break;
	case VCPU_PIN:
		problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
			"guest %s: stopped: vCPU %u did not get its core %u: see above",
			vcpu->vm->plan->name, vcpu->index,
			vcpu->vm->plan->vcpu[vcpu->index].core);
		break;
	case VCPU_FINE:
		break;
	}
}
