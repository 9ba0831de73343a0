"""What is answered of sessions and receptions beside their specs: views, uid, creator."""

import pathlib
import tempfile
import uuid

import grpc

import harness
from error_details import details_of, failure_of
from harness import stubs, until_bookmark
from security import SecurityTest
from tcptool_process import free_port

LABELS = {"job": "7"}


class SessionViewTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"content")
        self.messages = stubs.session_service

    def assert_basic(self, session, created):
        self.assertEqual(dict(session.spec.labels), LABELS)
        self.assertFalse(session.spec.HasField("file"))
        self.assertFalse(session.spec.HasField("limits"))
        self.assertEqual(
            (session.name, session.state, session.counts),
            (created.name, created.state, created.counts),
        )

    def test_basic_views_have_no_spec_but_its_labels(self):
        created = self.service.create(labels=LABELS)
        basic = stubs.view.VIEW_BASIC
        sessions = self.service.sessions
        self.assert_basic(
            sessions.GetSession(self.messages.GetSessionRequest(name=created.name, view=basic)),
            created,
        )
        listed = sessions.ListSessions(self.messages.ListSessionsRequest(view=basic)).sessions
        self.assert_basic(listed[0], created)
        watch = sessions.WatchSessions(self.messages.WatchSessionsRequest(view=basic))
        self.addCleanup(watch.cancel)
        changes, _ = until_bookmark(watch)
        self.assert_basic(changes[0].session, created)
        for view in (stubs.view.VIEW_UNSPECIFIED, stubs.view.VIEW_FULL):
            read = sessions.GetSession(
                self.messages.GetSessionRequest(name=created.name, view=view)
            )
            self.assertEqual(read.spec, created.spec)

    def test_a_view_that_is_none_is_refused(self):
        watch = self.service.receptions.WatchReceptions
        for call, request in (
            (self.service.sessions.ListSessions, self.messages.ListSessionsRequest(view=9)),
            (
                lambda request: next(watch(request)),
                stubs.reception_service.WatchReceptionsRequest(view=9),
            ),
            (
                self.service.sessions.GetSession,
                self.messages.GetSessionRequest(name="sessions/a", view=9),
            ),
        ):
            with self.assertRaises(grpc.RpcError) as caught:
                call(request)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assertEqual(caught.exception.details(), "view: 9 is no view")

    def test_a_recipient_is_read_by_its_name_as_it_is_listed(self):
        expected = [stubs.session.ExpectedRecipient(address=f"192.0.2.{i}") for i in (1, 2)]
        session = self.service.create(expected=expected)
        calls, messages = self.service.sessions, stubs.session_requests
        listed = self.service.recipients(session.name)
        self.assertEqual(len(listed), 2)
        for recipient in listed:
            request = messages.GetRecipientRequest(name=recipient.name)
            self.assertEqual(calls.GetRecipient(request), recipient)
        request.name = f"{session.name}/recipients/99"
        error = failure_of(lambda: calls.GetRecipient(request))
        self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(details_of(error)["ResourceInfo"].resource_name, request.name)

    def test_uid_tells_a_session_from_the_next_one_of_its_name(self):
        def create():
            return self.service.sessions.CreateSession(
                self.messages.CreateSessionRequest(
                    session_id="mine",
                    session=stubs.session.Session(
                        spec=stubs.session.SessionSpec(
                            file=stubs.session.FileSource(root="files", path="content")
                        )
                    ),
                )
            )

        first = create()
        self.assertEqual(uuid.UUID(first.uid).version, 4)
        self.assertEqual(str(uuid.UUID(first.uid)), first.uid)
        self.service.restart()
        self.assertEqual(self.service.get(first.name).uid, first.uid)
        self.service.sessions.DeleteSession(
            self.messages.DeleteSessionRequest(name=first.name, force=True)
        )
        self.assertNotEqual(create().uid, first.uid)
        self.assertEqual(first.creator, "")


