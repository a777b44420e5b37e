/* SPDX-License-Identifier: MIT */
/*
 * Arguments whose meaning depends on a command: ioctl, fcntl, prctl, semctl, msgctl, and System
 * V messages.
 */
#include "guest-lwk/sysargs.h"
#include "guest-lwk/abi/layout.h"

#define R  ABI_PROT_R
#define RW (ABI_PROT_R | ABI_PROT_W)

/* A run of commands with the same argument; bytes 0: no address. */
struct command {
	u32 first, last;
	u16 bytes;
	u16 prot;
};

/*
 * Requests that do not carry their size (asm-generic/ioctls.h, sockios.h, fs.h). The first hit
 * counts.
 */
static const struct command ioctls[] = {
	{0x0001, 0x0002, 4, RW},  /* FIBMAP FIGETBSZ */
	{0x1260, 0x127f, 8, RW},  /* BLK*: sizes, flags */
	{0x5401, 0x5401, 36, RW}, /* TCGETS */
	{0x5402, 0x5404, 36, R},  /* TCSETS* */
	{0x5405, 0x5405, 18, RW}, /* TCGETA */
	{0x5406, 0x5408, 18, R},  /* TCSETA* */
	{0x5409, 0x540e, 0, 0},   /* TCSBRK TCXONC TCFLSH TIOCEXCL TIOCNXCL TIOCSCTTY */
	{0x540f, 0x540f, 4, RW},  /* TIOCGPGRP */
	{0x5410, 0x5410, 4, R},   /* TIOCSPGRP */
	{0x5411, 0x5411, 4, RW},  /* TIOCOUTQ */
	{0x5412, 0x5412, 1, R},   /* TIOCSTI */
	{0x5413, 0x5413, 8, RW},  /* TIOCGWINSZ */
	{0x5414, 0x5414, 8, R},   /* TIOCSWINSZ */
	{0x5415, 0x5415, 4, RW},  /* TIOCMGET */
	{0x5416, 0x5418, 4, R},   /* TIOCMBIS TIOCMBIC TIOCMSET */
	{0x5419, 0x5419, 4, RW},  /* TIOCGSOFTCAR */
	{0x541a, 0x541a, 4, R},   /* TIOCSSOFTCAR */
	{0x541b, 0x541b, 4, RW},  /* FIONREAD */
	{0x541c, 0x541d, 0, 0},   /* TIOCLINUX TIOCCONS */
	{0x541e, 0x541f, 72, RW}, /* TIOCGSERIAL TIOCSSERIAL */
	{0x5420, 0x5421, 4, R},   /* TIOCPKT FIONBIO */
	{0x5422, 0x5422, 0, 0},   /* TIOCNOTTY */
	{0x5423, 0x5423, 4, R},   /* TIOCSETD */
	{0x5424, 0x5424, 4, RW},  /* TIOCGETD */
	{0x5425, 0x5428, 0, 0},   /* TCSBRKP TIOCSBRK TIOCCBRK */
	{0x5429, 0x5429, 4, RW},  /* TIOCGSID */
	{0x5450, 0x5451, 0, 0},   /* FIONCLEX FIOCLEX */
	{0x5452, 0x5452, 4, R},   /* FIOASYNC */
	{0x5456, 0x5457, 36, RW}, /* TIOCGLCKTRMIOS TIOCSLCKTRMIOS */
	{0x5459, 0x5459, 4, RW},  /* TIOCSERGETLSR */
	{0x5460, 0x5460, 8, RW},  /* FIOQSIZE */
	{0x8901, 0x8902, 4, R},   /* FIOSETOWN SIOCSPGRP */
	{0x8903, 0x8905, 4, RW},  /* FIOGETOWN SIOCGPGRP SIOCATMARK */
	{0x8906, 0x8907, 16, RW}, /* SIOCGSTAMP SIOCGSTAMPNS */
	{0x890b, 0x890c, 120, R}, /* SIOCADDRT SIOCDELRT */
	{0x8912, 0x8912, 16, RW}, /* SIOCGIFCONF: and its buffer, below */
	{0x8910, 0x89ff, 40, RW}, /* struct ifreq */
};
#define SIOCGIFCONF 0x8912

static const struct command fcntls[] = {
	{5, 7, 32, RW},      /* F_GETLK F_SETLK F_SETLKW */
	{15, 15, 8, R},      /* F_SETOWN_EX */
	{16, 17, 8, RW},     /* F_GETOWN_EX F_GETOWNER_UIDS */
	{36, 38, 32, RW},    /* F_OFD_* */
	{1035, 1038, 8, RW}, /* F_GET_RW_HINT ... F_SET_FILE_RW_HINT */
};

#define IPC_CMD 0xff /* without IPC_64 */
static const struct command semctls[] = {
	{1, 1, 104, R},    /* IPC_SET */
	{2, 2, 104, RW},   /* IPC_STAT */
	{3, 3, 40, RW},    /* IPC_INFO */
	{13, 13, 512, RW}, /* GETALL: sets of up to 256 */
	{17, 17, 512, R},  /* SETALL */
	{18, 18, 104, RW}, /* SEM_STAT */
	{19, 19, 40, RW},  /* SEM_INFO */
	{20, 20, 104, RW}, /* SEM_STAT_ANY */
};

