"""Clients behind a slow link keep their connection while an answer comes over it."""

import time

import http2
from harness import stubs
from security import NODE, SecurityTest, bearer

GET_SESSION = b"/tcptool.v1.SessionService/GetSession"
AUTHORIZATION = (b"authorization", b"Bearer o")
BYTES_A_SECOND = 20_000
# What the client's own kernel holds.
OWN = 64 << 10


class SlowLinksTest(SecurityTest):
    def setUp(self):
        super().setUp()
        tokens = self.write_tokens(otto=("operator", "o"))
        # With a front between the client and gRPC, and without.
        self.services = self.serve(f"--token-file={tokens}"), self.serve()

    def create(self, service):
        """A session of which a message takes longer than the service waits for a ping."""
        service.write_file("content", b"x")
        session = stubs.session
        spec = session.SessionSpec(
            file=session.FileSource(root="files", path="content"),
            expected=(
                session.ExpectedRecipient(address=f"10.0.{i >> 8}.{i & 255}", label=f"{i:063}")
                for i in range(10_000)
            ),
        )
        return service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(session=session.Session(spec=spec)),
            metadata=bearer("o"),
        )

    def test_a_long_answer(self):
        unread = {}
        for service in self.services:
            session = self.create(service)
            client = http2.Connection(service.control_address, own_buffers=OWN)
            self.addCleanup(client.close)
            client.allow(0, 1 << 24)
            request = stubs.session_service.GetSessionRequest(name=session.name)
            headers = http2.request_headers(GET_SESSION, AUTHORIZATION)
            client.send(http2.header_frames(1, headers))
            client.allow(1, 1 << 24)
            message = http2.message(request.SerializeToString())
            client.send(http2.frame(http2.DATA, http2.END_STREAM, 1, message))
            # The session, and the five bytes in front of it. No two have the same size.
            unread[client] = session.ByteSize() + 5
        began = time.monotonic()
        size = max(unread.values())
        while (most := max(unread.values())) > 0:
            for client in unread:
                while unread[client] > 0:
                    frame = client.read_frame()
                    self.assertIsNotNone(frame, f"it has ended {unread[client]} bytes too early")
                    kind, _, _, payload = frame
                    if kind == http2.DATA:
                        unread[client] -= len(payload)
                        break
            time.sleep(max(0.0, began + (size - most) / BYTES_A_SECOND - time.monotonic()))
        for client in unread:
            client.call(3, f"/{NODE}/GetNode".encode(), b"", AUTHORIZATION)
            while (frame := client.read_frame()) is not None and frame[:3:2] != (http2.DATA, 3):
                pass
            self.assertIsNotNone(frame, "the connection has ended")
