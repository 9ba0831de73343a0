"""A host that vanishes from the network, its recipients with it."""

import subprocess
import sys

import harness
from other_host import OtherHost

# Bound of docs/architecture.md, with room for a busy machine: 20 s, whether there is
# something to acknowledge or not.
FOUND_S = 45

# Connects, says its byte, and reads so many bytes a second; with 0, nothing.
RECIPIENT = """
import socket, sys, time
address, port, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
recipient = socket.create_connection((address, port))
recipient.sendall(b"\\0")
while rate == 0:
    time.sleep(60)
while recipient.recv(rate // 100):
    time.sleep(0.01)
"""


class VanishedHostTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.other = OtherHost(self)
        with open(self.service.root / "content", "wb") as content:
            content.truncate(1 << 30)

    def connect(self, session, rate, there=True):
        prefix = self.other.prefix if there else []
        recipient = subprocess.Popen(
            [
                *prefix, sys.executable, "-c", RECIPIENT, self.other.here,
                str(harness.port_of(session)), str(rate),
            ]  # fmt: skip
        )
        self.addCleanup(recipient.wait)
        self.addCleanup(recipient.kill)

    def create(self, **spec):
        return self.service.create(
            listener=harness.stubs.session.Listener(bind_address=self.other.here), **spec
        )

    def wait_lost(self, session, count):
        """Until so many recipients that vanished are found; they are LOST."""

        def found():
            return self.service.get(session.name).counts.failed == count

        harness.wait_until(found, "the vanished recipients are FAILED", FOUND_S)
        there = [
            recipient
            for recipient in self.service.recipients(session.name)
            if recipient.address.startswith(self.other.there)
        ]
        self.assertEqual(len(there), count)
        for recipient in there:
            self.assert_recipient(recipient, "FAILED", "CONNECTION_LOST")

    def test_is_found_in_bounded_time_and_harms_nobody(self):
        waiting = self.create()
        self.connect(waiting, rate=0)
        self.service.wait_ready(waiting.name, 1)

        session = self.create()
        self.connect(session, rate=10_000_000)
        self.connect(session, rate=0)
        self.connect(session, rate=400_000_000, there=False)
        self.service.wait_ready(session.name, 3)
        self.service.sessions.StartSession(
            harness.stubs.session_service.StartSessionRequest(name=session.name)
        )
        harness.wait_until(
            lambda: all(r.bytes_acked > 0 for r in self.service.recipients(session.name)),
            "all recipients get content",
        )
        self.other.ip("link", "set", self.other.device, "down")

        # Nobody has anything to acknowledge there: keepalive finds it.
        self.wait_lost(waiting, 1)
        ended = self.service.wait_final(session.name, FOUND_S)
        self.wait_lost(session, 2)
        self.assertEqual(ended.counts.delivered, 1)
        self.assert_session_state(ended, "PARTIALLY_SUCCEEDED")
