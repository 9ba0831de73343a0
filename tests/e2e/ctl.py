"""Tests that call tcptoolctl beside a service that has a file to send."""

import json
import subprocess

import harness


class CtlTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"firmware")

    def command(self, *arguments):
        return [harness.program("tcptoolctl"), "--server", self.service.control_address, *arguments]

    def run_ctl(self, *arguments, **options):
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=harness.DEADLINE_S,
            **options,
        )

    def ctl(self, *arguments, **options):
        """The output of a command that must succeed."""
        done = self.run_ctl(*arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout

    def ctl_json(self, *arguments, **options):
        return json.loads(self.ctl("--output=json", *arguments, **options))
