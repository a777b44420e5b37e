/* SPDX-License-Identifier: MIT */
/* The thread behind the window's calls: descriptors, mappings, the VMM's answer. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/base/huge.h"
#include "vmm/proto.h"
#include "vmm/proxy/futex.h"
#include "vmm/proxy/maplog.h"
#include "vmm/proxy/window.h"

#define RETRY_US   1000
#define FILL_SMALL (1 << 20) /* bytes that are brought in without a look at what is free */
#define FLAGS_KEPT (MAP_NORESERVE | MAP_SYNC | MAP_HUGETLB)

/* One request: what the LWK wants, copied from the mailbox. */
struct want {
	struct window_port *port;
	uint64_t arg[6];
	struct proto_window packet;
	struct proto_window_answer answer;
	int fd;        /* the file: ours, sent to the VMM, or lent by it; -1 */
	bool writable; /* what the descriptor allows */
};

static bool range_sound(uint64_t va, uint64_t len)
{
	return len && (va | len) % ABI_PAGE == 0 && va >= ABI_USER_START &&
	       va <= ABI_USER_END && len <= ABI_USER_END - va;
}

/* ---- the VMM ---- */

union fd_space {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int))];
};

static int packet_send(const struct want *w)
{
	union fd_space control = {0};
	struct iovec iov = {(void *)&w->packet, sizeof(w->packet)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (w->fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &w->fd, sizeof(int));
	}
	/* Too many descriptors of this user are under way: until somebody has taken his. */
	while ((n = sendmsg(w->port->sock, &msg, MSG_NOSIGNAL)) < 0 &&
		(errno == EINTR || errno == ETOOMANYREFS))
		usleep(RETRY_US);
	return n < 0 ? -EIO : 0;
}

static int answer_receive(struct want *w)
{
	union fd_space control;
	struct iovec iov = {&w->answer, sizeof(w->answer)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)), /* the padding would take a second */
	};
	const struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(w->port->sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && w->fd < 0 && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&w->fd, CMSG_DATA(c), sizeof(int));
	return n == sizeof(w->answer) ? 0 : -EIO;
}

/* Our descriptor goes with it; if we have none, the one of the answer becomes it. */
static int ask(struct want *w, enum proto_window_op op)
{
	int err;

	w->packet.type = PROTO_WINDOW;
	w->packet.op = op;
	w->packet.slot = w->port->slot;
	w->packet.seq = w->port->mbox->seq;
	err = packet_send(w);
	if (!err)
		err = answer_receive(w);
	return err ? err : w->answer.err;
}

/* ---- the file ---- */

static int memory_file(const struct want *w)
{
	uint64_t flags = w->arg[4], size = w->arg[5] + w->arg[2];
	unsigned how = MFD_CLOEXEC;
	int fd;

	/* The size of huge pages has the same place in both. */
	if (flags & MAP_HUGETLB) {
		how |= MFD_HUGETLB | (flags & (MAP_HUGE_MASK << MAP_HUGE_SHIFT));
		size = (size + ABI_BLOCK_SIZE - 1) & ~(ABI_BLOCK_SIZE - 1);
	}
	fd = memfd_create("lwvmm-shared", how);
	if (fd >= 0 && ftruncate(fd, (off_t)size)) {
		close(fd);
		return -ENOMEM;
	}
	return fd < 0 ? -errno : fd;
}

static bool is_zero(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5);
}

/* A copy of the program's descriptor: whatever the program does with its own meanwhile, what we
 * map is what we send. */
static int file_copy(struct window_port *p, int fd)
{
	int copy;

	if (p->self < 0)
		p->self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	copy = (int)syscall(SYS_pidfd_getfd, p->self, fd, 0);
	if (copy < 0)
		return errno == EBADF ? -EBADF : -ENODEV;
	return copy;
}

static int file_open(const struct want *w)
{
	int fd;

	if ((int)w->arg[0] == -1)
		return memory_file(w);
	fd = file_copy(w->port, (int)w->arg[0]);
	if (fd < 0 || !is_zero(fd))
		return fd;
	close(fd);
	return memory_file(w);
}

