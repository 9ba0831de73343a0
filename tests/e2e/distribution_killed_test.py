"""Distributions whose nodes, coordinator or etcd die midway, or whose etcd is full."""

import grpc

from error_details import details_of, failure_of
from fleets import DistributionCase
from harness import DEADLINE_S, stubs, wait_until
from receptions import MIB


class HalfwayCase(DistributionCase):
    size = 12 * MIB + 17

    def setUp(self):
        super().setUp()
        # Whoever gets it from a gets half of it, until the gate is opened.
        self.gate = self.hold(self.a, 6 * MIB)

    def wait_half(self, node, name):
        """Until it has on its disk what the gate lets through, but for what is on its way."""

        def there():
            reception = node.reception_of(name)
            return reception is not None and reception.bytes_durable >= 4 * MIB

        wait_until(there, f"{node.name} has half of it")


class DistributionKilledTest(HalfwayCase):
    def test_a_node_that_is_killed_goes_on_where_it_was(self):
        name = self.a.distribute("a", nodes=["b"])
        self.wait_half(self.b, name)
        self.b.restart()
        self.b.wait_event("fleet_registered", 2)
        self.gate.open()
        self.assert_delivered(name, self.b)
        offsets = [event["offset"] for event in self.a.events_of("node_connected")]
        self.assertEqual(offsets[0], 0)
        self.assertGreaterEqual(min(offsets[1:]), 4 * MIB)

    def test_a_relay_that_is_killed_leaves_its_child_with_the_source(self):
        name = self.a.distribute("a")
        for node in (self.b, self.c):
            self.wait_half(node, name)
        parents = {
            delivery.node: delivery.parent
            for delivery in self.a.distributions.ListDeliveries(
                stubs.distribution_service.ListDeliveriesRequest(parent=name)
            ).deliveries
        }
        # A chain from a on.
        relay, child = (self.b, self.c) if parents["b"] == "a" else (self.c, self.b)
        self.assertEqual(parents[child.name], relay.name)
        relay.kill()
        self.gate.open()
        wait_until(lambda: child.files() == {"file"}, "its child has it all the same")
        relay.start()
        self.assert_delivered(name, self.b, self.c)

    def test_a_relay_that_sends_nothing_more_is_planned_around(self):
        # Whichever of them receives from the other gets no more than so much.
        for node in (self.b, self.c):
            self.hold(node, 2 * MIB)
        watch = self.a.distributions.WatchDistributions(
            stubs.distribution_service.WatchDistributionsRequest(include_moves=True),
            timeout=DEADLINE_S,
        )
        while not next(watch).bookmark:
            pass
        name = self.a.distribute("a")

        def moved():
            listed = self.a.distributions.ListDeliveries(
                stubs.distribution_service.ListDeliveriesRequest(parent=name)
            ).deliveries
            return next((delivery for delivery in listed if delivery.moves), None)

        wait_until(moved, "one has left the other")
        move = moved().moves[0]
        child = next(node for node in self.nodes_ if node.name == moved().node)
        self.assertEqual({child.name, move.from_node, move.to_node}, {"a", "b", "c"})
        self.assertEqual(move.to_node, "a")
        self.assertGreater(move.offset, 0)
        self.assertIn("sends nothing", move.reason)
        self.assertTrue(move.HasField("move_time"))
        told = next(
            change.move
            for response in watch
            for change in response.changes
            if change.HasField("move")
        )
        watch.cancel()
        self.assertEqual(told.delivery, moved().name)
        self.assertEqual(told.move, move)
        self.assertEqual(child.wait_event("parent_left")["offset"], move.offset)
        wait_until(lambda: moved().parent == "a", "the plan says so too")
        self.assertGreater(moved().epoch, 1)
        self.gate.open()
        self.assert_delivered(name, self.b, self.c)

    def test_a_coordinator_that_is_killed_is_missed_by_nobody(self):
        name = self.a.distribute("a")
        for node in (self.b, self.c):
            self.wait_half(node, name)
        coordinator = next(node for node in self.nodes_ if node.is_coordinator())
        coordinator.restart()
        coordinator.wait_event("fleet_registered", 2)
        self.gate.open()
        self.assert_delivered(name, self.b, self.c)

    def test_etcd_that_is_killed_is_missed_by_nobody(self):
        name = self.a.distribute("a")
        for node in (self.b, self.c):
            self.wait_half(node, name)
        self.etcd.kill()
        self.gate.open()
        for node in (self.b, self.c):
            wait_until(lambda node=node: node.files() == {"file"}, "it has it without etcd")
        self.etcd.start()
        self.assert_delivered(name, self.b, self.c)

    def test_a_node_that_has_it_serves_it_after_a_restart_without_the_source(self):
        self.gate.open()
        name = self.a.distribute("a", nodes=["b", "d"])
        wait_until(lambda: self.a.deliveries(name)["b"] == "DELIVERED", "b has it")
        self.a.stop()
        self.b.restart()
        self.b.wait_event("fleet_registered", 2)
        late = self.join("d")
        self.assert_delivered(name, self.b, late, asked=late)


class FullEtcdTest(HalfwayCase):
    etcd_flags = ("--quota-backend-bytes=4000000",)

    def test_it_is_missed_by_nobody_and_told_when_it_has_room(self):
        name = self.a.distribute("a")
        for node in (self.b, self.c):
            self.wait_half(node, name)
        self.etcd.fill()
        self.gate.open()
        for node in (self.b, self.c):
            wait_until(lambda node=node: node.files() == {"file"}, "it has it all the same")
        error = failure_of(lambda: self.a.distribute("a", path="other"))
        self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(details_of(error)["ErrorInfo"].reason, "STATE_STORAGE_FULL")
        self.assertIn("etcdctl alarm disarm", error.details())
        self.etcd.make_room()
        self.assert_delivered(name, self.b, self.c)
