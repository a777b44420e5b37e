/* SPDX-License-Identifier: MIT */
/*
 * Buffers that are named in the program's memory. Their structures cannot be changed there:
 * where one buffer is bad, the vector ends before it, or the whole structure is passed as bad.
 */
#include "guest-lwk/sysargs.h"

#define IOV_MOST  1024 /* UIO_MAXIOV: more is EINVAL on the host */
#define IOV_CHUNK 8    /* read at a time */
#define ADDR_MAX  128

struct iovec {
	u64 base, len;
};

struct msghdr {
	u64 name;
	u32 namelen, pad0;
	u64 iov, iovlen;
	u64 control, controllen;
	u32 flags, pad1;
};
_Static_assert(sizeof(struct msghdr) == 56, "Linux's x86-64 ABI");

struct mmsghdr {
	struct msghdr msg;
	u32 len, pad;
};
_Static_assert(sizeof(struct mmsghdr) == 64, "Linux's x86-64 ABI");

/*
 * How many of the vectors, from the first on, may be used. *left: bytes that the call can still
 * move.
 */
static u64 chunk_good(struct sysargs *sa, const struct iovec *iov, u64 n, u32 prot, u64 *left)
{
	for (u64 k = 0; k < n; k++) {
		u64 len = MIN(iov[k].len, *left);

		if (iov[k].len >= SYSARGS_HOST_END || !sysargs_span(sa, iov[k].base, len, prot))
			return k;
		*left -= len;
	}
	return n;
}

static u64 iov_good(struct sysargs *sa, u64 va, u64 count, u32 prot)
{
	struct iovec iov[IOV_CHUNK];
	u64 left = SYSARGS_RW_MAX;

	for (u64 at = 0; at < count; at += IOV_CHUNK) {
		u64 n = MIN(IOV_CHUNK, count - at), good;

		if (user_read(iov, va + at * sizeof(*iov), n * sizeof(*iov)))
			return at;
		good = chunk_good(sa, iov, n, prot, &left);
		if (good < n)
			return at + good;
	}
	return count;
}

/* A negative length anywhere: the call is EINVAL as a whole, before any buffer is used. */
static bool has_negative(u64 va, u64 count)
{
	struct iovec iov;

	for (u64 k = 0; k < count; k++)
		if (!user_read(&iov, va + k * sizeof(iov), sizeof(iov)) && (s64)iov.len < 0)
			return true;
	return false;
}

void sysargs_iov(struct sysargs *sa, u32 i, u32 count, u32 prot)
{
	u64 n = sa->arg[count], good;

	if (!n || n > IOV_MOST || !sa->arg[i])
		return;
	sysargs_pointer(sa, i, n * sizeof(struct iovec), ABI_PROT_R);
	if (sa->arg[i] == SYSARGS_BAD || sa->arg[i] >= SYSARGS_HOST_END)
		return;
	good = iov_good(sa, sa->arg[i], n, prot);
	if (good < n && has_negative(sa->arg[i], n))
		return;
	if (!good)
		sa->arg[i] = SYSARGS_BAD;
	else
		sa->arg[count] = good;
}

static bool msg_good(struct sysargs *sa, u64 va, u32 prot)
{
	struct msghdr msg;
	u32 rw = ABI_PROT_R | ABI_PROT_W;

	if (!sysargs_span(sa, va, sizeof(msg), prot == rw ? rw : ABI_PROT_R) ||
		user_read(&msg, va, sizeof(msg)))
		return false;
	if (msg.name && (s32)msg.namelen > 0 &&
		!sysargs_span(sa, msg.name, MIN(msg.namelen, ADDR_MAX), prot))
		return false;
	if (msg.control &&
		!sysargs_span(sa, msg.control, MIN(msg.controllen, SYSARGS_RW_MAX), prot))
		return false;
	if (!msg.iovlen || msg.iovlen > IOV_MOST)
		return true;
	return sysargs_span(sa, msg.iov, msg.iovlen * sizeof(struct iovec), ABI_PROT_R) &&
	       iov_good(sa, msg.iov, msg.iovlen, prot) == msg.iovlen;
}

void sysargs_msg(struct sysargs *sa, u32 i, u32 prot)
{
	if (sa->arg[i] && sa->arg[i] < SYSARGS_HOST_END && !msg_good(sa, sa->arg[i], prot))
		sa->arg[i] = SYSARGS_BAD;
}

void sysargs_mmsg(struct sysargs *sa, u32 i, u32 count, u32 prot)
{
	u64 n = MIN((u32)sa->arg[count], IOV_MOST), va = sa->arg[i];

	if (!va || va >= SYSARGS_HOST_END)
		return;
	/*
	 * The length that is told lies in the structure behind the message: written in both
	 * directions.
	 */
	for (u64 k = 0; k < n; k++, va += sizeof(struct mmsghdr)) {
		if (sysargs_span(sa, va, sizeof(struct mmsghdr), ABI_PROT_R | ABI_PROT_W) &&
			msg_good(sa, va, prot))
			continue;
		if (k)
			sa->arg[count] = k;
		else
			sa->arg[i] = SYSARGS_BAD;
		return;
	}
}
