"""What befalls nodes of a fleet whose etcd has one member: a full disk, a restart midway, and
a restart of all of them during one distribution."""

from devices import run, small_file_system
from fleets import delivery_state_of
from harness import stubs
from host_fleet import MIDWAY, HostFleetCase, wait_for
from receptions import MIB


class FleetNodesTest(HostFleetCase):
    members = 1
    size = 32 * MIB + 17
    # What it has begun does not end in that time.
    node_flags = ("--drain-timeout=1s",)

    def strike(self, one):
        one.kill()

    def mend(self, one):
        """As whoever looks after the machine does."""
        registered = len(one.events_of("fleet_registered"))
        one.start()
        one.wait_event("fleet_registered", registered + 1)

    def start_again(self, node, change=lambda: None):
        """As an upgrade does; `change`: made meanwhile."""
        registered = len(node.events_of("fleet_registered"))
        node.stop()
        change()
        node.start()
        node.wait_event("fleet_registered", registered + 1)

    def test_a_node_that_is_killed_goes_on_where_it_was(self):
        name = self.begin()
        node = self.child_of(self.head())
        self.strike_all(node)
        self.mend_all()
        self.assert_running(name, without=self.targets)
        self.open_links()
        self.assert_all_go_on(name)
        self.assertGreaterEqual(node.reception_of(name).bytes_resumed, MIDWAY)

    def test_all_are_started_again_one_after_the_other(self):
        name = self.begin()
        for node in self.nodes:
            self.start_again(node)
            self.wait_whole()
            if node is not self.source:
                wait_for(lambda: self.is_midway(node, name), f"{node.name} goes on")  # noqa: B023
        self.assert_running(name, without=self.targets)
        self.open_links()
        self.assert_all_go_on(name)
        for node in self.targets:
            self.assertGreaterEqual(node.reception_of(name).bytes_resumed, MIDWAY)

    def test_a_full_disk(self):
        # Others would have it from this one.
        node = next(one for one in self.targets if one is not self.coordinator())
        self.addCleanup(self.start_again, node)
        self.start_again(node, lambda: small_file_system(self, node.disk))
        self.wait_whole()
        name = self.source.distribute(self.source.name, overwrite=True)
        asked = self.asked()
        asked.wait_distribution(name, "PARTIALLY_SUCCEEDED")
        deliveries = asked.list_deliveries(name)
        for one in self.targets:
            delivery = deliveries[one.name]
            if one is node:
                self.assertEqual(delivery_state_of(delivery), "FAILED")
                self.assertRegex(delivery.detail, r"\d+ bytes left")
            else:
                self.assertEqual(delivery_state_of(delivery), "DELIVERED")
                self.assert_same(one)
        self.assertEqual(node.files(), set())

        run("mount", "-o", "remount,size=64m", node.disk)
        asked.distributions.RetryDistribution(
            stubs.distribution_service.RetryDistributionRequest(name=name)
        )
        self.assert_all_whole(name)
