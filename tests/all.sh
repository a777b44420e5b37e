#!/bin/bash
# SPDX-License-Identifier: MIT
# all.sh: every ring, each with its log in out/test/; then one total over all.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

out=out/test
passed=0 failed=0 skipped=0
mkdir -p "$out"

# run_ring NAME COMMAND...: adds up the ring's own closing line "NAME: N passed, N failed, N skipped".
run_ring() {
	local ring=$1 log=$out/$1.log begin status line
	shift
	begin=$(date +%s)
	echo "== $ring"
	"$@" < /dev/null 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	line=$(grep -E '^([a-z]+: )?[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1)
	# shellcheck disable=SC2046
	set -- $(grep -oE '[0-9]+' <<< "$line") 0 0 0
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
	if [ -z "$line" ] || { [ "$status" != 0 ] && [ "$2" = 0 ]; }; then
		echo "not ok $ring: it ended with $status and ${line:-no count}" | tee -a "$log"
		failed=$((failed + 1))
	fi
	echo "== $ring took $(($(date +%s) - begin)) s"
}

# The lab's machines keep one of two cores busy: what only compiles and reads goes beside them, in a process group of
# its own, at the end of the queue for the CPUs.
beside_begin() {
	set -m
	{
		nice -n 19 tests/static.sh > "$out/static.said" 2>&1
		echo $? > "$out/static.status"
		nice -n 19 tests/unit.sh --build > "$out/unit.build" 2>&1
	} < /dev/null &
	beside=$!
	set +m
	trap 'kill -- -$beside 2> /dev/null' EXIT
	trap 'exit 1' INT TERM
}

beside_end() {
	wait "$beside"
	trap - EXIT INT TERM
}

static_said() {
	cat "$out/static.said"
	return "$(cat "$out/static.status")"
}

beside_begin
run_ring lab tests/lab/lab.sh
beside_end
run_ring static static_said
run_ring unit tests/unit.sh
run_ring fuzz tests/fuzz.sh
run_ring kvm tests/kvm.sh
run_ring slurm tests/slurm.sh

echo
grep -hE '^(not ok|skip) ' "$out"/{static,unit,fuzz,kvm,slurm,lab}.log
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
