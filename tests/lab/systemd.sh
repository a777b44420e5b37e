#!/bin/dash
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# systemd.sh [PATTERN]: runs in the lab: the unit lwvmm@.service under a systemd that is first process of a PID, mount
# and cgroup namespace, with a journal, the unit, and targets that have nothing to wait for.
#   LWVMM  the binary      OUT  for results
cd "$(dirname "$0")/../.." || exit 1
pattern=${1:-*}
RING=lab
mkdir -p "$OUT" /etc/lwvmm
units=/run/lwvmm-units

. tests/ring.sh
. tests/host_state.sh

target() {
	printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$1" > "$units/$1.target"
	[ -z "$2" ] || printf 'Requires=%s\nAfter=%s\n' "$2" "$2" >> "$units/$1.target"
}

units_make() {
	local file
	mkdir -p "$units/sysinit.target.wants"
	target local-fs
	target shutdown
	target sysinit
	target basic sysinit.target
	target multi-user basic.target
	for file in systemd-journald.service systemd-journald.socket; do
		sed 's,=/lib/,=/usr/lib/,' "/usr/lib/systemd/system/$file" > "$units/$file"
		ln -s "../$file" "$units/sysinit.target.wants/"
	done
	sed "s,@bindir@,$(dirname "$LWVMM")," integrations/systemd/lwvmm@.service.in > "$units/lwvmm@.service"
	ln -s /usr/bin/systemd-tty-ask-password-agent /bin/
	echo 0123456789abcdef0123456789abcdef > /etc/machine-id
	echo 'root:x:0:' > /etc/group
	mkdir -p /var/log
	printf 'cores = 2-3\nmem = 256M\npage = 2M\nstats = yes\n' > /etc/lwvmm/v01.conf
}

# Its namespace's first process, so that whatever it has started goes with it.
systemd_start() {
	local tries=0
	mkdir -p /sys/fs/cgroup/systemd
	sh -c 'echo $$ > /sys/fs/cgroup/systemd/cgroup.procs
		exec /usr/bin/unshare --pid --mount --cgroup --fork dash -c "mount -t proc proc /proc
			umount /sys/fs/cgroup
			mount -t cgroup2 cgroup2 /sys/fs/cgroup
			exec env container=lab SYSTEMD_UNIT_PATH=$0 SYSTEMD_LOG_TARGET=console \
				/usr/lib/systemd/systemd --system --unit=multi-user.target"' "$units" \
		> "$OUT/systemd.log" 2>&1 < /dev/null &
	while :; do
		first=$(pidof systemd) && within systemctl is-active -q multi-user.target 2> "$OUT/systemctl.err" && break
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return
		sleep 0.2
	done
}

within() {
	timeout -k 5 "$CASE_SECONDS" /usr/bin/nsenter -t "$first" -p -m -C "$@"
}

end() {
	trap - EXIT INT TERM
	[ -z "$first" ] || kill -s KILL "$first"
	wait
	rm -rf "$units"
}

# state TEXT: when the unit has come to it, ten seconds; else what it is.
state() {
	local tries=0 now
	while now=$(within systemctl is-active lwvmm@v01) && [ "$now" != "$1" ] || [ "$now" != "$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 50 ] || break
		sleep 0.2
	done
	echo "unit: $now"
}

main_pid() {
	within systemctl show -P MainPID lwvmm@v01
}

guest_state() {
	within "$LWVMM" status v01 | cut -d, -f1
	within "$LWVMM" exec v01 -- /bin/busybox sh -c 'exit 7'
	echo "exec: $?"
}

vmm_pid() {
	within "$LWVMM" status v01 | sed -n 's/.* pid \([0-9]*\),.*/\1/p'
}

# The unit's main process is the guest's VMM. Lending restarts it: as often as jobs come.
starts() {
	within systemctl start lwvmm@v01
	echo "start: $?"
	state active
	guest_state
	[ "$(vmm_pid)" = "$(main_pid)" ] && echo 'the same process'
	within grep -c 'lwvmm@v01.service$' "/proc/$(main_pid)/cgroup"
	echo "start limit: $(within systemctl show -P StartLimitIntervalUSec lwvmm@v01)"
}

# What the VMM has to say is in the journal.
stops() {
	within systemctl stop lwvmm@v01
	echo "stop: $?"
	state inactive
	guest_state 2>&1
	within journalctl -q --no-pager -o cat -u lwvmm@v01 | grep -c 'vCPU . on core'
}

# A crash is a failed unit; the next start cleans up after it.
killed() {
	within systemctl start lwvmm@v01
	within sh -c 'kill -s KILL "$0"' "$(main_pid)"
	state failed
	within systemctl start lwvmm@v01
	echo "start: $?"
	state active
	guest_state
	within systemctl stop lwvmm@v01
	state inactive
}

as_user() {
	within setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}

# Lent to a user for job 1, as Slurm's plug-in does it, and taken back: each time the unit's, with a new process.
lent() {
	local first_pid
	within systemctl start lwvmm@v01
	first_pid=$(main_pid)
	within "$LWVMM" hand v01 65534:65534 --for 1
	echo "hand: $?"
	state active
	[ "$(vmm_pid)" = "$(main_pid)" ] && [ "$(main_pid)" != "$first_pid" ] && echo 'the new process'
	as_user "$LWVMM" exec v01 -- /bin/busybox id -u
	# The name too, where another part has given the lab a passwd.
	within "$LWVMM" exec v01 -- /bin/busybox true 2>&1 | sed 's/(65534 nobody)/(65534)/'
	within "$LWVMM" hand v01 --back --for 1
	echo "back: $?"
	state active
	[ "$(vmm_pid)" = "$(main_pid)" ] && echo 'the new process'
	guest_state
	within systemctl stop lwvmm@v01
	state inactive
}

for tool in /usr/lib/systemd/systemd /usr/lib/systemd/systemd-journald; do
	[ -x "$tool" ] || { ring_skip unit "$tool is not there"; ring_end "$RING"; exit; }
done
host_state_save
first=
trap end EXIT
units_make
if systemd_start; then
	says unit-starts 'start: 0
unit: active
v01: running
exec: 7
the same process
1
start limit: 0' starts
	says unit-stops 'stop: 0
unit: inactive
v01: not running: lwvmm start v01
lwvmm: guest v01: is not running: lwvmm start v01
exec: 125
2' stops
	says unit-killed 'unit: failed
start: 0
unit: active
v01: running
exec: 7
unit: inactive' killed
	says unit-lent "hand: 0
unit: active
the new process
65534
lwvmm: guest v01: is another user's (65534): only its owner may use it
back: 0
unit: active
the new process
v01: running
exec: 7
unit: inactive" lent
else
	ring_not_ok systemd "it does not start: $(tail -n 3 "$OUT/systemd.log" | tr '\n' ' ')"
fi
end
host_state_check
ring_end "$RING"
