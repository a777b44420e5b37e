/* SPDX-License-Identifier: MIT */
/* The host's side of the window: files, who refers to which page, what the proxy has mapped. */
#include "guest-lwk/fwd.h"
#include "guest-lwk/sched.h"
#include "tests/fuzz/sim.h"

/* One thread runs it all: nobody waits for another. */
void sched_prepare(void)
{
	sim_fail("a call waits for another one's mapping");
}

void sched_cancel(void)
{
}
void schedule(void)
{
}

bool sched_wake(struct thread *t)
{
	return t;
}

s64 fwd_call_whole(struct fwd_whole *call)
{
	sim_fail("call %u", call->nr);
}
