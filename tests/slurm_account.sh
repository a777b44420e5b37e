# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Cases of the slurm ring: the account that a job leaves, and how tasks end that cannot begin.

burn='i=0; while [ $i -lt 250000 ]; do i=$((i+1)); done'

# field NAME: of the lines of a job's account.
field() {
	sed -n "s/.*\"$1\": \([^,}]*\).*/\1/p"
}

# What the program says of its own time (times: its own, then its children's) is what the account says.
accounted() {
	local job
	run -Q -n 1 sh -c "$burn; sh -c '$burn; exit 0'; times; echo \$SLURM_JOB_ID; exit 3" > "$D/times" 2> "$OUT/times.err"
	job=$(tail -n 1 "$D/times")
	tail -n 1 "$D/account/$job.jsonl" > "$OUT/account.line"
	echo "status $(field status < "$OUT/account.line")"
	awk -v cpu="$(field cpu_s < "$OUT/account.line")" -F '[ms ]+' 'NR <= 2 { sum += $2 + $4 }
		END { print (sum > 0.2 && cpu > sum - 0.1 && cpu < sum + 0.3) ? "its time" : sum " is not " cpu }' "$D/times"
}

# Killed while it computes: what it has used is known, and what the host saw of it is next to nothing.
killed_has_account() {
	local line pid job
	background sh -c "$burn; echo ready \$\$ \$SLURM_JOB_ID; $burn; sleep 60"
	line=$(grep '^ready' "$D/step.out")
	job=${line##* } pid=${line#ready } pid=${pid% *}
	awk '{ print $14 + $15 < 10 ? "little on the host" : $14 + $15 " ticks on the host" }' "/proc/$pid/stat"
	scancel "$job"
	wait $!
	in_guest "$job"
	run -Q sh -c "$burn; echo \$SLURM_JOB_ID; kill -s KILL \$\$" > "$D/step.out" 2> "$OUT/killed.err"
	in_guest "$(cat "$D/step.out")"
}

# in_guest JOB: how its task ended, and whether its computing was seen.
in_guest() {
	echo "status $(field status < "$D/account/$1.jsonl")"
	field cpu_s < "$D/account/$1.jsonl" | awk '{ print ($1 > 0.1 ? "much in the guest" : $1) }'
}

# taken_back: no job has v01 any more.
taken_back() {
	local tries=0
	while [ -s /run/lwvmm/hand-v01 ] && [ $tries -lt 50 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
}

# --lwvmm chooses the guest on another node: it is lent to the user, root's again after it, and so is the account.
chosen_by_user() {
	(cd / && $nobody srun -Q -w n01 --lwvmm=v01 sh -c 'id -u
		awk "/^MemTotal/ { print \$2 < 1100000 ? \"guest\" : \"host\" }" /proc/meminfo
		echo $SLURM_JOB_ID') > "$D/chosen"
	head -n 2 "$D/chosen"
	stat -c '%U %a' "$D/account/$(tail -n 1 "$D/chosen").jsonl"
	taken_back
	run -Q sh -c 'echo again'
}

# As execve() has it, with slurmstepd's words; a shell's words for it are the shell's.
not_executed() {
	local word
	mkdir -p "$D/words/folder"
	(
		cd "$D/words" || exit
		echo 'echo text' > text
		cp text closed
		printf '#!/no/such -x\n' > script
		chmod 755 text script
		chmod 644 closed
		for word in nosuch ./nosuch /etc/passwd/x ./closed ./text ./script ./folder; do
			run "$word" a 'b c'
			echo "$word: $?"
		done
		PATH=$PATH:$D/words
		run closed
	)
}

# Slurm's own programs of a step cannot be replaced: none of them runs on the host.
multi_prog() {
	printf '0 touch %s\n1 touch %s\n' "$D/ran" "$D/ran" > "$D/multi"
	run -n 2 --multi-prog "$D/multi" 2>&1 | sed -n 's/.*error: \(lwvmm: [^:]*: [^:]*\):.*/\1/p' | uniq
	[ -e "$D/ran" ] && echo 'ran on the host'
	run -n 2 --multi-prog --lwvmm=off "$D/multi"
	[ -e "$D/ran" ] && echo 'ran by wish'
	rm -f "$D/ran"
}

# Users may be kept from the descriptions: their tasks are the guest's all the same.
closed_folder() {
	chmod 700 "$D/guests"
	(cd / && $nobody srun -Q -w v01 \
		awk '/^MemTotal/ { print $2 < 1100000 ? "guest" : "host" }' /proc/meminfo)
	chmod 755 "$D/guests"
}
