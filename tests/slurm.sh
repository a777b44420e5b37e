#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# slurm.sh [PATTERN]: the slurm ring: real Slurm daemons (slurm_cluster.sh) with lwvmm's plug-in; the same lines for
# the node n01, which is this host, and v01, which is a guest on it; what they say must be the same.
#   LWVMM  the binary [build/lwvmm]    OUT  for results [out/slurm]    CORES  host cores of the guest [0-1]
#   STEPS  of a job, for growth [500]
cd "$(dirname "$0")/.." || exit 1
export TESTS="$PWD/tests"
# Where no core is left to the host its copies between ranks wait for the host's scheduler (docs/howto-mpi.md).
export OMPI_MCA_btl_vader_single_copy_mechanism=none
OUT=${OUT:-out/slurm}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
LWVMM=${LWVMM:-build/lwvmm}
LWVMM=$(cd "$(dirname "$LWVMM")" && pwd)/$(basename "$LWVMM")
PLUGINS=$(dirname "$LWVMM")/integrations/slurm
CORES=${CORES:-0-1}
STEPS=${STEPS:-500}
RING=slurm
CASE_SECONDS=20
D=$(mktemp -d /tmp/lwvmm-slurm-XXXXXX)
pattern=${1:-*}

. tests/ring.sh
. tests/host_state.sh
. tests/slurm_cluster.sh
. tests/slurm_account.sh
. tests/slurm_guest.sh
. tests/slurm_plugin.sh

guest_start() {
	timeout -k 5 60 "$LWVMM" start v01 2> "$OUT/guest.err"
}

guest_stop() {
	timeout -k 5 60 "$LWVMM" stop v01 2> "$OUT/guest.err"
}

# What the cluster and the guest have must go whatever happens.
end() {
	trap - EXIT INT TERM
	guest_stop
	cluster_stop
	cp "$D"/slurmctld.log "$OUT/" 2> /dev/null
	cp "$D"/n01/slurmd.log "$OUT/slurmd.n01.log" 2> /dev/null
	cp "$D"/v01/slurmd.log "$OUT/slurmd.v01.log" 2> /dev/null
	[ -s /run/lwvmm/hand-v01 ] || rm -f /run/lwvmm/hand-v01
	rm -rf "$D"
}

# What differs from run to run, and the node's name. slurmstepd's word that a step was cancelled reaches srun or not.
same_words() {
	sed -e "s/\b$1\b/NODE/g" -e 's/StepId=[0-9.]*/StepId=N/' \
		-e 's/[Jj]ob \(step \)\{0,1\}[0-9]\{1,\}/job N/; s/JOB [0-9]\{1,\}/JOB N/' \
		-e '/queued and waiting\|has been allocated\|CANCELLED AT/d' | sort
}

# both NAME COMMAND...: with the node's name in $node, on each; output, errors and status must be the same.
both() {
	local name=$1 node
	shift
	wanted "$name" || return 0
	for node in n01 v01; do
		{
			"$@" 2>&1
			echo "status $?"
		} < /dev/null | same_words $node > "$OUT/$name.$node"
	done
	if ! diff "$OUT/$name.n01" "$OUT/$name.v01" > "$OUT/$name.diff"; then
		ring_not_ok "$name" "$(grep '^[<>]' "$OUT/$name.diff" | head -n 4 | tr '\n' ' ')"
	elif ! grep -q "${must:-status}" "$OUT/$name.n01"; then
		ring_not_ok "$name" "natively it did not say $must: $(tail -n 1 "$OUT/$name.n01")"
	else
		ring_ok "$name"
	fi
}

# run WORDS...: a step in the node's allocation, once that is there: quicker than a job each.
run() {
	if [ -f "$D/job.$node" ]; then
		set -- --jobid "$(cat "$D/job.$node")" "$@"
	else
		set -- -w "$node" "$@"
	fi
	timeout -k 5 $CASE_SECONDS srun "$@"
}

allocate() {
	local node
	for node in n01 v01; do
		salloc -Q --no-shell -w $node -n 2 -J "$node" 2> "$OUT/salloc.err"
		squeue -h -n $node -o %A > "$D/job.$node"
	done
}

plain() {
	timeout -k 5 $CASE_SECONDS srun -w "$node" sh -c 'echo "$@" $SLURM_PROCID' - one 'two  words' ''
}

two_tasks() {
	run -l -n 2 sh -c 'echo $SLURM_PROCID $SLURM_LOCALID $SLURM_NTASKS'
}

surroundings() {
	(cd /usr/share && umask 027 && ulimit -S -n 300 && ulimit -S -c 0 && GREETING='hello there' run sh -c \
		'pwd; umask; ulimit -n; ulimit -c; echo $GREETING; id -u; id -g; id -G; echo $0 $PPID' | sed 's/ [0-9]*$/ PPID/')
}

