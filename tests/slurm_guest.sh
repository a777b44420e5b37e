# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Cases of the slurm ring: the guest over time, when it is not there, whose it is; slurmd killed.

# Of the VMM: descriptors, mappings, KiB resident; of the guest: bytes free.
vmm_holds() {
	local pid
	pid=$(cat /run/lwvmm/guest-v01)
	sleep 0.3
	echo "$(find "/proc/$pid/fd" -type l | wc -l) $(wc -l < "/proc/$pid/maps")" \
		"$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")" \
		"$("$LWVMM" stat v01 --json | sed -n 's/.*"free": \([0-9]*\).*/\1/p' | head -n 1)"
}

# steps N: of a program of next to nothing.
steps() {
	local i
	for i in $(seq "$1"); do
		run -n 1 --exact "$D/nothing" || echo "step $i: $?"
	done
}

# Two at once, each on a CPU of the guest.
growth() {
	local before after node=v01 pid
	echo 'int main(void) { return 0; }' | cc -O2 -static -x c -o "$D/nothing" -
	steps 3
	before=$(vmm_holds)
	steps $((STEPS / 2)) &
	pid=$!
	steps $((STEPS - STEPS / 2))
	wait $pid
	after=$(vmm_holds)
	echo "$before
$after" > "$OUT/growth"
	awk -v before="$before" -v after="$after" 'BEGIN {
		split(before, b); split(after, a)
		print (a[1] == b[1] && a[2] == b[2] && a[3] <= b[3] + 256 && a[4] == b[4]) ? \
			"as before" : before " became " after }'
}

not_running() {
	local node=v01
	guest_stop
	run true > "$OUT/not-running.out" 2>&1
	echo "status $?"
	grep '^lwvmm' "$OUT/not-running.out"
	node_state
	guest_start
	run -Q sh -c 'echo again'
}

guest_dies() {
	background sh -c 'echo ready; exec sleep 60'
	kill -s KILL "$(cat /run/lwvmm/guest-v01)"
	wait $!
	echo "status $?"
	grep -c '^lwvmm: guest v01: ' "$D/step.out"
	node_state
	guest_start
	run -Q sh -c 'echo again'
}

# A program in the guest sees the guest's memory.
where() {
	run "$@" awk '/^MemTotal/ { print $2 < 1100000 ? "guest" : "host" }' /proc/meminfo
}

placed() {
	node=v01
	echo "v01: $(where)"
	echo "v01 off: $(where --lwvmm=off)"
	node=n01
	echo "n01: $(where)"
	echo "n01 v01: $(where --lwvmm=v01)"
	run --lwvmm=other true 2>&1 | grep '^lwvmm'
	run --lwvmm=a/b true 2>&1 | grep -c 'name a guest, or say off'
}

launcher=
nobody='setpriv --reuid 65534 --regid 65534 --clear-groups'

# Of another user than root, who keeps v01: it is lent for the job, and is root's again after it.
other_user() {
	(cd / && timeout -k 5 $CASE_SECONDS $nobody srun -Q -w "$node" sh -c 'id -u; id -g; id -G')
}

two_users() {
	local i
	launcher=$nobody
	background -n 1 -D / sh -c 'echo ready; exec sleep 60'
	launcher=
	run -Q true 2>&1 | grep '^lwvmm'
	timeout -k 5 $CASE_SECONDS srun -Q -w n01 --lwvmm=v01 true 2>&1 | grep '^lwvmm'
	sinfo -h -n v01 -o %T | grep -c drain
	scancel -n test-step
	wait $!
	for i in 1 2 3 4 5; do
		run -Q sh -c 'echo again' 2> "$OUT/two-users.err" && break
		sleep 1
	done
}

slurmd_dies() {
	background sh -c 'echo ready; sleep 2; exit 6'
	kill -s KILL "$(cat "$D/v01/slurmd.pid")"
	sleep 0.3
	cluster_slurmd_v01
	wait $!
	echo "status $?"
	run -Q sh -c 'echo again'
}

host_run() {
	node=v01
	"$@"
}
