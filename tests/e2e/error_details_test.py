"""Errors that programs read: the reason of each, and what else its trailers say."""

import signal

import grpc

import harness
from error_details import details_of, failure_of
from harness import stubs
from receptions import ReceptionCase, Sender
from security import NODE, SecurityTest, bearer
from tcptool_process import free_port


class DetailsCase(harness.ServiceTest):
    """A service whose errors are looked at."""

    def details(self, call, request):
        """Of the error of a call that must fail, by type; the reason first."""
        details = details_of(failure_of(lambda: call(request)))
        info = details.pop("ErrorInfo")
        self.assertEqual(info.domain, "tcptool")
        stubs.errors.ErrorReason.Value(f"ERROR_REASON_{info.reason}")  # It is one.
        return info.reason, details

    def assert_precondition(self, call, request, reason, subject):
        found, details = self.details(call, request)
        self.assertEqual((found, list(details)), (reason, ["PreconditionFailure"]))
        (violation,) = details["PreconditionFailure"].violations
        self.assertEqual((violation.type, violation.subject), (reason, subject))

    def assert_quota(self, call, request, reason, subject):
        found, details = self.details(call, request)
        self.assertEqual((found, list(details)), (reason, ["QuotaFailure"]))
        self.assertEqual(details["QuotaFailure"].violations[0].subject, subject)


