/* SPDX-License-Identifier: MIT */
/* System V semaphores and messages, POSIX message queues. */
#include "abi.h"

#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static int sem, queue;

static void remove_sem(void)
{
	semctl(sem, 0, IPC_RMID);
}

static void remove_queue(void)
{
	msgctl(queue, IPC_RMID, NULL);
}

static void new_sem(int n)
{
	sem = (int)MUST(semget(IPC_PRIVATE, n, 0600));
	atexit(remove_sem);
}

static void new_queue(void)
{
	queue = (int)MUST(msgget(IPC_PRIVATE, 0600));
	atexit(remove_queue);
}

CASE(semget, semget, semctl)
{
	struct semid_ds ds;

	new_sem(3);
	SHOW(semctl(sem, 0, IPC_STAT, &ds));
	TELL("%ld semaphores, mode %o\n", (long)ds.sem_nsems, ds.sem_perm.mode);
	SHOW(semget(IPC_PRIVATE, 0, 0600));
	SHOW(semget(IPC_PRIVATE, -1, 0600));
	SHOW(semget(0x7abcdef1, 1, 0));
	SHOW(semctl(-1, 0, GETVAL));
	SHOW(semctl(sem, 9, GETVAL));
	SHOW(semctl(sem, 0, 99));
	SHOW(semctl(sem, 0, IPC_STAT, BAD));
}

CASE(semctl, semctl)
{
	unsigned short all[3] = {4, 5, 6};

	new_sem(3);
	SHOW(semctl(sem, 0, SETALL, all));
	memset(all, 0, sizeof(all));
	SHOW(semctl(sem, 0, GETALL, all));
	TELL("%d %d %d\n", all[0], all[1], all[2]);
	SHOW(semctl(sem, 1, SETVAL, 9));
	SHOW(semctl(sem, 1, GETVAL));
	SHOW(semctl(sem, 1, GETNCNT));
	SHOW(semctl(sem, 1, GETZCNT));
	TRUE(semctl(sem, 1, GETPID) == getpid());
	SHOW(semctl(sem, 1, SETVAL, -1));
	SHOW(semctl(sem, 1, SETVAL, 40000));
}

CASE(semop, semop, semtimedop)
{
	struct sembuf op[2] = {{0, 2, 0}, {1, -1, IPC_NOWAIT}};
	struct timespec t = {0, 10000000};

	new_sem(2);
	SHOW(semop(sem, op, 2));
	SHOW(semctl(sem, 0, GETVAL));
	SHOW(semop(sem, op, 1));
	SHOW(semctl(sem, 0, GETVAL));
	op[1].sem_flg = 0;
	SHOW(semtimedop(sem, op, 2, &t));
	op[0] = (struct sembuf){0, 0, IPC_NOWAIT};
	SHOW(semop(sem, op, 1));
	op[0].sem_num = 7;
	SHOW(semop(sem, op, 1));
	SHOW(semop(sem, op, 0));
	SHOW(SYS(semop, sem, BAD, 1));
	SHOW(SYS(semop, sem, op, 100000));
}

static void *post_later(void *arg)
{
	struct sembuf op = {0, 1, 0};

	(void)arg;
	abi_sleep_ms(30);
	MUST(semop(sem, &op, 1));
	return NULL;
}

CASE(semop_waits, semop)
{
	struct sembuf op = {0, -1, SEM_UNDO};
	unsigned long t;

	new_sem(1);
	t = abi_thread(post_later, NULL);
	SHOW(semop(sem, &op, 1));
	SHOW(semctl(sem, 0, GETVAL));
	abi_join(t);
}

static void on_signal(int sig)
{
	(void)sig;
}

CASE(semop_interrupted, semop)
{
	struct sembuf op = {0, -1, 0};

	new_sem(1);
	abi_handler(SIGUSR1, on_signal, SA_RESTART);
	abi_interrupt_after(20);
	SHOW(semop(sem, &op, 1));
}

struct message {
	long type;
	char text[32];
};

