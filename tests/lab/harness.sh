# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Runs in the lab (busybox sh): the cases of /job/cases.txt, one result line each to ttyS1. Then looks at
# what they left behind. Status 1 when a case failed. CASE_SECONDS is set by lab.sh.
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

run_case() {
	name=$1 line=$2 program=$3 wanted=$4 regex=$5
	rm -rf /tmp/case /tmp/hung
	mkdir /tmp/case
	start=$(hundredths)
	(cd /tmp/case && exec sh -c "$line") > /tmp/out 2>&1 < /dev/null &
	pid=$!
	end_hung_case "$name" "$program" $pid &
	guard=$!
	wait $pid
	status=$?
	kill $guard 2> /dev/null
	wait $guard
	took=$(($(hundredths) - start))
	took="$((took / 100)).$(printf %02d $((took % 100))) s"

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

kvm_alive hold > /tmp/held &
while ! grep -q held /tmp/held && kill -0 $!; do sleep 0.1; done
pools > /tmp/pools.before
while IFS='|' read -r name command program wanted regex; do
	run_case "$name" "$command $program" "${program%% *}" "$wanted" "$regex"
done < /job/cases.txt
check_left_behind
read -r up _ < /proc/uptime
result "# lab time at the end: $up s"
exit $failed
