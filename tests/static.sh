#!/bin/bash
# SPDX-License-Identifier: MIT
# static.sh: what can be said of the sources without running them. Needs build/ configured and built
# (for compile_commands.json and the LWK's image): BUILD names it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/ring.sh

build=${BUILD:-build}
jobs=$(nproc)
out=out/static
mkdir -p "$out"

# Tracked files and new ones, by suffix; gone ones left out.
sources() {
	git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
		[ -f "$file" ] && echo "$file"
	done
}

check_format() {
	sources '*.c' '*.h' | xargs clang-format --dry-run -Werror
}

check_licence() {
	local file bad=0
	while read -r file; do
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
			{ echo "$file: no SPDX line at its top"; bad=1; }
	done < <(sources '*.c' '*.h' '*.S' '*.sh' '*.in' '*.lds' '*meson.build' Makefile)
	return $bad
}

# Names that one file sets and another uses are not looked after.
check_shell() {
	sources '*.sh' images/lab/init .ci/run | xargs shellcheck -x -S warning -e SC2034,SC2154
}

# A header is included from the root and needs nothing before it.
header_compiles() {
	echo "#include \"$1\"" |
		gcc -std=gnu17 -D_GNU_SOURCE= -Wall -Wextra -Werror -Wno-unused-function -fsyntax-only -I. -x c -
}
export -f header_compiles

check_headers() {
	sources '*.h' | xargs -P "$jobs" -I{} bash -c 'header_compiles {}'
}

run_cppcheck() {
	cppcheck -q -j "$jobs" --std=c11 --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 --suppressions-list=tests/static/cppcheck.suppress -D__x86_64__ \
		'-DSPANK_PLUGIN(name,version)=' -I. "$@"
}

# The LWK has no libc: it defines the signals itself, which cppcheck takes for those of its C library.
check_cppcheck() {
	grep '^guest-lwk/' "$out/sources" > "$out/sources.lwk"
	grep -v '^guest-lwk/' "$out/sources" > "$out/sources.host"
	run_cppcheck --file-list="$out/sources.host" --library=posix,gnu -D_GNU_SOURCE= &&
		run_cppcheck --file-list="$out/sources.lwk" -USIG{ABRT,FPE,ILL,INT,KILL,SEGV,TERM}
}

check_clang_tidy() {
	# One file a process: given several, clang-tidy 14 takes every second va_list for uninitialised.
	# gcc's options that clang does not know are no finding.
	xargs -P "$jobs" -n 1 clang-tidy -quiet -p "$out" < "$out/sources" \
		--extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument \
		> "$out/clang-tidy.log" 2> "$out/clang-tidy.err" && return 0
	grep -E '(warning|error):' "$out/clang-tidy.log" | sort -u || tail -n 5 "$out/clang-tidy.err"
	return 1
}

# What meson compiles. The programs of tests/ are not looked into: they do wrong things on purpose.
tests/static/compile_db.py "$build" "$out" > "$out/sources" || exit 1

ring_step format check_format
ring_step licence check_licence
if command -v shellcheck > /dev/null; then
	ring_step shell check_shell
else
	ring_skip shell "shellcheck is not installed: run tools/install-deps.sh test"
fi
ring_step headers check_headers
ring_step cppcheck check_cppcheck
ring_step clang-tidy check_clang_tidy
ring_step lwk-instructions tests/static/lwk_insns.sh "$build/guest-lwk/lwk.elf"
ring_end static
