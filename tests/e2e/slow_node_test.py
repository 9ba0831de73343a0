"""A node whose link is slow: it is found, and holds nobody up."""

import random

import harness
from fleets import FleetCase, delivery_state_of
from harness import stubs, wait_until
from nodes import Proxy, Throttle
from receptions import MIB

SIZE = 48 * MIB


class SlowNodeTest(FleetCase):
    def setUp(self):
        super().setUp()
        self.etcd.start()
        self.a, self.b, self.d = (self.join(name) for name in ("a", "b", "d"))
        # The others receive at a rate that can be measured, and c much more slowly,
        # whichever of them it is from.
        self.put_behind(self.a, Throttle(8 * MIB))
        for node in (self.b, self.d):
            Proxy(self, node.data_port, Throttle(MIB // 8))
        self.c = self.join(
            "c",
            prefix=(
                "env",
                f"LD_PRELOAD={harness.program('redirected_connect')}",
                f"REDIRECTED_PORTS=,{self.b.data_port},{self.d.data_port},",
                # libasan wants to be the first library.
                "ASAN_OPTIONS=verify_asan_link_order=0",
            ),
        )
        self.content = random.Random(self.id()).randbytes(SIZE)
        self.a.write_file("content", self.content)
        wait_until(lambda: len(self.b.fleet_nodes()) == 4, "all are there")

    def deliveries(self, name):
        listed = self.b.distributions.ListDeliveries(
            stubs.distribution_service.ListDeliveriesRequest(parent=name)
        ).deliveries
        return {delivery.node: delivery for delivery in listed}

    def parents(self, name):
        return {node: delivery.parent for node, delivery in self.deliveries(name).items()}

    def test_the_others_have_all_while_it_receives_still(self):
        name = self.b.distribute("a")
        chain = {"b": "a", "c": "b", "d": "c"}
        wait_until(lambda: self.parents(name) == chain, "each receives from the one before", 60)
        wait_until(
            lambda: delivery_state_of(self.deliveries(name)["d"]) == "DELIVERED",
            "the one behind it has all",
            180,
        )
        deliveries = self.deliveries(name)
        self.assertEqual(delivery_state_of(deliveries["b"]), "DELIVERED")
        self.assertEqual(delivery_state_of(deliveries["c"]), "RECEIVING")
        for node in (self.b, self.d):
            self.assertEqual(node.received_content(), self.content)

        # It is at the end of the chain, with nobody behind it.
        self.assertEqual(self.parents(name), {"b": "a", "d": "b", "c": "d"})
        standing = stubs.distribution.DeliveryStanding
        self.assertEqual(
            {node: standing.Name(one.standing) for node, one in deliveries.items()},
            {
                "b": "DELIVERY_STANDING_REGULAR",
                "c": "DELIVERY_STANDING_SLOW",
                "d": "DELIVERY_STANDING_REGULAR",
            },
        )
        (move,) = deliveries["d"].moves
        self.assertEqual((move.from_node, move.to_node), ("c", "b"))
        self.assertIn("another node is to send", move.reason)
        nodes = (self.a, self.b, self.c, self.d)
        (told,) = [event for node in nodes for event in node.events_of("slow_node")]
        self.assertEqual(told["node"], "c")
        self.assertLess(told["bytes_per_second"], told["usual_bytes_per_second"] / 2)
