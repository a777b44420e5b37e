# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Real programs, as Debian has them, natively and in one guest: the results must be the same. LAMMPS, GROMACS,
# NumPy, HPCC, and MPI ranks of MPICH and Open MPI in the guest.

apps_name=apps-$$
apps_packages='/usr/bin/lmp /usr/bin/gmx /usr/bin/hpcc /usr/bin/mpiexec.mpich /usr/bin/mpirun.openmpi'
# So far as these refuse root, or count the host's cores.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

apps_start() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" run --name "$apps_name" --detach --cores "$CORES" --mem 3G \
		2> "$OUT/command.err"
}

apps_stop() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" stop "$apps_name" 2> "$OUT/command.err"
}

# The launcher of each library, for N ranks on this host; where they are more than the cores they yield.
ranks() {
	case $1$2 in
	mpich*) echo "mpiexec.mpich -n $2" ;;
	openmpi2) echo "mpirun.openmpi --host localhost:2 --bind-to none -n 2" ;;
	openmpi*) echo "mpirun.openmpi --host localhost:$2 --bind-to none --mca mpi_yield_when_idle 1 -n $2" ;;
	esac
}

# app_run PLACE WORDS...: the word @ stands where the program begins: in the guest lwvmm exec comes there.
app_run() {
	local place=$1 left
	shift
	left=$#
	while [ $left -gt 0 ]; do
		if [ "$1" != @ ]; then
			set -- "$@" "$1"
		elif [ "$place" = guest ]; then
			set -- "$@" "$LWVMM" exec "$apps_name" --
		fi
		shift
		left=$((left - 1))
	done
	timeout -k 5 "$CASE_SECONDS" "$@"
}

app_why() {
	local native guest
	native=$(cat "$1.native/status")
	guest=$(cat "$1.guest/status")
	if [ "$native" != 0 ]; then
		echo "natively status $native: $(tail -n 1 "$1.native/err")"
	elif [ "$guest" != 0 ]; then
		echo "status $guest: $(grep -v ': note: ' "$1.guest/err" | tail -n 1)"
	elif [ ! -s "$1.native/seen" ]; then
		echo "nothing to compare: see $1.native"
	elif ! diff "$1.native/seen" "$1.guest/seen" > "$1.diff"; then
		echo "the results differ, first: $(sed -n 2p "$1.diff")"
	fi
}

# app NAME FILTER WORDS...: both, each in a folder of its own with what is in $app_files; FILTER makes of the
# output, or of files there, what must be the same.
app() {
	local name=$1 filter=$2 work=$OUT/work/app-$1 place why
	shift 2
	wanted "$name" || return 0
	for place in native guest; do
		rm -rf "$work.$place"
		mkdir -p "$work.$place"
		# shellcheck disable=SC2086
		[ -z "$app_files" ] || cp $app_files "$work.$place"
		(
			cd "$work.$place" || exit
			app_run $place "$@" > out 2> err < /dev/null
			echo $? > status
			"$filter" < out > seen 2>> err
		)
	done
	why=$(app_why "$work")
	if [ -z "$why" ]; then
		ring_ok "$name"
	else
		ring_not_ok "$name" "$why"
	fi
}

# The table of energies and pressures of a LAMMPS run.
lammps_table() {
	grep -E '^ +[0-9]+( +-?[0-9][0-9.e+-]*){4,} *$'
}

gromacs_result() {
	cat run.gro && gmx -quiet dump -e run.edr 2> /dev/null | tail -n +2
}

# HPCC's own checks of all its tests, but for times and rates.
hpcc_verdict() {
	grep -E '^(Success=|.*(passed|failed)|.*_Errors=)' hpccoutf.txt | grep -v '^WALL\|^CPU'
}

# hpcc_input N P Q: Debian's example, for other sizes.
hpcc_input() {
	sed -e "s/^1000  *Ns/$1 Ns/; s/^2  *Ps/$2 Ps/; s/^2  *Qs/$3 Qs/" \
		/usr/share/doc/hpcc/examples/_hpccinf.txt > "$OUT/apps/hpccinf.txt"
}

