/* SPDX-License-Identifier: MIT */
/*
 * The control socket's connections, from both ends: those that say what they should, nothing,
 * nonsense, or too much; proxies that die.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "tests/unit/suite.h"
#include "vmm/account.h"
#include "vmm/control.h"
#include "vmm/server.h"

#define TOKEN   3
#define WAIT_MS 5000

static char dir[] = "/tmp/lwvmm-control-XXXXXX";
static struct problem problem;
static struct control control;
static struct plan plan;
static struct memory memory;
static struct vm vm;
static struct janitor *janitor;
static struct server *server;
static struct options opt;
static int epoll_fd, starter;
static unsigned events; /* told to the LWK */
static unsigned interrupts;
static uid_t fake_uid; /* of every peer; -1: the kernel's word */

void vm_event(struct vm *v, unsigned proc)
{
	events++;
}

void account_read(const struct vm *v, unsigned index, struct account_core *core)
{
	*core = (struct account_core){.have_kvm = true, .faults = index + 5};
	core->kvm[STAT_EXITS] = 100;
}

void vm_interrupt_all(struct vm *v)
{
	interrupts++;
}

/* By --wrap: a peer of another user, without being two. */
int __real_getsockopt(int sock, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int sock, int level, int name, void *value, socklen_t *len);

int __wrap_getsockopt(int sock, int level, int name, void *value, socklen_t *len)
{
	int err = __real_getsockopt(sock, level, name, value, len);

	if (!err && level == SOL_SOCKET && name == SO_PEERCRED && fake_uid != (uid_t)-1)
		((struct ucred *)value)->uid = fake_uid;
	return err;
}

static void guest_setup(void)
{
	int sock[2];

	problem = (struct problem){0};
	fake_uid = (uid_t)-1;
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(control_open_in(dir, "g", &control, &problem), 0);
	server = calloc(1, sizeof(*server));
	janitor = calloc(1, sizeof(*janitor));
	plan.nvcpus = vm.nvcpus = 2;
	plan.vcpu[1].core = 7;
	plan.nextents = 1;
	plan.mem = 1 << 28;
	memcpy(plan.name, "g", 2);
	vm.plan = &plan;
	vm.memory = &memory;
	vm.share = mmap(NULL, ABI_SHARE_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	vm.share_fd = vm.vcpu[0].irq_fd = vm.vcpu[1].irq_fd = eventfd(0, EFD_NONBLOCK);
	memory.extent[0].memfd = vm.share_fd;
	for (unsigned i = 0; i <= ABI_MAX_PROCS; i++)
		vm.bell_fd[i] = vm.share_fd;
	janitor_init(janitor, vm.share, &vm.map, NULL, vm.bell_fd);
	epoll_fd = epoll_create1(0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock), 0);
	starter = sock[0];
	opt.detach = true;
	ck_assert_int_eq(
		server_init(server, &vm, janitor, &opt, epoll_fd, TOKEN, sock[1], control.sock),
		0);
}

