# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Whose guest: what root keeps is lent to a user and taken back, and a stranger gets nothing of it. As root only.

# as UID COMMAND...
as() {
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
}

# Line by line, without what differs.
users_said() {
	"$@" 2>&1 | grep -v ': note: ' | sed "s/$service_name/NAME/g"
}

users_exec() {
	users_said as "$1" "$users_lwvmm" exec "$service_name" -- "$(command -v id)" -u
}

users_vmm() {
	cat "/run/lwvmm/guest-$service_name"
}

users_handed() {
	local pid
	users_exec 65534
	users_said "$users_lwvmm" hand "$service_name" 65534:65534 --for 7
	users_exec 65534
	users_exec 0
	users_exec 4711
	users_said "$users_lwvmm" hand "$service_name" 4711 --for 8
	users_said "$users_lwvmm" hand "$service_name" 65534 --for 9
	pid=$(users_vmm)
	users_said "$users_lwvmm" hand "$service_name" --back --for 7
	[ "$pid" = "$(users_vmm)" ] && echo 'still for 9'
	users_said "$users_lwvmm" hand "$service_name" --back --for 9
	users_exec 65534
	users_exec 0
}

# What the last user's processes have does not end the next user's turn: a new guest, with new memory.
users_leftover() {
	local pid
	users_said "$users_lwvmm" hand "$service_name" 65534 --for 1
	as 65534 "$users_lwvmm" exec "$service_name" -- "$tool" sleep > "$OUT/users.out" &
	pid=$!
	wait_for_line "$OUT/users.out" ready
	users_said "$users_lwvmm" hand "$service_name" --back --for 1
	end_of $pid
	echo "its program: $?"
	"$users_lwvmm" ps "$service_name" | grep -c 'processes: 0$'
}

# users_write UID TEXT: a program of this user that has TEXT all over its memory until it is ended.
users_write() {
	setpriv --reuid "$1" --regid "$1" --clear-groups "$users_lwvmm" exec "$service_name" -- /usr/bin/python3 -c "if 1:
		import sys, time
		text = bytearray(sys.argv[1].encode() * 100000)
		print('written', flush=True)
		time.sleep(60)" "$2" > "$OUT/users.out" 2>&1 &
	users_writer=$!
	wait_for_line "$OUT/users.out" written
}

users_look() {
	echo "$2$2$2$2" | tr -d '\n' > "$users_dir/look.$1"
	wait_for_line "$OUT/users.seen" "^$1: "
	kill $users_writer
	end_of $users_writer
}

# Who keeps descriptors of a guest's memory sees their own program's in it, and nothing of the next user's.
users_memory() {
	local users_writer
	users_said "$users_lwvmm" hand "$service_name" 65534 --for 1
	as 65534 "$users_dir/keep_memory" "/run/lwvmm/guest-$service_name.sock" "$users_dir/look" \
		> "$OUT/users.seen" 2> "$OUT/users.err" &
	wait_for_line "$OUT/users.seen" kept
	users_write 65534 of-the-first-
	users_look 1 of-the-first-
	users_said "$users_lwvmm" hand "$service_name" --back --for 1
	users_said "$users_lwvmm" hand "$service_name" 4711 --for 2
	users_write 4711 of-the-second-
	users_look 2 of-the-second-
	wait_for_line "$OUT/users.seen" end
	cat "$OUT/users.seen"
	users_said "$users_lwvmm" hand "$service_name" --back --for 2
	rm "$users_dir"/look.*
}

# A stranger asks the kernel in every way for what the VMM has.
users_stranger() {
	as "$1" /usr/bin/python3 - "$(users_vmm)" "$service_name" << 'END'
import ctypes, os, socket, sys
pid, name = sys.argv[1:]
def tries(what, f):
	try:
		f()
		print(what, 'works')
	except OSError as e:
		print(what, os.strerror(e.errno))
def connect():
	socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(f'/run/lwvmm/guest-{name}.sock')
def call(*args):
	if ctypes.CDLL(None, use_errno=True).syscall(*args) < 0:
		raise OSError(ctypes.get_errno(), '')
tries('socket', connect)
tries('descriptors', lambda: os.listdir(f'/proc/{pid}/fd'))
tries('memory', lambda: open(f'/proc/{pid}/mem', 'rb'))
tries('ptrace', lambda: call(101, 16, int(pid), 0, 0))
tries('pidfd_getfd', lambda: call(438, os.pidfd_open(int(pid)), 3, 0))
tries('remove', lambda: os.unlink(f'/run/lwvmm/guest-{name}.sock'))
END
}

