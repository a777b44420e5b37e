# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Files that programs of a guest and host processes map MAP_SHARED: one memory, whoever writes; nothing is left
# in the window when the programs have ended.

WINDOW_EXECS=${WINDOW_EXECS:-100}

# Both progress: each waits for the other 10 times, and fights for the lock 1,000 times.
window_both_count() {
	"$shared" make "$OUT/window.count"
	timeout -k 5 "$CASE_SECONDS" "$shared" count "$OUT/window.count" 1000 > "$OUT/window.host" &
	inside "$shared" count "$OUT/window.count" 1000
	end_of $!
	cat "$OUT/window.host"
}

# A host process cuts the file; the program and the guest live on.
window_bus() {
	local pid
	rm -f "$OUT/behind.1"
	"$LWVMM" exec "$exec_name" -- "$shared" bus "$OUT/window.bus" > "$OUT/behind.1" &
	pid=$!
	wait_for_line "$OUT/behind.1" ready
	truncate -s 4096 "$OUT/window.bus"
	end_of $pid
	cat "$OUT/behind.1"
	inside "$tool" exit 5
}

window_many() {
	local i
	for i in $(seq "$WINDOW_EXECS"); do
		inside "$shared" add "$OUT/window.add" || echo "run $i: $?"
	done
	od -An -tu8 -N8 "$OUT/window.add" | tr -d ' '
}

window_full() {
	truncate -s 80M "$OUT/window.full"
	inside "$shared" add "$OUT/window.full" 2>&1
	echo "status $?"
}

# Nothing of it is mapped any more: the line about the window is gone.
window_empty() {
	local tries=0
	while "$LWVMM" ps "$exec_name" | grep -q window && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.05
	done
	"$LWVMM" ps "$exec_name" | grep -c window
}

run_window() {
	shared=$(program_path shared_file static)
	program_build shared_file static && program_build tool static || return 0
	tool=$(program_path tool static)
	truncate -s 0 "$OUT/window.count" "$OUT/window.bus" "$OUT/window.add" "$OUT/window.full"
	truncate -s 8M "$OUT/window.count" "$OUT/window.bus" "$OUT/window.add"
	exec_start --window 64M
	check window-with-host 0 '2000
2000' window_both_count
	check window-bus 5 'ready
SIGBUS at 5 from the end; first byte 0' window_bus
	check window-many 0 "$WINDOW_EXECS" window_many
	check window-full 0 'mmap: Cannot allocate memory
status 3' window_full
	check window-empty 1 0 window_empty
	exec_stop
	rm -f "$OUT"/window.*
}
