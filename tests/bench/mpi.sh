# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The parts of bench.sh with MPI: mpi (the start of a job of two ranks, PingPong) and hpcc.
#   HPCC_N  the order of HPL's matrix [8000]      HPCC_PAIRS  pairs of runs [2]
#   MPI_STARTS  starts of a job [5]
# shellcheck disable=SC2154 # cores, lwvmm, here and out are bench.sh's

mpi_guest=bench-mpi-$$
mpi_runs=
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# mpi_begin MEM: a guest for what follows. mpi_end: its account is in $out/mpi.json.
mpi_begin() {
	"$lwvmm" run --name "$mpi_guest" --detach --cores "$cores" --mem "$1" --json "$PWD/$out/mpi.json" \
		2> "$out/guest.err" || { sorry "mpi: no guest: $(tail -n 1 "$out/guest.err")"; return 1; }
	mpi_runs=yes
}

mpi_end() {
	"$lwvmm" stop "$mpi_guest" 2>> "$out/guest.err"
	mpi_runs=
}

# bench.sh was interrupted.
mpi_undo() {
	[ -z "$mpi_runs" ] || mpi_end
}

# mpi_job SIDE LIBRARY PROGRAM...: two ranks, each on a core of its own.
mpi_job() {
	local side=$1 library=$2 word=()
	shift 2
	case $library in
	mpich) word=(mpiexec.mpich -n 2) ;;
	openmpi) word=(mpirun.openmpi --host localhost:2 --bind-to none -n 2) ;;
	esac
	if [ "$side" = guest ]; then
		word+=("$lwvmm" exec "$mpi_guest" --)
	else
		# A core of the list for each rank, as in the guest.
		# shellcheck disable=SC2016
		word=(taskset -c "$cores" "${word[@]}" sh -c 'rank=${MPI_LOCALRANKID:-$OMPI_COMM_WORLD_LOCAL_RANK}
core=$(taskset -pc $$ | sed "s/.*: //" | awk -F, -v rank="$rank" "{ n = 0
	for (i = 1; i <= NF; i++) { split(\$i, part, \"-\"); last = part[2] == \"\" ? part[1] : part[2]
		for (c = part[1]; c <= last; c++) if (n++ == rank) print c } }")
exec taskset -c "$core" "$@"' sh)
	fi
	"${word[@]}" "$@"
}

mpi_programs() {
	local library
	for library in mpich openmpi; do
		mpicc.$library -O2 -o "$out/mpi.$library" tests/apps/mpi.c 2> "$out/gcc.log" ||
			{ sorry "mpi: tests/apps/mpi.c does not build with $library: see $out/gcc.log"; return 1; }
	done
}

# Exits and forwarded calls of the guest's whole life, by job.
mpi_account() {
	python3 - "$out/mpi.json" "$1" << 'EOF'
import json, sys
account, jobs = json.load(open(sys.argv[1])), int(sys.argv[2])
exits = sum(sum(v["exits"].values()) for v in account["vcpus"])
kvm = sum(v["kvm"]["guest_exits"] for v in account["vcpus"] if v["kvm"])
calls = {c["name"]: c["count"] for c in account["calls"]}
most = sorted(calls.items(), key=lambda c: -c[1])[:6]
print(f"  a job in the guest: {kvm // jobs} exits by KVM's count, {exits // jobs} to the VMM, "
      f"{sum(calls.values()) // jobs} forwarded calls:", ", ".join(f"{n} {c // jobs}" for n, c in most))
EOF
}

mpi_start_row() {
	local library=$1 side i begin
	for side in native guest; do
		: > "$out/mpi.$library.$side"
	done
	mpi_begin 2G || return
	for ((i = 0; i < ${MPI_STARTS:-5}; i++)); do
		for side in native guest; do
			begin=$(date +%s%N)
			mpi_job $side "$library" "$PWD/$out/mpi.$library" none > "$out/$side.out" 2> "$out/$side.err" ||
				{ sorry "mpi: $library, $side: $(tail -n 1 "$out/$side.err")"; continue; }
			echo $((($(date +%s%N) - begin) / 10000)) >> "$out/mpi.$library.$side"
		done
	done
	mpi_end
	printf '%-28s %5s %12s %12s\n' "MPI hello, $library" "$i" \
		"$(median < "$out/mpi.$library.guest" | awk '{ print $1 / 100 }')" \
		"$(median < "$out/mpi.$library.native" | awk '{ print $1 / 100 }')"
	mpi_account "$i"
}

# Half a round trip; the best of seven rounds each time, of three runs.
mpi_pingpong() {
	local library=$1 side i
	mpi_begin 2G || return
	for side in native guest; do
		: > "$out/pingpong.$side"
	done
	for i in 1 2 3; do
		for side in native guest; do
			mpi_job $side "$library" "$PWD/$out/mpi.$library" pingpong >> "$out/pingpong.$side" \
				2> "$out/$side.err" || sorry "PingPong, $library, $side: $(tail -n 1 "$out/$side.err")"
		done
	done
	mpi_end
	printf '\nPingPong, %-18s %12s %12s %9s\n' "$library" "guest us" "native us" ratio
	awk 'NR == FNR { if (!($1 in n) || $2 < n[$1]) n[$1] = $2; next }
		{ if (!($1 in g)) order[++k] = $1; if (!($1 in g) || $2 < g[$1]) g[$1] = $2 }
		END { for (i = 1; i <= k; i++) { s = order[i]
			printf "  %-26s %12.3f %12.3f %9.2f\n", s " bytes", g[s], n[s], n[s] / g[s] } }' \
		"$out/pingpong.native" "$out/pingpong.guest"
}

mpi_there() {
	command -v mpiexec.mpich mpirun.openmpi hpcc > /dev/null ||
		{ sorry "$1: MPICH, Open MPI or HPCC is not installed: tools/install-deps.sh test"; false; }
}

part_mpi() {
	local library
	mpi_there mpi || return
	mpi_programs || return
	say
	printf '%-28s %5s %12s %12s\n' "Start of two ranks, ms" jobs guest native
	for library in mpich openmpi; do
		mpi_start_row $library
	done
	for library in mpich openmpi; do
		mpi_pingpong $library
	done
}

# hpcc_row WORDS KEY: means of the pairs; the ratio is above 1 where the guest does better.
hpcc_row() {
	local what=$1 key=$2 side mean=()
	for side in guest native users; do
		mean+=("$(sed -n "s/^$key=//p" "$out/hpcc.$side" | awk '{ s += $1 } END { if (NR) print s / NR }')")
	done
	case $key in *_usec) set -- -1 ;; *) set -- 1 ;; esac
	awk -v name="$what" -v g="${mean[0]}" -v n="${mean[1]}" -v u="${mean[2]}" -v sign="$1" 'BEGIN {
		if (g > 0 && n > 0 && u > 0)
			printf "  %-30s %12.6g %12.6g %8.3f %12.6g %8.3f\n", name, g, n, (g / n) ^ sign, u, (g / u) ^ sign
		else
			printf "  %-30s not measured\n", name }'
}

