"""Whatever clients and peers do wrong gets the right answer, and harms nobody."""

import os
import socket

import grpc

import harness
import recipients

CODES = grpc.StatusCode


class BadRequestTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"x" * 1000)

    def assert_refused(self, code, words, path="content", **spec):
        with self.assertRaises(grpc.RpcError) as raised:
            self.service.create(path, **spec)
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        self.assertIn(words, raised.exception.details())

    def test_root_is_unknown(self):
        session = harness.stubs.session
        with self.assertRaises(grpc.RpcError) as raised:
            self.service.sessions.CreateSession(
                harness.stubs.session_service.CreateSessionRequest(
                    session=session.Session(
                        spec=session.SessionSpec(
                            file=session.FileSource(root="nowhere", path="content")
                        )
                    )
                )
            )
        self.assertEqual(raised.exception.code(), CODES.NOT_FOUND)
        self.assertIn('"nowhere"', raised.exception.details())

    def test_file_cannot_be_served(self):
        outside = self.service.home / "secret"
        outside.write_text("secret", encoding="ascii")
        (self.service.root / "link").symlink_to(outside)
        (self.service.root / "directory").mkdir()
        os.mkfifo(self.service.root / "fifo")
        for path, code, words in (
            ("absent", CODES.NOT_FOUND, '"absent"'),
            ("content/below", CODES.NOT_FOUND, '"content/below"'),
            ("directory", CODES.INVALID_ARGUMENT, "directory"),
            ("fifo", CODES.INVALID_ARGUMENT, "special"),
            ("../secret", CODES.PERMISSION_DENIED, '".."'),
            ("directory/../../secret", CODES.PERMISSION_DENIED, '".."'),
            ("link", CODES.PERMISSION_DENIED, "symbolic link"),
            ("/etc/passwd", CODES.PERMISSION_DENIED, "/etc/passwd"),
            ("", CODES.INVALID_ARGUMENT, "session.spec.file.path"),
            ("a\0b", CODES.INVALID_ARGUMENT, "NUL"),
            ("x" * 5000, CODES.INVALID_ARGUMENT, "session.spec.file.path"),
        ):
            with self.subTest(path[:30]):
                self.assert_refused(code, words, path)

    def test_field_is_wrong(self):
        types = harness.stubs.session
        cases = {
            "session.spec.listener.port": {"listener": types.Listener(port=80)},
            "session.spec.listener.bind_address": {
                "listener": types.Listener(bind_address="here")
            },
            "session.spec.max_recipients": {"max_recipients": -1},
            "session.spec.allow[1]": {"allow": ["192.0.2.0/24", "192.0.2.0/99"]},
            "session.spec.expected[0].address": {
                "expected": [types.ExpectedRecipient(address="host")]
            },
            "session.spec.start.min_recipients": {
                "start": types.StartPolicy(min_recipients=2)
            },
            "session.spec.limits.recipient_bytes_per_second": {
                "limits": types.Limits(recipient_bytes_per_second=-5)
            },
            "session.spec.labels": {"labels": {"Not A Key": "x"}},
        }
        for words, spec in cases.items():
            with self.subTest(words):
                self.assert_refused(CODES.INVALID_ARGUMENT, words, **spec)

    def test_range_is_not_in_the_file(self):
        session = harness.stubs.session
        for field in ({"offset": -1}, {"length": -1}, {"offset": 1001}, {"length": 1001}):
            with self.subTest(str(field)), self.assertRaises(grpc.RpcError) as raised:
                self.service.sessions.CreateSession(
                    harness.stubs.session_service.CreateSessionRequest(
                        session=session.Session(
                            spec=session.SessionSpec(
                                file=session.FileSource(root="files", path="content", **field)
                            )
                        )
                    )
                )
            self.assertIn(
                raised.exception.code(), (CODES.INVALID_ARGUMENT, CODES.OUT_OF_RANGE)
            )

    def test_port_is_in_use(self):
        first = self.service.create()
        listener = harness.stubs.session.Listener(port=harness.port_of(first))
        self.assert_refused(
            CODES.FAILED_PRECONDITION, str(harness.port_of(first)), listener=listener
        )

    def test_session_is_unknown(self):
        messages = harness.stubs.session_service
        sessions = self.service.sessions
        for call, request in (
            (sessions.GetSession, messages.GetSessionRequest(name="sessions/none")),
            (sessions.StartSession, messages.StartSessionRequest(name="sessions/none")),
            (sessions.CancelSession, messages.CancelSessionRequest(name="sessions/none")),
            (sessions.DeleteSession, messages.DeleteSessionRequest(name="sessions/none")),
            (sessions.ListRecipients, messages.ListRecipientsRequest(parent="sessions/none")),
            (
                sessions.DropRecipient,
                messages.DropRecipientRequest(name="sessions/none/recipients/1"),
            ),
        ):
            with self.subTest(type(request).__name__):
                with self.assertRaises(grpc.RpcError) as raised:
                    call(request)
                self.assertEqual(raised.exception.code(), CODES.NOT_FOUND)
                self.assertIn("sessions/none", raised.exception.details())


class BadPeerTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.size = 30_000_000
        with open(self.service.root / "content", "wb") as file:
            file.truncate(self.size)

    def connect(self, session):
        peer = socket.create_connection(("127.0.0.1", harness.port_of(session)))
        self.addCleanup(peer.close)
        return peer

    def test_peers_that_misbehave_fail_alone_and_leave_nothing_behind(self):
        self.service.create()  # What is opened once is open.
        before = self.service.descriptors()
        limits = harness.stubs.session.Limits()
        limits.handshake_timeout.nanos = 300_000_000
        session = self.service.create(limits=limits)
        self.connect(session)  # Says nothing.
        self.connect(session).close()
        junk = self.connect(session)
        junk.setblocking(False)
        try:
            while junk.send(b"\0" * (1 << 20)):
                pass
        except BlockingIOError:
            pass
        junk.setblocking(True)
        self.service.wait_ready(session.name, 1)
        lost = self.connect(session)
        lost.send(recipients.WAIT)
        self.service.wait_ready(session.name, 2)
        last = recipients.Recipient(
            recipients.KINDS[0], harness.port_of(session), recipients.START
        )
        self.addCleanup(last.close)
        self.assertTrue(lost.recv(1000))
        lost.close()
        received = 0
        while chunk := junk.recv(1 << 20):
            received += len(chunk)
        junk.close()
        self.assertEqual(received, self.size)
        final = self.service.wait_final(session.name)
        self.assert_session_state(final, "PARTIALLY_SUCCEEDED")
        outcomes = sorted(
            harness.stubs.recipient.RecipientReason.Name(one.reason).removeprefix(
                "RECIPIENT_REASON_"
            )
            for one in self.service.recipients(session.name)
        )
        self.assertEqual(
            outcomes,
            ["CONNECTION_LOST", "HANDSHAKE_CLOSED", "HANDSHAKE_TIMEOUT"]
            + ["UNSPECIFIED"] * 2,
        )
        self.service.sessions.DeleteSession(
            harness.stubs.session_service.DeleteSessionRequest(name=session.name)
        )
        harness.wait_until(
            lambda: self.service.descriptors() == before, "all descriptors are closed"
        )
