#!/usr/bin/env python3
"""Measures tcptool beside others, on this machine, in one run.

`./dev bench` builds everything, and says where the programs are.
"""

import argparse
import importlib
import json
import os
import pathlib
import sys
import tempfile
import time

from report import Report, machine

SUITES = (
    "fanout", "stream", "upload", "files", "small", "isolation", "scale", "lanes", "cold",
    "fast_disk", "control", "relay", "chain", "fleet", "plan", "tls",
)  # fmt: skip

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


# Files are made in parts of this size.
PART_KIB = 1024


class Inputs:
    """Files of random content, made when they are asked for."""

    def __init__(self, home):
        self.home = home
        os.chmod(home, 0o755)  # nginx's workers may be another user.

    def file(self, mebibytes):
        """The path of a file of this size, which is in the page cache."""
        return self.small_file(mebibytes << 10)

    def small_file(self, kibibytes):
        """The same, by KiB."""
        path = os.path.join(self.home, f"content-{kibibytes}")
        if not os.path.exists(path):
            with open(path, "wb") as file:
                for begin in range(0, kibibytes, PART_KIB):
                    file.write(os.urandom(min(PART_KIB, kibibytes - begin) << 10))
                # Written back now, not while something is measured.
                os.fsync(file.fileno())
        return path


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument(
        "suites", nargs="*", metavar="SUITE", help=f"{', '.join(SUITES)} or all (the default)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the raw figures there")
    parser.add_argument(
        "--document", action="store_true", help="put the tables into docs/benchmarks.md"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of each comparison (default 5)")
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="compare only senders whose names begin with it"
    )
    parser.add_argument(
        "--quick", action="store_true", help="an eighth of the content, to see that all works"
    )
    args = parser.parse_args()
    args.divisor = 8 if args.quick else 1
    unknown = set(args.suites) - {*SUITES, "all"}
    if unknown:
        parser.error(f"there is no suite '{min(unknown)}'")
    if not args.suites or "all" in args.suites:
        args.suites = SUITES
    # What a relay costs, and what a chain of them adds, are read together.
    if "relay" in args.suites and "chain" not in args.suites:
        args.suites = [*args.suites, "chain"]
    return args


def document(lines):
    """Replaces what the last run put into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(
        before + BEGIN + "\n".join(lines).strip() + "\n" + END + after, encoding="utf-8"
    )


def main():
    args = parse()
    report = Report()
    about = machine()
    date = time.strftime("%Y-%m-%d")
    report.say(f"{date}: " + ", ".join(f"{key} {value}" for key, value in about.items()) + ".")
    report.say(f"Medians of {args.rounds} rounds (least-most).")
    report.say()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench.") as home:
        for suite in args.suites:
            importlib.import_module(suite).run(report, Inputs(home), args)
    report.print_bars()
    print(f"{time.monotonic() - began:.0f} s")
    if args.json:
        figures = {
            "date": date,
            "machine": about,
            "figures": report.raw,
            "bars": [vars(bar) | {"met": bar.met()} for bar in report.bars],
        }
        pathlib.Path(args.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if args.document:
        document(report.lines)
    return 0 if all(bar.met() for bar in report.bars) else 1


if __name__ == "__main__":
    sys.exit(main())
