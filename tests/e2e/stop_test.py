"""What recipients and callers see when the service is killed, or is stopped."""

import os
import signal
import time

import grpc

import harness
import http2
import recipients
from harness import ServiceTest, port_of, stubs
from security import SecurityTest

CONTENT_SIZE = 64 << 20
# Slow enough that nobody has it all when the service goes.
RATE = 1 << 17

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


class IdleStopTest(SecurityTest):
    # A stop that waits for a time-out takes longer each time; one that a busy machine slows
    # down does not.
    STOPS = 30
    LIMIT_S = 1

    def time_of_stop(self, service):
        """With a connected client that makes no call, and answers nothing."""
        with http2.Connection(service.control_address).socket:
            began = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            self.assertEqual(service.process.wait(timeout=harness.DEADLINE_S), 0)
            took = time.monotonic() - began
        service.start()
        return took

    def test_a_stop_waits_for_nothing_where_nothing_runs(self):
        tokens = self.write_tokens(otto=("operator", "o"))
        for flags in ((), (f"--token-file={tokens}", "--peer-address=127.0.0.1:0")):
            with self.subTest(flags):
                service = self.serve(*flags)
                took = [self.time_of_stop(service)]
                while min(took) >= self.LIMIT_S and len(took) < self.STOPS:
                    took.append(self.time_of_stop(service))
                self.assertLess(min(took), self.LIMIT_S, took)
                self.assertEqual(self.events(service, "stop_incomplete"), [])
