# SPDX-License-Identifier: MIT
# shellcheck shell=dash disable=SC2086
# A host that is not ready: no KVM, no permission, exhausted pools, limits. Most of it is arranged in a mount
# namespace of its own or a control group made for the purpose, so that the machine stays as it is.

# By its path: the lab's busybox has a setpriv of its own.
as_nobody="$(command -v setpriv) --reuid 65534 --regid 65534 --clear-groups"

# in_namespace COMMANDS WORDS...: runs WORDS after COMMANDS in a mount namespace of its own.
in_namespace() {
	local commands=$1
	shift
	bounded unshare -m sh -c "mount --make-rprivate / && $commands && exec \"\$@\"" sh "$@"
}

# A /dev/kvm for everybody, for those who must fail on something else.
open_kvm="mknod '$OUT/kvm-node' c 10 232 && chmod 666 '$OUT/kvm-node' && mount --bind '$OUT/kvm-node' /dev/kvm"

# refused_limited NAME LIMIT...: with a limit of the shell.
refused_limited() {
	local name=$1
	shift
	refused "$name" 125 bounded sh -c "ulimit $* && exec \"\$@\"" sh "$LWVMM" run --cores "$ONE_CORE" --mem 256M -- \
		"$hello"
}

run_kvm_absent() {
	refused kvm-absent 125 in_namespace 'mount -t tmpfs none /dev && : > /dev/null' \
		"$LWVMM" run --cores "$ONE_CORE" --mem 256M -- "$hello"
	refused kvm-not-kvm 125 in_namespace 'mount --bind /dev/null /dev/kvm' \
		"$LWVMM" run --cores "$ONE_CORE" --mem 256M -- "$hello"
	refused kvm-no-permission 125 in_namespace 'chmod 600 /dev/kvm' \
		$as_nobody "$LWVMM" run --cores "$ONE_CORE" --mem 256M -- "$hello"
}

# Nobody may not grow a pool, and there is not that much to take from.
run_pool_short() {
	local size mem=1
	for size in 2M 1G; do
		[ $size = 2M ] || mem=$(($(cat /sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages) + 1))
		refused "pool-exhausted-$size" 125 in_namespace "rm -f '$OUT/kvm-node'; $open_kvm" \
			$as_nobody "$LWVMM" run --cores "$ONE_CORE" --mem ${mem}G --page $size -- "$hello"
	done
	refused pool-too-large 125 bounded "$LWVMM" run --cores "$ONE_CORE" --page 1G --mem \
		"$(($(awk '/^MemTotal/ { print $2 }' /proc/meminfo) / 1048576 - 1))G" -- "$hello"
}

# The guest of a user who is not root, where the administrator lets him: ordinary pages and all.
run_as_nobody() {
	local seen
	wanted as-nobody || return 0
	cp "$(program_path tool static)" "$OUT/nobody-tool"
	seen=$(in_namespace "rm -f '$OUT/kvm-node'; $open_kvm" $as_nobody \
		"$LWVMM" run --cores "$ONE_CORE" --mem 128M -- "$OUT/nobody-tool" exit 11 \
		2> "$OUT/command.err")
	expect as-nobody $? 11 "$seen" ''
}

run_limits() {
	refused_limited limit-files -n 6
	refused_limited limit-address-space -v 200000
}

# A control group with less memory than the guest wants, in whichever hierarchy has the controller.
run_cgroup() {
	local group file
	wanted cgroup-memory || return 0
	if [ -d /sys/fs/cgroup/memory ]; then
		group=/sys/fs/cgroup/memory/lwvmm-test-$$ file=memory.limit_in_bytes
	else
		group=/sys/fs/cgroup/lwvmm-test-$$ file=memory.max
		echo +memory > /sys/fs/cgroup/cgroup.subtree_control 2> /dev/null
	fi
	if ! mkdir "$group" || ! echo $((128 << 20)) > "$group/$file"; then
		ring_skip cgroup-memory "no memory controller that lets us"
		return
	fi
	refused cgroup-memory 125 bounded sh -c "echo \$\$ > '$group/cgroup.procs' && exec \"\$@\"" sh \
		"$LWVMM" run --cores "$ONE_CORE" --mem 512M --page 4K -- "$hello"
	rmdir "$group"
}

# A guest that may not be read, but could be executed: not even root's guest, when its user is nobody.
run_unreadable() {
	wanted guest-unreadable || return 0
	cp "$hello" "$OUT/unreadable"
	chmod 000 "$OUT/unreadable"
	refused guest-unreadable 126 in_namespace "rm -f '$OUT/kvm-node'; $open_kvm" \
		$as_nobody "$LWVMM" run --cores "$ONE_CORE" --mem 128M -- "$OUT/unreadable"
	rm -f "$OUT/unreadable"
}

run_bad_host() {
	local hello
	if [ "$(id -u)" != 0 ]; then
		ring_skip bad-host "needs root, to take things away from a guest's user"
		return
	fi
	program_build hello static && program_build tool static || return
	hello=$(program_path hello static)
	run_kvm_absent
	run_pool_short
	run_as_nobody
	run_limits
	run_cgroup
	run_unreadable
	rm -f "$OUT/kvm-node" "$OUT/nobody-tool"
}
