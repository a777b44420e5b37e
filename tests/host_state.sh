# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# What a guest must leave as it was: pools of huge pages, what lwvmm writes down about them, shared memory,
# processes. Ours carry LWVMM_TEST_TAG in their environment.

export LWVMM_TEST_TAG="lwvmm-test-$$."

# Where the names and sockets of this user's guests are.
guests_dir=/dev/shm/lwvmm
[ "$(id -u)" != 0 ] || guests_dir=/run/lwvmm

# Pids of our guests and proxies.
tagged_processes() {
	local pid
	for pid in $(pidof "$(basename "$LWVMM")"); do
		grep -qs "LWVMM_TEST_TAG=$LWVMM_TEST_TAG" "/proc/$pid/environ" && echo "$pid"
	done
	true
}

# What a killed guest has left in $guests_dir is there until somebody looks for guests.
host_state() {
	"$LWVMM" ps > /dev/null 2>&1
	grep . /sys/devices/system/node/node*/hugepages/hugepages-*/nr_hugepages 2> /dev/null
	find /run/lwvmm -name 'pool-*' -o -name 'guest-*' -o -name 'hand-*' -size +0 2> /dev/null
	find /dev/shm -path /dev/shm/lwvmm -prune -o -type f -print 2> /dev/null
	find /dev/shm/lwvmm -maxdepth 1 -name 'view-*' 2> /dev/null
	for pid in $(tagged_processes); do
		echo "process $pid"
	done
}

host_state_save() {
	host_state > "$OUT/state.before"
}

# Empty when all is as it was saved; else what is not. Gives what was killed hard five seconds.
host_state_changes() {
	local tries=0
	while :; do
		host_state > "$OUT/state.after"
		diff "$OUT/state.before" "$OUT/state.after" > "$OUT/state.diff" && return
		tries=$((tries + 1))
		[ $tries -ge 50 ] && break
		sleep 0.1
	done
	grep '^[<>]' "$OUT/state.diff" | tr '\n' ' '
}

# The last case of a ring.
host_state_check() {
	local changes
	changes=$(host_state_changes)
	if [ -z "$changes" ]; then
		ring_ok host-as-before
	else
		ring_not_ok host-as-before "$changes"
	fi
}

# Ends what a guest has left running, so that the next one is not in its way; prints what it was.
leftovers_end() {
	local tries=0 pids
	while pids=$(tagged_processes) && [ -n "$pids" ]; do
		tries=$((tries + 1))
		if [ $tries -ge 20 ]; then
			# shellcheck disable=SC2086
			kill -s KILL $pids
			sleep 0.2
			"$LWVMM" check --repair > /dev/null 2>&1
			echo "processes were left behind:" $pids
			return
		fi
		sleep 0.1
	done
}