static void guest_teardown(void)
{
	char command[64];

	control_close(&control);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* The VMM's loop, until nothing comes any more (or news does). */
static enum server_news turn(void)
{
	enum server_news news = server_poll(server);
	struct epoll_event event;

	while (news == SERVER_NOTHING && epoll_wait(epoll_fd, &event, 1, 20) == 1) {
		ck_assert_uint_ge(event.data.u32, TOKEN);
		news = server_event(server, event.data.u32 - TOKEN);
		if (news == SERVER_NOTHING)
			news = server_poll(server);
	}
	return news;
}

static int come(void)
{
	int sock = control_connect_in(dir, "g", false, &problem);

	ck_assert_msg(sock >= 0, "%s", problem.text);
	return sock;
}

static struct proto_hello hello_of_us(void)
{
	return (struct proto_hello){
		.type = PROTO_HELLO,
		.version = PROTO_VERSION,
		.pid = getpid(),
		.ppid = getppid(),
		.command = "./a b",
	};
}

static union {
	uint32_t type;
	struct proto_problem problem;
	struct proto_welcome welcome;
	struct proto_guest guest;
	struct proto_account account;
	struct proto_tally tally;
} got;

/* The next packet's type; 0: end of file, -1: nothing. */
static int next(int sock, unsigned *nfds)
{
	char control_space[CMSG_SPACE(sizeof(int) * PROTO_MAX_FDS)] = {0};
	struct iovec iov = {&got, sizeof(got)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control_space,
		.msg_controllen = sizeof(control_space)};
	ssize_t n;

	memset(&got, 0, sizeof(got));
	/* As mail.c: a reset is said before what was sent last. */
	do
		n = recvmsg(sock, &msg, MSG_DONTWAIT);
	while (n < 0 && errno == ECONNRESET);
	if (nfds && n > 0 && CMSG_FIRSTHDR(&msg))
		*nfds = (unsigned)((CMSG_FIRSTHDR(&msg)->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	return n < 0 ? -1 : n == 0 ? 0 : (int)got.type;
}

static unsigned fds_open(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}

static void query_works(void)
{
	struct proto_ask ask = {PROTO_QUERY, PROTO_VERSION, 0, 0};
	int sock = come();

	ck_assert_int_eq(send(sock, &ask, sizeof(ask), 0), sizeof(ask));
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(sock, NULL), PROTO_GUEST);
	close(sock);
	turn();
}

/* A proxy in a process of its own that does nothing; `deaf` to SIGTERM. */
static const char *label = ""; /* of the next */

static pid_t proxy_fork(bool deaf, int *ready)
{
	int fd[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fd), 0);
	pid = fork();
	if (!pid) {
		struct proto_hello hello;
		int sock = control_connect_in(dir, "g", true, &problem);

		signal(SIGTERM, deaf ? SIG_IGN : SIG_DFL);
		hello = hello_of_us();
		snprintf(hello.label, sizeof(hello.label), "%s", label);
		send(sock, &hello, sizeof(hello), 0);
		if (write(fd[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	close(fd[1]);
	ck_assert_int_eq(read(fd[0], ready, 1), 1);
	close(fd[0]);
	turn();
	return pid;
}

START_TEST(starter_hears_when_it_serves)
{
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(starter, NULL), -1);
	vm.share->booted = 2;
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(starter, NULL), PROTO_READY);
	close(starter);
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	query_works();
}
END_TEST

START_TEST(starter_that_dies_takes_it_along)
{
	close(starter);
	ck_assert_int_eq(turn(), SERVER_LOST);
}
END_TEST

/* `run --ranks`: its first connection stays, says no more, and its end is the guest's. */
START_TEST(starter_of_ranks_keeps_it)
{
	server->kept = true;
	vm.share->booted = 2;
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(starter, NULL), PROTO_READY);
	query_works();
	if (_i)
		close(starter);
	else
		shutdown(starter, SHUT_WR);
	ck_assert_int_eq(turn(), _i ? SERVER_LOST : SERVER_ENDED);
}
END_TEST

START_TEST(hello_makes_a_process)
{
	struct proto_hello hello = hello_of_us();
	struct abi_proc *proc = &vm.share->proc[0];
	struct proto_end end = {.type = PROTO_END};
	unsigned nfds = 0;
	int sock = come();

	/* What the index's last owner left. */
	proc->log_head = proc->log_applied = 55;
	proc->sig_pending = proc->affinity = proc->stop_signal = proc->want_ack = 1;
	send(sock, &hello, sizeof(hello), 0);
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(sock, &nfds), PROTO_WELCOME);
	ck_assert_uint_eq(nfds, 2 + 2 + 1);
	ck_assert_uint_eq(proc->state, ABI_PROC_OPEN);
	ck_assert_uint_eq(proc->pid, (unsigned)getpid());
	ck_assert_uint_eq(proc->log_head, 55);
	ck_assert_uint_eq(proc->sig_pending | proc->affinity | proc->stop_signal, 0);
	ck_assert_uint_eq(proc->want_ack, 0);
	query_works();
	ck_assert_uint_eq(got.guest.nprocs, 1);
	ck_assert_str_eq(got.guest.process[0].command, "./a b");
	ck_assert_uint_eq(got.guest.core[1], 7);
	send(sock, &end, sizeof(end), 0);
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(sock, NULL), PROTO_BYE);
	/* Its proxy (we) lives on, so its blocks are nobody else's yet. */
	close(sock);
	turn();
	ck_assert_uint_eq(proc->state, ABI_PROC_OPEN);
}
END_TEST

