"""tcptool's completions for bash and zsh."""

import re
import subprocess
import unittest

import harness
from completions import Completions

LEVELS = ["none", "error", "warning", "info", "progress", "debug"]


class CompletionTest(unittest.TestCase):
    def setUp(self):
        self.completions = Completions("tcptool")
        text = subprocess.run(
            [harness.program("tcptool"), "--help"], capture_output=True, text=True, check=True
        ).stdout
        self.options = set(re.findall(r"(?<![-\w])(--?[a-z][-a-z0-9]*)", text))

    def test_both_shells_complete_what_the_program_has(self):
        for shell in self.completions.shells:
            with self.subTest(shell.__name__):
                self.assertEqual(set(shell("-")), self.options)
                self.assertEqual(shell("-s", "9876", "-d", ""), LEVELS)
                self.assertEqual(shell("-c", ""), ["unlimited"])
                # Values that only the user knows; options that have none.
                self.assertEqual(shell("-r", "h:1", "--wait", ""), [])
                self.assertNotEqual(shell("-r", "h:1", "--sync", ""), [])

    def test_files_and_hosts_where_they_are_meant(self):
        self.assertEqual(self.completions.bash("-s", "9876", "docs/tcptool."), ["docs/tcptool.1"])
        self.assertEqual(self.completions.zsh("-s", "9876", ""), ["FILES"])
        self.assertEqual(self.completions.zsh("-r", ""), ["HOSTS"])
        for option in ("--tls-ca", "--tls-cert", "--tls-key", "--tls-client-ca"):
            self.assertEqual(self.completions.bash(option, "docs/tcptool."), ["docs/tcptool.1"])
            self.assertEqual(self.completions.zsh(option, ""), ["FILES"])
        self.assertEqual(self.completions.bash("--tls-name", ""), [])

    def test_bash_offers_what_fits(self):
        self.assertEqual(self.completions.bash("-r", "h:1", "--sp"), ["--sparse"])
