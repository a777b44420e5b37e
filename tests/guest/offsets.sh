#!/bin/bash
# SPDX-License-Identifier: MIT
# offsets.sh COMPILER...: compiles to assembly on stdout and makes a header of its "@@NAME value" lines.
set -euo pipefail
"$@" | sed -nE 's/^[[:space:]]*@@/#define /p'