environment() {
	run env | sort | grep -v -E '^(SLURM_CONF|SLURM_[A-Z_]*(JOB_?ID|PORT|PID)|LWVMM_CONFIG_DIR|SLURM_JOB_NAME|SHLVL|_)='
}

status() {
	run sh -c "exit 7"
}

died() {
	run sh -c "ulimit -c 0; kill -s $1 \$\$"
}

input() {
	seq 1 20000 | timeout -k 5 $CASE_SECONDS srun --jobid "$(cat "$D/job.$node")" cat | cksum
}

outputs() {
	run -o "$D/%N.%t.out" -e "$D/%N.%t.err" -n 2 sh -c 'echo out; echo err >&2'
	cat "$D/$node.0.out" "$D/$node.1.out" "$D/$node.0.err" "$D/$node.1.err"
}

terminal() {
	python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' \
		srun --jobid "$(cat "$D/job.$node")" --pty sh -c 'test -t 0 && test -t 1 && stty size' | tr -d '\r'
}

too_many() {
	run -n 3 true
}

over_committed() {
	run -n 4 -O sh -c 'echo $SLURM_LOCALID'
}

bound() {
	run -Q -n 2 -l "$@" grep Cpus_allowed_list /proc/self/status 2> "$OUT/bound.err" | sort
}

batch() {
	cat > "$D/batch.sh" << 'END'
#!/bin/sh
echo "script: $SLURM_JOB_NUM_NODES $1"
test -e /proc/sys/kernel/ns_last_pid -o -e /proc/sys/kernel/osrelease && echo 'script on the host'
srun -n 2 -l sh -c 'echo step $SLURM_PROCID'
srun -n 1 sh -c 'exit 3'
echo "step: $?"
exit 5
END
	timeout 30 sbatch -Q -W -w "$node" -n 2 -o "$D/batch.out" "$D/batch.sh" word
	echo "batch: $?"
	cat "$D/batch.out"
}

