"""Content reaches programs that know nothing of the service, and it knows."""

import hashlib
import os

import harness
import recipients

SIZE = 40_000_003


class DeliveryTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.content = os.urandom(SIZE)
        self.service.write_file("content", self.content)
        self.digest = hashlib.sha256(self.content).hexdigest()

    def start(self, kind, session, byte, **options):
        recipient = recipients.Recipient(kind, harness.port_of(session), byte, **options)
        self.addCleanup(recipient.close)
        return recipient

    def assert_complete(self, recipient):
        self.assertEqual(hashlib.sha256(recipient.output.read_bytes()).hexdigest(), self.digest)

    def test_every_kind_gets_every_byte_and_is_delivered(self):
        for kind in recipients.KINDS:
            with self.subTest(kind.name):
                session = self.service.create()
                recipient = self.start(kind, session, recipients.START)
                final = self.service.wait_final(session.name)
                self.assert_session_state(final, "SUCCEEDED")
                status, errors = recipient.wait()
                self.assertEqual((status, errors), (0, ""))
                self.assert_complete(recipient)
                (one,) = self.service.recipients(session.name)
                self.assert_recipient(one, "DELIVERED")
                self.assertEqual(one.bytes_acked, SIZE)
                self.assertTrue(one.start_byte)

    def test_all_kinds_share_one_session(self):
        session = self.service.create()
        running = []
        for kind in recipients.KINDS[1:]:
            running.append(self.start(kind, session, recipients.WAIT))
        self.service.wait_ready(session.name, len(running))
        running.append(self.start(recipients.KINDS[0], session, recipients.START))
        final = self.service.wait_final(session.name)
        self.assert_session_state(final, "SUCCEEDED")
        self.assertEqual(final.counts.delivered, len(running))
        for recipient in running:
            recipient.wait()
            self.assert_complete(recipient)

    def test_recipient_that_keeps_its_connection_open_is_unconfirmed(self):
        limits = harness.stubs.session.Limits()
        limits.confirm_timeout.nanos = 500_000_000
        for kind in recipients.LINGERING_KINDS:
            with self.subTest(kind.name):
                session = self.service.create(limits=limits)
                recipient = self.start(kind, session, recipients.START)
                final = self.service.wait_final(session.name)
                self.assert_session_state(final, "FAILED")
                (one,) = self.service.recipients(session.name)
                self.assert_recipient(one, "FAILED", "UNCONFIRMED")
                # What its kernel has acknowledged it may not have read yet.
                harness.wait_until(
                    lambda recipient=recipient: recipient.output.stat().st_size == SIZE,
                    "it has written all of it",
                )
                self.assert_complete(recipient)

    def test_empty_file_is_delivered(self):
        self.service.write_file("empty", b"")
        for kind in recipients.KINDS:
            with self.subTest(kind.name):
                session = self.service.create("empty")
                recipient = self.start(kind, session, recipients.START)
                self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
                self.assertEqual(recipient.wait()[0], 0)
                self.assertEqual(recipient.output.stat().st_size, 0)
