# SPDX-License-Identifier: MIT
# One row of a table of pairs. Input: a line a pair, "GUEST NATIVE" (rates: more is better).
# -v name= -v unit= -v target= (least median ratio; 0: none asked for).
# Median and quartiles of the pairs' ratios; 'undecided' where the native runs' own quartile spread
# exceeds 4 % of their median.
function sorted(list, n,   i, j, x) {
	for (i = 2; i <= n; i++) {
		x = list[i]
		for (j = i - 1; j > 0 && list[j] > x; j--)
			list[j + 1] = list[j]
		list[j + 1] = x
	}
}

# Between two values in proportion, as R and numpy do by default. The list is sorted.
function quantile(list, n, q,   at, low) {
	at = 1 + (n - 1) * q
	low = int(at)
	return low == n ? list[n] : list[low] + (at - low) * (list[low + 1] - list[low])
}

$1 > 0 && $2 > 0 {
	n++
	guest[n] = $1 + 0
	native[n] = $2 + 0
	ratio[n] = $1 / $2
}

END {
	if (!n) {
		printf "%-28s not measured: no pair of runs succeeded\n", name
		exit
	}
	sorted(guest, n); sorted(native, n); sorted(ratio, n)
	middle = quantile(native, n, 0.5)
	spread = (quantile(native, n, 0.75) - quantile(native, n, 0.25)) / middle
	mid = quantile(ratio, n, 0.5)
	if (target == 0)
		verdict = "-"
	else if (n < 15)
		verdict = "undecided: under 15 pairs"
	else if (spread > 0.04)
		verdict = "undecided"
	else
		verdict = mid >= target ? "reached" : "missed"
	printf "%-28s %5d %8.4g [%8.4g %8.4g] %8.4g [%8.4g %8.4g] %5.1f %% %6.3f [%.3f %.3f] %6s %s\n",
		name " " unit, n, quantile(guest, n, 0.5), quantile(guest, n, 0.25),
		quantile(guest, n, 0.75), middle, quantile(native, n, 0.25),
		quantile(native, n, 0.75), 100 * spread, mid, quantile(ratio, n, 0.25),
		quantile(ratio, n, 0.75), target == 0 ? "" : ">" target, verdict
}
