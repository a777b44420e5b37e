# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Runs in the lab (busybox sh): the cases of /job/cases.txt and the parts of the kvm ring in /job/parts, one
# result line each to ttyS1. Then looks at what they left behind. Status 1 when one failed. CASE_SECONDS and CORES
# are set by job.sh.
failed=0

result() {
	echo "$*" > /dev/ttyS1
	echo "lab: $*"
}

pools() {
	grep . /sys/devices/system/node/node*/hugepages/hugepages-*/*_hugepages
}

hundredths() {
	read -r up _ < /proc/uptime
	echo "${up%.*}${up#*.}"
}

# took SINCE: the time since then, for a result line.
took() {
	local t=$(($(hundredths) - $1))
	echo "$((t / 100)).$(printf %02d $((t % 100))) s"
}

# Where everything stands when a case hangs, to the console; then the end of it.
end_hung_case() {
	sleep "$CASE_SECONDS"
	echo "lab: $1 hangs: CPUs and blocked tasks follow"
	echo l > /proc/sysrq-trigger
	echo w > /proc/sysrq-trigger
	for task in /proc/[0-9]*/task/*; do
		case "$(cat "$task/comm")" in
		"$(basename "$2")"* | lwvmm*) echo "$task $(cat "$task/comm" "$task/wchan" "$task/syscall" | tr '\n' ' ')" ;;
		esac
	done
	touch /tmp/hung
	killall -9 lwvmm "$(basename "$2")"
	kill -9 "$3"
}

# Every guest leaves its account on the host that runs the lab.
with_account() {
	echo "$2" | sed "s,lwvmm run ,lwvmm run --json /out/$1.json ,"
}

run_case() {
	name=$1 line=$2 program=$3 wanted=$4 regex=$5
	rm -rf /tmp/case /tmp/hung
	mkdir /tmp/case
	start=$(hundredths)
	(cd /tmp/case && exec sh -c "$(with_account "$name" "$line")") > /tmp/out 2>&1 < /dev/null &
	pid=$!
	end_hung_case "$name" "$program" $pid &
	guard=$!
	wait $pid
	status=$?
	kill $guard 2> /dev/null
	wait $guard
	took=$(took "$start")

	why=
	if [ -e /tmp/hung ]; then
		why="did not end within $CASE_SECONDS s"
	elif [ "$status" != "$wanted" ]; then
		why="status $status instead of $wanted"
	elif [ "$regex" != - ] && ! grep -qE "$regex" /tmp/out; then
		why="no line of its output matches '$regex'"
	fi
	echo "lab: output of $name: $line"
	cat /tmp/out
	if [ -z "$why" ]; then
		result "ok $name ($took)"
	else
		tail -n 30 /tmp/out | sed 's/^/#   /' > /dev/ttyS1
		result "not ok $name: $why ($took)"
		failed=1
	fi
}

check_left_behind() {
	pools > /tmp/pools.after
	if diff /tmp/pools.before /tmp/pools.after > /tmp/pools.diff; then
		result "ok pools-restored"
	else
		sed 's/^/#   /' /tmp/pools.diff > /dev/ttyS1
		result "not ok pools-restored: huge pages differ from before the cases"
		failed=1
	fi
	if dmesg | grep -E 'WARNING:|BUG:|Oops|general protection|DMAR:.*[Ff]ault|Out of memory|rcu.*stall' \
		> /tmp/bad; then
		sed 's/^/#   /' /tmp/bad > /dev/ttyS1
		result "not ok kernel-log: the host kernel complained"
		failed=1
	else
		result "ok kernel-log"
	fi
}

# Result lines of tests/kvm.sh as our own: with the part's name before and the time behind.
part_results() {
	local part=$1 since line
	since=$(hundredths)
	while read -r line; do
		case $line in
		'ok '* | 'skip '*) result "${line%% *} $part/${line#* } ($(took "$since"))" ;;
		'not ok '*)
			result "not ok $part/${line#not ok } ($(took "$since"))"
			failed=1
			;;
		*" passed, "*) result "ok part-$part ($(took "$part_start"))" ;;
		*) echo "lab: $line" ;;
		esac
		case $line in 'ok '* | 'not ok '* | 'skip '*) since=$(hundredths) ;; esac
	done
	return $failed
}

# kvm_part PART[/PATTERN]: natively on two CPUs that nothing is kept from, as many as the guests have.
kvm_part() {
	CORES=$CORES NATIVE='taskset 30' ACCOUNTS=/out SOAK_RUNS=50 EXEC_RUNS=40 dash /job/tests/kvm.sh "$1"
}

# run_part PART[/PATTERN]: one of the kvm ring, or of the lab's own.
run_part() {
	part_start=$(hundredths)
	export LWVMM=/job/bin/lwvmm OUT=/tmp/kvm RING=lab CASE_SECONDS
	case $1 in
	slurm | systemd) dash "/job/tests/lab/$1.sh" ;;
	slurm/* | systemd/*) dash "/job/tests/lab/${1%%/*}.sh" "${1#*/}" ;;
	*) kvm_part "$1" ;;
	esac 2>&1 < /dev/null | part_results "${1%%/*}" || failed=1
}

# Programs that are meant to fault are none of the kernel's concern.
echo 0 > /proc/sys/debug/exception-trace
kvm_alive hold > /tmp/held &
while ! grep -q held /tmp/held && kill -0 $!; do sleep 0.1; done
pools > /tmp/pools.before
since=$(hundredths)
while IFS='|' read -r name command program wanted regex; do
	run_case "$name" "$command $program" "${program%% *}" "$wanted" "$regex"
done < /job/cases.txt
result "# lab: the cases took $(took "$since")"
mv /job/out /tmp/kvm
while read -r part; do
	run_part "$part"
done < /job/parts
find /tmp/kvm/work -name '*.diff' -size +0 -exec cp {} /out/ \; 2> /dev/null
check_left_behind
read -r up _ < /proc/uptime
result "# lab time at the end: $up s"
exit $failed
