"""Requests that cannot be fulfilled get the right code, and a message that names the thing."""

import os
import socket

import grpc

from harness import ServiceTest, port_of, stubs


class BadInputTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"some content")

    def assert_refused(self, code, words, call, *args, **kwargs):
        """The call fails with the code; its message has each of the words."""
        with self.assertRaises(grpc.RpcError) as caught:
            call(*args, **kwargs)
        error = caught.exception
        self.assertEqual(error.code(), code, error.details())
        for word in words:
            self.assertIn(word, error.details())

    def assert_create_refused(self, code, words, **spec):
        self.assert_refused(code, words, self.service.create, **spec)
        # And nothing of it remains.
        answer = self.service.sessions.ListSessions(stubs.session_service.ListSessionsRequest())
        self.assertEqual(len(answer.sessions), 0)

    def test_unknown_root(self):
        spec = stubs.session.SessionSpec(
            file=stubs.session.FileSource(root="nowhere", path="content")
        )
        request = stubs.session_service.CreateSessionRequest(
            session=stubs.session.Session(spec=spec)
        )
        self.assert_refused(
            grpc.StatusCode.NOT_FOUND, ["nowhere"], self.service.sessions.CreateSession, request
        )

    def test_file_cannot_be_served(self):
        (self.service.home / "secret").write_bytes(b"secret")
        (self.service.root / "link").symlink_to("../secret")
        (self.service.root / "absolute").symlink_to("/etc/passwd")
        (self.service.root / "folder").mkdir()
        os.mkfifo(self.service.root / "pipe")
        codes = grpc.StatusCode
        for path, code, words in (
            ("absent", codes.NOT_FOUND, '"absent"'),
            ("content/below", codes.NOT_FOUND, '"content/below"'),
            ("folder", codes.INVALID_ARGUMENT, "folder"),
            ("pipe", codes.INVALID_ARGUMENT, "pipe"),
            ("../secret", codes.PERMISSION_DENIED, "../secret"),
            ("folder/../../secret", codes.PERMISSION_DENIED, "folder/../../secret"),
            ("link", codes.PERMISSION_DENIED, "symbolic link"),
            ("absolute", codes.PERMISSION_DENIED, "symbolic link"),
            ("/etc/passwd", codes.PERMISSION_DENIED, "/etc/passwd"),
            ("", codes.INVALID_ARGUMENT, "session.spec.file.path"),
            ("a\0b", codes.INVALID_ARGUMENT, "NUL"),
            ("x" * 5000, codes.INVALID_ARGUMENT, "session.spec.file.path"),
        ):
            with self.subTest(path[:30]):
                self.assert_create_refused(code, [words], path=path)

    def test_errors_do_not_show_where_the_root_is(self):
        for path in ("absent", "../secret"):
            with self.subTest(path), self.assertRaises(grpc.RpcError) as caught:
                self.service.create(path)
            self.assertNotIn(str(self.service.home), caught.exception.details())

    def test_no_source(self):
        request = stubs.session_service.CreateSessionRequest(session=stubs.session.Session())
        self.assert_refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            ["session.spec"],
            self.service.sessions.CreateSession,
            request,
        )

    def test_port_in_use(self):
        first = self.service.create()
        port = port_of(first)
        self.assert_refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            [str(port)],
            self.service.create,
            listener=stubs.session.Listener(port=port),
        )

    def test_port_that_another_program_listens_on(self):
        with socket.socket() as other:
            for port in range(self.service.first_port, self.service.last_port + 1):
                try:
                    other.bind(("0.0.0.0", port))
                    break
                except OSError:
                    pass
            other.listen()
            self.assert_create_refused(
                grpc.StatusCode.FAILED_PRECONDITION,
                [str(port)],
                listener=stubs.session.Listener(port=port),
            )

    def test_bad_fields_are_named(self):
        session = stubs.session
        too_far = self.service.last_port + 1
        long = session.Limits()
        long.stall_timeout.FromSeconds(10**9)
        negative = session.Limits()
        negative.handshake_timeout.FromSeconds(-1)
        cases = {
            "port out of the range": ("listener.port", {"listener": session.Listener(port=too_far)}),
            "negative port": ("listener.port", {"listener": session.Listener(port=-1)}),
            "address of no interface": (
                "listener",
                {"listener": session.Listener(bind_address="192.0.2.1")},
            ),
            "no address": (
                "listener.bind_address",
                {"listener": session.Listener(bind_address="here")},
            ),
            "malformed rule": ("allow[1]", {"allow": ["127.0.0.1", "127.0.0.1/99"]}),
            "rule of words": ("allow[0]", {"allow": ["everybody"]}),
            "negative recipients": ("max_recipients", {"max_recipients": -1}),
            "absurd recipients": ("max_recipients", {"max_recipients": 2**31 - 1}),
            "negative rate": (
                "limits.recipient_bytes_per_second",
                {"limits": session.Limits(recipient_bytes_per_second=-1)},
            ),
            "negative timeout": ("limits.handshake_timeout", {"limits": negative}),
            "absurd timeout": ("limits.stall_timeout", {"limits": long}),
            "minimum without a time": (
                "start.min_recipients",
                {"start": session.StartPolicy(min_recipients=2)},
            ),
            "expected by name": (
                "expected[0].address",
                {"expected": [session.ExpectedRecipient(address="host")]},
            ),
            "label without a key": ("labels", {"labels": {"": "x"}}),
            "label with a bad key": ("labels", {"labels": {"Not A Key": "x"}}),
        }
        for name, (field, spec) in cases.items():
            with self.subTest(name):
                self.assert_create_refused(
                    grpc.StatusCode.INVALID_ARGUMENT, [f"session.spec.{field}"], **spec
                )

    def test_ranges_beyond_the_file(self):
        file = stubs.session.FileSource
        cases = {
            "offset past the end": file(root="files", path="content", offset=10**15),
            "length past the end": file(root="files", path="content", length=10**15),
        }
        for name, source in cases.items():
            with self.subTest(name):
                self.assert_refused_source(grpc.StatusCode.OUT_OF_RANGE, source)
        for source in (
            file(root="files", path="content", offset=-1),
            file(root="files", path="content", length=-1),
        ):
            with self.subTest(str(source)):
                self.assert_refused_source(grpc.StatusCode.INVALID_ARGUMENT, source)

    def assert_refused_source(self, code, source):
        spec = stubs.session.SessionSpec(file=source)
        request = stubs.session_service.CreateSessionRequest(
            session=stubs.session.Session(spec=spec)
        )
        self.assert_refused(code, [], self.service.sessions.CreateSession, request)

    def test_unknown_session(self):
        rpc, messages = self.service.sessions, stubs.session_service
        name = "sessions/unknown"
        calls = {
            "get": (rpc.GetSession, messages.GetSessionRequest(name=name)),
            "start": (rpc.StartSession, messages.StartSessionRequest(name=name)),
            "cancel": (rpc.CancelSession, messages.CancelSessionRequest(name=name)),
            "delete": (rpc.DeleteSession, messages.DeleteSessionRequest(name=name)),
            "retry": (rpc.RetrySession, stubs.session_requests.RetrySessionRequest(name=name)),
            "recipient": (
                rpc.GetRecipient,
                stubs.session_requests.GetRecipientRequest(name=f"{name}/recipients/1"),
            ),
            "recipients": (rpc.ListRecipients, messages.ListRecipientsRequest(parent=name)),
            "drop": (
                rpc.DropRecipient,
                messages.DropRecipientRequest(name=f"{name}/recipients/1"),
            ),
        }
        for what, (call, request) in calls.items():
            with self.subTest(what):
                self.assert_refused(grpc.StatusCode.NOT_FOUND, ["unknown"], call, request)

    def test_malformed_name(self):
        request = stubs.session_service.GetSessionRequest(name="no session")
        with self.assertRaises(grpc.RpcError) as caught:
            self.service.sessions.GetSession(request)
        self.assertIn(
            caught.exception.code(),
            (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND),
        )
        self.assertIn("no session", caught.exception.details())

    def test_start_of_a_session_without_recipients_or_finished(self):
        rpc, messages = self.service.sessions, stubs.session_service
        name = self.service.create().name
        start = messages.StartSessionRequest(name=name)
        precondition = grpc.StatusCode.FAILED_PRECONDITION
        self.assert_refused(precondition, ["no recipient"], rpc.StartSession, start)
        rpc.CancelSession(messages.CancelSessionRequest(name=name))
        self.assert_refused(precondition, ["CANCELLED"], rpc.StartSession, start)

    def test_bad_pages(self):
        rpc, messages = self.service.sessions, stubs.session_service
        for request in (
            messages.ListSessionsRequest(page_size=-1),
            messages.ListSessionsRequest(page_token="not one of ours"),
        ):
            field = "page_size" if request.page_size else "page_token"
            with self.subTest(field):
                self.assert_refused(
                    grpc.StatusCode.INVALID_ARGUMENT, [field], rpc.ListSessions, request
                )


class PermissionTest(ServiceTest):
    # Even root then needs the permission that a file's mode gives.
    service_prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")

    def test_unreadable_file(self):
        self.service.write_file("closed", b"some content")
        (self.service.root / "closed").chmod(0)
        with self.assertRaises(grpc.RpcError) as caught:
            self.service.create("closed")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.PERMISSION_DENIED)
        self.assertIn("closed", caught.exception.details())
