"""What receiving, relaying and an upload cost in system calls."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile

import harness
from call_counts import MEBIBYTE, RECIPIENTS, assert_costs, counted, counts
from harness import port_of, stubs
from receptions import ReceptionCase, Sender, state_of
from tcptool_process import TcptoolTest


def with_whole_reads(summary):
    """Runs a program as counted() does, whose sender seems to be ahead of it: how often the
    content is read would else be the scheduler's doing."""
    return [*counted(summary), "-E", f"LD_PRELOAD={harness.program('whole_reads')}"]


def send(sender, size):
    """So many MiB to the recipient that connects, and the end."""
    peer, _ = sender.accept()
    peer.sendall(os.urandom(size * MEBIBYTE))
    peer.shutdown(socket.SHUT_WR)


class RecipientCallsTest(TcptoolTest):
    """`tcptool -r`."""

    def transfer(self, size):
        sender = Sender(self)
        summary = self.home / "summary"
        recipient = self.start(
            "-d", "error", "-r", sender.address, self.home / "file",
            prefix=with_whole_reads(summary),
        )  # fmt: skip
        send(sender, size)
        self.assertEqual(self.finish(recipient)[0], 0)
        return counts(summary)

    def test_into_a_file(self):
        assert_costs(self, {"recvfrom": 1.0, "write": 1.0}, self.transfer)


class ServiceCallsTest(ReceptionCase):
    """tcptoold, with a database that makes no calls."""

    service_flags = ("--state=:memory:",)

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="calls.")
        self.addCleanup(directory.cleanup)
        self.summary = pathlib.Path(directory.name) / "summary"
        self.service_prefix = with_whole_reads(self.summary)
        super().setUp()
        self.addCleanup(self.end)

    def end(self):
        """Ends the service, and so strace, which then writes what it has counted."""
        strace = self.service.process
        if strace.poll() is not None:
            return
        children = pathlib.Path(f"/proc/{strace.pid}/task/{strace.pid}/children")
        for child in children.read_text(encoding="ascii").split():
            os.kill(int(child), signal.SIGTERM)
        strace.wait(harness.DEADLINE_S)

    def assert_costs(self, recorded, move, count=1):
        """`move` has the service move so many MiB to so many recipients."""

        def transfer(size):
            if self.service.process.poll() is not None:
                self.service.restart()
            move(size, count)
            self.end()
            return counts(self.summary)

        assert_costs(self, recorded, transfer, count)

    def start_recipients(self, session, count):
        """Once they have started the session."""
        process = subprocess.Popen(
            [sys.executable, "-c", RECIPIENTS, str(port_of(session)), str(count)]
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        harness.wait_until(
            lambda: self.service.get(session.name).counts.transferring == count,
            "all are sent to",
        )
        return process

    def assert_delivered(self, session, recipients):
        self.assertEqual(recipients.wait(harness.DEADLINE_S), 0)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def receive(self, size, _):
        sender = Sender(self)
        name = self.create(sender.address, overwrite=True).name
        send(sender, size)
        self.assertEqual(state_of(self.wait_final(name)), "SUCCEEDED")

    def relay(self, size, count):
        sender = Sender(self)
        name = self.create(sender.address, overwrite=True).name
        session = self.serve(name)
        recipients = self.start_recipients(session, count)
        send(sender, size)
        self.assert_delivered(session, recipients)

    def upload(self, size, count):
        names = stubs.session
        session = self.service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(
                session=names.Session(spec=names.SessionSpec(upload=names.UploadSource()))
            )
        )
        recipients = self.start_recipients(session, count)
        data = os.urandom(MEBIBYTE)
        messages = (
            stubs.session_service.UploadContentRequest(
                name=session.name if part == 0 else "",
                offset=part * MEBIBYTE,
                data=data,
                complete=part == size - 1,
            )
            for part in range(size)
        )
        self.service.sessions.UploadContent(messages, timeout=harness.DEADLINE_S)
        self.assert_delivered(session, recipients)

    def test_reception(self):
        # A block is read as a whole, and written as it is hashed, 128 KiB at a time.
        self.assert_costs({"recvfrom": 1.0, "pwrite64": 8.0}, self.receive)

    def test_relay(self):
        # And sent from memory.
        self.assert_costs({"recvfrom": 1.0, "pwrite64": 8.0, "sendto": 1.0}, self.relay)

    def test_upload(self):
        # Each message is a block. How often it is read for is gRPC's doing.
        self.assert_costs({"sendto": 1.0}, self.upload, count=8)
