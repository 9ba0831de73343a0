#!/usr/bin/env python3
"""Makes compile_commands.json of the actions that `bazel aquery` prints.

usage: bazel aquery --output=jsonproto 'mnemonic("CppCompile", //...)' | compile_commands.py

To be run in the workspace, whose link bazel-out leads to what is generated. GCC's
flags that clang does not know are left out.
"""

import json
import os
import sys

GCC_ALONE = {"-fno-canonical-system-headers", "-Wno-free-nonheap-object"}
# Bazel's own outputs of a compilation.
WITH_VALUE = {"-o", "-MF"}
ALONE = {"-MD"}


def arguments(action):
    kept = []
    words = iter(action["arguments"])
    for word in words:
        if word in WITH_VALUE:
            next(words)
        elif word not in GCC_ALONE | ALONE and not word.startswith("-frandom-seed="):
            kept.append(word)
    return kept


def source(words):
    return words[words.index("-c") + 1]


def main():
    commands = {}
    for action in json.load(sys.stdin).get("actions", []):
        words = arguments(action)
        if "-c" in words:
            # A file that several targets compile is compiled alike by each.
            commands[source(words)] = words
    if not commands:
        sys.exit("compile_commands.py: there is no compilation in what bazel aquery prints")
    json.dump(
        [
            {"directory": os.getcwd(), "file": file, "arguments": words}
            for file, words in sorted(commands.items())
        ],
        sys.stdout,
        indent=1,
    )


if __name__ == "__main__":
    main()
