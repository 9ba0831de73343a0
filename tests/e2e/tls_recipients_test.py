"""Content in TLS reaches programs that know nothing of the service, and they see a cut."""

import hashlib
import os
import pathlib
import tempfile

import certificates
import harness
import recipients
from harness import ServiceTest, port_of, stubs

SIZE = 40_000_003
# Slow enough that nobody has it all when the service goes.
RATE = 1 << 17

# How each program shows that the connection was reset: its exit status, and words on its
# error output.
RESET_IS_SHOWN_BY = {
    "ncat --ssl": (1, "Input/output error"),
    "socat openssl": (1, "Connection reset by peer"),
    "openssl s_client": (104, "read:errno=104"),
    "tcptool -r --tls": (1, "not complete"),
}


class TlsRecipientsTest(ServiceTest):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(
            prefix="authority.", dir=os.environ.get("TEST_TMPDIR")
        )
        self.addCleanup(directory.cleanup)
        self.authority = certificates.Authority(pathlib.Path(directory.name) / "authority")
        certificate, key = self.authority.issue(
            "sender", alternative="DNS:localhost,IP:127.0.0.1"
        )
        self.service_flags = (f"--data-tls-cert={certificate}", f"--data-tls-key={key}")
        super().setUp()
        content = os.urandom(SIZE)
        self.service.write_file("content", content)
        self.digest = hashlib.sha256(content).hexdigest()

    def create(self, **spec):
        return self.service.create(encryption=stubs.encryption.Encryption(), **spec)

    def start(self, kind, session, byte):
        recipient = recipients.Recipient(
            kind, port_of(session), byte, authority=self.authority.path
        )
        self.addCleanup(recipient.close)
        return recipient

    def assert_complete(self, recipient):
        status, errors = recipient.wait()
        self.assertEqual(status, 0, f"{recipient.kind.name}: {errors}")
        self.assertEqual(hashlib.sha256(recipient.output.read_bytes()).hexdigest(), self.digest)

    def test_every_kind_gets_every_byte_and_is_delivered(self):
        for kind in recipients.TLS_KINDS:
            with self.subTest(kind.name):
                session = self.create()
                recipient = self.start(kind, session, recipients.START)
                final = self.service.wait_final(session.name)
                self.assert_session_state(final, "SUCCEEDED")
                self.assert_complete(recipient)
                (one,) = self.service.recipients(session.name)
                self.assert_recipient(one, "DELIVERED")
                self.assertEqual(one.bytes_acked, SIZE)
                self.assertTrue(one.start_byte)

    def test_all_kinds_share_one_session(self):
        session = self.create()
        running = [
            self.start(kind, session, recipients.WAIT) for kind in recipients.TLS_KINDS[1:]
        ]
        self.service.wait_ready(session.name, len(running))
        running.append(self.start(recipients.TLS_KINDS[0], session, recipients.START))
        final = self.service.wait_final(session.name)
        self.assert_session_state(final, "SUCCEEDED")
        self.assertEqual(final.counts.delivered, len(running))
        for recipient in running:
            self.assert_complete(recipient)

    def test_killed_service_resets_every_recipient(self):
        session = self.create(limits=stubs.session.Limits(recipient_bytes_per_second=RATE))
        running = [self.start(kind, session, recipients.WAIT) for kind in recipients.TLS_KINDS]
        self.service.wait_ready(session.name, len(running))
        self.service.sessions.StartSession(
            stubs.session_service.StartSessionRequest(name=session.name)
        )
        harness.wait_until(
            lambda: all(recipient.output.stat().st_size for recipient in running),
            "every recipient has some of it",
        )
        self.service.kill()
        for recipient in running:
            with self.subTest(recipient.kind.name):
                want_status, want_words = RESET_IS_SHOWN_BY[recipient.kind.name]
                status, words = recipient.wait()
                self.assertEqual(status, want_status, words)
                self.assertIn(want_words, words)
                self.assertLess(recipient.output.stat().st_size, SIZE)
