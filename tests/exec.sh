# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Many processes in one guest: `run --detach`, `exec`, `ps`, `stop`. One guest serves most of the tests, in
# order; those that end it start another.

exec_name=test-$$

exec_start() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" run --name "$exec_name" --detach --cores "$CORES" --mem 256M \
		"$@" 2> "$OUT/command.err"
}

exec_stop() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" stop "$exec_name" "$@" 2> "$OUT/command.err"
}

# inside PROGRAM...: in the guest, and waited for.
inside() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" exec "$exec_name" -- "$@"
}

# behind NUMBER WHAT...: the tool in the background, until it has said "ready"; $! is its pid.
behind() {
	local n=$1
	shift
	rm -f "$OUT/behind.$n"
	env --default-signal=INT "$LWVMM" exec "$exec_name" -- "$tool" "$@" > "$OUT/behind.$n" \
		2> "$OUT/behind.$n.err" &
	wait_for_line "$OUT/behind.$n" ready || { cat "$OUT/behind.$n.err" >&2 && false; }
}

vmm_pid() {
	cat "$guests_dir/guest-$exec_name"
}

# What a dead process had comes back shortly after its end.
processes_end() {
	local tries=0
	while [ "$("$LWVMM" ps "$exec_name" | wc -l)" != 1 ] && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.05
	done
	"$LWVMM" ps "$exec_name" | grep -c 'processes: 0$'
}

exec_streams() {
	echo 'a line' | inside "$tool" cat
}

exec_environment() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" exec "$exec_name" --env GREETING=hello -- "$tool" env GREETING \
		TEST_GREETING
}

exec_directory() {
	(cd /usr/share && inside "$tool" cwd)
}

exec_descriptors() {
	inside "$tool" copy 5 6 5< "$OUT/five" 6> "$OUT/six" && cat "$OUT/six"
}

# Two at once are on two cores; each sees all of them.
exec_apart() {
	local first second
	behind 1 cpu
	first=$!
	behind 2 cpu
	second=$!
	cat "$OUT/behind.1" "$OUT/behind.2" | grep '^on' | sort
	kill $first $second
	end_of $first
	end_of $second
}

exec_on_core() {
	local pid
	rm -f "$OUT/core.out"
	"$LWVMM" exec "$exec_name" --cores 1 -- "$tool" cpu > "$OUT/core.out" &
	pid=$!
	wait_for_line "$OUT/core.out" ready
	grep '^on' "$OUT/core.out"
	kill $pid
	end_of $pid
}

# A rank of four (RANK WORDS...: how lwvmm is told) has its part of the CPUs.
exec_rank() {
	local rank=$1 pid
	shift
	rm -f "$OUT/core.out"
	MPI_LOCALRANKID=$rank MPI_LOCALNRANKS=4 "$LWVMM" exec "$exec_name" "$@" -- "$tool" cpu > "$OUT/core.out" &
	pid=$!
	wait_for_line "$OUT/core.out" ready
	grep '^on' "$OUT/core.out"
	kill $pid
	end_of $pid
}

exec_too_long() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" exec "$exec_name" --timeout 0.5 -- "$tool" spin > /dev/null
}

exec_signal() {
	local pid
	behind 1 spin
	pid=$!
	kill -s "$1" $pid
	end_of $pid
}

# A program's kill() of another program of the guest, which has a handler.
exec_kill_between() {
	local pid
	behind 1 signals
	pid=$!
	inside "$tool" send $pid 10
	wait_for_line "$OUT/behind.1" SIGUSR1 && echo came
	inside "$tool" send $pid 9
	end_of $pid
}

