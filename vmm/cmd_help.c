/* SPDX-License-Identifier: MIT */
/* The help pages. docs/man/lwvmm.1 says the same at length: change both. */
#include <string.h>

#include "vmm/base/problem.h"
#include "vmm/cmd.h"

static const char page_main[] =
	"lwvmm: run a program on cores and memory of its own\n"
	"\n"
	"  lwvmm run [OPTIONS] [--] GUEST [ARGS...]   run a Linux program (or a kernel) as a "
	"guest\n"
	"  lwvmm run --detach --name N [OPTIONS]      start a guest without a program\n"
	"  lwvmm start NAME [OPTIONS]                 start the guest that "
	"/etc/lwvmm/NAME.conf describes\n"
	"  lwvmm status NAME                          does it run? 0: yes, 3: no\n"
	"  lwvmm exec NAME [OPTIONS] -- PROGRAM [ARGS...]\n"
	"                                             run a program in a running guest\n"
	"  lwvmm ps [NAME] [--json]                   the guests that run, and what runs in "
	"them\n"
	"  lwvmm stat NAME [--json]                   what a running guest has used since its "
	"start\n"
	"  lwvmm stop NAME [--timeout S]              end a guest and its programs in order\n"
	"  lwvmm plan [OPTIONS] [--json]              what would be placed where; touches "
	"nothing\n"
	"  lwvmm hand NAME UID[:GID] --for JOB        lend a guest that root keeps to a user\n"
	"  lwvmm slurm-conf NAME                      the lines of slurm.conf for the guest "
	"and "
	"its host\n"
	"  lwvmm check [--repair]                     is this host ready, and what to do if "
	"not\n"
	"  lwvmm version\n"
	"  lwvmm help [COMMAND]                       also: lwvmm COMMAND --help\n"
	"\n"
	"GUEST is an unmodified Linux program, static or dynamic: it runs on lwvmm's own "
	"light\n"
	"kernel, on huge pages and on cores on which nothing else runs. Files, sockets, "
	"signals,\n"
	"standard input and output and the exit status are as without lwvmm:\n"
	"\n"
	"  lwvmm run --cores 0-7 --mem 16G ./stream\n"
	"  lwvmm plan --cores 0-7 --mem 16G --page 1G\n"
	"\n"
	"See lwvmm run --help for the options and the exit statuses, and lwvmm(1).\n";

/* The options in two parts: what shapes the plan, and the rest. */
#define OPTIONS_OF_PLAN                                                                        \
	"  --name N            name of the guest: letters, digits, '-', '_', '.'  "            \
	"[lwvmm-PID]\n"                                                                        \
	"  --cores LIST        host CPUs, one vCPU each, in this order: 0-3,8 or 0-14:2\n"     \
	"                      [the isolated CPUs; if there are none, all but the first]\n"    \
	"  --no-smt            of the cores named keep one of each physical core, the first\n" \
	"  --mem SIZE          RAM: 64M, 2G, 1.5G; in units of 2 MiB  [1G, or half of what "   \
	"is free]\n"                                                                           \
	"  --mem SIZE@NODE,... from these host nodes, also from others than the cores': "      \
	"8G@0,8G@1\n"                                                                          \
	"  --numa mirror|none|N\n"                                                             \
	"                      nodes of the guest: those of the host that it uses, with "      \
	"memory in\n"                                                                          \
	"                      proportion to the cores; or a single one; or N, each with "     \
	"an equal\n"                                                                           \
	"                      part of vCPUs and memory  [mirror]\n"                           \
	"  --page auto|1G|2M|4K\n"                                                             \
	"                      pages under the guest's RAM. auto takes the largest pool of "   \
	"huge\n"                                                                               \
	"                      pages that suffices, grows the 2 MiB pool if it may (root), "   \
	"or falls\n"                                                                           \
	"                      back to transparent huge pages. A size you name is never "      \
	"replaced.\n"                                                                          \
	"                      [auto]\n"                                                       \
	"  --commit request|touch\n"                                                           \
	"                      give a process its memory when it asks, or block by block "     \
	"when it\n"                                                                            \
	"                      touches it  [request on one node, touch on several]\n"          \
	"  --config FILE       take options from FILE, one \"word = value\" a line, without "  \
	"-- "                                                                                  \
	"(see\n"                                                                               \
	"                      lwvmm start --help); what is said after it wins\n"              \
	"  --window SIZE       how much of files its processes may map MAP_SHARED at a "       \
	"time; 0: none\n"                                                                      \
	"                      [half of RAM, at least 256M, at most 64G]\n"

#define TRACE_HELP                                                                             \
	"  --trace, --trace=FILE\n"                                                            \
	"                      print its system calls, as strace does, with the time of each " \
	"and who\n"                                                                            \
	"                      served it; to standard error, or appended to FILE\n"

