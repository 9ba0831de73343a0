"""Both ends of a transfer say the same of it, however the recipient's flush goes.

A recipient that reports success is one that its sender counts, and the other way
round. The recipient's fsync(2) is made to take long, to fail, or to be cut short."""

import os
import pathlib
import re
import signal
import socket

import harness
from tcptool_process import TcptoolTest

# A flush that takes longer than the tests' time-outs do, and than a test needs to do something
# meanwhile; and one that does not.
LONG_US = 8_000_000
SHORT_US = 300_000

# Its number (syscalls(2)), as /proc/PID/syscall has it.
FSYNC = {"x86_64": "74", "aarch64": "82"}[os.uname().machine]


def slow(microseconds):
    """What makes the recipient's fsync(2) take so long."""
    return [
        "strace", "-f", "-o", "/dev/null", "-e", "trace=fsync",
        "-e", f"inject=fsync:delay_enter={microseconds}",
    ]


class AgreementTest(TcptoolTest):
    CONTENT = b"content" * 100_000

    def setUp(self):
        super().setUp()
        self.file = self.write("content", self.CONTENT)
        self.output = self.home / "output"

    def start_both(self, sender_options=(), prefix=()):
        sender = self.start_sender(*sender_options, self.file)
        recipient = self.start(
            "-r", self.sender_endpoint, "--sync", "-d", "debug", self.output, prefix=prefix
        )
        return sender, recipient

    def assert_both(self, sender, recipient, succeed):
        """Both succeed, or both fail, in their words too. Returns what each said."""
        received, _, recipient_said = self.finish(recipient)
        sent, _, sender_said = self.finish(sender)
        self.assertEqual((sent == 0, received == 0), (succeed, succeed),
                         sender_said + recipient_said)
        outcome = "Transmission succeeded" if succeed else "Transmission failed"
        self.assertIn(outcome, sender_said)
        return sender_said, recipient_said

    def wait_flush(self, recipient):
        """Until it is held up in fsync(2): it has all content, and has seen its end. Returns
        its process id: `recipient` is strace's."""
        children = pathlib.Path(f"/proc/{recipient.pid}/task/{recipient.pid}/children")

        def flushing():
            for pid in children.read_text().split():
                try:
                    call = pathlib.Path(f"/proc/{pid}/syscall").read_text()
                except OSError:
                    continue  # strace tries what ptrace can do on children that end at once.
                if call.split()[0] == FSYNC:
                    return int(pid)
            return None

        return harness.wait_until(flushing, "it flushes")

    def test_flush_that_takes_a_moment(self):
        self.assert_both(*self.start_both(prefix=slow(SHORT_US)), succeed=True)
        self.assertEqual(self.output.read_bytes(), self.CONTENT)

    def test_flush_that_takes_longer_than_the_sender_waits(self):
        _, said = self.assert_both(
            *self.start_both(["--confirm-timeout", "1s"], slow(LONG_US)), succeed=False
        )
        # It has the content, and says that its sender does not know so.
        self.assertIn(
            f"tcptool: Connection to sender lost after all {len(self.CONTENT)} bytes:"
            " Connection reset by peer! The sender does not know that they are written.\n",
            said,
        )
        self.assertEqual(self.output.read_bytes(), self.CONTENT)

    def test_flush_that_takes_less_than_the_sender_waits(self):
        self.assert_both(
            *self.start_both(["--confirm-timeout", "60s"], slow(2_000_000)), succeed=True
        )

    def test_flush_that_fails(self):
        _, said = self.assert_both(
            *self.start_both(prefix=[
                "strace", "-f", "-o", "/dev/null", "-e", "inject=fsync:error=EIO"
            ]),
            succeed=False,
        )
        self.assertIn("tcptool: Problem while writing to output file!\n", said)
        self.assertIn("tcptool: Input/output error after", said)

    def test_disk_that_fails_while_content_comes(self):
        self.file.write_bytes(bytes(64 << 20))
        _, said = self.assert_both(
            *self.start_both(prefix=[
                "strace", "-f", "-o", "/dev/null", "-e", "inject=sync_file_range:error=EIO"
            ]),
            succeed=False,
        )
        self.assertIn("tcptool: Problem while writing to output file!\n", said)

    def test_little_is_left_for_the_flush(self):
        size = 100 << 20
        self.file.write_bytes(bytes(size))
        trace = self.home / "trace"
        self.assert_both(
            *self.start_both(
                prefix=["strace", "-f", "-o", trace, "-e", "trace=sync_file_range,fsync"]
            ),
            succeed=True,
        )
        calls = trace.read_text(encoding="ascii")
        before_the_flush = calls[: calls.index("fsync(")]
        on_their_way = re.findall(
            r"sync_file_range\(\d+, (\d+), (\d+), SYNC_FILE_RANGE_WRITE\)", before_the_flush
        )
        waited_for = re.findall(
            r"sync_file_range\(\d+, (\d+), (\d+), SYNC_FILE_RANGE_WAIT_BEFORE", before_the_flush
        )
        end = 0
        for offset, length in on_their_way:
            self.assertEqual(int(offset), end)
            end += int(length)
        # Less than a window is left, and one more may be on its way.
        self.assertGreater(end, size - (17 << 20))
        self.assertEqual(waited_for, on_their_way[:-1])

    def test_recipient_that_is_ended_while_it_flushes(self):
        for signum in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            with self.subTest(signum):
                self.output.unlink(missing_ok=True)
                sender, recipient = self.start_both(prefix=slow(LONG_US))
                os.kill(self.wait_flush(recipient), signum)
                self.assert_both(sender, recipient, succeed=False)

    def test_sender_that_is_ended_while_its_recipient_flushes(self):
        sender, recipient = self.start_both(prefix=slow(LONG_US))
        self.wait_flush(recipient)
        sender.send_signal(signal.SIGTERM)
        self.assert_both(sender, recipient, succeed=False)

    def test_sender_that_is_killed_while_its_recipient_flushes(self):
        sender, recipient = self.start_both(prefix=slow(LONG_US))
        self.wait_flush(recipient)
        sender.kill()
        sent, _, sender_said = self.finish(sender)
        received, _, recipient_said = self.finish(recipient)
        # It can say nothing any more; its socket's linger of 0 has the kernel reset.
        self.assertEqual((sent, received), (-signal.SIGKILL, 1), sender_said + recipient_said)
        self.assertNotIn("Transmission succeeded", sender_said)
        self.assertIn(
            f"tcptool: Connection to sender lost after all {len(self.CONTENT)} bytes:"
            " Connection reset by peer! The sender does not know that they are written.\n",
            recipient_said,
        )


