#!/bin/bash
# SPDX-License-Identifier: MIT
# bench.sh [PART...]: the guest beside native, on this machine now. Parts: stream gups steady costs start mpi
# hpcc slurm (all of them; the last three where MPI and Slurm are installed). The tables go to standard output and to
# out/bench.txt. Every figure is measured in this run; what could not be measured is said in words.
#   LWVMM   the binary [build/lwvmm]      PAIRS   pairs of runs, alternated [15]
#   CORES   host cores of both [0-1]      STARTS  starts of hello [20]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/bench/runs.sh
. tests/bench/mpi.sh
. tests/bench/slurm.sh

lwvmm=${LWVMM:-build/lwvmm}
pairs=${PAIRS:-15}
starts=${STARTS:-20}
cores=${CORES:-0-1}
out=out/bench
here=tests/bench
failed=0
# STREAM's rule: each array at least four times the last caches of all cores. In doubles; at least 10
# million, and at most what gcc's usual code model has room for. (getconf's size is not the machine's in
# a virtual one: as sysfs has it.)
cache_kib=$(for index in /sys/devices/system/cpu/cpu[0-9]*/cache/index3; do
	cat "$index/shared_cpu_list" "$index/size" 2> /dev/null | tr -d K | paste - -
done | sort -u | awk '{ sum += $2 } END { print sum + 0 }')
elements=$((cache_kib * 1024 / 2))
elements=$((elements < 10000000 ? 10000000 : elements > 80000000 ? 80000000 : elements))
export OMP_PROC_BIND=true

say() {
	printf '%s\n' "$*"
}

# What was to be measured and was not.
sorry() {
	say "$*"
	failed=1
}

build_programs() {
	local name
	mkdir -p "$out"
	for name in stream gups costs steady startmain idle launch; do
		gcc -O2 -static -fopenmp -DSTREAM_ARRAY_SIZE=$elements -o "$out/$name" "$here/$name.c" \
			2> "$out/gcc.log" ||
			{ echo "bench.sh: $here/$name.c does not build: see $out/gcc.log" >&2; exit 1; }
	done
}

head_line() {
	say "lwvmm bench, $(date -u '+%Y-%m-%d %H:%M UTC'), $("$lwvmm" version 2> /dev/null | head -n 1)," \
		"source $(git rev-parse --short HEAD 2> /dev/null || echo 'without a commit')"
	say "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
		"Linux $(uname -r), $(grep -qwE 'vmx|svm' /proc/cpuinfo && echo hardware || echo software) KVM"
	say "guest and native: the same binaries (gcc -O2 -static -fopenmp), host cores $cores;" \
		"load before the run $(cut -d' ' -f1 /proc/loadavg)"
}

table_head() {
	printf '\n%s\n%-28s %5s %8s %19s %8s %19s %7s %6s %13s %6s %s\n' "$1" '' pairs guest \
		'[    quartiles    ]' native '[    quartiles    ]' spread ratio '[ quartiles ]' target verdict
}

# ratio_row NAME UNIT TARGET FILE
ratio_row() {
	awk -v name="$1" -v unit="$2" -v target="$3" -f "$here/ratio.awk" "$4" || failed=1
}

rate_gups() {
	grep -q '(passed)' "$1" && awk '/Updates per second/ { print $3 * 1000 }' "$1"
}

rate_stream() {
	grep -q 'Solution Validates' "$1" && awk '$1 == "Triad:" { print $2 / 1000 }' "$1"
}

# one_run SIDE PROGRAM MEM: SIDE is guest, 2M or 4K. Prints the rate, or why there is none.
one_run() {
	local side=$1 program=$2 mem=$3 file=$out/native.out status
	if [ "$side" = guest ]; then
		file=$out/guest.out
		guest "$mem" "$out/$program" || { status=$?; guest_trouble $status >&2; return 1; }
	else
		native "$side" "$out/$program" || return 1
		native_got "$side" || {
			echo "the native run had $(native_huge) % in 2 MiB pages: not what $side asks for" >&2
			return 1
		}
		native_huge >> "$out/$program.$side.huge"
	fi
	"rate_$program" "$file"
}

