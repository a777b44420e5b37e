/* SPDX-License-Identifier: MIT */
/* `lwvmm ps` and `lwvmm stop`: a question to a guest's control socket, and its answer. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-lwk/abi/share.h"
#include "numa/options.h"
#include "vmm/cmd.h"
#include "vmm/cmd_ask.h"
#include "vmm/control.h"
#include "vmm/proto.h"

#define STOP_MS      10000
#define STOP_MORE_MS 30000 /* for killed processes and for giving memory back */

static union answer answer; /* large */

static int query(const char *name, struct proto_guest *guest, struct problem *problem)
{
	int err = guest_query(name, PROTO_QUERY, &answer, problem);

	if (!err)
		*guest = answer.guest;
	return err;
}

/* CPU time of each of the guest's processes, by pid. */
static void times_read(const char *name, const struct proto_guest *guest, uint64_t *cpu_ns)
{
	struct problem gone = {0};

	memset(cpu_ns, 0, ABI_MAX_PROCS * sizeof(*cpu_ns));
	if (!guest->nprocs || guest_query(name, PROTO_STAT, &answer, &gone))
		return;
	for (unsigned i = 0; i < guest->nprocs; i++)
		for (unsigned k = 0; k < answer.account.nprocs; k++)
			if (answer.account.process[k].pid == guest->process[i].pid)
				cpu_ns[i] = answer.account.process[k].cpu_ns;
}

static const char *guest_state(const struct proto_guest *guest)
{
	static const char *const word[] = {"starting", "running", "ending"};

	return guest->state <= PROTO_ENDING ? word[guest->state] : "?";
}

static const char *process_state(const struct proto_process *process)
{
	switch (process->state) {
	case ABI_PROC_RUNNING:
		return "running";
	case ABI_PROC_EXITED:
	case ABI_PROC_GONE:
		return "ending";
	default:
		return "starting";
	}
}

/* A program's words go to a terminal, or between quotation marks. */
static void command_clean(char *text, bool json)
{
	text[PROTO_COMMAND_SIZE - 1] = '\0';
	for (; *text; text++)
		if (!isprint((unsigned char)*text) || (json && (*text == '"' || *text == '\\')))
			*text = '?';
}

static void guest_print(const char *name, struct proto_guest *guest)
{
	uint64_t cpu_ns[ABI_MAX_PROCS];
	char cores[256], mem[SIZE_TEXT_MAX];

	cpulist_format(guest->core, guest->ncores, cores, sizeof(cores));
	printf("%s: %s, pid %d, cores %s, %s, up %.1f s, processes: %u\n", name,
		guest_state(guest), guest->pid, cores, size_format(guest->mem, mem),
		(double)guest->up_ms / 1e3, guest->nprocs);
	if (guest->window_files)
		printf("  window: %" PRIu64 " KiB of %" PRIu64 " files\n",
			guest->window_mapped >> 10, guest->window_files);
	times_read(name, guest, cpu_ns);
	for (unsigned i = 0; i < guest->nprocs; i++) {
		struct proto_process *p = &guest->process[i];

		command_clean(p->command, false);
		printf("  %d: %s, threads %u, up %.1f s, CPU time %.2f s: %s\n", p->pid,
			process_state(p), p->nthreads, (double)p->up_ms / 1e3,
			(double)cpu_ns[i] / 1e9, p->command);
	}
}

static void guest_print_json(const char *name, struct proto_guest *guest)
{
	uint64_t cpu_ns[ABI_MAX_PROCS];

	times_read(name, guest, cpu_ns);
	printf("{\"name\": \"%s\", \"pid\": %d, \"uid\": %u, \"state\": \"%s\", \"detached\": "
	       "%s, \"memory\": %" PRIu64 ", \"up_s\": %.3f, "
	       "\"window\": {\"mapped\": %" PRIu64 ", \"files\": %" PRIu64 "}, \"cores\": [",
		name, guest->pid, guest->uid, guest_state(guest),
		guest->detached ? "true" : "false", guest->mem, (double)guest->up_ms / 1e3,
		guest->window_mapped, guest->window_files);
	for (unsigned i = 0; i < guest->ncores; i++)
		printf("%s%u", i ? ", " : "", guest->core[i]);
	printf("], \"processes\": [");
	for (unsigned i = 0; i < guest->nprocs; i++) {
		struct proto_process *p = &guest->process[i];

		command_clean(p->command, true);
		printf("%s{\"pid\": %d, \"state\": \"%s\", \"threads\": %u, \"up_s\": %.3f, "
		       "\"cpu_s\": %.6f, \"command\": \"%s\"}",
			i ? ", " : "", p->pid, process_state(p), p->nthreads,
			(double)p->up_ms / 1e3, (double)cpu_ns[i] / 1e9, p->command);
	}
	printf("]}");
}

