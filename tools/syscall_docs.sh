#!/bin/sh
# SPDX-License-Identifier: MIT
# syscall_docs.sh TOOL [--check]: docs/linux-abi.md with its table made anew by TOOL (syscall_table of the build)
# from the list, the deviations and the tests' sources; or only whether it is up to date.
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C

made() {
	# shellcheck disable=SC2046
	"$1" docs/linux-abi.md docs/syscall-deviations.txt $(ls tests/abi/*.c tests/programs/*.c 2> /dev/null)
}

if [ "$2" = --check ]; then
	made "$1" | cmp - docs/linux-abi.md || { echo "docs/linux-abi.md: is not up to date: run make docs" >&2; exit 1; }
else
	text=$(made "$1") && printf '%s\n' "$text" > docs/linux-abi.md
fi
