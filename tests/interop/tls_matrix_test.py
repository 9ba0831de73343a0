"""The matrix of matrix_test in TLS, and what each program makes of a content that is cut.

docs/wire-protocol.md has the table of that: whoever changes one changes the other."""

import os
import signal
import subprocess

import certificates
import harness
import recipients
import tcptool_process
import tls_sender
from tcptool_process import TcptoolTest

SIZE = 5_000_001


class TlsTest(TcptoolTest):
    def setUp(self):
        super().setUp()
        self.content = os.urandom(SIZE)
        self.file = self.write("content", self.content)
        self.authority = certificates.Authority(self.home / "authority")
        self.certificate, self.key = self.authority.issue(
            "localhost", alternative="DNS:localhost,IP:127.0.0.1"
        )
        self.identity = ("--tls-cert", self.certificate, "--tls-key", self.key)

    def start_recipient(self, kind, byte=recipients.WAIT, into=None):
        recipient = recipients.Recipient(
            kind, self.port, byte, authority=self.authority.path, into=into
        )
        self.addCleanup(recipient.close)
        return recipient


class OurSenderTest(TlsTest):
    def test_serves_every_kind_of_recipient(self):
        sender = self.start_sender(*self.identity, "-c", len(recipients.TLS_KINDS), self.file)
        running = [self.start_recipient(kind) for kind in recipients.TLS_KINDS]
        for recipient in running:
            status, errors = recipient.wait()
            self.assertEqual(status, 0, f"{recipient.kind.name}: {errors}")
            self.assertEqual(recipient.output.read_bytes(), self.content, recipient.kind.name)
        status, _, errors = self.finish(sender)
        self.assertEqual(
            (status, errors), (0, "tcptool: Transmission succeeded for '127.0.0.1'.\n" * len(running))
        )

    def test_a_byte_of_theirs_starts_it(self):
        for kind in recipients.TLS_KINDS:
            with self.subTest(kind.name):
                sender = self.start_sender(*self.identity, "-c", "unlimited", self.file)
                recipient = self.start_recipient(kind, recipients.START)
                status, errors = recipient.wait()
                self.assertEqual(status, 0, errors)
                self.assertEqual(recipient.output.read_bytes(), self.content)
                self.assertEqual(self.finish(sender)[0], 0)

    def test_every_kind_sees_that_a_content_is_cut(self):
        for kind in recipients.TLS_KINDS:
            for signum in (signal.SIGKILL, signal.SIGTERM):
                with self.subTest(kind.name, signum=signum):
                    sender = self.start_sender(*self.identity, stdin=subprocess.PIPE)
                    recipient = self.start_recipient(kind)
                    sender.stdin.write(self.content)
                    sender.stdin.flush()
                    # The content goes on.
                    harness.wait_until(
                        lambda output=recipient.output: output.stat().st_size == SIZE,
                        "it has what was sent so far",
                    )
                    sender.send_signal(signum)
                    sender.wait(timeout=harness.DEADLINE_S)
                    self.assertNotEqual(recipient.wait()[0], 0)


    def test_all_but_openssl_show_that_they_could_not_write(self):
        for kind in recipients.TLS_KINDS:
            with self.subTest(kind.name):
                sender = self.start_sender(*self.identity, self.file)
                status, errors = self.start_recipient(kind, into="/dev/full").wait()
                served, _, _ = self.finish(sender)
                if kind.name == "openssl s_client":
                    # It drops what comes for half a second more: whether that is all of it
                    # depends on how fast it comes.
                    self.assertEqual(status, 0, errors)
                else:
                    self.assertNotEqual(status, 0)
                    self.assertEqual(served, 1)


class ForeignSenderTest(TlsTest):
    """Senders whose end is TCP's alone, which anybody on the path can forge."""

    def serve(self):
        sender = tls_sender.TlsSender(self.port, self.certificate, self.key)
        self.addCleanup(sender.close)
        return sender

    def assert_ends(self, kind, end, succeeds):
        """How one ends that has had all content, and then `end`, a method of TlsSender."""
        sender = self.serve()
        recipient = self.start_recipient(kind)
        sender.accept()
        sender.connection.sendall(self.content)
        end(sender)
        status, errors = recipient.wait()
        self.assertEqual(status == 0, succeeds, f"{kind.name}: {errors}")
        self.assertEqual(recipient.output.read_bytes(), self.content)
        recipient.close()
        sender.close()
        return errors

    def test_the_end_of_tls_is_the_end_for_all(self):
        for kind in recipients.TLS_KINDS:
            with self.subTest(kind.name):

                def end(sender):
                    sender.end_tls()
                    sender.end_tcp()

                self.assert_ends(kind, end, succeeds=True)

    def test_who_takes_the_end_of_tcp_for_the_end(self):
        deceived = ("ncat --ssl", "socat openssl")
        for kind in recipients.TLS_KINDS:
            with self.subTest(kind.name):
                self.assert_ends(
                    kind, tls_sender.TlsSender.end_tcp, succeeds=kind.name in deceived
                )

    def test_our_recipient_says_where_it_was_cut(self):
        errors = self.assert_ends(
            recipients.TLS_KINDS[-1], tls_sender.TlsSender.end_tcp, succeeds=False
        )
        self.assertTrue(
            errors.startswith(f"tcptool: Connection to sender lost after {SIZE} bytes: "), errors
        )
        self.assertTrue(errors.endswith("! The output is not complete.\n"), errors)

    def test_a_sender_that_has_closed_its_socket_makes_no_failure(self):
        sender = self.serve()
        recipient = self.start_recipient(recipients.TLS_KINDS[-1])
        sender.accept()
        # What it gets after that it answers with a reset.
        harness.stop_still(recipient.process)
        sender.connection.sendall(b"content")
        sender.end_tls()
        sender.close()
        recipient.process.send_signal(signal.SIGCONT)
        self.assertEqual(recipient.wait(), (0, ""))
        self.assertEqual(recipient.output.read_bytes(), b"content")


class OurRecipientTest(TlsTest):
    """Programs that we did not write, as senders."""

    def receive_from(self, *arguments):
        with open(self.file, "rb") as content:
            sender = subprocess.Popen(
                list(map(str, arguments)), stdin=content,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        self.addCleanup(sender.wait)
        self.addCleanup(sender.kill)
        tcptool_process.wait_listening(self.port, sender)
        return self.run_tcptool(
            "-r", self.sender_endpoint, "--tls", "--tls-ca", self.authority.path
        )

    def test_takes_from_openssl(self):
        self.assertEqual(
            self.receive_from(
                "openssl", "s_server", "-quiet", "-naccept", "1", "-accept", self.sender_endpoint,
                "-cert", self.certificate, "-key", self.key,
            ),
            (0, self.content, ""),
        )

    def test_takes_from_socat(self):
        self.assertEqual(
            self.receive_from(
                "socat", f"SYSTEM:cat {self.file}",
                f"OPENSSL-LISTEN:{self.port},bind=127.0.0.1,reuseaddr,verify=0,"
                f"cert={self.certificate},key={self.key}",
            ),
            (0, self.content, ""),
        )

    def test_ncat_ends_as_one_that_was_cut(self):
        # It sends no close_notify.
        status, output, errors = self.receive_from(
            "ncat", "-l", "--ssl", "--ssl-cert", self.certificate, "--ssl-key", self.key,
            "127.0.0.1", self.port,
        )
        self.assertEqual((status, output), (1, self.content), errors)
        self.assertIn("The output is not complete.", errors)
