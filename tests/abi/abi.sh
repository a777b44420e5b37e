# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# The abi ring: the cases of tests/abi/*.c, each natively and by `lwvmm exec` in one guest, compared.
#   ABI_JOBS  cases at once [2]   ABI_SECONDS  at most for one run [30]   ABI_ARGS  more for `lwvmm run`

abi_warnings="-Wall -Wextra -Wno-nonnull -Wno-stringop-overflow -Wno-stringop-overread -Wno-unused-result"

# One source into its object, when it is older than it or a header. The wrong calls are on purpose.
abi_compile() {
	local object
	object=$OUT/abi/$(basename "$1" .c).o
	[ -n "$(find "$object" -newer "$1" -newer "$TESTS/abi/abi.h" -newer "$TESTS/abi/ring.h" \
		-newer guest-lwk/abi/syscalls_list.h 2> /dev/null)" ] && return
	# shellcheck disable=SC2086
	gcc -std=gnu17 -D_GNU_SOURCE -O1 $abi_warnings -I. -c -o "$object" "$1"
}

# Two at a time.
abi_build() {
	local source first='' bad=0 objects=''
	abi_program=$OUT/bin/abi-static
	can_compile || return 0
	mkdir -p "$OUT/abi" "$OUT/bin"
	for source in "$TESTS"/abi/*.c; do
		objects="$objects $OUT/abi/$(basename "$source" .c).o"
		abi_compile "$source" &
		if [ -n "$first" ]; then
			wait "$first" || bad=1
		fi
		first=$!
	done
	wait "$first" || bad=1
	# shellcheck disable=SC2086
	[ $bad = 0 ] && gcc -static -o "$abi_program" $objects
}

abi_guest_start() {
	# shellcheck disable=SC2086
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" run --name "$abi_guest" --detach --cores "$CORES" \
		--mem 512M ${ABI_ARGS:-} 2> "$OUT/abi.err"
}

# The ring's lines, counted as those of the other parts.
abi_count() {
	local line
	while IFS= read -r line; do
		case $line in
		'ok '*) ring_ok "abi/${line#ok }" ;;
		'skip '*) line=${line#skip } && ring_skip "abi/${line%%: *}" "${line#*: }" ;;
		'not ok '*) line=${line#not ok } && ring_not_ok "abi/${line%%: *}" "${line#*: }" ;;
		esac
	done < "$OUT/abi.lines"
}

run_abi() {
	local left
	abi_guest=abi-$$
	if ! abi_build; then
		ring_not_ok abi "its cases do not compile"
		return
	fi
	wanted coverage && ring_step abi/coverage "$abi_program" --coverage "$TESTS/abi/untested.txt"
	if ! abi_guest_start; then
		ring_not_ok abi "no guest: $(tail -n 1 "$OUT/abi.err")"
		return
	fi
	rm -rf "$OUT/abi-work"
	mkdir -p "$OUT/abi-work"
	ABI_NATIVE=${NATIVE:-} "$abi_program" --ring "$LWVMM" "$abi_guest" "$OUT/abi-work" \
		"$TESTS/abi/deviations.txt" "$RING" "$pattern" > "$OUT/abi.lines" 2>&1
	abi_count
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" stop "$abi_guest" 2> "$OUT/abi.err" ||
		ring_not_ok abi/guest-lives "it does not stop: $(tail -n 1 "$OUT/abi.err")"
	left=$(leftovers_end)
	[ -z "$left" ] || ring_not_ok abi/processes "$left"
}