/* Ended threads, one that waits and one that runs on core 1; of another process nothing. */
START_TEST(stat_sums_up)
{
	struct proto_hello hello = hello_of_us();
	struct proto_ask ask = {PROTO_STAT, PROTO_VERSION, 0, 0};
	struct abi_proc *proc = &vm.share->proc[0];
	struct abi_core *core = &vm.share->core[1];
	int sock = come(), asks = come();
	const struct proto_usage *usage = &got.account.process[0];

	vm.share->time.mult = 1ULL << 32; /* a tick is a nanosecond */
	plan.nnodes = 1;
	vm.share->mem_total[0] = 30;
	vm.share->mem_free[0] = 20;
	send(sock, &hello, sizeof(hello), 0);
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(sock, NULL), PROTO_WELCOME);
	proc->dead_cpu_tsc = 1000;
	proc->dead_local = 10;
	proc->dead_forwarded = 3;
	proc->memory = 4096;
	vm.share->thread[5] =
		(struct abi_thread){.proc = 1, .seq = 7, .cpu_tsc = 200, .local = 4};
	vm.share->mbox[5].seq = 9;
	vm.share->thread[6] = (struct abi_thread){.proc = 1, .cpu_tsc = 30};
	vm.share->thread[7] = (struct abi_thread){.proc = 2, .cpu_tsc = 1ULL << 50};
	core->running = 6 + 1;
	core->busy_since = __rdtsc() - 1000000;
	core->n_syscalls_local = 70;
	core->local_since = 50;
	send(asks, &ask, sizeof(ask), 0);
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(asks, NULL), PROTO_ACCOUNT);
	ck_assert_uint_eq(got.account.nprocs, 1);
	ck_assert_int_eq(usage->pid, getpid());
	ck_assert_uint_ge(usage->cpu_ns, 1000 + 200 + 30 + 1000000);
	ck_assert_uint_lt(usage->cpu_ns, 1ULL << 40);
	ck_assert_uint_eq(usage->local, 10 + 4 + 20);
	ck_assert_uint_eq(usage->forwarded, 3 + 2);
	ck_assert_uint_eq(usage->mem, 4096);
	ck_assert_uint_eq(got.account.ncores, 2);
	ck_assert_uint_eq(got.account.core[1].core, 7);
	ck_assert_uint_eq(got.account.core[1].exits, 100);
	ck_assert_uint_eq(got.account.core[1].faults, 6);
	ck_assert_uint_eq(got.account.node[0].free, 20);
}
END_TEST

/* Of a killed program, when the LWK is done with it, with what its child has used. */
START_TEST(tally_is_told_once_after_the_end)
{
	struct proto_ask_ended ask = {PROTO_ENDED, PROTO_VERSION, "7.0.1"};
	struct proto_hello child = hello_of_us();
	struct abi_proc *proc = vm.share->proc;
	int ready, sock, asks;
	pid_t pid;

	vm.share->time.mult = 1ULL << 32;
	label = ask.label;
	pid = proxy_fork(false, &ready);
	proc[0].state = ABI_PROC_RUNNING;
	proc[0].dead_cpu_tsc = 1000;
	proc[0].dead_local = 10;
	proc[0].memory_peak = 4096;
	child.tally = 1;
	sock = come();
	send(sock, &child, sizeof(child), 0);
	turn();
	ck_assert_int_eq(next(sock, NULL), PROTO_WELCOME);
	ck_assert_uint_eq(got.welcome.tally, 1);
	proc[1].dead_cpu_tsc = 200;
	proc[1].dead_forwarded = 3;
	proc[1].memory_peak = 8192;
	asks = come();
	send(asks, &ask, sizeof(ask), 0);
	turn();
	ck_assert_int_eq(next(asks, NULL), -1);
	ck_assert_int_eq(server_wait_ms(server), 1);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	turn();
	ck_assert_uint_eq(proc[0].state, ABI_PROC_GONE);
	ck_assert_int_eq(next(asks, NULL), -1);
	proc[0].dead_cpu_tsc = 1500;
	proc[0].state = ABI_PROC_FREE;
	turn();
	ck_assert_int_eq(next(asks, NULL), PROTO_TALLY);
	ck_assert_uint_eq(got.tally.known, 1);
	ck_assert_uint_eq(got.tally.ended, 1);
	ck_assert_uint_eq(got.tally.used.cpu_ns, 1700);
	ck_assert_uint_eq(got.tally.used.local, 10);
	ck_assert_uint_eq(got.tally.used.forwarded, 3);
	ck_assert_uint_eq(got.tally.used.mem_peak, 8192);
	asks = come();
	send(asks, &ask, sizeof(ask), 0);
	turn();
	ck_assert_int_eq(next(asks, NULL), PROTO_TALLY);
	ck_assert_uint_eq(got.tally.known, 0);
}
END_TEST

