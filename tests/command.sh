# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# What `lwvmm run` promises of a program's surroundings: standard streams, descriptors, working directory,
# environment, signals, limits, exit statuses; and its own options.

. tests/command_text.sh

# guest [OPTIONS] -- PROGRAM...: with the cores of the tests and little memory.
guest() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" run --cores "$CORES" --mem 256M "$@"
}

# expect NAME GOT STATUS SEEN TEXT: what $? and the output are and must be.
expect() {
	local name=$1 got=$2 status=$3 seen=$4 text=$5
	if [ "$got" != "$status" ]; then
		ring_not_ok "$name" "status $got instead of $status: $(tail -n 1 "$OUT/command.err")"
	elif [ "$seen" != "$text" ]; then
		ring_not_ok "$name" "'$seen' instead of '$text'"
	else
		ring_ok "$name"
	fi
}

# check NAME STATUS TEXT COMMAND...: runs it; standard output must be TEXT.
check() {
	local name=$1 status=$2 text=$3 seen
	shift 3
	wanted "$name" || return 0
	seen=$("$@" 2> "$OUT/command.err")
	expect "$name" $? "$status" "$seen" "$text"
}

through_pipes() {
	seq 1 50000 | guest -- "$tool" cat | cksum
}

from_here() {
	echo 'a line' | guest -- "$tool" cat
}

closed_reader() {
	guest -- "$tool" cat < /dev/zero | head -c 5 | tr '\0' 0
}

in_directory() {
	(cd /usr/share && guest -- "$tool" cwd)
}

with_descriptors() {
	guest -- "$tool" copy 5 6 5< "$OUT/five" 6> "$OUT/six" && cat "$OUT/six"
}

without_input() {
	guest -- "$tool" cat <&-
}

without_output() {
	guest -- "$tool" exit 3 >&- 2>&-
}

full_output() {
	guest -- "$tool" cat < "$OUT/five" > /dev/full 2> "$OUT/command.err"
}

to_stderr() {
	guest -- "$tool" error 'to stderr' 2>&1 > /dev/null | grep -v '^lwvmm: '
}

ignoring() {
	(trap '' USR1 USR2 && guest -- "$tool" ignored)
}

unlimited_stack() {
	(ulimit -s unlimited && guest -- "$hello" one 'two words' '' | sed -n 1p)
}

with_option_env() {
	guest --env GREETING=hello --env=EMPTY= -- "$tool" env GREETING EMPTY NONE
}

by_path() {
	(cd "$(dirname "$tool")" && guest -- ./"$(basename "$tool")" exit 5)
}

by_name() {
	(PATH=$(dirname "$tool"):$PATH && guest "$(basename "$tool")" exit 6)
}

too_long() {
	guest --timeout 0.5 -- "$tool" sleep > /dev/null
}

too_long_spinning() {
	guest --timeout 0.5 -- "$tool" spin > /dev/null
}

with_stats() {
	guest --stats --json "$OUT/stats.json" -- "$tool" exit 4 2> "$OUT/stats.err"
}

# end_of PID: waits for our child, with its status; kills it when it does not end.
end_of() {
	local pid=$1
	(
		seconds=0
		while kill -0 "$pid" && [ $seconds -lt "$CASE_SECONDS" ]; do
			sleep 1
			seconds=$((seconds + 1))
		done
		kill -s KILL "$pid"
	) > /dev/null 2>&1 &
	wait "$pid"
}

# Signals to `lwvmm run` reach the program, which has handlers, and go by their names.
wait_for_line() {
	local tries=0
	until grep -q "$2" "$1" 2> /dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		sleep 0.05
	done
}

pass_signals() {
	local sig pid
	rm -f "$OUT/signals.out"
	"$LWVMM" run --cores "$CORES" --mem 256M -- "$tool" signals > "$OUT/signals.out" &
	pid=$!
	wait_for_line "$OUT/signals.out" ready
	for sig in INT HUP USR1 USR2 WINCH TERM; do
		kill -s $sig $pid
		wait_for_line "$OUT/signals.out" "SIG$sig" || break
	done
	end_of $pid
}

# pid the program sees, and the shell sees
same_pid() {
	local pid status
	rm -f "$OUT/pid.out"
	"$LWVMM" run --cores "$CORES" --mem 256M -- "$tool" sleep > "$OUT/pid.out" &
	pid=$!
	wait_for_line "$OUT/pid.out" ready
	kill -s TERM $pid
	end_of $pid
	status=$?
	[ "$(cat "$OUT/pid.out")" = "ready $pid" ] && echo same
	return $status
}

# SIGSTOP holds the program, SIGCONT lets it go on.
stop_and_continue() {
	local pid
	rm -f "$OUT/stop.out"
	"$LWVMM" run --cores "$CORES" --mem 256M -- "$tool" signals > "$OUT/stop.out" &
	pid=$!
	wait_for_line "$OUT/stop.out" ready
	kill -s STOP $pid
	kill -s USR1 $pid
	sleep 0.3
	grep -q SIGUSR1 "$OUT/stop.out" && echo 'ran while stopped'
	kill -s CONT $pid
	wait_for_line "$OUT/stop.out" SIGUSR1 && echo continued
	kill -s TERM $pid
	end_of $pid
}

# The cores of a running guest are its own; another core is free for a second guest.
two_guests() {
	local pid
	rm -f "$OUT/first.out"
	"$LWVMM" run --name first --cores 0 --mem 256M -- "$tool" sleep > "$OUT/first.out" &
	pid=$!
	wait_for_line "$OUT/first.out" ready
	"$LWVMM" run --cores 0 --mem 256M -- "$tool" exit 0 2>&1 | grep -c '^lwvmm: .*first'
	"$LWVMM" run --cores 1 --mem 256M -- "$tool" exit 9
	echo "beside it: $?"
	kill -s TERM $pid
	end_of $pid
}