users_refusals() {
	users_said as 65534 "$users_lwvmm" hand "$service_name" 65534
	users_said "$users_lwvmm" hand "$service_name" nobody
	users_said "$users_lwvmm" hand "$service_name" 1 --back
	users_said "$users_lwvmm" hand "nobody-$service_name" 1
	users_said as 65534 "$users_lwvmm" run --detach --name x --user 1
	users_said "$users_lwvmm" run --user 1 -- "$tool"
	users_said "$users_lwvmm" start "$service_name" --user nobody
	for bad in 4294967295 1:2:3 1: :1 99999999999999999999; do
		users_said "$users_lwvmm" hand "$service_name" $bad --for 1 | grep -c ': not a user: '
	done
	users_exec 0
}

# A description that is wrong by now is seen before the guest is ended; where the start then fails, or hand is killed
# between end and start, the next hand starts it.
users_between() {
	local conf=$users_dir/$service_name.conf
	cp "$conf" "$users_dir/kept"
	echo 'memmory = 1G' >> "$conf"
	users_said "$users_lwvmm" hand "$service_name" 65534 --for 1 | sed 's/.*conf:[0-9]*: //'
	users_exec 0
	sed 's/^mem = .*/mem = 9000G/' "$users_dir/kept" > "$conf"
	users_said "$users_lwvmm" hand "$service_name" 65534 --for 1 | tail -n 1
	cp "$users_dir/kept" "$conf"
	users_said "$users_lwvmm" hand "$service_name" --back --for 1
	users_exec 0
	"$users_lwvmm" stop "$service_name"
	printf '0 0 between\n.\n' > "/run/lwvmm/hand-$service_name"
	users_said "$users_lwvmm" hand "$service_name" 65534 --for 1
	users_exec 65534
	users_said "$users_lwvmm" hand "$service_name" --back --for 1
	wc -c < "/run/lwvmm/hand-$service_name"
}

# What the job's user may do to the VMM, which is a process of theirs: kill it, stop it, block its queue. The guest is
# back when the job's next program, or root, wants it.
users_hostile() {
	local pid
	users_said "$users_lwvmm" hand "$service_name" 65534 --for 1
	as 65534 kill -s KILL "$(users_vmm)"
	service_wait_gone
	users_said "$users_lwvmm" start "$service_name"
	users_exec 65534
	as 65534 kill -s KILL "$(users_vmm)"
	service_wait_gone
	users_said "$users_lwvmm" hand "$service_name" --back --for 1
	users_exec 0
	users_said "$users_lwvmm" hand "$service_name" 65534 --for 2
	pid=$(users_vmm)
	as 65534 kill -s STOP "$pid"
	users_said "$users_lwvmm" hand "$service_name" --back --for 2
	[ "$pid" = "$(users_vmm)" ] || echo 'not the stopped one'
	users_exec 0
}

# Whoever may read the file of the name may wait for a lock on it, and have it when the VMM is gone.
users_reader() {
	local reader
	users_said "$users_lwvmm" hand "$service_name" 65534 --for 1
	setpriv --reuid 4711 --regid 4711 --clear-groups /usr/bin/python3 -c 'if 1:
		import fcntl, sys, time
		file = open(sys.argv[1])
		print("waits", flush=True)
		fcntl.lockf(file, fcntl.LOCK_SH)
		print("has it", flush=True)
		time.sleep(60)' "/run/lwvmm/guest-$service_name" > "$OUT/users.out" 2>&1 &
	reader=$!
	wait_for_line "$OUT/users.out" waits
	as 65534 kill -s KILL "$(users_vmm)"
	wait_for_line "$OUT/users.out" 'has it' && echo 'has it'
	users_said "$users_lwvmm" status "$service_name" | head -n 1
	users_said "$users_lwvmm" hand "$service_name" --back --for 1
	users_exec 0
	kill $reader
	end_of $reader 2> "$OUT/command.err" || true
}

