/* SPDX-License-Identifier: MIT */
/*
 * `lwvmm run` as one story: options, the guest file, the host, the plan; then two processes,
 * the VMM (monitor.c) and, with the pid that the shell knows, the proxy of the program. With
 * --detach there is no program: we wait until the guest serves. `lwvmm exec` is the proxy
 * alone.
 */
#include "vmm/run.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "numa/host.h"
#include "numa/options.h"
#include "numa/plan.h"
#include "vmm/base/affinity.h"
#include "vmm/cmd.h"
#include "vmm/control.h"
#include "vmm/launch.h"
#include "vmm/monitor.h"
#include "vmm/pool.h"
#include "vmm/program.h"
#include "vmm/proto.h"
#include "vmm/proxy/proxy.h"
#include "vmm/proxy/trace.h"
#include "vmm/view/view_store.h"

/* Large values, one of each a process. */
static struct host host;
static struct plan plan;
static struct options options;
static struct program program = {.fd = -1}; /* with --detach there is none */
static int trace_fd = -1;
static struct launcher launcher; /* with --ranks */

/* What we run, and what we do not yet. */
static int check_kind(struct problem *problem)
{
	char text[PATH_MAX + 64];

	if (program.elf.kind == ELF_KIND_PVH)
		return problem_set(problem, -ENOEXEC, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: is a PVH kernel image: other kernels than the LWK are not served "
			"yet",
			program.path);
	program_describe(&program, text, sizeof(text));
	if (options.verbose)
		note_print("%s: %s", program.path, text);
	return 0;
}

/* What a program that is not position-independent has below 1 GiB. */
static uint64_t bytes_low(const struct elf_program *elf)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < elf->nsegs && !elf->pie && elf->kind == ELF_KIND_LINUX; i++) {
		const struct elf_segment *seg = &elf->seg[i];

		if (seg->va < GIB(1))
			sum += seg->mem_size < GIB(1) - seg->va ? seg->mem_size
								: GIB(1) - seg->va;
	}
	return sum;
}

static int make_plan(struct problem *problem)
{
	char note[PLAN_NOTE_MAX];
	int err;

	/* What crashed guests left is given back first, so that the plan sees it. */
	pool_repair(true, NULL);
	view_repair(true, NULL);
	control_list(NULL, 0);
	err = host_read("", &host, problem);
	if (err)
		return err;
	err = plan_make(&options, &host, &plan, problem);
	if (err)
		return err;
	for (unsigned i = 0; plan_note(&plan, i, note); i++)
		note_print("%s", note);
	return 0;
}

/*
 * The VMM is a grandchild, so that it is not a child of the program: wait() in the program must
 * not see it. Returns in the proxy 0 or -errno; the VMM never returns.
 */
static int vmm_spawn(const struct monitor_job *job, int proxy_sock, struct problem *problem)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"VMM: no process could be made (%s): raise `ulimit -u`",
			strerror(errno));
	if (!child) {
		pid_t vmm = fork();

		if (vmm)
			_exit(vmm < 0);
		close(proxy_sock);
		if (trace_fd >= 0)
			close(trace_fd);
		_exit(monitor_main(job));
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		return problem_set(problem, -EAGAIN, EXIT_LWVMM_FAILED,
			"VMM: no process could be made: raise `ulimit -u`");
	return 0;
}

static int image_map(
	const char *path, int fd, struct boot_image *image, struct problem *problem)
{
	struct stat st;
	void *data;

	if (fstat(fd, &st))
		return problem_set(problem, -errno, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: cannot be looked at (%s): check the file system", path,
			strerror(errno));
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return problem_set(problem, -errno, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: cannot be mapped (%s): check the file system", path,
			strerror(errno));
	*image = (struct boot_image){path, data, (size_t)st.st_size};
	return 0;
}

/* Our end of file is the guest's end; its own is the sign that all is given back. */
static void guest_end(int sock)
{
	struct proto_problem packet;

	shutdown(sock, SHUT_WR);
	while (recv(sock, &packet, sizeof(packet), 0) < 0 && errno == EINTR)
		;
}

/* An image has no program and so no proxy: wait for the guest's end, or for our own. */
static int image_wait(int sock, struct problem *problem)
{
	struct pollfd ready = {.fd = sock, .events = POLLIN};
	int timeout = options.timeout_s > 0 ? (int)(options.timeout_s * 1e3) : -1;
	struct proto_problem packet = {0};
	int n = poll(&ready, 1, timeout);

	if (!n) {
		problem_set(problem, -ETIMEDOUT, EXIT_LWVMM_TIMEOUT,
			"guest %s: still running after %g s: ended (--timeout)", plan.name,
			options.timeout_s);
		guest_end(sock);
		return problem->status;
	}
	if (recv(sock, &packet, sizeof(packet), 0) < (ssize_t)sizeof(packet) ||
		packet.type != PROTO_PROBLEM)
		return problem_set(problem, -EPIPE, EXIT_LWVMM_FAILED,
			"guest %s: the VMM is gone: it was killed", plan.name);
	packet.text[sizeof(packet.text) - 1] = '\0';
	return problem_set(problem, -EIO, packet.status, "%s", packet.text);
}

/* The guest runs and we may go, or why it does not. */
static int detached_wait(int sock, struct problem *problem)
{
	struct proto_problem packet = {0};
	ssize_t n;

	do
		n = recv(sock, &packet, sizeof(packet), 0);
	while (n < 0 && errno == EINTR);
	if (n >= (ssize_t)sizeof(packet.type) && packet.type == PROTO_READY)
		return 0;
	if (n < (ssize_t)sizeof(packet) || packet.type != PROTO_PROBLEM)
		return problem_set(problem, -EPIPE, EXIT_LWVMM_FAILED,
			"guest %s: the VMM is gone: it was killed", plan.name);
	packet.text[sizeof(packet.text) - 1] = '\0';
	return problem_set(problem, -EIO, packet.status, "%s", packet.text);
}

