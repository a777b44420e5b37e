/* SPDX-License-Identifier: MIT */
#include "guest-lwk/sysargs.h"
#include "guest-lwk/abi/layout.h"

#define PATH_MAX   4096
#define COUNT_MAX  (1ULL << 20) /* items: more than any limit of Linux */
#define ADDR_MAX   128          /* struct sockaddr_storage */
#define HANDLE_MAX 128
#define OPT_MAX    (1ULL << 20)
#define EMSGSIZE   90

bool sysargs_span(struct sysargs *sa, u64 va, u64 len, u32 prot)
{
	if (!len)
		return true;
	if (!mm_check(sa->proc, va, len, prot))
		return false;
	sa->lo = MIN(sa->lo, va);
	sa->hi = MAX(sa->hi, va + len);
	return true;
}

/* Bad on the host as it stands? NULL and kernel addresses, which keep their meaning. */
static bool bad_anyway(u64 va)
{
	return !va || va >= SYSARGS_HOST_END;
}

void sysargs_pointer(struct sysargs *sa, u32 i, u64 len, u32 prot)
{
	if (!bad_anyway(sa->arg[i]) && !sysargs_span(sa, sa->arg[i], len, prot))
		sa->arg[i] = SYSARGS_BAD;
}

u64 sysargs_prefix(struct sysargs *sa, u64 va, u64 len, u32 prot)
{
	if (sysargs_span(sa, va, len, prot))
		return len;
	/* Good up to lo, not up to hi; only after a fault of the program. */
	u64 lo = 0, hi = len;

	while (hi - lo > 1) {
		u64 mid = lo + (hi - lo) / 2;

		if (mm_check(sa->proc, va, mid, prot))
			lo = mid;
		else
			hi = mid;
	}
	sysargs_span(sa, va, lo, prot);
	return lo;
}

/* Memory of which the host may use less: item by item, count in argument c. */
static void pointer_clip(struct sysargs *sa, u32 i, u32 c, u64 item, u64 most, u32 prot)
{
	u64 count = MIN(sa->arg[c], most), good;

	if (bad_anyway(sa->arg[i]) || !count)
		return;
	/* An int there: EINVAL before the pointer is looked at. */
	if ((sa->nr == ABI_NR_readlink || sa->nr == ABI_NR_readlinkat) && (s32)sa->arg[c] < 0)
		return;
	/* A length beyond the address space is EFAULT as a whole. */
	good = sa->arg[c] < SYSARGS_HOST_END
		       ? sysargs_prefix(sa, sa->arg[i], count * item, prot) / item
		       : 0;
	if (!good)
		sa->arg[i] = SYSARGS_BAD;
	if (good && good < count) {
		sa->arg[c] = good;
		sa->clipped = c + 1;
	}
}

s64 sysargs_result(const struct sysargs *sa, s64 ret)
{
	if (!sa->clipped)
		return ret;
	switch (sa->nr) {
	case ABI_NR_readlink:
	case ABI_NR_readlinkat:
	case ABI_NR_recvfrom:
		/* As much as was there, so probably more was to come. */
		return ret == (s64)sa->arg[sa->clipped - 1] ? -EFAULT : ret;
	case ABI_NR_getdents:
	case ABI_NR_getdents64:
		return ret == -EINVAL ? -EFAULT : ret;
	default:
		return ret == -ERANGE || ret == -EMSGSIZE ? -EFAULT : ret;
	}
}

/*
 * Linux writes the time that is left, and does not mind if it cannot. The host could, in memory
 * that is read-only for the program alone: it gets a copy, below the program's red zone, where
 * a signal's frame might lie as well.
 */
static void timeout(struct sysargs *sa, u32 i, u64 len)
{
	u64 copy = ALIGN_DOWN(thread_regs(current_thread())->rsp - 256, 16);
	u64 words[2];

	if (bad_anyway(sa->arg[i]) ||
		sysargs_span(sa, sa->arg[i], len, ABI_PROT_R | ABI_PROT_W))
		return;
	if (len > sizeof(words) || user_read(words, sa->arg[i], len) ||
		!sysargs_span(sa, copy, len, ABI_PROT_R | ABI_PROT_W) ||
		user_write(copy, words, len))
		sa->arg[i] = SYSARGS_BAD;
	else
		sa->arg[i] = copy;
}

