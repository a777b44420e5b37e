/* SPDX-License-Identifier: MIT */
/* What cases share; see abi.h. */
#include "abi.h"

#include <ctype.h>
#include <pthread.h>

long abi_show(const char *text, long value)
{
	int err = errno;

	if (value == -1)
		printf("%s = -1 %s\n", text, strerrorname_np(err));
	else
		printf("%s = %ld\n", text, value);
	errno = err;
	return value;
}

long abi_good(const char *text, long value)
{
	if (value < 0)
		return abi_show(text, value);
	printf("%s: good\n", text);
	return value;
}

int abi_code(const char *text, int error)
{
	printf("%s = %s\n", text, error ? strerrorname_np(error) : "0");
	return error;
}

long abi_must(const char *text, long value)
{
	if (value >= 0)
		return value;
	abi_show(text, value);
	fflush(stdout);
	_exit(ABI_BROKEN);
}

_Noreturn void abi_skip(const char *why)
{
	printf("%s\n", why);
	fflush(stdout);
	_exit(ABI_SKIP);
}

void abi_bytes(const char *name, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	printf("%s: ", name);
	for (size_t i = 0; i < len; i++) {
		if (isprint(bytes[i]))
			putchar(bytes[i]);
		else
			printf("\\%02x", bytes[i]);
	}
	putchar('\n');
}

void abi_bits(const char *name, unsigned long value, const struct abi_bit *bits, size_t n)
{
	printf("%s:", name);
	for (size_t i = 0; i < n; i++)
		if (value & bits[i].bit)
			printf(" %s", bits[i].name);
	putchar('\n');
}

int abi_file(const char *name, const char *content)
{
	int fd = (int)MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));

	MUST(write(fd, content, strlen(content)));
	MUST(lseek(fd, 0, SEEK_SET));
	return fd;
}

void abi_sleep_ms(long ms)
{
	struct timespec left = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&left, &left) != 0)
		;
}

uint64_t abi_now_ns(clockid_t clock)
{
	struct timespec now;

	MUST(clock_gettime(clock, &now));
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void abi_wait_for(const volatile int *word, int value)
{
	uint64_t end = abi_now_ns(CLOCK_MONOTONIC) + 10000000000u;

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value) {
		if (abi_now_ns(CLOCK_MONOTONIC) > end) {
			printf("waited for %d in vain\n", value);
			fflush(stdout);
			_exit(ABI_BROKEN);
		}
		abi_sleep_ms(1);
	}
}

unsigned long abi_thread(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run, arg);
	MUST(-errno);
	return thread;
}

void abi_join(unsigned long thread)
{
	errno = pthread_join(thread, NULL);
	MUST(-errno);
}

void abi_handler(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	MUST(sigaction(sig, &action, NULL));
}

struct interruption {
	pthread_t who;
	long ms;
};

static void *interrupt(void *arg)
{
	struct interruption *in = arg;

	abi_sleep_ms(in->ms);
	/* Again, in case the call had not begun the first time. */
	for (int i = 0; i < 20; i++) {
		pthread_kill(in->who, SIGUSR1);
		abi_sleep_ms(500);
	}
	free(in);
	return NULL;
}

void abi_interrupt_after(long ms)
{
	struct interruption *in = malloc(sizeof(*in));

	if (!in)
		abi_skip("no memory");
	*in = (struct interruption){pthread_self(), ms};
	pthread_detach(abi_thread(interrupt, in));
}