# Of the status files on standard input: 3 for CPUs 0 and 1.
allowed_mask() {
	sed -n 's/^Cpus_allowed:[[:space:]0,]*//p' | tr -d ,
}

# The guest has core 1: the one vCPU thread is on it, every other thread of VMM and proxy on the other cores that
# we may use.
threads_apart() {
	local pid vmm
	rm -f "$OUT/apart.out"
	"$LWVMM" run --cores 1 --mem 256M -- "$tool" sleep > "$OUT/apart.out" &
	pid=$!
	wait_for_line "$OUT/apart.out" ready
	read -r vmm _ < /dev/shm/lwvmm/core-1
	echo "VMM on core 1: $(cat /proc/"$vmm"/task/*/status | grep -c 'Cpus_allowed_list:.1$')"
	cat /proc/"$vmm"/task/*/status /proc/$pid/task/*/status | allowed_mask | grep -vx 2 | sort -u
	kill -s TERM $pid
	end_of $pid
}

# Programs read the account: it has to be JSON, whole, with what --stats says.
account_is_json() {
	guest --json "$OUT/account.json" -- "$tool" exit 0 &&
		python3 -c 'import json, sys; print(*sorted(json.load(open(sys.argv[1]))))' "$OUT/account.json"
}

own_commands() {
	"$LWVMM" version > /dev/null && "$LWVMM" help > /dev/null && "$LWVMM" run --help > /dev/null &&
		"$LWVMM" plan --cores 0 --mem 256M > /dev/null &&
		"$LWVMM" plan --json --cores 0 --mem 256M | grep -q '{' && "$LWVMM" check > /dev/null
}

# Bytes that another process writes at odd moments, to a program that polls.
polled_input() {
	local i
	: > "$OUT/polled.out"
	{
		wait_for_line "$OUT/polled.out" polling
		for i in $(seq 40); do
			printf x
			sleep 0.00$((i * 7 % 10))
		done
	} | guest -- "$(program_path quiet static)" input > "$OUT/polled.out" &&
		cat "$OUT/polled.out"
}

# Of all those polls two are the host's: the first, and the one that finds something. 3000 took a second and
# more if each went there.
quiet_polls() {
	guest --stats -- "$(program_path quiet static)" count 3000 2> "$OUT/quiet.err" &&
		awk '$1 == "poll" { print "poll " $2 } { sum += / +[0-9]+ +[0-9]+ +[0-9.]+ +[0-9.]+$/ ? $2 : 0 }
			END { print sum < 20 ? "few" : sum, "in all" }' "$OUT/quiet.err"
}

# A compute loop of a second between two marks, counted by KVM itself. The marks' own system calls are vCPU 0's
# few exits (four here; bench.sh measures them by `steady 0`); nothing else may be there.
steady_state() {
	program_build steady omp || return
	guest --stats -- "$(program_path steady omp)" > "$OUT/steady.out" 2> "$OUT/steady.err" || return
	awk -F'[:,] *' '/: exits of the guest/ {
		sub(/.* /, "", $2)
		print $1 ($2 <= ($1 ~ / 0$/ ? 6 : 0) ? " no exits" : " " $2 " exits") ", " $4 ", " $5
	}' "$OUT/steady.err" | sed 's/^ *//'
}

run_command() {
	local tool hello
	program_build tool static && program_build hello static || return
	tool=$(program_path tool static)
	hello=$(program_path hello static)
	echo 'from five' > "$OUT/five"
	check pipes 0 "$(seq 1 50000 | cksum)" through_pipes
	check standard-input 0 'a line' from_here
	check closed-reader 0 00000 closed_reader
	check standard-error 0 'to stderr' to_stderr
	check no-standard-input 1 '' without_input
	check no-standard-output 3 '' without_output
	check full-device 1 '' full_output
	check descriptors-inherited 0 'from five' with_descriptors
	check working-directory 0 /usr/share in_directory
	check environment 0 "TEST_GREETING=$TEST_GREETING" guest -- "$tool" env TEST_GREETING
	check option-env 0 "GREETING=hello
EMPTY=
NONE=(not set)" with_option_env
	check ignored-signals 0 'SIGUSR1 is ignored
SIGUSR2 is ignored' ignoring
	check unlimited-stack 0 'hello, 3 arguments' unlimited_stack
	check relative-path 5 '' by_path
	check found-in-path 6 '' by_name
	check status-255 255 '' guest -- "$tool" exit 255
	check timeout 124 '' too_long
	check timeout-spinning 124 '' too_long_spinning
	check stats 4 '' with_stats
	check steady-state 0 'vCPU 0 no exits, page faults 0, timer 0
vCPU 1 no exits, page faults 0, timer 0' steady_state
	if program_build quiet static; then
		check polled-input 0 'polling
40 bytes' polled_input
		check quiet-polls 0 'poll 2
few in all' quiet_polls
	fi
	check signals-pass 7 '' pass_signals
	check same-pid 143 same same_pid
	check stop-and-continue 7 continued stop_and_continue
	check two-guests 143 '1
beside it: 9' two_guests
	check threads-apart 143 "VMM on core 1: 1
$(printf '%x' $((0x$(allowed_mask < /proc/self/status) & ~2)))" threads_apart
	check account-is-json 0 'calls guest kvm marks marks_lost memory ms nested_pages recycled tsc_khz vcpus window' account_is_json
	check own-commands 0 '' own_commands
	run_command_text
}
