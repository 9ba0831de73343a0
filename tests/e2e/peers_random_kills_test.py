"""A chain of three nodes, of which any are killed at random moments: all come out whole and say
so, and no recipient of the wire protocol takes a part for the whole."""

import threading

import harness
from harness import stubs
from moments import PATIENCE_S, Moments
from nodes import NodesCase
from receptions import MIB, state_of

# Of each of the nodes, and of some of them together.
MOMENTS = 13
# So that the transfer takes a fifth of a second.
BYTES_PER_SECOND = 20_000_000
# Until a node that was killed is back.
WAIT = {"seconds": PATIENCE_S}


class Recipient(threading.Thread):
    """One of the wire protocol, that comes to a node's session from its reception."""

    def __init__(self, node, session):
        super().__init__()
        self.node = node
        self._peer = harness.connect(harness.port_of(session), b"\0")
        self._peer.settimeout(PATIENCE_S)
        self.content = b""
        self.ended_in_order = False
        self.start()

    def run(self):
        self.content, self.ended_in_order = harness.read_to_end(self._peer)


class PeersRandomKillsTest(NodesCase):
    size = 4 * MIB + 4321

    def setUp(self):
        super().setUp()
        self.moments = Moments(self.size)

    def kill_often(self, choose):
        for number in range(MOMENTS):
            victims = choose()
            moment = self.moments.next()
            with self.subTest(
                seed=self.moments.seed, number=number, victims=victims, moment=str(moment)
            ):
                self.kill(victims, moment)

    def kill(self, victims, moment):
        self.content = self.moments.random.randbytes(self.size)
        self.a.write_file("content", self.content)
        for node in (self.b, self.c):
            (node.disk / "file").unlink(missing_ok=True)
        session = self.serve_slowly(BYTES_PER_SECOND)
        relay = self.b.receive(self.a.source(session, wait=WAIT))
        last = self.c.receive(self.b.source(relay, wait=WAIT))
        sessions = [
            (node, self.serve_reception(node, reception))
            for node, reception in ((self.b, relay), (self.c, last))
        ]
        recipients = [Recipient(node, node.get(name)) for node, name in sessions]
        watched = self.moments.random.choice([self.b, self.c])
        moment.wait(watched.disk, (watched.disk / "file").exists)
        nodes = [getattr(self, name) for name in victims]
        for node in nodes:
            node.kill()
        for node in self.moments.random.sample(nodes, len(nodes)):
            node.start()
        self.assert_goes_on(self.b, relay)
        self.assert_goes_on(self.c, last)
        for recipient in recipients:
            recipient.join()
            self.assertTrue(self.content.startswith(recipient.content))
            # A node that is killed elsewhere breaks nothing off here.
            if recipient.ended_in_order or recipient.node not in nodes:
                self.assertTrue(recipient.ended_in_order)
                self.assertEqual(len(recipient.content), len(self.content))
        for node, name in [(self.a, session), *sessions]:
            node.sessions.DeleteSession(
                stubs.session_service.DeleteSessionRequest(name=name, force=True)
            )

    def assert_goes_on(self, node, name):
        """It succeeds, whoever was killed and when, and leaves nothing but the file."""
        reception = node.wait_reception(name, PATIENCE_S)
        self.assertEqual(state_of(reception), "SUCCEEDED", reception)
        self.assertTrue((node.disk / "file").read_bytes() == self.content)
        harness.wait_until(lambda: node.files() == {"file"}, f"{name} has left nothing")

    def test_first(self):
        self.kill_often(lambda: "a")

    def test_relay(self):
        self.kill_often(lambda: "b")

    def test_last(self):
        self.kill_often(lambda: "c")

    def test_several(self):
        chance = self.moments.random
        self.kill_often(lambda: "".join(chance.sample("abc", chance.choice([2, 2, 3]))))
