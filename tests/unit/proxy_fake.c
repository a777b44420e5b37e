/* SPDX-License-Identifier: MIT */
#include "proxy_fake.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HALF   (FAKE_RAM / 2)
#define WAIT_S 20

static char *words[] = {"./program", "arg", NULL};

static int memory(uint64_t size, void **at)
{
	int fd = memfd_create("fake", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	*at = mmap(
		*at, size, PROT_READ | PROT_WRITE, MAP_SHARED | (*at ? MAP_FIXED : 0), fd, 0);
	ck_assert_ptr_ne(*at, MAP_FAILED);
	return fd;
}

void fake_init(struct fake *f)
{
	void *at = NULL;

	memset(f, 0, sizeof(*f));
	f->share_fd = memory(ABI_SHARE_SIZE, &at);
	f->share = at;
	f->proc = &f->share->proc[3];
	f->proc->state = ABI_PROC_OPEN;
	f->ram = mmap(NULL, FAKE_RAM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < 2; i++) {
		at = f->ram + i * HALF;
		f->ram_fd[i] = memory(HALF, &at);
	}
	f->bell_fd = eventfd(0, EFD_CLOEXEC);
	for (unsigned i = 0; i < FAKE_CORES; i++)
		f->irq_fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->read_fd = f->window_fd = -1;
	memcpy(f->opt.name, "fake", sizeof("fake"));
	f->opt.guest = words;
	f->elf = (struct elf_program){
		.kind = ELF_KIND_LINUX,
		.pie = true,
		.entry = 0x1234,
		.phdr = 64,
		.phnum = 2,
		.high = 0x3000,
		.align = 4096,
		.nsegs = 2,
		.seg = {{.va = 0, .file_size = 0x800, .mem_size = 0x800, .prot = 5},
			{.va = 0x1800,
				.offset = 0x800,
				.file_size = 0x100,
				.mem_size = 0x1700,
				.prot = 3}},
	};
}

/* A file whose every byte tells where it was. */
static int program_file(void)
{
	int fd = memfd_create("program", MFD_CLOEXEC);

	for (unsigned i = 0; i < 0x900; i++)
		ck_assert_int_eq(write(fd, &(char){(char)(i * 7 + i / 256)}, 1), 1);
	return fd;
}

static void proxy_child(struct fake *f, int sock, int err)
{
	static struct proxy_job job;
	static struct program program = {.path = "./program"};
	struct problem problem = {0};
	int elf = program_file();

	/* Nothing but standard descriptors and ours, no handlers, as after an exec from a
	 * shell. */
	for (int n = 1; n <= SIGRTMAX; n++)
		signal(n, SIG_DFL);
	dup2(err, 2);
	sock = fcntl(sock, F_DUPFD, 600);
	elf = fcntl(elf, F_DUPFD, 600);
	for (int fd = 3; fd < 600; fd++)
		if (fd != f->read_fd)
			close(fd);
	program.elf = f->elf;
	program.argv = f->opt.guest;
	program.fd = elf;
	job = (struct proxy_job){
		.trace_fd = -1,
		.opt = &f->opt,
		.program = &program,
		.sock = sock,
	};
	if (f->before)
		f->before();
	_exit(proxy_main(&job, &problem));
}

static void welcome_send(struct fake *f)
{
	static struct proto_welcome welcome;
	struct iovec iov = {&welcome, sizeof(welcome)};
	const unsigned nfds = 4 + FAKE_CORES + (f->window_fd >= 0);
	int fds[5 + FAKE_CORES] = {f->share_fd, f->bell_fd, f->irq_fd[0], f->irq_fd[1],
		f->irq_fd[2], f->irq_fd[3], f->ram_fd[0], f->ram_fd[1], f->window_fd};
	char control[CMSG_SPACE(sizeof(fds))] = {0};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(nfds * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	welcome = (struct proto_welcome){
		.type = PROTO_WELCOME,
		.proc = 3,
		.ncores = FAKE_CORES,
		.nextents = 2,
		.window = f->window_fd >= 0,
		.poll_us = f->poll_us,
		.extent = {{0, HALF, 4096}, {HALF, HALF, 4096}},
	};
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	ck_assert_int_eq(sendmsg(f->sock, &msg, 0), sizeof(welcome));
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void fake_start(struct fake *f)
{
	struct proto_hello hello;
	int sock[2], err[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock), 0);
	ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
	f->pid = fork();
	if (!f->pid)
		proxy_child(f, sock[1], err[1]);
	close(sock[1]);
	close(err[1]);
	f->sock = sock[0];
	f->err_fd = err[0];
	ck_assert_int_eq(recv(f->sock, &hello, sizeof(hello), 0), sizeof(hello));
	ck_assert_uint_eq(hello.type, PROTO_HELLO);
	ck_assert_int_eq(hello.pid, f->pid);
	ck_assert_int_eq(hello.ppid, getpid());
	welcome_send(f);
	fake_event(f);
	ck_assert_uint_eq(f->proc->state, ABI_PROC_EXEC);
}

void fake_event(struct fake *f)
{
	uint64_t bit = 1ULL << 3;
	double end = now() + WAIT_S;

	while (!(__atomic_load_n(&f->share->core[0].events, __ATOMIC_ACQUIRE) & bit)) {
		ck_assert_msg(now() < end, "no event from the proxy");
		sched_yield();
	}
	__atomic_fetch_and(&f->share->core[0].events, ~bit, __ATOMIC_SEQ_CST);
}

void fake_ring(struct fake *f)
{
	ck_assert_int_eq(write(f->bell_fd, &(uint64_t){1}, 8), 8);
}

void fake_state(struct fake *f, uint32_t state)
{
	__atomic_store_n(&f->proc->state, state, __ATOMIC_RELEASE);
	fake_ring(f);
}

uint64_t fake_log(struct fake *f, uint32_t op, uint64_t va, uint64_t len, uint64_t gpa)
{
	f->share->log[3][f->proc->log_head % ABI_LOG_RECORDS] =
		(struct abi_log_rec){.va = va, .len = len, .gpa = gpa, .op = op};
	return __atomic_add_fetch(&f->proc->log_head, 1, __ATOMIC_RELEASE);
}

void fake_run(struct fake *f)
{
	struct abi_exec *exec = &f->proc->exec;

	fake_start(f);
	/* Program and stack; the first crosses from one extent to the other. */
	f->next_gpa = HALF - ABI_BLOCK_SIZE;
	fake_log(f, ABI_LOG_MAP, FAKE_VA, 2 * ABI_BLOCK_SIZE, f->next_gpa);
	fake_log(f, ABI_LOG_MAP, ABI_STACK_TOP - ABI_BLOCK_SIZE, ABI_BLOCK_SIZE, 0);
	exec->stack_top = ABI_STACK_TOP;
	fake_state(f, ABI_PROC_MAPPED);
	fake_event(f);
	ck_assert_uint_eq(f->proc->state, ABI_PROC_GO);
	f->proc->state = ABI_PROC_RUNNING;
}

void fake_request(struct fake *f, uint32_t slot, long nr, const uint64_t arg[6])
{
	struct abi_mbox *mbox = &f->share->mbox[slot];

	ck_assert_uint_eq(mbox->state, ABI_MBOX_IDLE);
	mbox->seq++;
	mbox->proc = 3;
	mbox->core = slot % FAKE_CORES;
	mbox->tid = slot ? ABI_TID_BASE + slot : (uint32_t)f->pid;
	mbox->nr = (uint32_t)nr;
	memcpy(mbox->arg, arg, sizeof(mbox->arg));
	mbox->log_pos = f->proc->log_head;
	mbox->ret = -9999;
	mbox->waits = 1;
	__atomic_store_n(&mbox->state, ABI_MBOX_REQUEST, __ATOMIC_RELEASE);
	__atomic_fetch_or(&f->proc->bell[slot / 64], 1ULL << (slot % 64), __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&f->proc->bell_words, 1ULL << (slot / 64), __ATOMIC_SEQ_CST);
	fake_ring(f);
}

bool fake_take(struct fake *f, uint32_t slot, int64_t *ret)
{
	struct abi_mbox *mbox = &f->share->mbox[slot];
	struct abi_core *core = &f->share->core[mbox->core];
	uint64_t bit = 1ULL << (slot % 64);

	/* Through the done bits alone: an answer without its bit is never found. */
	if (!(__atomic_load_n(&core->done[slot / 64], __ATOMIC_ACQUIRE) & bit))
		return false;
	__atomic_fetch_and(&core->done[slot / 64], ~bit, __ATOMIC_SEQ_CST);
	ck_assert_uint_eq(__atomic_load_n(&mbox->state, __ATOMIC_ACQUIRE), ABI_MBOX_DONE);
	*ret = mbox->ret;
	__atomic_store_n(&mbox->state, ABI_MBOX_IDLE, __ATOMIC_RELEASE);
	return true;
}

/* As the LWK halts: need_irq, fence, one more look, then the interrupt. */
static void halt(struct fake *f, uint32_t slot)
{
	unsigned c = f->share->mbox[slot].core;
	struct abi_core *core = &f->share->core[c];
	struct pollfd irq = {.fd = f->irq_fd[c], .events = POLLIN};
	uint64_t count;

	__atomic_store_n(&core->need_irq, 1, __ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&core->done[slot / 64], __ATOMIC_SEQ_CST) >> (slot % 64) & 1))
		ck_assert_msg(poll(&irq, 1, WAIT_S * 1000) == 1, "the interrupt was lost");
	__atomic_store_n(&core->need_irq, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&core->irq_sent, 0, __ATOMIC_SEQ_CST);
	if (read(f->irq_fd[c], &count, sizeof(count)) < 0)
		return; /* the second look had found it, and none was sent */
}