static const struct command msgctls[] = {
	{1, 1, 120, R},    /* IPC_SET */
	{2, 2, 120, RW},   /* IPC_STAT */
	{3, 3, 32, RW},    /* IPC_INFO */
	{11, 11, 120, RW}, /* MSG_STAT */
	{12, 12, 32, RW},  /* MSG_INFO */
	{13, 13, 120, RW}, /* MSG_STAT_ANY */
};

static const struct command shmctls[] = {
	{1, 1, 112, R},    /* IPC_SET */
	{2, 2, 112, RW},   /* IPC_STAT */
	{3, 3, 72, RW},    /* IPC_INFO */
	{13, 13, 112, RW}, /* SHM_STAT */
	{14, 14, 48, RW},  /* SHM_INFO */
	{15, 15, 112, RW}, /* SHM_STAT_ANY */
};

static const struct command prctls[] = {
	{2, 2, 4, RW},    /* PR_GET_PDEATHSIG */
	{15, 15, 16, R},  /* PR_SET_NAME */
	{16, 16, 16, RW}, /* PR_GET_NAME */
	{37, 37, 4, RW},  /* PR_GET_CHILD_SUBREAPER */
};

/* clang-format on */

static const struct command *find(const struct command *table, u32 n, u32 command)
{
	for (const struct command *c = table; c < table + n; c++)
		if (command >= c->first && command <= c->last)
			return c;
	return NULL;
}

/* No address to us, yet it must not be one of the proxy's own. */
static void opaque(struct sysargs *sa, u32 i)
{
	u64 va = sa->arg[i];

	if (va >= ABI_USER_END && va < SYSARGS_HOST_END)
		sa->arg[i] = SYSARGS_BAD;
}

static void by_table(struct sysargs *sa, u32 i, const struct command *table, u32 n, u32 command)
{
	const struct command *c = find(table, n, command);

	if (c && c->bytes)
		sysargs_pointer(sa, i, c->bytes, c->prot);
	else
		opaque(sa, i);
}

/*
 * struct ifconf: a length, and the address of that many bytes (NULL: only the length is
 * wanted).
 */
static void ifconf_buffer(struct sysargs *sa, u32 i)
{
	struct {
		s32 len, pad;
		u64 buf;
	} conf;

	if (sa->arg[i] == SYSARGS_BAD || user_read(&conf, sa->arg[i], sizeof(conf)))
		return;
	if (conf.buf && conf.len > 0 && !sysargs_span(sa, conf.buf, (u32)conf.len, RW))
		sa->arg[i] = SYSARGS_BAD;
}

/*
 * Newer requests say their size and direction in the number: _IOW is read by the kernel, _IOR
 * written.
 */
static void ioctl(struct sysargs *sa, u32 i)
{
	u32 request = (u32)sa->arg[1], size = request >> 16 & 0x3fff, dir = request >> 30;

	if (dir && size)
		sysargs_pointer(sa, i, size, dir & 2 ? RW : R);
	else
		by_table(sa, i, ioctls, ARRAY_SIZE(ioctls), request);
	if (request == SIOCGIFCONF)
		ifconf_buffer(sa, i);
}

/*
 * struct msgbuf: the type, and as many bytes as are said. A length that no message can have is
 * EINVAL, after the type was read.
 */
static void message(struct sysargs *sa, u32 i, u32 prot)
{
	u64 len = sa->arg[2] > SYSARGS_RW_MAX ? 0 : sa->arg[2];

	sysargs_pointer(sa, i, sizeof(u64) + len, prot);
}

void sysargs_control(struct sysargs *sa, u32 i)
{
	switch (sa->nr) {
	case ABI_NR_ioctl:
		ioctl(sa, i);
		break;
	case ABI_NR_fcntl:
		by_table(sa, i, fcntls, ARRAY_SIZE(fcntls), (u32)sa->arg[1]);
		break;
	case ABI_NR_prctl:
		by_table(sa, i, prctls, ARRAY_SIZE(prctls), (u32)sa->arg[0]);
		break;
	case ABI_NR_semctl:
		by_table(sa, i, semctls, ARRAY_SIZE(semctls), sa->arg[2] & IPC_CMD);
		break;
	case ABI_NR_msgctl:
		by_table(sa, i, msgctls, ARRAY_SIZE(msgctls), sa->arg[1] & IPC_CMD);
		break;
	case ABI_NR_shmctl:
		by_table(sa, i, shmctls, ARRAY_SIZE(shmctls), sa->arg[1] & IPC_CMD);
		break;
	case ABI_NR_msgsnd:
		message(sa, i, R);
		break;
	default: /* msgrcv */
		message(sa, i, RW);
		break;
	}
}
