"""tcptoolctl's help, its man page and its completions say the same."""

import concurrent.futures
import pathlib
import re
import subprocess
import tempfile
import unittest

import grpc

import harness
from completions import Completions
from receptions import ReceptionCase, Sender

MAN_PAGE = pathlib.Path("docs/tcptoolctl.1")


def help_of(*command):
    return subprocess.run(
        [harness.program("tcptoolctl"), *command, "--help"],
        capture_output=True, text=True, check=True,
    ).stdout


def commands():
    """The names of the subcommands."""
    listed = help_of().partition("Subcommands:")[2]
    return re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)


def options(text):
    """The long options that a help lists."""
    return set(re.findall(r"^ +(?:-[a-z],)?(--[a-z0-9-]+)", text, re.MULTILINE))


class HelpTest(unittest.TestCase):
    def test_each_group_of_options_says_what_it_is(self):
        texts = [help_of(one) for one in commands()]
        self.assertTrue(any("[Option Group: " in text for text in texts))
        for text in texts:
            self.assertNotRegex(text, r"\[Option Group: .*\]\n *\n")


class ManPageTest(unittest.TestCase):
    def test_it_has_the_options_and_commands_of_the_help(self):
        page = MAN_PAGE.read_text(encoding="utf-8")
        helped = options(help_of()).union(*(options(help_of(one)) for one in commands()))
        listed = re.findall(r"^\.It Fl (?:h , Fl )?-([a-z0-9-]+)", page, re.MULTILINE)
        self.assertEqual({f"--{name}" for name in listed}, helped)
        self.assertEqual(
            set(re.findall(r"^\.It Cm ([a-z]+)", page, re.MULTILINE)), set(commands())
        )

    def test_it_has_the_variables_of_the_help(self):
        page = MAN_PAGE.read_text(encoding="utf-8")
        # One stands for no option: many programs have it (no-color.org).
        self.assertEqual(
            set(re.findall(r"^\.It Ev (\S+)", page, re.MULTILINE)),
            {"NO_COLOR", *re.findall(r"\(Env:(\w+)\)", help_of())},
        )


class CompletionTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"content")
        self.session = self.service.create().name
        self.completions = Completions(
            "tcptoolctl", TCPTOOL_SERVER=self.service.control_address
        )

    def test_both_shells_complete_what_the_program_has(self):
        for shell in self.completions.shells:
            with self.subTest(shell.__name__):
                self.assertEqual(set(shell("")), set(commands()))
                self.assertEqual(
                    set(shell("create", "--")), options(help_of()) | options(help_of("create"))
                )
                self.assertEqual(shell("--output", ""), ["table", "json"])
                self.assertEqual(shell("create", "--port", ""), [])
                self.assertEqual(shell("get", ""), [self.session.partition("/")[2]])
                self.assertEqual(shell("start", "sessions/"), [self.session])
                self.assertEqual(shell("node", ""), [])

    def test_the_service_that_the_line_names_is_asked(self):
        """And not the one of the environment, which is another here."""
        server = self.completions.environment.pop("TCPTOOL_SERVER")
        self.completions.environment["TCPTOOL_SERVER"] = "127.0.0.1:1"
        id_ = self.session.partition("/")[2]
        for shell in self.completions.shells:
            for named in (["--server", server], [f"--server={server}"]):
                with self.subTest(f"{shell.__name__} {named[0]}"):
                    self.assertEqual(shell(*named, "get", ""), [id_])
                    self.assertEqual(shell("get", *named, ""), [id_])
            self.assertEqual(shell("get", ""), [])
            # Of an option that has no value yet, nothing is passed on.
            self.assertEqual(shell("get", "--server", ""), [])

    def test_files_where_a_file_is_meant(self):
        self.assertEqual(self.completions.bash("create", "--spec", "docs/tcptoolctl"), ["docs/tcptoolctl.1"])
        self.assertEqual(self.completions.bash("events", "--resume", "docs/tcptoolctl"), ["docs/tcptoolctl.1"])
        for words in (("create", "--spec"), ("events", "--resume")):
            self.assertEqual(self.completions.zsh(*words, ""), ["FILES"])

    def test_bash_goes_on_in_a_directory(self):
        # In place of the builtin, which does something in a terminal alone.
        self.completions.environment["BASH_FUNC_compopt%%"] = '() { echo "compopt $*"; }'
        self.assertIn("filenames", self.completions.bash("--token-file", "docs/tcptoolctl"))
        # It would quote names, and show what is behind their last slash alone.
        self.assertNotIn("filenames", self.completions.bash("get", "sessions/"))

    def test_bash_offers_what_fits(self):
        self.assertEqual(self.completions.bash("g"), ["get"])


class HostileServiceTest(unittest.TestCase):
    """What answers at the service's address may be something else."""

    def test_names_are_never_run(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        mark = pathlib.Path(home.name) / "ran"
        command = f"touch${{IFS}}{mark}"
        names = ["sessions/fine", f"sessions/$({command})", f"sessions/`{command}`"]
        stubs = harness.stubs

        class Hostile(stubs.session_service_grpc.SessionServiceServicer):
            def ListSessions(self, request, context):
                return stubs.session_service.ListSessionsResponse(
                    sessions=[stubs.session.Session(name=name) for name in names]
                )

        server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        stubs.session_service_grpc.add_SessionServiceServicer_to_server(Hostile(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.addCleanup(server.stop, 0)
        completions = Completions("tcptoolctl", TCPTOOL_SERVER=f"127.0.0.1:{port}")
        for shell in completions.shells:
            with self.subTest(shell.__name__):
                self.assertIn("fine", shell("start", ""))
                self.assertFalse(mark.exists(), "a name was run")
        self.assertEqual(completions.bash("start", ""), ["fine"])


class ReceptionCompletionTest(ReceptionCase):
    def test_receptions_are_offered_where_they_are_meant(self):
        sender = Sender(self)
        names = [
            self.create(sender.address, reception_id=id_, path=id_).name for id_ in ("one", "two")
        ]
        names.reverse()  # The newest first.
        self.service.write_file("content", b"content")
        session = self.service.create().name.partition("/")[2]
        completions = Completions("tcptoolctl", TCPTOOL_SERVER=self.service.control_address)
        for shell in completions.shells:
            with self.subTest(shell.__name__):
                for command in ("get", "watch", "cancel", "delete"):
                    self.assertEqual(shell(command, ""), [session, *names])
                for command in ("start", "recipients"):
                    self.assertEqual(shell(command, ""), [session])
                self.assertEqual(shell("create", "--reception", ""), names)
                self.assertEqual(
                    set(shell("receive", "--")), options(help_of()) | options(help_of("receive"))
                )
                for words in (("receive", "--from", ""), ("receive", "--to", ""), ("receptions", "")):
                    self.assertEqual(shell(*words), [])
        self.assertEqual(completions.bash("get", "receptions/o"), names[1:])
