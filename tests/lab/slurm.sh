#!/bin/dash
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# slurm.sh [PATTERN]: runs in the lab (machine two): Slurm's own daemons, with task/affinity and task/cgroup
# (ConstrainCores) on cgroup v2. v01 is a guest of all 8 CPUs, v02 one of CPUs 0 to 3, so Slurm's numbers of its
# CPUs are those of the guest's own cores. One of the two runs at a time; CPUs 4 and 5 are what v02 leaves to
# the host and isolcpus does not take.
#   LWVMM  the binary, the plug-in beside it      OUT  for results
cd "$(dirname "$0")/../.." || exit 1
pattern=${1:-*}
RING=lab
PLUGINS=$(dirname "$LWVMM")
mkdir -p "$OUT"
D=$(mktemp -d /tmp/lwvmm-slurm-XXXXXX)
helpers=4-5
launcher=
chmod 755 "$D"

. tests/ring.sh
. tests/host_state.sh
. tests/slurm_cluster.sh

guest() {
	timeout -k 5 60 "$LWVMM" "$1" "$2" 2> "$OUT/guest.err"
}

end() {
	trap - EXIT INT TERM
	guest stop v01
	guest stop v02
	cluster_stop
	rm -rf "$D"
}

# What Debian has and the lab has not: names, an address that is not the loopback's own (getaddrinfo asks for one),
# and a slice with controllers, as systemd makes it.
surroundings() {
	hostname n01
	ip addr add 192.0.2.1/32 dev lo
	printf '127.0.0.1 localhost\n192.0.2.1 n01\n' > /etc/hosts
	printf 'hosts: files\npasswd: files\ngroup: files\n' > /etc/nsswitch.conf
	printf 'root:x:0:\nnogroup:x:65534:\n' > /etc/group
	echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >> /etc/passwd
	mkdir -p /var/log /sys/fs/cgroup/system.slice
	echo '+cpuset +cpu +memory' > /sys/fs/cgroup/cgroup.subtree_control
	echo '+cpuset +cpu +memory' > /sys/fs/cgroup/system.slice/cgroup.subtree_control
	printf 'CgroupPlugin=cgroup/v2\nIgnoreSystemd=yes\nConstrainCores=yes\n' > "$D/cgroup.conf"
}

# slurmctld says at its start that Contain alone does not serve pam_slurm_adopt.
cluster() {
	mkdir -p "$D/guests"
	export LWVMM_CONFIG_DIR="$D/guests"
	printf 'cores = 0-7\nmem = 512M\npage = 2M\n' > "$D/guests/v01.conf"
	printf 'cores = 0-3\nmem = 256M\npage = 2M\n' > "$D/guests/v02.conf"
	cluster_tasks=task/affinity,task/cgroup
	cluster_start "$("$LWVMM" slurm-conf v01 | sed -n 1p | cluster_node $((cluster_port + 1)))
$("$LWVMM" slurm-conf v02 | sed -n 1p | cluster_node $((cluster_port + 2)))
$("$LWVMM" slurm-conf v02 | sed -n 2p | cluster_node $((cluster_port + 3)))
TaskPluginParam=SlurmdOffSpec
PrologFlags=Contain"
}

run() {
	timeout -k 5 "$CASE_SECONDS" srun -Q "$@"
}

# Each task its rank, its CPU, whose memory it sees; its status is its rank.
eight_tasks() {
	run -w v01 -n 8 -l awk '/^Cpus_allowed_list/ { cpu = $2 } /^MemTotal/ { whose = $2 < 600000 ? "guest" : "host" }
		END { print ENVIRON["SLURM_PROCID"], cpu, whose; exit ENVIRON["SLURM_PROCID"] }' \
		/proc/self/status /proc/meminfo > "$D/eight.out" 2> "$D/eight.err"
	echo "status $?"
	sort "$D/eight.out"
}

# vmm_holds GUEST: how many descriptors and mappings its VMM has, when the last process is all gone.
vmm_holds() {
	local pid
	pid=$(cat "$guests_dir/guest-$1")
	sleep 0.3
	echo "$(find "/proc/$pid/fd" -type l | wc -l) $(wc -l < "/proc/$pid/maps")"
}

growth() {
	local before after
	before=$(vmm_holds v01)
	run -w v01 -n 8 true && run -w v01 -n 8 true || echo "srun: $?"
	after=$(vmm_holds v01)
	[ "$before" = "$after" ] && echo 'as before' || echo "$before became $after"
}

