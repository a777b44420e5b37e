# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# What programs see of the machine is the guest's: a test program, libnuma, hwloc and Debian's own tools, for
# plans that the machine itself does not have; and what a killed guest leaves of it.

# The last of CORES: one core where the host shows more.
one_core() {
	echo "${CORES##*[-,]}"
}

# seen_by OPTIONS -- PROGRAM...: what it prints, without figures of memory.
seen_by() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" run "$@" | sed -e 's/ memory [0-9 ]*[0-9]//'
}

# How many megabytes of 512 two nodes have between them, in steps of 64.
memory_seen() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" run --cores "$CORES" --numa 2 --mem 512M -- \
		"$1" | sed -e 's/.* memory //' |
		awk '{ print int(($1 + ($2 == "of" ? 0 : $2)) / 64) * 64 }'
}

# Debian's own, where it is installed.
tool_seen() {
	local pattern=$1
	shift
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" run "$@" | grep -oE "$pattern" | tr -s ' \n' ' '
}

views_left() {
	find /dev/shm/lwvmm -maxdepth 1 -name 'view-*' | wc -l
}

# A guest whose program has looked, in the background: $! is its proxy.
view_hold() {
	rm -f "$OUT/hold.out"
	"$LWVMM" run --cores "$CORES" --mem 256M -- "$view" hold > "$OUT/hold.out" 2> "$OUT/command.err" &
	wait_for_line "$OUT/hold.out" cpus
}

# The proxy is killed, then the VMM as well: the next lwvmm cleans up.
kill_view() {
	local left
	wanted view-killed || return 0
	view_hold
	left=$(views_left)
	# shellcheck disable=SC2046
	kill -s KILL $(tagged_processes)
	end_of $! 2> /dev/null
	left="$left $(views_left)"
	"$LWVMM" check > "$OUT/check.out" 2>&1
	grep -q 'of killed guests' "$OUT/check.out" && left="$left named"
	"$LWVMM" check --repair > "$OUT/check.out" 2>&1
	expect view-killed 0 0 "$left $(views_left)" '1 1 named 0'
}

# The VMM alone is killed: the proxy gives the view back.
kill_vmm_view() {
	local left
	wanted view-vmm-killed || return 0
	view_hold
	left=$(views_left)
	# shellcheck disable=SC2046
	kill -s KILL $(vmm_of $!)
	end_of $! 2> /dev/null
	expect view-vmm-killed $? 125 "$left $(views_left)" '1 0'
	"$LWVMM" check --repair > "$OUT/check.out" 2>&1 # what it wrote down of the pools
}

run_views() {
	local view numa hwloc
	program_build view static && program_build view_numa numa && program_build view_hwloc hwloc || return
	view=$(program_path view static)
	numa=$(program_path view_numa numa)
	hwloc=$(program_path view_hwloc hwloc)
	check view-one-core 0 'cpus 1 nodes 1 node0=0' \
		seen_by --cores "$(one_core)" --mem 256M -- "$view" facts
	check view-two-nodes 0 'cpus 2 nodes 2 node0=0 node1=1' \
		seen_by --cores "$CORES" --numa 2 --mem 256M -- "$view" facts
	check view-libnuma 0 'cpus 2 nodes 2 of 0 1 distance 20' \
		seen_by --cores "$CORES" --numa 2 --mem 256M -- "$numa"
	check view-hwloc 0 'packages 1 cores 2 cpus 2 nodes 2 pci 0' \
		seen_by --cores "$CORES" --numa 2 --mem 256M -- "$hwloc"
	check view-hwloc-one 0 'packages 1 cores 1 cpus 1 nodes 1 pci 0' \
		seen_by --cores "$(one_core)" --mem 256M -- "$hwloc"
	check view-libnuma-memory 0 448 memory_seen "$numa"
	check view-hwloc-memory 0 448 memory_seen "$hwloc"
	if command -v lstopo-no-graphics numactl nproc free > /dev/null; then
		check view-nproc 0 1 seen_by --cores "$(one_core)" --mem 256M -- nproc
		check view-numactl 0 'node 0 cpus: 0 node 1 cpus: 1 ' tool_seen 'node . cpus:.*' \
			--cores "$CORES" --numa 2 --mem 256M -- numactl -H
		check view-lstopo 0 'NUMANode L#0 (P#0 NUMANode L#1 (P#1 ' tool_seen 'NUMANode L#. .P#.' \
			--cores "$CORES" --numa 2 --mem 256M -- lstopo-no-graphics --of console
		check view-lscpu 0 'NUMA node(s): 2 ' tool_seen 'NUMA node.s.:.*' \
			--cores "$CORES" --numa 2 --mem 256M -- lscpu
	fi
	kill_view
	kill_vmm_view
}
