"""What a node of a fleet keeps to: how much it sends, and how many distributions it receives
at a time."""

import itertools
import random
import socket

import grpc

import harness
from fleets import FleetCase
from harness import stubs, wait_until
from receptions import MIB

EGRESS = 8 * MIB


class EgressTest(FleetCase):
    """Nodes that are played by the test, of a node that may send so much."""

    def setUp(self):
        super().setUp()
        self.etcd.start()
        self.a = self.join("a", f"--egress={EGRESS}")
        self.a.write_file("content", random.Random(self.id()).randbytes(MIB))
        wait_until(self.a.is_coordinator, "it coordinates")
        self.numbers = itertools.count()

    def distribute(self, node_rate=0, source_rate=0):
        """A distribution to a node that never comes."""
        return self.a.distribute(
            "a",
            limits=stubs.distribution.DistributionLimits(
                node_bytes_per_second=node_rate, source_bytes_per_second=source_rate
            ),
            nodes=["b"],
        )

    def follow(self, name):
        """One more node that receives it: its call."""
        channel = grpc.insecure_channel(f"127.0.0.1:{self.a.port}")
        self.addCleanup(channel.close)
        request = stubs.peer.FollowRequest(name=name, node=f"n{next(self.numbers)}", offset=0)

        def followed():
            call = stubs.peer_grpc.PeerServiceStub(channel).Follow(
                request, timeout=4 * harness.DEADLINE_S
            )
            try:
                return call, next(call)
            except grpc.RpcError as error:
                # It has not heard of it yet.
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
                return None

        call, first = wait_until(followed, f"{name} can be followed")
        self.addCleanup(call.cancel)
        connection = socket.create_connection(("127.0.0.1", self.a.data_port))
        self.addCleanup(connection.close)
        connection.sendall(first.ticket.secret + b"\0")
        return call

    def assert_may_have(self, call, rate):
        """The node says so, sooner or later."""
        for message in call:
            if message.bytes_per_second == rate:
                return
        self.fail("the call has ended")

    def test_distributions_have_equal_shares_and_so_have_the_nodes_of_one(self):
        one, other = self.distribute(), self.distribute()
        first = self.follow(one)
        self.assert_may_have(first, EGRESS)
        second = self.follow(other)
        third = self.follow(other)
        self.assert_may_have(first, EGRESS // 2)
        self.assert_may_have(second, EGRESS // 4)
        self.assert_may_have(third, EGRESS // 4)
        first.cancel()
        self.assert_may_have(second, EGRESS // 2)

    def test_what_a_distribution_may_have_is_all_that_its_nodes_get(self):
        limited = self.distribute(node_rate=MIB)
        at_source = self.distribute(node_rate=MIB, source_rate=2 * MIB)
        first, second = self.follow(limited), self.follow(limited)
        third = self.follow(at_source)
        self.assert_may_have(first, MIB // 2)
        self.assert_may_have(second, MIB // 2)
        self.assert_may_have(third, 2 * MIB)


class TurnsTest(FleetCase):
    """The node a has the content, b receives one distribution at a time, and c many."""

    def setUp(self):
        super().setUp()
        self.etcd.start()
        self.a = self.join("a")
        self.b = self.join("b", "--max-deliveries=1")
        self.c = self.join("c")
        self.content = random.Random(self.id()).randbytes(2 * MIB)
        self.a.write_file("content", self.content)
        wait_until(lambda: len(self.b.fleet_nodes()) == 3, "all are there")
        # What is longer than that is held.
        self.gate = self.hold(self.a, MIB)

    def wait_receiving(self, name):
        wait_until(lambda: self.b.deliveries(name)["b"] == "RECEIVING", f"{name} comes")

    def wait_for_turn(self, name):
        wait_until(
            lambda: "--max-deliveries" in self.b.full_deliveries(name)["b"].detail,
            f"{name} waits for its turn",
        )
        self.assert_waits(name)

    def assert_waits(self, name):
        self.assertEqual(self.b.deliveries(name)["b"], "WAITING")
        self.assertIsNone(self.b.reception_of(name))

    def test_they_are_received_in_the_order_in_which_they_were_made(self):
        # By their names, they would come the other way round.
        ids = ("z", "y", "x")
        names = [self.b.distribute("a", id_=id_, path=id_, nodes=["b"]) for id_ in ids]
        self.wait_receiving(names[0])
        for name in names[1:]:
            self.wait_for_turn(name)
        self.gate.open()
        for name in names:
            self.b.wait_distribution(name, "SUCCEEDED")
        turns = [
            (event, self.b.reception_of(name).name)
            for name in names
            for event in ("reception_created", "reception_ended")
        ]
        self.b.wait_event("reception_ended", len(names))
        events = self.b.events_of("reception_created", "reception_ended")
        self.assertEqual([(one["event"], one["reception"]) for one in events], turns)
        for id_ in ids:
            self.assertEqual((self.b.disk / id_).read_bytes(), self.content)

    def test_who_is_behind_one_that_waits_has_it_from_another(self):
        self.a.write_file("short", self.content[: MIB // 2])
        held = self.b.distribute("a", path="held", nodes=["b"])
        self.wait_receiving(held)
        name = self.b.distribute("a", file="short", nodes=["b", "c"])
        self.wait_for_turn(name)
        wait_until(lambda: self.b.deliveries(name)["c"] == "DELIVERED", "c has it")
        self.assert_waits(name)
        self.assertEqual(self.c.received_content(), self.content[: MIB // 2])
        self.gate.open()
        for one in (held, name):
            self.b.wait_distribution(one, "SUCCEEDED")
        self.assertEqual(self.b.received_content(), self.content[: MIB // 2])
