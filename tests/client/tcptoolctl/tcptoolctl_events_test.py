"""tcptoolctl events: all changes, a line each, and how it goes on."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile

import harness
import recipients


class Events:
    """A running `tcptoolctl events`."""

    def __init__(self, service, *flags):
        self.process = subprocess.Popen(
            [harness.program("tcptoolctl"), "--server", service.control_address, "events", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self):
        return json.loads(self.process.stdout.readline())

    def until(self, condition):
        """The lines up to the first of which `condition` is true."""
        lines = []
        while not lines or not condition(lines[-1]):
            lines.append(self.line())
        return lines

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def is_bookmark(line):
    return "bookmark" in line


class EventsTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"firmware")

    def events(self, *flags):
        events = Events(self.service, *flags)
        self.addCleanup(events.close)
        return events

    def delete(self, session):
        self.service.sessions.DeleteSession(
            harness.stubs.session_service.DeleteSessionRequest(name=session.name, force=True)
        )

    def test_all_changes_come_with_where_to_go_on(self):
        first = self.service.create()
        events = self.events()
        lines = events.until(is_bookmark)
        self.assertEqual([next(reversed(line)) for line in lines],
                         ["snapshot", "session", "bookmark"])
        self.assertEqual([line["resume"] for line in lines[:2]], ["0", "0"])
        self.assertEqual(lines[1]["session"]["name"], first.name)
        self.assertEqual(lines[2]["resume"], lines[2]["revision"])
        second = self.service.create()
        peer = harness.connect(harness.port_of(second), recipients.WAIT)
        self.addCleanup(peer.close)
        last = events.until(lambda line: line.get("recipient", {}).get("state")
                            == "RECIPIENT_STATE_READY")[-1]
        self.assertTrue(last["recipient"]["name"].startswith(second.name))
        self.delete(first)
        events.until(lambda line: line.get("deletedName") == first.name)

    def test_it_resumes_by_revision_and_by_file(self):
        lines = self.events().until(is_bookmark)
        session = self.service.create()
        with tempfile.TemporaryDirectory() as home:
            file = pathlib.Path(home) / "events"
            file.write_text(json.dumps(lines[-1]) + '\n{"revision":"cut o')
            for resume in (lines[-1]["resume"], str(file)):
                with self.subTest(resume):
                    line = self.events(f"--resume={resume}").line()
                    self.assertEqual(line["session"]["name"], session.name)
            # There is none yet: it begins with what there is.
            self.assertTrue(self.events(f"--resume={home}/new").line()["snapshot"])

    def test_it_goes_on_when_the_service_comes_back(self):
        with tempfile.TemporaryDirectory() as home:
            # At the same address again.
            service = harness.Service(control=f"unix:{home}/control")
            self.addCleanup(service.close)
            service.write_file("content", b"firmware")
            session = service.create()
            events = Events(service, "--timeout=2m")
            self.addCleanup(events.close)
            events.until(is_bookmark)
            service.restart()
            # It says so, as of what was deleted before the restart nothing is known.
            lines = events.until(is_bookmark)
            self.assertTrue(lines[0]["snapshot"])
            self.assertIn("REVISION_FORGOTTEN", json.dumps(lines[0]["error"]))
            self.assertEqual(lines[1]["session"]["name"], session.name)
            service.sessions.CancelSession(
                harness.stubs.session_service.CancelSessionRequest(name=session.name)
            )
            events.until(lambda line: line.get("session", {}).get("state")
                         == "SESSION_STATE_CANCELLED")

    def test_a_revision_that_is_forgotten_starts_over(self):
        session = self.service.create()
        events = self.events("--resume=1")
        lines = events.until(is_bookmark)
        self.assertTrue(lines[0]["snapshot"])
        self.assertIn("REVISION_FORGOTTEN", json.dumps(lines[0]["error"]))
        self.assertEqual(lines[1]["session"]["name"], session.name)

    def test_signals_and_a_reader_that_goes_end_it_cleanly(self):
        def end_by(signal_number):
            return lambda process: process.send_signal(signal_number)

        for name, end in (
            ("SIGINT", end_by(signal.SIGINT)),
            ("SIGTERM", end_by(signal.SIGTERM)),
            ("its reader", lambda process: process.stdout.close()),
        ):
            with self.subTest(name):
                events = self.events()
                events.until(is_bookmark)
                end(events.process)
                self.assertEqual(events.process.wait(timeout=harness.DEADLINE_S), 0)
                self.assertEqual(events.process.stderr.read(), "")

    def test_what_is_wrong_is_said(self):
        with tempfile.NamedTemporaryFile("w") as other:
            other.write("something else\n")
            other.flush()
            for resume, status, text in (
                ("9" * 30, 1, "is no revision"),
                (other.name, 1, "its last line is none"),
                ("/dev/null/x", 1, "Not a directory"),
                # A script's variable that has no value, or a wrong one.
                ("", 2, "--resume: it is empty"),
                ("-1", 2, "is no revision"),
            ):
                with self.subTest(resume):
                    events = self.events("--resume", resume)
                    self.assertEqual(events.process.wait(timeout=harness.DEADLINE_S), status)
                    self.assertIn(text, events.process.stderr.read())

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [harness.program("tcptoolctl"), "--server", self.service.control_address, "events"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=harness.DEADLINE_S,
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn(os.strerror(28), done.stderr)
