"""Content that a client sends: whole and in order, or the session fails."""

import socket
import threading

import grpc

import harness
import recipients
from error_details import details_of
from harness import ServiceTest, port_of, stubs

MIB = 1 << 20


def content(size):
    """Bytes that repeat with no power of two, so that a chunk in the wrong place shows."""
    pattern = bytes(i * 7 % 251 for i in range(65_521))
    return (pattern * (size // len(pattern) + 1))[:size]


class UploadTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.request = stubs.session_service.UploadContentRequest

    def create(self, **spec):
        messages = stubs.session
        spec = messages.SessionSpec(upload=messages.UploadSource(), **spec)
        return self.service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(session=messages.Session(spec=spec))
        )

    def chunks(self, name, data, size=MIB, complete=True):
        """The messages that send `data`."""
        for offset in range(0, len(data), size) or [0]:
            yield self.request(
                name=name if offset == 0 else "",
                offset=offset,
                data=data[offset : offset + size],
                complete=complete and offset + size >= len(data),
            )

    def upload(self, messages):
        return self.service.sessions.UploadContent(iter(messages), timeout=harness.DEADLINE_S)

    def refusal(self, messages):
        with self.assertRaises(grpc.RpcError) as caught:
            self.upload(messages)
        return caught.exception.code(), caught.exception.details()

    def recipient(self, session, byte):
        recipient = recipients.Recipient(recipients.KINDS[0], port_of(session), byte)
        self.addCleanup(recipient.close)
        return recipient

    def assert_reset(self, peer):
        with self.assertRaises(ConnectionResetError):
            while peer.recv(MIB):
                pass

    def assert_source_failed(self, session, words):
        ended = self.service.wait_final(session.name)
        self.assert_session_state(ended, "FAILED")
        self.assertIn(words, ended.error)
        for one in self.service.recipients(session.name):
            self.assert_recipient(one, "FAILED", "SOURCE_FAILED")

    def test_recipients_get_what_was_uploaded(self):
        session = self.create()
        self.assertFalse(session.HasField("content_length"))
        data = content(9 * MIB + 17)
        first = self.recipient(session, recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        last = self.recipient(session, recipients.START)
        answer = self.upload(self.chunks(session.name, data))
        self.assertEqual(answer.session.content_length, len(data))
        for recipient in (first, last):
            recipient.wait()
            self.assertTrue(recipient.output.read_bytes() == data)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def test_upload_before_anybody_is_connected_waits_in_the_window(self):
        session = self.create()
        data = content(3 * MIB)
        answer = self.upload(self.chunks(session.name, data))
        self.assert_session_state(answer.session, "WAITING")
        self.assertEqual(answer.session.content_length, len(data))
        self.assertEqual(self.service.get(session.name).content_length, len(data))
        recipient = self.recipient(session, recipients.START)
        recipient.wait()
        self.assertTrue(recipient.output.read_bytes() == data)

    def test_small_and_empty_messages_are_content_too(self):
        session = self.create()
        data = content(1000)
        messages = list(self.chunks(session.name, data, size=1, complete=False))
        messages += [self.request(offset=1000), self.request(offset=1000, complete=True)]
        self.upload(messages)
        recipient = self.recipient(session, recipients.START)
        recipient.wait()
        self.assertEqual(recipient.output.read_bytes(), data)

    def test_empty_content(self):
        session = self.create()
        answer = self.upload([self.request(name=session.name, complete=True)])
        self.assertTrue(answer.session.HasField("content_length"))
        self.assertEqual(answer.session.content_length, 0)
        recipient = self.recipient(session, recipients.START)
        recipient.wait()
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def test_message_that_does_not_continue_fails_the_session(self):
        for name, field, second in (
            ("gap", "offset", {"offset": 11}),
            ("duplicate", "offset", {"offset": 0}),
            ("negative", "offset", {"offset": -1}),
            ("another session", "name", {"offset": 10, "name": "sessions/other"}),
        ):
            with self.subTest(name):
                session = self.create()
                peer = self.connect(session, recipients.START)
                first = self.request(name=session.name, data=b"0123456789")
                code, words = self.refusal([first, self.request(data=b"x", **second)])
                self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
                self.assertTrue(words.startswith(f"{field}: "), words)
                self.assert_reset(peer)
                self.assert_source_failed(session, words)

    def test_message_after_the_last_is_refused(self):
        session = self.create()
        last = self.request(name=session.name, data=b"all", complete=True)
        code, words = self.refusal([last, self.request(offset=3, data=b"more")])
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("complete: ", words)

    def test_stream_that_ends_early_fails_the_session(self):
        session = self.create()
        peer = self.connect(session, recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        code, words = self.refusal(
            self.chunks(session.name, content(MIB), size=1000, complete=False)
        )
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("complete: ", words)
        # Nobody had started it.
        self.assert_source_failed(session, f"after {MIB} bytes")
        self.assert_reset(peer)

    def test_stream_without_a_message(self):
        code, words = self.refusal([])
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("name: ", words)

    def test_client_that_is_lost_fails_the_session(self):
        session = self.create()
        peer = self.connect(session, recipients.START)
        channel = grpc.insecure_channel(self.service.control_address)
        sent, hold = threading.Event(), threading.Event()
        self.addCleanup(hold.set)

        def messages():
            yield self.request(name=session.name, data=b"0123456789")
            sent.set()
            hold.wait()

        stub = stubs.session_service_grpc.SessionServiceStub(channel)
        call = stub.UploadContent.future(messages())
        self.assertEqual(peer.recv(10, socket.MSG_WAITALL), b"0123456789")
        self.assertTrue(sent.wait(harness.DEADLINE_S))
        channel.close()
        self.assertEqual(call.code(), grpc.StatusCode.CANCELLED)
        self.assert_reset(peer)
        self.assert_source_failed(session, "after 10 bytes")

    def test_session_that_ends_stops_the_upload(self):
        session = self.create()
        hold = threading.Event()
        self.addCleanup(hold.set)

        def messages():
            yield self.request(name=session.name, data=b"0123456789")
            hold.wait()

        call = self.service.sessions.UploadContent.future(messages())
        peer = self.connect(session, recipients.START)
        self.assertEqual(peer.recv(10, socket.MSG_WAITALL), b"0123456789")
        self.service.sessions.CancelSession(
            stubs.session_service.CancelSessionRequest(name=session.name)
        )
        error = call.exception(harness.DEADLINE_S)
        self.assertEqual(error.code(), grpc.StatusCode.ABORTED)
        self.assertEqual(details_of(error)["ErrorInfo"].reason, "UPLOAD_CUT_SHORT")

    def test_session_has_one_upload(self):
        session = self.create()
        self.upload(self.chunks(session.name, b"content"))
        code, words = self.refusal(self.chunks(session.name, b"content"))
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("already", words)
        # The first is as it was.
        recipient = self.recipient(session, recipients.START)
        recipient.wait()
        self.assertEqual(recipient.output.read_bytes(), b"content")

    def test_upload_that_no_session_waits_for(self):
        self.service.write_file("content", b"x")
        cancelled = self.create()
        self.service.sessions.CancelSession(
            stubs.session_service.CancelSessionRequest(name=cancelled.name)
        )
        codes = grpc.StatusCode
        for name, code in (
            ("sessions/none", codes.NOT_FOUND),
            (self.service.create().name, codes.FAILED_PRECONDITION),
            (cancelled.name, codes.FAILED_PRECONDITION),
        ):
            with self.subTest(name):
                self.assertEqual(self.refusal(self.chunks(name, b"x"))[0], code)

    def test_immediate_upload_is_refused(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.create(start=stubs.session.StartPolicy(immediate=True))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("session.spec.start.immediate: ", caught.exception.details())

    def test_memory_for_uploads_is_bounded_in_total(self):
        limits = self.service.node.GetNode(stubs.node_service.GetNodeRequest()).limits
        names = []
        for _ in range(limits.max_upload_bytes // limits.stream_window_bytes):
            names.append(self.create().name)
            self.upload(self.chunks(names[-1], b"content"))
        one_more = self.create()
        code, words = self.refusal(self.chunks(one_more.name, b"content"))
        self.assertEqual(code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertIn(str(limits.max_upload_bytes), words)
        self.service.sessions.CancelSession(
            stubs.session_service.CancelSessionRequest(name=names[0])
        )
        self.upload(self.chunks(one_more.name, b"content"))
