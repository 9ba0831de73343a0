"""What receptions leave open in the service when they are over, however they have ended:
nothing."""

import os
import pathlib
import socket

import harness
from harness import stubs
from nodes import NodesCase
from receptions import ReceptionCase, Sender, is_refused, reason_of, state_of
from tcptool_process import free_port


def open_files(service):
    """What each descriptor of the service is open on. Sockets, pipes and the kernel's own are
    told apart by their kind alone, as each has a number of its own."""
    found = []
    for entry in pathlib.Path(f"/proc/{service.process.pid}/fd").iterdir():
        try:
            target = os.readlink(entry)
        except FileNotFoundError:  # It was closed meanwhile.
            continue
        found.append(target.partition(":[")[0])
    return sorted(found)


class DescriptorsCase:
    """Runs what ends in a certain way many times, and compares what is open."""

    def assert_nothing_left(self, service, endings, times):
        # Channels and threads that the first ones make, and later ones use too.
        for ending in endings * 2:
            ending("warm")
        before = open_files(service)
        for number in range(times):
            endings[number % len(endings)](number)
        # Files are closed by a thread of their own, and gRPC's connections by gRPC.
        harness.wait_until(
            lambda: open_files(service) == before,
            f"{before} is what is open",
        )


class ReceptionDescriptorsTest(DescriptorsCase, ReceptionCase):
    def setUp(self):
        super().setUp()
        self.content = b"content" * 1000
        self.sender = Sender(self)

    def receive(self, **spec):
        """A reception, and its connection at the sender's end."""
        name = self.create(self.sender.address, overwrite=True, **spec).name
        return name, self.sender.accept()[0]

    def assert_ends(self, name, state, reason="UNSPECIFIED"):
        reception = self.wait_final(name)
        self.assertEqual((state_of(reception), reason_of(reception)), (state, reason))
        self.service.receptions.DeleteReception(
            self.messages.DeleteReceptionRequest(name=name)
        )

    def succeed(self, _):
        name, peer = self.receive()
        peer.sendall(self.content)
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(harness.read_to_end(peer), (b"", True))
        self.assert_ends(name, "SUCCEEDED")

    def is_reset(self, _):
        name, peer = self.receive()
        peer.sendall(self.content)
        self.wait_state(name, "RECEIVING")
        harness.reset(peer)
        self.assert_ends(name, "FAILED", "CONNECTION_LOST")

    def is_wrong(self, _):
        name, peer = self.receive(expected_sha256="0" * 64)
        self.assertTrue(is_refused(peer, self.content))
        self.assert_ends(name, "FAILED", "DIGEST_MISMATCH")

    def is_cancelled(self, _):
        name, peer = self.receive()
        self.wait_state(name, "WAITING")
        self.service.receptions.CancelReception(
            self.messages.CancelReceptionRequest(name=name)
        )
        self.assertEqual(harness.read_to_end(peer), (b"", False))
        self.assert_ends(name, "CANCELLED")

    def finds_nobody(self, _):
        name = self.create(f"127.0.0.1:{free_port()}", overwrite=True).name
        self.assert_ends(name, "FAILED", "UNREACHABLE")

    def is_sent_on(self, _):
        """A session has its content, and a recipient a part of that, when it fails."""
        name, peer = self.receive()
        session = self.serve(name, start=stubs.session.StartPolicy(immediate=True))
        recipient = harness.connect(harness.port_of(session), b"\0")
        peer.sendall(self.content)
        self.assertEqual(harness.read_exactly(recipient, len(self.content)), self.content)
        harness.reset(peer)
        self.assertEqual(harness.read_to_end(recipient), (b"", False))
        self.assert_ends(name, "FAILED", "CONNECTION_LOST")
        self.service.sessions.DeleteSession(
            stubs.session_service.DeleteSessionRequest(name=session.name, force=True)
        )

    def test_senders(self):
        self.assert_nothing_left(
            self.service,
            [
                self.succeed,
                self.is_reset,
                self.is_wrong,
                self.is_cancelled,
                self.finds_nobody,
                self.is_sent_on,
            ],
            times=200,
        )
        self.wait_files("file")


class PeersDescriptorsTest(DescriptorsCase, NodesCase):
    size = 200_000

    def setUp(self):
        super().setUp()
        self.session = self.serve()
        self.source, _ = self.source_with_gate(self.session, 100_000)

    def delete(self, name, force=False):
        self.b.receptions.DeleteReception(
            stubs.reception_service.DeleteReceptionRequest(name=name, force=force)
        )

    def succeed(self, number):
        path = f"file-{number}"
        name = self.b.receive(self.a.source(self.session), path=path)
        self.assert_whole(self.b, name, path)
        self.delete(name)
        (self.b.disk / path).unlink()

    def is_refused(self, _):
        name = self.b.receive(self.a.source("sessions/none", wait={"seconds": 1}))
        self.assertEqual(state_of(self.b.wait_reception(name)), "FAILED")
        self.delete(name)

    def is_cancelled(self, _):
        name = self.b.receive(self.source)
        self.b.wait_state(name, "RECEIVING")
        self.delete(name, force=True)

    def test_nodes(self):
        endings = [self.succeed, self.is_refused, self.is_cancelled]
        self.assert_nothing_left(self.b, endings, times=30)
        self.assertEqual(self.b.files(), set())
