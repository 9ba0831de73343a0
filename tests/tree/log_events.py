#!/usr/bin/env python3
"""Checks that tcptoold(8) lists the events of the service's log, all and no others.

usage: log_events.py DIRECTORY

Compares the first argument of each LogInfo(), LogWarning() and so on in DIRECTORY, a
checkout, with the list of events in docs/tcptoold.8. Prints what does not fit, a line
each, and exits with 1 if anything does not.
"""

import pathlib
import re
import sys

LOGGED = re.compile(r'\bLog(?:Debug|Info|Warning|Error)\(\s*"([^"]*)"')
# From the line before the list to the list's end.
LIST = re.compile(r"^Events are:\n\.Bl .*?^\.El$", re.MULTILINE | re.DOTALL)
# One entry of it, which may name several: `.It Li stopping , stopped`.
ENTRY = re.compile(r"^\.It Li (.*)$", re.MULTILINE)


def main(directory):
    logged = {}
    for source in sorted(directory.glob("server/**/*.cc")):
        for name in LOGGED.findall(source.read_text(encoding="utf-8")):
            logged.setdefault(name, source.relative_to(directory))
    page = (directory / "docs/tcptoold.8").read_text(encoding="utf-8")
    listed = {name for entry in ENTRY.findall(LIST.search(page)[0]) for name in entry.split(" , ")}
    wrong = [
        f"{logged[name]}: the event {name} is not in docs/tcptoold.8"
        for name in sorted(logged.keys() - listed)
    ]
    # The messages of gRPC and Protobuf, and lines that were dropped, are written by the log
    # itself.
    wrong += [
        f"docs/tcptoold.8: nothing logs the event {name}"
        for name in sorted(listed - logged.keys() - {"grpc", "protobuf", "log_lines_dropped"})
    ]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
