# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# A cluster of Slurm's own daemons on this host's loopback: munged, slurmctld, and a slurmd for each of n01 (the
# host) and v01 (a guest). All that they write is in $D; no systemd, no ports that Slurm's defaults use.

cluster_port=$((20000 + $$ % 20000))

cluster_conf() {
	cat > "$D/slurm.conf" << END
ClusterName=lwvmm-test
SlurmctldHost=localhost
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$D/munge.sock
CredType=cred/munge
SlurmctldPort=$cluster_port
SlurmctldPidFile=$D/slurmctld.pid
SlurmctldLogFile=$D/slurmctld.log
SlurmdPidFile=$D/%n/slurmd.pid
SlurmdLogFile=$D/%n/slurmd.log
SlurmdSpoolDir=$D/%n
StateSaveLocation=$D/state
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_min_interval=10000,sched_interval=1
PlugStackConfig=$D/plugstack.conf
DebugFlags=NO_CONF_HASH
MpiDefault=none
ReturnToService=2
KillWait=2
$1
PartitionName=all Nodes=n01,v01 Default=YES MaxTime=INFINITE State=UP
END
	echo "required $PLUGINS/lwvmm_spank.so config=$D/guests lwvmm=$LWVMM task=$PLUGINS/lwvmm-task account=$D/account" \
		> "$D/plugstack.conf"
	# v01's daemons have one of their own, which a test may break.
	cp "$D/plugstack.conf" "$D/plugstack.v01.conf"
	sed 's/^\(PlugStackConfig=.*\)plugstack/\1plugstack.v01/' "$D/slurm.conf" > "$D/slurm.v01.conf"
}

cluster_munged() {
	dd if=/dev/urandom of="$D/munge.key" bs=128 count=1 2> /dev/null && chmod 400 "$D/munge.key" &&
		/usr/sbin/munged --force --key-file="$D/munge.key" --socket="$D/munge.sock" \
			--pid-file="$D/munged.pid" --log-file="$D/munged.log" --seed-file="$D/munge.seed" --num-threads=2
}

# cluster_idle NODE...: until they are, ten seconds.
cluster_idle() {
	local node tries=0
	for node; do
		while [ "$(timeout 5 sinfo -h -n "$node" -o %T 2> /dev/null)" != idle ]; do
			tries=$((tries + 1))
			[ $tries -lt 100 ] || return
			sleep 0.1
		done
	done
}

cluster_slurmd_v01() {
	SLURM_CONF=$D/slurm.v01.conf /usr/sbin/slurmd -N v01
}

# cluster_start NODES: NODES are the lines of slurm.conf that describe them.
cluster_start() {
	mkdir -p "$D/state" "$D/n01" "$D/v01" "$D/guests"
	export SLURM_CONF="$D/slurm.conf" LWVMM_CONFIG_DIR="$D/guests"
	cluster_conf "$1"
	cluster_munged && /usr/sbin/slurmctld && /usr/sbin/slurmd -N n01 && cluster_slurmd_v01 &&
		cluster_idle n01 v01
}

# The pid in a file, if that is still the daemon's.
cluster_pid() {
	[ -f "$1" ] && grep -q "$2" "/proc/$(cat "$1")/comm" 2> /dev/null && cat "$1"
}

cluster_end_one() {
	local pid tries=0
	pid=$(cluster_pid "$1" "$2") || return 0
	kill "$pid" 2> /dev/null
	while [ -d "/proc/$pid" ] && [ $tries -lt 50 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	[ ! -d "/proc/$pid" ] || kill -s KILL "$pid"
}

# Also after a failure half way: what there is not is left out.
cluster_stop() {
	scancel -u "$(id -un)" 2> /dev/null
	cluster_end_one "$D/v01/slurmd.pid" slurmd
	cluster_end_one "$D/n01/slurmd.pid" slurmd
	cluster_end_one "$D/slurmctld.pid" slurmctld
	cluster_end_one "$D/munged.pid" munged
}
