"""What tests of a fleet share: nodes that are in a fleet."""

import random
import unittest

import grpc

from etcd import Etcd
from harness import DEADLINE_S, stubs, wait_until
from nodes import Gate, Node, Proxy
from receptions import MIB


class FleetNode(Node):
    """A node of the fleet "lab"."""

    def __init__(self, etcd, name, flags=(), **options):
        """`options`: those of Node."""
        self.name = name
        super().__init__(
            flags=(
                "--fleet=lab",
                f"--etcd={etcd.endpoint}",
                f"--node={name}",
                "--log-format=json",
                *flags,
            ),
            **options,
        )

    def events_of(self, *names):
        """Those events of its log, of all its runs."""
        return [event for event in self.events() if event["event"] in names]

    def wait_event(self, name, count=1, deadline_s=DEADLINE_S):
        """The last of so many."""
        return wait_until(
            lambda: self.events_of(name)[count - 1 :], f"there are {count} {name}", deadline_s
        )[0]

    def is_coordinator(self):
        events = self.events_of("coordinating", "coordinating_ended")
        return bool(events) and events[-1]["event"] == "coordinating"

    def stop(self):
        """As systemd does it."""
        self.process.terminate()
        self.process.wait()

    def distribute(
        self,
        source,
        request_id="",
        id_="",
        overwrite=False,
        file="content",
        path="file",
        limits=None,
        spec_labels=None,
        **targets,
    ):
        """A distribution of a node's file to all others, or to `targets`."""
        names = stubs.distribution
        spec = names.DistributionSpec(
            file=names.FleetFileSource(node=source, root="files", path=file),
            targets=names.DistributionTargets(**(targets or {"all": True})),
            destination=names.DistributionDestination(
                root="disk", path=path, overwrite=overwrite
            ),
            limits=limits,
            labels=spec_labels,
        )
        return self.distributions.CreateDistribution(
            stubs.distribution_service.CreateDistributionRequest(
                distribution_id=id_,
                distribution=names.Distribution(spec=spec),
                request_id=request_id,
            )
        ).name

    def distribution(self, name):
        return self.distributions.GetDistribution(
            stubs.distribution_service.GetDistributionRequest(name=name)
        )

    def deliveries(self, name):
        """The state of each, by the node."""
        return {
            node: delivery_state_of(delivery)
            for node, delivery in self.full_deliveries(name).items()
        }

    def full_deliveries(self, name):
        """Each, by the node."""
        listed = self.distributions.ListDeliveries(
            stubs.distribution_service.ListDeliveriesRequest(parent=name)
        ).deliveries
        return {delivery.node: delivery for delivery in listed}

    def knows(self, name):
        """What was asked of another node, this one knows a moment later."""
        try:
            self.distribution(name)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            return False
        return True

    def wait_distribution(self, name, state, deadline_s=DEADLINE_S):
        """Until it is in that state, which it returns."""
        wait_until(lambda: self.knows(name), f"{self.name} knows {name}")

        def there():
            distribution = self.distribution(name)
            if state_of(distribution) == state:
                return distribution
            if distribution.HasField("end_time"):
                raise AssertionError(f"it ended otherwise: {distribution}")
            return None

        return wait_until(there, f"{name} is {state}", deadline_s)

    def received_content(self):
        """What a distribution has put under its name here."""
        return (self.disk / "file").read_bytes()

    def fleet_nodes(self):
        return self.distributions.ListNodes(stubs.distribution_service.ListNodesRequest()).nodes

    def sees(self, count):
        """Whether it knows of so many nodes."""
        try:
            return len(self.fleet_nodes()) == count
        except grpc.RpcError as error:
            # It has read nothing of etcd yet.
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            return False

    def reception_of(self, distribution):
        """The reception by which it gets a distribution, or None."""
        label = ("tcptool/distribution", distribution.removeprefix("distributions/"))
        listed = self.receptions.ListReceptions(
            stubs.reception_service.ListReceptionsRequest(page_size=1000)
        ).receptions
        return next((one for one in listed if label in one.spec.labels.items()), None)


def state_of(distribution):
    return stubs.distribution.DistributionState.Name(distribution.state).removeprefix(
        "DISTRIBUTION_STATE_"
    )


def delivery_state_of(delivery):
    return stubs.distribution.DeliveryState.Name(delivery.state).removeprefix("DELIVERY_STATE_")


class FleetCase(unittest.TestCase):
    """An etcd, and nodes that a test starts."""

    etcd_flags = ()

    def setUp(self):
        self.etcd = Etcd(flags=self.etcd_flags)
        self.addCleanup(self.etcd.close)

    def start_node(self, name, *flags, prefix=()):
        node = FleetNode(self.etcd, name, flags, prefix=prefix)
        self.addCleanup(node.close)
        return node

    def join(self, name, *flags, prefix=()):
        """A node that is registered."""
        node = self.start_node(name, *flags, prefix=prefix)
        node.wait_event("fleet_registered")
        return node

    def nodes(self):
        """The names of those that are registered."""
        return self.etcd.keys("/tcptool/v1/lab/nodes/")

    def hold(self, node, position):
        """Has others get from `node`, which was just registered, no more than so many bytes
        in one stream, until the gate is opened."""
        gate = Gate(self, position)
        self.put_behind(node, gate)
        return gate

    def put_behind(self, node, change):
        """Has others get from `node`, which was just registered, what `change` makes of it:
        see Proxy."""
        Proxy(self, node.port)
        Proxy(self, node.data_port, change)
        self.etcd.change(
            f"/tcptool/v1/lab/nodes/{node.name}",
            lambda value: value.replace(b"127.0.0.1:", b"127.0.0.2:"),
        )


class DistributionCase(FleetCase):
    """Nodes a, b and c; a has the content."""

    size = 6 * MIB + 17
    node_flags = ()

    def setUp(self):
        super().setUp()
        self.etcd.start()
        self.content = random.Random(self.id()).randbytes(self.size)
        self.a, self.b, self.c = self.nodes_ = [
            self.join(name, *self.node_flags) for name in ("a", "b", "c")
        ]
        self.a.write_file("content", self.content)
        for node in self.nodes_:
            wait_until(lambda node=node: node.sees(len(self.nodes_)), "it sees all nodes")

    def assert_delivered(self, name, *nodes, asked=None):
        """`asked`: the node that knows what is to come of it; one that has not heard of a
        retry yet shows what was before."""
        distribution = (asked or self.a).wait_distribution(name, "SUCCEEDED")
        self.assertEqual(distribution.content_length, len(self.content))
        self.assertEqual(distribution.counts.delivered, len(nodes))
        for node in nodes:
            self.assertEqual(node.received_content(), self.content)
            self.assertEqual(node.files(), {"file"})
            reception = node.reception_of(name)
            self.assertEqual(reception.content_root, distribution.content_root)

    def received(self, node, name):
        """Bytes that have come to the node."""
        reception = node.reception_of(name)
        return 0 if reception is None else reception.bytes_received

    def assert_failed(self, name, words, asked=None):
        """And that no node has a file, or a part of one."""
        distribution = (asked or self.a).wait_distribution(name, "FAILED")
        self.assertIn(words, distribution.detail)
        for node in self.nodes_:
            wait_until(lambda node=node: not node.files(), f"{node.name} has no file")
        return distribution
