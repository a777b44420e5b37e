#!/bin/bash
# SPDX-License-Identifier: MIT
# lwk_insns.sh LWK.ELF: fails where the LWK holds an instruction that a software KVM cannot run in ring 0
# (docs: it ends the VM, hangs, or is silently wrong), outside of the functions in lwk_insns.allow.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

objdump -d --no-show-raw-insn "$1" | awk -v allow="$here/lwk_insns.allow" '
BEGIN {
	while ((getline line < allow) > 0) {
		if (line ~ /^#/ || split(line, word, " ") < 3)
			continue
		symbols[++rules] = "^(" word[1] ")$"
		insns[rules] = "^(" word[2] ")$"
	}
	# One mnemonic that ends the VM, hangs it, traps or does something else than asked.
	# tzcnt runs as bsf: that is what the compiler means, which writes it so even for CPUs without it.
	bad = "^(popcnt|lzcnt|andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx" \
		"|crc32[bwlq]?|adcx|adox|cmpxchg16b|rdtscp|rdpid|rdpmc|clwb|clflushopt|cldemote|xsave.*" \
		"|xrstor.*|xgetbv|ldmxcsr|stmxcsr|emms|invpcid|stac|clac|int3|int|int1|icebp|monitorx?" \
		"|mwaitx?|umwait|umonitor|tpause|verw|verr|vmcall|vmmcall|movbe|v[a-z].*)$"
	# x87 but for what is known to work.
	x87 = "^f[a-z0-9]+$"
	x87_good = "^(fninit|fxsave(64)?|fxrstor(64)?)$"
	vector = "%[xyz]?mm[0-9]"
	vector_good = "^(movups|movaps|movdqa)$"
}
/^[0-9a-f]+ <.*>:$/ {
	symbol = $2
	gsub(/[<>:]/, "", symbol)
	next
}
/^ *[0-9a-f]+:\t/ {
	split($0, part, "\t")
	text = part[2]
	count = split(text, word, " ")
	at = 1
	while (at < count && word[at] ~ /^(lock|rep|repz|repnz|data16|cs|ds|es|fs|gs|bnd|notrack|rex.*)$/)
		at++
	insn = word[at]
	total++
	if (insn ~ bad || (insn ~ x87 && insn !~ x87_good) || (text ~ vector && insn !~ vector_good)) {
		for (i = 1; i <= rules; i++)
			if (symbol ~ symbols[i] && insn ~ insns[i])
				next
		print symbol ": " text
		found++
	}
}
END {
	if (!total) {
		print "no instruction was found: is this the LWK?"
		exit 1
	}
	exit found > 0
}'