/* The index has another owner before anybody asks. */
START_TEST(tally_outlives_the_index)
{
	struct proto_ask_ended ask = {PROTO_ENDED, PROTO_VERSION, "7.0.1"};
	struct proto_hello other = hello_of_us();
	struct abi_proc *proc = vm.share->proc;
	int ready, sock, asks;
	pid_t pid;

	vm.share->time.mult = 1ULL << 32;
	label = ask.label;
	pid = proxy_fork(false, &ready);
	proc[0].state = ABI_PROC_RUNNING;
	proc[0].dead_cpu_tsc = 1000;
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	turn();
	proc[0].state = ABI_PROC_FREE;
	sock = come();
	send(sock, &other, sizeof(other), 0);
	turn();
	ck_assert_int_eq(next(sock, NULL), PROTO_WELCOME);
	ck_assert_uint_eq(got.welcome.proc, 0);
	ck_assert_uint_eq(got.welcome.tally, 0);
	proc[0].dead_cpu_tsc = 77;
	asks = come();
	send(asks, &ask, sizeof(ask), 0);
	turn();
	ck_assert_int_eq(next(asks, NULL), PROTO_TALLY);
	ck_assert_uint_eq(got.tally.ended, 1);
	ck_assert_uint_eq(got.tally.used.cpu_ns, 1000);
}
END_TEST

/* After a timeout: it has unmapped, says no more, and waits. */
START_TEST(proxy_that_only_stops_talking_hears_bye)
{
	struct proto_hello hello = hello_of_us();
	int sock = come();

	send(sock, &hello, sizeof(hello), 0);
	turn();
	ck_assert_int_eq(next(sock, NULL), PROTO_WELCOME);
	shutdown(sock, SHUT_WR);
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(sock, NULL), PROTO_BYE);
	/* The same of `run`'s is the guest's end, and BYE comes when all is given back. */
	shutdown(starter, SHUT_WR);
	server->client[0].state = CLIENT_NEW;
	ck_assert_int_eq(turn(), SERVER_ENDED);
	server_end(server, &(struct problem){125, "guest g: has ended"});
	ck_assert_int_eq(next(starter, NULL), -1);
	server_bye(server);
	ck_assert_int_eq(next(starter, NULL), PROTO_BYE);
}
END_TEST

static const struct {
	uint32_t type, version;
	size_t len;
} nonsense[] = {
	{PROTO_HELLO, PROTO_VERSION, 3},
	{PROTO_HELLO, PROTO_VERSION, 8},
	{PROTO_HELLO, PROTO_VERSION, sizeof(struct proto_hello) - 1},
	{PROTO_HELLO, PROTO_VERSION, sizeof(struct proto_hello) + 1},
	{PROTO_HELLO, PROTO_VERSION, 60000},
	{PROTO_HELLO, PROTO_VERSION, sizeof(struct proto_hello)}, /* with pid 0 */
	{PROTO_HELLO, 1, sizeof(struct proto_hello)},
	{PROTO_STOP, PROTO_VERSION, 8},
	{PROTO_QUERY, PROTO_VERSION + 1, sizeof(struct proto_ask)},
	{PROTO_END, PROTO_VERSION, sizeof(struct proto_ask)},
	{PROTO_WELCOME, PROTO_VERSION, sizeof(struct proto_ask)},
	{0, PROTO_VERSION, sizeof(struct proto_ask)},
	{77, PROTO_VERSION, sizeof(struct proto_ask)},
	{~0u, ~0u, sizeof(struct proto_ask)},
};

