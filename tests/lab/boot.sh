# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Boots a machine of the lab, shows its results as they come, and ends it when it hangs.

# What the CPUs of a machine that must be ended are at: monitor.log.
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

# boot MACHINE [BOOT_ARG]
boot() {
	local begin qemu status
	begin=$(date +%s)
	rm -f "$out/ended" "$out/monitor.in"
	mkfifo "$out/monitor.in"
	: > "$out/results.log"
	: > "$out/console.log"
	# shellcheck disable=SC2086
	machine_args "$1" "$kernel" "$out/job.cpio" "$out/accounts" lab.modules=kvm,out ${LAB_BOOT_ARGS:-} ${2:-}
	# Open at both ends, or QEMU would wait for a writer.
	"${machine[@]}" -monitor stdio -serial "file:$out/console.log" -serial "file:$out/results.log" \
		<> "$out/monitor.in" > "$out/monitor.log" 2> "$out/qemu.log" 8>&- &
	qemu=$!
	trap 'kill -9 $qemu 2> /dev/null; exit 130' INT TERM
	watch_machine $qemu 8>&- &
	tail -n +1 -f --pid=$qemu -s 0.2 "$out/results.log" 8>&- | sed -u 's/\r//' 8>&- &
	wait $qemu 2> /dev/null
	status=$?
	wait
	trap - INT TERM
	rm -f "$out/monitor.in"
	tr -d '\r' < "$out/results.log" > "$out/results.new"
	mv "$out/results.new" "$out/results.log"
	echo "# lab: machine $1: $(($(date +%s) - begin)) s, $(grep -ao 'lab: ready after.*' "$out/console.log")"
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
# nothing of lwvmm, so there is a second try, never a third; the first one's logs stay. The second one shows all
# that its kernel says.
boot_again_if_frozen() {
	local status
	boot "$1"
	status=$?
	if grep -q 'stood still' "$out/ended" 2> /dev/null; then
		echo "# lab: the machine stood still: logs in $out/frozen; booting it once more"
		mkdir -p "$out/frozen"
		cp "$out"/{console,results,monitor}.log "$out/frozen/"
		boot "$1" ignore_loglevel
		status=$?
	fi
	return $status
}
