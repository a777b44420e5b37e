# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Runs the cases of cases.txt, each natively and in a guest, and compares. In the lab NATIVE is what gives the
# native run as many CPUs as the guest has, and ACCOUNTS where the guests' accounts are kept.

# run_in DIR COMMAND...: in a new, empty DIR, with no descriptors but the standard ones; output and
# status to DIR.out, DIR.err and DIR.status.
run_in() {
	local dir=$1
	shift
	rm -rf "$dir"
	mkdir -p "$dir"
	{
		(
			cd "$dir" || exit 1
			exec timeout -k 5 "$CASE_SECONDS" "$@" 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- \
				< /dev/null > "$dir.out" 2> "$dir.err"
		)
		echo $? > "$dir.status"
	} 2> /dev/null
}

# What lwvmm says about itself is no part of the program's output.
output_of() {
	if [ -n "$2" ]; then
		grep -e "$2" "$1.out"
	else
		cat "$1.out"
		echo "--- standard error"
		grep -v '^lwvmm: ' "$1.err"
	fi
	true
}

last_words() {
	{
		grep -v '^lwvmm: note: ' "$1.err"
		cat "$1.out"
	} | tail -n 1
}

# why_differs NATIVE GUEST STATUS WORD: prints a reason, or nothing.
why_differs() {
	local native guest
	native=$(cat "$1.status")
	guest=$(cat "$2.status")
	output_of "$1" "$4" > "$1.seen"
	output_of "$2" "$4" > "$2.seen"
	if [ "$native" != "$3" ]; then
		echo "natively status $native instead of $3: $(tail -n 1 "$1.out")"
	elif [ "$guest" = 124 ]; then
		echo "did not end within $CASE_SECONDS s"
	elif [ "$guest" != "$3" ]; then
		echo "status $guest instead of $3: $(last_words "$2")"
	elif ! diff "$1.seen" "$2.seen" > "$2.diff"; then
		echo "its output differs: $(grep -c '^[<>]' "$2.diff") lines, first: $(sed -n 2p "$2.diff")"
	elif [ -n "$(ls -A "$2")" ]; then
		echo "files are left behind: $(ls -A "$2" | tr '\n' ' ')"
	fi
}

# program_case NAME SOURCE VARIANT OPTIONS STATUS ARGUMENTS
program_case() {
	local name=$1 source=$2 variant=$3 options=$4 status=${5%% *} word='' binary work why left
	case $5 in *' '*) word=${5#* } ;; esac
	if ! program_build "$source" "$variant"; then
		ring_not_ok "$name" "$source does not compile as $variant"
		return
	fi
	binary=$(program_path "$source" "$variant")
	work=$OUT/work/$name
	mkdir -p "$OUT/work"
	eval "set -- $6"
	[ -z "${ACCOUNTS:-}" ] || options="$options --json $ACCOUNTS/$name.json"
	# shellcheck disable=SC2086
	run_in "$work.native" ${NATIVE:-} "$binary" "$@"
	# shellcheck disable=SC2086
	run_in "$work.guest" "$LWVMM" run --cores "$CORES" $options -- "$binary" "$@"
	left=$(leftovers_end)
	why=$(why_differs "$work.native" "$work.guest" "$status" "$word")
	[ -n "$why" ] || why=$left
	if [ -z "$why" ]; then
		ring_ok "$name"
	else
		ring_not_ok "$name" "$why"
	fi
}

# Those of this ring whose names were asked for.
run_programs() {
	local name source variant options rings status arguments
	sed -e 's/ *| */|/g' "$TESTS/programs/cases.txt" > "$OUT/cases"
	while IFS='|' read -r name source variant options rings status arguments; do
		case $name in '' | '#'*) continue ;; esac
		case " $rings " in *" $RING "*) ;; *) continue ;; esac
		wanted "$name" || continue
		program_case "$name" "$source" "$variant" "$options" "$status" "$arguments"
	done < "$OUT/cases"
}