/* Linux would map whole huge pages, over what lies behind the room that the LWK has made. */
static bool whole_pages(const struct want *w, uint64_t len)
{
	struct statfs fs;

	return fstatfs(w->fd, &fs) || fs.f_type != HUGETLBFS_MAGIC ||
	       len % (uint64_t)fs.f_bsize == 0;
}

/*
 * As much protection as the descriptor allows, since the program may ask for it later and is
 * then not heard here; errors are those of what it asks for now.
 */
static int file_map(struct want *w, uint64_t va, uint64_t len, uint64_t offset)
{
	int prot = (int)w->arg[3] & (PROT_READ | PROT_WRITE | PROT_EXEC);
	int flags = MAP_SHARED | MAP_FIXED | ((int)w->arg[4] & FLAGS_KEPT);
	void *at;

	if (!whole_pages(w, len))
		return -EINVAL;
	at = mmap((void *)va, len, prot | PROT_READ | PROT_WRITE, flags, w->fd, (off_t)offset);
	w->writable = at != MAP_FAILED;
	if (at == MAP_FAILED && (errno == EACCES || errno == EPERM) && !(prot & PROT_WRITE))
		at = mmap((void *)va, len, prot | PROT_READ, flags, w->fd, (off_t)offset);
	return at == MAP_FAILED ? -errno : 0;
}

/* ---- what is brought in ---- */

static uint64_t memory_available(struct window_port *p)
{
	char text[512];
	const char *at;
	ssize_t n;

	if (p->meminfo < 0)
		p->meminfo = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	n = pread(p->meminfo, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "MemAvailable:");
	return at ? strtoull(at + strlen("MemAvailable:"), NULL, 10) << 10 : 0;
}

/* Memory alone is filled for writing: a file of a disk keeps its times and its holes. */
static void fill_plan(const struct want *w, struct window_fill *fill)
{
	const struct abi_window_answer *at = &w->answer.at;
	struct statfs fs;
	bool memory;

	if (fstatfs(w->fd, &fs) ||
		(at->inside > FILL_SMALL && at->inside > memory_available(w->port) / 4))
		return;
	memory = fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC ||
		 fs.f_type == RAMFS_MAGIC;
	*fill = (struct window_fill){
		.va = w->arg[1],
		.len = at->inside,
		.write = memory && w->writable,
		.huge = (int)w->arg[0] == -1,
	};
}

/* ---- the calls ---- */

static void answer_store(const struct want *w)
{
	memcpy(w->port->mbox->arg, &w->answer.at, sizeof(w->answer.at));
}

/* What was mapped here beyond what the VMM has answered: the LWK asks for that again. */
static void trim(uint64_t va, uint64_t len, uint64_t keep)
{
	if (keep < len)
		munmap((void *)(va + keep), len - keep);
}

static int64_t map_file(struct want *w)
{
	uint64_t va = w->arg[1], len = w->arg[2];
	int err;

	if (!range_sound(va, len))
		return -EINVAL;
	w->fd = file_open(w);
	if (w->fd < 0)
		return w->fd;
	err = file_map(w, va, len, w->arg[5]);
	if (err)
		return err;
	maplog_widen(w->port->log, va, len);
	w->packet.offset = w->arg[5];
	w->packet.len = len;
	w->packet.writable = w->writable;
	err = ask(w, PROTO_WINDOW_MAP);
	trim(va, len, err ? 0 : w->answer.at.len);
	if (err)
		return err;
	fill_plan(w, &w->port->fill);
	answer_store(w);
	return 0;
}

