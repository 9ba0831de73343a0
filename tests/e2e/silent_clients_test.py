"""Clients that go silent, or vanish without a word: what they held is free again."""

import threading
import time

import grpc

import harness
import http2
from harness import stubs
from security import HEALTH, NODE, SecurityTest, bearer

WATCH = b"/tcptool.v1.SessionService/WatchSessions"
AUTHORIZATION = (b"authorization", b"Bearer o")
# For the service to find out that nobody answers its pings (after 50 s), and to close.
GONE_S = 60


class SilentClientsTest(SecurityTest):
    def setUp(self):
        super().setUp()
        flags = ("--client-idle-limit=5s", "--max-watchers=1")
        tokens = self.write_tokens(otto=("operator", "o"))
        # With a front between the client and gRPC, and without.
        self.services = self.serve(*flags, f"--token-file={tokens}"), self.serve(*flags)

    def connect(self, service):
        connection = http2.Connection(service.control_address)
        self.addCleanup(connection.close)
        return connection

    def test_an_upload_that_goes_silent_fails(self):
        requests = stubs.session_service
        messages = stubs.session
        for service in self.services:
            stub = service.sessions
            spec = messages.SessionSpec(upload=messages.UploadSource())
            session = stub.CreateSession(
                requests.CreateSessionRequest(session=messages.Session(spec=spec)),
                metadata=bearer("o"),
            )
            goes_on = threading.Event()
            self.addCleanup(goes_on.set)

            def upload(name=session.name, goes_on=goes_on):
                yield requests.UploadContentRequest(name=name, data=b"x")
                goes_on.wait()

            peer = harness.connect(harness.port_of(session), b"\1")
            call = stub.UploadContent.future(upload(), metadata=bearer("o"))
            # The client is there, and its library answers pings.
            self.assertEqual(harness.read_to_end(peer), (b"x", False))
            self.assertEqual(call.code(), grpc.StatusCode.DEADLINE_EXCEEDED, call.details())
            request = requests.GetSessionRequest(name=session.name)
            harness.wait_until(
                lambda stub=stub, request=request: (
                    stub.GetSession(request, metadata=bearer("o")).state
                    == messages.SESSION_STATE_FAILED
                ),
                "the session has failed",
            )
            listed = stub.ListRecipients(
                requests.ListRecipientsRequest(parent=session.name), metadata=bearer("o")
            )
            self.assertEqual(
                [(one.state, one.reason) for one in listed.recipients],
                [
                    (
                        stubs.recipient.RECIPIENT_STATE_FAILED,
                        stubs.recipient.RECIPIENT_REASON_SOURCE_FAILED,
                    )
                ],
            )

    def test_a_connection_without_calls_is_closed(self):
        for service in self.services:
            trusted, stranger = self.connect(service), self.connect(service)
            trusted.call(1, f"/{NODE}/GetNode".encode(), b"", AUTHORIZATION)
            stranger.call(1, HEALTH.encode())
            for connection in (trusted, stranger):
                frames = []
                # It answers pings meanwhile.
                while (frame := connection.read_frame()) is not None:
                    frames.append(frame)
                self.assertIn(http2.DATA, [kind for kind, *_ in frames])
                reasons = [payload for kind, _, _, payload in frames if kind == http2.GOAWAY]
                self.assertTrue(reasons and all(b"idle" in reason for reason in reasons), reasons)

    def watch_as_the_only_one(self, service):
        connection = self.connect(service)
        connection.call(1, WATCH, b"", AUTHORIZATION)
        while connection.read_frame()[:3:2] != (http2.DATA, 1):
            pass
        self.assertFalse(self.can_watch(service))
        return connection

    def can_watch(self, service):
        watch = service.sessions.WatchSessions(
            stubs.session_service.WatchSessionsRequest(), metadata=bearer("o")
        )
        try:
            next(watch)
            return True
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED, error.details())
            return False
        finally:
            watch.cancel()

    def wait_free(self, services):
        for service in services:
            harness.wait_until(
                lambda service=service: self.can_watch(service), "the place is free"
            )

    def test_the_place_of_a_watcher_that_is_reset_is_free(self):
        for service in self.services:
            harness.reset(self.watch_as_the_only_one(service).socket)
        self.wait_free(self.services)

    def time_of_places(self):
        """Of watchers that nobody reads from the first answer on, nor answers a ping."""
        began = time.monotonic()
        for service in self.services:
            self.watch_as_the_only_one(service)
        self.wait_free(self.services)
        return time.monotonic() - began

    def test_the_place_of_a_watcher_that_answers_nothing_is_free_within_a_minute(self):
        # Of some, as a busy machine has some take longer.
        took = [self.time_of_places()]
        while min(took) >= GONE_S and len(took) < 3:
            took.append(self.time_of_places())
        self.assertLess(min(took), GONE_S, took)