# Names that a user has taken, in the folder that is open to all, are in nobody's way.
users_squatted() {
	"$users_lwvmm" stop "$service_name"
	as 65534 touch "/dev/shm/lwvmm/guest-$service_name"
	as 65534 mkfifo "/dev/shm/lwvmm/guest-$service_name.log" "/dev/shm/lwvmm/guest-$service_name.sock"
	users_said "$users_lwvmm" status "$service_name" | head -n 1
	users_said "$users_lwvmm" start "$service_name"
	users_exec 0
	users_said as 65534 "$users_lwvmm" run --detach --name "$service_name" --cores "$CORES" --mem 64M
	rm -f "/dev/shm/lwvmm/guest-$service_name" "/dev/shm/lwvmm/guest-$service_name".*
}

users_killed() {
	"$users_lwvmm" stop "$service_name"
	"$users_lwvmm" start "$service_name" --page 2M --user 65534 2> "$OUT/command.err"
	kill -s KILL "$(users_vmm)"
	leftovers_end > /dev/null
	service_wait_gone
	"$users_lwvmm" start "$service_name" 2> "$OUT/command.err"
	users_exec 0
}

run_users() {
	local users_dir users_lwvmm
	if [ "$(id -u)" != 0 ]; then
		ring_skip users 'needs root'
		return
	fi
	# Where everybody reaches it.
	users_dir=$(mktemp -d /tmp/lwvmm-users-XXXXXX)
	users_lwvmm=$users_dir/$(basename "$LWVMM")
	chmod 755 "$users_dir" && cp "$LWVMM" "$tool" "$users_dir" && tool=$users_dir/$(basename "$tool")
	cp "$OUT/service.conf" "$users_dir/$service_name.conf"
	export LWVMM_CONFIG_DIR="$users_dir"
	"$users_lwvmm" start "$service_name" 2> "$OUT/command.err"
	check users-handed 0 "lwvmm: guest NAME: is another user's (0 root): only its owner may use it
65534
lwvmm: guest NAME: is another user's (65534 nobody): only its owner may use it
lwvmm: guest NAME: is another user's (65534 nobody): only its owner may use it
lwvmm: guest NAME: user 65534 nobody has it, for job 7: wait for its end
still for 9
lwvmm: guest NAME: is another user's (0 root): only its owner may use it
0" users_handed
	check users-leftover 0 'its program: 143
1' users_leftover
	if ! wanted users-memory; then
		:
	elif gcc -O2 -I"$TESTS/.." -o "$users_dir/keep_memory" "$TESTS/bad/keep_memory.c" 2> "$OUT/gcc.log"; then
		check users-memory 0 'kept
1: seen
2: not seen
end' users_memory
	else
		ring_not_ok users-memory "keep_memory.c does not build: see $OUT/gcc.log"
	fi
	"$users_lwvmm" hand "$service_name" 65534 --for 1 2> "$OUT/command.err"
	check users-stranger 0 'socket Permission denied
descriptors Permission denied
memory Permission denied
ptrace Operation not permitted
pidfd_getfd Operation not permitted
remove Permission denied' users_stranger 4711
	"$users_lwvmm" hand "$service_name" --back --for 1 2> "$OUT/command.err"
	check users-refusals 0 "lwvmm: /run/lwvmm/hand-NAME: cannot be used (Permission denied): only root hands guests over
lwvmm: hand: nobody: not a user: give UID or UID:GID, in numbers (see id)
lwvmm: hand: what is to be done? lwvmm hand NAME UID[:GID] --for JOB, or lwvmm hand NAME --back --for JOB
lwvmm: guest nobody-NAME: no such guest: these run: NAME
lwvmm: --user: only root gives a guest to another user: start it as that user
lwvmm: --user: is of a guest that is kept: with --detach
lwvmm: --user nobody: not a user: give UID or UID:GID, in numbers (see id)
1
1
1
1
1
0" users_refusals
	check users-between 0 'memmory: no such word here: the words are the options of lwvmm run that shape a guest, without --
0
lwvmm: guest NAME: could not be started anew: see the line before
0
65534
0' users_between
	check users-hostile 0 '65534
0
not the stopped one
0' users_hostile
	check users-reader 0 'has it
NAME: not running: lwvmm start NAME
0' users_reader
	check users-squatted 0 "NAME: not running: lwvmm start NAME
0
lwvmm: guest NAME: the name is in use by another user: choose another --name" users_squatted
	check users-killed 0 0 users_killed
	"$users_lwvmm" stop "$service_name"
	unset LWVMM_CONFIG_DIR
	rm -rf "$users_dir" "/run/lwvmm/hand-$service_name" "/run/lwvmm/hand-nobody-$service_name"
}
