"""How far the nodes of a distribution are, as any node of the fleet tells it."""

import signal

import harness
from fleets import DistributionCase, delivery_state_of
from harness import stubs, wait_until
from receptions import MIB

FIELDS = ("bytes_received", "bytes_per_second", "progress_time")


class ProgressTest(DistributionCase):
    """The node a has the content, of which b and c get so little at a time that they receive
    for minutes."""

    size = 64 * MIB

    def setUp(self):
        super().setUp()
        self.coordinator = wait_until(
            lambda: next((node for node in self.nodes_ if node.is_coordinator()), None),
            "there is a coordinator",
        )
        # Which of them is asked is not the coordinator.
        self.asked, self.other = sorted(
            (self.b, self.c), key=lambda node: node is self.coordinator
        )
        self.name = self.a.distribute(
            "a", limits=stubs.distribution.DistributionLimits(node_bytes_per_second=MIB // 16)
        )

    def delivery(self, node):
        """As the node tells it that is asked."""
        return self.asked.full_deliveries(self.name)[node.name]

    def progress(self, node):
        """How many bytes it has; None: that is not known."""
        delivery = self.delivery(node)
        known = {delivery.HasField(field) for field in FIELDS}
        self.assertEqual(len(known), 1, f"they are set together: {delivery}")
        return delivery.bytes_received if known == {True} else None

    def wait_progress(self, node):
        """Until it is known of the node, which receives."""
        wait_until(lambda: self.asked.knows(self.name), "it has heard of it")
        wait_until(
            lambda: delivery_state_of(self.delivery(node)) == "RECEIVING",
            f"{node.name} receives",
        )
        received = wait_until(lambda: self.progress(node), f"it is known of {node.name}")
        self.assertLessEqual(received, self.size)

    def test_others_are_known_of_as_long_as_the_coordinator_answers(self):
        self.wait_progress(self.other)
        self.wait_progress(self.asked)
        # While etcd is away no other node becomes the coordinator.
        self.etcd.kill()
        self.addCleanup(self.coordinator.process.send_signal, signal.SIGCONT)
        harness.stop_still(self.coordinator.process)
        wait_until(lambda: self.progress(self.other) is None, "it is not known any more")
        self.assertGreater(self.progress(self.asked), 0, "a node knows of itself")

    def test_what_is_over_has_no_progress(self):
        self.wait_progress(self.other)
        self.asked.distributions.CancelDistribution(
            stubs.distribution_service.CancelDistributionRequest(name=self.name)
        )
        wait_until(
            lambda: delivery_state_of(self.delivery(self.other)) == "CANCELLED", "it ends"
        )
        self.assertIsNone(self.progress(self.other))
