/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/load.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/proxy/inherit.h"

#define STACK_LIMIT_MAX (1ULL << 30) /* what 'unlimited' means */

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static uint64_t page_down(uint64_t n)
{
	return n & ~(uint64_t)(ABI_PAGE - 1);
}

static uint64_t page_up(uint64_t n)
{
	return page_down(n + ABI_PAGE - 1);
}

/*
 * What the kernel gave us, not getauxval(): a static glibc answers AT_HWCAP with bits of its
 * own making, and programs look for SSE2 there.
 */
static uint64_t aux_host(uint64_t type)
{
	Elf64_auxv_t aux[64];
	uint64_t value = 0;
	int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, aux, sizeof(aux));

	for (ssize_t i = 0; i < n / (ssize_t)sizeof(aux[0]) && aux[i].a_type != AT_NULL; i++)
		if (aux[i].a_type == type)
			value = aux[i].a_un.a_val;
	if (fd >= 0)
		close(fd);
	return value;
}

static void aux_add(struct stack_plan *stack, uint64_t type, uint64_t value)
{
	stack->aux[stack->naux++] = (struct stack_aux){type, value};
}

/* Known only in part before the LWK has answered (vdso), but of the same size then or smaller.
 */
static void aux_fill(struct stack_plan *stack, const struct program *program,
	const struct abi_exec *exec, bool with_vdso)
{
	const struct elf_program *elf = &program->elf;
	uint64_t bias = elf_bias(elf);

	stack->naux = 0;
	if (with_vdso)
		aux_add(stack, AT_SYSINFO_EHDR, exec->vdso);
	aux_add(stack, AT_MINSIGSTKSZ, aux_host(AT_MINSIGSTKSZ));
	aux_add(stack, AT_HWCAP, aux_host(AT_HWCAP));
	aux_add(stack, AT_PAGESZ, ABI_PAGE);
	aux_add(stack, AT_CLKTCK, (uint64_t)sysconf(_SC_CLK_TCK));
	aux_add(stack, AT_PHDR, elf->phdr ? elf->phdr + bias : 0);
	aux_add(stack, AT_PHENT, sizeof(Elf64_Phdr));
	aux_add(stack, AT_PHNUM, elf->phdr ? elf->phnum : 0);
	aux_add(stack, AT_BASE, program->interp_image ? elf_interp_bias(&program->interp) : 0);
	aux_add(stack, AT_FLAGS, 0);
	aux_add(stack, AT_ENTRY, elf->entry + bias);
	aux_add(stack, AT_UID, getuid());
	aux_add(stack, AT_EUID, geteuid());
	aux_add(stack, AT_GID, getgid());
	aux_add(stack, AT_EGID, getegid());
	aux_add(stack, AT_SECURE, 0);
	aux_add(stack, AT_HWCAP2, aux_host(AT_HWCAP2));
}

static int stack_prepare(struct load *load, struct abi_exec *exec, struct problem *problem)
{
	const struct options *opt = load->job->opt;
	struct rlimit limit;

	load->env = stack_env((const char *const *)environ, opt->env, opt->nenv);
	if (!load->env)
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"proxy: no memory for the environment: free some on the host");
	load->stack.argv = (const char *const *)load->job->program->argv;
	load->stack.envp = load->env;
	load->stack.path = load->job->program->path;
	if (getrandom(load->stack.random, sizeof(load->stack.random), 0) < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"proxy: no random bytes: %s", strerror(errno));
	aux_fill(&load->stack, load->job->program, exec, true);
	exec->stack_need = page_up(stack_size(&load->stack));

	if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur > STACK_LIMIT_MAX)
		limit.rlim_cur = STACK_LIMIT_MAX;
	exec->stack_max = page_up(limit.rlim_cur);
	if (exec->stack_max < exec->stack_need)
		return problem_set(problem, -E2BIG, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: arguments and environment do not fit the stack: raise ulimit -s",
			load->job->program->path);
	return 0;
}

static void segment_add(struct abi_exec *exec, struct abi_exec_seg seg)
{
	unsigned at = exec->nsegs++;

	for (; at && exec->seg[at - 1].va > seg.va; at--)
		exec->seg[at] = exec->seg[at - 1];
	exec->seg[at] = seg;
}