# process_vm_readv between two programs; from one that is stopped meanwhile; from one that is gone.
exec_copy_between() {
	local vmcopy pid lent
	vmcopy=$(program_path vmcopy static)
	rm -f "$OUT/behind.1"
	"$LWVMM" exec "$exec_name" -- "$vmcopy" lend > "$OUT/behind.1" &
	pid=$!
	wait_for_line "$OUT/behind.1" ready
	lent=$(sed -n 's/^lent //p' "$OUT/behind.1")
	# shellcheck disable=SC2086
	inside "$vmcopy" borrow $lent
	kill -s STOP $pid
	# shellcheck disable=SC2086
	inside "$vmcopy" borrow $lent | sed 's/^/stopped: /'
	kill -s KILL $pid
	end_of $pid 2> /dev/null
	# shellcheck disable=SC2086
	inside "$vmcopy" borrow $lent | sed 's/.*errno/gone: errno/'
}

# lent_behind: vmcopy lends in the background, $! is its pid; what it lends is in $OUT/lent.
lent_behind() {
	rm -f "$OUT/behind.1"
	"$LWVMM" exec "$exec_name" -- "$(program_path vmcopy static)" lend > "$OUT/behind.1" &
	wait_for_line "$OUT/behind.1" ready
	sed -n 's/^lent //p' "$OUT/behind.1" > "$OUT/lent"
}

# The other program is stopped before it has touched what is copied to, so that its proxy has not mapped it: until
# it is continued, or until a signal.
exec_copy_stopped() {
	local pid borrower
	lent_behind
	pid=$!
	kill -s STOP $pid
	# shellcheck disable=SC2046
	env --default-signal=INT "$LWVMM" exec "$exec_name" -- "$(program_path vmcopy static)" borrow $(cat "$OUT/lent") \
		> "$OUT/borrower" 2>&1 &
	borrower=$!
	sleep 0.5
	kill -s INT $borrower
	end_of $borrower
	echo "signal: $?"
	# shellcheck disable=SC2046
	"$LWVMM" exec "$exec_name" -- "$(program_path vmcopy static)" borrow $(cat "$OUT/lent") > "$OUT/borrower" 2>&1 &
	borrower=$!
	sleep 1.5
	cat "$OUT/borrower"
	kill -s CONT $pid
	end_of $borrower
	echo "continued: $?"
	kill -s KILL $pid
	end_of $pid 2> /dev/null
	cat "$OUT/borrower"
}

# One dies hard; the other does not notice, and a third follows.
exec_killed() {
	local first second
	behind 1 signals
	first=$!
	behind 2 hold 64
	second=$!
	kill -s KILL $second
	end_of $second 2> /dev/null
	echo "killed: $?"
	inside "$tool" exit 4
	echo "after it: $?"
	kill -s TERM $first
	end_of $first
}

exec_crash() {
	local pid status
	behind 1 signals
	pid=$!
	(ulimit -c 0 && inside "$tool" raise 11)
	status=$?
	kill -s TERM $pid
	end_of $pid
	echo "beside it: $?"
	return $status
}

# More than half of the memory each: only one has room; then its successor has.
exec_exhausted() {
	local pid
	behind 1 hold 150
	pid=$!
	inside "$tool" hold 150
	echo "no room: $?"
	kill $pid
	end_of $pid
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" exec "$exec_name" --timeout 1 -- "$tool" hold 150 | sed 's/ .*//'
}

exec_stopped_and_continued() {
	local pid
	behind 1 signals
	pid=$!
	kill -s STOP $pid
	sleep 0.3
	kill -s USR1 $pid
	sleep 0.2
	grep -q SIGUSR1 "$OUT/behind.1" && echo 'ran while stopped'
	kill -s CONT $pid
	wait_for_line "$OUT/behind.1" SIGUSR1 && echo continued
	kill -s TERM $pid
	end_of $pid
}

exec_ps() {
	local pid
	behind 1 sleep
	pid=$!
	"$LWVMM" ps "$exec_name" | sed -n "s/^  $pid: running, threads 1, .*tool/tool/p" | sed 's/^.*tool.static/tool/'
	"$LWVMM" ps --json | python3 -c 'import json, sys
for g in json.load(sys.stdin):
	if g["name"] == sys.argv[1]: print(g["state"], [p["pid"] == int(sys.argv[2]) for p in g["processes"]])' \
		"$exec_name" $pid
	kill $pid
	end_of $pid
}

