#!/usr/bin/env python3
"""Counts the test cases of `bazel test` runs, and of tests outside of Bazel.

Of Bazel it reads the build events (--build_event_json_file), and so counts what that
run ran, whatever logs older runs left; of others the JUnit XML that they wrote. Prints
a line for each failure, and at the end "N passed, N failed". Exits with 1 if anything
failed, or nothing ran.
"""

import argparse
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def fail(self, what):
        self.failed += 1
        print(f"FAILED {what}")

    def add_case(self, label, case):
        """Counts a <testcase>, unless it was skipped or is disabled."""
        name = ".".join(filter(None, [case.get("classname"), case.get("name")]))
        if case.find("failure") is not None or case.find("error") is not None:
            self.fail(f"{label} {name}")
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            print(f"skipped {label} {name}")
        else:
            self.passed += 1


def xml_path(outputs):
    """Where Bazel has the XML of a test; empty if it has none."""
    for output in outputs:
        if output.get("name") == "test.xml":
            return urllib.parse.unquote(urllib.parse.urlparse(output.get("uri", "")).path)
    return ""


def add_result(tally, label, problem, path):
    """Counts the cases in the XML of one run of a test; at least one. `problem`: how
    the run as a whole failed, empty if it did not."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        cases = []
    failed_before = tally.failed
    for case in cases:
        tally.add_case(label, case)
    if problem:
        # As when the process was killed before it could write which case it was in.
        if tally.failed == failed_before:
            tally.fail(f"{label} ({problem})")
    elif not cases:
        tally.passed += 1


def bazel_problem(result):
    status = result.get("status", "NO_STATUS")
    return "" if status in ("PASSED", "FLAKY") else status.lower().replace("_", " ")


def count(name, events, tally):
    results = {}  # The last attempt of each run of each shard of a test.
    not_built = set()
    for event in events:
        event_id = event.get("id", {})
        if "testResult" in event_id:
            key = event_id["testResult"]
            run = (key["label"], key.get("run", 1), key.get("shard", 1))
            results[run] = event.get("testResult", {})
        elif "targetCompleted" in event_id:
            if not event.get("completed", {}).get("success"):
                not_built.add(event_id["targetCompleted"]["label"])
        elif "pattern" in event_id and "aborted" in event:
            for pattern in event_id["pattern"].get("pattern", []):
                not_built.add(pattern)
    tested = {label for label, _, _ in results}
    for (label, _, _), result in sorted(results.items()):
        path = xml_path(result.get("testActionOutput", []))
        add_result(tally, f"{name}: {label}", bazel_problem(result), path)
    # A test that ran and failed is "not completed" too.
    for label in sorted(not_built - tested):
        tally.fail(f"{name}: {label} (not built)")


def count_run(name, status, path, tally):
    """Counts one `bazel test`, by its exit status and its events."""
    failed_before = tally.failed
    try:
        with open(path, encoding="utf-8") as lines:
            count(name, (json.loads(line) for line in lines if line.strip()), tally)
    except (OSError, ValueError) as error:
        tally.fail(f"{name}: reading Bazel's events from {path}: {error}")
    # 4: no tests were found. What else Bazel reports and no target explains, a BUILD
    # file that does not load for one, must not pass either.
    if status not in ("0", "4") and tally.failed == failed_before:
        tally.fail(f"{name}: bazel test (exit status {status}; see its messages above)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--run",
        nargs=3,
        action="append",
        default=[],
        metavar=("NAME", "STATUS", "EVENTS"),
        help="a `bazel test`: what to call it, its exit status, its build events in JSON",
    )
    parser.add_argument(
        "--junit",
        nargs=3,
        action="append",
        default=[],
        metavar=("NAME", "STATUS", "XML"),
        help="another test: what to call it, its exit status, its JUnit XML",
    )
    args = parser.parse_args()

    tally = Tally()
    for name, status, path in args.run:
        count_run(name, status, path, tally)
    for name, status, path in args.junit:
        add_result(tally, name, "" if status == "0" else f"exit status {status}", path)
    if not tally.passed and not tally.failed:
        print("No test ran. Name targets that have tests, or none at all.")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
