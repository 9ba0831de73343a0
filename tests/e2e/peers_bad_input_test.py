"""What peers can do to a node, and what nodes can refuse it."""

import socket

import grpc

import harness
from harness import stubs
from nodes import NodesCase
from receptions import MIB, reason_of, state_of, truth_of
from tcptool_process import free_port


def connect(node, data, host="127.0.0.1"):
    """A connection from `host` to the data port that has sent this, at once: whoever is
    refused may be reset before more could be sent."""
    peer = socket.create_connection(("127.0.0.1", node.data_port), source_address=(host, 0))
    peer.settimeout(harness.DEADLINE_S)
    peer.sendall(data)
    return peer


class PeersBadInputTest(NodesCase):
    size = 2 * MIB + 17

    def follow(self, at, name, expect_code=None, **fields):
        """The call, and its first message; or what the peer refuses it with."""
        fields.setdefault("node", "test")
        channel = grpc.insecure_channel(at.peer_address)
        self.addCleanup(channel.close)
        call = stubs.peer_grpc.PeerServiceStub(channel).Follow(
            stubs.peer.FollowRequest(name=name, **fields), timeout=harness.DEADLINE_S
        )
        self.addCleanup(call.cancel)
        if expect_code is None:
            return call, next(call)
        with self.assertRaises(grpc.RpcError) as raised:
            next(call)
        self.assertEqual(raised.exception.code(), expect_code)
        return raised.exception.details()

    def assert_refused(self, peer):
        self.assertEqual(harness.read_to_end(peer), (b"", False))

    def test_requests(self):
        session = self.serve()
        code = grpc.StatusCode
        for name, expected, fields in (
            ("sessions/none", code.NOT_FOUND, {}),
            ("receptions/none", code.NOT_FOUND, {}),
            ("nonsense", code.INVALID_ARGUMENT, {}),
            (session, code.INVALID_ARGUMENT, {"node": ""}),
            (session, code.INVALID_ARGUMENT, {"node": "a/b"}),
            (session, code.INVALID_ARGUMENT, {"node": "a" * 65}),
            (session, code.INVALID_ARGUMENT, {"offset": -1}),
            (session, code.INVALID_ARGUMENT, {"first_block": -1}),
            (session, code.OUT_OF_RANGE, {"offset": self.size + 1}),
        ):
            with self.subTest(f"{name} {fields}"):
                self.assertNotEqual(self.follow(self.a, name, expected, **fields), "")

    def test_offset_behind_the_end_of_what_is_still_received(self):
        session = self.a.create().name
        relay = self.b.receive(self.a.source(session))
        refused = None
        try:
            call, first = self.follow(self.b, relay, offset=self.size + 1)
            peer = connect(self.b, first.ticket.secret + b"\0")
        except grpc.RpcError as error:  # The relay has been told the length already.
            refused = error
        self.a.wait_ready(session, 1)
        started = self.c.receive(self.a.source(session, send_start_byte=True))
        if refused is None:
            with self.assertRaises(grpc.RpcError) as raised:
                for _ in call:  # Until the end is known.
                    pass
            refused = raised.exception
            self.assertEqual(harness.read_to_end(peer)[0], b"")
        self.assertEqual(refused.code(), grpc.StatusCode.OUT_OF_RANGE)
        self.assert_whole(self.b, relay)
        self.assert_whole(self.c, started)

    def test_content_that_cannot_be_had(self):
        upload = self.a.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(
                session=stubs.session.Session(
                    spec=stubs.session.SessionSpec(upload=stubs.session.UploadSource())
                )
            )
        ).name
        details = self.follow(self.a, upload, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("stream", details)
        cancelled = self.serve()
        self.a.sessions.CancelSession(
            stubs.session_service.CancelSessionRequest(name=cancelled)
        )
        self.follow(self.a, cancelled, grpc.StatusCode.FAILED_PRECONDITION)

    def test_ticket_is_good_once(self):
        call, first = self.follow(self.a, self.serve(), offset=MIB)
        self.assertEqual(first.ticket.port, self.a.data_port)
        peer = connect(self.a, first.ticket.secret + b"\0")
        self.assertEqual(harness.read_all(peer), self.content[MIB:])
        self.assert_refused(connect(self.a, first.ticket.secret + b"\0"))
        del call

    def test_ticket_ends_with_its_call(self):
        call, first = self.follow(self.a, self.serve(), offset=0)
        call.cancel()
        # The service knows once it has ended the call, too.
        def is_refused():
            _, came = harness.read_to_end(connect(self.a, first.ticket.secret))
            return not came

        harness.wait_until(is_refused, "the ticket is refused")

    def test_tickets_of_nobody(self):
        _, first = self.follow(self.a, self.serve(), offset=0)
        secret = first.ticket.secret
        wrong = bytes([secret[0] ^ 1]) + secret[1:]
        for bad in (bytes(32), b"GET / HTTP/1.1\r\n" * 4, wrong, secret[:31] + b"\xff\xff"):
            with self.subTest(bad):
                self.assert_refused(connect(self.a, bad))
        self.assertEqual(harness.read_all(connect(self.a, secret + b"\0")), self.content)

    def test_ticket_for_another_node(self):
        """At a node that has not given it, a ticket is nobody's. At the one that has, it is
        its holder's: docs/security.md says why it is bound to no address."""
        call, first = self.follow(self.a, self.serve(), offset=0)
        hello = first.ticket.secret + b"\0"
        self.assert_refused(connect(self.b, hello))
        self.assertEqual(harness.read_all(connect(self.a, hello, "127.0.0.2")), self.content)
        # The node that it was for has come too late.
        self.assert_refused(connect(self.a, hello))
        del call

    def test_silent_connections_make_room(self):
        session = self.serve()
        silent = [connect(self.a, b"x") for _ in range(200)]
        self.assert_whole(self.b, self.b.receive(self.a.source(session)))
        for peer in silent:
            self.assert_refused(peer)

    def test_digests_and_end(self):
        call, message = self.follow(self.a, self.serve())
        digests = message.digests
        while not message.HasField("end"):
            message = next(call)
            digests += message.digests
        self.assertEqual(message.end.length, self.size)
        self.assertEqual((digests, message.end.root), truth_of(self.content))
        # And then a message now and then, that says only that it is there.
        message = next(call)
        self.assertEqual(message, stubs.peer.FollowResponse(watermark=message.watermark))

    def assert_fails(self, source, reason, words):
        name = self.b.receive(source)
        reception = self.b.wait_reception(name)
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", reason), reception
        )
        self.assertIn(words, reception.detail)
        harness.wait_until(lambda: not self.b.files(), "nothing is left")

    def test_refusals_are_told(self):
        self.assert_fails(
            self.a.source("sessions/none"), "UNREACHABLE", "no session \"sessions/none\""
        )

    def test_reception_that_follows_itself(self):
        names = stubs.reception
        spec = names.ReceptionSpec(
            node=self.b.source("receptions/circle"),
            destination=names.FileDestination(root="disk", path="file"),
        )
        self.b.receptions.CreateReception(
            stubs.reception_service.CreateReceptionRequest(
                reception_id="circle", reception=names.Reception(spec=spec)
            )
        )
        reception = self.b.wait_reception("receptions/circle")
        self.assertEqual(reason_of(reception), "UNREACHABLE", reception)
        self.assertIn("from this reception itself", reception.detail)

    def test_receptions_that_follow_each_other_find_who_has_the_content(self):
        # Each has the other first, and the session of node a behind that.
        session = self.serve()
        names = stubs.reception
        fallbacks = [names.FallbackNode(address=f"127.0.0.1:{self.a.port}", name=session)]
        for node, other in ((self.b, self.c), (self.c, self.b)):
            spec = names.ReceptionSpec(
                node=other.source("receptions/circle", wait={"seconds": 60}),
                destination=names.FileDestination(root="disk", path="file"),
            )
            spec.node.fallbacks.extend(fallbacks)
            node.receptions.CreateReception(
                stubs.reception_service.CreateReceptionRequest(
                    reception_id="circle", reception=names.Reception(spec=spec)
                )
            )
        for node in (self.b, self.c):
            self.assert_whole(node, "receptions/circle")

    def test_circle_through_sessions_is_seen(self):
        """As one of receptions is: a session from a reception comes through the same nodes."""
        # Of a content that takes longer than everything here.
        self.a.write_file("content", bytes(48 * MIB))
        slow = self.serve_slowly(MIB)
        back = self.c.source("sessions/back")
        one = self.b.receive(self.a.source(slow, fallbacks=[back], wait={"seconds": 2}))
        other = self.c.receive(self.b.source(self.serve_reception(self.b, one)))
        self.serve_reception(self.c, other, session_id="back")
        self.c.wait_bytes(other, 1)
        self.a.sessions.CancelSession(stubs.session_service.CancelSessionRequest(name=slow))
        # Otherwise both would wait for each other's bytes for ever.
        reception = self.b.wait_reception(one)
        self.assertEqual(state_of(reception), "FAILED", reception)

    def test_circle_of_two_whose_feeder_goes_is_fed_by_another(self):
        self.try_circle(2)

    def test_circle_of_three_whose_feeder_goes_is_fed_by_another(self):
        self.try_circle(3)

    def try_circle(self, length):
        """Each node of a chain follows the one before; the first has the last for a fallback,
        and the last has another session of node a."""
        names = stubs.reception
        session, another = self.serve(), self.serve()
        feeder, gate = self.source_with_gate(session, MIB + 5)
        chain = [self.start() for _ in range(length)]
        for number, node in enumerate(chain):
            source = chain[number - 1].source("receptions/chain") if number else feeder
            fallback = None
            if number == 0:
                fallback = chain[-1].source("receptions/chain")
            elif number == length - 1:
                fallback = self.a.source(another)
            if fallback:
                source.fallbacks.add(address=fallback.address, name=fallback.name)
            spec = names.ReceptionSpec(
                node=source, destination=names.FileDestination(root="disk", path="file")
            )
            node.receptions.CreateReception(
                stubs.reception_service.CreateReceptionRequest(
                    reception_id="chain", reception=names.Reception(spec=spec)
                )
            )
        # Or all of it already, as the feeder sends nothing behind the gate.
        harness.wait_until(
            lambda: chain[-1].reception("receptions/chain").bytes_received >= MIB,
            "the last one has a part",
        )
        self.a.sessions.CancelSession(stubs.session_service.CancelSessionRequest(name=session))
        for node in chain:
            self.assert_whole(node, "receptions/chain")
        gate.open()

    def test_nobody_is_there(self):
        source = self.a.source("sessions/none", port=free_port(), wait={"seconds": 1})
        self.assert_fails(source, "UNREACHABLE", "following")

    def test_node_that_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            source = self.a.source(
                "sessions/any", port=silent.getsockname()[1], wait={"seconds": 0}
            )
            self.assert_fails(source, "UNREACHABLE", "not answered")
