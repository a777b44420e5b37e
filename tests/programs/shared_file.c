/* SPDX-License-Identifier: MIT */
/*
 * One file, mapped MAP_SHARED by programs of a guest and by host processes: this program is all
 * of them (tests/window.sh). shared_file WHAT FILE [NUMBER]
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct shared {
	pthread_barrier_t barrier;
	pthread_mutex_t lock;
	long count;
};

static sigjmp_buf back;
static void *volatile where;

static void on_bus(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	where = info->si_addr;
	siglongjmp(back, 1);
}

static char *map(const char *path, size_t *len)
{
	int fd = open(path, O_RDWR);
	struct stat st;
	char *at;

	if (fd < 0 || fstat(fd, &st))
		exit(2);
	*len = (size_t)st.st_size;
	at = mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED) {
		perror("mmap");
		exit(3);
	}
	return at;
}

/* Makes what two processes meet at. */
static void make(struct shared *s)
{
	pthread_barrierattr_t barrier;
	pthread_mutexattr_t lock;

	pthread_barrierattr_init(&barrier);
	pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&s->barrier, &barrier, 2);
	pthread_mutexattr_init(&lock);
	pthread_mutexattr_setpshared(&lock, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&s->lock, &lock);
}

/* Both count, n times each; every now and then they wait for one another. */
static void count(struct shared *s, long n)
{
	pthread_barrier_wait(&s->barrier);
	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&s->lock);
		s->count++;
		pthread_mutex_unlock(&s->lock);
		if (i % 100 == 0)
			pthread_barrier_wait(&s->barrier);
	}
	pthread_barrier_wait(&s->barrier);
	printf("%ld\n", s->count);
}

/* Reads its last page until a host process has cut the file. */
static void bus(const char *at, size_t len)
{
	struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &action, NULL);
	printf("ready\n");
	fflush(stdout);
	if (!sigsetjmp(back, 1))
		for (;;)
			(void)*(const volatile char *)(at + len - 5);
	printf("SIGBUS at %ld from the end; first byte %d\n",
		(long)(at + len - (const char *)where), at[0]);
}

int main(int argc, char **argv)
{
	size_t len;
	char *at;

	if (argc < 3)
		return 1;
	at = map(argv[2], &len);
	if (!strcmp(argv[1], "make"))
		make((struct shared *)at);
	else if (!strcmp(argv[1], "count"))
		count((struct shared *)at, atol(argv[3]));
	else if (!strcmp(argv[1], "bus"))
		bus(at, len);
	else if (!strcmp(argv[1], "add"))
		*(long *)at += 1;
	else
		return 1;
	return 0;
}