static void segments_add(struct abi_exec *exec, const struct elf_program *elf, uint64_t bias)
{
	for (unsigned i = 0; i < elf->nsegs; i++) {
		const struct elf_segment *seg = &elf->seg[i];
		uint64_t head = seg->va % ABI_PAGE;

		segment_add(
			exec, (struct abi_exec_seg){
				      .va = page_down(seg->va + bias),
				      .file_len = seg->file_size ? head + seg->file_size : 0,
				      .len = page_up(head + seg->mem_size),
				      .prot = seg->prot,
			      });
	}
}

/* The user's limits as they are; what the program does to them the LWK keeps. */
static void limits_inherit(struct abi_exec *exec)
{
	static const int resource[ABI_LIMITS] = {
		[ABI_LIMIT_DATA] = RLIMIT_DATA,
		[ABI_LIMIT_NPROC] = RLIMIT_NPROC,
		[ABI_LIMIT_AS] = RLIMIT_AS,
	};

	for (unsigned i = 0; i < ABI_LIMITS; i++) {
		struct rlimit limit;

		if (getrlimit(resource[i], &limit))
			limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
		exec->limit[i] = (struct abi_limit){limit.rlim_cur, limit.rlim_max};
	}
}

int load_describe(struct load *load, struct abi_exec *exec, struct problem *problem)
{
	const struct program *program = load->job->program;
	const struct elf_program *elf = &program->elf, *interp = &program->interp;

	exec->nsegs = 0;
	segments_add(exec, elf, elf_bias(elf));
	exec->brk = page_up(elf->high + elf_bias(elf));
	exec->entry = elf->entry + elf_bias(elf);
	if (program->interp_image) {
		segments_add(exec, interp, elf_interp_bias(interp));
		exec->entry = interp->entry + elf_interp_bias(interp);
	}
	if (load->job->inherit)
		memcpy(exec->limit, load->job->inherit->limit, sizeof(exec->limit));
	else
		limits_inherit(exec);
	return stack_prepare(load, exec, problem);
}

static int file_read(int fd, void *to, uint64_t len, uint64_t offset)
{
	char *at = to;

	while (len) {
		ssize_t n = pread(fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ENODATA;
		at += n;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

static void load_end(struct load *load)
{
	free(load->env);
	load->env = NULL;
}

/* Each segment from its page's start, as a mapping of the file would have it. */
static int program_fill(const struct program *program)
{
	const struct elf_program *elf = &program->elf;
	int ret = 0;

	for (unsigned i = 0; i < elf->nsegs && !ret; i++) {
		const struct elf_segment *seg = &elf->seg[i];
		uint64_t head = seg->va % ABI_PAGE;

		if (seg->file_size)
			ret = file_read(program->fd, (void *)(seg->va - head + elf_bias(elf)),
				head + seg->file_size, seg->offset - head);
	}
	return ret;
}

static void interp_fill(const struct program *program)
{
	const struct elf_program *elf = &program->interp;

	for (unsigned i = 0; i < elf->nsegs; i++) {
		const struct elf_segment *seg = &elf->seg[i];
		uint64_t head = seg->va % ABI_PAGE;

		if (seg->file_size)
			memcpy((void *)(seg->va - head + elf_interp_bias(elf)),
				(const char *)program->interp_image + seg->offset - head,
				head + seg->file_size);
	}
}

int load_fill(struct load *load, struct abi_exec *exec, struct problem *problem)
{
	const struct program *program = load->job->program;
	int ret = program_fill(program);

	if (ret) {
		load_end(load);
		return problem_set(problem, ret, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: cannot be read: %s: is the file being changed?", program->path,
			ret == -ENODATA ? "it ends too early" : strerror(-ret));
	}
	if (program->interp_image)
		interp_fill(program);
	aux_fill(&load->stack, program, exec, exec->vdso != 0);
	exec->rsp = stack_compose(&load->stack, exec->stack_top,
		(void *)(exec->stack_top - stack_size(&load->stack)));
	load_end(load);
	return 0;
}

int load_refused(struct load *load, int err, struct problem *problem)
{
	load_end(load);
	return problem_set(problem, err, EXIT_LWVMM_NOT_RUNNABLE,
		"%s: the guest kernel cannot load it: %s: %s", load->job->program->path,
		strerror(-err),
		err == -ENOMEM ? "give the guest more memory (--mem)"
			       : "link it to addresses between 64 KiB and 64 TiB");
}
