"""UpdateSession: what of a session changes while it goes on, and after its end."""

import contextlib
import os
import socket
import sqlite3

import grpc
from google.protobuf import duration_pb2, field_mask_pb2

import harness
import recipients
from error_details import details_of, failure_of
from harness import ServiceTest, stubs, until_bookmark, wait_until

SIZE = 1_000_000
# Where nobody comes from.
NOBODY = "192.0.2.1"
RECIPIENT_RATE = "spec.limits.recipient_bytes_per_second"
SESSION_RATE = "spec.limits.session_bytes_per_second"


def expected(address, label=""):
    return stubs.session.ExpectedRecipient(address=address, label=label)


def limits(**rates):
    return stubs.session.Limits(**rates)


def seconds(number):
    return duration_pb2.Duration(seconds=number)


class SessionUpdateTest(ServiceTest):
    service_flags = ("--log-format=json",)

    def setUp(self):
        super().setUp()
        self.content = os.urandom(SIZE)
        self.service.write_file("content", self.content)

    def update(self, name, *paths, etag="", **spec):
        return self.service.sessions.UpdateSession(
            stubs.session_requests.UpdateSessionRequest(
                session=stubs.session.Session(
                    name=name, etag=etag, spec=stubs.session.SessionSpec(**spec)
                ),
                update_mask=field_mask_pb2.FieldMask(paths=paths),
            )
        )

    def failure(self, name, *paths, **spec):
        return failure_of(lambda: self.update(name, *paths, **spec))

    def cancelled(self, **spec):
        session = self.service.create(**spec)
        return self.service.sessions.CancelSession(
            stubs.session_service.CancelSessionRequest(name=session.name)
        )

    def connect_from(self, host, session, byte):
        peer = socket.socket()
        self.addCleanup(peer.close)
        peer.bind((host, 0))
        peer.settimeout(harness.DEADLINE_S)
        peer.connect(("127.0.0.1", harness.port_of(session)))
        peer.sendall(byte)
        return peer

    def assert_is_sent_little(self, session):
        """It sends, and at a byte a second nothing to speak of."""
        wait_until(lambda: self.service.get(session.name).bytes_sent > 0, "something is sent")
        self.assertLess(self.service.get(session.name).bytes_sent, 1000)

    def test_a_session_whose_rate_is_raised_ends(self):
        session = self.service.create(limits=limits(session_bytes_per_second=1))
        peer = self.connect(session, recipients.START)
        self.assert_is_sent_little(session)
        updated = self.update(session.name, SESSION_RATE)
        self.assertEqual(updated.spec.limits.session_bytes_per_second, 0)
        self.assertEqual(harness.read_all(peer), self.content)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def test_a_session_without_a_rate_gets_one_for_all_its_recipients(self):
        session = self.service.create()
        peers = [self.connect(session, recipients.WAIT) for _ in range(4)]
        self.service.wait_ready(session.name, len(peers))
        self.update(session.name, SESSION_RATE, limits=limits(session_bytes_per_second=1))
        self.service.sessions.StartSession(
            stubs.session_service.StartSessionRequest(name=session.name)
        )
        self.assert_is_sent_little(session)
        # 0 would do as well.
        self.update(
            session.name, SESSION_RATE, limits=limits(session_bytes_per_second=1_000_000_000)
        )
        for peer in peers:
            self.assertEqual(harness.read_all(peer), self.content)

    def test_recipients_that_are_connected_get_another_rate(self):
        session = self.service.create(limits=limits(recipient_bytes_per_second=1))
        peer = self.connect(session, recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        self.update(session.name, RECIPIENT_RATE)
        self.service.sessions.StartSession(
            stubs.session_service.StartSessionRequest(name=session.name)
        )
        self.assertEqual(harness.read_all(peer), self.content)

    def test_who_is_allowed_later_may_connect(self):
        session = self.service.create(allow=["127.0.0.11"])
        try:
            peer = self.connect_from("127.0.0.12", session, recipients.START)
            self.assertEqual(harness.read_to_end(peer), (b"", False))
        except (ConnectionResetError, BrokenPipeError):
            pass  # It was reset before it could send its byte, or read.
        self.update(session.name, "spec.allow", allow=["127.0.0.11", "127.0.0.12"])
        peer = self.connect_from("127.0.0.12", session, recipients.START)
        self.assertEqual(harness.read_all(peer), self.content)

    def test_a_session_waits_for_one_more(self):
        # Who connects before has the number that would be the next one.
        session = self.service.create(expected=[expected(NOBODY, "roof")])
        other = self.connect_from("127.0.0.13", session, recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        updated = self.update(
            session.name,
            "spec.expected",
            expected=[expected(NOBODY, "roof"), expected("127.0.0.12", "yard")],
        )
        self.assertEqual([one.number for one in updated.spec.expected], [1, 3])
        listed = self.service.recipients(session.name)
        self.assertEqual([one.label for one in listed], ["roof", "yard", ""])
        self.service.restart()
        self.assertEqual(self.service.get(session.name).spec, updated.spec)
        other.close()
        peer = self.connect_from("127.0.0.12", session, recipients.WAIT)
        wait_until(
            lambda: self.service.recipients(session.name)[1].state
            == stubs.recipient.RECIPIENT_STATE_READY,
            "its place is taken",
        )
        self.service.sessions.StartSession(
            stubs.session_service.StartSessionRequest(name=session.name)
        )
        self.assertEqual(harness.read_all(peer), self.content)
        # The one that was expected from the first has not come.
        final = self.service.wait_final(session.name)
        self.assert_session_state(final, "PARTIALLY_SUCCEEDED")
        retry = self.service.sessions.RetrySession(
            stubs.session_requests.RetrySessionRequest(name=session.name)
        )
        self.assertEqual([one.label for one in retry.spec.expected], ["roof"])

    def test_one_that_has_the_content_already_counts(self):
        start = stubs.session.StartPolicy(immediate=True, end_when_expected_delivered=True)
        session = self.service.create(expected=[expected(NOBODY)], start=start)
        peer = self.connect_from("127.0.0.12", session, recipients.START)
        self.assertEqual(harness.read_all(peer), self.content)
        wait_until(lambda: self.service.get(session.name).counts.delivered, "it is DELIVERED")
        updated = self.update(
            session.name,
            "spec.expected",
            expected=[expected(NOBODY), expected("127.0.0.12", "yard")],
        )
        self.assertEqual([one.number for one in updated.spec.expected], [1, 2])
        wait_until(
            lambda: self.service.recipients(session.name)[1].label == "yard",
            "the record has its label",
        )

        def ends():
            return [one for one in self.service.events() if one["event"] == "recipient_ended"]

        wait_until(ends, "the log has its end")
        self.assertEqual(len(ends()), 1)
        self.service.restart()
        recipient = self.service.recipients(session.name)[1]
        self.assert_recipient(recipient, "DELIVERED")
        self.assertEqual(recipient.label, "yard")

    def test_one_that_takes_nobody_any_more_expects_nobody_more(self):
        session = self.service.create(limits=limits(session_bytes_per_second=1))
        self.connect(session, recipients.START)
        self.assert_is_sent_little(session)
        error = self.failure(
            session.name,
            "spec.expected",
            SESSION_RATE,
            expected=[expected(NOBODY)],
            limits=limits(session_bytes_per_second=0),
        )
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(details_of(error)["ErrorInfo"].reason, "NO_MORE_RECIPIENTS")
        # All or nothing.
        spec = self.service.get(session.name).spec
        self.assertEqual((len(spec.expected), spec.limits.session_bytes_per_second), (0, 1))

    def test_a_session_expires_by_its_new_time(self):
        session = self.service.create()
        updated = self.update(session.name, "spec.expire_after", expire_after=seconds(1))
        self.assertEqual(
            updated.expire_time.ToNanoseconds() - updated.create_time.ToNanoseconds(), 10**9
        )
        self.assert_session_state(self.service.wait_final(session.name), "EXPIRED")

    def test_a_session_that_is_given_more_time_does_not_expire(self):
        session = self.service.create(expire_after=seconds(3600))
        other = self.service.create(expire_after=seconds(2))
        try:
            self.update(other.name, "spec.expire_after", expire_after=seconds(7200))
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
            self.skipTest("on a busy machine it has expired before")
        self.update(session.name, "spec.expire_after", expire_after=seconds(3))
        self.assert_session_state(self.service.wait_final(session.name), "EXPIRED")
        self.assert_session_state(self.service.get(other.name), "WAITING")

    def test_a_restart_keeps_it(self):
        session = self.service.create(labels={"job": "1"})
        updated = self.update(
            session.name,
            "*",
            labels={"job": "2"},
            retention=seconds(77),
            expire_after=seconds(7777),
            limits=limits(session_bytes_per_second=5, recipient_bytes_per_second=6),
        )
        self.service.restart()
        again = self.service.get(session.name)
        for field in ("spec", "expire_time", "update_time", "etag", "uid"):
            self.assertEqual(getattr(again, field), getattr(updated, field), field)
        self.assertEqual(again.spec.labels["job"], "2")
        # And as a finished one.
        self.service.sessions.CancelSession(
            stubs.session_service.CancelSessionRequest(name=session.name)
        )
        updated = self.update(session.name, "spec.labels", labels={"job": "3"})
        self.service.restart()
        again = self.service.get(session.name)
        self.assertEqual(again, updated)
        self.assertEqual(again.spec.labels["job"], "3")

    def test_one_of_an_earlier_service_was_changed_when_it_was_made(self):
        session = self.service.create()
        self.service.kill()
        status = stubs.session.Session()
        status.CopyFrom(session)
        for field in ("spec", "update_time"):
            status.ClearField(field)
        with contextlib.closing(sqlite3.connect(self.service.state)) as database, database:
            database.execute("UPDATE sessions SET status = ?", (status.SerializeToString(),))
        self.service.start()
        again = self.service.get(session.name)
        self.assertEqual(again.update_time, session.create_time)
        self.assertEqual(again.etag, session.etag)

    def test_watchers_get_the_new_spec(self):
        session = self.service.create()
        watch = self.service.sessions.WatchSessions(
            stubs.session_service.WatchSessionsRequest(names=[session.name])
        )
        self.addCleanup(watch.cancel)
        _, revision = until_bookmark(watch)
        self.update(session.name, "spec.labels", labels={"job": "2"})
        changes, _ = until_bookmark(watch)
        self.assertEqual(changes[-1].session.spec.labels["job"], "2")
        self.assertEqual(changes[-1].session.spec.file.path, "content")
        # One that resumes has missed it.
        resumed = self.service.sessions.WatchSessions(
            stubs.session_service.WatchSessionsRequest(
                names=[session.name], resume_revision=revision
            )
        )
        self.addCleanup(resumed.cancel)
        changes, _ = until_bookmark(resumed)
        self.assertEqual(changes[0].session.spec.labels["job"], "2")

    def test_of_a_finished_session_labels_and_retention_change(self):
        session = self.cancelled()
        error = self.failure(session.name, "spec.labels", SESSION_RATE, labels={"job": "2"})
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(details_of(error)["ErrorInfo"].reason, "RESOURCE_FINISHED")
        self.assertFalse(self.service.get(session.name).spec.labels)
        updated = self.update(session.name, "spec.labels", labels={"job": "2"})
        self.assertEqual(updated.spec.labels["job"], "2")
        self.assertEqual(updated.end_time, session.end_time)
        self.update(session.name, "spec.retention", retention=seconds(1))

        def is_gone():
            try:
                self.service.get(session.name)
            except grpc.RpcError as error:
                return error.code() == grpc.StatusCode.NOT_FOUND
            return False

        wait_until(is_gone, "its new retention is over")

    def test_an_old_etag_is_aborted(self):
        session = self.service.create()
        self.assertEqual(session.update_time, session.create_time)
        updated = self.update(session.name, "spec.labels", labels={"a": "1"}, etag=session.etag)
        self.assertNotEqual(updated.etag, session.etag)
        self.assertGreater(
            updated.update_time.ToNanoseconds(), updated.create_time.ToNanoseconds()
        )
        error = self.failure(
            session.name, "spec.labels", labels={"a": "2"}, etag=session.etag
        )
        self.assertEqual(error.code(), grpc.StatusCode.ABORTED)
        self.assertEqual(details_of(error)["ErrorInfo"].reason, "ETAG_MISMATCH")
        self.update(session.name, "spec.labels", labels={"a": "2"}, etag=updated.etag)

    def test_all_that_is_wrong_is_named_at_once(self):
        session = self.service.create(allow=["127.0.0.1"])

        def violations(*paths, **spec):
            error = self.failure(session.name, *paths, **spec)
            self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
            return [one.field for one in details_of(error)["BadRequest"].field_violations]

        self.assertEqual(
            violations("spec.file", "spec.labels", "state", "spec.limits.x"),
            ["update_mask.paths[0]", "update_mask.paths[2]", "update_mask.paths[3]"],
        )
        self.assertEqual(
            set(
                violations(
                    "*",
                    labels={"": "x"},
                    retention=seconds(-1),
                    limits=limits(session_bytes_per_second=-1),
                    allow=["127.0.0.2"],
                )
            ),
            {
                "session.spec.labels",
                "session.spec.retention",
                "session.spec.limits.session_bytes_per_second",
                "session.spec.allow",
            },
        )
        self.assertEqual(self.service.get(session.name).spec, session.spec)

    def test_it_is_audited_with_the_name(self):
        session = self.service.create()
        self.update(session.name, "spec.labels", labels={"a": "1"})
        self.failure("sessions/missing", "spec.labels")

        def audited():
            events = [
                (event["target"], event["outcome"])
                for event in self.service.events()
                if event["event"] == "audit" and event["method"].endswith("/UpdateSession")
            ]
            return events if len(events) == 2 else None

        self.assertEqual(
            wait_until(audited, "both are audited"),
            [(session.name, "OK"), ("sessions/missing", "NOT_FOUND")],
        )

    def test_changes_at_the_same_time_are_all_kept_or_refused(self):
        session = self.service.create()
        calls = [
            self.service.sessions.UpdateSession.future(
                stubs.session_requests.UpdateSessionRequest(
                    session=stubs.session.Session(
                        name=session.name,
                        spec=stubs.session.SessionSpec(
                            limits=limits(recipient_bytes_per_second=number)
                        ),
                    ),
                )
            )
            for number in range(1, 21)
        ]
        done = []
        for number, call in enumerate(calls, 1):
            if call.exception() is None:
                done.append(number)
            else:
                self.assertEqual(call.code(), grpc.StatusCode.ABORTED)
                info = details_of(call.exception())["ErrorInfo"]
                self.assertEqual(info.reason, "CONCURRENT_CHANGES")
        self.assertTrue(done)
        rate = self.service.get(session.name).spec.limits.recipient_bytes_per_second
        self.assertIn(rate, done)