class ResetTest(TcptoolTest):
    """Resets at moments that a program of 2008 has no name for."""

    def accept(self, *arguments, prefix=()):
        listener = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(listener.close)
        recipient = self.start(
            "-r", self.sender_endpoint, "-d", "debug", *arguments, prefix=prefix
        )
        connection, _ = listener.accept()
        connection.recv(1)
        connection.sendall(b"content")
        return recipient, connection

    def test_reset_right_behind_the_end(self):
        recipient, connection = self.accept("--sha256", self.home / "output")
        # It sees both at once: after the end alone it might be done.
        harness.stop_still(recipient)
        connection.shutdown(socket.SHUT_WR)
        harness.reset(connection)
        recipient.send_signal(signal.SIGCONT)
        status, _, said = self.finish(recipient)
        self.assertEqual(status, 1, said)
        self.assertIn("Connection to sender lost after", said)
        self.assertNotIn("SHA-256", said)

    def test_reset_while_it_flushes(self):
        recipient, connection = self.accept(
            "--sync", "--sha256", self.home / "output", prefix=slow(LONG_US)
        )
        connection.shutdown(socket.SHUT_WR)
        for line in recipient.stderr:
            if b"The content begins." in line:
                break
        harness.reset(connection)
        status, _, said = self.finish(recipient)
        self.assertEqual(status, 1, said)
        self.assertNotIn("SHA-256", said)

    def test_sender_that_closes_its_socket_first_as_those_of_2008_do(self):
        recipient, connection = self.accept(
            "--sync", "--sha256", self.home / "output", prefix=slow(SHORT_US)
        )
        connection.close()
        status, _, said = self.finish(recipient)
        self.assertEqual(status, 0, said)
        self.assertIn("SHA-256", said)