# speed PROGRAM MEM SIDE...: pairs of runs in turn, the order reversed from round to round. The rates of
# the guest and of each native side are left in $out/PROGRAM.SIDE, a line a round. A run that fails is
# told and its round made again; the third one ends it.
speed() {
	local program=$1 mem=$2 round side order bad=0
	local -A rate
	shift 2
	rm -f "$out/$program".{2M,4K}{,.huge}
	for ((round = 1; round <= pairs + bad && bad < 3; round++)); do
		order=(guest "$@")
		((round % 2)) || mapfile -t order < <(printf '%s\n' "${order[@]}" | tac)
		rate=()
		for side in "${order[@]}"; do
			one_run "$side" "$program" "$mem" > "$out/rate" 2> "$out/why" || {
				sorry "$program, round $round, $side: $(tail -n 1 "$out/why")"
				bad=$((bad + 1))
			}
			rate[$side]=$(cat "$out/rate")
		done
		for side in "$@"; do
			echo "${rate[guest]:-0} ${rate[$side]:-0}" >> "$out/$program.$side"
		done
	done
}

# What both sides really had under them.
pages_line() {
	say "  guest: $(python3 "$here/account.py" pages "$out/guest.json" 2> /dev/null || echo 'no account')"
	[ ! -s "$out/$1.2M.huge" ] || say "  native 2 MiB: transparent huge pages, by smaps at least" \
		"$(sort -g "$out/$1.2M.huge" | head -n 1) % of the arrays in each run"
	[ ! -s "$out/$1.4K.huge" ] || say "  native 4 KiB: transparent huge pages off, by smaps at most" \
		"$(sort -g "$out/$1.4K.huge" | tail -n 1) % of the table in huge pages"
}

part_stream() {
	table_head "STREAM triad, 3 arrays of $((elements >> 17)) MiB"
	speed stream $((elements * 24 / 1048576 + 256))M 2M
	ratio_row "against native 2 MiB" GB/s 0.98 "$out/stream.2M"
	pages_line stream
}

# What large pages give natively, in the same rounds: more than this they cannot give a guest.
bound_line() {
	paste "$out/$1.2M" "$out/$1.4K" | awk '{ print $2, $4 }' > "$out/$1.bound"
	ratio_row "(native 2 MiB / native 4 KiB" "Mup/s)" 0 "$out/$1.bound"
}

part_gups() {
	table_head "random update, 1 GiB table"
	speed gups 1280M 2M 4K
	ratio_row "against native 2 MiB" Mup/s 0.98 "$out/gups.2M"
	ratio_row "against native 4 KiB" Mup/s 1.5 "$out/gups.4K"
	bound_line gups
	pages_line gups
}

part_steady() {
	local round
	rm -f "$out"/steady.empty*
	say
	say "Steady state (counts)"
	for round in 1 2 3; do
		# What the closing mark itself costs: two marks with nothing between them.
		guest 256M "$out/steady" 0
		mv "$out/guest.json" "$out/steady.empty$round" 2> /dev/null
	done
	guest 256M "$out/steady" 1 || { sorry "not measured: $(guest_trouble $?)"; return; }
	python3 "$here/account.py" steady "$out/guest.json" "$out"/steady.empty? || failed=1
}

# costs_row NAME: medians over the runs; the names are the first words of the lines of costs.c.
costs_row() {
	local guest native
	guest=$(field "$out/costs.guest" "$1" | median)
	native=$(field "$out/costs.native" "$1" | median)
	awk -v name="$1" -v g="$guest" -v n="$native" 'BEGIN {
		printf "%-28s %12s %12s %9s\n", name, g == "" ? "not measured" : sprintf("%.1f", g),
			n == "" ? "not measured" : sprintf("%.1f", n),
			g == "" || !(n > 0) ? "" : sprintf("%.1f", g / n) }'
}

part_costs() {
	local round name
	say
	say "Costs of calls (median of 5 runs; write-1 and write-1M: bytes to /dev/null; futex-wake: nobody" \
		"waits; clock_gettime: by the vDSO; poll-quiet: timeout 0, of a pipe where nothing happens)"
	printf '%-28s %12s %12s %9s\n' '' "guest ns" "native ns" "times"
	: > "$out/costs.guest"
	: > "$out/costs.native"
	for round in 1 2 3 4 5; do
		native 2M "$out/costs" && cat "$out/native.out" >> "$out/costs.native"
		guest 256M "$out/costs" || { sorry "round $round: $(guest_trouble $?)"; break; }
		cat "$out/guest.out" >> "$out/costs.guest"
	done
	while read -r name; do
		costs_row "$name"
	done < <(awk '!seen[$1]++ { print $1 }' "$out/costs.native")
}