START_TEST(nonsense_is_dropped)
{
	static char packet[60000];
	unsigned before = fds_open();
	int sock = come();

	memset(packet, 0, sizeof(packet));
	memcpy(packet, &nonsense[_i], 2 * sizeof(uint32_t));
	ck_assert_int_eq(send(sock, packet, nonsense[_i].len, 0), nonsense[_i].len);
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(sock, NULL), PROTO_PROBLEM);
	ck_assert_int_eq(got.problem.status, EXIT_LWVMM_FAILED);
	ck_assert_int_eq(next(sock, NULL), 0);
	close(sock);
	ck_assert_uint_eq(fds_open(), before);
	query_works();
}
END_TEST

START_TEST(second_hello_is_dropped)
{
	struct proto_hello hello = hello_of_us();
	int sock = come();

	send(sock, &hello, sizeof(hello), 0);
	send(sock, &hello, sizeof(hello), 0);
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(sock, NULL), PROTO_WELCOME);
	ck_assert_int_eq(next(sock, NULL), PROTO_PROBLEM);
	query_works();
	ck_assert_uint_eq(got.guest.nprocs, 1);
}
END_TEST

START_TEST(silent_one_is_dropped)
{
	int sock = come();

	turn();
	for (unsigned i = 0; i < SERVER_MAX_CLIENTS; i++)
		server->client[i].since_ms -= 6000;
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(sock, NULL), PROTO_PROBLEM);
	ck_assert_int_eq(next(sock, NULL), 0);
}
END_TEST

START_TEST(too_many_are_turned_away)
{
	int sock[SERVER_MAX_CLIENTS];

	for (unsigned i = 0; i + 1 < SERVER_MAX_CLIENTS; i++) {
		sock[i] = come();
		turn();
		ck_assert_int_eq(next(sock[i], NULL), -1);
	}
	sock[SERVER_MAX_CLIENTS - 1] = come();
	turn();
	ck_assert_int_eq(next(sock[SERVER_MAX_CLIENTS - 1], NULL), PROTO_PROBLEM);
	close(sock[0]);
	turn();
	query_works();
}
END_TEST

START_TEST(other_users_are_refused)
{
	struct proto_hello hello = hello_of_us();
	int sock;

	server->owner = 1000;
	fake_uid = 1001;
	sock = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	close(sock);
	ck_assert(!control_may_ask(1001, 1000) && !control_may_exec(1001, 1000));
	fake_uid = (uid_t)-1;
	sock = come();
	fake_uid = 1001;
	turn();
	ck_assert_int_eq(next(sock, NULL), PROTO_PROBLEM);
	ck_assert_ptr_nonnull(strstr(got.problem.text, "another user"));
	close(sock);
	/* Root may ask, and stop, but not lend its rights to somebody's guest. */
	fake_uid = (uid_t)-1;
	sock = come();
	fake_uid = 0;
	send(sock, &hello, sizeof(hello), 0);
	turn();
	ck_assert_int_eq(next(sock, NULL), PROTO_PROBLEM);
	ck_assert_ptr_nonnull(strstr(got.problem.text, "another user"));
	close(sock);
	ck_assert(control_may_ask(0, 1000) && !control_may_exec(0, 1000));
}
END_TEST

