#!/usr/bin/env python3
"""Counts the test cases of one `bazel test`.

Reads the build events that Bazel wrote (--build_event_json_file), and so counts what
that run ran, whatever logs older runs left. Prints a line for each failure, and at
the end "N passed, N failed". Exits with 1 if anything failed, or nothing ran.
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


def read_cases(outputs):
    """The <testcase> elements that a test wrote; none if it wrote no valid XML."""
    for output in outputs:
        if output.get("name") != "test.xml":
            continue
        path = urllib.parse.unquote(urllib.parse.urlparse(output.get("uri", "")).path)
        try:
            return list(ElementTree.parse(path).iter("testcase"))
        except (OSError, ElementTree.ParseError):
            return []
    return []


def add_result(tally, label, result):
    """Counts the cases of one run of a test; at least one."""
    status = result.get("status", "NO_STATUS")
    cases = read_cases(result.get("testActionOutput", []))
    failed_before = tally.failed
    for case in cases:
        tally.add_case(label, case)
    if status not in ("PASSED", "FLAKY"):
        # As when the process was killed before it could write which case it was in.
        if tally.failed == failed_before:
            tally.fail(f"{label} ({status.lower().replace('_', ' ')})")
    elif not cases:
        tally.passed += 1


def count(events, tally):
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
        add_result(tally, label, result)
    # A test that ran and failed is "not completed" too.
    for label in sorted(not_built - tested):
        tally.fail(f"{label} (not built)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", help="file of build events, in JSON")
    parser.add_argument("--bazel-status", type=int, default=0, help="Bazel's exit status")
    args = parser.parse_args()

    tally = Tally()
    try:
        with open(args.events, encoding="utf-8") as lines:
            count((json.loads(line) for line in lines if line.strip()), tally)
    except (OSError, ValueError) as error:
        tally.fail(f"reading Bazel's events from {args.events}: {error}")
    # 4: no tests were found. What else Bazel reports and no target explains, a BUILD
    # file that does not load for one, must not pass either.
    if args.bazel_status not in (0, 4) and not tally.failed:
        tally.fail(f"bazel test (exit status {args.bazel_status}; see its messages above)")
    if not tally.passed and not tally.failed:
        print("No test ran. Name targets that have tests, or none at all.")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
