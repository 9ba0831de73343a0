#!/usr/bin/env python3
"""Checks that each reason of an error is given, is in the docs, and is asked for by a test.

usage: error_reasons.py DIRECTORY

Compares the values of ErrorReason in DIRECTORY, a checkout, with the sources of the server,
which use each, with the table in docs/api.md, which lists them and no others, and with the
tests, one of which has each in a string, as clients get it. Each RecipientReason has its cause
and cure in docs/operations.md. Prints what does not fit, a line each, and exits with 1 if
anything does not.
"""

import pathlib
import re
import sys

VALUE = re.compile(r"^  ERROR_REASON_(\w+) = \d+;$", re.MULTILINE)
USED = re.compile(r"\bERROR_REASON_(\w+)\b")
STRING = re.compile(r'"([A-Z0-9_]+)"')
# From the heading to the next one, of which the rows' second cells have the reasons.
SECTION = re.compile(r"^## Errors that programs read$.*?^## ", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| \w+ \| ([A-Z0-9_, ]+) \|", re.MULTILINE)
RECIPIENT_VALUE = re.compile(r"^  RECIPIENT_REASON_(\w+) = \d+;$", re.MULTILINE)
CAUSE = re.compile(r"^\| ([A-Z_, ]+) \|", re.MULTILINE)


def found(directory, what, *extensions):
    """What is found in the files of `directory` with these extensions."""
    return {
        name
        for extension in extensions
        for source in directory.glob(f"**/*.{extension}")
        for name in what.findall(source.read_text(encoding="utf-8"))
    }


def main(directory):
    text = (directory / "proto/tcptool/v1/errors.proto").read_text(encoding="utf-8")
    reasons = set(VALUE.findall(text)) - {"UNSPECIFIED"}
    used = found(directory / "server", USED, "cc", "h")
    tested = found(directory / "tests", STRING, "cc", "py")
    section = SECTION.search((directory / "docs/api.md").read_text(encoding="utf-8"))[0]
    listed = {reason for cell in ROW.findall(section) for reason in cell.split(", ")}
    wrong = [f"errors.proto: nothing gives the reason {name}" for name in sorted(reasons - used)]
    wrong += [f"tests: none asks for the reason {name}" for name in sorted(reasons - tested)]
    wrong += [f"docs/api.md: the reason {name} is missing" for name in sorted(reasons - listed)]
    wrong += [f"docs/api.md: there is no reason {name}" for name in sorted(listed - reasons)]
    text = (directory / "proto/tcptool/v1/recipient.proto").read_text(encoding="utf-8")
    reasons = set(RECIPIENT_VALUE.findall(text)) - {"UNSPECIFIED"}
    text = (directory / "docs/operations.md").read_text(encoding="utf-8")
    explained = {reason for cell in CAUSE.findall(text) for reason in cell.split(", ")}
    wrong += [
        f"docs/operations.md: the reason {name} is missing" for name in sorted(reasons - explained)
    ]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