static int open_program(struct problem *problem)
{
	int err = program_open(options.guest, &program, problem);

	if (!err)
		err = check_kind(problem);
	/* Ranks each open it themselves. */
	if (!err && options.trace && !options.ranks) {
		trace_fd = trace_open(options.trace, problem);
		err = trace_fd < 0 ? trace_fd : 0;
	}
	return err;
}

static bool is_image(void)
{
	return program.fd >= 0 && program.elf.kind == ELF_KIND_LWK;
}

static int find_launcher(struct problem *problem)
{
	if (is_image())
		return problem_set(problem, -ENOEXEC, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: is an LWK image, no program: --ranks is for programs",
			program.path);
	return launch_find(&options, &program, &launcher, problem);
}

/* Several processes: an MPI launcher starts them, and the guest lives until it is done. */
static int ranks_run(const struct launcher *launcher, int sock, struct problem *problem)
{
	int status = detached_wait(sock, problem);

	if (status)
		return status;
	status = launch_run(launcher, &options, plan.name, plan.nvcpus, problem);
	guest_end(sock);
	if (status > 0 && !problem->status)
		problem->status = status; /* the ranks' own: nothing to be said */
	return status;
}

static int proxy_become(int sock, uint64_t affinity, struct rank rank, struct problem *problem)
{
	return proxy_main(
		&(struct proxy_job){
			.opt = &options,
			.program = &program,
			.sock = sock,
			.trace_fd = trace_fd,
			.affinity = affinity,
			.rank = rank,
		},
		problem);
}

static int live(uint64_t start, struct problem *problem)
{
	struct monitor_job job = {
		.opt = &options,
		.plan = &plan,
		.image = boot_builtin(),
		.start_tsc = start,
	};
	int sock[2];
	int err = 0;

	if (is_image())
		err = image_map(program.path, program.fd, &job.image, problem);
	/* Before there is any other thread: all inherit it but the vCPUs'. */
	if (!err && plan.nhelpers)
		err = affinity_set(plan.helper, plan.nhelpers, problem);
	if (err)
		return err;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"VMM: no socket could be made (%s): raise `ulimit -n`",
			strerror(errno));
	job.sock = sock[1];
	err = vmm_spawn(&job, sock[0], problem);
	close(sock[1]);
	if (err)
		return err;
	if (options.detach)
		return detached_wait(sock[0], problem);
	if (is_image())
		return image_wait(sock[0], problem);
	if (options.ranks)
		return ranks_run(&launcher, sock[0], problem);
	return proxy_become(sock[0], 0, (struct rank){0}, problem);
}

static int run(char *const *argv, struct problem *problem)
{
	uint64_t start = __rdtsc();
	int err;

	err = options_parse(argv, OPTIONS_RUN, &options, problem);
	if (err)
		return err;
	if (options.help) {
		help_topic_print("run", stdout);
		return 0;
	}
	if (!options.detach)
		err = open_program(problem);
	if (!err && options.ranks)
		err = find_launcher(problem);
	if (err)
		return err;
	options.program_low = options.detach ? 0 : bytes_low(&program.elf);
	err = make_plan(problem);
	return err ? err : live(start, problem);
}

int cmd_run(char *const *argv)
{
	struct problem problem = {0};

	run(argv, &problem);
	if (problem.text[0])
		problem_print(&problem);
	return problem.status;
}

/* Of exec: CPUs as the guest numbers them, as a mask. */
static int guest_cpus(uint64_t *mask, struct problem *problem)
{
	*mask = 0;
	for (unsigned i = 0; i < options.ncores; i++) {
		if (options.core[i] >= PLAN_MAX_VCPUS)
			return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
				"--cores: no guest has a CPU %u: name CPUs of the guest, from "
				"0",
				options.core[i]);
		*mask |= 1ULL << options.core[i];
	}
	return 0;
}

static int exec(char *const *argv, struct problem *problem)
{
	const char *name = argv[0];
	struct rank rank = {0};
	uint64_t affinity;
	int err, sock;

	if (!name || (name[0] == '-' && strcmp(name, "--help") && strcmp(name, "-h")))
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"exec: the guest's name comes first: lwvmm exec NAME [OPTIONS] -- "
			"PROGRAM [ARGS...]");
	err = options_parse(name[0] == '-' ? argv : argv + 1, OPTIONS_EXEC, &options, problem);
	if (err)
		return err;
	if (options.help) {
		help_topic_print("exec", stdout);
		return 0;
	}
	err = open_program(problem);
	if (!err && is_image())
		err = problem_set(problem, -ENOEXEC, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: is an LWK image, no program: lwvmm run starts a guest from it",
			program.path);
	if (!err)
		err = guest_cpus(&affinity, problem);
	if (err)
		return err;
	/* Last: the guest does not wait long for our first words. */
	sock = control_connect(name, true, problem);
	if (sock < 0)
		return sock;
	memcpy(options.name, name, strlen(name) + 1); /* it is sound: control_connect() */
	if (options.bind != BIND_NONE)
		rank = rank_read(getenv);
	return proxy_become(sock, affinity, rank, problem);
}

int cmd_exec(char *const *argv)
{
	struct problem problem = {0};

	exec(argv, &problem);
	if (problem.status)
		problem_print(&problem);
	return problem.status;
}