# Of v01, when the last job's end is all over.
node_state() {
	local tries=0
	while sinfo -h -n v01 -o %T | grep -q completing && [ $tries -lt 50 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	sinfo -h -n v01 -o %T
}

# background COMMAND...: a step that says when it is there; $! is srun's pid.
background() {
	rm -f "$D/step.out"
	# shellcheck disable=SC2086
	$launcher srun -w "$node" -J test-step "$@" > "$D/step.out" 2>&1 &
	local tries=0
	while ! grep -qs ready "$D/step.out"; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { echo "the step says: $(cat "$D/step.out")" && break; }
		sleep 0.05
	done
}

cancelled() {
	background sh -c 'echo ready; exec sleep 60'
	scancel -n test-step
	wait $!
	echo "srun: $?"
	cat "$D/step.out"
}

signalled() {
	background sh -c 'trap "echo came; exit 4" USR1; echo ready; while :; do sleep 0.1; done'
	scancel -s USR1 -n test-step
	wait $!
	echo "srun: $?"
	cat "$D/step.out"
}

# The time that a counting program has been stopped for is seen in what it counts.
suspended() {
	local job before after
	background sh -c 'echo ready; n=0; while :; do n=$((n + 1)); echo $n > '"$D/count"'; sleep 0.05; done'
	job=$(squeue -h -n test-step -o %A)
	scontrol suspend "$job"
	sleep 0.3
	before=$(cat "$D/count")
	sleep 0.5
	after=$(cat "$D/count")
	[ "$before" = "$after" ] && echo suspended
	scontrol resume "$job"
	for _ in $(seq 40); do
		[ "$(cat "$D/count")" != "$after" ] && echo resumed && break
		sleep 0.1
	done
	scancel "$job"
	wait $!
	echo "srun: $?"
}

mpi() {
	run --mpi="$1" -n 2 "$OUT/mpi.$2"
}

mpi_build() {
	local library
	for library in mpich openmpi; do
		[ "$OUT/mpi.$library" -nt "$TESTS/apps/mpi.c" ] ||
			mpicc.$library -O2 -Wall -Wextra -o "$OUT/mpi.$library" "$TESTS/apps/mpi.c" || return
	done
}

hpcc_two() {
	mkdir -p "$D/hpcc.$node"
	sed -e 's/^1000  *Ns/200 Ns/; s/^2  *Ps/1 Ps/; s/^2  *Qs/2 Qs/' \
		/usr/share/doc/hpcc/examples/_hpccinf.txt > "$D/hpcc.$node/hpccinf.txt"
	(cd "$D/hpcc.$node" && CASE_SECONDS=60 && run --mpi=pmix -n 2 hpcc)
	cp "$D/hpcc.$node/hpccoutf.txt" "$OUT/hpcc.$node.txt"
	grep -E '^(Success=|.*(passed|failed)|.*_Errors=)' "$D/hpcc.$node/hpccoutf.txt" | grep -v '^WALL\|^CPU'
}

[ "$(id -u)" = 0 ] || { ring_skip slurm 'needs root'; ring_end slurm; exit; }
for tool in /usr/sbin/slurmctld /usr/sbin/slurmd /usr/sbin/munged "$PLUGINS/lwvmm_spank.so"; do
	[ -e "$tool" ] || { ring_skip slurm "$tool is not there: run tools/install-deps.sh test"; ring_end slurm; exit; }
done
chmod 755 "$D"
host_state_save
trap end EXIT
trap 'exit 1' INT TERM
mkdir -p "$D/guests" "$D/bin"
# Where every user reaches them.
cp "$LWVMM" "$PLUGINS/lwvmm-task" "$PLUGINS/lwvmm_spank.so" "$D/bin" || exit
LWVMM=$D/bin/$(basename "$LWVMM") PLUGINS=$D/bin
printf 'cores = %s\nmem = 1G\n' "$CORES" > "$D/guests/v01.conf"
export LWVMM_CONFIG_DIR="$D/guests"
nodes="NodeName=n01 $cluster_place$((cluster_port + 1)) CPUs=2
$("$LWVMM" slurm-conf v01 | sed -n 1p | cluster_node $((cluster_port + 2)))"
if ! mpi_build > "$OUT/build.log" 2>&1; then
	ring_not_ok slurm "the MPI programs cannot be built: see $OUT/build.log"
elif ! cluster_start "$nodes" > "$OUT/cluster.log" 2>&1; then
	ring_not_ok slurm "the daemons do not start: see $OUT/cluster.log, $OUT/slurm*.log"
elif ! guest_start; then
	ring_not_ok slurm "no guest: $(tail -n 1 "$OUT/guest.err")"
else
	must='two  words' both slurm-plain plain
	must='Terminated' both slurm-cancel cancelled
	must=came both slurm-signal signalled
	must=resumed both slurm-suspend suspended
	must='step: 3' both slurm-batch batch
	must=65534 both slurm-other-user other_user
	says slurm-two-users "lwvmm: guest v01: is another user's (65534 nobody): only its owner may use it
lwvmm: guest v01: is another user's (65534 nobody): only its owner may use it
0
again" host_run two_users
	says slurm-chosen '65534
guest
nobody 640
again' host_run chosen_by_user
	says slurm-stale 'user 65534 nobody has it, for job 4711: wait for its end
again' host_run stale
	says slurm-closed-folder guest host_run closed_folder
	says slurm-killed-account 'little on the host
status 143
much in the guest
status 137
much in the guest' host_run killed_has_account
	says slurm-guest-dies 'status 125
1
idle
again' host_run guest_dies
	says slurm-slurmd-dies 'status 6
again' host_run slurmd_dies
	allocate
	must='1: 1 1 2' both slurm-two-tasks two_tasks
	must='hello there' both slurm-surroundings surroundings
	must=SLURM_STEP both slurm-environment environment
	must='exit code 7' both slurm-status status
	must='bad interpreter' both slurm-not-executed not_executed
	must='Segmentation' both slurm-segv died SEGV
	must='Killed' both slurm-kill died KILL
	must='status 0' both slurm-input input
	must=err both slurm-outputs outputs
	must='status 0' both slurm-pty terminal
	must='More processors' both slurm-too-many too_many
	must='^3$' both slurm-overcommit over_committed
	node=v01
	says slurm-account 'status 3
its time' accounted
	says slurm-multi-prog 'lwvmm: guest v01: --multi-prog
ran by wish' multi_prog
	says slurm-bound '0: Cpus_allowed_list:	0
1: Cpus_allowed_list:	1' bound
	says slurm-bound-map '0: Cpus_allowed_list:	1
1: Cpus_allowed_list:	0' bound --cpu-bind=map_cpu:1,0
	says slurm-bound-mask '0: Cpus_allowed_list:	0-1
1: Cpus_allowed_list:	1' bound --cpu-bind=mask_cpu:0x3,0x2
	says slurm-unbound '0: Cpus_allowed_list:	0-1
1: Cpus_allowed_list:	0-1' bound --cpu-bind=none
	says slurm-placed 'v01: guest
v01 off: host
n01: host
n01 v01: guest
lwvmm: guest other: no such guest: these run: v01
1' placed
	says slurm-plugin-missing 'status 1, allocated: /does/not/exist.so: Dlopen of plugin file failed
status 0, allocated: launch failed: Plugin initialization failed
again' host_run plugin_missing
	says slurm-plugin-version 'status 1, allocated: other.so: Incompatible plugin version
status 0, allocated: launch failed: Plugin initialization failed
again' host_run plugin_version
	must='2 ranks' both slurm-mpich mpi pmi2 mpich
	must='2 ranks' both slurm-openmpi mpi pmix openmpi
	must='Success=1' both slurm-hpcc hpcc_two
	says slurm-growth 'as before' growth
	says slurm-not-running 'status 125
lwvmm: guest v01: is not running: lwvmm start v01
allocated
again' host_run not_running
fi
end
host_state_check
ring_end slurm
