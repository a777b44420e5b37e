#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compile_db.py BUILD OUT: writes meson's compile_commands.json to OUT with each source of ours once
(numa's are compiled for several programs), and prints the sources. Generated ones are left out, and so
are the options of gcc that clang refuses."""
import json
import os
import sys

GCC_ONLY = {"-fno-tree-loop-distribute-patterns"}

build, out = sys.argv[1:]
once = {}
with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as commands:
    for entry in json.load(commands):
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]))
        if path.endswith(".c") and not path.startswith(os.path.relpath(build) + os.sep):
            words = [word for word in entry["command"].split(" ") if word not in GCC_ONLY]
            once.setdefault(path, entry | {"command": " ".join(words)})
with open(os.path.join(out, "compile_commands.json"), "w", encoding="utf-8") as commands:
    json.dump(list(once.values()), commands)
print("\n".join(sorted(once)))
