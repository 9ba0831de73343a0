"""Every kind of recipient gets every byte, and the service knows whether it did."""

import hashlib
import os

import recipients
from harness import ServiceTest, port_of, stubs

# Not a multiple of any block or buffer.
CONTENT_SIZE = (20 << 20) + 12345


class RecipientsTest(ServiceTest):
    def setUp(self):
        super().setUp()
        content = os.urandom(CONTENT_SIZE)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.service.write_file("content", content)

    def start(self, session, kind, byte):
        recipient = recipients.Recipient(kind, port_of(session), byte)
        self.addCleanup(recipient.close)
        return recipient

    def assert_complete(self, recipient):
        got = recipient.output.read_bytes()
        self.assertEqual(len(got), CONTENT_SIZE)
        self.assertEqual(hashlib.sha256(got).hexdigest(), self.sha256)

    def test_each_kind_alone_is_delivered(self):
        for kind in recipients.KINDS:
            with self.subTest(kind.name):
                session = self.service.create()
                recipient = self.start(session, kind, recipients.START)
                self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
                self.assertEqual(recipient.wait()[0], 0)
                self.assert_complete(recipient)
                (delivered,) = self.service.recipients(session.name)
                self.assert_recipient(delivered, "DELIVERED")
                self.assertEqual(delivered.bytes_acked, CONTENT_SIZE)
                self.assertTrue(delivered.start_byte)

    def test_all_kinds_in_one_session_are_delivered(self):
        session = self.service.create()
        kinds = list(recipients.KINDS)
        running = [self.start(session, kind, recipients.WAIT) for kind in kinds[:-1]]
        self.service.wait_ready(session.name, len(kinds) - 1)
        running.append(self.start(session, kinds[-1], recipients.START))
        final = self.service.wait_final(session.name)
        self.assert_session_state(final, "SUCCEEDED")
        self.assertEqual(final.counts.delivered, len(kinds))
        for recipient in running:
            with self.subTest(recipient.kind.name):
                self.assertEqual(recipient.wait()[0], 0)
                self.assert_complete(recipient)

    def test_recipient_that_does_not_close_is_unconfirmed(self):
        for kind in recipients.LINGERING_KINDS:
            with self.subTest(kind.name):
                limits = stubs.session.Limits()
                limits.confirm_timeout.FromMilliseconds(500)
                session = self.service.create(limits=limits)
                recipient = self.start(session, kind, recipients.START)
                self.assert_session_state(self.service.wait_final(session.name), "FAILED")
                (unconfirmed,) = self.service.recipients(session.name)
                self.assert_recipient(unconfirmed, "FAILED", "UNCONFIRMED")
                # It has the content all the same.
                self.assertEqual(unconfirmed.bytes_acked, CONTENT_SIZE)
                self.assert_complete(recipient)

    def test_empty_file_is_delivered(self):
        self.service.write_file("empty", b"")
        for kind in recipients.KINDS:
            with self.subTest(kind.name):
                session = self.service.create("empty")
                recipient = self.start(session, kind, recipients.START)
                self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
                self.assertEqual(recipient.wait()[0], 0)
                self.assertEqual(recipient.output.stat().st_size, 0)
