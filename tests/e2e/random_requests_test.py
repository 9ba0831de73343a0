"""Whatever a client sends, it gets a clean answer, and the service goes on."""

import contextlib

import grpc
from google.protobuf import text_format

import harness
from api_calls import assert_clean, by_grpc
from harness import ServiceTest, stubs
from random_messages import Generator, first_seed

REQUESTS_EACH = 1000
# Of methods that look at less.
FEWER_REQUESTS_EACH = 300

CODES = grpc.StatusCode


# Requests that are right, in Protobuf's text.
RIGHT = {
    "CreateSession": 'session { spec { file { root: "files" path: "content" } } }',
    # Which nothing is received into.
    "CreateReception": """reception { spec {
        sender { address: "127.0.0.1:9" }
        destination { root: "files" path: "content" } } }""",
}


class RandomRequestsTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"content")
        self.generator = Generator(first_seed(), right={"root": ["files"]})

    def make_the_session(self):
        """The one that the requests are about, anew if they have removed it."""
        request = stubs.session_service.CreateSessionRequest(session_id="there")
        request.session.spec.file.root = "files"
        request.session.spec.file.path = "content"
        with contextlib.suppress(grpc.RpcError):
            self.service.sessions.CreateSession(request)

    def end_all(self):
        for session in self.service.sessions.ListSessions(
            stubs.session_service.ListSessionsRequest(page_size=1000)
        ).sessions:
            self.service.sessions.DeleteSession(
                stubs.session_service.DeleteSessionRequest(
                    name=session.name, force=True, allow_missing=True
                )
            )

    def assert_clean(self, service, requests_each, names=()):
        """Of each method of a service, after so many requests, some of which have one of these
        names."""
        self.generator.right["name"] = names
        for method in service.methods:
            seen = set()
            with self.subTest(method.name):
                for round_ in range(requests_each):
                    if round_ % 50 == 0:
                        self.end_all()
                        self.make_the_session()
                    request = self.generator.request(method, RIGHT.get(method.name, ""))
                    outcome = by_grpc(self.service, method, [request])
                    shown = text_format.MessageToString(request, as_one_line=True)[:2000]
                    assert_clean(self, outcome, request, shown)
                    seen.add(outcome.code)
                # Not all of them were turned away at the door.
                self.assertGreater(len(seen), 1, seen)
        self.assertIsNone(self.service.process.poll())

    def test_methods_of_sessions(self):
        service = stubs.session_service.DESCRIPTOR.services_by_name["SessionService"]
        names = ("sessions/there", "sessions/there/recipients/1")
        self.assert_clean(service, REQUESTS_EACH, names)

    def test_methods_of_receptions(self):
        service = stubs.reception_service.DESCRIPTOR.services_by_name["ReceptionService"]
        self.assert_clean(service, FEWER_REQUESTS_EACH, ("receptions/there",))

    def test_methods_of_files(self):
        service = stubs.file_service.DESCRIPTOR.services_by_name["FileService"]
        self.assert_clean(service, FEWER_REQUESTS_EACH)

    def test_bytes_that_are_no_message(self):
        service = stubs.session_service.DESCRIPTOR.services_by_name["SessionService"]
        # A tag that is cut, and two fields that are.
        malformed = (b"\xff", b"\x0a\x7f", b"\x12\xff\xff\xff\xff\x0f")
        for method in service.methods:
            call = self.service.channel.stream_stream(f"/{service.full_name}/{method.name}")
            for request in malformed:
                with self.subTest(method.name, bytes=request):
                    with self.assertRaises(grpc.RpcError) as caught:
                        list(call(iter([request]), timeout=harness.DEADLINE_S))
                    self.assertEqual(caught.exception.code(), CODES.INVALID_ARGUMENT)
                    self.assertTrue(caught.exception.details())
        self.assertIsNone(self.service.process.poll())

    def test_method_that_is_none_is_unimplemented(self):
        call = self.service.channel.unary_unary("/tcptool.v1.SessionService/FlySession")
        with self.assertRaises(grpc.RpcError) as caught:
            call(b"", timeout=harness.DEADLINE_S)
        self.assertEqual(caught.exception.code(), CODES.UNIMPLEMENTED)
