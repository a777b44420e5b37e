# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Signals to lwvmm at any moment: the program's status, and a host that is as it was before.

# Milliseconds after the start; most fall into it.
kill_moments='0 1 3 6 10 15 20 30 45 60 90 150 400'

# The processes of our guest but the one named: the VMM.
vmm_of() {
	local pid
	for pid in $(tagged_processes); do
		[ "$pid" = "$1" ] || echo "$pid"
	done
}

# kill_at NAME SIGNAL STATUS MS DEED: to the process that the shell sees.
kill_at() {
	local name=$1 sig=$2 wanted_status=$3 ms=$4 deed=$5 pid comm status changes
	# A shell's background starts with SIGINT ignored.
	env --default-signal=INT "$LWVMM" run --cores "$CORES" --mem 256M --page 2M -- "$tool" "$deed" \
		> /dev/null 2> "$OUT/kill.err" &
	pid=$!
	# Until it is lwvmm that the signal meets: env may not have let go of SIGINT yet.
	until read -r comm < "/proc/$pid/comm" && [ "$comm" = "$(basename "$LWVMM")" ]; do :; done
	sleep "$(printf '0.%03d' "$ms")"
	kill -s "$sig" $pid
	end_of $pid 2> /dev/null
	status=$?
	[ "$sig" != KILL ] || "$LWVMM" check --repair > "$OUT/repair.out" 2>&1
	changes=$(host_state_changes)
	if [ $status != "$wanted_status" ]; then
		ring_not_ok "$name" "status $status instead of $wanted_status: $(tail -n 1 "$OUT/kill.err")"
	elif [ -n "$changes" ]; then
		ring_not_ok "$name" "the host changed: $changes"
	else
		return 0
	fi
	return 1
}

# One line for a signal and a deed: every moment, and a guest that works afterwards.
kill_series() {
	local name=$1 sig=$2 status=$3 deed=$4 ms
	wanted "$name" || return 0
	for ms in $kill_moments; do
		kill_at "$name after $ms ms" "$sig" "$status" "$ms" "$deed" || return
	done
	ring_ok "$name"
}

# A zombie holds nothing any more, unless other threads than the first are still on their way out.
is_gone() {
	[ ! -e "/proc/$1" ] && return
	grep -q '^State:.Z' "/proc/$1/status" 2> /dev/null || return
	[ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2> /dev/null | wc -l)" -le 1 ]
}

# Until process $1 is gone. At most five seconds.
wait_gone() {
	local tries=0
	while [ $tries -lt 100 ] && ! is_gone "$1"; do
		sleep 0.05
		tries=$((tries + 1))
	done
}

# The VMM dies under a running program: lwvmm fails, the program's memory is gone with it.
kill_vmm() {
	local sig=$1 deed=$2 pid vmm status changes
	wanted "kill-vmm-$sig-$deed" || return 0
	rm -f "$OUT/vmm.out"
	"$LWVMM" run --cores "$CORES" --mem 256M --page 2M -- "$tool" "$deed" > "$OUT/vmm.out" 2> "$OUT/kill.err" &
	pid=$!
	wait_for_line "$OUT/vmm.out" ready
	vmm=$(vmm_of $pid)
	kill -s "$sig" "$vmm"
	end_of $pid 2> /dev/null
	status=$?
	wait_gone "$vmm"
	"$LWVMM" check --repair > "$OUT/repair.out" 2>&1
	changes=$(host_state_changes)
	if [ $status != 125 ]; then
		ring_not_ok "kill-vmm-$sig-$deed" "status $status instead of 125: $(tail -n 1 "$OUT/kill.err")"
	elif [ -n "$changes" ]; then
		ring_not_ok "kill-vmm-$sig-$deed" "the host changed: $changes"
	else
		ring_ok "kill-vmm-$sig-$deed"
	fi
}

# Without `check --repair`: the next guest finds and returns what the killed one took.
kill_then_next() {
	local status killed pid tries=0
	wanted next-guest-repairs || return 0
	rm -f "$OUT/next.out"
	"$LWVMM" run --cores "$CORES" --mem 256M --page 2M -- "$tool" sleep > "$OUT/next.out" 2> /dev/null &
	wait_for_line "$OUT/next.out" ready
	killed=$(tagged_processes)
	# shellcheck disable=SC2086
	kill -s KILL $killed
	wait $! 2> /dev/null
	# A process that is still being taken down holds its journal: to others it lives.
	for pid in $killed; do
		wait_gone "$pid"
	done
	# The dead give up their cores only when their memory is gone.
	while [ $tries -lt 50 ]; do
		"$LWVMM" run --cores "$CORES" --mem 256M --page 2M -- "$tool" exit 5 > /dev/null 2> "$OUT/kill.err"
		status=$?
		grep -q leased "$OUT/kill.err" || break
		sleep 0.1
		tries=$((tries + 1))
	done
	cp "$OUT/kill.err" "$OUT/command.err"
	expect next-guest-repairs $status 5 "$(host_state_changes)" ''
}

run_kill() {
	local tool
	program_build tool static || return
	tool=$(program_path tool static)
	kill_series kill-int INT 130 spin
	kill_series kill-term TERM 143 sleep
	kill_series kill-hard KILL 137 spin
	kill_vmm KILL sleep
	kill_vmm KILL spin
	kill_vmm TERM sleep
	kill_vmm INT spin
	kill_then_next
}
