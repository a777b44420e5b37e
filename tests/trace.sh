# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# --trace: the calls of a program as strace(1) shows them natively, and who served them.

# What both can say the same of: without ids, times, addresses and blanks; the part between the marks.
trace_plain() {
	sed -n '/close(-77)/,/close(-77)/p' "$1" | sed -E 's/^\[?[0-9]+\]? +//; s/ <[0-9.]+> [a-zA-Z ]+$//
		s/\) += /) = /; s/0x[0-9a-f]{6,}/ADDRESS/g'
}

# traced FILE PROGRAM...: in the guest, in a folder of its own.
traced() {
	local file=$1
	shift
	rm -rf "$OUT/trace.dir" "$file"
	mkdir -p "$OUT/trace.dir"
	(cd "$OUT/trace.dir" && guest --trace="$file" -- "$@" 3<&- 4<&- 5<&- > "$OUT/trace.out")
}

natively_traced() {
	rm -rf "$OUT/trace.dir"
	mkdir -p "$OUT/trace.dir"
	(cd "$OUT/trace.dir" && strace -f -o "$OUT/trace.native" "$@" 3<&- 4<&- 5<&- > "$OUT/trace.out")
}

trace_same() {
	natively_traced "$trace" && traced "$OUT/trace.guest" "$trace" || return
	trace_plain "$OUT/trace.native" > "$OUT/trace.native.plain"
	trace_plain "$OUT/trace.guest" > "$OUT/trace.guest.plain"
	wc -l < "$OUT/trace.native.plain"
	diff "$OUT/trace.native.plain" "$OUT/trace.guest.plain"
}

# Debian's own cat: from the last library on, what it does with a file.
trace_cat() {
	natively_traced /usr/bin/cat "$OUT/trace-five" && traced "$OUT/trace.guest" /usr/bin/cat "$OUT/trace-five" || return
	for file in "$OUT/trace.native" "$OUT/trace.guest"; do
		sed -E 's/^\[?[0-9]+\]? +//; s/ <[0-9.]+> [a-zA-Z ]+$//; s/\) += /) = /' "$file" |
			grep -E '^(openat|read|write|close|\+\+\+)' | grep -A 20 trace-five | grep -v ELF > "$file.plain"
	done
	diff "$OUT/trace.native.plain" "$OUT/trace.guest.plain" && wc -l < "$OUT/trace.guest.plain"
}

# The served-by words of one call of each class, and of one that the LWK makes of its own.
trace_served() {
	traced "$OUT/trace.guest" "$trace" || return
	grep -o -m 1 ' sched_yield() = 0 <0\.[0-9]*> .*' "$OUT/trace.guest" | sed 's/<.*>//'
	grep -o -m 1 'umask(022) = .*' "$OUT/trace.guest" | sed 's/<.*>//'
	grep -o -m 1 'rseq(.*' "$OUT/trace.guest" | sed 's/<.*>//'
}

# Without a file: to standard error, which the program has closed meanwhile; not to its output.
trace_to_stderr() {
	guest --trace -- "$tool" cat < "$OUT/trace-five" 2>&1 > "$OUT/trace.out" | grep -c '^\[[0-9]*\] read(0, "from five'
	cat "$OUT/trace.out"
}

# Its threads' calls when the process ends, one local, one forwarded.
trace_threads() {
	traced "$OUT/trace.guest" "$trace" threads || return
	sed -E 's/^\[[0-9]+\] //; s/ <[0-9.]+> / /; s/0x[0-9a-f]+/ADDRESS/' "$OUT/trace.guest" |
		grep -E '^(exit_group|.*unfinished|\+\+\+)' | sort
}

trace_pause_by() {
	local pid status
	rm -f "$OUT/trace.guest"
	(cd "$OUT/trace.dir" && exec "$LWVMM" run --cores "$CORES" --mem 256M --trace="$OUT/trace.guest" -- \
		"$trace" pause) 2> "$OUT/command.err" &
	pid=$!
	wait_for_line "$OUT/trace.guest" 'close(-77)'
	sleep 0.3
	kill "$1" $pid
	end_of $pid
	status=$?
	trace_tail
	return $status
}

