"""Runs a file of unittest cases and reports each of them to Bazel.

usage: runner.py TEST_FILE --program NAME=PATH... --proto PATH...
"""

import argparse
import importlib
import os
import pathlib
import sys
import time
import traceback
import unittest
import xml.etree.ElementTree as ElementTree

import harness


class Result(unittest.TextTestResult):
    """Remembers what became of each case, and how long it took."""

    def __init__(self, *args):
        super().__init__(*args)
        self.cases = {}  # id: (seconds, what happened, in which words)
        self._started = 0.0

    def startTest(self, test):
        self._started = time.monotonic()
        super().startTest(test)

    def _add(self, test, kind="passed", text=""):
        # A failed subtest is reported before its test's success.
        if self.cases.get(test.id(), (0, "passed"))[1] == "passed":
            self.cases[test.id()] = (time.monotonic() - self._started, kind, text)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._add(test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._add(test, "failure", "".join(traceback.format_exception(*err)))

    def addError(self, test, err):
        super().addError(test, err)
        self._add(test, "error", "".join(traceback.format_exception(*err)))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        # Each subtest is a case of its own, in place of the test around it.
        if err is None:
            self._add(subtest)
        else:
            self._add(subtest, "failure", "".join(traceback.format_exception(*err)))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._add(test, "skipped", reason)


def cases_of(suite):
    """All cases, in order."""
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from cases_of(part)
        else:
            yield part


def of_this_shard(suite):
    """Those cases that this process is to run, where Bazel has divided the test."""
    if "TEST_TOTAL_SHARDS" not in os.environ:
        return suite
    pathlib.Path(os.environ["TEST_SHARD_STATUS_FILE"]).touch()
    total, index = int(os.environ["TEST_TOTAL_SHARDS"]), int(os.environ["TEST_SHARD_INDEX"])
    return unittest.TestSuite(list(cases_of(suite))[index::total])


def write_junit(result, suite_name, path):
    """Writes the XML that Bazel looks for."""
    suite = ElementTree.Element("testsuite", name=suite_name, tests=str(len(result.cases)))
    for name, (seconds, kind, text) in result.cases.items():
        case = ElementTree.SubElement(suite, "testcase", name=name, time=f"{seconds:.3f}")
        if kind != "passed":
            message = text.strip().splitlines()[-1] if text else ""
            ElementTree.SubElement(case, kind, message=message).text = text
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("test_file", type=pathlib.Path)
    parser.add_argument("--program", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--proto", nargs="+", default=[], type=pathlib.Path)
    parser.add_argument("cases", nargs="*", help="only these: Class or Class.test_name")
    args = parser.parse_args()

    harness.configure(dict(pair.split("=", 1) for pair in args.program), args.proto)
    sys.path.insert(0, str(args.test_file.parent))
    module = importlib.import_module(args.test_file.stem)
    loader = unittest.defaultTestLoader
    suite = (
        loader.loadTestsFromNames(args.cases, module)
        if args.cases
        else loader.loadTestsFromModule(module)
    )
    suite = of_this_shard(suite)
    result = unittest.TextTestRunner(resultclass=Result, verbosity=2).run(suite)
    if "XML_OUTPUT_FILE" in os.environ:
        write_junit(result, args.test_file.stem, os.environ["XML_OUTPUT_FILE"])
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