# hpcc_run SIDE: adds its results to hpcc.SIDE. native has 2 MiB pages; users is native as users get it. On a
# software KVM messages must do without system calls (docs/howto-mpi.md), in the guest and natively.
hpcc_run() {
	local side=$1 dir=$out/hpcc.$1.dir copies=none
	if [ "$side" = users ] || grep -qwE 'vmx|svm' /proc/cpuinfo; then copies=cma; fi
	rm -rf "$dir"
	mkdir -p "$dir"
	sed -e "s/^1000  *Ns/${HPCC_N:-8000} Ns/; s/^2  *Ps/1 Ps/" \
		/usr/share/doc/hpcc/examples/_hpccinf.txt > "$dir/hpccinf.txt"
	[ "$side" != native ] || thp_always
	(lwvmm=$(realpath "$lwvmm") && cd "$dir" &&
		OPENBLAS_NUM_THREADS=1 OMPI_MCA_btl_vader_single_copy_mechanism=$copies mpi_job "$side" openmpi hpcc) > "$out/$side.out" 2> "$out/$side.err"
	thp_restore
	grep -qs '^Success=1' "$dir/hpccoutf.txt" ||
		{ sorry "hpcc, $side: $(tail -n 1 "$out/$side.err")"; return 1; }
	grep '=' "$dir/hpccoutf.txt" >> "$out/hpcc.$side"
}

part_hpcc() {
	local side i
	mpi_there hpcc || return
	for side in guest native users; do
		: > "$out/hpcc.$side"
	done
	mpi_begin 6G || return
	for ((i = 0; i < ${HPCC_PAIRS:-2}; i++)); do
		for side in native guest users; do
			hpcc_run $side || { mpi_end; return; }
		done
	done
	mpi_end
	say
	printf '%-32s %12s %12s %8s %12s %8s\n' "HPCC, 2 ranks, N ${HPCC_N:-8000}, $i runs" guest "native 2 MiB" ratio \
		"as users get" ratio
	hpcc_row "HPL, Tflop/s" HPL_Tflops
	hpcc_row "DGEMM (star), Gflop/s" StarDGEMM_Gflops
	hpcc_row "STREAM triad (star), GB/s" StarSTREAM_Triad
	hpcc_row "RandomAccess (single), GUP/s" SingleRandomAccess_GUPs
	hpcc_row "RandomAccess (star), GUP/s" StarRandomAccess_GUPs
	hpcc_row "RandomAccess (MPI), GUP/s" MPIRandomAccess_GUPs
	hpcc_row "PTRANS, GB/s" PTRANS_GBs
	hpcc_row "FFT (MPI), Gflop/s" MPIFFT_Gflops
	hpcc_row "PingPong latency, us" AvgPingPongLatency_usec
	hpcc_row "PingPong bandwidth, GB/s" AvgPingPongBandwidth_GBytes
}
