# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Guests as services: a guest in a file, `start`, `status`, `stop`, the systemd unit.

service_name=service-$$

service_file() {
	cat > "$OUT/service.conf"
}

service_start() {
	timeout -k 5 "$CASE_SECONDS" "$LWVMM" start "$service_name" --config "$OUT/service.conf" "$@"
}

service_said() {
	"$@" 2>&1 > /dev/null | grep -v ': note: ' | sed "s/$service_name/NAME/g; s/pid [0-9]*/PID/; s|$OUT|OUT|"
}

# Of a terminal that goes (its session's processes get SIGHUP) nothing is left but the guest.
service_of_terminal() {
	python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' "$LWVMM" start "$service_name" \
		--config "$OUT/service.conf" --mem 300M > "$OUT/service.out" < /dev/null
	"$LWVMM" status "$service_name" | sed -n "s/^$service_name: \([a-z]*\), .* cores [^,]*, \([^,]*\),.*/\1 \2/p"
}

service_states() {
	service_start 2> "$OUT/command.err"
	"$LWVMM" status "$service_name" | cut -d ' ' -f 2
	service_said service_start
	"$LWVMM" exec "$service_name" -- "$tool" exit 9
	echo "exec: $?"
	"$LWVMM" stop "$service_name"
	"$LWVMM" status "$service_name"
}

# Two at once: one serves, one is refused; which one is chance.
service_started_twice() {
	local first second
	service_start 2> "$OUT/service.first" &
	first=$!
	service_start 2> "$OUT/service.second"
	second=$?
	end_of $first
	echo $((second + $?))
	cat "$OUT/service.first" "$OUT/service.second" | grep -v ': note: ' | grep -cE 'in use|belongs to'
	"$LWVMM" status "$service_name" | cut -d ' ' -f 2
	"$LWVMM" stop "$service_name"
}

# A VMM that was killed lives on for the moment in which the kernel takes it down.
service_wait_gone() {
	local status=0 tries=0
	while [ $tries -lt 100 ]; do
		"$LWVMM" status "$service_name" > "$OUT/service.out" 2> "$OUT/command.err"
		status=$?
		[ $status = 3 ] && break
		tries=$((tries + 1))
		sleep 0.05
	done
	return $status
}

service_after_crash() {
	service_start --page 2M 2> "$OUT/command.err"
	kill -s KILL "$(cat "$guests_dir/guest-$service_name")"
	leftovers_end > /dev/null
	service_wait_gone
	echo "killed: $?"
	service_start 2> "$OUT/command.err"
	"$LWVMM" exec "$service_name" -- "$tool" exit 0
	echo "again: $?"
	"$LWVMM" stop "$service_name"
	host_state_changes
}

# What systemd gives a service as standard error is the journal: there its words go, and to no file.
service_journal() {
	mkfifo "$OUT/journal"
	cat "$OUT/journal" > "$OUT/journal.out" &
	local reader=$!
	(
		exec 2> "$OUT/journal"
		JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) service_start --stats
	)
	find "$guests_dir" -name "guest-$service_name.log"
	"$LWVMM" stop "$service_name"
	end_of $reader
	rm -f "$OUT/journal"
	grep -q 'interrupts' "$OUT/journal.out" && echo 'to the journal'
}

service_log() {
	service_start --stats 2> "$OUT/command.err"
	"$LWVMM" stop "$service_name"
	"$LWVMM" status "$service_name" | sed -n '2s/:.*//p' | sed "s/$service_name/NAME/"
	rm -f "$guests_dir/guest-$service_name.log"
}

service_refusals() {
	service_said "$LWVMM" start
	service_said "$LWVMM" start "$service_name"
	service_said "$LWVMM" start ../x
	service_said "$LWVMM" status ../x
	service_said "$LWVMM" status
	service_said service_start -- "$tool"
	printf 'mem = 256M\nmemmory = 1G\n' > "$OUT/service.bad"
	service_said "$LWVMM" start "$service_name" --config "$OUT/service.bad"
}

service_refused_texts="lwvmm: start: the guest's name comes first: lwvmm start NAME [OPTIONS]
lwvmm: /etc/lwvmm/NAME.conf: the guest's description cannot be read (No such file or directory): see lwvmm start \
--help for what belongs there
lwvmm: --name ../x: not a name: use letters, digits, '-', '_' and '.', a letter or digit first
lwvmm: ../x: not the name of a guest: see lwvmm ps
lwvmm: status: one guest is named: lwvmm status NAME
lwvmm: --detach: takes no program: start the guest, then run TOOL in it with lwvmm exec
lwvmm: OUT/service.bad:2: memmory: no such word here: the words are the options of lwvmm run that shape a guest, \
without --"

service_unit() {
	sed 's|@bindir@|/usr/bin|' integrations/systemd/lwvmm@.service.in > "$OUT/lwvmm@.service"
	sed -i 's|/usr/bin/lwvmm|/bin/true|' "$OUT/lwvmm@.service"
	cp "$OUT/lwvmm@.service" "$OUT/lwvmm@v01.service"
	systemd-analyze verify "$OUT/lwvmm@v01.service" 2>&1 | grep -F lwvmm@ | grep -v 'man lwvmm(1)'
}

run_service() {
	local tool
	program_build tool static || return
	tool=$(program_path tool static)
	printf '# a guest\ncores = %s\nmem = 256M\n' "$CORES" | service_file
	check service-terminal 0 'running 300 MiB' service_of_terminal
	"$LWVMM" stop "$service_name" 2> "$OUT/command.err"
	check service-states 3 "running,
lwvmm: guest NAME: the name is in use (PID): choose another --name, or end that guest: lwvmm stop NAME
exec: 9
$service_name: not running: lwvmm start $service_name" service_states
	check service-started-twice 0 "125
1
running," service_started_twice
	check service-after-crash 0 'killed: 3
again: 0' service_after_crash
	check service-journal 0 'to the journal' service_journal
	check service-log 0 "  its log ($guests_dir/guest-NAME.log) ends" service_log
	check service-refusals 0 "$(echo "$service_refused_texts" | sed "s|TOOL|$tool|; s|$OUT|OUT|")" service_refusals
	if command -v systemd-analyze > /dev/null; then
		check service-unit 1 '' service_unit
	else
		ring_skip service-unit 'systemd-analyze is not installed'
	fi
	case $pattern in service-*) ;; *) run_users ;; esac
}