# Of a program that computes for a second: all of it, and no more than it can be; in ps as well.
exec_stat() {
	local pid
	behind 1 spin
	pid=$!
	sleep 1
	"$LWVMM" stat "$exec_name" | grep -c -E "^  node 0: |^ *$pid +1 +[0-9.]+ s +[0-9]+ +[0-9]+ +[0-9.]+ MiB"
	"$LWVMM" stat "$exec_name" --json > "$OUT/stat.1"
	"$LWVMM" stat "$exec_name" --json > "$OUT/stat.2"
	"$LWVMM" ps "$exec_name" --json > "$OUT/stat.ps"
	python3 - "$OUT/stat.1" "$OUT/stat.2" "$OUT/stat.ps" $pid << 'END'
import json, sys
a, b, ps = (json.load(open(f)) for f in sys.argv[1:4])
p, q = (next(p for p in s["processes"] if p["pid"] == int(sys.argv[4])) for s in (a, b))
r = next(p for p in ps[0]["processes"] if p["pid"] == int(sys.argv[4]))
print("time", 0.5 < p["cpu_s"] < a["up_s"], p["cpu_s"] < q["cpu_s"] < r["cpu_s"])
print("calls", p["calls_local"] > 0, p["calls_forwarded"] > 0, p["memory"] >= 2 << 20)
print("memory", a["nodes"][0]["total"] > a["nodes"][0]["free"] > 0)
print("cores", len(a["cores"]), sum(c["exits"] for c in a["cores"]) > 0)
END
	kill $pid
	end_of $pid
}

# said COMMAND...: the one line of a refusal, without what differs from run to run.
said() {
	"$@" 2>&1 > /dev/null | grep -v ': note: ' | sed "s/$exec_name/NAME/g; s/pid [0-9]*/PID/"
}

exec_refusals() {
	said "$LWVMM" exec "$exec_name" -- /does/not/exist
	said "$LWVMM" exec "$exec_name" -- /etc/passwd | cut -d : -f 1,2
	said "$LWVMM" exec "$exec_name" --cores 5 -- "$tool" exit 0
	said "$LWVMM" exec "$exec_name" --mem 1G -- "$tool" exit 0
	said "$LWVMM" exec ../x -- "$tool" exit 0
	said "$LWVMM" exec nobody-$$ -- "$tool" exit 0
	said "$LWVMM" run --name "$exec_name" --cores 0 -- "$tool" exit 0
	said "$LWVMM" run --detach --cores 0
}

exec_refused_texts='lwvmm: /does/not/exist: no such file: check the name
lwvmm: /etc/passwd
lwvmm: --cores: guest NAME has the CPUs 0 to 1 only: name some of these
lwvmm: --mem: no such option: see lwvmm exec --help
lwvmm: ../x: not the name of a guest: see lwvmm ps
lwvmm: guest nobody-'$$': no such guest: these run: NAME
lwvmm: guest NAME: the name is in use (PID): choose another --name, or end that guest: lwvmm stop NAME
lwvmm: --detach: the guest needs a name by which exec finds it: --name N'

# Descriptors and mappings of the VMM, once those of ended programs and connections are gone: the
# VMM closes them after it has told their other end, so until the numbers stay the same.
vmm_holds() {
	local now last='' same=0 tries=0
	processes_end > /dev/null
	while [ $same -lt 5 ] && [ $tries -lt 100 ]; do
		now="$(find "/proc/$1/fd" -type l | wc -l) $(wc -l < "/proc/$1/maps")"
		[ "$now" = "$last" ] && same=$((same + 1)) || same=0
		last=$now
		tries=$((tries + 1))
		sleep 0.05
	done
	echo "$now"
}

