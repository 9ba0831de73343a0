"""A recipient in a network namespace of this host, as a container is."""

import hashlib
import os
import socket
import subprocess
import sys

import harness
from other_host import OtherHost

# Connects, says its byte, waits for the sender's end, and reads when it is told to.
RECIPIENT = """
import hashlib, socket, sys, time
CLOSE_WAIT = 8
recipient = socket.socket()
recipient.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
recipient.connect((sys.argv[1], int(sys.argv[2])))
recipient.sendall(b"\\1")
while recipient.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != CLOSE_WAIT:
    time.sleep(0.01)
print("ended", flush=True)
sys.stdin.readline()
digest = hashlib.sha256()
while data := recipient.recv(1 << 20):
    digest.update(data)
print(digest.hexdigest(), flush=True)
"""


class ContainerTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.other = OtherHost(self)

    def test_file_that_changes_behind_the_end_changes_nothing(self):
        """Between two such namespaces nothing is copied on its way."""
        self.check_change_behind_the_end()

    def test_file_that_changes_behind_the_end_with_queues_as_of_a_card(self):
        self.other.queue_as_a_card_does()
        self.assertTrue(self.has_queue())
        self.check_change_behind_the_end()

    def has_queue(self):
        """Whether what comes from there does by a queue of a device."""
        SO_INCOMING_NAPI_ID = 56
        with socket.create_server((self.other.here, 0)) as listener:
            port = listener.getsockname()[1]
            connect = f"socket.create_connection(({self.other.here!r}, {port})).sendall(b'x')"
            subprocess.run(
                [*self.other.prefix, sys.executable, "-c", f"import socket; {connect}"],
                check=True,
            )
            with listener.accept()[0] as accepted:
                self.assertEqual(accepted.recv(1), b"x")
                return accepted.getsockopt(socket.SOL_SOCKET, SO_INCOMING_NAPI_ID) != 0

    def check_change_behind_the_end(self):
        content = os.urandom(60_000)
        self.service.write_file("content", content)
        # On the disk, so that it stays in the page cache as it is.
        os.sync()
        session = self.service.create(
            listener=harness.stubs.session.Listener(bind_address=self.other.here)
        )
        with subprocess.Popen(
            [
                *self.other.prefix, sys.executable, "-c", RECIPIENT,
                self.other.here, str(harness.port_of(session)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as recipient:  # fmt: skip
            self.addCleanup(recipient.kill)
            self.assertEqual(recipient.stdout.readline(), "ended\n")
            with open(self.service.root / "content", "r+b") as file:
                file.write(bytes(len(content)))
            recipient.stdin.write("\n")
            recipient.stdin.flush()
            self.assertEqual(
                recipient.stdout.readline().strip(), hashlib.sha256(content).hexdigest()
            )
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
