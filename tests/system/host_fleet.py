"""A fleet whose nodes are on hosts of their own, with links that a test slows down, cuts and
opens, and an etcd beside them."""

import hashlib
import pathlib
import random
import subprocess
import tempfile
import unittest
from contextlib import ExitStack

import grpc

from etcd import Etcd
from fleets import FleetNode, delivery_state_of, state_of
from harness import stubs, wait_until
from hosts import Credentials, shaped_hosts
from receptions import MIB
from receptions import state_of as reception_state_of

# What a node sends of contents at once; the rest takes it minutes. So what is to happen midway
# does, however late the test is. All else that nodes tell each other goes at once: one that
# heard nothing for 5 s would leave its parent.
GATE = {"rate": "512kbit", "burst": "2mb"}
# A link through which nothing passes at once.
CRAWL = {"rate": "512kbit", "burst": "16kb", "limit": "64kb"}
OPEN = {"rate": "1gbit", "burst": "2mb", "limit": "8mb"}
# What everybody has midway.
MIDWAY = MIB


def wait_for(condition, what, deadline_s=180):
    """As wait_until(), of many nodes, and for as long as the slowest may take."""
    return wait_until(condition, what, deadline_s, pause_s=0.1)


class HostNode(FleetNode):
    """A node on a host, whose callers show a certificate."""

    def __init__(self, etcd, name, rack, host, credentials, home, flags=()):
        self.host = host
        self.rack = rack
        environment = credentials.environment
        self._credentials = grpc.ssl_channel_credentials(
            *(
                pathlib.Path(environment[f"TCPTOOL_TLS_{what}"]).read_bytes()
                for what in ("CA", "KEY", "CERT")
            )
        )
        super().__init__(
            etcd,
            name,
            (f"--rack={rack}", *credentials.options, *flags),
            prefix=host.prefix,
            address=host.address,
            # Which is reached from every network namespace.
            control=f"unix:{home}/{name}",
        )

    def open_channel(self):
        return grpc.secure_channel(self.control_address, self._credentials)

    def list_deliveries(self, name):
        listed = self.distributions.ListDeliveries(
            stubs.distribution_service.ListDeliveriesRequest(parent=name)
        ).deliveries
        return {delivery.node: delivery for delivery in listed}

    def has_received(self, name):
        """Whether it has all, as it knows itself, and under its name."""
        reception = self.reception_of(name)
        return reception is not None and reception_state_of(reception) == "SUCCEEDED"