class ErrorDetailsTest(DetailsCase):
    service_flags = ("--max-sessions=2", "--max-watchers=1")

    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"firmware")
        self.messages = stubs.session_service

    def spec(self, **fields):
        session = stubs.session
        return session.Session(
            spec=session.SessionSpec(
                file=session.FileSource(root="files", path="content"), **fields
            )
        )

    def test_all_wrong_fields_of_a_spec_are_named(self):
        session = self.spec(
            allow=["10.0.0.0/8", "nobody"],
            max_recipients=-1,
            listener=stubs.session.Listener(bind_address="here"),
        )
        session.spec.file.offset = -1
        reason, details = self.details(
            self.service.sessions.CreateSession,
            self.messages.CreateSessionRequest(session=session),
        )
        self.assertEqual((reason, list(details)), ("INVALID_FIELD", ["BadRequest"]))
        wrong = details["BadRequest"].field_violations
        self.assertEqual(
            sorted(one.field for one in wrong),
            [
                "session.spec.allow[1]",
                "session.spec.file.offset",
                "session.spec.listener.bind_address",
                "session.spec.max_recipients",
            ],
        )
        self.assertTrue(all(one.description for one in wrong))

    def test_wrong_fields_beside_a_spec_are_named_with_those_in_it(self):
        """Also where the node would not carry the request out, as in no fleet."""
        for call, request, kind in (
            (self.service.sessions.CreateSession,
             self.messages.CreateSessionRequest(session_id="A"), "session"),
            (self.service.receptions.CreateReception,
             stubs.reception_service.CreateReceptionRequest(reception_id="A"), "reception"),
            (self.service.distributions.CreateDistribution,
             stubs.distribution_service.CreateDistributionRequest(distribution_id="A"),
             "distribution"),
        ):
            with self.subTest(kind):
                reason, details = self.details(call, request)
                self.assertEqual(reason, "INVALID_FIELD")
                wrong = [one.field for one in details["BadRequest"].field_violations]
                self.assertEqual(wrong[0], f"{kind}_id")
                # Its source is missing.
                self.assertTrue(wrong[1].startswith(f"{kind}.spec."), wrong)

    def test_a_source_that_cannot_be_one_is_a_wrong_field(self):
        (self.service.root / "folder").mkdir()
        for path in ("folder", "x" * 4000):
            session = self.spec()
            session.spec.file.path = path
            reason, details = self.details(
                self.service.sessions.CreateSession,
                self.messages.CreateSessionRequest(session=session),
            )
            self.assertEqual((reason, list(details)), ("INVALID_FIELD", ["BadRequest"]))
            (wrong,) = details["BadRequest"].field_violations
            self.assertEqual(wrong.field, "session.spec.file")

    def test_long_fields_do_not_hide_the_error(self):
        session = self.spec(allow=["\u00fc" * 3000] * 100)
        reason, details = self.details(
            self.service.sessions.CreateSession,
            self.messages.CreateSessionRequest(session=session),
        )
        self.assertEqual(reason, "INVALID_FIELD")
        self.assertEqual(
            details["BadRequest"].field_violations[0].field, "session.spec.allow[0]"
        )

    def test_what_is_missing_and_what_is_there_are_named(self):
        reason, details = self.details(
            self.service.sessions.GetSession, self.messages.GetSessionRequest(name="sessions/a")
        )
        self.assertEqual((reason, list(details)), ("RESOURCE_NOT_FOUND", ["ResourceInfo"]))
        resource = details["ResourceInfo"]
        self.assertEqual(
            (resource.resource_type, resource.resource_name), ("tcptool/Session", "sessions/a")
        )
        request = self.messages.CreateSessionRequest(session_id="a", session=self.spec())
        self.service.sessions.CreateSession(request)
        reason, details = self.details(self.service.sessions.CreateSession, request)
        self.assertEqual(reason, "ID_TAKEN")
        self.assertEqual(details["ResourceInfo"].resource_name, "sessions/a")
        for path, root, reason in (
            ("nothing", "files", "FILE_NOT_FOUND"),
            ("content", "nothing", "ROOT_NOT_FOUND"),
        ):
            request = self.messages.CreateSessionRequest(session=self.spec())
            request.session.spec.file.root = root
            request.session.spec.file.path = path
            found, details = self.details(self.service.sessions.CreateSession, request)
            self.assertEqual((found, list(details)), (reason, ["ResourceInfo"]))
            self.assertIn(details["ResourceInfo"].resource_name, ("files/nothing", "nothing"))

    def test_a_request_id_that_comes_with_another_request(self):
        request = self.messages.CreateSessionRequest(request_id="one", session=self.spec())
        self.service.sessions.CreateSession(request)
        request.session.spec.max_recipients = 7
        reason, _ = self.details(self.service.sessions.CreateSession, request)
        self.assertEqual(reason, "REQUEST_ID_REUSED")

    def test_each_state_that_a_call_does_not_fit_has_its_reason(self):
        created = self.service.create()
        sessions, messages = self.service.sessions, self.messages
        port = self.spec(listener=stubs.session.Listener(port=harness.port_of(created)))
        for call, request, reason, subject in (
            (
                sessions.StartSession,
                messages.StartSessionRequest(name=created.name),
                "NO_RECIPIENT_READY",
                created.name,
            ),
            (
                sessions.DeleteSession,
                messages.DeleteSessionRequest(name=created.name),
                "RESOURCE_NOT_FINISHED",
                created.name,
            ),
            (
                sessions.CreateSession,
                messages.CreateSessionRequest(session=port),
                "PORT_IN_USE",
                "session.spec.listener.port",
            ),
            (
                sessions.UploadContent,
                iter([messages.UploadContentRequest(name=created.name)]),
                "NOT_AN_UPLOAD",
                created.name,
            ),
        ):
            with self.subTest(reason):
                self.assert_precondition(call, request, reason, subject)
        sessions.CancelSession(messages.CancelSessionRequest(name=created.name))
        reason, _ = self.details(
            sessions.StartSession, messages.StartSessionRequest(name=created.name)
        )
        self.assertEqual(reason, "RESOURCE_FINISHED")
        reason, _ = self.details(
            sessions.StartSession, messages.StartSessionRequest(name=created.name, etag="old")
        )
        self.assertEqual(reason, "ETAG_MISMATCH")

    def test_what_has_run_out_is_named(self):
        for _ in range(2):
            self.service.create()
        self.assert_quota(
            self.service.sessions.CreateSession,
            self.messages.CreateSessionRequest(session=self.spec()),
            "TOO_MANY_SESSIONS",
            "sessions",
        )
        request = self.messages.WatchSessionsRequest()
        watch = self.service.sessions.WatchSessions(request)
        next(watch)
        self.assert_quota(
            lambda request: next(self.service.sessions.WatchSessions(request)),
            request,
            "TOO_MANY_WATCHERS",
            "watchers",
        )
        watch.cancel()

    def test_what_a_request_id_has_made_is_deleted(self):
        request = self.messages.CreateSessionRequest(request_id="one", session=self.spec())
        created = self.service.sessions.CreateSession(request)
        self.service.sessions.DeleteSession(
            self.messages.DeleteSessionRequest(name=created.name, force=True)
        )
        reason, details = self.details(self.service.sessions.CreateSession, request)
        self.assertEqual((reason, list(details)), ("RESOURCE_DELETED", ["ResourceInfo"]))
        self.assertEqual(details["ResourceInfo"].resource_name, created.name)

    def test_who_has_not_come_cannot_be_dropped(self):
        expected = [stubs.session.ExpectedRecipient(address="192.0.2.7")]
        created = self.service.create(expected=expected)
        (recipient,) = self.service.recipients(created.name)
        self.assert_precondition(
            self.service.sessions.DropRecipient,
            self.messages.DropRecipientRequest(name=recipient.name),
            "RECIPIENT_NOT_CONNECTED",
            recipient.name,
        )

    def test_nobody_is_known_to_lack_the_content(self):
        created = self.service.create()
        retry = stubs.session_requests.RetrySessionRequest(name=created.name)
        retries = self.service.sessions.RetrySession
        self.assert_precondition(retries, retry, "RESOURCE_NOT_FINISHED", created.name)
        self.service.sessions.CancelSession(
            self.messages.CancelSessionRequest(name=created.name)
        )
        self.assert_precondition(retries, retry, "NOTHING_TO_RETRY", created.name)

    def test_a_node_without_a_fleet_has_no_nodes(self):
        reason, _ = self.details(
            self.service.distributions.ListNodes, stubs.distribution_service.ListNodesRequest()
        )
        self.assertEqual(reason, "NOT_IN_A_FLEET")

    def test_a_part_that_is_not_in_the_file(self):
        session = self.spec()
        session.spec.file.offset = 9
        reason, _ = self.details(
            self.service.sessions.CreateSession,
            self.messages.CreateSessionRequest(session=session),
        )
        self.assertEqual(reason, "OUTSIDE_OF_FILE")

    def test_a_revision_that_is_forgotten(self):
        self.service.create()
        reason, _ = self.details(
            lambda request: next(self.service.sessions.WatchSessions(request)),
            self.messages.WatchSessionsRequest(resume_revision=1),
        )
        self.assertEqual(reason, "REVISION_FORGOTTEN")

    def test_a_service_that_stops_says_when_to_try_again(self):
        watch = self.service.sessions.WatchSessions(self.messages.WatchSessionsRequest())
        next(watch)
        self.service.process.send_signal(signal.SIGTERM)
        details = details_of(failure_of(lambda: list(watch)))
        self.assertEqual(details["ErrorInfo"].reason, "SERVICE_STOPPING")
        self.assertEqual(details["RetryInfo"].retry_delay.seconds, 1)

    def test_a_method_that_is_not_there(self):
        error = failure_of(
            lambda: self.service.channel.unary_unary("/tcptool.v1.SessionService/Nothing")(b"")
        )
        self.assertEqual(details_of(error)["ErrorInfo"].reason, "UNIMPLEMENTED")


