"""A node whose link is slow: it is found, and holds nobody up."""

import random
import signal

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
        self.a = self.join("a")
        wait_until(self.a.is_coordinator, "it coordinates, and goes on to")
        self.b, self.d = self.join("b"), self.join("d")
        # The others receive at a rate that can be measured, and c much more slowly,
        # whichever of them it is from.
        self.put_behind(self.a, Throttle(8 * MIB))
        ports = [node.data_port for node in (self.a, self.b, self.d)]
        for port in ports:
            Proxy(self, port, Throttle(MIB // 8), host="127.0.0.3")
        self.c = self.join(
            "c",
            prefix=(
                "env",
                f"LD_PRELOAD={harness.program('redirected_connect')}",
                f"REDIRECTED_PORTS=,{','.join(map(str, ports))},",
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

    def is_receiving(self, name, node):
        return delivery_state_of(self.deliveries(name)[node]) == "RECEIVING"

    def start_chain(self):
        """A distribution in which each has begun before the next one asks it: one that is
        asked earlier is left for another."""
        behind = (self.c, self.d)
        for node in behind:
            harness.stop_still(node.process)
        name = self.b.distribute("a")
        chain = {"b": "a", "c": "b", "d": "c"}
        wait_until(lambda: self.parents(name) == chain, "it is planned")
        for before, node in zip("bc", behind):
            wait_until(lambda before=before: self.is_receiving(name, before), "the one before")
            node.process.send_signal(signal.SIGCONT)
        return name

    def test_the_others_have_all_while_it_receives_still(self):
        name = self.start_chain()
        standing = stubs.distribution.DeliveryStanding
        # On a busy machine the one behind it may have left it before for silence.
        wait_until(
            lambda: standing.Name(self.deliveries(name)["c"].standing).endswith("_SLOW"),
            "it is found",
        )
        wait_until(
            lambda: all(
                delivery_state_of(self.deliveries(name)[node]) == "DELIVERED" for node in "bd"
            ),
            "the others have all",
        )
        deliveries = self.deliveries(name)
        self.assertEqual(delivery_state_of(deliveries["c"]), "RECEIVING")
        for node in (self.b, self.d):
            self.assertEqual(node.received_content(), self.content)

        # It is at the end of the chain, with nobody behind it.
        self.assertNotIn("c", {delivery.parent for delivery in deliveries.values()})
        for node in ("b", "d"):
            self.assertNotEqual(deliveries[node].standing, standing.Value("DELIVERY_STANDING_SLOW"))
        move = next(move for move in deliveries["d"].moves if move.from_node == "c")
        self.assertIn(move.to_node, ("a", "b"))
        self.assertTrue(move.reason)
        nodes = (self.a, self.b, self.c, self.d)
        (told,) = [event for node in nodes for event in node.events_of("slow_node")]
        self.assertEqual(told["node"], "c")
        self.assertLess(told["bytes_per_second"], told["usual_bytes_per_second"] / 2)