/*
 * A string: two pages at most. Only where the second is not the program's is its end looked
 * for.
 */
static void path(struct sysargs *sa, u32 i)
{
	u64 va = sa->arg[i], room = PAGE_SIZE - (va & (PAGE_SIZE - 1));
	u8 bytes[64];

	if (bad_anyway(va) || sysargs_span(sa, va, PATH_MAX, ABI_PROT_R))
		return;
	if (!sysargs_span(sa, va, room, ABI_PROT_R)) {
		sa->arg[i] = SYSARGS_BAD;
		return;
	}
	for (u64 at = 0; at < room; at += sizeof(bytes)) {
		u64 n = MIN(sizeof(bytes), room - at);

		if (user_read(bytes, va + at, n))
			break;
		for (u64 k = 0; k < n; k++)
			if (!bytes[k])
				return;
	}
	sa->arg[i] = SYSARGS_BAD;
}

/* A buffer whose length is in memory, at argument c, as accept() and getsockopt() have it. */
static void out_via(struct sysargs *sa, u32 i, u32 c)
{
	u32 len;

	if (bad_anyway(sa->arg[i]) || user_read_u32(&len, sa->arg[c]) || (s32)len < 0)
		return;
	sysargs_pointer(sa, i, MIN(len, sa->nr == ABI_NR_getsockopt ? OPT_MAX : ADDR_MAX),
		ABI_PROT_R | ABI_PROT_W);
}

/*
 * Programs pass more descriptors than their set has room for; Linux looks at those that can be
 * open.
 */
static void fdset(struct sysargs *sa, u32 i, u32 c)
{
	u64 bytes, good;

	if (bad_anyway(sa->arg[i]) || (s32)sa->arg[c] <= 0)
		return;
	bytes = ALIGN_UP(MIN((u32)sa->arg[c], COUNT_MAX), 64) / 8;
	good = ALIGN_DOWN(sysargs_prefix(sa, sa->arg[i], bytes, ABI_PROT_R | ABI_PROT_W), 8);
	if (!good)
		sa->arg[i] = SYSARGS_BAD;
	else if (good < bytes)
		sa->arg[c] = good * 8;
}

static void handle(struct sysargs *sa, u32 i, u32 prot)
{
	u32 bytes = 0;

	if (!bad_anyway(sa->arg[i]) && !user_read_u32(&bytes, sa->arg[i]))
		sysargs_pointer(sa, i, 8 + MIN(bytes, HANDLE_MAX), prot);
	else
		sysargs_pointer(sa, i, 8, prot);
}

/* The LWK keeps the masks: the host never sees one. */
static s64 tempmask(struct sysargs *sa, u32 i, u64 va, u64 size)
{
	sa->arg[i] = 0;
	if (!va)
		return 0;
	if (size != sizeof(sa->mask))
		return -EINVAL;
	sa->masked = true;
	return user_read(&sa->mask, va, sizeof(sa->mask));
}

static s64 tempmask_pair(struct sysargs *sa, u32 i)
{
	u64 pair[2] = {0, 0};

	if (sa->arg[i] && user_read(pair, sa->arg[i], sizeof(pair)))
		return -EFAULT;
	return tempmask(sa, i, pair[0], pair[1]);
}

