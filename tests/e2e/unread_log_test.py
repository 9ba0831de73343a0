"""A log that nobody reads, as of a terminal that was stopped: it holds nothing up."""

import fcntl
import json
import os
import pathlib
import select
import signal
import tempfile

import grpc

import harness
from harness import Service, stubs

# The log has 1 MiB of memory; a line of an audited call is some 150 bytes.
CALLS = 10_000
AT_A_TIME = 500
CONTENT = b"content" * 100_000


class UnreadLogTest(harness.ServiceTest):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="log.")
        self.addCleanup(directory.cleanup)
        pipe = pathlib.Path(directory.name) / "pipe"
        os.mkfifo(pipe)
        self.reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, self.reader)
        fcntl.fcntl(self.reader, fcntl.F_SETPIPE_SZ, 4096)
        self.service = Service(
            prefix=("sh", "-c", 'exec "$@" >"$0" 2>&1', str(pipe)),
            flags=("--log-format=json", "--drain-timeout=0s"),
        )
        self.addCleanup(self.service.close)
        self.service.write_file("content", CONTENT)

    def fill(self):
        """With more lines than the log has room for: each is of a call that it answers."""
        absent = stubs.session_service.CancelSessionRequest(name="sessions/absent")
        for _ in range(0, CALLS, AT_A_TIME):
            calls = [self.service.sessions.CancelSession.future(absent) for _ in range(AT_A_TIME)]
            for call in calls:
                self.assertEqual(call.code(), grpc.StatusCode.NOT_FOUND)

    def read_until(self, event):
        """How many lines there are until the first of this name."""
        unread, lines = b"", 0
        while select.select([self.reader], [], [], harness.DEADLINE_S)[0]:
            if not (part := os.read(self.reader, 1 << 16)):
                break
            *whole, unread = (unread + part).split(b"\n")
            for line in whole:
                lines += 1
                if json.loads(line)["event"] == event:
                    return lines
        raise AssertionError(f"there is no {event} in {lines} lines")

    def test_calls_and_transfers_go_on(self):
        self.fill()
        # Sessions and recipients, which have lines too, on whichever lane they are.
        for _ in range(10):
            session = self.service.create()
            peers = [self.connect(session, b"\0") for _ in range(3)]
            self.service.wait_ready(session.name, len(peers))
            peers.append(self.connect(session, b"\1"))
            for peer in peers:
                self.assertEqual(harness.read_all(peer), CONTENT)
            self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
        self.assertLess(self.read_until("log_lines_dropped"), CALLS)

    def test_what_libraries_say_of_requests_holds_nothing_up(self):
        # A string that is no UTF-8, of somebody who needs no credentials.
        check = self.service.channel.unary_unary("/grpc.health.v1.Health/Check")
        for _ in range(200):
            with self.assertRaises(grpc.RpcError) as refused:
                check(b"\x0a\x01\xff", timeout=harness.DEADLINE_S)
            self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertGreater(self.read_until("protobuf"), 0)

    def test_the_stop_goes_on(self):
        self.fill()
        self.service.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        # It had no room for all of its lines.
        unread = b""
        while part := os.read(self.reader, 1 << 16):
            unread += part
        self.assertLess(unread.count(b"\n"), CALLS)