static const char page_run[] =
	"lwvmm run [OPTIONS] [--] GUEST [ARGS...]: run GUEST on cores and memory of its own\n"
	"\n"
	"Options end at -- or at the first word that is none.\n"
	"\n" OPTIONS_OF_PLAN "  --env NAME=VALUE    set a variable for the guest, beside all "
	"of yours; may be repeated\n"
	"  --timeout SECONDS   end the guest after this time, with status 124\n"
	"  --detach            no GUEST: start a guest for lwvmm exec (needs --name), return "
	"when it\n"
	"                      serves; lwvmm stop ends it\n"
	"  --user UID[:GID]    with --detach, as root: the guest is to be this user's\n"
	"  --ranks N           N processes of GUEST, each on its part of the cores, started by "
	"the\n"
	"                      host's MPI launcher (Open MPI's or MPICH's, as GUEST is "
	"linked)\n"
	"  --launcher NAME     another launcher for --ranks; it must take -n N\n"
	"  --bind rank|none    with --ranks: each process on its part of the cores, or on all "
	"[rank]\n"
	"  --stats             at the end, print exits, interrupts, calls and faults of each "
	"vCPU\n"
	"  --json FILE         write the same to FILE\n" TRACE_HELP
	"  -v, -vv             say what is done (the plan, the kind of guest), or say it at "
	"length\n"
	"  -h, --help          this page\n"
	"\n"
	"Exit status\n"
	"  the program's own; 128+N when signal N ended it; 124 --timeout; 125 lwvmm itself\n"
	"  failed (one line on stderr says why); 126 GUEST cannot be run; 127 it is not there\n"
	"\n"
	"Examples\n"
	"  lwvmm run --cores 0-1 --mem 2G ./stream\n"
	"  lwvmm run --cores 0-7 --mem 16G --ranks 8 ./xhpl\n"
	"  lwvmm run --cores 2-7 --page 1G --mem 24G --env OMP_NUM_THREADS=6 --stats ./xhpl\n";

static const char page_exec[] =
	"lwvmm exec NAME [OPTIONS] [--] PROGRAM [ARGS...]: run PROGRAM in the guest NAME\n"
	"\n"
	"The program is a process of its own: its own memory, standard input and output, "
	"descriptors,\n"
	"working directory, environment, signals and exit status, all those of this command. "
	"Any\n"
	"number at once (64 processes in a guest), by the user who started the guest. Its "
	"first\n"
	"thread goes to the guest CPU with the fewest threads.\n"
	"\n"
	"  --cores LIST        guest CPUs (from 0) that it may use: 0-3 or 1  [all]\n"
	"  --bind rank|none    started by an MPI launcher or srun, as one of several on this "
	"host:\n"
	"                      use its part of these CPUs, or all of them  [rank]\n"
	"  --env NAME=VALUE    set a variable for it, beside all of yours; may be repeated\n"
	"  --label TEXT        sum up what it and its children use, for lwvmm stat --ended "
	"TEXT\n"
	"  --timeout SECONDS   end it after this time, with status 124\n" TRACE_HELP
	"  -v                  say what is done\n"
	"  -h, --help          this page\n"
	"\n"
	"Exit status: as of lwvmm run.\n"
	"\n"
	"Example\n"
	"  lwvmm run --name g --detach --cores 0-7 --mem 16G\n"
	"  mpiexec -n 8 lwvmm exec g -- ./xhpl\n"
	"  lwvmm exec g -- ./a & lwvmm exec g -- ./b & wait; lwvmm stop g\n";

static const char page_start[] =
	"lwvmm start NAME [OPTIONS]: start the guest that /etc/lwvmm/NAME.conf describes\n"
	"\n"
	"The same as lwvmm run --config /etc/lwvmm/NAME.conf --detach --name NAME: returns "
	"when "
	"the\n"
	"guest serves. It lives on without this terminal, until lwvmm stop NAME. What it has "
	"to "
	"say\n"
	"goes to /run/lwvmm/guest-NAME.log (root's); as a systemd service (lwvmm@NAME) to "
	"the journal.\n"
	"A start gives back what a killed guest has left.\n"
	"\n"
	"OPTIONS are those of lwvmm run: what is said here wins over the file; --config FILE "
	"is\n"
	"another file.\n"
	"\n"
	"The file has one setting a line; what begins with # or ; is a comment:\n"
	"\n"
	"  cores = 2-7\n"
	"  mem = 24G\n"
	"  page = 1G\n"
	"  stats = yes\n"
	"\n"
	"Words: commit cores json mem name no-smt numa page stats user verbose window, with "
	"the values\n"
	"of the options of these names; no-smt, stats and verbose are yes or no.\n"
	"\n"
	"Exit status: 0; 125 when it does not start, and one line says why.\n";

static const char page_status[] =
	"lwvmm status NAME: does the guest NAME run?\n"
	"\n"
	"Prints what lwvmm ps NAME does, or that it does not run and the last line of its "
	"log.\n"
	"\n"
	"Exit status: 0 it runs; 3 it does not; 125 it cannot be asked.\n";

static const char page_ps[] =
	"lwvmm ps [NAME] [--json]: the guests that run, and their processes\n"
	"\n"
	"For each of your guests (root: of all): its VMM's pid, state, host CPUs, memory and "
	"time; under\n"
	"it, of each process: pid, threads, time since its start, CPU time, and its words.\n"
	"\n"
	"  --json              print it for programs\n"
	"  -h, --help          this page\n"
	"\n"
	"Exit status: 0; 125 when there is no guest NAME.\n";

