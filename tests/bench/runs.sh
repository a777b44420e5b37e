# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# How bench.sh runs a program natively and as a guest. Both: output in $out/SIDE.out, errors in
# $out/SIDE.err, when it began and ended in $out/SIDE.run. Nothing else changes on the machine but the
# switch of transparent huge pages, for the time of a native run with 2 MiB pages.
# shellcheck disable=SC2154 # cores, lwvmm and out are bench.sh's

thp=/sys/kernel/mm/transparent_hugepage/enabled
thp_before=
running=

thp_now() {
	sed 's/.*\[\(.*\)\].*/\1/' "$thp" 2> /dev/null
}

thp_always() {
	[ "$(thp_now)" != always ] || return 0
	thp_before=$(thp_now)
	echo always 2> /dev/null > "$thp"
}

thp_restore() {
	[ -z "$thp_before" ] || echo "$thp_before" 2> /dev/null > "$thp"
	thp_before=
}

runs_undo() {
	[ -z "$running" ] || { kill "$running" && wait "$running"; } 2> /dev/null
	running=
	thp_restore
}

# In the background and waited for, so that a signal to the script is served at once.
runs_one() {
	local status
	"$@" &
	running=$!
	wait "$running"
	status=$?
	running=
	return $status
}

# native 2M|4K PROGRAM [ARGS...]: on the guest's cores. 2M: transparent huge pages everywhere; whether
# it got them is in $out/native.run.
native() {
	local how=-s status
	[ "$1" = 4K ] && how=-4s
	[ "$1" = 4K ] || thp_always
	shift
	runs_one taskset -c "$cores" "$out/launch" "$how" -o "$out/native.run" "$@" \
		> "$out/native.out" 2> "$out/native.err" < /dev/null
	status=$?
	thp_restore
	return $status
}

# guest MEM PROGRAM [ARGS...]
guest() {
	local mem=$1
	shift
	runs_one "$out/launch" -o "$out/guest.run" "$lwvmm" run --name "bench-$$" --cores "$cores" \
		--mem "$mem" --timeout 120 --json "$out/guest.json" -- "$@" \
		> "$out/guest.out" 2> "$out/guest.err" < /dev/null
}

# field FILE NAME: the values on the lines that begin with NAME.
field() {
	awk -v name="$2" '$1 == name { print $2 }' "$1"
}

# The share of big mappings that the last native run had in pages of 2 MiB, in percent.
native_huge() {
	awk '{ v[$1] = $2 } END { printf "%.1f\n", v["rss_kib"] ? 100 * v["huge_kib"] / v["rss_kib"] : 0 }' \
		"$out/native.run"
}

# Did the last native run have the pages it was to have?
native_got() {
	native_huge | awk -v how="$1" '{ exit !(how == "2M" ? $1 >= 98 : $1 == 0) }'
}

# guest_trouble STATUS: why the last guest run is no measurement, in one line.
guest_trouble() {
	local line
	line=$(grep -v '^lwvmm: note' "$out/guest.err" | tail -n 1)
	echo "the guest run ended with status $1${line:+: $line}"
}

# Median of the numbers on standard input.
median() {
	sort -g | awk '{ v[NR] = $1 } END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}
