"""The control API, as a fleet's integration in another language uses it."""

import datetime
import signal

import grpc

import harness
import recipients


class ApiTest(harness.ServiceTest):
    service_flags = ("--log-format=json", "--root=proc=/proc")

    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"firmware")
        self.messages = harness.stubs.session_service

    def code_of(self, call, request):
        with self.assertRaises(grpc.RpcError) as raised:
            call(request)
        return raised.exception.code()

    def recipient(self, session, byte):
        recipient = recipients.Recipient(
            recipients.KINDS[0], harness.port_of(session), byte
        )
        self.addCleanup(recipient.close)
        return recipient

    def test_session_from_creation_to_deletion(self):
        sessions = self.service.sessions
        created = self.service.create(labels={"fleet": "blue"})
        self.assert_session_state(created, "WAITING")
        self.assertEqual(created.content_length, 8)
        self.assertEqual(created.spec.limits.stall_timeout.seconds, 60)
        self.assertEqual(
            created.expire_time.ToNanoseconds() - created.create_time.ToNanoseconds(),
            24 * 3600 * 10**9,
        )
        other = self.service.create()

        listed = sessions.ListSessions(self.messages.ListSessionsRequest()).sessions
        self.assertEqual([one.name for one in listed], [other.name, created.name])
        blue = sessions.ListSessions(
            self.messages.ListSessionsRequest(labels={"fleet": "blue"})
        ).sessions
        self.assertEqual([one.name for one in blue], [created.name])

        waiting = self.recipient(created, recipients.WAIT)
        self.service.wait_ready(created.name, 1)
        started = sessions.StartSession(self.messages.StartSessionRequest(name=created.name))
        self.assertNotEqual(started.etag, created.etag)
        self.assert_session_state(self.service.wait_final(created.name), "SUCCEEDED")
        waiting.wait()
        self.assertEqual(
            self.code_of(
                sessions.StartSession, self.messages.StartSessionRequest(name=created.name)
            ),
            grpc.StatusCode.FAILED_PRECONDITION,
        )
        self.assertEqual(
            self.code_of(
                sessions.DeleteSession,
                self.messages.DeleteSessionRequest(name=created.name, etag=created.etag),
            ),
            grpc.StatusCode.ABORTED,
        )
        sessions.DeleteSession(self.messages.DeleteSessionRequest(name=created.name))
        self.assertEqual(
            self.code_of(sessions.GetSession, self.messages.GetSessionRequest(name=created.name)),
            grpc.StatusCode.NOT_FOUND,
        )
        self.assertEqual(
            self.code_of(
                sessions.DeleteSession, self.messages.DeleteSessionRequest(name=other.name)
            ),
            grpc.StatusCode.FAILED_PRECONDITION,
        )
        sessions.DeleteSession(self.messages.DeleteSessionRequest(name=other.name, force=True))

    def test_cancel_is_idempotent(self):
        created = self.service.create()
        request = self.messages.CancelSessionRequest(name=created.name)
        for _ in range(2):
            self.assert_session_state(self.service.sessions.CancelSession(request), "CANCELLED")

    def validate(self, path="content", **spec):
        session = harness.stubs.session
        spec = session.SessionSpec(file=session.FileSource(root="files", path=path), **spec)
        return self.messages.CreateSessionRequest(
            session_id="one",
            session=session.Session(spec=spec),
            request_id="once",
            validate_only=True,
        )

    def test_validate_only_checks_and_makes_nothing(self):
        sessions = self.service.sessions
        listener = harness.stubs.session.Listener(port=self.service.first_port)
        request = self.validate(listener=listener)
        valid = sessions.CreateSession(request)
        self.assertEqual((valid.name, valid.data_endpoint, valid.etag), ("", "", ""))
        self.assert_session_state(valid, "WAITING")
        self.assertEqual(valid.content_length, 8)
        self.assertEqual(valid.spec.expire_after.seconds, 24 * 3600)
        self.assertEqual(len(sessions.ListSessions(self.messages.ListSessionsRequest()).sessions), 0)
        # Neither the id, nor the name, nor the port is taken.
        request.validate_only = False
        made = sessions.CreateSession(request)
        self.assertEqual(made.spec, valid.spec)
        # It is checked, though the id has made one.
        request.validate_only = True
        codes = grpc.StatusCode
        self.assertEqual(self.code_of(sessions.CreateSession, request), codes.ALREADY_EXISTS)
        request.session_id = ""
        self.assertEqual(self.code_of(sessions.CreateSession, request), codes.FAILED_PRECONDITION)
        for wrong, code in (
            (self.validate(path="absent"), codes.NOT_FOUND),
            (self.validate(allow=["nonsense"]), codes.INVALID_ARGUMENT),
        ):
            wrong.session_id = ""
            self.assertEqual(self.code_of(sessions.CreateSession, wrong), code)

    def test_audit_tells_what_was_validated_from_what_was_made(self):
        request = self.validate()
        self.service.sessions.CreateSession(request)
        request.validate_only = False
        made = self.service.sessions.CreateSession(request)

        def audited():
            events = [one for one in self.service.events() if one["event"] == "audit"]
            return events if len(events) == 2 else None

        events = harness.wait_until(audited, "both are audited")
        self.assertEqual(
            [(one["target"], one["outcome"]) for one in events],
            [("(validate_only)", "OK"), (made.name, "OK")],
        )

    def test_delete_of_what_is_not_there_may_be_allowed(self):
        sessions = self.service.sessions
        request = self.messages.DeleteSessionRequest(name=self.service.create().name)
        request.allow_missing = True
        self.assertEqual(
            self.code_of(sessions.DeleteSession, request), grpc.StatusCode.FAILED_PRECONDITION
        )
        request.force = True
        for _ in range(2):
            sessions.DeleteSession(request)
        request.allow_missing = False
        self.assertEqual(self.code_of(sessions.DeleteSession, request), grpc.StatusCode.NOT_FOUND)

    def wait(self, name, **timeout):
        request = harness.stubs.session_requests.WaitSessionRequest(name=name)
        if timeout:
            request.timeout.FromTimedelta(datetime.timedelta(**timeout))
        return self.service.sessions.WaitSession(request, timeout=harness.DEADLINE_S)

    def test_wait_ends_with_the_session_or_its_time(self):
        created = self.service.create()
        self.assert_session_state(self.wait(created.name, seconds=0), "WAITING")
        self.assert_session_state(self.wait(created.name, milliseconds=1), "WAITING")
        self.recipient(created, recipients.START)
        ended = self.wait(created.name)
        self.assert_session_state(ended, "SUCCEEDED")
        self.assertEqual(ended, self.service.get(created.name))
        self.assertEqual(self.wait(created.name), ended)

    def test_wait_outlives_no_service(self):
        """A client that waits is told, and waits again."""
        created = self.service.create()
        waits = self.service.sessions.WaitSession.future(
            harness.stubs.session_requests.WaitSessionRequest(name=created.name),
            timeout=harness.DEADLINE_S,
        )
        self.service.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        self.assertEqual(
            waits.exception(timeout=harness.DEADLINE_S).code(), grpc.StatusCode.UNAVAILABLE
        )
        self.service.start()
        self.assert_session_state(self.wait(created.name, seconds=0), "WAITING")

    def test_drop_resets_one_recipient(self):
        created = self.service.create()
        peer = self.connect(created, recipients.WAIT)
        self.service.wait_ready(created.name, 1)
        (one,) = self.service.recipients(created.name)
        dropped = self.service.sessions.DropRecipient(
            self.messages.DropRecipientRequest(name=one.name)
        )
        self.assert_recipient(dropped, "DROPPED")
        with self.assertRaises(ConnectionResetError):
            peer.recv(1)

    def expect(self, *labels, **spec):
        """A session whose recipients are expected from this host."""
        session = harness.stubs.session
        return self.service.create(
            expected=[
                session.ExpectedRecipient(address="127.0.0.1", label=label) for label in labels
            ],
            **spec,
        )

    def test_expected_recipient_that_was_dropped_is_missed_in_the_result(self):
        created = self.expect("first", "second", start={"ignore_start_byte": True})
        stays = self.connect(created, recipients.WAIT)
        self.service.wait_ready(created.name, 1)
        self.connect(created, recipients.WAIT)
        harness.wait_until(
            lambda: self.service.get(created.name).counts.expected == 0, "both have come"
        )
        self.service.sessions.DropRecipient(
            self.messages.DropRecipientRequest(name=f"{created.name}/recipients/2")
        )
        harness.read_to_end(stays)
        self.assert_session_state(self.service.wait_final(created.name), "PARTIALLY_SUCCEEDED")

    def test_immediate_session_ends_when_all_expected_have_it_if_asked(self):
        start = {"immediate": True, "end_when_expected_delivered": True}
        created = self.expect("first", "second", start=start)
        for _ in range(2):
            harness.read_all(self.connect(created, recipients.WAIT))
        self.assert_session_state(self.service.wait_final(created.name), "SUCCEEDED")
        session = harness.stubs.session
        for wrong in (
            {"start": session.StartPolicy(end_when_expected_delivered=True)},
            {"start": session.StartPolicy(**start)},
        ):
            with self.assertRaises(grpc.RpcError) as refused:
                self.service.create(**wrong)
            self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn("start.end_when_expected_delivered", refused.exception.details())

    def test_immediate_session_ends_at_its_deadline_whoever_lacks_it(self):
        session = harness.stubs.session
        created = self.service.create(
            expected=[session.ExpectedRecipient(address=a) for a in ("127.0.0.1", "192.0.2.7")],
            start={"immediate": True, "end_when_expected_delivered": True},
        )
        harness.read_all(self.connect(created, recipients.WAIT))
        harness.wait_until(lambda: self.service.get(created.name).counts.delivered, "one has it")
        self.assert_session_state(self.service.get(created.name), "TRANSFERRING")
        soon = session.Session(name=created.name, spec={"expire_after": {"seconds": 1}})
        self.service.sessions.UpdateSession(
            harness.stubs.session_requests.UpdateSessionRequest(session=soon)
        )
        self.assert_session_state(self.service.wait_final(created.name), "PARTIALLY_SUCCEEDED")
        delivered, missing = self.service.recipients(created.name)
        self.assert_recipient(delivered, "DELIVERED")
        self.assert_recipient(missing, "EXPECTED")

    def test_immediate_session_of_a_file_that_is_read_once_is_refused(self):
        session = harness.stubs.session
        spec = session.SessionSpec(
            file=session.FileSource(root="proc", path="version"),
            start=session.StartPolicy(immediate=True),
        )
        for validate_only in (True, False):
            request = self.messages.CreateSessionRequest(
                session=session.Session(spec=spec), validate_only=validate_only
            )
            with self.assertRaises(grpc.RpcError) as refused:
                self.service.sessions.CreateSession(request)
            self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn("session.spec.start.immediate: ", refused.exception.details())

    def test_request_id_makes_one_session(self):
        session = harness.stubs.session
        request = self.messages.CreateSessionRequest(
            request_id="retry",
            session=session.Session(
                spec=session.SessionSpec(file=session.FileSource(root="files", path="content"))
            ),
        )
        first = self.service.sessions.CreateSession(request)
        self.assertEqual(self.service.sessions.CreateSession(request).name, first.name)
        request.session.spec.max_recipients = 7
        self.assertEqual(
            self.code_of(self.service.sessions.CreateSession, request),
            grpc.StatusCode.ALREADY_EXISTS,
        )

    def test_pages_cover_all_while_sessions_come(self):
        names = [self.service.create().name for _ in range(7)]
        seen, token = [], ""
        while True:
            page = self.service.sessions.ListSessions(
                self.messages.ListSessionsRequest(page_size=2, page_token=token)
            )
            seen += [one.name for one in page.sessions]
            token = page.next_page_token
            if not token:
                break
            self.service.create()
        self.assertEqual(seen, names[::-1])

    def test_watch_sends_a_snapshot_a_bookmark_and_changes(self):
        created = self.service.create()
        watch = self.service.sessions.WatchSessions(
            self.messages.WatchSessionsRequest(names=[created.name], include_recipients=True)
        )
        self.addCleanup(watch.cancel)
        snapshot = next(watch)
        self.assertEqual([one.session.name for one in snapshot.changes], [created.name])
        self.assertTrue(snapshot.bookmark)
        self.recipient(created, recipients.START).wait()
        states, recipient = [], None
        for message in watch:
            for change in message.changes:
                if change.WhichOneof("change") == "session":
                    states.append(change.session.state)
                else:
                    recipient = change.recipient
            if message.bookmark and states[-1] == harness.stubs.session.SESSION_STATE_SUCCEEDED:
                break
        self.assertEqual(states, sorted(states))
        self.assert_recipient(recipient, "DELIVERED")

        resumed = self.service.sessions.WatchSessions(
            self.messages.WatchSessionsRequest(resume_revision=snapshot.revision)
        )
        self.addCleanup(resumed.cancel)
        sessions = [one.session for one in next(resumed).changes if one.HasField("session")]
        self.assert_session_state(sessions[-1], "SUCCEEDED")
        too_old = self.service.sessions.WatchSessions(
            self.messages.WatchSessionsRequest(resume_revision=1)
        )
        with self.assertRaises(grpc.RpcError) as raised:
            next(too_old)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.OUT_OF_RANGE)

    def test_node_says_what_it_can(self):
        created = self.service.create()
        node = self.service.node.GetNode(harness.stubs.node_service.GetNodeRequest())
        self.assertEqual([root.name for root in node.roots], ["files", "proc"])
        self.assertGreater(node.roots[0].free_bytes, 0)
        self.assertEqual(list(node.ports_in_use), [harness.port_of(created)])
        self.assertGreater(node.lanes, 0)

    def test_session_id_is_taken_once(self):
        session = harness.stubs.session
        request = self.messages.CreateSessionRequest(
            session_id="mine",
            session=session.Session(
                spec=session.SessionSpec(file=session.FileSource(root="files", path="content"))
            ),
        )
        self.assertEqual(self.service.sessions.CreateSession(request).name, "sessions/mine")
        self.assertEqual(
            self.code_of(self.service.sessions.CreateSession, request),
            grpc.StatusCode.ALREADY_EXISTS,
        )

    def test_start_with_an_old_etag_is_aborted(self):
        created = self.service.create()
        self.recipient(created, recipients.WAIT)
        self.service.wait_ready(created.name, 1)
        request = self.messages.StartSessionRequest(name=created.name, etag="old")
        self.assertEqual(
            self.code_of(self.service.sessions.StartSession, request), grpc.StatusCode.ABORTED
        )

    def test_cancel_resets_recipients(self):
        created = self.service.create()
        peer = self.connect(created, recipients.WAIT)
        self.service.wait_ready(created.name, 1)
        self.service.sessions.CancelSession(
            self.messages.CancelSessionRequest(name=created.name)
        )
        with self.assertRaises(ConnectionResetError):
            peer.recv(1)
        (one,) = self.service.recipients(created.name)
        self.assert_recipient(one, "FAILED", "SESSION_CANCELLED")

    def test_expected_recipients_are_listed_first(self):
        expected = harness.stubs.session.ExpectedRecipient
        # One of them is missing, so that the session waits.
        created = self.service.create(
            expected=[
                expected(address="127.0.0.1", label="here"),
                expected(address="192.0.2.1", label="away"),
            ]
        )
        self.recipient(created, recipients.WAIT)
        self.service.wait_ready(created.name, 1)
        here, away = self.service.recipients(created.name)
        self.assertEqual([here.label, away.label], ["here", "away"])
        self.assert_recipient(here, "READY")
        self.assert_recipient(away, "EXPECTED")
