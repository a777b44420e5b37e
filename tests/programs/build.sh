# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# The programs as anyone would compile them, into $OUT/bin, when they are older than their sources.

program_compile() {
	case $2 in
	static) gcc -O2 -Wall -Wextra -static -o "$3" "$1" ;;
	pie) gcc -O2 -Wall -Wextra -static-pie -o "$3" "$1" ;;
	omp) gcc -O2 -Wall -Wextra -static -fopenmp -o "$3" "$1" ;;
	musl) musl-gcc -O2 -Wall -Wextra -static -o "$3" "$1" ;;
	dyn) gcc -O2 -Wall -Wextra -o "$3" "$1" ;;
	dyn-nopie) gcc -O2 -Wall -Wextra -no-pie -fno-pie -o "$3" "$1" ;;
	dyn-omp) gcc -O2 -Wall -Wextra -fopenmp -o "$3" "$1" ;;
	cxx) g++ -O2 -Wall -Wextra -pthread -o "$3" "$1" ;;
	fortran) gfortran -O2 -Wall -Wextra -o "$3" "$1" ;;
	# The linker warns of what these libraries would load, and programs here do not use.
	numa) gcc -O2 -Wall -Wextra -static -o "$3" "$1" -lnuma ;;
	hwloc) gcc -O2 -Wall -Wextra -Wno-unused-parameter -static -o "$3" "$1" -lhwloc -lm ;;
	*) echo "$2: no such variant" >&2 && false ;;
	esac
}

program_source() {
	local file
	for file in "$TESTS/programs/$1.c" "$TESTS/programs/$1.cc" "$TESTS/programs/$1.f90"; do
		[ ! -f "$file" ] || { echo "$file" && return; }
	done
	echo "$TESTS/bench/$1.c"
}

# program_path SOURCE VARIANT; variant 'system': the program that the system has at this path.
program_path() {
	if [ "$2" = system ]; then
		echo "$1"
	else
		echo "$OUT/bin/$1-$2"
	fi
}

# In the lab what there is was compiled before: its machine is too slow for that.
can_compile() {
	[ "${RING:-}" != lab ] && command -v gcc > /dev/null
}

# program_build SOURCE VARIANT: 1 when it does not compile.
program_build() {
	local source binary
	[ "$2" != system ] || { [ -x "$1" ] && return || return 1; }
	source=$(program_source "$1")
	binary=$(program_path "$1" "$2")
	can_compile || return 0
	[ -n "$(find "$binary" -newer "$source" -newer "$TESTS/programs/check.h" 2> /dev/null)" ] && return 0
	mkdir -p "$OUT/bin"
	program_compile "$source" "$2" "$binary" > "$OUT/build.log" 2>&1 ||
		{ cat "$OUT/build.log" >&2 && false; }
}
