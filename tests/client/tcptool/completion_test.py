"""tcptool's completions for bash and zsh."""

import os
import pathlib
import re
import subprocess
import unittest

import harness

BASH = pathlib.Path("client/tcptool/completion/tcptool.bash")
ZSH = pathlib.Path("client/tcptool/completion/_tcptool")
LEVELS = ["none", "error", "warning", "info", "progress", "debug"]


class CompletionTest(unittest.TestCase):
    def setUp(self):
        program = pathlib.Path(harness.program("tcptool"))
        self.environment = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
        text = subprocess.run(
            [program, "--help"], capture_output=True, text=True, check=True
        ).stdout
        self.options = set(re.findall(r"(?<![-\w])(--?[a-z][-a-z0-9]*)", text))

    def run_shell(self, *command):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=self.environment
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def bash(self, *words):
        script = (
            f'source {BASH}; COMP_WORDS=(tcptool "$@"); COMP_CWORD=$#; _tcptool;'
            ' printf "%s\\n" "${COMPREPLY[@]}"'
        )
        return self.run_shell("bash", "-c", script, "bash", *words)

    def zsh(self, *words):
        # Its line editor's functions are stood in for: they print what they are given.
        script = (
            "compadd() { if [[ $1 == -a ]]; then print -rl -- ${(P)2}; else print -rl -- $@; fi };"
            " _files() { print FILES }; _hosts() { print HOSTS }; _message() { : };"
            f' body=$(<{ZSH}); words=(tcptool "$@"); CURRENT=$#words; eval $body'
        )
        return self.run_shell("zsh", "-f", "-c", script, "zsh", *words)

    def test_both_shells_complete_what_the_program_has(self):
        for shell in (self.bash, self.zsh):
            with self.subTest(shell.__name__):
                self.assertEqual(set(shell("-")), self.options)
                self.assertEqual(shell("-s", "9876", "-d", ""), LEVELS)
                self.assertEqual(shell("-c", ""), ["unlimited"])
                # Values that only the user knows; options that have none.
                self.assertEqual(shell("-r", "h:1", "--wait", ""), [])
                self.assertNotEqual(shell("-r", "h:1", "--sync", ""), [])

    def test_files_and_hosts_where_they_are_meant(self):
        self.assertEqual(self.bash("-s", "9876", "docs/tcptool."), ["docs/tcptool.1"])
        self.assertEqual(self.zsh("-s", "9876", ""), ["FILES"])
        self.assertEqual(self.zsh("-r", ""), ["HOSTS"])

    def test_bash_offers_what_fits(self):
        self.assertEqual(self.bash("-r", "h:1", "--sp"), ["--sparse"])
