# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Bad input on the command line: each gets its status and one line on standard error that says why.

ONE_CORE=${CORES%%[-,]*}

bounded() {
	timeout -k 5 "$CASE_SECONDS" "$@"
}

# refused NAME "STATUS..." COMMAND...: ends with one of the statuses, says why in one line of "lwvmm: " (notes
# apart), and nothing on standard output.
refused() {
	local name=$1 statuses=$2 status lines
	shift 2
	wanted "$name" || return 0
	"$@" > "$OUT/refused.out" 2> "$OUT/refused.all" < /dev/null
	status=$?
	grep -v '^lwvmm: note: ' "$OUT/refused.all" > "$OUT/refused.err"
	lines=$(wc -l < "$OUT/refused.err")
	if ! echo " $statuses " | grep -q " $status "; then
		ring_not_ok "$name" "status $status, not one of $statuses: $(head -n 1 "$OUT/refused.err")"
	elif [ $status -ge 124 ] && [ $status -le 127 ] && [ "$lines" != 1 ]; then
		ring_not_ok "$name" "$lines lines on standard error instead of one: $(head -n 2 "$OUT/refused.err" | tr '\n' ' ')"
	elif [ $status -ge 124 ] && [ $status -le 127 ] && ! grep -q '^lwvmm: .*: ' "$OUT/refused.err"; then
		ring_not_ok "$name" "not 'lwvmm: OBJECT: what is wrong: what to do': $(cat "$OUT/refused.err")"
	elif [ -s "$OUT/refused.out" ]; then
		ring_not_ok "$name" "standard output: $(head -n 1 "$OUT/refused.out")"
	else
		ring_ok "$name"
	fi
}

# refused_run NAME "STATUS..." WORDS...: of `lwvmm run`.
refused_run() {
	local name=$1 statuses=$2
	shift 2
	refused "$name" "$statuses" bounded "$LWVMM" run "$@"
}

# The corpus; compiled and made anew, it takes a moment. In the lab it has been made before.
run_bad_elfs() {
	local name statuses dir=$OUT/elfs
	program_build hello static || return
	if can_compile; then
		rm -rf "$dir"
		mkdir -p "$dir"
		gcc -O2 -Wall -Wextra -o "$OUT/make_elfs" "$TESTS/bad/make_elfs.c" &&
			"$OUT/make_elfs" "$(program_path hello static)" "$dir" > "$dir.list"
	fi
	[ -s "$dir.list" ] || { ring_not_ok bad-elfs "the corpus cannot be made"; return; }
	while read -r name statuses; do
		refused_run "elf-$name" "$statuses" --cores "$ONE_CORE" --mem 256M -- "$dir/$name"
	done < "$dir.list"
	refused_run guest-directory 126 --cores "$ONE_CORE" --mem 256M -- "$dir"
	refused_run guest-absent 127 --cores "$ONE_CORE" --mem 256M -- "$dir/absent"
	refused_run guest-absent-name 127 --cores "$ONE_CORE" --mem 256M no-such-program-anywhere
	refused_run guest-below-file 126\ 127 --cores "$ONE_CORE" --mem 256M -- "$dir/text/below"
	refused_run guest-empty-name 127 --cores "$ONE_CORE" --mem 256M -- ''
	refused_run guest-device 126 --cores "$ONE_CORE" --mem 256M -- /dev/null
}

# bad_script NAME STATUS TEXT: a script with this text (a format of printf).
bad_script() {
	local file=$OUT/elfs/script-$1
	# shellcheck disable=SC2059
	printf "$3" > "$file"
	chmod +x "$file"
	refused_run "script-$1" "$2" --cores "$ONE_CORE" --mem 256M -- "$file"
}

run_bad_scripts() {
	local dir=$OUT/elfs i
	bad_script empty 126 '#!'
	bad_script empty-line 126 '#!\n'
	bad_script blanks 126 '#!  \t \nx\n'
	bad_script absent 127 '#!/nowhere/sh\n'
	bad_script absent-relative 127 '#!sh\n'
	bad_script directory 126 '#!/usr\n'
	bad_script not-executable 126 '#!/etc/passwd\n'
	bad_script text 126 "#!$dir/text\n"
	bad_script itself 126 "#!$dir/script-itself\n"
	bad_script cut-off 126 "#!/$(seq -s / 1 200)\n"
	bad_script zero 127 '#!/nowhere\0/sh\n'
	bad_script level0 126 "#!$dir/text\n"
	for i in 1 2 3 4 5; do
		bad_script level$i 126 "#!$dir/script-level$((i - 1))\n"
	done
}

