/* SPDX-License-Identifier: MIT */
/* Starts threads until it cannot, is told EAGAIN, joins them, and can again. */
#include <limits.h>
#include <pthread.h>
#include <sys/resource.h>

#include "check.h"

#define MOST 100000

static pthread_t thread[MOST];
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *body(void *arg)
{
	CHECK_ZERO(pthread_mutex_lock(&gate));
	CHECK_ZERO(pthread_mutex_unlock(&gate));
	return arg;
}

int main(void)
{
	pthread_attr_t attr;
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
	CHECK_ZERO(pthread_attr_init(&attr));
	CHECK_ZERO(pthread_attr_setstacksize(&attr, 65536));
	for (int round = 0; round < 2; round++) {
		int n = 0, err = 0;

		/* Stacks that do not fit are EAGAIN. In a guest threads run out before 4096 of
		 * them. */
		limit.rlim_cur = (rlim_t)(round == 0 ? 48 : 256) << 20;
		CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
		CHECK_ZERO(pthread_mutex_lock(&gate));
		while (n < MOST && (err = pthread_create(&thread[n], &attr, body, NULL)) == 0)
			n++;
		CHECK(n >= 500 && (round > 0 || n <= 768));
		printf("pthread_create: %s\n", strerror(err));
		CHECK_ZERO(pthread_mutex_unlock(&gate));
		while (n > 0)
			CHECK_ZERO(pthread_join(thread[--n], NULL));
	}
	CHECK_ZERO(pthread_create(&thread[0], &attr, body, NULL));
	CHECK_ZERO(pthread_join(thread[0], NULL));
	return 0;
}