/* Memory of fixed or given length. */
static bool check_memory(struct sysargs *sa, u32 i, u16 type)
{
	const u32 r = ABI_PROT_R, rw = ABI_PROT_R | ABI_PROT_W;
	u64 n = ABI_ARG_N(type);

	switch (ABI_ARG_KIND(type)) {
	case ABI_IN:
		sysargs_pointer(sa, i, n, r);
		break;
	case ABI_OUT:
	case ABI_INOUT:
		sysargs_pointer(sa, i, n, rw);
		break;
	case ABI_IN_LEN:
		sysargs_pointer(sa, i, MIN(sa->arg[n - 1], SYSARGS_RW_MAX), r);
		break;
	case ABI_WRITE_LEN:
		pointer_clip(sa, i, (u32)n - 1, 1, SYSARGS_RW_MAX, r);
		break;
	case ABI_OUT_LEN:
		pointer_clip(sa, i, (u32)n - 1, 1, SYSARGS_RW_MAX, rw);
		break;
	default:
		return false;
	}
	return true;
}

/* Arrays of items. */
static bool check_items(struct sysargs *sa, u32 i, u16 type)
{
	u32 c = ABI_ARG_COUNT(type) - 1, item = ABI_ARG_ITEM(type);
	const u32 r = ABI_PROT_R, rw = ABI_PROT_R | ABI_PROT_W;

	switch (ABI_ARG_KIND(type)) {
	case ABI_IN_N:
		sysargs_pointer(sa, i, MIN((u32)sa->arg[c], COUNT_MAX) * item, r);
		break;
	case ABI_INOUT_N:
		sysargs_pointer(sa, i, MIN((u32)sa->arg[c], COUNT_MAX) * item, rw);
		break;
	case ABI_OUT_N:
		if ((s32)sa->arg[c] > 0)
			pointer_clip(sa, i, c, item, COUNT_MAX, rw);
		break;
	default:
		return false;
	}
	return true;
}

static s64 check_other(struct sysargs *sa, u32 i, u16 type)
{
	const u32 r = ABI_PROT_R, rw = ABI_PROT_R | ABI_PROT_W;
	u32 c = ABI_ARG_N(type) - 1;

	switch (ABI_ARG_KIND(type)) {
	case ABI_OUT_VIA:
		out_via(sa, i, c);
		break;
	case ABI_FDSET:
		fdset(sa, i, c);
		break;
	case ABI_IOV_IN:
		sysargs_iov(sa, i, c, r);
		break;
	case ABI_IOV_OUT:
		sysargs_iov(sa, i, c, rw);
		break;
	case ABI_MSG_IN:
		sysargs_msg(sa, i, r);
		break;
	case ABI_MSG_OUT:
		sysargs_msg(sa, i, rw);
		break;
	case ABI_MMSG_IN:
		sysargs_mmsg(sa, i, c, r);
		break;
	case ABI_MMSG_OUT:
		sysargs_mmsg(sa, i, c, rw);
		break;
	case ABI_TEMPMASK:
		return tempmask(sa, i, sa->arg[i], sa->arg[c]);
	case ABI_TEMPMASK_PAIR:
		return tempmask_pair(sa, i);
	case ABI_TIMEOUT:
		timeout(sa, i, c + 1);
		break;
	case ABI_HANDLE_IN:
		handle(sa, i, r);
		break;
	case ABI_HANDLE:
		handle(sa, i, rw);
		break;
	default:
		sysargs_control(sa, i);
		break;
	}
	return 0;
}

/* Arguments i and after it. */
static APART s64 check_from(struct sysargs *sa, u32 i)
{
	for (; i < 6; i++) {
		u16 type = sa->call->arg[i];
		s64 err;

		if (type <= ABI_PTR) {
			if (type == ABI_NONE)
				break;
			continue;
		}
		if (type == ABI_PATH) {
			path(sa, i);
			continue;
		}
		if (check_memory(sa, i, type) || check_items(sa, i, type))
			continue;
		err = check_other(sa, i, type);
		if (err)
			return err;
	}
	return 0;
}

s64 sysargs_check(struct sysargs *sa)
{
	const u16 *type = sa->call->arg;

	/* Most calls have no pointer, or begin with plain numbers. */
	for (u32 i = 0; i < 6; i++) {
		if (type[i] == ABI_NONE)
			return 0;
		if (type[i] > ABI_PTR)
			return check_from(sa, i);
	}
	return 0;
}
