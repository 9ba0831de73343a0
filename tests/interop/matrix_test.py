"""Each of our sides against programs that we did not write, and against 2008's."""

import os
import socket
import subprocess

import harness
import recipients
import tcptool_process
from tcptool_process import TcptoolTest

SIZE = 5_000_001


class OurSenderTest(TcptoolTest):
    def setUp(self):
        super().setUp()
        self.content = os.urandom(SIZE)
        self.file = self.write("content", self.content)

    def test_serves_every_kind_of_recipient(self):
        sender = self.start_sender("-c", len(recipients.KINDS), self.file)
        running = []
        for kind in recipients.KINDS:
            running.append(recipients.Recipient(kind, self.port, recipients.WAIT))
            self.addCleanup(running[-1].close)
        for recipient in running:
            recipient.wait()
            self.assertEqual(recipient.output.read_bytes(), self.content, recipient.kind.name)
        status, _, errors = self.finish(sender)
        self.assertEqual(
            (status, errors), (0, "tcptool: Transmission succeeded for '127.0.0.1'.\n" * len(running))
        )

    def test_serves_recipients_of_2008(self):
        sender = self.start_sender("-c", "unlimited", self.file)
        waiting = [self.start_model("wait") for _ in range(3)]
        # Each has sent its byte, which is all that it does before it reads.
        harness.wait_until(lambda: established(self.port) == 3, "three are connected")
        last = self.start_model("start")
        for recipient in [*waiting, last]:
            output, errors = recipient.communicate(timeout=harness.DEADLINE_S)
            self.assertEqual((recipient.returncode, errors), (0, b""))
            self.assertEqual(output, self.content)
        self.assertEqual(self.finish(sender)[0], 0)

    def start_model(self, when):
        process = subprocess.Popen(
            [harness.program("model_recipient"), "127.0.0.1", str(self.port), when],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(process.kill)
        return process

    def test_serves_one_that_half_closes(self):
        sender = self.start_sender(self.file)
        peer = self.connect()
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(harness.read_all(peer), self.content)
        self.assertEqual(self.finish(sender)[0], 0)

    def test_serves_one_whose_byte_comes_late(self):
        sender = self.start_sender("-d", "debug", self.file)
        late = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(late.close)
        # The sender has seen the connection, and no byte.
        self.assertIn(b"HANDSHAKING", sender.stderr.readline())
        late.sendall(b"\0more than the one byte")
        self.assertEqual(harness.read_all(late), self.content)
        late.close()
        self.assertEqual(self.finish(sender)[0], 0)

    def test_serves_one_that_trickles(self):
        sender = self.start_sender(self.file)
        peer = self.connect()
        # A byte, then ten, then a hundred: the sender's socket is full meanwhile.
        parts = [peer.recv(1), peer.recv(10), peer.recv(100), harness.read_all(peer)]
        peer.close()
        self.assertEqual(b"".join(parts), self.content)
        self.assertEqual(self.finish(sender)[0], 0)


class OurRecipientTest(TcptoolTest):
    def setUp(self):
        super().setUp()
        self.content = os.urandom(SIZE)
        self.file = self.write("content", self.content)

    def start_other(self, *arguments, **options):
        process = subprocess.Popen(list(map(str, arguments)), **options)
        self.addCleanup(process.kill)
        tcptool_process.wait_listening(self.port, process)
        return process

    def assert_receives(self, *arguments):
        status, output, errors = self.run_tcptool("-r", self.sender_endpoint, *arguments)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(output, self.content)

    def test_takes_from_nc(self):
        with open(self.file, "rb") as content:
            self.start_other(
                "nc.openbsd", "-N", "-l", "127.0.0.1", self.port,
                stdin=content, stdout=subprocess.DEVNULL,
            )
        self.assert_receives()

    def test_takes_from_the_traditional_nc(self):
        # It ends when its peer does: `-q` is how long after its input's end.
        with open(self.file, "rb") as content:
            sender = self.start_other(
                "nc.traditional", "-q", "0", "-l", "-s", "127.0.0.1", "-p", self.port,
                stdin=content, stdout=subprocess.DEVNULL,
            )
        self.assert_receives("-t")
        self.assertEqual(sender.wait(timeout=harness.DEADLINE_S), 0)

    def test_takes_from_ncat(self):
        with open(self.file, "rb") as content:
            sender = self.start_other(
                "ncat", "-l", "127.0.0.1", self.port,
                stdin=content, stdout=subprocess.DEVNULL,
            )
        self.assert_receives()
        self.assertEqual(sender.wait(timeout=harness.DEADLINE_S), 0)

    def test_takes_from_socat(self):
        self.start_other(
            "socat", f"SYSTEM:cat {self.file}", f"TCP-LISTEN:{self.port},bind=127.0.0.1,reuseaddr"
        )
        self.assert_receives("-t")

    def test_takes_from_the_sender_of_2008(self):
        sender = self.start_other(harness.program("model_sender"), self.port, 0, self.file)
        # To a file: that sender waits for the slowest, and nobody empties a pipe here.
        first = self.start("-r", self.sender_endpoint, self.home / "first")
        harness.wait_until(lambda: established(self.port) == 1, "the first is connected")
        self.assert_receives("-t")
        status, _, errors = self.finish(first)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual((self.home / "first").read_bytes(), self.content)
        self.assertEqual(sender.wait(timeout=harness.DEADLINE_S), 0)

    def test_a_cut_is_an_error(self):
        listener = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(listener.close)
        output = self.home / "output"
        recipient = self.start("-r", self.sender_endpoint, output)
        connection, _ = listener.accept()
        connection.recv(1)
        connection.sendall(self.content)
        harness.wait_until(
            lambda: output.exists() and output.stat().st_size == SIZE,
            "all that was sent is written",
        )
        harness.reset(connection)
        status, _, errors = self.finish(recipient)
        self.assertEqual(status, 1)
        self.assertEqual(
            errors,
            f"tcptool: Connection to sender lost after {SIZE} bytes: Connection reset by peer!"
            " The output is not complete.\n",
        )


def established(port):
    """How many connections the one that listens on `port` has."""
    listing = subprocess.run(
        ["ss", "-Htn", "state", "established", f"sport = :{port}"],
        capture_output=True, text=True, check=True,
    ).stdout
    return len(listing.splitlines())
