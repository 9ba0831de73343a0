"""Tests of the checks beside it, on a small tree that each makes for itself."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class CheckCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def run_check(self, name, *options, errors=""):
        """What a check prints of the tree. It ends with 1 if that is anything."""
        run = subprocess.run(
            [sys.executable, HERE / name, *options, self.root],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(run.stderr, errors)
        self.assertEqual(run.returncode, 1 if run.stdout or errors else 0)
        return run.stdout