class HostFleetCase(unittest.TestCase):
    """Nodes in two racks that all tests of a class share: each of them leaves a fleet that is
    whole, or is followed by what makes it so."""

    nodes_count = 8
    members = 3
    switches = 1
    size = 16 * MIB + 17
    node_flags = ()

    @classmethod
    def setUpClass(cls):
        cls.home = pathlib.Path(
            cls.enterClassContext(tempfile.TemporaryDirectory(prefix="fleet."))
        )
        stack = cls.enterClassContext(ExitStack())
        try:
            hosts = stack.enter_context(
                shaped_hosts(cls.members + cls.nodes_count, OPEN["rate"], cls.switches)
            )
        except subprocess.CalledProcessError as error:
            # A container may not make any.
            raise unittest.SkipTest(f"no network namespaces can be had: {error}") from error
        credentials = Credentials(cls.home, hosts)
        cls.etcd = Etcd(hosts[: cls.members])
        stack.callback(cls.etcd.close)
        cls.etcd.start()
        cls.nodes = []
        # The last one coordinates.
        for index in reversed(range(cls.nodes_count)):
            node = HostNode(
                cls.etcd,
                f"node{index + 1:02}",
                f"rack{index * 2 // cls.nodes_count + 1}",
                hosts[cls.members + index],
                credentials,
                cls.home,
                cls.node_flags,
            )
            stack.callback(node.close)
            cls.nodes.insert(0, node)
            node.wait_event("fleet_registered")
            if len(cls.nodes) == 1:
                wait_for(node.is_coordinator, "the first one coordinates")

    def setUp(self):
        self.content = random.Random(self.id()).randbytes(self.size)
        self.struck = []
        self.addCleanup(self.wait_whole)
        self.addCleanup(self.mend_all)
        self.wait_whole()
        self.open_links()
        coordinator = self.coordinator()
        # Who coordinates is a role of its own.
        self.source = next(node for node in self.nodes if node is not coordinator)
        self.targets = [node for node in self.nodes if node is not self.source]
        (self.source.root / "content").unlink(missing_ok=True)
        self.source.write_file("content", self.content)

    # --- The fleet ---

    def node(self, name):
        return next(node for node in self.nodes if node.name == name)

    def asked(self):
        """One that is well."""
        return next(node for node in reversed(self.nodes) if node not in self.struck)

    def coordinator(self):
        nodes = self.asked().fleet_nodes()
        return next((self.node(node.node) for node in nodes if node.coordinator), None)

    def wait_whole(self):
        for node in self.nodes:
            wait_for(lambda node=node: self.sees_all(node), f"{node.name} sees all")

    def sees_all(self, node):
        try:
            listed = node.fleet_nodes()
        except grpc.RpcError as error:
            # It has read nothing of etcd yet.
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        return len(listed) == len(self.nodes) and sum(one.coordinator for one in listed) == 1

    def strike_all(self, *ones):
        for one in ones:
            self.struck.append(one)
            self.strike(one)

    def mend_all(self):
        for one in [one for one in self.struck if one in self.etcd.members]:
            self.struck.remove(one)
            self.mend(one)
        # Where nodes are registered again.
        wait_for(self.etcd.answers, "etcd answers")
        while self.struck:
            self.mend(self.struck.pop())

    def open_links(self):
        """Of those that are well."""
        for node in self.nodes:
            if node not in self.struck:
                node.host.shape_both_ways(**OPEN)

    # --- A distribution ---

    def begin(self, contents=GATE):
        """A distribution of which everybody has a part; `contents`: how fast each node may
        send these."""
        for node in self.nodes:
            node.host.shape_port(node.data_port, **contents)
        name = self.asked().distribute(self.source.name, overwrite=True)
        self.chain = self.wait_chain(name)
        for node in self.targets:
            wait_for(lambda node=node: self.is_midway(node, name), f"{node.name} has begun")
        self.before = self.connections(name)
        return name

    def wait_chain(self, name):
        """The nodes from the source on, each of which has it from the one before."""

        def planned():
            deliveries = self.asked().list_deliveries(name)
            children = {delivery.parent: node for node, delivery in deliveries.items()}
            chain = [self.source]
            while chain[-1].name in children:
                chain.append(self.node(children[chain[-1].name]))
            return chain if len(chain) == len(self.nodes) else None

        return wait_for(planned, "it is planned as a chain")

    def is_midway(self, node, name):
        reception = node.reception_of(name)
        if reception is None or reception.bytes_durable < MIDWAY:
            return False
        self.assertLess(reception.bytes_received, self.size)
        return True

    def head(self):
        """The first of its rack, which has it from another one."""
        pairs = zip(self.chain, self.chain[1:])
        return next(node for before, node in pairs if before.rack != node.rack)

    def child_of(self, node):
        return self.chain[self.chain.index(node) + 1]

    def connections(self, name):
        """Over which nodes have it: to which address, and from which offset on."""
        return [
            (event["address"], event["offset"])
            for node in self.nodes
            for event in node.events_of("node_connected")
            if event["content"] == name
        ]

    # --- What has become of it ---

    def wait_received(self, name, *nodes):
        """Until they have all, whoever is away."""
        for node in nodes:
            wait_for(lambda node=node: node.has_received(name), f"{node.name} has all")
            self.assert_same(node)

    def assert_same(self, node):
        self.assertEqual(
            hashlib.sha256(node.received_content()).hexdigest(),
            hashlib.sha256(self.content).hexdigest(),
            f"{node.name} has something else",
        )

    def wait_delivered(self, name, *nodes):
        """Until etcd has it too."""

        def told():
            deliveries = self.asked().list_deliveries(name)
            return all(
                delivery_state_of(deliveries[node.name]) == "DELIVERED" for node in nodes
            )

        wait_for(told, "it is told that they have all")

    def assert_running(self, name, without=()):
        """It is not over, and waits for some."""
        distribution = self.asked().distribution(name)
        self.assertEqual(state_of(distribution), "RUNNING", distribution)
        self.assertEqual(distribution.counts.failed, 0, distribution)
        deliveries = self.asked().deliveries(name)
        for node in without:
            self.assertNotEqual(deliveries[node.name], "DELIVERED")

    def assert_all_whole(self, name):
        """Everybody has it."""
        asked = self.asked()
        distribution = asked.wait_distribution(name, "SUCCEEDED", deadline_s=180)
        self.assertEqual(distribution.content_length, self.size)
        self.assertEqual(distribution.counts.delivered, len(self.targets))
        self.assertEqual(distribution.counts.failed, 0)
        deliveries = asked.list_deliveries(name)
        self.assertEqual(set(deliveries), {node.name for node in self.targets})
        for node in self.targets:
            delivery = deliveries[node.name]
            self.assertEqual(delivery_state_of(delivery), "DELIVERED", delivery)
            self.assertEqual(delivery.content_root, distribution.content_root)
            self.assert_same(node)
            self.assertEqual(node.files(), {"file"})

    def assert_all_go_on(self, name):
        """The same, and nobody had twice what it had midway."""
        self.assert_all_whole(name)
        after = self.connections(name)
        for connection in self.before:
            after.remove(connection)
        for address, offset in after:
            self.assertGreaterEqual(offset, MIDWAY, f"{address} begins anew")