/* Of all guests those that end meanwhile, or are not ours to ask, are left out. */
static int ps(const char *name, bool json, struct problem *problem)
{
	static char names[CMD_MAX_GUESTS][CONTROL_NAME_SIZE];
	static struct proto_guest guest;
	unsigned n = 1, shown = 0;

	if (name)
		snprintf(names[0], sizeof(names[0]), "%s", name);
	else
		n = control_list(names, CMD_MAX_GUESTS);
	if (json)
		printf("[");
	for (unsigned i = 0; i < n && i < CMD_MAX_GUESTS; i++) {
		struct problem other = {0};

		if (query(names[i], &guest, name ? problem : &other))
			continue;
		if (json && shown++)
			printf(",\n ");
		if (json)
			guest_print_json(names[i], &guest);
		else
			guest_print(names[i], &guest);
	}
	if (json)
		printf("]\n");
	return problem->status;
}

static int ps_parse(char *const *argv, struct problem *problem)
{
	const char *name = NULL;
	bool json = false;

	for (; *argv; argv++) {
		if (!strcmp(*argv, "--help") || !strcmp(*argv, "-h")) {
			help_topic_print("ps", stdout);
			return 0;
		}
		if (!strcmp(*argv, "--json"))
			json = true;
		else if ((*argv)[0] == '-' || name)
			return cmd_unknown_word("ps", *argv, problem);
		else
			name = *argv;
	}
	return ps(name, json, problem);
}

static int stop(const char *name, uint32_t timeout_ms, struct problem *problem)
{
	int sock = control_connect(name, false, problem);
	int err;

	if (sock < 0)
		return sock;
	err = guest_ask(sock, name, PROTO_STOP, timeout_ms, (int)timeout_ms + STOP_MORE_MS,
		&answer, problem);
	if (!err && answer.type != PROTO_BYE)
		err = problem_set(problem, -EPROTO, EXIT_LWVMM_FAILED,
			"guest %s: its answer makes no sense: is it another version of lwvmm?",
			name);
	close(sock);
	return err;
}

static int stop_parse(char *const *argv, struct problem *problem)
{
	const char *name = NULL;
	double seconds = STOP_MS / 1e3;
	char rest;

	for (; *argv; argv++) {
		const char *value = NULL;

		if (!strcmp(*argv, "--help") || !strcmp(*argv, "-h")) {
			help_topic_print("stop", stdout);
			return 0;
		}
		if (!strncmp(*argv, "--timeout=", 10))
			value = *argv + 10;
		else if (!strcmp(*argv, "--timeout"))
			value = argv[1] ? *++argv : "";
		if (value && (!isdigit((unsigned char)*value) ||
				     sscanf(value, "%lf%c", &seconds, &rest) != 1 ||
				     seconds > 86400))
			return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
				"--timeout %s: not a time: give seconds, like 30 or 0.5",
				value);
		if (!value && ((*argv)[0] == '-' || name))
			return cmd_unknown_word("stop", *argv, problem);
		if (!value)
			name = *argv;
	}
	if (!name)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"stop: no guest is named: lwvmm stop NAME: see lwvmm ps");
	return stop(name, (uint32_t)(seconds * 1e3), problem);
}

int cmd_ps(char *const *argv)
{
	struct problem problem = {0};

	if (ps_parse(argv, &problem))
		problem_print(&problem);
	return problem.status;
}

int cmd_stop(char *const *argv)
{
	struct problem problem = {0};

	if (stop_parse(argv, &problem))
		problem_print(&problem);
	return problem.status;
}