# Nothing grows.
exec_many() {
	local i before after vmm
	vmm=$(vmm_pid)
	inside "$tool" exit 0
	before=$(vmm_holds "$vmm")
	for i in $(seq "$EXEC_RUNS"); do
		inside "$tool" exit 3 2> "$OUT/command.err"
		[ $? = 3 ] || { echo "exec $i: $(tail -n 1 "$OUT/command.err")" && return 1; }
	done
	after=$(vmm_holds "$vmm")
	[ "$before" = "$after" ] && echo 'as before' || echo "$before became $after"
	# All of the memory is there again.
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" exec "$exec_name" --timeout 1 -- "$tool" hold 180 | sed 's/ .*//'
}

# Neither when one program has made them, by fork and by posix_spawn, with memory shared with all of them.
exec_children() {
	local before after vmm
	vmm=$(vmm_pid)
	inside "$(program_path children static)" 0
	before=$(vmm_holds "$vmm")
	inside "$(program_path children static)" "$EXEC_CHILDREN"
	after=$(vmm_holds "$vmm")
	[ "$before" = "$after" ] && echo 'as before' || echo "$before became $after"
}

# The table of processes is full; one end makes room. (Less than 1 GiB: a 1 GiB page would be for one process.)
exec_table_full() {
	local i pid pids='' failed=''
	exec_stop && exec_start --mem 1000M || return
	for i in $(seq 64); do
		behind "$i" sleep || failed="program $i: $(tail -n 1 "$OUT/behind.$i.err")"
		pids="$pids $!"
		[ -z "$failed" ] || break
	done
	[ -z "$failed" ] || echo "$failed"
	said "$LWVMM" exec "$exec_name" -- "$tool" exit 0
	# shellcheck disable=SC2086
	kill $pids
	for pid in $pids; do
		end_of "$pid"
		[ $? = 143 ] || echo "$pid: not 143"
	done
	inside "$tool" exit 6
}

# TERM first; who does not go is killed; then the guest, whose name is gone.
exec_stop_busy() {
	local polite deaf
	behind 1 signals
	polite=$!
	(trap '' TERM && exec "$LWVMM" exec "$exec_name" -- "$tool" sleep > "$OUT/deaf.out") &
	deaf=$!
	wait_for_line "$OUT/deaf.out" ready
	exec_stop --timeout 0.5
	echo "stop: $?"
	end_of $polite
	echo "polite: $?"
	end_of $deaf 2> /dev/null
	echo "deaf: $?"
	inside "$tool" exit 0 2>&1 | grep -c 'no such guest'
	find "$guests_dir" -name "guest-$exec_name*"
}

# All who were in the guest end with one line; the host is as it was.
exec_vmm_killed() {
	local i pid pids=
	exec_start --page 2M || return
	for i in 1 2 3; do
		behind $i spin
		pids="$pids $!"
	done
	kill -s "$1" "$(vmm_pid)"
	for pid in $pids; do
		end_of "$pid"
		echo "$?"
	done
	cat "$OUT/behind.1.err" "$OUT/behind.2.err" "$OUT/behind.3.err" | grep -c '^lwvmm: guest '
	"$LWVMM" check --repair > "$OUT/repair.out" 2>&1
	"$LWVMM" ps
	host_state_changes # waits for its end
	find "$guests_dir" -name "guest-$exec_name*" ! -name '*.log'
}

# A guest of `run` serves exec as well, until its own program is over.
exec_beside_run() {
	local run pid
	rm -f "$OUT/run.out"
	"$LWVMM" run --name "$exec_name" --cores "$CORES" --mem 256M -- "$tool" signals > "$OUT/run.out" &
	run=$!
	wait_for_line "$OUT/run.out" ready
	inside "$tool" exit 8
	echo "beside it: $?"
	behind 1 sleep
	pid=$!
	kill -s TERM $run
	end_of $run
	echo "run: $?"
	end_of $pid
	echo "$?: $(sed "s/$exec_name/NAME/" "$OUT/behind.1.err")"
}

