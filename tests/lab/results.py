#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""results.py FOLDER: the results.log of each machine in FOLDER as FOLDER/results.tap (TAP 13) and
FOLDER/results.xml (JUnit), with the time of each case and, of those that failed, what was said."""

import pathlib
import re
import sys
from xml.etree import ElementTree

LINE = re.compile(r"^(ok|not ok|skip) ([^ ]+?)(?:: (.*?))?(?: \(([0-9.]+) s\))?(?: \((.*)\))?$")


def read(log):
    """Yields (state, name, why, seconds, notes); notes are the lines '#   ' before a failure."""
    notes = []
    for line in log.read_text(errors="replace").splitlines():
        found = LINE.match(line)
        if found:
            state, name, why, seconds, _ = found.groups()
            yield state, name, why or "", float(seconds or 0), notes
            notes = []
        elif line.startswith("#   "):
            notes.append(line[4:])


def write_tap(path, results):
    with path.open("w") as out:
        print("TAP version 13", f"1..{len(results)}", sep="\n", file=out)
        for number, (machine, (state, name, why, seconds, notes)) in enumerate(results, 1):
            head = "not ok" if state == "not ok" else "ok"
            tail = f" # SKIP {why}" if state == "skip" else ""
            print(f"{head} {number} {machine}/{name}{tail}", file=out)
            print(f"  ---\n  duration_ms: {seconds * 1000:.0f}", file=out)
            for line in ([why] if state == "not ok" else []) + notes:
                print(f"  # {line}", file=out)
            print("  ...", file=out)


def add_case(suite, machine, result):
    state, name, why, seconds, notes = result
    case = ElementTree.SubElement(suite, "testcase", classname=machine, name=name, time=f"{seconds:.2f}")
    text = re.sub(r"[^\t\n -~]", "?", "\n".join(notes))
    if state == "not ok":
        ElementTree.SubElement(case, "failure", message=re.sub(r"[^ -~]", "?", why)).text = text
    elif state == "skip":
        ElementTree.SubElement(case, "skipped", message=why)


def write_junit(path, results):
    root = ElementTree.Element("testsuites")
    for machine in dict.fromkeys(machine for machine, _ in results):
        mine = [result for where, result in results if where == machine]
        suite = ElementTree.SubElement(
            root, "testsuite", name=f"lab.{machine}", tests=str(len(mine)),
            failures=str(sum(result[0] == "not ok" for result in mine)),
            skipped=str(sum(result[0] == "skip" for result in mine)),
            time=f"{sum(result[3] for result in mine if not result[1].startswith('part-')):.2f}")
        for result in mine:
            add_case(suite, machine, result)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    results = [(log.parent.name, result) for log in sorted(folder.glob("*/results.log"), reverse=True)
               for result in read(log)]
    write_tap(folder / "results.tap", results)
    write_junit(folder / "results.xml", results)


main()
