"""What recipients and callers see when the service is killed, or is stopped."""

import os
import signal
import socket

import grpc

import harness
import recipients
from harness import ServiceTest, port_of, stubs

CONTENT_SIZE = 64 << 20
# Slow enough that nobody has it all when the service goes.
RATE = 1 << 20

# How each program shows that the connection was reset: its exit status, and words on its
# error output. Both netcats are silent about it; whoever uses them has to compare sums.
RESET_IS_SHOWN_BY = {
    "nc.openbsd -N": (0, ""),
    "nc.openbsd": (0, ""),
    "nc.traditional": (0, ""),
    "nc.traditional, open input": (0, ""),
    "socat": (0, "Connection reset by peer"),
    "socat, open input": (0, "Connection reset by peer"),
    "ncat": (1, "Connection reset by peer"),
    "tcptool -r": (1, "not complete"),
}


class StopTest(ServiceTest):
    service_flags = ("--drain-timeout=0s",)

    def setUp(self):
        super().setUp()
        self.service.write_file("content", os.urandom(CONTENT_SIZE))

    def start_transfer(self):
        """All kinds of recipients and a plain socket, each with some of the content."""
        limits = stubs.session.Limits(recipient_bytes_per_second=RATE)
        session = self.service.create(limits=limits)
        self.running = []
        for kind in recipients.KINDS:
            recipient = recipients.Recipient(kind, port_of(session), recipients.WAIT)
            self.addCleanup(recipient.close)
            self.running.append(recipient)
        self.service.wait_ready(session.name, len(self.running))
        self.peer = self.connect(session, recipients.START)
        harness.wait_until(
            lambda: all(r.bytes_acked for r in self.service.recipients(session.name)),
            "every recipient has some bytes",
        )
        return session

    def assert_everybody_sees_a_reset(self):
        with self.subTest("plain socket"), self.assertRaises(ConnectionResetError):
            while self.peer.recv(1 << 20):
                pass
        for recipient in self.running:
            with self.subTest(recipient.kind.name):
                want_status, want_words = RESET_IS_SHOWN_BY[recipient.kind.name]
                status, words = recipient.wait()
                self.assertEqual(status, want_status)
                self.assertIn(want_words, words)
                self.assertLess(recipient.output.stat().st_size, CONTENT_SIZE)

    def test_killed_service_resets_every_recipient(self):
        self.start_transfer()
        self.service.process.kill()
        self.service.process.wait()
        self.assert_everybody_sees_a_reset()

    def test_stopped_service_ends_in_order_and_resets_every_recipient(self):
        session = self.start_transfer()
        watch = self.service.sessions.WatchSessions(
            stubs.session_service.WatchSessionsRequest(
                names=[session.name], include_recipients=True
            )
        )
        next(watch)
        self.service.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        self.assert_everybody_sees_a_reset()
        # Watchers are told why.
        reasons = []
        with self.assertRaises(grpc.RpcError) as ended:
            for message in watch:
                reasons += [one.recipient.reason for one in message.changes]
        self.assertEqual(ended.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn(stubs.recipient.RECIPIENT_REASON_SERVICE_STOPPED, reasons)
