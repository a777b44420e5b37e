/* SPDX-License-Identifier: MIT */
#include "guest-lwk/sigframe.h"
#include "guest-lwk/signal_queue.h"

/* A fault by an instruction, which has an address (SI_KERNEL has none). */
static bool has_address(s32 signo, s32 code)
{
	return SIGMASK(signo) & SIGS_SYNCHRONOUS && code > 0 && code != SI_KERNEL;
}

static u64 two(u32 low, u32 high)
{
	return (u64)high << 32 | low;
}

void sigframe_info_fill(struct sigframe_info *to, const struct ksiginfo *from)
{
	memset(to, 0, sizeof(*to));
	to->signo = from->signo;
	to->errnum = from->errnum;
	to->code = from->code;
	if (has_address(from->signo, from->code)) {
		to->word[0] = from->value;
	} else if (from->code == SI_TIMER) {
		to->word[0] = two((u32)from->timerid, (u32)from->overrun);
		to->word[1] = from->value;
	} else if (from->signo == SIGCHLD && from->code > 0) {
		to->word[0] = two((u32)from->pid, from->uid);
		to->word[1] = (u32)from->status;
	} else {
		to->word[0] = two((u32)from->pid, from->uid);
		to->word[1] = from->value;
	}
}

void sigframe_info_read(struct ksiginfo *to, const struct sigframe_info *from)
{
	*to = (struct ksiginfo){
		.signo = from->signo,
		.errnum = from->errnum,
		.code = from->code,
		.pid = (s32)from->word[0],
		.uid = (u32)(from->word[0] >> 32),
		.status = (s32)from->word[1],
		.value = from->word[1],
	};
	if (has_address(from->signo, from->code)) {
		to->value = from->word[0];
	} else if (from->code == SI_TIMER) {
		to->timerid = to->pid;
		to->overrun = (s32)to->uid;
	}
}
