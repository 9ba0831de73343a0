"""Who gets a distribution: nodes by their racks and labels, and how long it is waited for them."""

from fleets import DistributionCase
from harness import stubs, wait_until
from receptions import MIB

HELD = 3 * MIB

FLAGS = {
    "a": (),
    "b": ("--rack=r1", "--label=disk=ssd"),
    "c": ("--rack=r2", "--label=disk=ssd", "--label=site=x"),
    "late1": ("--rack=r1",),
    "late2": ("--rack=r2", "--label=site=x", "--label=disk=ssd", "--label=other="),
}


class TargetsTest(DistributionCase):
    def join(self, name):
        return super().join(name, *FLAGS[name])

    def assert_gets_it(self, node, late, away, **targets):
        """`node`, and one that joins while it runs, but not `away`."""
        gate = self.hold(self.a, HELD)
        name = self.c.distribute("a", **targets)
        wait_until(lambda: node.reception_of(name), f"{node.name} has begun")
        joined = self.join(late)
        wait_until(lambda: late in self.a.deliveries(name), f"{late} is a target")
        gate.open()
        self.assert_delivered(name, node, joined)
        self.assertEqual(set(self.a.deliveries(name)), {node.name, late})
        self.assertEqual(away.files(), set())

    def test_nodes_are_listed_by_racks_and_labels(self):
        for fields, expected in (
            ({"racks": ["r1", ""]}, ["a", "b"]),
            ({"labels": {"disk": "ssd"}}, ["b", "c"]),
            ({"racks": ["r1", "r2"], "labels": {"disk": "ssd", "site": "x"}}, ["c"]),
            ({"racks": ["r3"]}, []),
        ):
            with self.subTest(str(fields)):
                page = self.a.distributions.ListNodes(
                    stubs.distribution_service.ListNodesRequest(**fields)
                )
                self.assertEqual([node.node for node in page.nodes], expected)

    def test_a_rack(self):
        self.assert_gets_it(self.b, "late1", self.c, racks=["r1"])

    def test_who_has_each_of_the_labels(self):
        self.assert_gets_it(self.c, "late2", self.b, labels={"disk": "ssd", "site": "x"})

    def test_who_never_comes_is_waited_for_until_it_expires(self):
        names = stubs.distribution
        spec = names.DistributionSpec(
            file=names.FleetFileSource(node="a", root="files", path="content"),
            targets=names.DistributionTargets(nodes=["never"]),
            destination=names.DistributionDestination(root="disk", path="file"),
        )
        spec.expire_after.FromSeconds(5)
        name = self.b.distributions.CreateDistribution(
            stubs.distribution_service.CreateDistributionRequest(
                distribution=names.Distribution(spec=spec)
            )
        ).name
        wait_until(
            lambda: "none of the targets is there" in self.b.distribution(name).detail
            or self.b.distribution(name).HasField("end_time"),
            "it says what it waits for",
        )
        self.assertEqual(self.b.deliveries(name), {"never": "EXPECTED"})
        ended = self.b.wait_distribution(name, "EXPIRED")
        self.assertEqual(ended.counts.delivered, 0)
        self.assertEqual(self.b.deliveries(name), {"never": "EXPECTED"})
