#!/bin/bash
# SPDX-License-Identifier: MIT
# prefault.sh: how long a guest's memory takes until it is all there: one worker against one on each core, in
# turns, as seconds a GiB (medians). As root, for the pool of 2 MiB pages; it is put back. No guest is started.
#   MIB [1024]  CORES, as a list [all]  ROUNDS [5]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

mib=${MIB:-1024}
rounds=${ROUNDS:-5}
read -ra cores <<< "${CORES:-$(seq -s ' ' 0 $(($(nproc) - 1)))}"
out=out/bench/prefault
pool=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
added=0
mkdir -p "$out"
trap pool_restore EXIT

# By how much, not to what: a guest may have changed the pool in between.
pool_add() {
	local before
	before=$(cat "$pool")
	{ echo $((before + mib / 2)) > "$pool"; } 2> /dev/null
	added=$(($(cat "$pool") - before))
	[ "$added" -ge $((mib / 2)) ]
}

pool_restore() {
	[ "$added" -gt 0 ] && echo $(($(cat "$pool") - added)) > "$pool"
	added=0
}

gcc -O2 -std=gnu17 -D_GNU_SOURCE= -Wall -I. -pthread -o "$out/prefault" tests/bench/prefault.c vmm/memory.c \
	vmm/memory_prefault.c vmm/memory_verify.c vmm/pool_sysfs.c vmm/base/affinity.c vmm/base/problem.c || exit 1

# measure KIND WORKERS: seconds a GiB, one line into its file.
measure() {
	LWVMM_PREFAULT_WORKERS=$2 "$out/prefault" "$1" "$mib" "${cores[@]}" |
		awk -v mib="$mib" '{ printf "%.4f\n", $1 * 1024 / mib }' >> "$out/$1-$2"
}

median() {
	sort -n "$1" | awk '{ x[NR] = $1 } END { print NR % 2 ? x[(NR + 1) / 2] : (x[NR / 2] + x[NR / 2 + 1]) / 2 }'
}

echo "prefault of $mib MiB, seconds a GiB, medians of $rounds rounds, cores ${cores[*]}"
printf '%-22s %10s %10s %8s\n' pages '1 worker' "${#cores[@]} workers" ratio
status=0
for kind in 2M thp 4K; do
	if [ "$kind" = 2M ] && ! pool_add; then
		echo "2M: the pool cannot be grown"
		status=1
		continue
	fi
	rm -f "$out/$kind"-*
	for ((round = 0; round < rounds; round++)); do
		if ((round % 2)); then order="${#cores[@]} 1"; else order="1 ${#cores[@]}"; fi
		for workers in $order; do measure "$kind" "$workers" || status=1; done
	done
	[ "$kind" = 2M ] && pool_restore
	one=$(median "$out/$kind-1")
	all=$(median "$out/$kind-${#cores[@]}")
	printf '%-22s %10s %10s %8s\n' "$kind" "$one" "$all" "$(awk -v a="$one" -v b="$all" 'BEGIN { printf "%.2f", b ? a / b : 0 }')"
done
exit $status
