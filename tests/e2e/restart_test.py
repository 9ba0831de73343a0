"""What is known after the service was killed, or stopped, and started again."""

import contextlib
import random
import socket
import sqlite3
import threading

import grpc

import harness
import recipients
from harness import ServiceTest, port_of, stubs

CONTENT = random.Random(1).randbytes(1 << 20)
KILLS = 50


def by_name(recipients_of_session):
    return {recipient.name: recipient for recipient in recipients_of_session}


class RestartTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", CONTENT)

    def test_waiting_session_listens_again_on_the_same_port(self):
        expected = [stubs.session.ExpectedRecipient(address="192.0.2.1", label="first")]
        session = self.service.create(expected=expected, labels={"job": "7"})
        self.connect(session, recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        before = self.service.recipients(session.name)
        self.service.restart()
        again = self.service.get(session.name)
        self.assert_session_state(again, "WAITING")
        for field in ("spec", "data_endpoint", "create_time", "etag"):
            self.assertEqual(getattr(again, field), getattr(session, field))
        # The connection is gone, and with it the recipient; its name is not used again.
        self.assertEqual([one.label for one in self.service.recipients(session.name)], ["first"])
        peer = self.connect(session, recipients.START)
        self.assertEqual(harness.read_all(peer), CONTENT)
        # The one that is expected has not come.
        self.assert_session_state(self.service.wait_final(session.name), "FAILED")
        names = by_name(self.service.recipients(session.name))
        self.assertEqual(set(names) & set(by_name(before)), {f"{session.name}/recipients/1"})

    def test_running_session_is_interrupted_with_what_is_known(self):
        limits = stubs.session.Limits(recipient_bytes_per_second=1 << 16)
        session = self.service.create(limits=limits)
        self.connect(session, recipients.START)
        harness.wait_until(
            lambda: any(one.bytes_acked for one in self.service.recipients(session.name)),
            "it has some bytes",
        )
        self.service.restart()
        after = self.service.get(session.name)
        self.assert_session_state(after, "INTERRUPTED")
        self.assertTrue(after.HasField("end_time"))
        self.assertIn("stopped", after.error)
        (recipient,) = self.service.recipients(session.name)
        self.assert_recipient(recipient, "FAILED", "SERVICE_STOPPED")
        self.assertEqual(after.counts.failed, 1)
        # The port is free.
        with self.assertRaises(ConnectionRefusedError):
            self.connect(session, recipients.WAIT)

    def test_session_whose_file_or_port_is_gone_has_failed(self):
        self.service.write_file("gone", CONTENT)
        without_file = self.service.create(path="gone")
        without_port = self.service.create()
        self.service.kill()
        (self.service.root / "gone").unlink()
        with socket.create_server(("0.0.0.0", port_of(without_port))):
            self.service.start()
            for session, words in ((without_file, "gone"), (without_port, "in use")):
                with self.subTest(words):
                    after = self.service.get(session.name)
                    self.assert_session_state(after, "FAILED")
                    self.assertIn(words, after.error)

    def test_upload_waits_again_unless_it_has_begun(self):
        def create():
            spec = stubs.session.SessionSpec(upload=stubs.session.UploadSource())
            return self.service.sessions.CreateSession(
                stubs.session_service.CreateSessionRequest(
                    session=stubs.session.Session(spec=spec)
                )
            )

        def chunk(session, **fields):
            return stubs.session_service.UploadContentRequest(name=session.name, **fields)

        untouched, begun = create(), create()
        ended = []

        def endless():
            yield chunk(begun, data=b"some")
            harness.wait_until(lambda: ended, "the service is gone")

        call = self.service.sessions.UploadContent.future(endless())
        harness.wait_until(lambda: self.upload_is_stored(begun), "the upload has begun")
        self.service.kill()
        ended.append(True)
        self.assertIsNotNone(call.exception())
        self.service.start()
        self.assert_session_state(self.service.get(begun.name), "INTERRUPTED")
        self.assert_session_state(self.service.get(untouched.name), "WAITING")
        peer = self.connect(untouched, recipients.START)
        self.service.sessions.UploadContent(
            iter([chunk(untouched, data=CONTENT, complete=True)])
        )
        self.assertEqual(harness.read_all(peer), CONTENT)

    def upload_is_stored(self, session):
        with contextlib.closing(sqlite3.connect(self.service.state)) as database:
            rows = database.execute(
                "SELECT upload_begun FROM sessions WHERE name = ?", (session.name,)
            )
            return rows.fetchone() == (1,)

    def test_request_id_is_known_after_a_restart(self):
        def create(path):
            spec = stubs.session.SessionSpec(
                file=stubs.session.FileSource(root="files", path=path), labels={"a": "1", "b": "2"}
            )
            return self.service.sessions.CreateSession(
                stubs.session_service.CreateSessionRequest(
                    request_id="one", session=stubs.session.Session(spec=spec)
                )
            )

        session = create("content")
        self.service.restart()
        # Also when the file has gone since.
        (self.service.root / "content").unlink()
        self.assertEqual(create("content").name, session.name)
        with self.assertRaises(grpc.RpcError) as refused:
            create("other")
        self.assertEqual(refused.exception.code(), grpc.StatusCode.ALREADY_EXISTS)
        # Nor is it given another session when that one is deleted.
        self.service.sessions.DeleteSession(
            stubs.session_service.DeleteSessionRequest(name=session.name, force=True)
        )
        for _ in range(2):
            with self.assertRaises(grpc.RpcError) as refused:
                create("content")
            self.assertEqual(refused.exception.code(), grpc.StatusCode.NOT_FOUND)
            self.assertIn("deleted", refused.exception.details())
            self.service.restart()

    def test_retention_goes_on(self):
        session = self.service.create(retention={"seconds": 1})
        harness.read_all(self.connect(session, recipients.START))
        self.service.wait_final(session.name)
        self.service.restart()

        def is_gone():
            try:
                self.service.get(session.name)
            except grpc.RpcError as error:
                return error.code() == grpc.StatusCode.NOT_FOUND
            return False

        harness.wait_until(is_gone, "its retention is over")
        self.service.restart()
        self.assertTrue(is_gone())

    def test_page_tokens_go_on(self):
        names = [self.service.create().name for _ in range(8)]
        for name in names[:4]:
            self.service.sessions.DeleteSession(
                stubs.session_service.DeleteSessionRequest(name=name, force=True)
            )
        request = stubs.session_service.ListSessionsRequest(page_size=2)
        page = self.service.sessions.ListSessions(request)
        listed = [one.name for one in page.sessions]
        self.service.restart()
        while page.next_page_token:
            request.page_token = page.next_page_token
            page = self.service.sessions.ListSessions(request)
            listed.extend(one.name for one in page.sessions)
        self.assertEqual(listed, names[:3:-1])

    def immediate(self, path="content", **start):
        return self.service.create(
            path,
            start=stubs.session.StartPolicy(immediate=True, **start),
            expected=[
                stubs.session.ExpectedRecipient(address="127.0.0.1", label=label)
                for label in ("first", "second")
            ],
        )

    def delivered(self, session):
        counts = self.service.get(session.name).counts
        return counts.delivered

    def test_immediate_session_goes_on(self):
        session = self.immediate(end_when_expected_delivered=True)
        self.assertEqual(harness.read_all(self.connect(session, recipients.WAIT)), CONTENT)
        harness.wait_until(lambda: self.delivered(session) == 1, "one has it")
        for number, end in enumerate((self.service.kill, self.terminate), start=1):
            with self.subTest(end.__name__):
                end()
                self.service.start()
                again = self.service.get(session.name)
                self.assert_session_state(again, "TRANSFERRING")
                self.assertEqual(again.start_time, self.service.get(session.name).start_time)
                self.assertEqual(self.delivered(session), 1)
                first, second = self.service.recipients(session.name)
                self.assert_recipient(first, "DELIVERED")
                self.assertEqual((second.label, second.attempt), ("second", number - 1))
                # Cut off half-way: the next attempt of the same recipient.
                peer = self.connect(session, recipients.WAIT)
                harness.wait_until(
                    lambda number=number: self.service.recipients(session.name)[1].attempt == number,
                    "the second has come",
                )
                harness.reset(peer)
                harness.wait_until(
                    lambda: self.service.get(session.name).counts.failed == 1, "it has gone"
                )
        self.assertEqual(harness.read_all(self.connect(session, recipients.WAIT)), CONTENT)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
        second = self.service.recipients(session.name)[1]
        self.assertEqual([one.attempt for one in second.earlier_attempts], [1, 2])

    def test_immediate_session_serves_no_other_content_than_before(self):
        def write_in_place(path):
            path.write_bytes(CONTENT[::-1])

        def replace(path):
            new = path.with_suffix(".new")
            new.write_bytes(CONTENT[::-1])
            new.rename(path)

        def switch_link(path):
            # To a file that was there before the session.
            path.parent.unlink()
            path.parent.symlink_to("older")

        path = self.service.root / "link" / "content"
        for name in ("older", "newer"):
            (self.service.root / name).mkdir()
            self.service.write_file(f"{name}/content", CONTENT[::-1])
        path.parent.symlink_to("newer")
        for change in (write_in_place, replace, switch_link):
            with self.subTest(change.__name__):
                path.write_bytes(CONTENT)
                session = self.immediate(path="link/content")
                peer = self.connect(session, recipients.WAIT)
                self.assertEqual(harness.read_all(peer), CONTENT)
                harness.wait_until(lambda: self.delivered(session) == 1, "one has it")
                self.service.kill()
                change(path)
                self.service.start()
                after = self.service.get(session.name)
                self.assert_session_state(after, "FAILED")
                self.assertIn("a content that the file has no more", after.error)
                first, second = self.service.recipients(session.name)
                self.assert_recipient(first, "DELIVERED")
                self.assertEqual(second.label, "second")

    def terminate(self):
        self.service.process.terminate()
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        self.service.channel.close()

    def test_watch_from_before_is_told_to_begin_anew(self):
        self.service.create()
        watch = self.service.sessions.WatchSessions(stubs.session_service.WatchSessionsRequest())
        bookmark = next(message.revision for message in watch if message.bookmark)
        self.service.restart()
        resumed = self.service.sessions.WatchSessions(
            stubs.session_service.WatchSessionsRequest(resume_revision=bookmark)
        )
        with self.assertRaises(grpc.RpcError) as refused:
            next(resumed)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.OUT_OF_RANGE)
        anew = self.service.sessions.WatchSessions(stubs.session_service.WatchSessionsRequest())
        self.assertGreater(next(anew).revision, bookmark)

    def test_killed_at_random_points(self):
        """Creates, transfers, cancels and deletes, while the service is killed 50 times."""
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        self.random = random.Random(seed)
        # What a client was told, by name. A session that it began to delete is in neither.
        self.told = {}
        self.gone = None  # The last that was deleted.
        for kill in range(KILLS):
            with self.subTest(seed=seed, kill=kill):
                self.act_until_killed()
                self.service.start()
                self.check_what_was_told()

    def act_until_killed(self):
        killer = threading.Timer(self.random.uniform(0, 0.2), self.service.process.kill)
        killer.start()
        try:
            while True:
                self.act()
        except OSError:
            pass  # A connection that broke, or was refused.
        except grpc.RpcError as error:
            # The service, or every port, is taken.
            self.assertIn(
                error.code(), (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
            )
        killer.join()
        self.service.kill()

    def act(self):
        session = self.service.create()
        self.told[session.name] = session
        what = self.random.choice(("wait", "serve", "begin", "cancel", "delete"))
        if what == "serve":
            peer = self.connect(session, recipients.START)
            content, in_order = harness.read_to_end(peer)
            if in_order:
                self.assertEqual(content, CONTENT)
            self.told[session.name] = self.service.get(session.name)
        elif what == "begin":
            self.connect(session, recipients.START).close()
            self.told[session.name] = self.service.get(session.name)
        elif what == "cancel":
            self.told[session.name] = self.service.sessions.CancelSession(
                stubs.session_service.CancelSessionRequest(name=session.name)
            )
        elif what == "delete":
            del self.told[session.name]
            self.service.sessions.DeleteSession(
                stubs.session_service.DeleteSessionRequest(name=session.name, force=True)
            )
            self.gone = session.name

    def check_what_was_told(self):
        names = stubs.session
        unfinished = (names.SESSION_STATE_WAITING, names.SESSION_STATE_TRANSFERRING)
        listed = {}
        token = ""
        while True:
            page = self.service.sessions.ListSessions(
                stubs.session_service.ListSessionsRequest(page_size=1000, page_token=token)
            )
            listed.update((session.name, session) for session in page.sessions)
            token = page.next_page_token
            if not token:
                break
        for name, told in self.told.items():
            self.assertIn(name, listed)
            now = listed[name]
            self.assertEqual((now.spec, now.create_time), (told.spec, told.create_time))
            if told.state not in unfinished:
                self.assertEqual(now, told)
            elif now.state == names.SESSION_STATE_WAITING:
                self.assertEqual(told.state, names.SESSION_STATE_WAITING)
                self.assertEqual(now.data_endpoint, told.data_endpoint)
                self.connect(now, recipients.WAIT).close()
            else:
                self.assertNotEqual(now.state, names.SESSION_STATE_TRANSFERRING)
            if now.state not in unfinished:
                self.check_sums(now)
            self.told[name] = now
        self.assertNotIn(self.gone, listed)
        # Ports are few: those that wait make room.
        for name, session in list(self.told.items()):
            if session.state in unfinished:
                self.told[name] = self.service.sessions.CancelSession(
                    stubs.session_service.CancelSessionRequest(name=name)
                )

    def check_sums(self, session):
        states = stubs.recipient
        known = self.service.recipients(session.name)
        delivered = [r for r in known if r.state == states.RECIPIENT_STATE_DELIVERED]
        self.assertEqual(session.counts.delivered, len(delivered))
        for recipient in known:
            self.assertTrue(recipient.HasField("end_time"), recipient)
        for recipient in delivered:
            self.assertEqual(recipient.bytes_acked, len(CONTENT))
