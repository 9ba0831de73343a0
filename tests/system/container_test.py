"""A recipient in a network namespace of this host, as a container is."""

import hashlib
import os
import random
import subprocess
import sys

import harness

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


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


class ContainerTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.namespace = f"container{os.getpid()}"
        net = f"10.{random.randrange(100, 250)}.{random.randrange(250)}"
        self.address = f"{net}.1"
        link = f"c{os.getpid()}"
        try:
            ip("netns", "add", self.namespace)
        except subprocess.CalledProcessError as error:
            # A container may not make any.
            self.skipTest(f"no network namespace can be had: {error}")
        self.addCleanup(ip, "netns", "del", self.namespace)
        ip("link", "add", link, "type", "veth", "peer", "name", "there", "netns", self.namespace)
        ip("address", "add", f"{self.address}/24", "dev", link)
        ip("link", "set", link, "up")
        ip("-n", self.namespace, "address", "add", f"{net}.2/24", "dev", "there")
        ip("-n", self.namespace, "link", "set", "there", "up")

    def test_file_that_changes_behind_the_end_changes_nothing(self):
        """Between two such namespaces nothing is copied on its way."""
        content = os.urandom(60_000)
        self.service.write_file("content", content)
        # On the disk, so that it stays in the page cache as it is.
        os.sync()
        session = self.service.create(
            listener=harness.stubs.session.Listener(bind_address=self.address)
        )
        with subprocess.Popen(
            [
                "ip", "netns", "exec", self.namespace, sys.executable, "-c", RECIPIENT,
                self.address, str(harness.port_of(session)),
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
