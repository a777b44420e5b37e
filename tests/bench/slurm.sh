# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The part of bench.sh with Slurm: what a step costs that does nothing, natively and in a guest.
#   SLURM_STEPS  steps of each [20]
# shellcheck disable=SC2154 # cores, lwvmm, here, starts and out are bench.sh's

D=
. tests/slurm_cluster.sh

slurm_begin() {
	D=$(mktemp -d /tmp/lwvmm-slurm-XXXXXX)
	mkdir -p "$D/guests"
	LWVMM=$PWD/$lwvmm
	[ "${lwvmm#/}" = "$lwvmm" ] || LWVMM=$lwvmm
	PLUGINS=$(dirname "$LWVMM")/integrations/slurm
	printf 'cores = %s\nmem = 256M\n' "$cores" > "$D/guests/v01.conf"
	cluster_start "NodeName=n01 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((cluster_port + 1)) CPUs=2
NodeName=v01 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((cluster_port + 2)) CPUs=2" > "$out/slurm.log" 2>&1 &&
		"$lwvmm" start v01 2>> "$out/slurm.log"
}

slurm_undo() {
	[ -n "$D" ] || return 0
	"$lwvmm" stop v01 2>> "$out/slurm.log"
	cluster_stop
	rm -rf "$D"
	D=
	unset SLURM_CONF LWVMM_CONFIG_DIR
}

# slurm_step NODE: its milliseconds, within an allocation: what Slurm takes to schedule a job is not ours.
slurm_step() {
	local begin
	begin=$(date +%s%N)
	srun --jobid "$(cat "$D/job.$1")" true 2>> "$out/slurm.log" &&
		echo $((($(date +%s%N) - begin) / 1000)) >> "$out/slurm.$1"
}

part_slurm() {
	local node n steps=${SLURM_STEPS:-20} guest native
	[ -x /usr/sbin/slurmctld ] || { say; say "slurm: not installed"; return; }
	slurm_begin || { sorry "slurm: the cluster or its guest does not start: see $out/slurm.log"; slurm_undo; return; }
	for node in n01 v01; do
		salloc -Q --no-shell -w $node -n 2 -J $node 2>> "$out/slurm.log"
		squeue -h -n $node -o %A > "$D/job.$node"
		: > "$out/slurm.$node"
	done
	for ((n = 0; n < steps; n++)); do
		slurm_step n01 && slurm_step v01 || { sorry "slurm: step $n: see $out/slurm.log"; break; }
	done
	slurm_undo
	guest=$(median < "$out/slurm.v01") native=$(median < "$out/slurm.n01")
	say
	printf '%-28s %5s %12s %12s %7s\n' "Step of srun (median, ms)" steps guest native ratio
	printf '%-28s %5s %12s %12s %7s\n' "srun true" "$n" "$(awk "BEGIN { print $guest / 1000 }")" \
		"$(awk "BEGIN { print $native / 1000 }")" "$(awk "BEGIN { printf \"%.2f\", $guest / $native }")"
}