# A box of water.
gromacs_input() {
	local dir=$OUT/apps count
	[ ! -f "$dir/water.tpr" ] || return 0
	gmx -quiet solvate -cs spc216.gro -box 2 2 2 -o "$dir/water.gro" || return
	count=$(($(sed -n 2p "$dir/water.gro") / 3))
	printf '#include "oplsaa.ff/forcefield.itp"\n#include "oplsaa.ff/spc.itp"\n[ system ]\nwater\n' \
		> "$dir/water.top"
	printf '[ molecules ]\nSOL %d\n' "$count" >> "$dir/water.top"
	printf '%s\n' integrator=md dt=0.002 nsteps=100 nstenergy=20 coulombtype=PME rcoulomb=0.9 rvdw=0.9 \
		gen-vel=yes gen-temp=300 gen-seed=4711 > "$dir/water.mdp"
	gmx -quiet grompp -f "$dir/water.mdp" -c "$dir/water.gro" -p "$dir/water.top" -o "$dir/water.tpr" \
		-po "$dir/water.out.mdp" -maxwarn 3
}

# mpi.LIBRARY.lost: needs a library that is not there any more.
apps_lost_library() {
	local lib=$OUT/apps/liblwvmmlost.so
	[ ! -f "$OUT/apps/mpi.$1.lost" ] || return 0
	gcc -shared -o "$lib" -x c /dev/null &&
		mpicc."$1" -O2 -o "$OUT/apps/mpi.$1.lost" "$TESTS/apps/mpi.c" -Wl,--no-as-needed "$lib" &&
		rm "$lib"
}

apps_build() {
	local library
	mkdir -p "$OUT/apps"
	for library in mpich openmpi; do
		[ "$OUT/apps/mpi.$library" -nt "$TESTS/apps/mpi.c" ] ||
			mpicc.$library -O2 -Wall -Wextra -o "$OUT/apps/mpi.$library" "$TESTS/apps/mpi.c" || return
		apps_lost_library "$library" || return
	done
	gromacs_input
}

apps_serial() {
	local examples=/usr/share/lammps/examples
	app_files=
	app lammps-melt lammps_table @ lmp -log none -in $examples/melt/in.melt
	app lammps-lj lammps_table @ lmp -log none -in $examples/COUPLE/simple/in.lj
	app numpy cat env OPENBLAS_NUM_THREADS=2 @ /usr/bin/python3 -c 'import numpy as n
a = n.random.default_rng(3).random((500, 500))
print(n.linalg.norm(n.linalg.solve(a @ a.T + 500 * n.eye(500), a)).round(9))'
	# Pools, shared memory and locks of processes that fork() makes.
	app_files=$TESTS/apps/processes.py
	app python-processes cat @ /usr/bin/python3 processes.py
	app_files=$OUT/apps/water.tpr
	app gromacs gromacs_result @ gmx -quiet mdrun -s water.tpr -ntmpi 1 -ntomp 2 -reprod -pin off -deffnm run
	hpcc_input 400 1 1
	app_files=$OUT/apps/hpccinf.txt
	app hpcc hpcc_verdict @ hpcc
}

apps_ranks() {
	local library
	app_files=
	for library in mpich openmpi; do
		app mpi-$library-alone cat @ "$OUT/apps/mpi.$library"
		# shellcheck disable=SC2046
		app mpi-$library-2 cat $(ranks $library 2) @ "$OUT/apps/mpi.$library"
		# shellcheck disable=SC2046
		app mpi-$library-4 cat $(ranks $library 4) @ "$OUT/apps/mpi.$library"
	done
	# shellcheck disable=SC2046
	app lammps-2-ranks lammps_table $(ranks openmpi 2) @ lmp -log none -in /usr/share/lammps/examples/melt/in.melt
	hpcc_input 400 1 2
	app_files=$OUT/apps/hpccinf.txt
	# shellcheck disable=SC2046
	app hpcc-2-ranks hpcc_verdict $(ranks openmpi 2) @ hpcc
	# Small: each message between ranks that share a core is a switch or two (docs/howto-mpi.md).
	hpcc_input 60 2 2
	# shellcheck disable=SC2046
	app hpcc-4-ranks hpcc_verdict $(ranks openmpi 4) @ hpcc
}

# The short form: the launcher that fits; a guest that is gone afterwards.
short_form() {
	guest "$@" 2> "$OUT/command.err" && "$LWVMM" ps
}

# Until rank 0 has said so: starting takes its time where there are more threads than cores.
ranks_wait() {
	wait_for_line "$1" 'ok waiting' || wait_for_line "$1" 'ok waiting'
}

# killed_rank PLACE LIBRARY: the status of a job of which one rank is killed while all wait.
killed_rank() {
	local place=$1 library=$2 job dir=$OUT/work/app-killed-$2.$1
	rm -rf "$dir"
	mkdir -p "$dir"
	# shellcheck disable=SC2016,SC2046
	app_run "$place" $(ranks "$library" 2) sh -c 'echo $$ > "$0/pid"; exec "$@"' "$dir" @ \
		"$OUT/apps/mpi.$library" hang > "$dir/out" 2> "$dir/err" < /dev/null &
	job=$!
	ranks_wait "$dir/out" && kill -s KILL "$(cat "$dir/pid")"
	wait $job
	echo "$library: $?"
}

