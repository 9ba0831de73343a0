"""Receptions from other nodes: sessions, receptions, relays, and what is wrong on the way."""

import subprocess
import urllib.request

import harness
from harness import stubs
from nodes import Cut, Flip, Gate, NodesCase, Proxy
from receptions import MIB, reason_of, state_of


class PeersTest(NodesCase):
    def recipients_of(self, session):
        recipients = self.a.recipients(session)
        for recipient in recipients:
            self.assertEqual(
                stubs.recipient.RecipientKind.Name(recipient.kind), "RECIPIENT_KIND_NODE"
            )
        return recipients

    def test_from_a_session(self):
        session = self.serve()
        name = self.b.receive(self.a.source(session), compute_sha256=True)
        reception = self.assert_whole(self.b, name)
        self.assertEqual(len(reception.content_root), 64)
        self.wait_delivered(session, 1)
        [recipient] = self.recipients_of(session)
        self.assertEqual(recipient.bytes_acked, len(self.content))
        self.assertEqual((recipient.offset, recipient.attempt), (0, 1))
        self.assertNotEqual(recipient.node, "")

    def test_calls_of_nodes_are_measured(self):
        self.assert_whole(self.b, self.b.receive(self.a.source(self.serve())))
        sample = (
            'grpc_server_handled_total{grpc_code="CANCELLED",grpc_method="Follow",'
            'grpc_service="tcptool.peer.v1.PeerService"} 1'
        )

        def measured():
            with urllib.request.urlopen(
                f"http://{self.a.http_address}/metrics", timeout=harness.DEADLINE_S
            ) as answer:
                return sample in answer.read().decode()

        harness.wait_until(measured, "the call is in the metrics")

    def test_session_that_waits_for_the_start(self):
        session = self.a.create().name
        name = self.b.receive(self.a.source(session))
        self.a.wait_ready(session, 1)
        self.b.wait_state(name, "WAITING")
        other = self.c.receive(self.a.source(session, send_start_byte=True))
        self.assert_whole(self.b, name)
        self.assert_whole(self.c, other)
        ended = self.a.wait_final(session)
        self.assertEqual(ended.state, stubs.session.SESSION_STATE_SUCCEEDED, ended)
        self.assertEqual(ended.counts.delivered, 2)

    def test_through_a_relay_that_is_still_receiving(self):
        source, gate = self.source_with_gate(self.serve(), 2 * MIB)
        relay = self.b.receive(source)
        last = self.c.receive(self.b.source(relay))
        self.c.wait_state(last, "RECEIVING")
        self.b.wait_state(relay, "RECEIVING")
        gate.open()
        roots = {
            self.assert_whole(self.b, relay).content_root,
            self.assert_whole(self.c, last).content_root,
        }
        self.assertEqual(len(roots), 1)

    def test_bytes_go_on_to_nodes_before_their_block_is_verified(self):
        source, gate = self.source_with_gate(self.serve(), MIB // 2)
        relay = self.b.receive(source)
        session = self.b.get(self.serve_reception(self.b, relay))
        # One that verifies nothing itself has nothing of it before.
        recipient = harness.connect(harness.port_of(session), b"\0")
        last = self.c.receive(self.b.source(relay))
        harness.wait_until(
            lambda: self.c.reception(last).bytes_received >= MIB // 16, "a part of it has come"
        )
        recipient.setblocking(False)
        with self.assertRaises(BlockingIOError):
            recipient.recv(1)
        recipient.settimeout(harness.DEADLINE_S)
        gate.open()
        self.assertEqual(harness.read_to_end(recipient), (self.content, True))
        self.assert_whole(self.b, relay)
        self.assert_whole(self.c, last)

    def test_session_of_a_reception_that_is_still_running(self):
        source, gate = self.source_with_gate(self.serve(), 2 * MIB)
        relay = self.b.receive(source)
        session = self.serve_reception(self.b, relay)
        last = self.c.receive(self.b.source(session))
        self.c.wait_state(last, "RECEIVING")
        self.b.wait_state(relay, "RECEIVING")
        gate.open()
        root = self.assert_whole(self.b, relay).content_root
        self.assertEqual(self.assert_whole(self.c, last).content_root, root)
        # And once the reception is over.
        again = self.a.receive(self.b.source(session))
        self.assertEqual(self.assert_whole(self.a, again).content_root, root)

    def test_session_of_a_reception_that_is_cancelled(self):
        source, _ = self.source_with_gate(self.serve(), 2 * MIB)
        relay = self.b.receive(source)
        last = self.c.receive(self.b.source(self.serve_reception(self.b, relay)))
        self.c.wait_bytes(last, MIB)
        self.b.receptions.CancelReception(
            stubs.reception_service.CancelReceptionRequest(name=relay)
        )
        reception = self.c.wait_reception(last)
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "CONNECTION_LOST"), reception
        )
        harness.wait_until(lambda: not self.c.files(), "nothing is left")

    def test_session_of_a_reception_that_has_its_file(self):
        relay = self.b.receive(self.a.source(self.serve()))
        self.assert_whole(self.b, relay)
        session = self.serve_reception(self.b, relay)
        self.assert_whole(self.c, self.c.receive(self.b.source(session)))

    def test_reception_that_has_its_file(self):
        relay = self.b.receive(self.a.source(self.serve()))
        self.assert_whole(self.b, relay)
        self.assert_whole(self.c, self.c.receive(self.b.source(relay)))

    def test_empty_content(self):
        self.content = b""
        self.a.write_file("content", b"")
        session = self.serve()
        self.assert_whole(self.b, self.b.receive(self.a.source(session)))
        self.wait_delivered(session, 1)

    def test_reset_goes_on_where_it_was(self):
        Proxy(self, self.a.port)

        def has_come():
            """A reset takes away what has not been read."""
            request = stubs.reception_service.ListReceptionsRequest()
            receptions = self.b.receptions.ListReceptions(request).receptions
            return any(reception.bytes_received >= 2 * MIB for reception in receptions)

        cut = Cut(3 * MIB + 5, lambda: harness.wait_until(has_come, "two blocks have come"))
        proxy = Proxy(self, self.a.data_port, cut)
        # It is not immediate: only those may come after the start who were lost.
        session = self.a.create().name
        name = self.b.receive(
            self.a.source(session, host="127.0.0.2", send_start_byte=True)
        )
        self.assert_whole(self.b, name)
        self.assertEqual(proxy.connections, 2)
        ended = self.a.wait_final(session)
        self.assertEqual(ended.state, stubs.session.SESSION_STATE_SUCCEEDED, ended)
        # From the last whole block on.
        self.assertIn(self.recipients_of(session)[-1].offset, (2 * MIB, 3 * MIB))

    def test_new_node_after_the_start(self):
        session = self.a.create().name
        source, gate = self.source_with_gate(session, 2 * MIB, send_start_byte=True)
        first = self.b.receive(source)
        self.b.wait_state(first, "RECEIVING")
        reception = self.c.wait_reception(self.c.receive(self.a.source(session)))
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "UNREACHABLE"), reception
        )
        self.assertIn("takes no more recipients: it is TRANSFERRING", reception.detail)
        gate.open()
        self.assert_whole(self.b, first)

    def test_byte_flipped_on_the_wire_is_fetched_again(self):
        Proxy(self, self.a.port)
        flip = Flip(3 * MIB + 5, times=1)
        proxy = Proxy(self, self.a.data_port, flip)
        name = self.b.receive(self.a.source(self.serve(), host="127.0.0.2"))
        relayed = self.serve_reception(self.b, name)
        peer = harness.connect(harness.port_of(self.b.get(relayed)), b"\0")
        self.assertEqual(harness.read_to_end(peer), (self.content, True))
        self.assert_whole(self.b, name)
        self.assertEqual(flip.left, 0)
        self.assertEqual(proxy.connections, 2)

    def test_byte_that_is_always_flipped_fails_it(self):
        Proxy(self, self.a.port)
        # The block is fetched again from its start.
        flips = [Flip(3 * MIB + 5, times=1), Flip(5, times=2)]
        Proxy(
            self,
            self.a.data_port,
            lambda data, at: flips[0](data, at) if flips[0].left else flips[1](data, at),
        )
        session = self.a.create().name
        name = self.b.receive(self.a.source(session, host="127.0.0.2"))
        # A recipient of the old wire, which would believe what it gets.
        relayed = self.serve_reception(self.b, name)
        peer = harness.connect(harness.port_of(self.b.get(relayed)), b"\0")
        self.a.wait_ready(session, 1)
        started = self.c.receive(self.a.source(session, send_start_byte=True))
        reception = self.b.wait_reception(name)
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "DIGEST_MISMATCH"), reception
        )
        self.assertIn("3 bad blocks", reception.detail)
        harness.wait_until(lambda: not self.b.files(), "nothing is left")
        content, is_whole = harness.read_to_end(peer)
        self.assertFalse(is_whole)
        self.assertEqual(content, self.content[: len(content)])
        self.assert_whole(self.c, started)

    def test_bad_block_comes_from_the_fallback(self):
        Proxy(self, self.a.port)
        flip = Flip(3 * MIB + 5, times=1)
        proxy = Proxy(self, self.a.data_port, flip)
        session = self.serve()
        name = self.b.receive(
            self.a.source(session, host="127.0.0.2", fallbacks=[self.a.source(session)])
        )
        reception = self.assert_whole(self.b, name)
        self.assertEqual(proxy.connections, 1)
        self.assertEqual(reception.peer_address, f"127.0.0.1:{self.a.data_port}")

    def test_byte_flipped_on_the_relays_disk(self):
        session = self.serve()
        relay = self.b.receive(self.a.source(session))
        self.assert_whole(self.b, relay)
        with open(self.b.disk / "file", "r+b") as file:
            file.seek(3 * MIB + 5)
            file.write(bytes([self.content[3 * MIB + 5] ^ 1]))
        name = self.c.receive(self.b.source(relay), path="alone")
        reception = self.c.wait_reception(name)
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "DIGEST_MISMATCH"), reception
        )
        self.assertIn("not what it has to be", reception.detail)
        harness.wait_until(lambda: not self.c.files(), "nothing is left")
        name = self.c.receive(self.b.source(relay, fallbacks=[self.a.source(session)]))
        self.assert_whole(self.c, name)

    def test_relay_that_is_cancelled(self):
        session = self.serve_slowly(2 * MIB)
        relay = self.b.receive(self.a.source(session))
        alone = self.c.receive(self.b.source(relay), path="alone")
        spared = self.c.receive(
            self.b.source(relay, fallbacks=[self.a.source(session)]), path="file"
        )
        self.c.wait_bytes(spared, MIB)
        self.b.receptions.CancelReception(
            stubs.reception_service.CancelReceptionRequest(name=relay)
        )
        reception = self.c.wait_reception(alone)
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "CONNECTION_LOST"), reception
        )
        self.assert_whole(self.c, spared)

    def test_by_the_command_line(self):
        session = self.serve()
        command = [
            harness.program("tcptoolctl"), "--server", self.b.control_address, "receive",
            "--from", f"127.0.0.1:{self.a.port}/{session}", "--to", "disk/file",
            "--fallback", f"127.0.0.1:{self.a.port}/{session}", "--watch",
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=harness.DEADLINE_S
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.b.disk / "file").read_bytes(), self.content)


class LostBlockTest(NodesCase):
    size = 24 * MIB + 17

    def test_disk_of_a_relay_loses_what_it_has_received_while_the_rest_comes(self):
        gate = Gate(self, 20 * MIB)
        Proxy(self, self.a.port)
        proxy = Proxy(self, self.a.data_port, gate)
        relay = self.b.receive(self.a.source(self.serve(), host="127.0.0.2"))
        ahead = self.c.receive(self.b.source(relay))
        # The first block has left the relay's memory.
        self.c.wait_bytes(ahead, 18 * MIB)
        [partial] = [
            path for path in self.b.disk.glob(".tcptool-part.*") if path.suffix != ".map"
        ]
        with open(partial, "r+b") as file:
            file.seek(100)
            file.write(bytes([self.content[100] ^ 1]))
        late_node = self.start()
        late = late_node.receive(self.b.source(relay))
        harness.wait_until(lambda: proxy.connections >= 2, "the relay receives it again")
        gate.open()
        for node, name in ((self.b, relay), (self.c, ahead), (late_node, late)):
            self.assert_whole(node, name)
