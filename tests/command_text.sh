# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# What lwvmm says: -v, --stats, the notes, check, a post-mortem, its help and its man page.

# seen TEXT FILE WORD: WORD when a line of FILE matches TEXT.
seen() {
	grep -Eq -- "$1" "$2" && echo "$3"
}

# -v names the kind of guest on standard error; without it nothing is said.
verbose_tells() {
	guest -- "$tool" exit 0 2> "$OUT/quiet.err"
	guest -v -- "$tool" exit 0 2> "$OUT/verbose.err"
	seen "tool-static: a Linux program \(static\), run by the built-in LWK" "$OUT/quiet.err" loud
	seen "tool-static: a Linux program \(static\), run by the built-in LWK" "$OUT/verbose.err" told
}

# A whole account: each vCPU with exits, interrupts, faults and context switches; the calls with figures.
stats_tell() {
	local what
	for what in '^lwvmm: account of guest .* \((software|hardware) KVM\)' '^  since the start: memory ready [0-9.]+ ms' \
		'^  vCPU 0 on core [0-9]+, node 0' '^    exits to the VMM: .*[A-Z]+ [1-9]' '^    hypercalls: [A-Z]+ [1-9]' \
		'^    exits by KVM.s count: [0-9]+ of the guest, [0-9]+ forced' '^    interrupts: timer [0-9]+ kick [0-9]+ host' \
		'^    page faults [0-9]+, other exceptions [0-9]+, local calls [0-9]+, thread switches [0-9]+, halts' \
		'^    host involuntary context switches [0-9]+$'; do
		grep -Eq "$what" "$OUT/stats.err" || echo "no line '$what'"
	done
	[ -s "$OUT/stats.json" ] && echo told
}

# The call, how often, how often it failed; and the longest of them is not longer than all.
write_figures() {
	awk '$1 == "write" { print $2, $3, ($4 > 0 && $5 > 0 && $5 / 1e3 <= $4 + 0.001) ? "timed" : "not timed" }' "$1"
}

calls_counted() {
	guest --stats -- "$tool" writes 7 2> "$OUT/calls.err" || return
	write_figures "$OUT/calls.err"
	guest --stats -- "$tool" writes 3 2> "$OUT/calls.err" > /dev/full
	echo $?
	write_figures "$OUT/calls.err"
}

# Only where it may: as root. The pool of the explicit size is grown by what is not free.
growth_noted() {
	guest --page 2M -- "$tool" exit 0 2> "$OUT/growth.err"
	local free
	free=$(cat /sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages)
	grep -Eo 'node 0: its pool of 2M pages is grown by [0-9]+, until the guest ends' "$OUT/growth.err" |
		sed "s/ by $((128 - free)),/ by what is missing,/"
}

# check has a line for each of these, with what this host is; NUMA balancing only where it is on and matters.
check_tells() {
	local kind=hardware balancing=0
	grep -Eq '^flags.* (vmx|svm)( |$)' /proc/cpuinfo || kind=software
	[ "$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' | wc -l)" -gt 1 ] &&
		grep -qs '[1-9]' /proc/sys/kernel/numa_balancing && balancing=1
	"$LWVMM" check > "$OUT/check.out" || return
	seen '^ok    /dev/kvm: there, and we may use it$' "$OUT/check.out" kvm
	seen "^(ok  |warn)  KVM: $kind \(.*VMX or SVM" "$OUT/check.out" kind
	seen "^(ok  |warn)  Linux $(uname -r): " "$OUT/check.out" kernel
	[ "$(grep -c '^warn  NUMA balancing: .*sysctl kernel.numa_balancing=0$' "$OUT/check.out")" = $balancing ] &&
		echo balancing
}

postmortem_build() {
	gcc -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
		-Wl,-T,guest-lwk/lwk.lds -o "$OUT/postmortem.elf" "$TESTS/bad/postmortem.S" 2> "$OUT/build.log"
}

# A kernel that runs into nothing: where it was, what its registers held, and one line that ends it.
postmortem_tells() {
	local what where='^lwvmm:   rip ffffffff80200009 \(lwk_entry\+0x9\)' held='rbx 0000000000001234'
	! can_compile || postmortem_build || return
	[ ! -d /sys/module/kvm_amd ] || where='^lwvmm:   its registers are lost: ' held=$where # AMD's KVM tells of none
	guest -- "$OUT/postmortem.elf" 2> "$OUT/postmortem.err"
	local status=$?
	for what in '^lwvmm: post-mortem of guest .*: vCPU 0: ' '^lwvmm:   exit ' "$where" "$held" \
		'^lwvmm: guest .*: stopped: vCPU 0: .*: see the post-mortem above$'; do
		grep -Eq "$what" "$OUT/postmortem.err" || echo "no line '$what'"
	done
	return $status
}

# Long and short options that a text names, each once.
options_of() {
	grep -Eo '(^|[^-a-zA-Z0-9])(--[a-z]+(-[a-z]+)*|-[a-z]+)\b' | grep -Eo -- '-.*' | sort -u
}

# Every option of the help pages is in the man page, and the other way round; of the man page's text only the
# options' own lines count (.TP and the line after it).
man_and_help() {
	local topic
	for topic in run exec stat plan check; do
		"$LWVMM" $topic --help | sed -n 's/^  \(-.*\)/\1/p' | sed 's/   .*//' | options_of
	done | sort -u > "$OUT/help.options"
	sed 's/\\-/-/g' docs/man/lwvmm.1 | sed -n '/^\.SH OPTIONS/,/^\.SH EXIT/p' | sed -n '/^\.TP/{n;p;}' |
		sed 's/"//g; s/^\.[A-Z]* //' | options_of > "$OUT/man.options"
	diff "$OUT/help.options" "$OUT/man.options" | grep '^[<>]'
	seen '^--cores$' "$OUT/help.options" compared
}

run_command_text() {
	local tool
	tool=$(program_path tool static)
	check verbose-tells 0 told verbose_tells
	check stats-tell 0 told stats_tell
	check calls-counted 0 '.......7 0 timed
3
3 3 timed' calls_counted
	[ "$RING" = lab ] || [ "$(id -u)" != 0 ] || check growth-noted 0 'node 0: its pool of 2M pages is grown by what is missing, until the guest ends' growth_noted
	check check-tells 0 'kvm
kind
kernel
balancing' check_tells
	check postmortem-tells 125 '' postmortem_tells
	check man-and-help 0 compared man_and_help
}
