# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Runs in the lab: a shell on the console. Leaving it ends the machine (or: Ctrl-A X).
echo "lab: shell; the programs of the cases are in /job/bin, the cases in /job/cases.txt"
setsid cttyhack sh
exit 0