class ReceptionTest(harness.ServiceTest):
    """What receptions have of what sessions have."""

    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.service_flags = (f"--receive=in={self.home.name}",)
        super().setUp()

    def create(self, **fields):
        reception = stubs.reception
        spec = reception.ReceptionSpec(
            sender=reception.SenderSource(address=f"127.0.0.1:{free_port()}"),
            destination=reception.FileDestination(root="in", path="file"),
            labels=LABELS,
        )
        spec.sender.wait.seconds = 3600
        return self.service.receptions.CreateReception(
            stubs.reception_service.CreateReceptionRequest(
                reception=reception.Reception(spec=spec), **fields
            )
        )

    def test_one_that_is_validated_is_not_made(self):
        checked = self.create(validate_only=True, request_id="once")
        self.assertEqual((checked.name, checked.uid, checked.etag), ("", "", ""))
        self.assertTrue(checked.spec.HasField("retention"))
        messages = stubs.reception_service
        listed = self.service.receptions.ListReceptions(messages.ListReceptionsRequest())
        self.assertFalse(listed.receptions)
        made = self.create(request_id="once")
        self.assertTrue(made.name)
        (pathlib.Path(self.home.name) / "file").write_bytes(b"")
        with self.assertRaises(grpc.RpcError) as caught:
            self.create(validate_only=True)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.ALREADY_EXISTS)

    def test_delete_may_be_tried_again(self):
        made = self.create()
        request = stubs.reception_service.DeleteReceptionRequest(
            name=made.name, force=True, allow_missing=True
        )
        self.service.receptions.DeleteReception(request)
        self.service.receptions.DeleteReception(request)
        request.allow_missing = False
        with self.assertRaises(grpc.RpcError) as caught:
            self.service.receptions.DeleteReception(request)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_views_and_uid(self):
        made = self.create()
        self.assertEqual(uuid.UUID(made.uid).version, 4)
        basic = self.service.receptions.GetReception(
            stubs.reception_service.GetReceptionRequest(
                name=made.name, view=stubs.view.VIEW_BASIC
            )
        )
        self.assertEqual(dict(basic.spec.labels), LABELS)
        self.assertFalse(basic.spec.HasField("destination"))
        self.assertEqual(basic.uid, made.uid)
        for view, has_spec in ((stubs.view.VIEW_BASIC, False), (stubs.view.VIEW_FULL, True)):
            watch = self.service.receptions.WatchReceptions(
                stubs.reception_service.WatchReceptionsRequest(names=[made.name], view=view)
            )
            self.addCleanup(watch.cancel)
            changes, _ = until_bookmark(watch)
            spec = changes[0].reception.spec
            self.assertEqual(dict(spec.labels), LABELS)
            self.assertEqual(spec.HasField("destination"), has_spec)


class CreatorTest(SecurityTest):
    def test_creator_is_who_has_made_it(self):
        tokens = self.write_tokens(otto=("operator", "o"), anna=("operator", "a"))
        service = self.serve(f"--token-file={tokens}")
        service.write_file("content", b"content")
        spec = stubs.session.SessionSpec(
            file=stubs.session.FileSource(root="files", path="content"),
            expected=[stubs.session.ExpectedRecipient(address="192.0.2.1")],
        )

        def as_caller(token):
            return {"metadata": (("authorization", f"Bearer {token}"),)}

        created = service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(
                # What a client says of it makes no difference.
                session=stubs.session.Session(spec=spec, creator="nobody")
            ),
            **as_caller("o"),
        )
        self.assertEqual(created.creator, "token:otto")
        service.sessions.CancelSession(
            stubs.session_service.CancelSessionRequest(name=created.name), **as_caller("a")
        )
        retried = service.sessions.RetrySession(
            stubs.session_requests.RetrySessionRequest(name=created.name), **as_caller("a")
        )
        self.assertEqual(retried.creator, "token:anna")
        service.restart()
        read = service.sessions.GetSession(
            stubs.session_service.GetSessionRequest(name=created.name), **as_caller("a")
        )
        self.assertEqual(read.creator, "token:otto")
