# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What a machine of the lab is to do: cases, parts of the kvm ring, programs for them, all in one cpio.

lab_machines() {
	echo two three
}

is_wanted() {
	local name=$1 pattern
	shift
	for pattern in "$@"; do
		# shellcheck disable=SC2053
		[[ $name == $pattern ]] && return 0
	done
	return 1
}

# A table without comments, without spaces round the bars.
table() {
	grep -vE '^(#|$)' "$1" | sed -E 's/ *\| */|/g; s/ *$//'
}

# The lines of the matrix as cases: the plan is kept beside the account, for accounts.py to compare them.
matrix_cases() {
	table tests/lab/matrix.txt | while IFS='|' read -r name machine cores total mem page options; do
		options="--name $name --cores $cores --mem $mem --page $page $options"
		echo "matrix-$name|$machine|lwvmm plan --json $options > /out/matrix-$name.plan &&" \
			"lwvmm run $options --commit request --stats|ram $total|0|-"
	done
}

# select_cases MACHINE PATTERN...: what the harness reads: name|command|program|status|regex
select_cases() {
	local machine_name=$1 name where rest
	shift
	{ table tests/lab/cases.txt && matrix_cases; } | while IFS='|' read -r name where rest; do
		[ "$where" = "$machine_name" ] && is_wanted "$name" "$@" && echo "$name|$rest"
	done > "$out/cases.txt"
}

# select_parts MACHINE PATTERN...: words for tests/kvm.sh, or for tests/lab/PART.sh. A PART's name alone is all of it that
# is for the lab.
select_parts() {
	local machine_name=$1 part name pattern
	shift
	[ "$machine_name" = two ] && for part in programs dynamic command exec 'service/service-*' window abi views trace \
		bad kill soak slurm systemd; do
		name=${part%%/*}
		for pattern in "$@"; do
			case $pattern in
			'*' | "$name" | "$name/*") echo "$part" && break ;;
			"$name"/*) echo "$pattern" ;;
			esac
		done
	done > "$out/parts"
	touch "$out/parts"
}

# Only the programs that the selected cases run, and those that the harness and commands do.
lab_programs() {
	{ printf '||%s\n' kvm_alive refuse && cat "$out/cases.txt"; } |
		awk -F'|' 'NR == FNR { split($3, word, " "); used[word[1]] = 1; next }
			!/^#/ { split($0, word, " "); if (word[1] in used) print }' - tests/lab/programs.txt
}

# build_one BINARY COMMAND...: when it is older than its source, the command's last word.
build_one() {
	local binary=$1 source=${!#}
	shift
	[ -n "$(find "$binary" -newer "$source" -newer tests/programs/check.h \
		-newer tests/lab/programs.txt 2> /dev/null)" ] && return 0
	"$@" -o "$binary" 2> "$lab/gcc.log" || { cat "$lab/gcc.log" >&2; die "$source does not build"; }
}

# Those that cases.txt of the kvm ring has for the lab, and those that its other parts use.
kvm_programs() {
	grep -q '^programs' "$out/parts" && table tests/programs/cases.txt | awk -F'|' '$5 ~ /lab/ { print $2, $3 }'
	[ ! -s "$out/parts" ] || printf '%s
' 'tool static' 'hello static' 'quiet static' 'steady omp' 'args static' \
		'view static' 'view_numa numa' 'view_hwloc hwloc' 'trace_calls static' 'shared_file static' 'children static' 'vmcopy static'
}

build_programs() {
	local name source flags variant
	mkdir -p "$lab/bin" "$lab/own"
	while read -r name source flags; do
		# shellcheck disable=SC2086
		build_one "$lab/own/$name" gcc -static -O2 $flags "$source"
	done < <(lab_programs)
	while read -r source variant; do
		program_build "$source" "$variant" || die "$source does not build"
	done < <(kvm_programs | sort -u)
	if grep -q '^dynamic' "$out/parts"; then
		dynload_build || die "dynload.c does not build"
	fi
	if grep -q '^abi' "$out/parts"; then
		abi_build || die "tests/abi does not build"
	fi
	if grep -q '^command' "$out/parts"; then
		postmortem_build || die "postmortem.S does not build"
	fi
	if grep -q '^bad' "$out/parts"; then
		rm -rf "$lab/elfs"
		mkdir -p "$lab/elfs"
		gcc -O2 -o "$lab/make_elfs" tests/bad/make_elfs.c || die "make_elfs.c does not build"
		"$lab/make_elfs" "$lab/bin/hello-static" "$lab/elfs" > "$lab/elfs.list"
		bad_interpreters_build /tmp/kvm || die "a program with a bad interpreter does not build"
	fi
}

# pack_job START: the base and what /job holds, in one file of two cpios. /job looks like the repository as far
# as tests/kvm.sh sees it, /job/out is its OUT.
pack_job() {
	local job=$out/job/job
	rm -rf "$out/job"
	mkdir -p "$job/bin" "$job/out/bin"
	while read -r name _; do
		cp "$lab/own/$name" "$job/bin/"
	done < <(lab_programs)
	if [ -s "$out/parts" ]; then
		mkdir -p "$job/tests" "$job/docs" "$out/job/etc" "$out/job/var/tmp"
		cp -r tests/*.sh tests/programs tests/bad tests/abi "$job/tests/"
		cp -r docs/man "$job/docs/"
		# Beside /usr, which the lab has from this host, what its programs need of /etc.
		cp -rP /etc/alternatives /etc/services /etc/ld.so.cache "$out/job/etc/"
		while read -r source variant; do
			[ "$variant" = system ] || cp "$lab/bin/$source-$variant" "$job/out/bin/"
		done < <(kvm_programs | sort -u)
		! grep -q '^dynamic' "$out/parts" || cp -r "$lab/bin/dynload" "$job/out/bin/"
		! grep -q '^abi' "$out/parts" || cp "$lab/bin/abi-static" "$job/out/bin/"
		! grep -q '^command' "$out/parts" || cp "$lab/postmortem.elf" "$job/out/"
		! grep -q '^bad' "$out/parts" || cp -r "$lab/elfs" "$lab/elfs.list" "$job/out/"
	fi
	[ ! -x "$lwvmm" ] || cp "$lwvmm" "$job/bin/lwvmm"
	mkdir -p "$job/tests/lab" "$job/integrations"
	cp tests/lab/slurm.sh tests/lab/systemd.sh "$job/tests/lab/"
	cp -r integrations/systemd "$job/integrations/"
	if grep -q '^slurm' "$out/parts"; then
		cp "$(dirname "$lwvmm")"/integrations/slurm/lwvmm[_-]{spank.so,task} "$job/bin/" 2> "$lab/slurm.log"
	fi
	cp "$out/cases.txt" "$out/parts" tests/lab/placement.sh "$job/"
	{ echo "CASE_SECONDS=$case_seconds CORES=$CORES"; cat "$1"; } > "$job/start"
	cp "$base" "$out/job.cpio"
	(cd "$out/job" && find . | cpio --quiet -o -H newc -R 0:0) >> "$out/job.cpio"
	rm -rf "$out/job"
}
