"""Nodes that are killed on the way of a content, and what becomes of those behind them."""

import harness
from harness import stubs
from nodes import NodesCase
from receptions import FINAL, MIB, reason_of, state_of


class PeersKilledTest(NodesCase):
    """A chain of three nodes, of which each is killed on its way, and goes on."""

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


class StartedSessionTest(NodesCase):
    """A session that is not immediate ends with the service: it was for those who were there
    at its start."""

    def test_who_has_no_fallback_fails_and_who_has_one_goes_on(self):
        session = self.a.create().name
        source, gate = self.source_with_gate(session, 3 * MIB)
        # It is held at the gate as well, so that the content is not whole before the kill.
        fallback = self.a.source(self.serve(), host="127.0.0.2")
        alone = self.b.receive(source)
        spared = self.c.receive(
            self.a.source(session, host="127.0.0.2", fallbacks=[fallback])
        )
        self.a.wait_ready(session, 2)
        self.a.sessions.StartSession(stubs.session_service.StartSessionRequest(name=session))
        for node, name in ((self.b, alone), (self.c, spared)):
            node.wait_bytes(name, 2 * MIB)
        self.a.restart()
        ended = self.a.get(session)
        self.assertEqual(ended.state, stubs.session.SESSION_STATE_INTERRUPTED, ended)
        reception = self.b.wait_reception(alone)
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "CONNECTION_LOST"), reception
        )
        self.assertIn(
            f"{session} is INTERRUPTED: its content cannot be had from it any more",
            reception.detail,
        )
        harness.wait_until(lambda: not self.b.files(), "nothing is left")
        gate.open()
        self.assert_whole(self.c, spared)
