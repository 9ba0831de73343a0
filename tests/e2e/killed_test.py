"""A sender that is killed, in whichever way, ends no connection in an orderly way: that
would say that the content, of which nothing has come, is complete."""

import resource
import signal
import socket

import harness
import recipients
import tcptool_process
from harness import ServiceTest, port_of
from tcptool_process import TcptoolTest

CONTENT = b"not for those who are cut off"
# Connections that take more memory than malloc has in stock; what is said of them fits
# into a pipe that nobody reads.
MANY = 500


class KilledSender:
    """The tests, of whatever program has `self.sender` and `self.sender_port`."""

    def wait_handshaking(self):
        """Until one recipient is HANDSHAKING."""
        raise NotImplementedError

    def assert_all_are_reset(self, peers):
        for name, peer in peers.items():
            with self.subTest(name):
                self.assertEqual(harness.read_to_end(peer), (b"", False))

    def kill_by(self, number):
        peers = {"has sent no byte": harness.connect(self.sender_port)}
        self.wait_handshaking()
        resource.prlimit(self.sender.pid, resource.RLIMIT_CORE, (0, 0))
        # Stopped, it accepts nobody.
        harness.stop_still(self.sender)
        peers["is in the accept queue"] = harness.connect(self.sender_port)
        peers["is there with its byte"] = harness.connect(self.sender_port, recipients.WAIT)
        peers["has half-closed"] = harness.connect(self.sender_port, recipients.WAIT)
        peers["has half-closed"].shutdown(socket.SHUT_WR)
        self.sender.send_signal(number)
        self.sender.send_signal(signal.SIGCONT)
        self.assert_all_are_reset(peers)
        self.sender.wait(harness.DEADLINE_S)

    def test_sigkill(self):
        self.kill_by(signal.SIGKILL)

    def test_abort(self):
        self.kill_by(signal.SIGABRT)

    def test_segmentation_fault(self):
        self.kill_by(signal.SIGSEGV)

    def test_sigterm(self):
        self.kill_by(signal.SIGTERM)

    def test_out_of_memory(self):
        peers = {"has sent no byte": harness.connect(self.sender_port)}
        self.wait_handshaking()
        # It keeps what it has, and gets no more. RLIMIT_AS would not do: malloc reserves
        # its arenas' addresses in advance.
        resource.prlimit(self.sender.pid, resource.RLIMIT_DATA, (1, 1))
        # Each takes a little of what malloc has left.
        for number in range(MANY):
            if self.sender.poll() is not None:
                break
            try:
                peers[number] = harness.connect(self.sender_port)
            except (ConnectionRefusedError, ConnectionResetError):
                break
        self.sender.wait(harness.DEADLINE_S)
        self.assert_all_are_reset(peers)


class TcptooldTest(KilledSender, ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", CONTENT)
        self.session = self.service.create(limits={"handshake_timeout": {"seconds": 600}})
        self.sender = self.service.process
        self.sender_port = port_of(self.session)

    def wait_handshaking(self):
        harness.wait_until(
            lambda: self.service.get(self.session.name).counts.handshaking == 1,
            "the recipient is HANDSHAKING",
        )


class TcptoolSenderTest(KilledSender, TcptoolTest):
    def setUp(self):
        super().setUp()
        self.sender = self.start_sender(
            "-c", "0", "-d", "debug", self.write("content", CONTENT)
        )
        self.sender_port = self.port

    def wait_handshaking(self):
        tcptool_process.wait_line(self.sender, "is HANDSHAKING.")