class ReceptionDetailsTest(DetailsCase, ReceptionCase):
    service_flags = ("--max-running-receptions=1",)

    def request(self, address, path):
        spec = self.spec(address, path)
        return self.messages.CreateReceptionRequest(
            reception=stubs.reception.Reception(spec=spec)
        )

    def test_a_file_that_is_there(self):
        (self.disk / "file").write_bytes(b"before")
        reason, details = self.details(
            self.service.receptions.CreateReception, self.request("127.0.0.1:1", "file")
        )
        self.assertEqual((reason, list(details)), ("DESTINATION_EXISTS", ["ResourceInfo"]))
        self.assertEqual(details["ResourceInfo"].resource_name, "disk/file")

    def test_what_a_reception_cannot_give(self):
        sender = Sender(self)
        name = self.create(sender.address).name
        self.assert_quota(
            self.service.receptions.CreateReception,
            self.request(sender.address, "other"),
            "TOO_MANY_RECEPTIONS",
            "receptions",
        )
        names = stubs.session
        source = stubs.reception_source.ReceptionSource(name=name)
        spec = names.SessionSpec(reception=source, compute_sha256=True)
        serve = stubs.session_service.CreateSessionRequest(session=names.Session(spec=spec))
        creates = self.service.sessions.CreateSession
        self.assert_precondition(creates, serve, "RECEPTION_WITHOUT_SHA256", name)
        self.service.receptions.CancelReception(
            self.messages.CancelReceptionRequest(name=name)
        )
        self.wait_final(name)
        self.assert_precondition(creates, serve, "RECEPTION_WITHOUT_CONTENT", name)


