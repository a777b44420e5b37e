#!/bin/bash
# SPDX-License-Identifier: MIT
# lab.sh [PATTERN...]: boots the lab's machines (machine.sh), one after the other, and runs in each what is for
# it: the cases of cases.txt, the matrix of matrix.txt (as matrix-NAME), and in the first one the parts of
# tests/kvm.sh (as PART/NAME). All, or those whose names match the patterns. lab.sh --shell [MACHINE]: a shell
# in a machine, with the same programs in its path.
# LWVMM names the binary. out/lab has results.tap, results.xml and a folder for each machine: console.log
# (kernel log and every output), results.log, accounts/ (what lwvmm --json wrote). The lab's kernel is kept in
# LWVMM_LAB_CACHE. LAB_SECONDS (a machine) and LAB_CASE_SECONDS are the limits. LAB_BOOT_ARGS: more arguments for
# the lab's kernel (rdinit=/bin/cat is a boot that hangs).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export TESTS="$PWD/tests"
CORES=2-3 # of the guests of the kvm ring
. tests/ring.sh
. tests/lab/machine.sh
. tests/lab/boot.sh
. tests/lab/job.sh
. tests/programs/build.sh
. tests/programs/dynamic.sh
. tests/command_text.sh
. tests/abi/abi.sh
. tests/bad/input.sh

lwvmm=${LWVMM:-build/lwvmm}
seconds=${LAB_SECONDS:-1500}
case_seconds=${LAB_CASE_SECONDS:-60}
silence=$((case_seconds + 30))
cache=${LWVMM_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lwvmm-lab}
lab=${LAB_OUT:-out/lab}
OUT=$lab

die() {
	echo "lab.sh: $*" >&2
	exit 1
}

# The base is made anew when its recipe changes, never twice at a time.
prepare_base() {
	mkdir -p "$cache"
	exec 9> "$cache/lock"
	flock 9
	kernel=$(images/lab/kernel.sh "$cache") || die "no kernel for the lab"
	images/lab/initramfs.sh --sources | xargs cat images/lab/* > /dev/null ||
		die "programs for the lab are missing: run 'tools/install-deps.sh lab'"
	base=$kernel/base-$(images/lab/initramfs.sh --sources | xargs cat images/lab/* | sha256sum | cut -c1-16).cpio
	[ -f "$base" ] || { rm -f "$kernel"/base-*.cpio && images/lab/initramfs.sh "$kernel" "$base"; } ||
		die "no initramfs for the lab"
	exec 9>&-
}

# count_results STATUS: a case without a result is a failed one, and so is a part without an end.
count_results() {
	local name lost=0
	for name in $(cut -d'|' -f1 "$out/cases.txt") $(sed "s/^/part-/; s,/.*,," "$out/parts" | sort -u) \
		pools-restored kernel-log; do
		grep -qE "^(ok|skip) $name( |:|$)|^not ok $name:" "$out/results.log" && continue
		echo "not ok $name: $(why_ended "$1")" | tee -a "$out/results.log"
		lost=1
	done
	[ $lost = 0 ] || tail -n 40 "$out/console.log" | tr -d '\r' | sed 's/^/#   /'
	tests/lab/accounts.py "$out" | tee -a "$out/results.log"
	ring_passed=$((ring_passed + $(grep -c '^ok ' "$out/results.log")))
	ring_failed=$((ring_failed + $(grep -c '^not ok ' "$out/results.log")))
	ring_skipped=$((ring_skipped + $(grep -c '^skip ' "$out/results.log")))
}

# One lab at a time: they share out/lab, and two would be too slow to be told from hanging ones. Held by
# this shell alone: a child that outlives it must not keep the next lab waiting.
take_turn() {
	mkdir -p "$lab"
	exec 8> "$lab/lock"
	flock -n 8 || { echo "# lab: another lab is running: waiting for its end"; flock 8; }
}

# run_machine MACHINE PATTERN...: nothing, when none of its cases is asked for.
run_machine() {
	local machine_name=$1
	out=$lab/$machine_name
	rm -rf "$out"
	mkdir -p "$out/accounts"
	shift
	select_cases "$machine_name" "$@"
	select_parts "$machine_name" "$@"
	[ -s "$out/cases.txt" ] || [ -s "$out/parts" ] || { rm -rf "$out"; return; }
	build_programs
	pack_job tests/lab/harness.sh
	boot_again_if_frozen "$machine_name"
	count_results $?
	rm -f "$out/job.cpio"
}

if [ "${1:-}" = --shell ]; then
	take_turn
	prepare_base
	out=$lab/shell
	mkdir -p "$out/accounts"
	select_cases "${2:-two}" '*'
	select_parts two '*'
	build_programs
	pack_job tests/lab/shell.sh
	machine_args "${2:-two}" "$kernel" "$out/job.cpio" "$out/accounts" lab.modules=kvm,out,net,vfio
	"${machine[@]}" -serial mon:stdio
	[ $? = 33 ] || die "the shell's machine did not end by itself"
	exit
fi

[ -x "$lwvmm" ] || die "$lwvmm is not there: run 'make build'"
[ $# -gt 0 ] || set -- '*'
take_turn
prepare_base
begin=$(date +%s)
for machine_name in $(lab_machines); do
	run_machine "$machine_name" "$@"
done
[ $((ring_passed + ring_failed + ring_skipped)) -gt 0 ] || die "no case in tests/lab or part of tests/kvm.sh is called $*"
tests/lab/results.py "$lab"
echo "# lab: $(($(date +%s) - begin)) s in all"
ring_end lab
