"""A chain of three nodes, of which each is killed on its way, and goes on."""

import harness
from nodes import NodesCase
from receptions import FINAL, MIB, state_of


class PeersKilledTest(NodesCase):
    size = 12 * MIB + 17

    def setUp(self):
        super().setUp()
        self.session = self.serve()
        source, self.gate = self.source_with_gate(self.session, 6 * MIB)
        self.relay = self.b.receive(source)
        self.last = self.c.receive(self.b.source(self.relay))
        self.c.wait_bytes(self.last, 3 * MIB)

    def assert_all_whole(self):
        self.gate.open()
        self.assert_whole(self.b, self.relay)
        self.assert_whole(self.c, self.last)

    def test_last_node(self):
        self.c.restart()
        self.assertNotIn(state_of(self.c.reception(self.last)), FINAL)
        self.assert_all_whole()
        self.assertGreater(self.c.reception(self.last).bytes_resumed, 0)

    def test_relay(self):
        self.b.restart()
        self.assert_all_whole()
        self.wait_delivered(self.session, 1)
        [recipient] = self.a.recipients(self.session)
        self.assertEqual(recipient.attempt, 2, recipient)
        # What it had on the disk it did not fetch again.
        self.assertGreater(recipient.offset, 0)
        self.assertEqual(recipient.offset + recipient.bytes_acked, len(self.content))

    def test_first_node(self):
        self.a.restart()
        self.assert_all_whole()

    def stop_and_start(self, node):
        node.process.terminate()
        # A drain would wait for the reception; a second signal does not. It would be one with
        # the first, had that not been taken.
        harness.wait_until(lambda: "stopping" in node.log(), "the drain has begun")
        node.process.terminate()
        node.process.wait()
        node.channel.close()
        node.start()

    def test_last_node_that_is_stopped(self):
        self.stop_and_start(self.c)
        self.assert_all_whole()

    def test_relay_that_is_stopped(self):
        self.stop_and_start(self.b)
        self.assert_all_whole()

    def test_first_node_that_is_stopped(self):
        self.stop_and_start(self.a)
        self.assert_all_whole()

    def test_all_of_them(self):
        for node in (self.a, self.b, self.c):
            node.kill()
        for node in (self.c, self.b, self.a):
            node.start()
        self.assert_all_whole()