CASE(messages, msgget, msgsnd, msgrcv, msgctl)
{
	struct message m = {3, "three"};
	struct msqid_ds ds;

	new_queue();
	SHOW(msgsnd(queue, &m, 5, 0));
	m = (struct message){1, "one"};
	SHOW(msgsnd(queue, &m, 3, 0));
	SHOW(msgctl(queue, IPC_STAT, &ds));
	TELL("%ld messages\n", (long)ds.msg_qnum);
	SHOW(msgrcv(queue, &m, 32, 1, 0));
	TELL("%ld %.3s\n", m.type, m.text);
	SHOW(msgrcv(queue, &m, 2, 0, 0));
	SHOW(msgrcv(queue, &m, 2, -5, MSG_NOERROR));
	TELL("%ld %.2s\n", m.type, m.text);
	SHOW(msgrcv(queue, &m, 2, 0, IPC_NOWAIT));
	m.type = 0;
	SHOW(msgsnd(queue, &m, 3, 0));
	m.type = 1;
	SHOW(SYS(msgsnd, queue, &m, -1, 0));
	SHOW(SYS(msgsnd, queue, BAD, 4, 0));
	SHOW(SYS(msgrcv, queue, &m, -1, 0, IPC_NOWAIT));
	SHOW(msgsnd(-1, &m, 3, 0));
	SHOW(msgget(0x7abcdef2, 0));
	SHOW(msgctl(queue, 99, NULL));
	SHOW(msgctl(queue, IPC_STAT, BAD));
}

CASE(messages_interrupted, msgrcv)
{
	struct message m;

	new_queue();
	abi_handler(SIGUSR1, on_signal, SA_RESTART);
	abi_interrupt_after(20);
	SHOW(msgrcv(queue, &m, 32, 0, 0));
}

CASE(shared_memory, shmget, shmat, shmdt, shmctl)
{
	int id = (int)GOOD(shmget(IPC_PRIVATE, 8192, 0600));
	struct shmid_ds ds;
	char *p;

	if (id < 0)
		return;
	p = shmat(id, NULL, 0);
	TRUE(p != (void *)-1);
	p[5000] = 7;
	SHOW(shmctl(id, IPC_STAT, &ds));
	TELL("%ld attached, %ld bytes\n", (long)ds.shm_nattch, (long)ds.shm_segsz);
	SHOW(shmctl(id, IPC_RMID, NULL));
	TELL("%d\n", p[5000]);
	SHOW(shmdt(p));
	SHOW(shmdt(p));
}

static char name[64];

static void remove_mq(void)
{
	mq_unlink(name);
}

static mqd_t new_mq(int flags)
{
	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 16};

	snprintf(name, sizeof(name), "/abi-%d", getpid());
	atexit(remove_mq);
	return (mqd_t)SHOW(mq_open(name, O_RDWR | O_CREAT | O_EXCL | flags, 0600, &attr));
}

CASE(mq, mq_open, mq_timedsend, mq_timedreceive, mq_getsetattr, mq_unlink)
{
	mqd_t q = new_mq(O_NONBLOCK);
	struct mq_attr a;
	char buf[16];
	unsigned prio = 0;

	SHOW(mq_send(q, "low", 3, 1));
	SHOW(mq_send(q, "high", 4, 9));
	SHOW(mq_getattr(q, &a));
	TELL("%ld %ld %ld %ld\n", a.mq_flags, a.mq_maxmsg, a.mq_msgsize, a.mq_curmsgs);
	SHOW(mq_receive(q, buf, 16, &prio));
	TELL("%.4s %u\n", buf, prio);
	SHOW(mq_receive(q, buf, 15, &prio));
	SHOW(mq_receive(q, buf, 16, NULL));
	SHOW(mq_receive(q, buf, 16, NULL));
	SHOW(mq_send(q, "seventeen letters", 17, 0));
	SHOW(mq_send(q, "x", 1, 99999));
	a.mq_flags = 0;
	SHOW(mq_setattr(q, &a, NULL));
	SHOW(mq_unlink(name));
	SHOW(mq_unlink(name));
	SHOW(mq_open("/absent-abi", O_RDWR));
	SHOW(mq_open("bad/name", O_RDWR));
}

CASE(mq_timeout, mq_timedsend, mq_timedreceive)
{
	mqd_t q = new_mq(0);
	struct timespec t;
	char buf[16];

	MUST(clock_gettime(CLOCK_REALTIME, &t));
	SHOW(mq_timedreceive(q, buf, 16, NULL, &t));
	t.tv_nsec = -1;
	SHOW(mq_timedreceive(q, buf, 16, NULL, &t));
	for (int i = 0; i < 4; i++)
		MUST(mq_send(q, "x", 1, 0));
	t.tv_nsec = 0;
	SHOW(mq_timedsend(q, "x", 1, 0, &t));
}

static volatile int notified;

static void on_notify(int sig)
{
	notified = sig;
}

CASE(mq_notify, mq_notify)
{
	mqd_t q = new_mq(0);
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};

	abi_handler(SIGUSR1, on_notify, 0);
	SHOW(mq_notify(q, &e));
	SHOW(mq_notify(q, &e));
	SHOW(mq_send(q, "x", 1, 0));
	abi_wait_for(&notified, SIGUSR1);
	TELL("signal came\n");
	SHOW(mq_notify(q, NULL));
	e.sigev_signo = 99;
	SHOW(mq_notify(q, &e));
}
