"""Contents that have to be what is expected, and files that have to be what they were: nobody
takes another content for the whole."""

import hashlib
import os
import subprocess

import grpc

import harness
import recipients
from error_details import details_of, failure_of
from harness import ServiceTest, port_of, stubs

CODES = grpc.StatusCode
MIB = 1 << 20
CONTENT = os.urandom(3 * MIB + 17)
OTHER = hashlib.sha256(b"another").hexdigest()


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


class ExpectedContentTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", CONTENT)

    def create(self, start=None, **source):
        """A session of a file, or of an upload if there is no path."""
        session = stubs.session
        if "path" in source:
            spec = session.SessionSpec(file=session.FileSource(root="files", **source))
        else:
            spec = session.SessionSpec(upload=session.UploadSource(**source))
        if start is not None:
            spec.start.CopyFrom(start)
        return self.service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(session=session.Session(spec=spec))
        )

    def start(self, session):
        self.service.sessions.StartSession(
            stubs.session_service.StartSessionRequest(name=session.name)
        )

    def upload(self, session, content):
        request = stubs.session_service.UploadContentRequest
        pieces = [
            request(name=session.name, offset=offset, data=content[offset : offset + MIB])
            for offset in range(0, len(content), MIB)
        ]
        pieces.append(request(name=session.name, offset=len(content), complete=True))
        return self.service.sessions.UploadContent(iter(pieces), timeout=harness.DEADLINE_S)

    def recipient(self, session, kind, byte):
        recipient = recipients.Recipient(kind, port_of(session), byte)
        self.addCleanup(recipient.close)
        return recipient

    def every_kind(self, session):
        """One recipient of each program; READY."""
        running = [
            self.recipient(session, kind, recipients.WAIT)
            for kind in recipients.KINDS
        ]
        peer = self.connect(session, recipients.WAIT)
        self.service.wait_ready(session.name, len(running) + 1)
        return running, peer

    def assert_reset(self, peer):
        got = 0
        with self.assertRaises(ConnectionResetError):
            while piece := peer.recv(MIB):
                got += len(piece)
        return got

    def assert_source_failed(self, session, words):
        ended = self.service.wait_final(session.name)
        self.assert_session_state(ended, "FAILED")
        self.assertIn(words, ended.error)
        self.assertEqual(ended.counts.delivered, 0)
        for one in self.service.recipients(session.name):
            self.assert_recipient(one, "FAILED", "SOURCE_FAILED")

    def test_file_that_is_right_is_delivered(self):
        session = self.create(path="content", expected_sha256=digest_of(CONTENT).upper())
        self.assertEqual(session.spec.file.expected_sha256, digest_of(CONTENT))
        running, peer = self.every_kind(session)
        self.start(session)
        self.assertEqual(harness.read_all(peer), CONTENT)
        for recipient in running:
            recipient.wait()
            self.assertTrue(recipient.output.read_bytes() == CONTENT, recipient.kind.name)
        ended = self.service.wait_final(session.name)
        self.assert_session_state(ended, "SUCCEEDED")
        self.assertEqual(ended.content_sha256, digest_of(CONTENT))

    def test_part_of_a_file(self):
        part = CONTENT[1000:2000]
        session = self.create(
            path="content", offset=1000, length=1000, expected_sha256=digest_of(part)
        )
        peer = self.connect(session, recipients.START)
        self.assertEqual(harness.read_all(peer), part)

    def test_whole_of_a_wrong_file_reaches_nobody(self):
        session = self.create(path="content", expected_sha256=OTHER)
        running, peer = self.every_kind(session)
        self.start(session)
        self.assertLess(self.assert_reset(peer), len(CONTENT))
        for recipient in running:
            status, _ = recipient.wait()
            self.assertLess(recipient.output.stat().st_size, len(CONTENT), recipient.kind.name)
            if recipient.kind.name == "tcptool -r":
                self.assertNotEqual(status, 0)
        self.assert_source_failed(session, digest_of(CONTENT))

    def test_immediate_session_of_a_wrong_file(self):
        session = self.create(
            start=stubs.session.StartPolicy(immediate=True), path="content", expected_sha256=OTHER
        )
        ended = self.service.wait_final(session.name)
        self.assert_session_state(ended, "FAILED")
        self.assertIn("not the expected one", ended.error)

    def test_wrong_hexadecimal_digits(self):
        for digest in ("ab", "g" * 64, "a" * 65, "0x" + "a" * 62):
            for source in ({"path": "content"}, {}):
                with self.subTest(digest=digest, **source):
                    error = failure_of(
                        lambda source=source, digest=digest: self.create(
                            expected_sha256=digest, **source
                        )
                    )
                    self.assertEqual(error.code(), CODES.INVALID_ARGUMENT)
                    self.assertIn(".expected_sha256: ", error.details())

    def test_upload_that_is_right_has_its_length_from_the_start(self):
        session = self.create(length=len(CONTENT), expected_sha256=digest_of(CONTENT))
        self.assertEqual(session.content_length, len(CONTENT))
        running, peer = self.every_kind(session)
        self.start(session)
        call = self.service.sessions.WatchSessions(
            stubs.session_service.WatchSessionsRequest(names=[session.name])
        )
        first = next(call)
        call.cancel()
        self.assertEqual(first.changes[0].session.content_length, len(CONTENT))
        self.upload(session, CONTENT)
        self.assertEqual(harness.read_all(peer), CONTENT)
        for recipient in running:
            recipient.wait()
            self.assertTrue(recipient.output.read_bytes() == CONTENT, recipient.kind.name)
        ended = self.service.wait_final(session.name)
        self.assert_session_state(ended, "SUCCEEDED")
        self.assertEqual(ended.content_sha256, digest_of(CONTENT))

    def test_upload_that_is_not_what_is_expected_ends_in_a_reset(self):
        for source, words in (
            ({"expected_sha256": OTHER}, "not the expected one"),
            ({"length": len(CONTENT) + 1}, f"has {len(CONTENT)} bytes"),
            ({"length": len(CONTENT) - 1}, f"more than the {len(CONTENT) - 1} bytes"),
            ({"length": 0}, "more than the 0 bytes"),
        ):
            with self.subTest(source):
                session = self.create(**source)
                running, peer = self.every_kind(session)
                self.start(session)
                error = failure_of(lambda session=session: self.upload(session, CONTENT))
                self.assertEqual(error.code(), CODES.FAILED_PRECONDITION)
                details = details_of(error)
                self.assertEqual(details["ErrorInfo"].reason, "UPLOAD_MISMATCH")
                violation = details["PreconditionFailure"].violations[0]
                self.assertEqual(violation.subject, session.name)
                self.assertIn(words, error.details())
                self.assert_reset(peer)
                for recipient in running:
                    status, _ = recipient.wait()
                    if recipient.kind.name == "tcptool -r":
                        self.assertNotEqual(status, 0)
                self.assert_source_failed(session, words)

    def test_upload_before_anybody_is_there(self):
        session = self.create(expected_sha256=OTHER)
        error = failure_of(lambda: self.upload(session, b"content"))
        self.assertEqual(error.code(), CODES.FAILED_PRECONDITION)
        self.assert_session_state(self.service.wait_final(session.name), "FAILED")

    def test_negative_length(self):
        error = failure_of(lambda: self.create(length=-1))
        self.assertEqual(error.code(), CODES.INVALID_ARGUMENT)
        self.assertIn("upload.length", error.details())

    def test_tcptoolctl_uploads_what_was_announced(self):
        done = subprocess.run(
            [
                harness.program("tcptoolctl"), "--server", self.service.control_address,
                "create", "--stdin", "--length=5",
            ],
            input=b"123456",
            capture_output=True,
            check=False,
            timeout=harness.DEADLINE_S,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"more than the 5 bytes", done.stderr)


