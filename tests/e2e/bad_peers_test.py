"""Peers that do not behave harm neither the others nor the service."""

import contextlib
import os
import time

import harness
import recipients
from harness import ServiceTest, port_of, stubs

CONTENT = os.urandom((4 << 20) + 1)
MEGABYTE = 1 << 20
# For a peer to do what it has to. The good ones have it too, on a busy machine.
LIMIT_S = 10


def connect(session):
    """A recipient that has said nothing yet."""
    return harness.connect(port_of(session))


class BadPeersTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", CONTENT)

    def finish_with_a_good_recipient(self, session):
        """Starts the session as its last recipient, who must get everything."""
        with connect(session) as peer:
            peer.sendall(recipients.START)
            self.assertEqual(harness.read_all(peer), CONTENT)
        return self.service.wait_final(session.name)

    def wait_failed(self, session, count=1):
        harness.wait_until(
            lambda: self.service.get(session.name).counts.failed == count,
            f"{count} recipients of {session.name} have failed",
        )

    def failed(self, session):
        return [
            recipient
            for recipient in self.service.recipients(session.name)
            if recipient.state == stubs.recipient.RECIPIENT_STATE_FAILED
        ]

    def test_silent_peer_times_out_and_blocks_nobody(self):
        limits = stubs.session.Limits()
        limits.handshake_timeout.FromSeconds(LIMIT_S)
        session = self.service.create(limits=limits)
        with connect(session):
            self.finish_with_a_good_recipient(session)
            (silent,) = self.failed(session)
            self.assert_recipient(silent, "FAILED", "HANDSHAKE_TIMEOUT")

    def test_peer_that_sends_a_megabyte_is_served(self):
        session = self.service.create()
        with connect(session) as peer:
            peer.sendall(recipients.WAIT + bytes(MEGABYTE - 1))
            self.service.wait_ready(session.name, 1)
            with connect(session) as last:
                last.sendall(recipients.START)
                self.assertEqual(harness.read_all(last), CONTENT)
            self.assertEqual(harness.read_all(peer), CONTENT)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def test_peer_that_leaves_before_its_byte_fails(self):
        session = self.service.create()
        connect(session).close()
        self.wait_failed(session)
        (gone,) = self.failed(session)
        self.assert_recipient(gone, "FAILED", "HANDSHAKE_CLOSED")
        self.finish_with_a_good_recipient(session)

    def test_peer_that_resets_while_it_waits_fails(self):
        session = self.service.create()
        peer = connect(session)
        peer.sendall(recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        harness.reset(peer)
        # It has left before the start, and is not missed.
        self.wait_failed(session)
        self.assert_session_state(self.finish_with_a_good_recipient(session), "SUCCEEDED")
        (gone,) = self.failed(session)
        self.assert_recipient(gone, "FAILED", "CONNECTION_LOST")

    def time_to_free_descriptors(self):
        """Of many who reset their connections while their session waits."""
        session = self.service.create()
        before = self.service.descriptors()
        crowd = [connect(session) for _ in range(30)]
        for peer in crowd:
            peer.sendall(recipients.WAIT)
        self.service.wait_ready(session.name, len(crowd))
        began = time.monotonic()
        for peer in crowd:
            harness.reset(peer)
        # The session waits still. The service has a few more or fewer at any time, as it
        # connects to its own ports.
        harness.wait_until(
            lambda: self.service.descriptors() < before + len(crowd) // 2,
            "their descriptors are free",
        )
        took = time.monotonic() - began
        self.assert_session_state(self.service.get(session.name), "WAITING")
        return took

    def test_peers_that_reset_while_it_waits_hold_no_descriptor(self):
        # What looks for them now and then takes longer each time; what a busy machine slows
        # down does not.
        took = [self.time_to_free_descriptors()]
        while min(took) >= LIMIT_S and len(took) < 10:
            took.append(self.time_to_free_descriptors())
        self.assertLess(min(took), LIMIT_S, took)

    def test_peer_that_resets_in_the_transfer_fails(self):
        session = self.service.create()
        peer = connect(session)
        peer.sendall(recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        with connect(session) as last:
            last.sendall(recipients.START)
            self.assertEqual(len(peer.recv(1)), 1)
            harness.reset(peer)
            self.assertEqual(harness.read_all(last), CONTENT)
        self.assert_session_state(
            self.service.wait_final(session.name), "PARTIALLY_SUCCEEDED"
        )
        (gone,) = self.failed(session)
        self.assert_recipient(gone, "FAILED", "CONNECTION_LOST")

    def test_peer_that_never_reads_stalls_alone(self):
        self.service.write_file("content", CONTENT * 8)
        limits = stubs.session.Limits()
        limits.stall_timeout.FromSeconds(LIMIT_S)
        session = self.service.create(limits=limits)
        with connect(session) as peer:
            peer.sendall(recipients.WAIT)
            self.service.wait_ready(session.name, 1)
            with connect(session) as last:
                last.sendall(recipients.START)
                self.assertEqual(harness.read_all(last), CONTENT * 8)
            self.assert_session_state(
                self.service.wait_final(session.name), "PARTIALLY_SUCCEEDED"
            )
        (stalled,) = self.failed(session)
        self.assert_recipient(stalled, "FAILED", "STALLED")

    def test_peer_that_may_not_connect_is_rejected(self):
        session = self.service.create(allow=["192.0.2.0/24"])
        with connect(session) as peer, contextlib.suppress(ConnectionResetError):
            self.assertEqual(peer.recv(1), b"")
        harness.wait_until(
            lambda: self.service.get(session.name).counts.rejected == 1, "the peer is REJECTED"
        )
        (rejected,) = self.service.recipients(session.name)
        self.assert_recipient(rejected, "REJECTED", "NOT_AUTHORIZED")

    def test_no_descriptor_is_left(self):
        def one_of_each():
            session = self.service.create()
            connect(session).close()
            self.wait_failed(session)
            gone = connect(session)
            gone.sendall(recipients.WAIT)
            self.service.wait_ready(session.name, 1)
            harness.reset(gone)
            self.finish_with_a_good_recipient(session)

        # What is opened once and kept, by the first.
        one_of_each()
        before = self.service.descriptors()
        for _ in range(20):
            one_of_each()
        harness.wait_until(
            lambda: self.service.descriptors() <= before,
            f"the service has no more than {before} descriptors open",
        )
