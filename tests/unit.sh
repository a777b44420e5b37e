#!/bin/bash
# SPDX-License-Identifier: MIT
# unit.sh: meson's tests, in the plain build and in one with address and undefined-behaviour sanitizers.
# BUILD and BUILD_SAN name the build folders. With --build they are only built.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/ring.sh

build=${BUILD:-build}
build_san=${BUILD_SAN:-build-san}

configure() {
	[ -f "$1/build.ninja" ] || meson setup "$@" > /dev/null
}

# run_suite NAME BUILD: counts meson's own tests ("1/9 suite / name OK 0.05s") under NAME.
run_suite() {
	local suite=$1 folder=$2 results test outcome
	if ! ninja -C "$folder" > /dev/null; then
		ninja -C "$folder" | tail -n 30
		ring_not_ok "$suite" "$folder does not build"
		return
	fi
	meson test -C "$folder" --no-rebuild --print-errorlogs > "$folder/unit.log" 2>&1
	results=$(sed -nE '/^Summary of Failures/q; s/^ *[0-9]+\/[0-9]+ (.* )(OK|EXPECTEDFAIL|FAIL|UNEXPECTEDPASS|TIMEOUT|ERROR|SKIP|INTERRUPT) +[0-9.]+s.*/\2 \1/p' \
		"$folder/unit.log")
	while read -r outcome test; do
		test=$suite/${test##* / }
		case $outcome in
		'') ring_not_ok "$suite" "meson ran no test: see $folder/unit.log" ;;
		OK | EXPECTEDFAIL) ring_ok "$test" ;;
		SKIP) ring_skip "$test" "it asked to be: see $folder/unit.log" ;;
		*) ring_not_ok "$test" "$outcome" ;;
		esac
	done <<< "$results"
	# What the failed ones said.
	grep -qE '^(Fail|Timeout): +[1-9]' "$folder/unit.log" && sed 's/^/#   /' "$folder/unit.log"
}

configure "$build"
configure "$build_san" -Db_sanitize=address,undefined -Db_lundef=false
if [ "${1:-}" = --build ]; then
	ninja -C "$build" && ninja -C "$build_san"
	exit
fi
run_suite plain "$build"
run_suite sanitized "$build_san"
ring_end unit
