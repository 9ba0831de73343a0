"""A chain of three nodes, of which any are killed at any moment: all come out whole, and no
recipient of the wire protocol takes a part for the whole."""

import random
import threading
import time

import grpc

import harness
from nodes import NodesCase
from receptions import MIB, state_of

MOMENTS = 50
# Fewer on a machine that is too busy.
LIMIT_S = 60
# So that the transfer takes a third of a second.
BYTES_PER_SECOND = 25_000_000


class Recipient(threading.Thread):
    """One of the wire protocol, that comes to a node's session from its reception."""

    def __init__(self, session):
        super().__init__()
        self._peer = harness.connect(harness.port_of(session), b"\0")
        self.content = b""
        self.ended_in_order = False
        self.start()

    def run(self):
        self.content, self.ended_in_order = harness.read_to_end(self._peer)


class PeersRandomKillsTest(NodesCase):
    size = 8 * MIB + 4321

    def test_at_random_moments(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        end = time.monotonic() + LIMIT_S
        for moment in range(MOMENTS):
            if time.monotonic() >= end:
                break
            victims = chance.sample("abc", chance.choice([1, 1, 1, 2, 3]))
            delay = chance.uniform(0, 0.5)
            with self.subTest(seed=seed, moment=moment, victims=victims, delay=delay):
                self.kill_and_check(chance, victims, delay)
        self.assertGreater(moment, 3)

    def kill_and_check(self, chance, victims, delay):
        self.content = chance.randbytes(self.size)
        self.a.write_file("content", self.content)
        for node in (self.b, self.c):
            (node.disk / "file").unlink(missing_ok=True)
        session = self.serve_slowly(BYTES_PER_SECOND)
        relay = self.b.receive(self.a.source(session))
        last = self.c.receive(self.b.source(relay))
        recipients = self.recipients_of(self.b, relay) + self.recipients_of(self.c, last)
        time.sleep(delay)  # Which moment it is, decides nothing.
        for name in victims:
            getattr(self, name).kill()
        for name in chance.sample(victims, len(victims)):
            getattr(self, name).start()
        # Who was killed in the moment that its content got its name is INTERRUPTED, and whoever
        # receives from it then fails.
        states = [self.end_of(self.b, relay), self.end_of(self.c, last)]
        self.assertIn(
            tuple(states),
            {
                ("SUCCEEDED", "SUCCEEDED"),
                ("SUCCEEDED", "INTERRUPTED"),
                ("INTERRUPTED", "SUCCEEDED"),
                ("INTERRUPTED", "INTERRUPTED"),
                ("INTERRUPTED", "FAILED"),
            },
        )
        for recipient in recipients:
            recipient.join()
            self.assertTrue(self.content.startswith(recipient.content))
            if recipient.ended_in_order:
                self.assertEqual(len(recipient.content), len(self.content))

    def recipients_of(self, node, reception):
        try:
            return [Recipient(node.get(self.serve_reception(node, reception)))]
        except grpc.RpcError as error:
            # Its reception is over, and its file gone, or about to get its name.
            self.assertIn(error.code(), {grpc.StatusCode.FAILED_PRECONDITION})
            return []

    def end_of(self, node, name):
        """The state. It is checked that the file is whole, and that nothing else is left."""
        reception = node.wait_reception(name)
        state = state_of(reception)
        files = set() if state == "FAILED" else {"file"}
        harness.wait_until(lambda: node.files() == files, f"{name} has left {files}")
        if files:
            self.assertEqual((node.disk / "file").read_bytes(), self.content)
        return state
