#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""accounts.py FOLDER: looks through what the guests of a machine of the lab left in FOLDER/accounts, and
prints a result line for each thing found right or wrong.

Every account must be JSON. A case of the matrix has its plan beside its account: the guest must have got
just that. Its program touched all the memory, so that the nested page table must have a leaf of the host's
page size for every page, by KVM's own count.

Between two marks of a program a vCPU has no exit of the guest's, no fault of the guest's or of the nested page
table, and no timer interrupt; vCPU 0, which sets the marks, has the exits of its own system call.

Of locks.c (tests/bench) there is a pair of marks for each line of its output, which is in the console's log: what
an operation costs by count must not grow with the cores beyond what is said in LOCKS."""

import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "bench"))
from account import lock_counts  # pylint: disable=wrong-import-position # noqa: E402

GIB, MIB2 = 1 << 30, 2 << 20
MARK_EXITS = 6  # of vCPU 0, for setting its marks
# Of locks.c: system calls, kicks and exits for an operation, whatever the number of threads.
LOCKS = {"pingpong": (2.2, 1.1, 4), "mutex": (2.1, 1.1, 4), "malloc": (0.1, 0.1, 0.3), "mmap": (2.2, 3, 12)}
FEW = 16  # leaves of 4 KiB that are no RAM: the share area and the interrupt controllers' pages


def memory_planned(plan):
    sizes = {GIB: "bytes_1g", MIB2: "bytes_2m", 4096: "bytes_4k"}
    for extent in plan["extents"]:
        got = {"gpa": extent["gpa"], "size": extent["size"], "host_node": extent["host_node"],
               "bytes_4k": 0, "bytes_2m": 0, "bytes_1g": 0}
        got[sizes[extent["page_size"]]] = extent["size"]
        yield got


def same_memory(wanted, got, big):
    """`lwvmm plan` knows no program: beside 1 GiB pages it leaves out the blocks of the program's image, which
    the small parts have between them: those behind them begin as much higher."""
    slack = 2 * MIB2 if big else 0
    if len(wanted) != len(got):
        return False
    image = 0
    for w, g in zip(wanted, got):
        more = g["size"] - w["size"]
        small = dict(w, gpa=w["gpa"] + image, size=g["size"], bytes_2m=w["bytes_2m"] + more)
        if g != w and (not w["bytes_2m"] or more < 0 or g != small):
            return False
        image += more
    return image <= slack


def why_not_as_planned(plan, account):
    cores = [v["core"] for v in plan["vcpus"]], [v["core"] for v in account["vcpus"]]
    if cores[0] != cores[1]:
        return "cores %s were planned, %s used" % cores
    wanted = list(memory_planned(plan))
    got = [{key: extent[key] for key in wanted[0]} for extent in account["memory"]]
    big = any(extent["bytes_1g"] for extent in got)
    return None if same_memory(wanted, got, big) else f"planned {wanted}, got {got}"


def why_wrong_leaves(account):
    leaves = account["nested_pages"]
    if leaves is None:
        return "KVM counts no leaves"
    small = sum(extent["bytes_4k"] for extent in account["memory"])
    wanted = {"1g": sum(extent["bytes_1g"] for extent in account["memory"]) // GIB,
              "2m": sum(extent["bytes_2m"] for extent in account["memory"]) // MIB2}
    for size, count in wanted.items():
        if leaves[size] != count:
            return f"{leaves[size]} leaves of {size} instead of {count}"
    if not small and leaves["4k"] > FEW:
        return f"{leaves['4k']} leaves of 4 KiB where no page of RAM is so small"
    return None


def why_not_steady(account):
    first, last = account["marks"][0]["vcpus"], account["marks"][-1]["vcpus"]
    for number, (a, b) in enumerate(zip(first, last)):
        for what in ("guest_exits", "pf_taken", "page_faults", "irq_timer"):
            count = (b["kvm"] if what in b["kvm"] else b)[what] - (a["kvm"] if what in a["kvm"] else a)[what]
            if count > (MARK_EXITS if number == 0 and what == "guest_exits" else 0):
                return f"vCPU {number}: {count} {what}"
    return None


def why_locks_cost(folder, account):
    """The worst of each test over all numbers of threads, or what of it is more than it may be."""
    log = pathlib.Path(folder, "console.log").read_text(errors="replace")
    lines = re.findall(r"^(?:pingpong|mutex|malloc|mmap)-\d+ [0-9.]+ \d+(?=\r?$)", log, re.MULTILINE)
    why = None
    for name, calls, taken, kicks, halts, exits in lock_counts(account, lines):
        print(f"# locks {name}: for an operation {calls:.3f} calls, {taken:.3f} locks found taken, "
              f"{kicks:.3f} kicks, {halts:.3f} halts, {exits:.3f} exits")
        for what, count, most in zip(("calls", "kicks", "exits"), (calls, kicks, exits), LOCKS[name.split("-")[0]]):
            if count > most:
                why = why or f"{name}: {count:.3f} {what} for an operation, of {most} allowed"
    return why


def forced(account):
    """Exits between the marks that interrupts of the host forced, by vCPU."""
    first, last = account["marks"][0]["vcpus"], account["marks"][-1]["vcpus"]
    return ", ".join(str(b["kvm"]["irq_exits"] - a["kvm"]["irq_exits"]) for a, b in zip(first, last))


def result(name, why, good):
    print(f"not ok {name}: {why}" if why else f"ok {name} ({good})", flush=True)


def main():
    folder = pathlib.Path(sys.argv[1], "accounts")
    accounts = {}
    for path in sorted(folder.glob("*.json")):
        if path.stat().st_size == 0:
            continue  # of a guest that was refused; another's case has failed
        try:
            accounts[path.stem] = json.loads(path.read_text())
        except ValueError as error:
            result("account-is-json", f"{path}: {error}", "")
    if not accounts:
        return
    result("accounts", None, f"{len(accounts)} are JSON")
    for name, account in accounts.items():
        # Pages of 4 KiB the host may move at any time (kcompactd): they are entered anew.
        small = any(extent["bytes_4k"] for extent in account["memory"])
        if name == "locks":
            result("locks-counts", why_locks_cost(sys.argv[1], account), f"{len(account['marks']) // 2} tests")
        elif len(account["marks"]) > 1 and account["vcpus"][0]["kvm"] and not small:
            result(f"{name}-steady", why_not_steady(account), f"{len(account['vcpus'])} vCPUs without an exit, "
                   f"but for the host's interrupts: {forced(account)}")
    for path in sorted(folder.glob("*.plan")):
        account = accounts.get(path.stem)
        if account is None:
            continue  # the case has failed
        result(f"{path.stem}-as-planned", why_not_as_planned(json.loads(path.read_text()), account),
               f"{len(account['memory'])} extents")
        leaves = account["nested_pages"] or {}
        faults = sum(vcpu["kvm"]["pf_taken"] for vcpu in account["vcpus"])
        result(f"{path.stem}-leaves", why_wrong_leaves(account),
               ", ".join(f"{count} x {size}" for size, count in leaves.items()) + f", {faults} nested faults")


main()
