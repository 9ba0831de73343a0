"""What nodes can say of a content that is not so: who has the right one wins in the end."""

import concurrent.futures
import hashlib
import random
import socket
import threading
import time

import grpc

import harness
from harness import stubs
from nodes import NodesCase
from receptions import MIB, reason_of, state_of, truth_of


class PeersLiesTest(NodesCase):
    size = 2 * MIB + 17

    def assert_fails(self, source, reason, words, **spec):
        name = self.b.receive(source, **spec)
        reception = self.b.wait_reception(name)
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", reason), reception
        )
        self.assertIn(words, reception.detail)
        harness.wait_until(lambda: not self.b.files(), "nothing is left")

    def assert_honest_wins(self, source, **spec):
        """Where one other node has the content."""
        source.wait.seconds = 60
        honest = self.a.source(self.serve())
        source.fallbacks.add(address=honest.address, name=honest.name)
        self.assert_whole(self.b, self.b.receive(source, **spec))
        (self.b.disk / "file").unlink()

    def lie(
        self, digests=b"", end=None, content=None, ends_early=False, end_is_due=lambda: True
    ):
        """A node that says this of what it sends, and without an end goes away, and comes
        again: the source of a reception. Sends this content, or else the right one. The end
        is not told before it is due."""
        data = socket.create_server(("127.0.0.1", 0))
        data.settimeout(harness.DEADLINE_S)
        self.addCleanup(data.close)
        sends = self.content if content is None else content
        test = self

        class Liar(stubs.peer_grpc.PeerServiceServicer):
            def Follow(self, request, context):
                wants_content = request.HasField("offset")
                told = end_is_due()
                ticket = stubs.peer.Ticket(secret=bytes(32), port=data.getsockname()[1])
                yield stubs.peer.FollowResponse(
                    ticket=ticket if wants_content else None,
                    digests=digests[32 * request.first_block :],
                    end=end if told else None,
                )
                if wants_content:
                    try:
                        test.send(data, sends[request.offset :], ends_early)
                    except OSError:  # It does not believe it, or the test has ended.
                        return
                while end and context.is_active():
                    was_told, told = told, end_is_due()
                    yield stubs.peer.FollowResponse(end=end if told and not was_told else None)
                    time.sleep(0.2)

        server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        stubs.peer_grpc.add_PeerServiceServicer_to_server(Liar(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        # Nobody waits for a connection any more.
        self.addCleanup(data.shutdown, socket.SHUT_RDWR)
        self.addCleanup(server.stop, 0)
        return self.a.source("sessions/any", port=port, wait={"seconds": 1})

    def send(self, listener, content, ends_early):
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        peer.settimeout(harness.DEADLINE_S)
        harness.read_exactly(peer, 33)
        peer.sendall(content)
        if ends_early:
            peer.shutdown(socket.SHUT_WR)

    def test_lies(self):
        digests, root = truth_of(self.content)
        end = stubs.peer.ContentEnd
        truth = end(length=self.size, root=root)
        one_wrong = digests[:32] + bytes(32) + digests[64:]
        short, long = (
            end(length=length, root=truth_of(self.content, length)[1])
            for length in (self.size - 1, self.size + 1)
        )
        lies = {
            "a digest": ("DIGEST_MISMATCH", "127.0.0.1", one_wrong, truth),
            "the root": ("DIGEST_MISMATCH", "root", digests, end(length=self.size, root=bytes(32))),
            "too short": ("LENGTH_MISMATCH", "longer", digests, short),
            "too long": ("CONNECTION_LOST", "before the content was complete", digests, long),
            "too few": ("DIGEST_MISMATCH", "2 blocks", digests[:64], truth),
            "too many": ("DIGEST_MISMATCH", "digests that were told", digests + bytes(32), truth),
            "half a digest": ("DIGEST_MISMATCH", "part of a digest", digests + b"x", truth),
            "negative": ("DIGEST_MISMATCH", "proper end", digests, end(length=-1, root=root)),
            "no root": ("DIGEST_MISMATCH", "proper end", digests, end(length=self.size)),
        }
        for what, (reason, words, told, told_end) in lies.items():
            with self.subTest(what):
                source = self.lie(told, told_end, ends_early=what == "too long")
                if what == "a digest":  # It takes several tries.
                    source.wait.seconds = 60
                self.assert_fails(source, reason, words)
        lies["too many, and goes"] = ("", "", digests + bytes(99 * 32), None)
        for what, (_, _, told, told_end) in lies.items():
            with self.subTest(f"{what}, and another node tells it"):
                self.assert_honest_wins(
                    self.lie(told, told_end, ends_early=what == "too long")
                )
        with self.subTest("nothing"):
            self.assert_whole(self.b, self.b.receive(self.lie(digests, truth)))

    def test_wrong_root_is_a_reset_behind_relays(self):
        digests, _ = truth_of(self.content)
        end = stubs.peer.ContentEnd(length=self.size, root=bytes(32))
        all_have_a_block = threading.Event()
        source = self.lie(digests, end, end_is_due=all_have_a_block.is_set)
        relays = []
        for node in (self.b, self.c):
            name = node.receive(source)
            session = node.get(self.serve_reception(node, name))
            # One of the old wire, which would believe an orderly end.
            recipient = harness.connect(harness.port_of(session), b"\0")
            self.assertEqual(harness.read_exactly(recipient, MIB), self.content[:MIB])
            relays.append((node, name, recipient))
            source = node.source(name, wait={"seconds": 1})
        all_have_a_block.set()
        for node, name, recipient in relays:
            rest, is_whole = harness.read_to_end(recipient)
            self.assertFalse(is_whole)
            self.assertTrue(self.content[MIB:].startswith(rest))
            self.assertEqual(state_of(node.wait_reception(name)), "FAILED")
            harness.wait_until(lambda node=node: not node.files(), "nothing is left")

    def test_who_begins_another_content_and_goes_and_comes(self):
        """What it has said and sent is not held against the only one who has the right one."""
        another = random.Random(1).randbytes(self.size + 2 * MIB)
        digests, _ = truth_of(another)
        right, _ = truth_of(self.content)
        begun = another[: 2 * MIB + 5]
        for what, told, sent in (
            ("less than it sends", digests[:32], begun),
            ("all that it sends", digests, begun),
            ("nothing", b"", begun),
            ("the right digests", right, begun),
            ("the first right digest", right[:32], begun),
            ("a longer content", digests, another),
            ("nothing of a longer content", b"", another),
            ("the first digest of a longer content", digests[:32], another),
        ):
            with self.subTest(what):
                self.assert_honest_wins(self.lie(told, content=sent))

    def test_sha256_that_another_node_has(self):
        sha256 = hashlib.sha256(self.content).hexdigest()
        another = random.Random(1).randbytes(self.size)
        other_tail = self.content[:MIB] + another[MIB:]
        for what, content in (
            ("another", another),
            ("of whole blocks", another[: 2 * MIB]),
            ("with another tail", other_tail),
        ):
            digests, root = truth_of(content)
            end = stubs.peer.ContentEnd(length=len(content), root=root)
            with self.subTest(what):
                self.assert_honest_wins(
                    self.lie(digests, end, content), expected_sha256=sha256
                )
            with self.subTest(f"{what}, and nobody has it"):
                source = self.lie(digests, end, content)
                second = self.lie(digests, end, content)
                source.fallbacks.add(address=second.address, name=second.name)
                self.assert_fails(
                    source, "DIGEST_MISMATCH", "SHA-256", expected_sha256=sha256
                )