int64_t fake_answer(struct fake *f, uint32_t slot)
{
	double end = now() + WAIT_S;
	int64_t ret;

	while (!fake_take(f, slot, &ret)) {
		ck_assert_msg(now() < end, "no answer in slot %u", slot);
		halt(f, slot);
	}
	return ret;
}

int64_t fake_call(
	struct fake *f, uint32_t slot, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	fake_request(f, slot, nr, (uint64_t[6]){a, b, c, d});
	return fake_answer(f, slot);
}

void fake_cancel(struct fake *f, uint32_t slot)
{
	struct abi_mbox *mbox = &f->share->mbox[slot];

	__atomic_store_n(&mbox->cancel_seq, mbox->seq, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&f->proc->cancel[slot / 64], 1ULL << (slot % 64), __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&f->proc->cancel_words, 1ULL << (slot / 64), __ATOMIC_SEQ_CST);
	fake_ring(f);
}

void *fake_memory(struct fake *f, uint64_t va)
{
	return f->ram + (f->next_gpa + (va - FAKE_VA));
}

void fake_exit(struct fake *f, uint32_t wait_status)
{
	struct proto_end end;

	f->proc->exit_wait = wait_status;
	fake_state(f, ABI_PROC_EXITED);
	ck_assert_int_eq(recv(f->sock, &end, sizeof(end), 0), sizeof(end));
	ck_assert_uint_eq(end.type, PROTO_END);
	ck_assert_uint_eq(end.wait_status, wait_status);
}

void fake_bye(struct fake *f)
{
	uint32_t bye = PROTO_BYE;

	ck_assert_int_eq(send(f->sock, &bye, sizeof(bye), 0), sizeof(bye));
}

int fake_wait(struct fake *f)
{
	int status;

	ck_assert_int_eq(waitpid(f->pid, &status, 0), f->pid);
	return status;
}

const char *fake_said(struct fake *f)
{
	static char text[1024];
	ssize_t n = read(f->err_fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}