# Good dynamic programs with a bad interpreter each: name, status, interpreter ('@': a file of OUT). Those of the
# corpus are interpreters too; the last one lies where the program lies, so that both want the same addresses.
bad_interpreters() {
	echo 'absent 127 /nowhere/ld.so
directory 126 /usr
not-executable 126 /etc/passwd
device 126 /dev/null
same-place 126 @/bin/hello-static -no-pie'
	for name in text machine-arm class-32 no-headers truncated-6 segments-overlap segment-wraps \
		segment-in-kernel offset-misaligned file-exceeds-memory; do
		echo "$name 126 @/elfs/$name"
	done
}

# bad_interpreters_build PLACE: where OUT will be when they run.
bad_interpreters_build() {
	bad_interpreters | while read -r name _ file flags; do
		case $file in @*) file=$1${file#@} ;; esac
		# shellcheck disable=SC2086
		gcc -O2 $flags -o "$OUT/elfs/wants-$name" "$TESTS/programs/hello.c" \
			-Wl,--dynamic-linker="$file" 2> /dev/null || return
	done
}

run_bad_interpreters() {
	local name status
	! can_compile || bad_interpreters_build "$OUT" ||
		{ ring_not_ok bad-interpreters "a program does not compile"; return; }
	bad_interpreters > "$OUT/interpreters.list"
	while read -r name status _; do
		refused_run "interpreter-$name" "$status" --cores "$ONE_CORE" --mem 256M -- "$OUT/elfs/wants-$name"
	done < "$OUT/interpreters.list"
}

run_bad_sizes() {
	local size
	for size in 0 -1 1Q 1X 2GG 0x10 1e9 '' ' ' nan M 99999999999999999999G 16777215T 1000T 1 4K; do
		refused_run "mem-'$size'" 125 --cores "$ONE_CORE" --mem "$size" -- "$hello"
	done
	refused_run mem-missing 125 --cores "$ONE_CORE" --mem
	refused_run mem-more-than-machine 125 --cores "$ONE_CORE" --mem "$(($(awk '/^MemTotal/ { print $2 }' \
		/proc/meminfo) / 1024 + 1024))M" -- "$hello"
}

run_bad_cores() {
	local cores
	for cores in 0,0 0-1,1 99 0-99 9999999999 a 1- -1 3-1 '' ',' '0,,' 0-0:0; do
		refused_run "cores-'$cores'" 125 --cores "$cores" --mem 256M -- "$hello"
	done
}

run_bad_options() {
	refused_run option-unknown 125 --bogus --mem 256M -- "$hello"
	refused_run option-short 125 -x -- "$hello"
	refused_run option-value 125 --stats=3 -- "$hello"
	refused_run page-unknown 125 --page 3M -- "$hello"
	refused_run page-missing 125 --page
	refused_run name-slash 125 --name ../x -- "$hello"
	refused_run name-empty 125 --name '' -- "$hello"
	refused_run name-long 125 --name "$(seq -s x 1 200)" -- "$hello"
	refused_run env-no-value 125 --env NAME -- "$hello"
	refused_run env-no-name 125 --env =value -- "$hello"
	refused_run timeout-zero 125 --timeout 0 -- "$hello"
	refused_run timeout-negative 125 --timeout -1 -- "$hello"
	refused_run timeout-word 125 --timeout soon -- "$hello"
	refused_run commit-unknown 125 --commit never -- "$hello"
	refused_run json-nowhere 125 --cores "$ONE_CORE" --mem 256M --json /nowhere/file -- "$hello"
	refused_run no-guest 125 --cores "$ONE_CORE" --mem 256M
	refused command-unknown 125 bounded "$LWVMM" fly
	refused plan-bad 125 bounded "$LWVMM" plan --cores 0,0
}

run_bad_input() {
	local hello
	program_build hello static || return
	hello=$(program_path hello static)
	run_bad_elfs
	run_bad_scripts
	run_bad_interpreters
	run_bad_sizes
	run_bad_cores
	run_bad_options
}
