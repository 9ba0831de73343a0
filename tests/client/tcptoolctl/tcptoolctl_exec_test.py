"""tcptoolctl watch --exec: a command at each recipient's end."""

import pathlib
import subprocess
import tempfile

import harness
import recipients
from ctl import CtlTest


class ExecTest(CtlTest):
    def setUp(self):
        super().setUp()
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.out = pathlib.Path(home.name) / "out"
        self.out.touch()

    def watch(self, session, command):
        watch = subprocess.Popen(
            self.command("watch", f"--exec={command}", session.name),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(watch.kill)
        return watch

    def end_of(self, watch):
        """The exit status, and what was printed to both outputs."""
        out, errors = watch.communicate(timeout=harness.DEADLINE_S)
        return watch.returncode, out, errors

    def take_all(self, session, byte):
        peer = self.connect(session, byte)
        self.assertEqual(harness.read_all(peer), b"firmware")

    def note(self, *variables):
        values = " ".join(f'"$TCPTOOL_{name}"' for name in variables)
        return f"echo {values} >> '{self.out}'"

    def lines(self):
        return self.out.read_text().splitlines()

    def test_it_runs_once_for_each_recipient(self):
        session = self.service.create(
            start=harness.stubs.session.StartPolicy(immediate=True),
        )
        self.take_all(session, recipients.WAIT)
        harness.wait_until(
            lambda: self.service.get(session.name).counts.delivered == 1, "one is DELIVERED"
        )
        watch = self.watch(session, self.note("SESSION", "RECIPIENT", "STATE", "BYTES_ACKED"))
        harness.wait_until(lambda: len(self.lines()) == 1, "it ran for one from before")
        self.take_all(session, recipients.WAIT)
        harness.wait_until(lambda: len(self.lines()) == 2, "it ran at the end of another")
        self.service.sessions.CancelSession(
            harness.stubs.session_service.CancelSessionRequest(name=session.name)
        )
        self.end_of(watch)
        self.assertEqual(
            self.lines(),
            [f"{session.name} {session.name}/recipients/{n} DELIVERED 8" for n in (1, 2)],
        )

    def test_peers_texts_are_not_the_shells(self):
        label = f"$(echo bad >> '{self.out}'); `exit 1` \"'"
        session = self.service.create(
            expected=[harness.stubs.session.ExpectedRecipient(address="127.0.0.1", label=label)]
        )
        watch = self.watch(session, self.note("LABEL", "ADDRESS"))
        peer = self.connect(session, recipients.WAIT)
        address = "%s:%d" % peer.getsockname()
        self.assertEqual(harness.read_all(peer), b"firmware")
        self.assertEqual(self.end_of(watch)[0], 0)
        self.assertEqual(self.lines(), [f"{label} {address}"])

    def test_who_was_expected_and_has_not_come_is_told_at_the_end(self):
        address = harness.stubs.session.ExpectedRecipient
        session = self.service.create(
            expected=[address(address="127.0.0.1"), address(address="192.0.2.7", label="gate")]
        )
        watch = self.watch(session, self.note("LABEL", "STATE"))
        self.take_all(session, recipients.START)
        status, _, errors = self.end_of(watch)
        self.assertEqual(status, 1)
        self.assertIn("PARTIALLY_SUCCEEDED", errors)
        self.assertEqual(sorted(self.lines()), [" DELIVERED", "gate EXPECTED"])

    def test_a_command_that_fails_fails_the_watch(self):
        session = self.service.create()
        watch = self.watch(session, "echo printed; exit 7")
        self.take_all(session, recipients.START)
        status, out, errors = self.end_of(watch)
        self.assertEqual(status, 1)
        self.assertNotIn("printed", out)
        self.assertIn("printed\n", errors)
        self.assertIn(f"{session.name}/recipients/1", errors)
        self.assertIn("1 of 1 commands failed", errors)
        self.assertIn("status 7", errors)

    def test_it_waits_for_commands_that_run_at_the_end(self):
        go = self.out.with_name("go")
        session = self.service.create()
        watch = self.watch(
            session, f"until test -e '{go}'; do sleep 0.05; done; {self.note('STATE')}"
        )
        self.take_all(session, recipients.START)
        for line in watch.stdout:
            if "SUCCEEDED" in line:
                break
        self.assertEqual(self.lines(), [])
        go.touch()
        self.assertEqual(self.end_of(watch)[0], 0)
        self.assertEqual(self.lines(), ["DELIVERED"])

    def test_it_is_for_sessions(self):
        done = self.run_ctl("watch", "--exec=true", "receptions/a")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--exec", done.stderr)