# lost_library PLACE LIBRARY: the status of a job whose program lacks a library, and what its ranks say.
lost_library() {
	local place=$1 library=$2 dir=$OUT/work/app-lost-$2.$1
	rm -rf "$dir"
	mkdir -p "$dir"
	# shellcheck disable=SC2046
	app_run "$place" $(ranks "$library" 2) @ "$OUT/apps/mpi.$library.lost" > "$dir/out" 2> "$dir/err" < /dev/null
	echo "$library: $?"
	grep -o -m 1 'error while loading shared libraries: .*' "$dir/err" "$dir/out" | sed 's/^[^:]*://'
}

# hold NUMBER MIB: takes so much memory in the guest, in the background; $! is its pid.
hold() {
	rm -f "$OUT/hold.$1"
	"$LWVMM" exec "$apps_name" -- "$tool" hold "$2" > "$OUT/hold.$1" 2> "$OUT/hold.$1.err" &
}

# Afterwards the guest serves, and has its memory.
killed_ranks_in_guest() {
	local pid
	killed_rank guest "$1"
	hold 1 2500
	pid=$!
	wait_for_line "$OUT/hold.1" ready && echo 'memory is back'
	kill $pid
	end_of $pid
}

# Two that want more than half of the memory at the same time: one has it, one is told.
race_for_memory() {
	local first second
	hold 1 1700
	first=$!
	hold 2 1700
	second=$!
	# One says "ready", the other "no memory".
	wait_for_line "$OUT/hold.1" e && wait_for_line "$OUT/hold.2" e
	kill $first $second 2> /dev/null
	end_of $first
	echo $? > "$OUT/hold"
	end_of $second
	echo $? >> "$OUT/hold"
	sort "$OUT/hold"
	sed 's/ .*[0-9].*//' "$OUT/hold.1" "$OUT/hold.2" | sort
}

# The guest dies under its ranks: they say so, the job ends (its status is the launcher's choice).
guest_killed() {
	local job err=$OUT/guest-killed.err
	rm -f "$OUT/guest-killed.out"
	# shellcheck disable=SC2046
	app_run guest $(ranks mpich 2) @ "$OUT/apps/mpi.mpich" hang > "$OUT/guest-killed.out" 2> "$err" &
	job=$!
	ranks_wait "$OUT/guest-killed.out" &&
		kill -s KILL "$(cat "$guests_dir/guest-$apps_name")"
	wait $job || echo 'the job failed'
	# The launcher may end the second one before it has said so.
	grep -o -m 1 '^lwvmm: guest ' "$err"
	"$LWVMM" check --repair > "$OUT/repair.out" 2>&1
	"$LWVMM" ps
}

apps_bad() {
	local library tool
	program_build tool static || return
	tool=$(program_path tool static)
	for library in mpich openmpi; do
		if wanted killed-rank-$library; then
			check killed-rank-$library 143 "$(killed_rank native $library)
memory is back" killed_ranks_in_guest $library
		fi
	done
	for library in mpich openmpi; do
		if wanted lost-library-$library; then
			check lost-library-$library 0 "$(lost_library native $library)" lost_library guest $library
		fi
	done
	check race-for-memory 0 '1
143
no memory
ready' race_for_memory
	check guest-killed 0 'the job failed
lwvmm: guest ' guest_killed
}

run_apps() {
	local program app_files
	for program in $apps_packages; do
		[ -x "$program" ] || { ring_skip apps "$program is not installed"; return; }
	done
	if ! apps_build > "$OUT/apps.log" 2>&1; then
		ring_not_ok apps "does not compile: see $OUT/apps.log"
		return
	fi
	check ranks-openmpi 0 'rank 0: CPU 0
rank 1: CPU 1' short_form --ranks 2 -- "$OUT/apps/mpi.openmpi" cpus
	check ranks-mpich 0 'rank 0: CPU 0
rank 1: CPU 1' short_form --ranks 2 -- "$OUT/apps/mpi.mpich" cpus
	check ranks-unbound 0 'rank 0: CPUs: 2
rank 1: CPUs: 2' short_form --ranks 2 --bind none -- "$OUT/apps/mpi.mpich" cpus
	apps_start || { ring_not_ok apps "no guest: $(tail -n 1 "$OUT/command.err")"; return; }
	apps_serial
	apps_ranks
	apps_bad
	apps_stop 2> /dev/null # where guest-killed was not asked for
}