# since_start SIDE: milliseconds from the launch to main and to the exit, in the last run.
since_start() {
	awk 'NR == FNR { if ($1 == "start_ns") start = $2; if ($1 == "end_ns") end = $2; next }
		$1 == "monotonic" { printf "%.3f %.3f\n", ($2 - start) / 1e6, (end - start) / 1e6 }' \
		"$out/$1.run" "$out/$1.out"
}

start_row() {
	local file=$out/start.$2 main end
	main=$(cut -d' ' -f1 "$file" | median)
	end=$(cut -d' ' -f2 "$file" | median)
	printf '%-28s %5s %12s %12s\n' "$1" "$(wc -l < "$file")" "${main:-not measured}" "${end:-}"
}

part_start() {
	local n
	say
	printf '%-28s %5s %12s %12s\n' "Start of hello (median, ms)" runs "to main" "to exit"
	: > "$out/start.native"
	: > "$out/start.guest"
	for ((n = 0; n < starts; n++)); do
		native 2M "$out/startmain" && since_start native >> "$out/start.native"
		guest 256M "$out/startmain" || { sorry "start $n: $(guest_trouble $?)"; break; }
		since_start guest >> "$out/start.guest"
	done
	start_row "guest of 256 MiB" guest
	start_row native native
	resident
	image_size
}

# resident_kib PID: resident memory of a process but the guest's (its memory files are all named lwvmm).
resident_kib() {
	awk '/^[0-9a-f]+-[0-9a-f]+ / { own = !($0 ~ /\/memfd:lwvmm/); next }
		own && $1 == "Rss:" { sum += $2 } END { print sum + 0 }' "/proc/$1/smaps"
}

# resident_print NAME: the proxy has the pid that was started, the VMM is the other one.
resident_print() {
	local pid kib sum=0 n=0 verdict=missed
	for pid in $(pgrep -f -- "--name $1 "); do
		kib=$(resident_kib "$pid" 2> /dev/null) || continue
		say "resident without guest RAM: $kib KiB in the" \
			"$([ "$pid" = "$running" ] && echo proxy || echo VMM)"
		sum=$((sum + kib)) n=$((n + 1))
	done
	[ $n = 2 ] || { sorry "resident memory: $n processes could be read instead of proxy and VMM"; return; }
	[ $sum -ge 4096 ] || verdict=reached
	say "resident without guest RAM: $sum KiB together: $verdict (asked for: below 4096 KiB)"
}

# The guest waits; every process whose command line holds its name is lwvmm's.
resident() {
	local name=bench-rss-$$ status waited=0
	rm -f "$out/idle.in"
	mkfifo "$out/idle.in"
	"$lwvmm" run --name "$name" --cores "$cores" --mem 256M --timeout 60 -- "$out/idle" \
		< "$out/idle.in" > "$out/idle.out" 2> "$out/guest.err" &
	running=$!
	exec 8> "$out/idle.in"
	while ! grep -qs ready "$out/idle.out" && [ -e "/proc/$running" ] && ((waited++ < 100)); do
		sleep 0.1
	done
	grep -qs ready "$out/idle.out" && resident_print "$name"
	exec 8>&-
	wait "$running"
	status=$?
	running=
	[ $status = 0 ] || sorry "resident memory: $(guest_trouble $status)"
}

image_size() {
	local image
	image=$(find "$(dirname "$lwvmm")" -name lwk.image | head -n 1)
	[ -n "$image" ] || { sorry "LWK image: not beside $lwvmm, so its size is not known"; return; }
	say "LWK image: $(($(stat -c %s "$image") / 1024)) KiB in the file;" \
		"$(size "$image" | awk 'NR == 2 { printf "text %d, data %d, bss %d KiB", $1 / 1024, $2 / 1024, $3 / 1024 }')"
}

trap 'runs_undo; mpi_undo; slurm_undo' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

[ $# -gt 0 ] || set -- stream gups steady costs start mpi hpcc slurm
for part in "$@"; do
	declare -F "part_$part" > /dev/null ||
		{ echo "bench.sh: no part is called $part: stream gups steady costs start mpi hpcc slurm" >&2; exit 2; }
done
[ -x "$lwvmm" ] || { echo "bench.sh: $lwvmm is not there: run 'make build'" >&2; exit 1; }
build_programs
exec > >(tee out/bench.txt)
head_line
for part in "$@"; do
	"part_$part"
done
exit $failed
