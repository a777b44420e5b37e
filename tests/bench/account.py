#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""account.py pages FILE | steady FILE EMPTY... | locks FILE OUTPUT: what bench.sh needs of an account (`lwvmm run --json`).

pages: the host pages that the guest's memory really got, in words.
steady: what happened between marks 1 and 2, per vCPU. Mark 2 is itself a system call and an exit of its
vCPU. What that costs is measured, not assumed: the EMPTY accounts are of runs with nothing between the
marks, and the least of them stands beside the loop's.
locks: of each line of the program's output, which lies between two marks, the counts for an operation: a line
"TEST-N CALLS TAKEN KICKS HALTS EXITS" each.
"""
import json
import sys

LWK = {"page faults": "page_faults", "timer interrupts": "irq_timer", "kicks": "irq_kick",
       "host's answers": "irq_host", "halts": "halts"}


def pages(account):
    got = {"1 GiB": 0, "2 MiB": 0, "4 KiB": 0}
    for extent in account["memory"]:
        for size, key in zip(got, ("bytes_1g", "bytes_2m", "bytes_4k")):
            got[size] += extent[key]
    print(", ".join(f"{size} pages: {n >> 20} MiB" for size, n in got.items() if n))


def difference(first, last):
    """Per vCPU: what KVM and the LWK counted between two marks. None where KVM counts nothing."""
    rows = []
    for a, b in zip(first["vcpus"], last["vcpus"]):
        row = {name: b[key] - a[key] for name, key in LWK.items()}
        kvm = a["kvm"] and b["kvm"] and {key: b["kvm"][key] - a["kvm"][key] for key in a["kvm"]}
        row["guest exits"] = kvm["guest_exits"] if kvm else None
        row["host exits"] = kvm["irq_exits"] if kvm else None
        row["kvm"] = kvm or {}
        rows.append(row)
    return rows


def span(account):
    marks = {mark["mark"]: mark for mark in account["marks"]}
    if 1 not in marks or 2 not in marks:
        sys.exit(f"not measured: the account has marks {sorted(marks)} instead of 1 and 2")
    return difference(marks[1], marks[2]), marks[2]["ms"] - marks[1]["ms"]


def steady(account, empties):
    loop, ms = span(account)
    empty = min((span(e)[0] for e in empties), key=lambda rows: sum(r["guest exits"] or 0 for r in rows))
    print(f"between marks, {ms:.1f} ms of computing on {len(loop)} vCPUs, {account['kvm']} KVM")
    print(f"{'':8} {'exits of':>10} {'of these the':>13} {'exits forced':>13} {'page':>7} {'timer':>7} "
          f"{'kicks':>6} {'halts':>6}")
    print(f"{'':8} {'the guest':>10} {'closing mark':>13} {'by the host':>13} {'faults':>7} {'irqs':>7}")
    for i, (e, row) in enumerate(zip(empty, loop)):
        values = [row["guest exits"], e["guest exits"], row["host exits"]]
        cells = ["no count" if v is None else str(v) for v in values]
        print(f"vCPU {i:<3} {cells[0]:>10} {cells[1]:>13} {cells[2]:>13} {row['page faults']:>7} "
              f"{row['timer interrupts']:>7} {row['kicks']:>6} {row['halts']:>6}")
    verdict(empty, loop)
    name_rest(empty, loop)


def verdict(empty, loop):
    lwk = sum(row["page faults"] + row["timer interrupts"] for row in loop)
    if any(row["guest exits"] is None for row in loop):
        print("this KVM has no statistics: its exits are not measured")
        return
    own = sum(row["guest exits"] - e["guest exits"] for e, row in zip(empty, loop))
    print(f"in the loop alone: {own} exits caused by the guest, {lwk} page faults and timer interrupts: "
          f"{'reached' if own <= 0 and lwk == 0 else 'missed'} (asked for: 0 and 0)")


def name_rest(empty, loop):
    """KVM's counters that moved in the loop beyond an empty span, by name."""
    for i, (e, row) in enumerate(zip(empty, loop)):
        moved = {key: n - e["kvm"].get(key, 0) for key, n in row["kvm"].items()}
        text = ", ".join(f"{key} {n}" for key, n in moved.items() if n > 0)
        print(f"KVM's counters beyond the mark's own, vCPU {i}: {text or 'none moved'}")
    if sum(row["host exits"] or 0 for row in loop):
        print("exits forced by the host are its own interrupts (ticks, IPIs): nohz_full= and IRQ affinity "
              "away from these cores make them rare")


def lock_counts(account, lines):
    """For each line "TEST-N NS OPERATIONS" of locks.c: its name and, for an operation, system calls of the LWK,
    locks of the LWK found taken, kicks, halts, and exits (None where KVM counts none)."""
    marks = account["marks"]
    if len(marks) != 2 * len(lines):
        sys.exit(f"not measured: {len(marks)} marks for {len(lines)} lines")
    for i, (name, _, operations) in enumerate(line.split() for line in lines):
        first, last = marks[2 * i]["vcpus"], marks[2 * i + 1]["vcpus"]
        counts = [sum(b[key] - a[key] for a, b in zip(first, last)) / int(operations)
                  for key in ("local_calls", "lock_waits", "irq_kick", "halts")]
        exits = [b["kvm"]["guest_exits"] - a["kvm"]["guest_exits"] for a, b in zip(first, last) if a["kvm"]]
        yield name, *counts, sum(exits) / int(operations) if exits else None


def locks(account, output):
    with open(output, encoding="utf-8") as file:
        for name, *counts in lock_counts(account, file.readlines()):
            print(name, *("no-count" if n is None else f"{n:.3f}" for n in counts))


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    if sys.argv[1] == "pages":
        pages(load(sys.argv[2]))
    elif sys.argv[1] == "locks":
        locks(load(sys.argv[2]), sys.argv[3])
    else:
        steady(load(sys.argv[2]), [load(path) for path in sys.argv[3:]])


if __name__ == "__main__":
    main()
