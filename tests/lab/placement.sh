# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# placement.sh MEM PAGE: runs in the lab. A guest of 4 cores of both nodes fills its memory; meanwhile the host
# says, page by page, on which node all of it lies (/proc/PID/numa_maps of the VMM). Each extent must be bound to
# a node and have all its pages there, each node as much memory as the other. Prints the report; keeps it in /out.
rm -f /tmp/ram.out # of the case before
lwvmm run --cores 2-3,6-7 --mem "$1" --page "$2" --commit request ram "$1" 50 > /tmp/ram.out 2>&1 &
pid=$!
until grep -qs pieces /tmp/ram.out || ! kill -0 $pid 2> /dev/null; do sleep 0.1; done
read -r vmm _ < /dev/shm/lwvmm/core-2
grep 'file=/memfd:lwvmm' "/proc/$vmm/numa_maps" | grep -v 'lwvmm-share' > "/out/placement-$2.numa_maps"
kill -s TERM $pid
wait $pid
status=$?
cat /tmp/ram.out "/out/placement-$2.numa_maps"
[ $status = 143 ] || exit 1
# bind:NODE, NODE's pages and no other's.
awk '{
	bound = pages = node = ""
	for (i = 2; i <= NF; i++) {
		if ($i ~ /^bind[^:]*:/) { bound = $i; sub(/.*:/, "", bound) }
		if ($i ~ /^N[0-9]+=/) {
			if (node != "") { print "an extent on two nodes: " $0; bad = 1 }
			split(substr($i, 2), part, "=")
			node = part[1]; pages = part[2]
		}
		if ($i ~ /^kernelpagesize_kB=/) { kib = substr($i, 19) }
	}
	if (node == "" || node != bound) { print "an extent bound to " bound ", on " node ": " $0; bad = 1 }
	mib[node] += pages * kib / 1024
	print "extent at hva " $1 ": bound to node " bound ", " pages " pages of " kib " KiB on node " node
}
END {
	for (n in mib) { print "node " n ": " mib[n] " MiB"; nodes++ }
	exit bad || nodes != 2
}' "/out/placement-$2.numa_maps"