class PinnedFileTest(ServiceTest):
    """A file that is another one when its session starts."""

    def setUp(self):
        super().setUp()
        self.path = self.service.root / "content"
        self.path.write_bytes(CONTENT)

    def replace(self):
        new = self.path.with_name("new")
        new.write_bytes(CONTENT[::-1])
        new.rename(self.path)

    def rewrite(self):
        """With its old time."""
        times = self.path.stat()
        self.path.write_bytes(CONTENT[::-1])
        os.utime(self.path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def move(self):
        self.path.rename(self.path.with_name("moved"))
        self.path.write_bytes(CONTENT[::-1])

    def await_another_time(self):
        """The clock of time stamps is coarse: what changes now is to bear a later one."""
        written, probe = self.path.stat().st_ctime_ns, self.service.home / "probe"

        def is_later():
            probe.touch()
            return probe.stat().st_ctime_ns > written

        harness.wait_until(is_later, "time stamps are later than the file's")

    def changes(self):
        return (self.replace, self.rewrite, self.move, self.path.unlink)

    def test_a_change_before_the_start_fails_the_session(self):
        for change in self.changes():
            with self.subTest(change.__name__):
                self.path.write_bytes(CONTENT)
                session = self.service.create()
                peer = self.connect(session, recipients.WAIT)
                self.service.wait_ready(session.name, 1)
                self.await_another_time()
                change()
                self.service.sessions.StartSession(
                    stubs.session_service.StartSessionRequest(name=session.name)
                )
                with self.assertRaises(ConnectionResetError):
                    self.assertEqual(peer.recv(1), b"")
                ended = self.service.wait_final(session.name)
                self.assert_session_state(ended, "FAILED")
                self.assertRegex(ended.error, "the file (was replaced|has changed)")

    def test_a_change_while_the_service_is_away_fails_the_session(self):
        for change in self.changes():
            with self.subTest(change.__name__):
                self.path.write_bytes(CONTENT)
                session = self.service.create()
                self.service.kill()
                self.await_another_time()
                change()
                self.service.start()
                ended = self.service.get(session.name)
                self.assert_session_state(ended, "FAILED")
                self.assertRegex(ended.error, "has no more|there is no file")

    def test_a_file_that_stays_is_served_after_a_restart(self):
        session = self.service.create()
        self.service.restart()
        again = self.service.get(session.name)
        self.assert_session_state(again, "WAITING")
        self.assertEqual(again.source_modify_time, session.source_modify_time)
        self.assertEqual(
            again.source_modify_time.ToNanoseconds(), self.path.stat().st_mtime_ns
        )
        peer = self.connect(session, recipients.START)
        self.assertEqual(harness.read_all(peer), CONTENT)

    def test_a_file_that_is_replaced_while_it_is_sent_is_served_to_the_end(self):
        session = self.service.create()
        peer = self.connect(session, recipients.START)
        begin = harness.read_exactly(peer, 1000)
        self.replace()
        self.assertEqual(begin + harness.read_all(peer), CONTENT)
