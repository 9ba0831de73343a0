"""How much the kernel holds of the control port's connections: little of strangers', and
as much as it likes of others'."""

import re
import select
import socket
import subprocess

import harness
import http2
from security import HEALTH, NODE, SecurityTest

WATCH = HEALTH.replace("Check", "Watch").encode()
KIB = 1 << 10
# Of a stranger's connection: what the service told the kernel, doubled.
SENDS = 64 * KIB
RECEIVES = 128 * KIB
# What the client's own kernel holds of what it sends, and of what it does not read.
OWN = 64 * KIB
# As much as the service holds itself of what it cannot send.
HELD = 64 * KIB
PING = http2.frame(http2.PING, 0, 0, b"12345678")
# Of a kind that nobody knows: it is read and forgotten.
UNKNOWN = http2.frame(0x20, 0, 0, b"x" * 16_000)
SO_BUF_LOCK = 72


def can_hold_buffers():
    with socket.socket() as any_socket:
        try:
            any_socket.getsockopt(socket.SOL_SOCKET, SO_BUF_LOCK)
            return True
        except OSError:
            return False


def buffers(connection):
    """How large the service's buffers of it may become: of input, and of output."""
    ours, services = connection.socket.getsockname()[1], connection.socket.getpeername()[1]
    told = subprocess.run(
        ["ss", "-tmnH", f"sport = :{services} and dport = :{ours}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.search(r"skmem:\(r\d+,rb(\d+),t\d+,tb(\d+),", told)
    if found is None:
        raise AssertionError(f"ss knows no such connection: {told}")
    return int(found[1]), int(found[2])


class StrangerBuffersTest(SecurityTest):
    def setUp(self):
        super().setUp()
        if not can_hold_buffers():
            self.skipTest("the kernel is older than 5.14")
        tokens = self.write_tokens(otto=("operator", "o"))
        self.service = self.serve(f"--token-file={tokens}")

    def connect(self):
        connection = http2.Connection(self.service.control_address, own_buffers=OWN)
        self.addCleanup(connection.close)
        return connection

    def test_a_stranger_that_reads_nothing(self):
        connection = self.connect()
        sent = 0
        most = SENDS + HELD + RECEIVES + 3 * OWN
        try:
            while sent <= most:
                connection.send(PING * 100)
                sent += 100 * len(PING)
        except ConnectionError:
            pass
        self.assertLessEqual(sent, most, "it is answered still")
        refused = harness.wait_until(
            lambda: self.events(self.service, "connection_refused"), "the log says so"
        )
        self.assertEqual([one["reason"] for one in refused], ["it leaves its answers unread"])

    def test_a_stranger_that_leaves_and_has_read_nothing(self):
        connection = self.connect()
        # More than its own kernel takes, and less than is too much.
        for _ in range((OWN + HELD // 2) // len(PING) // 100):
            connection.send(PING * 100)
        connection.socket.shutdown(socket.SHUT_WR)
        # Of an orphan, the kernel would hold on for 30 s what it was sent.
        poll = select.poll()
        poll.register(connection.socket, select.POLLERR)
        self.assertTrue(poll.poll(1000 * harness.DEADLINE_S), "it is not reset")

    def test_a_stranger_that_leaves_and_reads_late(self):
        connection = self.connect()
        count = (OWN + HELD // 2) // len(PING) // 100 * 100
        connection.send(PING * count)
        connection.socket.shutdown(socket.SHUT_WR)
        read = bytearray()
        while part := connection.socket.recv(64 * KIB):
            read += part
        self.assertEqual(read.count(http2.frame(http2.PING, http2.ACK, 0, b"12345678")), count)

    def test_a_stranger_whose_call_goes_on(self):
        connection = self.connect()
        # The kernel makes room for whoever sends much that is read.
        for _ in range(1000):
            connection.send(UNKNOWN)
        connection.send(http2.header_frames(1, http2.request_headers(WATCH)))
        part = http2.frame(http2.DATA, 0, 1, bytes(16_000))
        poll = select.poll()
        poll.register(connection.socket, select.POLLOUT)
        connection.socket.setblocking(False)
        sent = 0

        def is_full():
            """The service takes no more of it. Were that a moment later, less was sent."""
            nonlocal sent
            while poll.poll(1000):
                sent += connection.socket.send(part)
            return sent > 64 * KIB

        harness.wait_until(is_full, "it is read")
        self.assertLess(sent, RECEIVES + 16 * KIB + 2 * OWN)

    def test_an_operator_has_the_room_that_the_kernel_chooses(self):
        connection = self.connect()
        harness.wait_until(
            lambda: buffers(connection) == (RECEIVES, SENDS), "the service has it, and holds it"
        )
        authorization = (b"authorization", b"Bearer o")
        connection.call(1, f"/{NODE}/GetNode".encode(), b"", authorization)
        while connection.read_frame()[:3:2] != (http2.DATA, 1):
            pass

        def receives_more():
            for _ in range(100):
                connection.send(UNKNOWN)
            return buffers(connection)[0] > RECEIVES

        harness.wait_until(receives_more, "there is more room for what it sends")

        def sends_more():
            # Their answers fill the room that there is, before they are read.
            for _ in range(100):
                connection.send(PING * 100)
            for _ in range(100 * 100):
                while connection.read_frame()[0] != http2.PING:
                    pass
            return buffers(connection)[1] > SENDS

        harness.wait_until(sends_more, "there is more room for what it is sent")
