"""Content reaches programs that know nothing of the service, and it knows."""

import hashlib
import os
import pathlib
import socket
import subprocess
import unittest

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


class SenderProgramTest(unittest.TestCase):
    """tcptool -s, and a plain sender that ours receives from."""

    def test_sender_serves_every_kind(self):
        home = pathlib.Path(os.environ["TEST_TMPDIR"])
        content = os.urandom(5_000_001)
        (home / "content").write_bytes(content)
        port = free_port()
        sender = subprocess.Popen(
            [harness.program("tcptool"), "-s", str(port), "-c", str(len(recipients.KINDS)),
             str(home / "content")],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(sender.kill)
        harness.wait_until(lambda: is_listening(port), "tcptool listens")
        running = [recipients.Recipient(kind, port, recipients.WAIT) for kind in recipients.KINDS]
        for recipient in running:
            self.addCleanup(recipient.close)
            recipient.wait()
            self.assertEqual(recipient.output.read_bytes(), content, recipient.kind.name)
        errors = sender.communicate(timeout=harness.DEADLINE_S)[1]
        self.assertEqual(sender.returncode, 0, errors)
        self.assertEqual(
            errors, "tcptool: Transmission succeeded for '127.0.0.1'.\n" * len(running)
        )

    def test_recipient_takes_from_a_plain_sender(self):
        home = pathlib.Path(os.environ["TEST_TMPDIR"])
        content = os.urandom(5_000_001)
        (home / "plain").write_bytes(content)
        port = free_port()
        sender = subprocess.Popen(
            ["socat", "-u", f"FILE:{home / 'plain'}", f"TCP-LISTEN:{port},reuseaddr"]
        )
        self.addCleanup(sender.kill)
        status = subprocess.run(
            [harness.program("tcptool"), "-r", f"127.0.0.1:{port}", "--wait", "30s",
             str(home / "received")],
            check=False,
            timeout=harness.DEADLINE_S,
        ).returncode
        # socat leaves the byte unread, which resets the connection; that the
        # content may then be cut must not go unseen.
        received = (home / "received").read_bytes()
        self.assertTrue((status == 0 and received == content) or status == 1)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def is_listening(port):
    hexadecimal = f":{port:04X} "
    for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines():
        fields = line.split()
        if hexadecimal.strip() in fields[1] and fields[3] == "0A":
            return True
    return False
