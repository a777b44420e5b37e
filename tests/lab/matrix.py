#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""matrix.py: prints tests/lab/matrix.txt: every pair of values of vCPUs, memory, pages and nodes that can be
at all, in few guests. The same every time: greedy, in the order of the lists."""

import collections
import itertools

VCPUS = [1, 2, 3, 4, 8]
MEMORY = ["64M", "1G", "2.9G", "3G", "3.1G", "4G", "5G"]
PAGES = ["2M", "1G", "4K"]
NODES = [1, 2, 3]
FACTORS = [VCPUS, MEMORY, PAGES, NODES]

HEAD = """\
# SPDX-License-Identifier: MIT
# Made by tests/lab/matrix.py; change that. Guests of the lab: name | machine | cores | memory in all | --mem |
# --page | more options. Each runs `ram`, which touches every 2 MiB, on both sides of the hole of 3 to 4 GiB.
# Pairwise: any two values of vCPUs (1 2 3 4 8), memory (64M 1G 2.9G 3G 3.1G 4G 5G), pages (4K 2M 1G) and nodes
# (1 2 3) meet in a guest. Left out, because they cannot be or cost too much here:
#   1G pages with 64M, with 1G on 2 nodes and with less than 3G on 3: no page for each node.
#   1 vCPU with 3 nodes: no CPU for more than one of them.
#   4K pages with 2.9G, 3G, 4G, 5G: 4 s a GiB to populate. 3.1G has them: RAM on both sides of the hole.
# 3 nodes: on machine three, CPUs on nodes 0 and 1 (no memory there), memory on 0 and 2 (no CPU there); with 8 vCPUs
# `--numa 3` on machine two. 2 nodes with 1 vCPU: one of them is memory alone. 1 node with 8 vCPUs:
# `--numa none`."""


def mib(memory):
    return round(float(memory[:-1]) * (1024 if memory[-1] == "G" else 1))


def possible(vcpus, memory, pages, nodes):
    if nodes > vcpus + 1:
        return False
    if pages == "1G":
        return mib(memory) // 1024 >= nodes
    return pages == "2M" or memory in ("64M", "1G", "3.1G")


def pairs(case):
    return set(itertools.combinations(enumerate(case), 2))


def cases():
    every = [case for case in itertools.product(*FACTORS) if possible(*case)]
    missing = set().union(*map(pairs, every))
    used = collections.Counter()
    while missing:
        # Of those that are as good: what was used least; then less memory.
        best = max(every, key=lambda case: (len(pairs(case) & missing), -used[case[3]], -used[case[2]], -mib(case[1])))
        missing -= pairs(best)
        used.update(best[2:])
        yield best


def halves(memory, pages, other):
    """Parts for node 0 and the other; whole 1 GiB pages on that."""
    size = mib(memory)
    second = size // 2048 * 1024 if pages == "1G" else size // 4 * 2
    return f"{size - second}M@0,{second}M@{other}"


def options(vcpus, memory, pages, nodes):
    """machine, cores, --mem, more"""
    spread = {2: "3,7", 3: "2-3,7", 4: "2-3,6-7", 8: "0-7"}
    if nodes == 1:
        cores = {1: "2", 2: "2-3", 3: "1-3", 4: "0-3", 8: "0-7"}[vcpus]
        return "two", cores, memory, "--numa none" if vcpus == 8 else ""
    if nodes == 2:
        if vcpus == 1:
            return "two", "2", halves(memory, pages, 1), ""
        return "two", spread[vcpus], memory, ""
    if vcpus == 8:
        return "two", spread[vcpus], memory, "--numa 3"
    return "three", spread[vcpus], halves(memory, pages, 2), ""


def main():
    print(HEAD)
    for case in sorted(cases()):
        vcpus, memory, pages, nodes = case
        machine, cores, mem, more = options(*case)
        name = f"{vcpus}-{memory.lower()}-{pages.lower()}-{nodes}"
        print(f"{name:<13}| {machine:<5} | {cores:<7} | {memory:<4} | {mem:<17} | {pages} | {more}".rstrip())


main()
