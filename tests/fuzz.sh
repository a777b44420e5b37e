#!/bin/bash
# SPDX-License-Identifier: MIT
# fuzz.sh [TARGET...]: the fuzz ring: libFuzzer on everything that reads what others have written (tests/fuzz/
# fuzz_TARGET.c), and random seeds for the models of the LWK's memory manager ('mm') and vmas ('vma').
# An input that fails is kept in out/fuzz/.
#   FUZZ_RUNS     inputs a target [40000]       FUZZ_SECONDS  at most for one target [8]
#   FUZZ_SEED     [1]: the same inputs each time   BUILD_FUZZ  the build folder [build-fuzz]
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/ring.sh

build=${BUILD_FUZZ:-build-fuzz}
runs=${FUZZ_RUNS:-40000}
seconds=${FUZZ_SECONDS:-8}
seed=${FUZZ_SEED:-1}
out=out/fuzz

configure() {
	[ -f "$build/build.ninja" ] ||
		CC=clang meson setup "$build" -Db_sanitize=address,undefined -Db_lundef=false
}

# Where to begin from: inputs that get far. Those that a longer run found stay in the same folder.
seeds_elf() {
	local program
	for program in build/lwvmm build/guest-lwk/lwk.elf /bin/true; do
		[ -f "$program" ] || continue
		head -c 4096 "$program" > "$1/${program##*/}"
		# An odd last byte: the file is said to be large (fuzz_elf.c), so its segments are all there.
		{ head -c 4096 "$program" && printf '\1'; } > "$1/${program##*/}-large"
	done
}

seeds_host() {
	printf '\4\0\0\0030-7\1\0030-7' > "$1/cpus"
	printf '\4\30\16\00510 0 ' > "$1/distance"
	printf '\40\4\32\0351000000000000000000000000000000' > "$1/meminfo"
}

seeds_journal() {
	printf '%s\n' 'lwvmm-pools 1 pid 0000000123 entries 02 guest g1' \
		'node 000 size 0002097152 taken 000000000012 pending +000000000003 before 000000000000' \
		'node 001 size 1073741824 taken 000000000001 pending -000000000001 before 000000000004' \
		> "$1/two"
}

seeds_options() {
	printf '%s\n' --name v1 --cores 0-3,8 --mem 2G --page 1G --env A=b --timeout 1.5 --stats --json file \
		-v -- program argument > "$1/all"
	printf '%s\n' --commit touch --mem 1.5G --cores 0-14:2 program > "$1/some"
	printf '%s\n' --help > "$1/help"
	printf '%s\n' --mem 8G@0,512M@12 --numa mirror --no-smt --numa 4 program > "$1/numa"
}

seeds_sigreturn() {
	printf '\250\0\10\0\0\0\0\0\200\377\377' > "$1/rip"
}

run_target() {
	local target=$1 corpus=$out/corpus-$1
	mkdir -p "$corpus"
	"seeds_$target" "$corpus"
	"$build/tests/fuzz/fuzz_$target" -seed="$seed" -runs="$runs" -max_total_time="$seconds" -timeout=10 \
		-use_value_profile=1 -artifact_prefix="$out/$target-" "$corpus" > "$out/$target.log" 2>&1 &&
		return
	tail -n 25 "$out/$target.log"
	return 1
}

# Each seed is eight machines (tests/fuzz/mm.c); the unit ring runs the first four.
run_mm() {
	"$build/tests/fuzz/fuzz_mm" 2 1500 "$((100 * seed))"
}

run_vma() {
	"$build/tests/fuzz/fuzz_vma" 50000 "$((100 * seed))"
}

mkdir -p "$out"
if ! log=$(configure 2>&1 && ninja -C "$build" fuzz-targets tests/fuzz/fuzz_mm tests/fuzz/fuzz_vma 2>&1); then
	echo "$log" | tail -n 20
	ring_not_ok fuzz "$build does not build: run tools/install-deps.sh test"
	ring_end fuzz
	exit
fi
[ $# -gt 0 ] || set -- elf host journal options sigreturn mm vma
for target; do
	case $target in
	mm | vma) ring_step "$target" "run_$target" ;;
	elf | host | journal | options | sigreturn) ring_step "$target" run_target "$target" ;;
	*) ring_not_ok "$target" "no such target" ;;
	esac
done
ring_end fuzz