/* Arguments: va, gpa of a page that is held, distance from it, bytes, 1: writable. */
static int64_t map_more(struct want *w)
{
	uint64_t va = w->arg[0], len = w->arg[3];
	int err;

	if (!range_sound(va, len))
		return -EINVAL;
	w->packet.gpa = w->arg[1];
	w->packet.distance = (int64_t)w->arg[2];
	w->packet.len = len;
	err = ask(w, PROTO_WINDOW_GROW);
	if (err)
		return err;
	len = w->answer.at.len;
	w->arg[3] = w->arg[4] ? PROT_READ | PROT_WRITE : PROT_READ;
	w->arg[4] = 0;
	err = w->fd < 0 ? -ENFILE : file_map(w, va, len, w->answer.offset);
	if (err) {
		if (w->fd >= 0)
			close(w->fd);
		w->fd = -1;
		(void)ask(w, PROTO_WINDOW_UNDO);
		return err;
	}
	maplog_widen(w->port->log, va, len);
	w->arg[0] = 0;
	w->arg[1] = va;
	fill_plan(w, &w->port->fill);
	w->answer.at.writable &= w->writable;
	answer_store(w);
	return 0;
}

/*
 * Linux attaches whole huge pages, over what lies behind the room that the LWK has made: so
 * there must be none. Only a mapping tells of what pages a segment is: one elsewhere.
 */
static int pages_fit(int shmid, int flags, uint64_t size)
{
	bool huge;
	void *at;

	if (size % ABI_BLOCK_SIZE == 0)
		return 0;
	at = shmat(shmid, NULL, flags);
	if (at == (void *)-1)
		return -errno;
	huge = huge_page_at(at);
	shmdt(at);
	return huge ? -EINVAL : 0;
}

/* Arguments: shmid, va, SHM_* flags, the room that the LWK has made. Attached here first, for
 * the errors are Linux's. */
static int64_t attach(struct want *w)
{
	const int flags = (int)w->arg[2] & (SHM_RDONLY | SHM_EXEC);
	uint64_t va = w->arg[1];
	struct shmid_ds ds;
	int err;

	if (shmctl((int)w->arg[0], IPC_STAT, &ds))
		return -errno;
	ds.shm_segsz = (ds.shm_segsz + ABI_PAGE - 1) & ~(size_t)(ABI_PAGE - 1);
	if (!range_sound(va, ds.shm_segsz))
		return -EINVAL;
	/* Another segment by now, with the same id. */
	if (ds.shm_segsz != w->arg[3])
		return -EINVAL;
	err = pages_fit((int)w->arg[0], flags, ds.shm_segsz);
	if (err)
		return err;
	if (shmat((int)w->arg[0], (void *)va, flags | SHM_REMAP) == (void *)-1)
		return -errno;
	maplog_widen(w->port->log, va, ds.shm_segsz);
	w->packet.shmid = (int)w->arg[0];
	w->packet.flags = flags;
	err = ask(w, PROTO_WINDOW_ATTACH);
	if (err) {
		shmdt((void *)va);
		return err;
	}
	w->port->fill = (struct window_fill){
		.va = va, .len = w->answer.at.inside, .write = !(flags & SHM_RDONLY)};
	answer_store(w);
	return 0;
}

static int64_t request(struct window_port *p)
{
	struct want w = {.port = p, .fd = -1};
	int64_t ret = -ENOSYS;

	memcpy(w.arg, p->mbox->arg, sizeof(w.arg));
	if (p->mbox->nr == ABI_CALL_MAP_FILE)
		ret = map_file(&w);
	else if (p->mbox->nr == ABI_CALL_WINDOW_GROW)
		ret = map_more(&w);
	else if (p->mbox->nr == ABI_CALL_SHMAT)
		ret = attach(&w);
	if (w.fd >= 0)
		close(w.fd);
	return ret;
}

void *window_ask_main(void *port)
{
	struct window_port *p = port;

	for (;;) {
		uint32_t turn;

		while ((turn = __atomic_load_n(&p->turn, __ATOMIC_ACQUIRE)) != WINDOW_ASKED)
			futex_wait(&p->turn, turn);
		p->ret = request(p);
		__atomic_store_n(&p->turn, WINDOW_ANSWERED, __ATOMIC_RELEASE);
		futex_wake(&p->turn, 1);
	}
	return NULL;
}
