#!/bin/sh
# SPDX-License-Identifier: MIT
# capture.sh [ROOT]: what lwvmm reads of this host, as a tree for tests/numa/NAME.tree (PATH:LINE, as grep -H
# prints it). Look through it before you give it away: it names your control groups.
cd "${1:-/}" || exit 1
for file in sys/devices/system/cpu/present sys/devices/system/cpu/online sys/devices/system/cpu/isolated \
	sys/devices/system/cpu/nohz_full \
	sys/devices/system/cpu/cpu[0-9]*/topology/physical_package_id \
	sys/devices/system/cpu/cpu[0-9]*/topology/core_id \
	sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list \
	sys/devices/system/node/possible sys/devices/system/node/online \
	sys/devices/system/node/node[0-9]*/cpulist sys/devices/system/node/node[0-9]*/distance \
	sys/devices/system/node/node[0-9]*/meminfo \
	sys/devices/system/node/node[0-9]*/hugepages/*/*_hugepages \
	sys/kernel/mm/hugepages/*/resv_hugepages \
	proc/meminfo proc/self/cgroup proc/self/limits; do
	grep -sH '' "$file" | sed 's|^|/|'
done
grep -sHE 'allowed_list' proc/self/status | sed 's|^|/|'
grep -sHm1 '^flags' proc/cpuinfo | sed 's|^|/|'
[ -e dev/kvm ] && echo /dev/kvm:
exit 0