static const char page_stat[] =
	"lwvmm stat NAME [--json]: what the guest NAME has used since its start\n"
	"lwvmm stat NAME --ended LABEL [--json]: what a program of lwvmm exec --label LABEL "
	"has "
	"used\n"
	"\n"
	"Memory of each node; of each core its exits (those for the host's interrupts and for "
	"halts\n"
	"among them), local system calls, page faults, interrupts and switches of threads; of "
	"each\n"
	"process that runs its CPU time, local and forwarded system calls and memory. The "
	"guest "
	"does\n"
	"not notice.\n"
	"\n"
	"  --ended LABEL       a program and its children, after its end; it is told once\n"
	"  --json              print it for programs\n"
	"  -h, --help          this page\n"
	"\n"
	"Exit status: 0; 125 when there is no guest NAME.\n";

static const char page_stop[] =
	"lwvmm stop NAME [--timeout SECONDS]: end the guest NAME\n"
	"\n"
	"Its processes get SIGTERM, and SIGKILL when the time is over; then the guest ends and "
	"gives\n"
	"memory, pools and cores back. Returns when that is done.\n"
	"\n"
	"  --timeout SECONDS   between SIGTERM and SIGKILL  [10]\n"
	"  -h, --help          this page\n"
	"\n"
	"Exit status: 0; 125 when there is no guest NAME or it does not end.\n";

static const char page_plan[] =
	"lwvmm plan [OPTIONS] [--json] [GUEST [ARGS...]]: what run would place where\n"
	"\n"
	"Takes the options of run, prints the plan (vCPUs, nodes, guest-physical ranges, "
	"pages,\n"
	"helper cores) and changes nothing. Says why when there is none.\n"
	"\n" OPTIONS_OF_PLAN "  --json              print it for programs\n"
	"  -h, --help          this page\n"
	"\n"
	"Exit status: 0; 125 when the options make no sense on this host.\n";

static const char page_hand[] =
	"lwvmm hand NAME UID[:GID] --for JOB: lend the guest NAME, which root keeps, to a "
	"user\n"
	"lwvmm hand NAME --back --for JOB: take it back\n"
	"\n"
	"A guest serves one user at a time. It is ended and started anew from its description, "
	"as the\n"
	"user's own, so no memory goes from one to another; it is taken back when the last job "
	"is,\n"
	"which ends what still runs in it. Slurm's plug-in does both around each job.\n"
	"\n"
	"Exit status: 0; 125 when another user has it, or it does not run.\n";

static const char page_slurm_conf[] =
	"lwvmm slurm-conf NAME: the lines of slurm.conf for the node NAME and for its host\n"
	"\n"
	"Of the guest that runs, or that /etc/lwvmm/NAME.conf describes: its CPUs, sockets, "
	"cores,\n"
	"threads and memory; and of the host, with the guest's cores and memory left out. See\n"
	"docs/howto-slurm.md.\n"
	"\n"
	"Exit status: 0; 125 when there is no such guest.\n";

static const char page_check[] =
	"lwvmm check [--repair]: is this host ready to run guests?\n"
	"\n"
	"One line for each finding: 'ok', 'warn' (guests run, but not at their best) or 'FAIL' "
	"(no\n"
	"guest can run), with the command that mends it. Looks at KVM and its kind, "
	"permissions,\n"
	"cores and their isolation, pools of huge pages on each node, memory limits, and at "
	"what\n"
	"guests that were killed have left.\n"
	"\n"
	"  --repair            give back what killed guests took from the pools of huge "
	"pages,\n"
	"                      and remove what they left in /dev/shm/lwvmm\n"
	"  -h, --help          this page\n"
	"\n"
	"Exit status: 0 when a guest can run, else 125.\n";

static const char page_version[] = "lwvmm version: print the version\n";

static const char page_help[] = "lwvmm help [COMMAND]: print a page like this one\n";

static const struct {
	const char *topic, *page;
} pages[] = {
	{"check", page_check},
	{"help", page_help},
	{"plan", page_plan},
	{"hand", page_hand},
	{"slurm-conf", page_slurm_conf},
	{"run", page_run},
	{"exec", page_exec},
	{"start", page_start},
	{"status", page_status},
	{"ps", page_ps},
	{"stat", page_stat},
	{"stop", page_stop},
	{"version", page_version},
};

void help_print(FILE *out)
{
	fputs(page_main, out);
}

bool help_topic_print(const char *topic, FILE *out)
{
	for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(topic, pages[i].topic) == 0) {
			fputs(pages[i].page, out);
			return true;
		}
	}
	return false;
}

int cmd_help(char *const *argv)
{
	struct problem problem = {0};

	if (!*argv) {
		help_print(stdout);
		return 0;
	}
	if (help_topic_print(*argv, stdout))
		return 0;
	problem_set(&problem, -1, EXIT_LWVMM_FAILED,
		"help: there is no command %s: see lwvmm --help", *argv);
	problem_print(&problem);
	return problem.status;
}