trace_tail() {
	tail -n 2 "$OUT/trace.guest" | sed -E 's/^\[[0-9]+\] //; s/ <[0-9.]+> / /'
}

trace_timeout() {
	local status
	rm -f "$OUT/trace.guest"
	(cd "$OUT/trace.dir" && guest --timeout 1 --trace="$OUT/trace.guest" -- "$trace" pause)
	status=$?
	trace_tail | tail -n 1
	return $status
}

# More calls than the guest has room for, while nobody reads: the program waits, nothing is lost.
trace_full() {
	rm -f "$OUT/trace.fifo"
	mkfifo "$OUT/trace.fifo"
	{ sleep 3; cat; } < "$OUT/trace.fifo" > "$OUT/trace.guest" &
	(cd "$OUT/trace.dir" && guest --trace="$OUT/trace.fifo" -- "$trace" none 20000) || return
	wait $!
	grep -c ' getpid() = ' "$OUT/trace.guest"
	grep -c missing "$OUT/trace.guest"
	tail -n 1 "$OUT/trace.guest"
}

# Two processes of one guest, one file: whole lines of both.
trace_two() {
	local first name=trace-$$
	rm -f "$OUT/trace.guest"
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" run --name $name --detach --cores "$CORES" --mem 256M || return
	for i in 1 2; do
		mkdir -p "$OUT/trace.dir/$i"
		(cd "$OUT/trace.dir/$i" && timeout -k 5 "$CASE_SECONDS" "$LWVMM" exec $name \
			--trace="$OUT/trace.guest" -- "$trace" none 1000) &
		[ $i = 2 ] || first=$!
	done
	wait $first && wait $! || return
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" stop $name || return
	grep -c ' getpid() = [0-9]* <0\.[0-9]*> local$' "$OUT/trace.guest"
	grep -c -v -E '^(\[[0-9]+\] [a-z0-9_]+\(.*\) = .* <[0-9.]+> (local|refused|forwarded( by the LWK)?)|\+\+\+ .*)$' \
		"$OUT/trace.guest"
	true
}

trace_refusals() {
	guest --trace=/no/such/file -- "$tool" exit 0 2>&1
	echo "status $?"
	"$LWVMM" plan --trace 2>&1
	"$LWVMM" run --trace --detach --name n 2>&1
}

run_trace() {
	local trace tool
	program_build trace_calls static && program_build tool static || return
	trace=$(program_path trace_calls static)
	tool=$(program_path tool static)
	echo 'from five' > "$OUT/trace-five"
	mkdir -p "$OUT/trace.dir"
	if command -v strace > /dev/null; then
		check trace-as-strace 0 40 trace_same
		check trace-cat 0 5 trace_cat
	else
		ring_skip trace-as-strace 'no strace'
	fi
	check trace-served 0 ' sched_yield() = 0  local
umask(022) = 022  forwarded
rseq(...) = -1 ENOSYS (Function not implemented)  refused' trace_served
	check trace-stderr 0 '1
from five' trace_to_stderr
	check trace-threads 0 '+++ exited with 0 +++
exit_group(0) = ? local
pause( <unfinished ...>) = ? local
read(3, ADDRESS, 1 <unfinished ...>) = ? forwarded' trace_threads
	check trace-killed 143 'pause() = ? ERESTARTNOHAND (To be restarted if no handler) local
+++ killed by SIGTERM +++' trace_pause_by -TERM
	check trace-timeout 124 'pause( <unfinished ...>) = ? local' trace_timeout
	check trace-full 0 '20000
0
+++ exited with 0 +++' trace_full
	check trace-two 0 '2000
0' trace_two
	check trace-refusals 125 'lwvmm: --trace: /no/such/file cannot be written: No such file or directory: name a file with --trace=FILE
status 125
lwvmm: --trace: no such option: see lwvmm plan --help
lwvmm: --detach: --env, --timeout and --trace are of programs: give them to lwvmm exec' trace_refusals
}
