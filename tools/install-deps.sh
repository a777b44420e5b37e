#!/bin/bash
# SPDX-License-Identifier: MIT
# install-deps.sh GROUP...: installs what is missing of the Debian packages of the groups build, test,
# lab (or all); asks apt only when something is. 'update' fetches apt's lists anew.
set -euo pipefail

build="gcc libc6-dev binutils meson ninja-build pkg-config libfdt-dev libinih-dev check"
test="$build g++ gfortran python3-numpy libopenblas0-pthread clang libclang-rt-dev clang-format clang-tidy cppcheck shellcheck strace musl-tools procps util-linux numactl hwloc-nox libnuma-dev libhwloc-dev"
apps="mpich libmpich-dev openmpi-bin libopenmpi-dev hpcc lammps lammps-examples gromacs gromacs-data"
slurm="slurmctld slurmd slurm-client munge libslurm-dev"
lab="$build qemu-system-x86 busybox-static cpio kmod xz-utils musl-tools python3 numactl hwloc-nox util-linux"

as_root() {
	if [ "$(id -u)" = 0 ]; then
		DEBIAN_FRONTEND=noninteractive "$@"
	elif command -v sudo > /dev/null; then
		sudo DEBIAN_FRONTEND=noninteractive "$@"
	else
		echo "install-deps.sh: $* needs root: run it as root or install sudo" >&2
		return 1
	fi
}

missing() {
	local package
	for package in "$@"; do
		dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed ||
			echo "$package"
	done | sort -u
}

update() {
	as_root apt-get update -q
}

install() {
	local packages
	packages=$(missing "$@" | tr '\n' ' ')
	[ -n "$packages" ] || return 0
	echo "install-deps.sh: installing $packages"
	# Lists that are old or absent name files that are gone: then fetch them and try once more.
	# shellcheck disable=SC2086
	as_root apt-get install -q -y --no-install-recommends $packages ||
		{ update && as_root apt-get install -q -y --no-install-recommends $packages; }
}

# Debian starts a daemon when it is installed: not those, which the tests run by themselves. The administrator's
# own policy stays, where there is one.
without_services() {
	local policy=/usr/sbin/policy-rc.d made='' status=0
	if [ -n "$(missing $slurm)" ] && [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin $policy && made=1
	fi
	"$@" || status=$?
	[ -z "$made" ] || as_root rm -f $policy
	return $status
}

[ $# -gt 0 ] || { echo "usage: install-deps.sh build|test|lab|all|update..." >&2; exit 2; }
for group in "$@"; do
	case $group in
	build) install $build ;;
	test) install $test $apps && without_services install $slurm ;;
	lab)
		install $lab
		without_services install $slurm
		# The lab's kernel is downloaded, not installed: for that apt must know it.
		apt-cache show linux-image-amd64 > /dev/null 2>&1 || update
		;;
	all) install $build $test $apps $lab && without_services install $slurm ;;
	update) update ;;
	*) echo "install-deps.sh: $group: no such group: use build, test, lab, all or update" >&2; exit 2 ;;
	esac
done
