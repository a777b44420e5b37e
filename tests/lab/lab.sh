#!/bin/bash
# SPDX-License-Identifier: MIT
# lab.sh [CASE...]: boots the lab once and runs the cases of cases.txt in it (all, or those whose names
# match the patterns). lab.sh --shell: a shell in the same machine, with the same programs in its path.
# LWVMM names the binary; artefacts are left in out/lab: console.log (kernel log and every output),
# results.log. The lab's kernel is kept in LWVMM_LAB_CACHE. LAB_SECONDS and LAB_CASE_SECONDS are the limits.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/ring.sh
. tests/lab/machine.sh

lwvmm=${LWVMM:-build/lwvmm}
seconds=${LAB_SECONDS:-300}
case_seconds=${LAB_CASE_SECONDS:-60}
silence=$((case_seconds + 30))
cache=${LWVMM_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lwvmm-lab}
out=out/lab

die() {
	echo "lab.sh: $*" >&2
	exit 1
}

# The base is made anew when its recipe changes, never twice at a time.
prepare_base() {
	mkdir -p "$cache" "$out/bin"
	exec 9> "$cache/lock"
	flock 9
	kernel=$(images/lab/kernel.sh "$cache") || die "no kernel for the lab"
	base=$kernel/base-$(cat images/lab/* /bin/busybox | sha256sum | cut -c1-16).cpio
	[ -f "$base" ] || { rm -f "$kernel"/base-*.cpio && images/lab/initramfs.sh "$kernel" "$base"; } ||
		die "no initramfs for the lab"
	exec 9>&-
}

build_programs() {
	local name source flags
	while read -r name source flags; do
		# shellcheck disable=SC2086
		gcc -static -O2 -o "$out/bin/$name" "$source" $flags 2> "$out/gcc.log" ||
			{ cat "$out/gcc.log" >&2; die "$source does not build"; }
	done < <(selected_programs)
}

# Only the programs that the selected cases run, and the one that the harness does.
selected_programs() {
	awk -F'|' 'BEGIN { used["kvm_alive"] = 1 } NR == FNR { split($3, word, " "); used[word[1]] = 1; next }
		!/^#/ { split($0, word, " "); if (word[1] in used) print }' \
		"$out/cases.txt" tests/lab/programs.txt
}

# select_cases PATTERN...: cases.txt without comments, without spaces round the bars.
select_cases() {
	local line name pattern
	grep -vE '^(#|$)' tests/lab/cases.txt | sed -E 's/ *\| */|/g' | while IFS= read -r line; do
		name=${line%%|*}
		for pattern in "$@"; do
			# shellcheck disable=SC2053
			[[ $name == $pattern ]] && echo "$line" && break
		done
	done > "$out/cases.txt"
	[ -s "$out/cases.txt" ] || die "no case in tests/lab/cases.txt is called $*"
}

# pack_job START: the base and what /job holds, in one file of two cpios.
pack_job() {
	rm -rf "$out/job"
	mkdir -p "$out/job/job/bin"
	[ -z "$(find "$out/bin" -type f)" ] || cp "$out"/bin/* "$out/job/job/bin/"
	[ ! -x "$lwvmm" ] || cp "$lwvmm" "$out/job/job/bin/lwvmm"
	cp "$out/cases.txt" "$out/job/job/"
	{ echo "CASE_SECONDS=$case_seconds"; cat "$1"; } > "$out/job/job/start"
	cp "$base" "$out/job.cpio"
	(cd "$out/job" && find . | cpio --quiet -o -H newc -R 0:0) >> "$out/job.cpio"
	rm -rf "$out/job"
}

# What the CPUs of a machine that must be ended are at: out/lab/monitor.log.
ask_registers() {
	printf 'info registers -a\n' > "$out/monitor.in"
	sleep 2
}

# Ends the machine of process $1 when its time is over, or when it said nothing for longer than the
# harness lets a case run: then the machine itself, not a program in it, stands still.
watch_machine() {
	local begin now said
	begin=$(date +%s)
	while sleep 1 && kill -0 "$1" 2> /dev/null; do
		now=$(date +%s)
		said=$(stat -c %Y "$out/console.log" "$out/results.log" | sort -n | tail -n 1)
		if [ $((now - begin)) -gt "$seconds" ]; then
			echo "it did not end within $seconds s" > "$out/ended"
		elif [ $((now - said)) -gt "$silence" ]; then
			echo "it stood still for $silence s" > "$out/ended"
		else
			continue
		fi
		ask_registers
		kill -9 "$1" 2> /dev/null
	done
}

boot() {
	local begin qemu status
	begin=$(date +%s)
	rm -f "$out/ended" "$out/monitor.in"
	mkfifo "$out/monitor.in"
	: > "$out/results.log"
	: > "$out/console.log"
	machine_args "$kernel" "$out/job.cpio" lab.modules=kvm
	# Open at both ends, or QEMU would wait for a writer.
	"${machine[@]}" -monitor stdio -serial "file:$out/console.log" -serial "file:$out/results.log" \
		<> "$out/monitor.in" > "$out/monitor.log" 2> "$out/qemu.log" 8>&- &
	qemu=$!
	trap 'kill -9 $qemu 2> /dev/null; exit 130' INT TERM
	watch_machine $qemu 8>&- &
	tail -n +1 -f --pid=$qemu -s 0.2 "$out/results.log" 8>&- | tr -d '\r' 8>&- &
	wait $qemu 2> /dev/null
	status=$?
	wait
	trap - INT TERM
	tr -d '\r' < "$out/results.log" > "$out/results.new"
	mv "$out/results.new" "$out/results.log"
	echo "# lab: $(($(date +%s) - begin)) s in all, $(grep -ao 'lab: ready after.*' "$out/console.log")"
	return $status
}

why_ended() {
	if [ -f "$out/ended" ]; then
		echo "the lab had to be ended: $(cat "$out/ended")"
		return
	fi
	case $1 in
	33 | 35) echo "its result line is missing" ;;
	0) echo "the lab's kernel panicked or rebooted" ;;
	*) echo "QEMU ended with $1: $(tail -n 1 "$out/qemu.log")" ;;
	esac
}

# QEMU's TCG can leave the machine standing still (kvm_alive.c says how, and makes it rare). That says
# nothing of lwvmm, so there is a second try, never a third; the first one's logs stay.
boot_again_if_frozen() {
	local status
	boot
	status=$?
	if grep -q 'stood still' "$out/ended" 2> /dev/null; then
		echo "# lab: the machine stood still: logs in $out/frozen; booting it once more"
		rm -rf "$out/frozen"
		mkdir "$out/frozen"
		cp "$out"/{console,results,monitor}.log "$out/frozen/"
		boot
		status=$?
	fi
	return $status
}

# Counts the results; a case without one is a failed one.
count_results() {
	local name lost=0
	for name in $(cut -d'|' -f1 "$out/cases.txt") pools-restored kernel-log; do
		if grep -q "^ok $name\( \|$\)" "$out/results.log"; then
			ring_passed=$((ring_passed + 1))
		elif grep -q "^not ok $name:" "$out/results.log"; then
			ring_failed=$((ring_failed + 1))
		elif grep -q "^skip $name:" "$out/results.log"; then
			ring_skipped=$((ring_skipped + 1))
		else
			ring_not_ok "$name" "$(why_ended "$1")"
			lost=1
		fi
	done
	[ $lost = 0 ] || tail -n 40 "$out/console.log" | tr -d '\r' | sed 's/^/#   /'
}

# One lab at a time: they share out/lab, and two would be too slow to be told from hanging ones. Held by
# this shell alone: a child that outlives it must not keep the next lab waiting.
take_turn() {
	mkdir -p "$out"
	exec 8> "$out/lock"
	flock -n 8 || { echo "# lab: another lab is running: waiting for its end"; flock 8; }
}

case ${1:-} in
--shell)
	take_turn
	prepare_base
	select_cases '*'
	build_programs
	pack_job tests/lab/shell.sh
	machine_args "$kernel" "$out/job.cpio" lab.modules=kvm,net,vfio
	exec "${machine[@]}" -serial mon:stdio
	;;
esac

[ -x "$lwvmm" ] || die "$lwvmm is not there: run 'make build'"
[ $# -gt 0 ] || set -- '*'
take_turn
prepare_base
select_cases "$@"
build_programs
pack_job tests/lab/harness.sh
boot_again_if_frozen
count_results $?
ring_end lab
