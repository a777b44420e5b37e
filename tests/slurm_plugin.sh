# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Cases of the slurm ring: a plug-in that is not there, or of another version of Slurm.

# stacked FILE LINE: what a step of v01 says while this plugstack.conf has that line; nothing of it runs on the host.
stacked() {
	cp "$D/$1" "$D/plugstack.kept"
	echo "$2" > "$D/$1"
	run touch "$D/ran" 2> "$OUT/plugin.err"
	echo "status $?, $(node_state): $(grep -o "$3" "$OUT/plugin.err" | head -n 1)"
	cp "$D/plugstack.kept" "$D/$1"
	[ -e "$D/ran" ] && echo 'ran on the host'
	rm -f "$D/ran"
}

# On the side of srun, and of slurmstepd, within a job that has begun. (Slurm 22.05: such a step's srun ends with 0.)
plugin_missing() {
	run true
	stacked plugstack.conf 'required /does/not/exist.so' '/does/not/exist.so: Dlopen.*'
	stacked plugstack.v01.conf 'required /does/not/exist.so' 'launch failed.*'
	run -Q sh -c 'echo again'
}

# The same plug-in, built where Slurm is 23.11.
plugin_build() {
	printf '#include <slurm/spank.h>\n#undef SLURM_VERSION_NUMBER\n#define SLURM_VERSION_NUMBER 0x170b00\n%s\n' \
		'#include "integrations/slurm/spank.c"' > "$D/other.c"
	(cd "$TESTS/.." && cc -shared -fPIC -D_GNU_SOURCE -DTASK_FILE='""' -DTASK_LWVMM='""' -I. -o "$D/other.so" "$D/other.c" \
		integrations/slurm/account.c integrations/slurm/account_file.c integrations/slurm/hand.c \
		integrations/slurm/program.c integrations/slurm/settings.c)
}

plugin_version() {
	plugin_build || return
	run true
	stacked plugstack.conf "required $D/other.so" 'other.so: Incompatible.*'
	stacked plugstack.v01.conf "required $D/other.so" 'launch failed.*'
	run -Q sh -c 'echo again'
}

# A job of which no epilog came is taken from the record by hand.
stale() {
	"$LWVMM" hand v01 65534:65534 --for 4711 2> "$OUT/stale.err"
	"$LWVMM" hand v01 0 --for 4712 2>&1 | grep -o 'user 65534.*'
	"$LWVMM" hand v01 --back --for 4711 2> "$OUT/stale.err"
	run -Q sh -c 'echo again'
}
