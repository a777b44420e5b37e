#!/bin/bash
# SPDX-License-Identifier: MIT
# locks.sh: all threads at once at futexes, a mutex, malloc and mmap (locks.c), the guest beside native, and what
# an operation costs in the guest by count. Times are medians of the rounds, of one thread's operation.
#   LWVMM [build/lwvmm]  CORES [0-1]  THREADS [as many as CORES]  REPEAT: operations of a thread, times 100 for mutex and malloc [300]  ROUNDS [5]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/bench/runs.sh

lwvmm=${LWVMM:-build/lwvmm}
cores=${CORES:-0-1}
threads=${THREADS:-$(taskset -c "$cores" nproc)}
repeat=${REPEAT:-300}
rounds=${ROUNDS:-5}
out=out/bench
mkdir -p "$out"
trap runs_undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

gcc -O2 -static -pthread -o "$out/locks" tests/bench/locks.c || exit 1
gcc -O2 -static -o "$out/launch" tests/bench/launch.c || exit 1
: > "$out/locks.guest"
: > "$out/locks.native"
for ((round = 0; round < rounds; round++)); do
	guest 1G "$out/locks" "$threads" "$repeat" || { guest_trouble $? >&2; exit 1; }
	cat "$out/guest.out" >> "$out/locks.guest"
	native 2M "$out/locks" "$threads" "$repeat" || { echo "the native run failed" >&2; exit 1; }
	cat "$out/native.out" >> "$out/locks.native"
done
python3 tests/bench/account.py locks "$out/guest.json" "$out/guest.out" > "$out/locks.counts" || exit 1

echo "locks: $repeat operations a thread, of mutex and malloc 100 times as many, median of $rounds rounds, host cores $cores;" \
	"counts are of the guest's last round, for an operation"
printf '%-12s %12s %12s %8s | %8s %8s %8s %8s %8s\n' 'test-threads' 'guest ns' 'native ns' times \
	calls taken kicks halts exits
while read -r name counts; do
	guest_ns=$(field "$out/locks.guest" "$name" | median)
	native_ns=$(field "$out/locks.native" "$name" | median)
	# shellcheck disable=SC2086 # counts are words
	printf '%-12s %12.1f %12.1f %8.1f | %8s %8s %8s %8s %8s\n' "$name" "$guest_ns" "$native_ns" \
		"$(awk -v g="$guest_ns" -v n="$native_ns" 'BEGIN { print (n > 0 ? g / n : 0) }')" $counts
done < "$out/locks.counts"