# Whoever starts it may go, with the terminal.
exec_survives_starter() {
	setsid sh -c "exec \"\$0\" run --name $exec_name --detach --cores $CORES --mem 256M" "$LWVMM" < /dev/null &&
		inside "$tool" exit 5
	echo "$?"
	exec_stop
}

exec_in_use_twice() {
	said "$LWVMM" run --name "$exec_name" --detach --cores "$CORES" --mem 256M
}

run_exec() {
	local tool
	program_build tool static || return
	tool=$(program_path tool static)
	echo 'from five' > "$OUT/five"
	check exec-survives-starter 0 5 exec_survives_starter
	if ! exec_start; then
		ring_not_ok exec "no guest: $(tail -n 1 "$OUT/command.err")"
		return
	fi
	check exec-status 42 '' inside "$tool" exit 42
	check exec-streams 0 'a line' exec_streams
	check exec-environment 0 "GREETING=hello
TEST_GREETING=$TEST_GREETING" exec_environment
	check exec-directory 0 /usr/share exec_directory
	check exec-descriptors 0 'from five' exec_descriptors
	check exec-apart 143 'on CPU 0, may use 2
on CPU 1, may use 2' exec_apart
	check exec-on-core 143 'on CPU 1, may use 1' exec_on_core
	check exec-rank-first 143 'on CPU 0, may use 1' exec_rank 1
	check exec-rank-last 143 'on CPU 1, may use 1' exec_rank 2
	check exec-rank-of-cores 143 'on CPU 1, may use 1' exec_rank 0 --cores 1
	check exec-rank-unbound 143 'on CPU 0, may use 2' exec_rank 3 --bind none
	check exec-timeout 124 '' exec_too_long
	check exec-int 130 '' exec_signal INT
	check exec-kill 137 '' exec_signal KILL
	check exec-kill-between 137 came exec_kill_between
	program_build vmcopy static
	check exec-copy-between 0 'ok whole
ok scattered
ok ample
ok refused
stopped: ok whole
stopped: ok scattered
stopped: ok ample
stopped: ok refused
gone: errno 3)' exec_copy_between
	check exec-copy-stopped 0 'signal: 130
continued: 0
ok whole
ok scattered
ok ample
ok refused' exec_copy_stopped
	check exec-killed 7 'killed: 137
after it: 4' exec_killed
	check exec-crash 139 'beside it: 7' exec_crash
	check exec-exhausted 0 'no memory
no room: 1
ready' exec_exhausted
	check exec-stop-and-continue 7 continued exec_stopped_and_continued
	check exec-ps 143 "tool sleep
running [True]" exec_ps
	check exec-stat 143 '2
time True True
calls True True True
memory True
cores 2 True' exec_stat
	check exec-refusals 0 "$exec_refused_texts" exec_refusals
	check exec-many 0 'as before
ready' exec_many
	program_build children static
	check exec-children 0 "3 children
$(((EXEC_CHILDREN / 2 + 3) % 256)) children
as before" exec_children
	check exec-table-full 6 'lwvmm: guest NAME: all its processes are taken: wait for one to end' exec_table_full
	check exec-no-process-left 0 1 processes_end
	check exec-name-in-use 0 "$(echo "$exec_refused_texts" | grep 'in use')" exec_in_use_twice
	check exec-stop-busy 0 'stop: 0
polite: 7
deaf: 137
1' exec_stop_busy
	exec_stop 2> /dev/null # where a pattern left the guest
	check exec-vmm-killed 0 '125
125
125
3' exec_vmm_killed KILL
	check exec-vmm-terminated 0 '125
125
125
3' exec_vmm_killed TERM
	check exec-beside-run 0 'beside it: 8
run: 7
125: lwvmm: guest NAME: has ended: its lwvmm run is over' exec_beside_run
	rm -f "$guests_dir/guest-$exec_name.log" # of the VMM that was terminated
}
