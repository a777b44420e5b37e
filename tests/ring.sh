# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# For the rings of tests/: a line a test ("ok", "not ok", "skip" with its reason), a count at the end.

ring_passed=0 ring_failed=0 ring_skipped=0

ring_ok() {
	echo "ok $1"
	ring_passed=$((ring_passed + 1))
}

ring_not_ok() {
	echo "not ok $1: $2"
	ring_failed=$((ring_failed + 1))
}

ring_skip() {
	echo "skip $1: $2"
	ring_skipped=$((ring_skipped + 1))
}

# ring_step NAME COMMAND...: a test that is one command; its output is shown where it fails.
ring_step() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		ring_ok "$name"
	else
		local status=$?
		# shellcheck disable=SC2001
		[ -n "$output" ] && echo "$output" | sed 's/^/#   /'
		ring_not_ok "$name" "$1 ended with $status"
	fi
}

# Does a test of this name run? $pattern decides.
wanted() {
	# shellcheck disable=SC2254
	case $1 in $pattern) true ;; *) false ;; esac
}

# says NAME TEXT COMMAND...: all that it says.
says() {
	local name=$1 text=$2 seen
	shift 2
	wanted "$name" || return 0
	seen=$("$@" 2>&1 < /dev/null)
	if [ "$seen" = "$text" ]; then
		ring_ok "$name"
	else
		ring_not_ok "$name" "'$seen' instead of '$text'"
	fi
}

ring_end() {
	echo "$1: $ring_passed passed, $ring_failed failed, $ring_skipped skipped"
	[ "$ring_failed" = 0 ]
}
