"""The examples in client/examples that have a fleet distribute a file, in Python and in
Node.js: against three nodes, of which one has no place for it, and one is killed."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

import harness
import npm
from certificates import Authority
from fleets import DistributionCase
from receptions import MIB

EXAMPLES = pathlib.Path("client/examples").resolve()
PROTOS = [f"--proto={pathlib.Path(name).resolve()}" for name in ("proto", "third_party")]


class DistributeExampleTest(DistributionCase):
    def setUp(self):
        super().setUp()
        self.events = []
        # What the examples say to people.
        self.complaints = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.addCleanup(self.complaints.close)

    def python(self):
        # Debian's grpcio, and the stubs that the harness has made.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return [sys.executable, str(EXAMPLES / "python" / "distribute.py")], environment

    def node(self):
        manifest = json.loads((EXAMPLES / "node" / "package.json").read_text(encoding="utf-8"))
        packages = [f"{name}@{version}" for name, version in manifest["dependencies"].items()]
        # Node looks for packages beside the program.
        home = self.a.home / "example"
        if not home.exists():
            home.mkdir()
            shutil.copy(EXAMPLES / "node" / "distribute.mjs", home)
            (home / "node_modules").symlink_to(npm.node_modules(*packages))
        return ["node", str(home / "distribute.mjs"), *PROTOS], None

    def run_example(self, program, servers, *arguments, on_event=lambda event: None):
        """Its exit status; self.events is what it printed."""
        command, environment = program()
        process = subprocess.Popen(
            [
                *command, "--server", ",".join(one.control_address for one in servers),
                "--file", "a:files/content", "--as", "disk/file", *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
            env=environment,
        )  # fmt: skip
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        watchdog = threading.Timer(10 * harness.DEADLINE_S, process.kill)
        self.addCleanup(watchdog.cancel)
        watchdog.start()
        for line in process.stdout:
            event = json.loads(line)
            self.events.append(event)
            on_event(event)
        return process.wait(timeout=harness.DEADLINE_S)

    def said(self, name):
        return [event for event in self.events if event["event"] == name]

    def assert_mends_a_node_that_has_no_place(self, program):
        (self.b.disk / "file").write_bytes(b"of somebody")
        mend = self.a.home / "mend"
        mend.write_text(f'#!/bin/sh\n[ "$1" = b ] && rm "{self.b.disk}/file"\necho "$2 $3"\n')
        mend.chmod(0o755)
        status = self.run_example(program, [self.c, self.b], "--on-failure", str(mend))
        self.assertEqual(status, 0, self.events)
        (failed,) = self.said("node")
        self.assertEqual((failed["node"], failed["state"]), ("b", "DELIVERY_STATE_FAILED"))
        self.assertNotEqual(failed["detail"], "")
        self.assertEqual(
            self.said("end"),
            [{"event": "end", "state": "DISTRIBUTION_STATE_SUCCEEDED", "missing": []}],
        )
        for node in (self.b, self.c):
            self.assertEqual(node.received_content(), self.content)

    def assert_goes_on_with_another_server(self, program):
        gate = self.hold(self.a, MIB)

        def kill_whom_it_asks(event):
            if event["event"] == "progress" and event["state"].endswith("RUNNING"):
                self.b.kill()
                gate.open()

        status = self.run_example(
            program, [self.b, self.c], "--to", "c", on_event=kill_whom_it_asks
        )
        self.assertEqual(status, 0, self.events)
        servers = [event["server"] for event in self.said("server")]
        self.assertEqual(servers[:2], [self.b.control_address, self.c.control_address])
        self.assertEqual(self.c.received_content(), self.content)

    def assert_gives_up(self, program):
        (self.b.disk / "file").write_bytes(b"of somebody")
        status = self.run_example(program, [self.a], "--retries", "1")
        self.assertEqual(status, 1, self.events)
        self.assertEqual(len(self.said("node")), 2)
        self.assertEqual(
            self.said("end"),
            [
                {
                    "event": "end",
                    "state": "DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED",
                    "missing": ["b"],
                }
            ],
        )
        self.assertEqual(self.b.received_content(), b"of somebody")

    def assert_ends_without_its_distribution(self, program):
        """Somebody deletes it while it goes on."""
        self.hold(self.a, MIB)

        def delete(event):
            if event["event"] == "progress" and event["state"].endswith("RUNNING"):
                self.c.distributions.DeleteDistribution(
                    harness.stubs.distribution_service.DeleteDistributionRequest(
                        name=self.said("distribution")[0]["name"], force=True
                    )
                )

        status = self.run_example(program, [self.c], on_event=delete)
        self.assertEqual(status, 1, self.events)
        self.assertEqual(
            self.said("end"), [{"event": "end", "state": "DELETED", "missing": []}]
        )

    def complained(self):
        """All of it. A programmer's trace is no message to people."""
        self.complaints.seek(0)
        text = self.complaints.read()
        for trace in ("Traceback", "    at "):
            self.assertNotIn(trace, text)
        return text

    def assert_refuses_a_command_that_cannot_be_run(self, program):
        no_program = self.a.home / "no_program"
        no_program.write_text("")
        for command in ("/nowhere/mend", "no-such-program", str(no_program), str(self.a.home)):
            status = self.run_example(program, [self.c], "--on-failure", command)
            self.assertEqual(status, 2, command)
            self.assertIn(f"--on-failure: {command}: there is no such", self.complained())
        # Nothing was distributed.
        self.assertEqual(self.events, [])

    def assert_goes_on_without_a_command_that_is_gone(self, program):
        (self.b.disk / "file").write_bytes(b"of somebody")
        mend = self.a.home / "mend"
        # Once it ends badly, then it is no program any more.
        mend.write_text('#!/bin/sh\nchmod a-x "$0"\nexit 3\n')
        mend.chmod(0o755)
        status = self.run_example(
            program, [self.a], "--retries", "1", "--on-failure", str(mend)
        )
        self.assertEqual(status, 1, self.events)
        self.assertEqual(self.said("end")[0]["missing"], ["b"])
        text = self.complained()
        self.assertIn(f"{mend} for b ended with 3", text)
        self.assertIn(f"cannot run {mend} for b: ", text)

    def assert_says_why_a_call_has_failed(self, program):
        status = self.run_example(program, [self.c], "--to", "no node")
        self.assertEqual(status, 1, self.events)
        self.assertIn("INVALID_ARGUMENT: ", self.complained())

    def assert_shows_who_it_is(self, program):
        """At a node whose API wants a certificate or a token."""
        authority = Authority(self.a.home / "authority")
        certificate, key = authority.issue("d")
        operator, operator_key = authority.issue("operator", usages="clientAuth")
        token = self.a.home / "token"
        token.write_text("of an operator\n")
        tokens = self.a.home / "tokens"
        tokens.write_text(
            f"deployer operator {hashlib.sha256(b'of an operator').hexdigest()}\n"
        )
        tokens.chmod(0o600)
        asks = self.join(
            "d", f"--tls-cert={certificate}", f"--tls-key={key}",
            f"--tls-client-ca={authority.path}", "--cert-role=cn:operator=operator",
            f"--token-file={tokens}",
        )  # fmt: skip
        trusts = ("--tls-ca", str(authority.path), "--to")
        shown = ("--tls-cert", str(operator), "--tls-key", str(operator_key))
        self.assertEqual(self.run_example(program, [asks], *trusts, "b", *shown), 0, self.events)
        shown = ("--token-file", str(token))
        self.assertEqual(self.run_example(program, [asks], *trusts, "c", *shown), 0, self.events)
        for node in (self.b, self.c):
            self.assertEqual(node.received_content(), self.content)
        self.assertEqual(self.run_example(program, [asks], *trusts, "c"), 1)
        self.assertIn("UNAUTHENTICATED", self.complained())
        self.assertEqual(self.run_example(program, [asks], *shown), 2)
        self.assertIn("want --tls-ca", self.complained())
        self.assertEqual(self.run_example(program, [asks], "--tls-ca", "/nowhere/ca.pem"), 1)
        self.assertIn("/nowhere/ca.pem", self.complained())

    def test_python_shows_who_it_is(self):
        self.assert_shows_who_it_is(self.python)

    def test_node_shows_who_it_is(self):
        self.assert_shows_who_it_is(self.node)

    def test_python_refuses_a_command_that_cannot_be_run(self):
        self.assert_refuses_a_command_that_cannot_be_run(self.python)

    def test_node_refuses_a_command_that_cannot_be_run(self):
        self.assert_refuses_a_command_that_cannot_be_run(self.node)

    def test_python_goes_on_without_a_command_that_is_gone(self):
        self.assert_goes_on_without_a_command_that_is_gone(self.python)

    def test_node_goes_on_without_a_command_that_is_gone(self):
        self.assert_goes_on_without_a_command_that_is_gone(self.node)

    def test_python_says_why_a_call_has_failed(self):
        self.assert_says_why_a_call_has_failed(self.python)

    def test_node_says_why_a_call_has_failed(self):
        self.assert_says_why_a_call_has_failed(self.node)

    def test_python_mends_a_node_that_has_no_place(self):
        self.assert_mends_a_node_that_has_no_place(self.python)

    def test_node_mends_a_node_that_has_no_place(self):
        self.assert_mends_a_node_that_has_no_place(self.node)

    def test_python_goes_on_with_another_server(self):
        self.assert_goes_on_with_another_server(self.python)

    def test_node_goes_on_with_another_server(self):
        self.assert_goes_on_with_another_server(self.node)

    def test_python_gives_up(self):
        self.assert_gives_up(self.python)

    def test_node_gives_up(self):
        self.assert_gives_up(self.node)

    def test_python_ends_when_its_distribution_is_deleted(self):
        self.assert_ends_without_its_distribution(self.python)

    def test_node_ends_when_its_distribution_is_deleted(self):
        self.assert_ends_without_its_distribution(self.node)
