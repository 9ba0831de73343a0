"""Each role of a distribution killed, stopped, cut off and slowed down midway: who is left has
all, and who comes back goes on where it was. What is looked at is the outcome, and never how
long it takes."""

import signal

from fleets import delivery_state_of
from harness import stop_still, stubs
from host_fleet import CRAWL, MIDWAY, OPEN, HostFleetCase, wait_for
from receptions import MIB


class EachRole:
    """What has to come of it, however a role fails: see strike() of those below."""

    # Whether etcd gets what is written, if late, while its members have failed.
    is_etcd_told = False

    def test_the_source_before_anybody_has_all(self):
        name = self.begin()
        first = self.chain[1]
        there = first.reception_of(name).bytes_received
        self.strike_all(self.source)
        self.open_links()
        for node in self.targets:
            wait_for(
                lambda node=node: node.reception_of(name).bytes_received >= there,
                f"{node.name} has what there is",
            )
        self.assert_running(name, without=self.targets)
        self.comes_back(name, self.source)

    def test_the_source_when_one_has_all(self):
        name = self.begin()
        self.source.host.shape_both_ways(**OPEN)
        self.wait_received(name, self.chain[1])
        self.wait_delivered(name, self.chain[1])
        self.assert_running(name, without=self.chain[2:])
        self.strike_all(self.source)
        self.open_links()
        # Nobody needs it any more.
        self.assert_all_go_on(name)

    def test_the_head_of_a_rack(self):
        self.relay_fails(self.head)

    def test_a_relay_in_the_middle(self):
        self.relay_fails(lambda: self.child_of(self.head()))

    def relay_fails(self, choose):
        name = self.begin()
        node = choose()
        child = self.child_of(node)
        self.strike_all(node)
        self.open_links()
        self.others_have_all(name, node)
        self.child_has_moved(name, child, node)
        self.comes_back(name, node)

    def test_the_tail(self):
        name = self.begin()
        node = self.chain[-1]
        self.strike_all(node)
        self.open_links()
        self.others_have_all(name, node)
        self.comes_back(name, node)

    def test_the_coordinator(self):
        name = self.begin()
        node = self.coordinator()
        self.strike_all(node)
        self.open_links()
        self.others_have_all(name, node)
        self.another_coordinates(node)
        self.comes_back(name, node)

    def test_a_member_of_etcd(self):
        name = self.begin()
        self.strike_all(self.etcd.leader())
        self.open_links()
        # The others do as well.
        self.assert_all_go_on(name)

    def test_etcd(self):
        name = self.begin()
        self.strike_all(*self.etcd.members)
        self.open_links()
        self.wait_received(name, *self.targets)
        if not self.is_etcd_told:
            # It answers what it knows.
            self.assert_running(name)
        self.mend_all()
        self.assert_all_go_on(name)

    def test_the_coordinator_and_etcd(self):
        name = self.begin()
        node = self.coordinator()
        self.strike_all(node, *self.etcd.members)
        self.open_links()
        self.wait_received(name, *(one for one in self.targets if one is not node))
        self.comes_back(name, node)

    def others_have_all(self, name, away):
        others = [node for node in self.targets if node is not away]
        self.wait_received(name, *others)
        self.wait_delivered(name, *others)
        self.assert_running(name, without=[away])

    def another_coordinates(self, away):
        def another():
            coordinator = self.coordinator()
            return coordinator is not None and coordinator is not away

        wait_for(another, "another one coordinates")

    def child_has_moved(self, name, child, parent):
        """As users see it, and as its log has it."""
        moves = self.asked().list_deliveries(name)[child.name].moves
        move = next(move for move in moves if move.from_node == parent.name)
        self.assertIn(move.to_node, {node.name for node in self.nodes} - {parent.name, child.name})
        self.assertGreaterEqual(move.offset, MIDWAY)
        self.assertLess(move.offset, self.size)
        self.assertTrue(move.reason)
        self.assertTrue(move.HasField("move_time"))
        self.assertIn(move.offset, [event["offset"] for event in child.events_of("parent_left")])

    def comes_back(self, name, node):
        self.mend_all()
        self.open_links()
        self.assert_all_go_on(name)


class KilledTest(EachRole, HostFleetCase):
    def strike(self, one):
        one.kill()

    def mend(self, one):
        if one in self.etcd.members:
            self.etcd.start_member(one)
            return
        # Else it would wait until the lease of its last run is over.
        self.etcd.forget(f"/tcptool/v1/lab/nodes/{one.name}")
        registered = len(one.events_of("fleet_registered"))
        one.start()
        one.wait_event("fleet_registered", registered + 1)

    def comes_back(self, name, node):
        super().comes_back(name, node)
        if node is self.source:
            return
        self.assertGreaterEqual(node.reception_of(name).bytes_resumed, MIDWAY)


class StoppedTest(EachRole, HostFleetCase):
    def strike(self, one):
        stop_still(one.process)

    def mend(self, one):
        one.process.send_signal(signal.SIGCONT)


class CutOffTest(EachRole, HostFleetCase):
    def strike(self, one):
        one.host.cut()

    def mend(self, one):
        one.host.connect()


class SlowedDownTest(EachRole, HostFleetCase):
    is_etcd_told = True
    size = 24 * MIB + 17
    # Of contents alone: a relay can be compared with others then. And of all that comes to
    # the one that is slow, and that it sends.
    USUAL = {"rate": "8mbit", "burst": "256kb"}
    SLOW = {"rate": "800kbit", "burst": "16kb", "limit": "64kb"}

    def strike(self, one):
        one.host.shape_both_ways(**CRAWL)

    def mend(self, one):
        one.host.shape_both_ways(**OPEN)

    # It is the tail here, as it begins and stays.
    test_the_coordinator = None
    test_the_coordinator_and_etcd = None

    def relay_fails(self, choose):
        """It is found, nobody hangs on it any more, and it goes on at its rate."""
        name = self.begin(self.USUAL)
        node = choose()
        child = self.child_of(node)
        self.strike_all(node)
        node.host.shape_both_ways(**self.SLOW)
        slow = stubs.distribution.DELIVERY_STANDING_SLOW
        wait_for(
            lambda: self.asked().list_deliveries(name)[node.name].standing == slow,
            "it is found",
            # In which it has not given its child all.
            deadline_s=400,
        )
        self.open_links()
        self.others_have_all(name, node)
        deliveries = self.asked().list_deliveries(name)
        self.assertEqual(delivery_state_of(deliveries[node.name]), "RECEIVING")
        self.assertNotIn(node.name, {delivery.parent for delivery in deliveries.values()})
        self.child_has_moved(name, child, node)
        told = [
            event
            for one in self.nodes
            for event in one.events_of("slow_node")
            if event["node"] == node.name and name.endswith(event["distribution"])
        ]
        self.assertTrue(told)
        self.assertLess(told[0]["bytes_per_second"], told[0]["usual_bytes_per_second"] / 2)
        self.comes_back(name, node)