/* Not before its whole thread group is gone may its blocks be anybody's. */
START_TEST(dead_proxy_is_told_to_the_lwk)
{
	struct proto_hello hello = hello_of_us();
	unsigned before = fds_open();
	int ready, sock;
	pid_t pid = proxy_fork(false, &ready);

	ck_assert_uint_eq(vm.share->proc[0].state, ABI_PROC_OPEN);
	vm.share->proc[0].state = ABI_PROC_RUNNING;
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	/* Who comes next waits for what it had. */
	sock = come();
	send(sock, &hello, sizeof(hello), 0);
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_uint_eq(vm.share->proc[0].state, ABI_PROC_GONE);
	ck_assert_uint_ge(events, 1);
	ck_assert_uint_eq(interrupts, 1); /* it may have owed one */
	ck_assert_int_eq(next(sock, NULL), -1);
	ck_assert_int_eq(server_wait_ms(server), 1);
	vm.share->proc[0].state = ABI_PROC_FREE;
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(sock, NULL), PROTO_WELCOME);
	ck_assert_uint_eq(got.welcome.proc, 0);
	close(sock);
	turn();
	/* Its socket is closed; that it lives is still looked at: pidfd and /proc/PID/stat. */
	ck_assert_uint_eq(fds_open(), before + 2 + 5);
}
END_TEST

START_TEST(full_table_is_said)
{
	struct proto_hello hello = hello_of_us();
	int sock = come();

	for (unsigned i = 0; i < ABI_MAX_PROCS; i++)
		vm.share->proc[i].state = ABI_PROC_RUNNING;
	send(sock, &hello, sizeof(hello), 0);
	ck_assert_int_eq(turn(), SERVER_NOTHING);
	ck_assert_int_eq(next(sock, NULL), PROTO_PROBLEM);
	ck_assert_ptr_nonnull(strstr(got.problem.text, "taken"));
}
END_TEST

START_TEST(stop_ends_in_order)
{
	struct proto_ask ask = {PROTO_STOP, PROTO_VERSION, (uint32_t)(_i ? 100 : 60000), 0};
	struct proto_hello hello = hello_of_us();
	enum server_news news = SERVER_NOTHING;
	int ready, sock, late, status;
	pid_t pid = proxy_fork(_i, &ready);

	sock = come();
	send(sock, &ask, sizeof(ask), 0);
	turn();
	late = come();
	send(late, &hello, sizeof(hello), 0);
	for (unsigned i = 0; i < WAIT_MS / 20 && news == SERVER_NOTHING; i++)
		news = turn();
	ck_assert_int_eq(news, SERVER_STOPPED);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), _i ? SIGKILL : SIGTERM);
	ck_assert_int_eq(next(sock, NULL), -1);
	server_end(server, &(struct problem){125, "guest g: has ended"});
	ck_assert_int_eq(next(late, NULL), PROTO_PROBLEM);
	server_wait_gone(server);
	close(late);
	shutdown(sock, SHUT_WR);
	server_bye(server);
	ck_assert_int_eq(next(sock, NULL), PROTO_BYE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("server");
	TCase *tcase = tcase_create("server");

	tcase_add_checked_fixture(tcase, guest_setup, guest_teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, starter_hears_when_it_serves);
	tcase_add_test(tcase, starter_that_dies_takes_it_along);
	tcase_add_loop_test(tcase, starter_of_ranks_keeps_it, 0, 2);
	tcase_add_test(tcase, hello_makes_a_process);
	tcase_add_test(tcase, proxy_that_only_stops_talking_hears_bye);
	tcase_add_loop_test(
		tcase, nonsense_is_dropped, 0, sizeof(nonsense) / sizeof(nonsense[0]));
	tcase_add_test(tcase, second_hello_is_dropped);
	tcase_add_test(tcase, silent_one_is_dropped);
	tcase_add_test(tcase, too_many_are_turned_away);
	tcase_add_test(tcase, other_users_are_refused);
	tcase_add_test(tcase, tally_is_told_once_after_the_end);
	tcase_add_test(tcase, tally_outlives_the_index);
	tcase_add_test(tcase, dead_proxy_is_told_to_the_lwk);
	tcase_add_test(tcase, full_table_is_said);
	tcase_add_test(tcase, stat_sums_up);
	tcase_add_loop_test(tcase, stop_ends_in_order, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
