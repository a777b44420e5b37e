/* SPDX-License-Identifier: MIT */
/* Sizes in bytes as people write them: binary multiples, no surprises. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "numa/options.h"

/* "", "K", "M", "G", "T", in either case and with "iB" if one likes. */
static int suffix_parse(const char *text, unsigned *shift)
{
	static const char letters[] = "KMGT";
	const char *at;

	*shift = 0;
	if (*text == '\0')
		return 0;
	at = strchr(letters, toupper((unsigned char)*text));
	if (!at || (text[1] && strcmp(text + 1, "iB") != 0))
		return -EINVAL;
	*shift = 10 * (unsigned)(at - letters + 1);
	return 0;
}

/* Whole and fraction apart, so that no floating point rounds a size. */
int size_parse(const char *text, uint64_t *bytes)
{
	uint64_t whole = 0, part = 0, scale = 1;
	unsigned shift;
	__uint128_t sum;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (; isdigit((unsigned char)*text); text++) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, (uint64_t)(*text - '0'), &whole))
			return -EINVAL;
	}
	if (*text == '.') {
		if (!isdigit((unsigned char)*++text))
			return -EINVAL;
		/* Nine digits say more than a byte of a GiB: the rest is read past. */
		for (; isdigit((unsigned char)*text); text++) {
			if (scale == 1000000000)
				continue;
			part = part * 10 + (uint64_t)(*text - '0');
			scale *= 10;
		}
	}
	if (suffix_parse(text, &shift) || (scale > 1 && !shift))
		return -EINVAL;
	sum = ((__uint128_t)whole << shift) + ((__uint128_t)part << shift) / scale;
	if (sum == 0 || sum > INT64_MAX)
		return -EINVAL;
	*bytes = (uint64_t)sum;
	return 0;
}

const char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX])
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	unsigned u = 4;

	/* Down to the first unit in which one decimal says it exactly, but not below MiB. */
	while (u && (bytes >> (10 * u) == 0 ||
			    (u > 2 && (__uint128_t)bytes * 10 % (UINT64_C(1) << (10 * u)))))
		u--;
	if (bytes % (UINT64_C(1) << (10 * u)) == 0)
		snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 " %s", bytes >> (10 * u), unit[u]);
	else
		snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 ".%u %s", bytes >> (10 * u),
			(unsigned)((__uint128_t)bytes * 10 / (UINT64_C(1) << (10 * u)) % 10),
			unit[u]);
	return text;
}
