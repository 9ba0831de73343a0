"""What clients that do not read their answers can make the service hold."""

import time

import harness
import http2
from harness import ServiceTest

CHECK = b"/grpc.health.v1.Health/Check"
GET_SESSION = b"/tcptool.v1.SessionService/GetSession"


class SlowReadersTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"x")
        session = harness.stubs.session
        expected = (
            session.ExpectedRecipient(address=f"10.0.{i >> 8}.{i & 255}", label=f"{i:063}")
            for i in range(10_000)
        )
        self.session = self.service.create(expected=expected)
        self.request = harness.stubs.session_service.GetSessionRequest(
            name=self.session.name
        ).SerializeToString()

    def connect_without_window(self):
        client = http2.Connection(self.service.control_address, settings=http2.NO_WINDOW)
        self.addCleanup(client.close)
        return client

    def wait_for_end(self, client, stream):
        """Until the service has ended the call."""
        end = time.monotonic() + harness.DEADLINE_S
        # The service's pings come in any case.
        while (frame := client.read_frame()) is not None and time.monotonic() < end:
            if frame[0] == http2.RST_STREAM and frame[2] == stream:
                return
        self.fail("the call goes on, or its connection was closed")

    def test_an_answer_waits_for_a_slow_client_but_not_for_a_stranger(self):
        client = self.connect_without_window()
        client.call(1, GET_SESSION, self.request)
        stranger = self.connect_without_window()
        stranger.call(1, CHECK)
        self.wait_for_end(stranger, 1)
        # The other has waited as long.
        size = self.session.ByteSize() + len(http2.message(b""))
        client.allow(0, size)
        client.allow(1, size)
        answer = b""
        while len(answer) < size:
            kind, _, stream, payload = client.read_frame()
            if kind == http2.DATA and stream == 1:
                answer += payload
            self.assertNotEqual(kind, http2.RST_STREAM)
        read = harness.stubs.session.Session.FromString(answer[len(http2.message(b"")) :])
        self.assertEqual(len(read.spec.expected), 10_000)

    def test_the_oldest_of_too_many_answers_makes_room(self):
        before = self.service.peak_memory()
        bound = 128 << 20
        client = self.connect_without_window()
        count = 3 * bound // self.session.ByteSize()
        for i in range(count):
            client.call(1 + 2 * i, GET_SESSION, self.request)
            # So that they are answered in this order.
            self.service.node.GetNode(harness.stubs.node_service.GetNodeRequest())
        self.wait_for_end(client, 1)
        self.assertLess(self.service.peak_memory() - before, 2 * bound)
        # The newest is there still.
        newest = 1 + 2 * (count - 1)
        client.allow(0, 1 << 20)
        client.allow(newest, 1 << 20)
        while (frame := client.read_frame())[0] != http2.DATA:
            self.assertNotEqual((frame[0], frame[2]), (http2.RST_STREAM, newest))
        self.assertEqual(frame[2], newest)
