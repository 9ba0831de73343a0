"""What those who read late, or not at all, can make the service hold: clients of their
answers, watchers, and recipients of an upload."""

import selectors
import socket
import threading
import time

import harness
import http2
import recipients
from harness import ServiceTest, stubs

MIB = 1 << 20
# More than what the service, gRPC and the kernel hold of an upload together.
LARGE = 256 * MIB
CROWD = 1000
CHECK = b"/grpc.health.v1.Health/Check"
GET_SESSION = b"/tcptool.v1.SessionService/GetSession"


class SlowClientsTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"x")
        session = stubs.session
        expected = (
            session.ExpectedRecipient(address=f"10.0.{i >> 8}.{i & 255}", label=f"{i:063}")
            for i in range(10_000)
        )
        self.session = self.service.create(expected=expected)
        self.request = stubs.session_service.GetSessionRequest(
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
        read = stubs.session.Session.FromString(answer[len(http2.message(b"")) :])
        self.assertEqual(len(read.spec.expected), 10_000)

    def test_the_oldest_of_too_many_answers_makes_room(self):
        before = self.service.peak_memory()
        bound = 128 << 20
        client = self.connect_without_window()
        count = 3 * bound // self.session.ByteSize()
        for i in range(count):
            client.call(1 + 2 * i, GET_SESSION, self.request)
            # So that they are answered in this order.
            self.service.node.GetNode(stubs.node_service.GetNodeRequest())
        self.wait_for_end(client, 1)
        if not harness.is_sanitized():
            self.assertLess(self.service.peak_memory() - before, 2 * bound)
        # The newest is there still.
        newest = 1 + 2 * (count - 1)
        client.allow(0, 1 << 20)
        client.allow(newest, 1 << 20)
        while (frame := client.read_frame())[0] != http2.DATA:
            self.assertNotEqual((frame[0], frame[2]), (http2.RST_STREAM, newest))
        self.assertEqual(frame[2], newest)


class SlowWatcherTest(ServiceTest):
    def test_one_that_does_not_read_costs_little_and_slows_nobody(self):
        self.service.write_file("content", b"x" * MIB)
        session = self.service.create(
            start=stubs.session.StartPolicy(ignore_start_byte=True)
        )
        idle = self.service.sessions.WatchSessions(
            stubs.session_service.WatchSessionsRequest(include_recipients=True)
        )
        self.addCleanup(idle.cancel)
        next(idle)
        peers = [self.connect(session, recipients.WAIT) for _ in range(CROWD)]
        self.service.wait_ready(session.name, CROWD)
        before = self.service.peak_memory()
        reader = threading.Thread(target=self.read_all, args=(peers,))
        reader.start()
        self.addCleanup(reader.join)
        self.service.sessions.StartSession(
            stubs.session_service.StartSessionRequest(name=session.name)
        )
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
        reader.join()
        if not harness.is_sanitized():
            self.assertLess(self.service.peak_memory() - before, 64 * MIB)
        # When it reads at last it gets the newest state of each.
        newest = {}
        for message in idle:
            for change in message.changes:
                if change.HasField("recipient"):
                    newest[change.recipient.name] = change.recipient
            if message.bookmark and len(newest) == CROWD:
                states = {one.state for one in newest.values()}
                if states == {stubs.recipient.RECIPIENT_STATE_DELIVERED}:
                    break

    def read_all(self, peers):
        with selectors.DefaultSelector() as selector:
            for peer in peers:
                peer.setblocking(False)
                selector.register(peer, selectors.EVENT_READ)
            left = len(peers)
            while left:
                ready = selector.select(harness.DEADLINE_S)
                self.assertTrue(ready, "something comes")
                for key, _ in ready:
                    if not key.fileobj.recv(MIB):
                        selector.unregister(key.fileobj)
                        key.fileobj.close()
                        left -= 1


class SlowRecipientTest(ServiceTest):
    def test_holds_the_uploader_back(self):
        session = self.service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(
                session=stubs.session.Session(
                    spec=stubs.session.SessionSpec(upload=stubs.session.UploadSource())
                )
            )
        )
        sent = 0

        def messages():
            nonlocal sent
            for offset in range(0, LARGE, MIB):
                sent = offset
                yield stubs.session_service.UploadContentRequest(
                    name=session.name,
                    offset=offset,
                    data=bytes(MIB),
                    complete=offset + MIB >= LARGE,
                )

        call = self.service.sessions.UploadContent.future(messages())
        window = self.service.node.GetNode(
            stubs.node_service.GetNodeRequest()
        ).limits.stream_window_bytes
        harness.wait_until(lambda: sent >= window, "the window is full", 4 * harness.DEADLINE_S)
        peer = self.connect(session, recipients.START)
        received = len(peer.recv(MIB, socket.MSG_WAITALL))
        while received < LARGE:
            # Beside the window: what gRPC and the kernel hold on either side.
            self.assertLess(sent - received, window + 64 * MIB)
            received += len(peer.recv(MIB))
        peer.close()
        self.assertEqual(call.result(harness.DEADLINE_S).session.content_length, LARGE)
        if not harness.is_sanitized():
            self.assertLess(self.service.peak_memory(), window + 160 * MIB)
