"""Watches: what comes, what is left out, and how they resume."""

import grpc

import harness
import recipients
from harness import ServiceTest, stubs

MIB = 1 << 20


class WatchTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"x" * MIB)

    def watch(self, **request):
        watch = self.service.sessions.WatchSessions(
            stubs.session_service.WatchSessionsRequest(**request)
        )
        self.addCleanup(watch.cancel)
        return watch

    def sessions_of(self, changes):
        return {one.session.name for one in changes if one.HasField("session")}

    def delete(self, session):
        self.service.sessions.DeleteSession(
            stubs.session_service.DeleteSessionRequest(name=session.name, force=True)
        )

    def test_watch_is_of_some_names_or_labels_or_all(self):
        blue = self.service.create(labels={"fleet": "blue", "site": "a"})
        red = self.service.create(labels={"fleet": "red", "site": "a"})
        self.connect(red, recipients.WAIT)
        self.service.wait_ready(red.name, 1)
        for request, expected in (
            ({}, {blue.name, red.name}),
            ({"names": [red.name]}, {red.name}),
            ({"labels": {"fleet": "blue"}}, {blue.name}),
            ({"labels": {"site": "a", "fleet": "red"}}, {red.name}),
            ({"labels": {"fleet": "green"}}, set()),
        ):
            with self.subTest(str(request)):
                changes, _ = harness.until_bookmark(self.watch(**request))
                self.assertEqual(self.sessions_of(changes), expected)
                # Recipients come where they are asked for.
                self.assertEqual(len(changes), len(expected))
                changes, _ = harness.until_bookmark(
                    self.watch(include_recipients=True, **request)
                )
                self.assertEqual(
                    [one.recipient.name for one in changes if one.HasField("recipient")],
                    [f"{red.name}/recipients/1"] if red.name in expected else [],
                )

    def test_a_session_that_loses_its_label_is_shown_once_more(self):
        session = self.service.create(labels={"fleet": "blue"})
        watch = self.watch(labels={"fleet": "blue"})
        _, revision = harness.until_bookmark(watch)
        self.service.sessions.UpdateSession(
            stubs.session_requests.UpdateSessionRequest(
                session=stubs.session.Session(
                    name=session.name, spec=stubs.session.SessionSpec(labels={"fleet": "red"})
                )
            )
        )
        resumed = self.watch(labels={"fleet": "blue"}, resume_revision=revision)
        for one in (watch, resumed):
            changes, revision = harness.until_bookmark(one)
            self.assertEqual([change.session.name for change in changes], [session.name])
            self.assertEqual(dict(changes[0].session.spec.labels), {"fleet": "red"})
        changes, _ = harness.until_bookmark(
            self.watch(labels={"fleet": "blue"}, resume_revision=revision)
        )
        self.assertEqual(changes, [])

    def test_changes_come_several_at_a_time(self):
        for _ in range(80):  # Of 100 ports, of which others may have some.
            self.service.create()
        messages = []
        for message in self.watch():
            messages.append(len(message.changes))
            if message.bookmark:
                break
        self.assertEqual(messages, [64, 16])

    def test_forced_deletion_shows_the_end_first(self):
        session = self.service.create()
        watch = self.watch(names=[session.name])
        harness.until_bookmark(watch)
        self.delete(session)
        states = []
        for message in watch:
            for change in message.changes:
                if change.deleted_name:
                    self.assertEqual(states[-1:], [stubs.session.SESSION_STATE_CANCELLED])
                    return
                states.append(change.session.state)
                self.assertFalse(change.session.HasField("spec"))

    def test_session_that_does_not_exist(self):
        watch = self.watch(names=["sessions/none"])
        with self.assertRaises(grpc.RpcError) as caught:
            next(watch)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_resumed_watch_tells_what_was_missed_and_nothing_else(self):
        stays, goes = self.service.create(), self.service.create()
        _, revision = harness.until_bookmark(self.watch())
        self.delete(goes)
        comes = self.service.create()
        changes, later = harness.until_bookmark(self.watch(resume_revision=revision))
        # The end of the one that was deleted, too.
        self.assertEqual(self.sessions_of(changes), {comes.name, goes.name})
        self.assertIn(goes.name, [one.deleted_name for one in changes])
        self.assertGreater(later, revision)
        changes, _ = harness.until_bookmark(self.watch(resume_revision=later))
        self.assertEqual(changes, [])
        self.assertEqual(self.service.get(stays.name).name, stays.name)

    def test_revision_that_is_not_known(self):
        for revision in (1, 2**53):
            with self.subTest(revision):
                watch = self.watch(resume_revision=revision)
                with self.assertRaises(grpc.RpcError) as caught:
                    next(watch)
                self.assertEqual(caught.exception.code(), grpc.StatusCode.OUT_OF_RANGE)