class UploadDetailsTest(DetailsCase):
    # That of one upload.
    service_flags = (f"--max-upload-bytes={64 << 20}",)

    def create(self):
        names = stubs.session
        spec = names.SessionSpec(upload=names.UploadSource())
        return self.service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(session=names.Session(spec=spec))
        ).name

    def uploads(self, name):
        """A call that sends the whole of a content."""
        request = stubs.session_service.UploadContentRequest(
            name=name, data=b"content", complete=True
        )
        return self.service.sessions.UploadContent(iter([request]))

    def test_each_upload_that_is_not_taken_has_its_reason(self):
        first, second = self.create(), self.create()
        self.uploads(first)
        self.assert_precondition(self.uploads, first, "UPLOAD_TAKEN", first)
        # Until its session has ended.
        self.assert_quota(self.uploads, second, "UPLOAD_MEMORY_FULL", "upload bytes")
        self.service.sessions.CancelSession(
            stubs.session_service.CancelSessionRequest(name=first)
        )
        self.service.wait_final(first)
        self.assert_precondition(self.uploads, first, "RESOURCE_FINISHED", first)


class PortDetailsTest(DetailsCase):
    def setUp(self):
        port = free_port()
        self.service_flags = (f"--data-ports={port}-{port}",)
        super().setUp()

    def test_all_ports_are_taken(self):
        self.service.write_file("content", b"firmware")
        self.service.create()
        self.assert_quota(self.service.create, "content", "NO_PORT_FREE", "data ports")


class CredentialDetailsTest(SecurityTest):
    def test_who_may_not_call_hears_why(self):
        tokens = self.write_tokens(vera=("viewer", "v-secret"))
        service = self.serve(f"--token-file={tokens}")
        delete = "/tcptool.v1.SessionService/DeleteSession"
        for path, token, code, reason in (
            (f"/{NODE}/GetNode", None, "UNAUTHENTICATED", "CREDENTIALS_MISSING"),
            (f"/{NODE}/GetNode", "wrong", "UNAUTHENTICATED", "CREDENTIALS_UNKNOWN"),
            (delete, "v-secret", "PERMISSION_DENIED", "ROLE_MISSING"),
        ):
            with self.subTest(reason):
                error = failure_of(
                    lambda: service.channel.unary_unary(path)(b"", metadata=bearer(token))
                )
                self.assertEqual(error.code(), grpc.StatusCode[code])
                info = details_of(error)["ErrorInfo"]
                self.assertEqual(info.reason, reason)
                self.assertEqual(info.metadata.get("role"), "operator" if path == delete else None)
