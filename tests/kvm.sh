#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# kvm.sh [PART[/PATTERN]...]: the kvm ring: guests on this machine's KVM. Parts: programs (native against
# guest), dynamic (the same with libraries and scripts), command (what `lwvmm run` promises), exec (many
# processes in one guest), service (guests that are kept), apps (real programs and MPI), abi (each system call,
# native against guest), views (what programs see of the machine), trace (their calls, shown), bad (bad input),
# kill (signals at any moment), soak. Also runs in the lab under busybox, with RING=lab and programs compiled before.
#   LWVMM  the binary [build/lwvmm]        OUT    for programs and results [out/kvm]
#   CORES  host cores of the guests [0-1]  CASE_SECONDS  at most for one run [60]
#   SOAK_RUNS  of hello in soak [200]      EXEC_RUNS  in one guest, one after the other [200]
#   EXEC_CHILDREN  of one program [40]
cd "$(dirname "$0")/.." || exit 1
export TESTS="$PWD/tests"
OUT=${OUT:-out/kvm}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
LWVMM=${LWVMM:-build/lwvmm}
LWVMM=$(cd "$(dirname "$LWVMM")" && pwd)/$(basename "$LWVMM")
CORES=${CORES:-0-1}
CASE_SECONDS=${CASE_SECONDS:-60}
RING=${RING:-kvm}
SOAK_RUNS=${SOAK_RUNS:-200}
EXEC_RUNS=${EXEC_RUNS:-200}
EXEC_CHILDREN=${EXEC_CHILDREN:-40}

. tests/ring.sh
. tests/host_state.sh
. tests/programs/build.sh
. tests/programs/run.sh
. tests/programs/dynamic.sh
. tests/command.sh
. tests/views.sh
. tests/exec.sh
. tests/service.sh
. tests/users.sh
. tests/window.sh
. tests/apps.sh
. tests/trace.sh
. tests/abi/abi.sh
. tests/bad/input.sh
. tests/bad/host.sh
. tests/bad/kill.sh

ulimit -c 0
export TEST_GREETING='hello there'

run_soak() {
	local i status good=0
	wanted soak || return 0
	program_build hello static || return 0
	for i in $(seq "$SOAK_RUNS"); do
		timeout -k 5 "$CASE_SECONDS" "$LWVMM" run --cores "$CORES" --mem 256M -- \
			"$(program_path hello static)" one 'two words' '' \
			> "$OUT/soak.out" 2> "$OUT/soak.err" < /dev/null
		status=$?
		if [ $status != 42 ] || ! grep -q "^argument 2: 'two words'" "$OUT/soak.out"; then
			ring_not_ok soak "run $i of hello ended with $status: $(tail -n 1 "$OUT/soak.err")"
			return
		fi
		good=$((good + 1))
	done
	ring_ok "soak ($good runs of hello)"
}

[ -x "$LWVMM" ] || { echo "kvm.sh: $LWVMM is not there: run 'make build'" >&2; exit 1; }
host_state_save
[ $# -gt 0 ] || set -- programs dynamic command exec service window apps abi views trace bad kill soak
for part; do
	pattern='*' begin=$(date +%s)
	case $part in */*) pattern=${part#*/} ;; esac
	case ${part%%/*} in
	programs) run_programs ;;
	dynamic) run_dynamic ;;
	command) run_command ;;
	views) run_views ;;
	exec) run_exec ;;
	service) run_service ;;
	window) run_window ;;
	apps) run_apps ;;
	trace) run_trace ;;
	abi) run_abi ;;
	bad) run_bad_input && run_bad_host ;;
	kill) run_kill ;;
	soak) run_soak ;;
	*) echo "kvm.sh: $part: no such part" >&2; exit 2 ;;
	esac
	echo "# $part took $(($(date +%s) - begin)) s"
done
host_state_check
ring_end "$RING"