# held NODE WORDS...: a step of two tasks that stays; their pids are in $held.
held() {
	local node=$1 tries=0
	shift
	: > "$D/held.out"
	run -w "$node" -J held -n 2 "$@" sh -c 'echo $$; exec sleep 60' > "$D/held.out" 2> "$D/held.err" &
	while [ "$(wc -l < "$D/held.out")" != 2 ] && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.2
	done
	held=$(cat "$D/held.out")
}

release() {
	scancel -n held
	wait
}

# Where the threads of these host processes may run.
cores_of() {
	local pid
	for pid; do
		sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$pid"/task/*/status
	done | sort -u | tr '\n' ' '
}

job_of() {
	squeue -h -n held -o %A
}

# Of the job's helpers on the host: slurmstepd of the step and of the extern step, and what that one waits in.
stepd_cores() {
	# shellcheck disable=SC2046
	cores_of $(cat "/sys/fs/cgroup/system.slice/$1_slurmstepd.scope/job_$(job_of)"/step_*/slurm/cgroup.procs)
}

# Another step of the same job makes Slurm confine the job anew.
proxies() {
	held v02
	echo "proxies: $(cores_of $held)"
	echo "slurmstepd: $(stepd_cores v02)"
	run --jobid "$(job_of)" --overlap -n 1 true
	echo "proxies: $(cores_of $held)"
	release
}

host_tasks() {
	$launcher timeout -k 5 "$CASE_SECONDS" srun -Q "$@" sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status | sort
}

# Of another user than root, to whom the guest is lent meanwhile; slurmstepd acts as that user.
user_tasks() {
	cd / || return
	launcher='setpriv --reuid 65534 --regid 65534 --clear-groups'
	host_tasks "$@"
	launcher=
	cluster_idle v02
}

# Looked for by itself: sbatch -W asks every few seconds only.
batch() {
	local tries=0
	printf '#!/bin/sh\nexec grep Cpus_allowed_list /proc/self/status\n' > "$D/batch.sh"
	sbatch -Q -w v02 -o "$D/batch.out" "$D/batch.sh"
	while ! [ -s "$D/batch.out" ] && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.2
	done
	cat "$D/batch.out"
}

# From n01 into the guest: the proxies stay on the cores that the job has on n01; the guest's CPUs are dealt out.
from_host() {
	held n01 --lwvmm=v02
	echo "proxies: $(cores_of $held)"
	release
	host_tasks -w n01 -n 2 --lwvmm=v02
}

daemons() {
	local node
	for node in n01 v02; do
		echo "$node: $(cores_of "$(cat "$D/$node/slurmd.pid")")"
	done
}

for tool in /usr/sbin/slurmctld /usr/sbin/slurmd /usr/sbin/munged "$PLUGINS/lwvmm_spank.so"; do
	[ -e "$tool" ] || { ring_skip daemons "$tool is not there: run tools/install-deps.sh test"; ring_end "$RING"; exit; }
done
host_state_save
trap end EXIT
surroundings
if ! cluster > "$OUT/cluster.log" 2>&1; then
	ring_not_ok daemons "they do not start: $(tail -n 3 "$OUT/cluster.log" "$D"/*.log "$D"/*/slurmd.log | tr '\n' ' ')"
elif guest start v01; then
	says eight-tasks 'status 7
0: 0 0 guest
1: 1 1 guest
2: 2 2 guest
3: 3 3 guest
4: 4 4 guest
5: 5 5 guest
6: 6 6 guest
7: 7 7 guest' eight_tasks
	says growth 'as before' growth
	guest stop v01
	guest start v02
	says proxies "proxies: $helpers 
slurmstepd: $helpers 
proxies: $helpers " proxies
	says batch "Cpus_allowed_list:	$helpers" batch
	says tasks-host '4
5' host_tasks -w n01 -n 2
	says from-host "proxies: $helpers 
0-1
2-3" from_host
	says tasks-off "$helpers" user_tasks -w v02 --lwvmm=off
	says daemons 'n01: 4-7 
v02: 0-7 ' daemons
else
	ring_not_ok guest "v01 does not start: $(tail -n 1 "$OUT/guest.err")"
fi
[ "$ring_failed" = 0 ] || tail -n 40 "$D"/*/slurmd.log
end
host_state_check
ring_end "$RING"
