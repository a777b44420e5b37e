# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Dynamic programs and scripts: what they find, natively and in a guest, must be the same.

# same NAME STATUS MEMORY [VARIABLE=VALUE...] PROGRAM...: output, error and status.
same() {
	local name=$1 status=$2 memory=$3 work why count=0 word
	shift 3
	wanted "$name" || return 0
	work=$OUT/work/$name
	mkdir -p "$OUT/work"
	for word; do
		case $word in *=*) count=$((count + 1)) ;; *) break ;; esac
	done
	run_in "$work.native" env "$@"
	insert_lwvmm "$count" "$memory" "$@"
	why=$(why_differs "$work.native" "$work.guest" "$status" '')
	[ -n "$why" ] || why=$(leftovers_end)
	if [ -z "$why" ]; then
		ring_ok "$name"
	else
		ring_not_ok "$name" "$why"
	fi
}

# insert_lwvmm COUNT MEMORY WORDS...: env gets the first COUNT words, then comes lwvmm.
insert_lwvmm() {
	local left=$1 memory=$2 total
	shift 2
	total=$#
	while [ "$total" -gt 0 ]; do
		[ "$left" != 0 ] || set -- "$@" "$LWVMM" run --cores "$CORES" --mem "$memory" --
		left=$((left - 1))
		set -- "$@" "$1"
		shift
		total=$((total - 1))
	done
	run_in "$work.guest" env "$@"
}

# sane NAME WORD PROGRAM...: tells of the machine, so not compared: ends with 0 and says WORD.
sane() {
	local name=$1 word=$2
	shift 2
	wanted "$name" || return 0
	[ -x "$1" ] || { ring_skip "$name" "$1 is not installed"; return; }
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" run --cores "$CORES" --mem 256M -- "$@" > "$OUT/sane.out" \
		2> "$OUT/command.err" < /dev/null
	expect "$name" $? 0 "$(grep -c -m 1 -e "$word" "$OUT/sane.out")" 1
}

# The program in bin, its library in bin/own (found by $ORIGIN), a copy with another name in bin/other.
dynload_build() {
	local bin=$OUT/bin/dynload
	mkdir -p "$bin/own" "$bin/other" &&
		gcc -O2 -shared -fPIC -DNAME='"own"' -o "$bin/own/libdynload.so" "$TESTS/programs/dynload_lib.c" &&
		gcc -O2 -shared -fPIC -DNAME='"other"' -o "$bin/other/libdynload.so" "$TESTS/programs/dynload_lib.c" &&
		gcc -O2 -shared -fPIC -o "$bin/own/libdynload_late.so" "$TESTS/programs/dynload_late.c" &&
		cp "$bin/own/libdynload_late.so" "$bin/other" &&
		gcc -O2 -Wall -Wextra -pthread -Wl,-z,now -o "$bin/dynload" "$TESTS/programs/dynload.c" -L"$bin/own" \
			-ldynload -Wl,--enable-new-dtags,-rpath,"\$ORIGIN/own" &&
		gcc -O2 -pthread -no-pie -o "$bin/dynload-rpath" "$TESTS/programs/dynload.c" -L"$bin/own" \
			-ldynload -Wl,--disable-new-dtags,-rpath,"\$ORIGIN/own" &&
		gcc -O2 -pthread -o "$bin/dynload-lost" "$TESTS/programs/dynload.c" -L"$bin/own" -ldynload
}

run_libraries() {
	local bin=$OUT/bin/dynload
	! can_compile || dynload_build > "$OUT/build.log" 2>&1 || { ring_not_ok dynload "does not compile"; return; }
	ln -sf dynload "$bin/by-link"
	same origin 0 128M "$bin/dynload"
	same origin-link 0 128M "$bin/by-link"
	same origin-rpath 0 128M "$bin/dynload-rpath"
	same origin-path 0 128M "PATH=$bin:$PATH" dynload
	same library-path 0 128M "LD_LIBRARY_PATH=$bin/other" "$bin/dynload"
	same library-path-rpath 0 128M "LD_LIBRARY_PATH=$bin/other" "$bin/dynload-rpath"
	same library-lost 127 128M "$bin/dynload-lost"
	same preload 0 128M "LD_PRELOAD=$bin/other/libdynload.so" "$bin/dynload"
	same preload-lost 0 128M LD_PRELOAD=/nowhere/x.so "$bin/dynload"
	same bind-now 0 128M LD_BIND_NOW=1 "$bin/dynload-rpath"
	same relro 139 128M "$bin/dynload" relro
}

# script NAME FORMAT: an executable file with this text.
script() {
	local file=$OUT/scripts/$1
	shift
	# shellcheck disable=SC2059
	printf "$@" > "$file"
	chmod +x "$file"
}

run_scripts() {
	local dir=$OUT/scripts i tool
	program_build args static || return
	tool=$(program_path args static)
	mkdir -p "$dir"
	script plain "#!$tool\n"
	script argument "#! \t$tool \t one argument,  only \t \n"
	script no-newline "#!$tool last"
	# shellcheck disable=SC2016
	script bash '#!/bin/bash -u\necho "${0##*/} $# $2"\nexit 6\n'
	script python '#!/usr/bin/python3\nimport sys\nprint(sys.argv[1:], sys.executable)\n'
	cp "$dir/plain" "$dir/level1"
	for i in 2 3 4 5; do
		script level$i "#!$dir/level$((i - 1)) level $i\n"
	done
	same script-plain 0 128M "$dir/plain" one 'two words' ''
	same script-argument 0 128M "$dir/argument" one
	same script-no-newline 0 128M "$dir/no-newline" one
	same script-in-path 0 128M "PATH=$dir:$PATH" plain one
	same script-levels 0 128M "$dir/level5" one
	same script-bash 6 128M "$dir/bash" one 'two words'
	same script-python 0 128M "$dir/python" one
}

run_numpy() {
	[ -d /usr/lib/python3/dist-packages/numpy ] || { ring_skip numpy "python3-numpy is not installed"; return; }
	same numpy 0 1G OPENBLAS_NUM_THREADS=2 /usr/bin/python3 -c 'import numpy as n
a = n.arange(640000.).reshape(800, 800) % 7
b = a @ n.ones((800, 800))
print(b.sum(), n.allclose(b[:, 0], a.sum(axis=1)))'
}

run_dynamic() {
	run_libraries
	run_scripts
	run_numpy
	sane numactl node /usr/bin/numactl -H
	sane lstopo Machine /usr/bin/lstopo-no-graphics
}
