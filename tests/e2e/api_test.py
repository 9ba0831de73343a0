"""Every method of the API, called by Python's grpcio."""

import os
import socket

import grpc

import recipients
from harness import ServiceTest, port_of, stubs

CONTENT = os.urandom(1 << 20)


class ApiTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", CONTENT)
        self.rpc = self.service.sessions
        self.messages = stubs.session_service

    def assert_code(self, code, call, request):
        with self.assertRaises(grpc.RpcError) as caught:
            call(request, timeout=10)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception.details()

    def ready_peer(self, session):
        """A connection that is READY and waits."""
        peer = socket.create_connection(("127.0.0.1", port_of(session)))
        self.addCleanup(peer.close)
        peer.sendall(recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        return peer

    def test_create_fills_in_what_the_service_chose(self):
        session = self.service.create(labels={"purpose": "test"})
        self.assertRegex(session.name, r"^sessions/[a-z][a-z0-9-]*$")
        self.assertIn(
            port_of(session), range(self.service.first_port, self.service.last_port + 1)
        )
        self.assertEqual(session.content_length, len(CONTENT))
        self.assert_session_state(session, "WAITING")
        self.assertEqual(session.spec.limits.handshake_timeout.seconds, 10)
        self.assertTrue(session.etag)
        self.assertEqual(self.service.get(session.name), session)

    def test_create_with_the_same_request_id_makes_one_session(self):
        spec = stubs.session.SessionSpec(
            file=stubs.session.FileSource(root="files", path="content")
        )
        request = self.messages.CreateSessionRequest(
            session_id="mine", session=stubs.session.Session(spec=spec), request_id="once"
        )
        first = self.rpc.CreateSession(request)
        self.assertEqual(first.name, "sessions/mine")
        self.assertEqual(self.rpc.CreateSession(request).name, first.name)
        request.request_id = "twice"
        self.assertIn(
            "mine",
            self.assert_code(grpc.StatusCode.ALREADY_EXISTS, self.rpc.CreateSession, request),
        )

    def test_list_pages_through_all_sessions(self):
        made = [self.service.create().name for _ in range(5)]
        listed, token = [], ""
        while True:
            page = self.rpc.ListSessions(
                self.messages.ListSessionsRequest(page_size=2, page_token=token)
            )
            self.assertLessEqual(len(page.sessions), 2)
            listed += [session.name for session in page.sessions]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(listed, made[::-1])

    def test_list_filters_by_label(self):
        self.service.create(labels={"lab": "a"})
        wanted = self.service.create(labels={"lab": "b"})
        answer = self.rpc.ListSessions(self.messages.ListSessionsRequest(labels={"lab": "b"}))
        self.assertEqual([session.name for session in answer.sessions], [wanted.name])

    def test_start_serves_who_is_there(self):
        session = self.service.create()
        peer = self.ready_peer(session)
        started = self.rpc.StartSession(self.messages.StartSessionRequest(name=session.name))
        self.assert_session_state(started, "TRANSFERRING")
        with peer.makefile("rb") as stream:
            self.assertEqual(stream.read(), CONTENT)
        peer.close()
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def test_start_with_an_old_etag_is_aborted(self):
        session = self.service.create()
        self.ready_peer(session)
        request = self.messages.StartSessionRequest(name=session.name, etag="old")
        self.assert_code(grpc.StatusCode.ABORTED, self.rpc.StartSession, request)

    def test_cancel_resets_recipients(self):
        session = self.service.create()
        peer = self.ready_peer(session)
        cancelled = self.rpc.CancelSession(self.messages.CancelSessionRequest(name=session.name))
        self.assert_session_state(cancelled, "CANCELLED")
        with self.assertRaises(ConnectionResetError):
            peer.recv(1)
        (recipient,) = self.service.recipients(session.name)
        self.assert_recipient(recipient, "FAILED", "SESSION_CANCELLED")

    def test_delete_wants_a_finished_session_or_force(self):
        session = self.service.create()
        request = self.messages.DeleteSessionRequest(name=session.name)
        self.assert_code(grpc.StatusCode.FAILED_PRECONDITION, self.rpc.DeleteSession, request)
        request.force = True
        self.rpc.DeleteSession(request)
        self.assert_code(
            grpc.StatusCode.NOT_FOUND,
            self.rpc.GetSession,
            self.messages.GetSessionRequest(name=session.name),
        )

    def test_list_recipients_has_the_expected_first(self):
        # Another one is missing, so that the session waits.
        expected = [
            stubs.session.ExpectedRecipient(address="127.0.0.1", label="here"),
            stubs.session.ExpectedRecipient(address="192.0.2.1", label="away"),
        ]
        session = self.service.create(expected=expected)
        self.ready_peer(session)
        here, away = self.service.recipients(session.name)
        self.assertEqual([here.label, away.label], ["here", "away"])
        self.assert_recipient(here, "READY")
        self.assert_recipient(away, "EXPECTED")

    def test_watch_sends_a_snapshot_a_bookmark_and_changes(self):
        session = self.service.create()
        watch = self.rpc.WatchSessions(
            self.messages.WatchSessionsRequest(names=[session.name], include_recipients=True),
            timeout=30,
        )
        self.addCleanup(watch.cancel)
        self.assertEqual(next(watch).session.name, session.name)
        self.assertEqual(next(watch).WhichOneof("change"), "bookmark")

        recipient = recipients.Recipient(
            next(kind for kind in recipients.KINDS if kind.name == "tcptool -r"),
            port_of(session),
            recipients.START,
        )
        self.addCleanup(recipient.close)
        states, delivered = [], False
        for change in watch:
            if change.HasField("recipient"):
                delivered |= change.recipient.state == stubs.recipient.RECIPIENT_STATE_DELIVERED
            if change.HasField("session"):
                states.append(change.session.state)
                if states[-1] == stubs.session.SESSION_STATE_SUCCEEDED and delivered:
                    break
            elif delivered and stubs.session.SESSION_STATE_SUCCEEDED in states:
                break
        self.assertEqual(states, sorted(states))

    def test_drop_and_upload_answer(self):
        """They may not be there yet, but then say so."""
        session = self.service.create()
        name = f"{session.name}/recipients/none"
        with self.assertRaises(grpc.RpcError) as caught:
            self.rpc.DropRecipient(self.messages.DropRecipientRequest(name=name))
        self.assertIn(
            caught.exception.code(), (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND)
        )
        upload = self.messages.UploadContentRequest(name=session.name, complete=True)
        with self.assertRaises(grpc.RpcError) as caught:
            self.rpc.UploadContent(iter([upload]))
        self.assertIn(
            caught.exception.code(),
            (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.FAILED_PRECONDITION),
        )

    def test_node_tells_its_roots_and_ports(self):
        node = self.service.node.GetNode(stubs.node_service.GetNodeRequest())
        self.assertEqual([root.name for root in node.roots], ["files"])
        self.assertEqual(
            (node.data_ports.first, node.data_ports.last),
            (self.service.first_port, self.service.last_port),
        )
        self.assertRegex(node.version, r"^\d+\.\d+\.\d+")
        self.assertGreater(node.limits.max_recipients_per_session, 0)
