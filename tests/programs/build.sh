# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# The programs as anyone would compile them, into $OUT/bin, when they are older than their sources.

program_compile() {
	case $2 in
	static) gcc -O2 -Wall -Wextra -static -o "$3" "$1" ;;
	pie) gcc -O2 -Wall -Wextra -static-pie -o "$3" "$1" ;;
	omp) gcc -O2 -Wall -Wextra -static -fopenmp -o "$3" "$1" ;;
	musl) musl-gcc -O2 -Wall -Wextra -static -o "$3" "$1" ;;
	*) echo "$2: no such variant" >&2 && false ;;
	esac
}

program_source() {
	if [ -f "$TESTS/programs/$1.c" ]; then
		echo "$TESTS/programs/$1.c"
	else
		echo "$TESTS/bench/$1.c"
	fi
}

# program_path SOURCE VARIANT
program_path() {
	echo "$OUT/bin/$1-$2"
}

# program_build SOURCE VARIANT: 1 when it does not compile. Where there is no compiler (the lab), what is
# there is what there is.
program_build() {
	local source binary
	source=$(program_source "$1")
	binary=$(program_path "$1" "$2")
	command -v gcc > /dev/null || return 0
	[ -n "$(find "$binary" -newer "$source" -newer "$TESTS/programs/check.h" 2> /dev/null)" ] && return 0
	mkdir -p "$OUT/bin"
	program_compile "$source" "$2" "$binary" > "$OUT/build.log" 2>&1 ||
		{ cat "$OUT/build.log" >&2 && false; }
}
