"""Distributions in TLS: to the nodes that are meant, in clear text to nobody; with Debian's
etcd.
"""

from fleets import DistributionCase, FleetNode, delivery_state_of
from harness import wait_until
from receptions import MIB
from tls_nodes import SWITCH, CalledByTls, Certificates

# Often enough in the content that each record would have it.
MARKER = b"in clear text"


class TlsNode(CalledByTls, FleetNode):
    """A node whose certificate is that of the node `certified`."""

    def __init__(self, case, name, certified, flags):
        self.credentials = case.certificates.operator()
        super().__init__(case.etcd, name, (*case.certificates.flags(certified), *flags))

    def restart_with(self, flag):
        self._command.append(flag)
        self.restart()


class Recorder:
    """A link that remembers what comes through it."""

    def __init__(self):
        self.seen = bytearray()

    def __call__(self, data, position):
        self.seen += data
        return data


class TlsCase(DistributionCase):
    """Nodes a, b and c."""

    flags = {}  # Of each node, if not the switch alone.
    certified = {}  # Whose certificate a node has, if not its own.

    def setUp(self):
        self.certificates = Certificates(self, "a", "b", "c")
        super().setUp()
        self.content = (MARKER * (3 * MIB // len(MARKER)))[: 3 * MIB - 17]
        self.a.write_file("content", self.content)

    def start_node(self, name, *flags, prefix=()):
        node = TlsNode(
            self, name, self.certified.get(name, name), self.flags.get(name, (SWITCH,))
        )
        self.addCleanup(node.close)
        return node

    def wait_refusal(self, nodes, words):
        """Until one of them says why another one has not had it."""

        def said():
            refused = [event for node in nodes for event in node.events_of("call_refused")]
            return any(words in event["detail"] for event in refused)

        wait_until(said, f"a node says {words}")

    def wait_delivery(self, name, node, state):
        def there():
            delivery = self.a.full_deliveries(name).get(node)
            return delivery if delivery and delivery_state_of(delivery) == state else None

        return wait_until(there, f"{node} is {state}")


class DistributionTlsTest(TlsCase):
    def test_all_have_it_and_the_links_show_nothing_of_it(self):
        links = [Recorder(), Recorder()]
        self.put_behind(self.a, links[0])
        self.put_behind(self.b, links[1])
        name = self.a.distribute("a")
        self.assert_delivered(name, self.b, self.c)
        self.assertGreater(sum(len(link.seen) for link in links), 2 * len(self.content))
        for link in links:
            self.assertNotIn(MARKER, link.seen)


class ClearTextTest(TlsCase):
    """So that the test above sees what there is to see."""

    flags = {"a": (), "b": (), "c": ()}

    def test_without_the_switch_the_link_shows_it(self):
        recorder = Recorder()
        self.put_behind(self.a, recorder)
        self.assert_delivered(self.a.distribute("a"), self.b, self.c)
        self.assertIn(MARKER, recorder.seen)


class ChildWithAnothersCertificateTest(TlsCase):
    certified = {"c": "b"}

    def test_it_gets_nothing_and_is_told_why(self):
        name = self.a.distribute("a")
        delivery = self.wait_delivery(name, "c", "FAILED")
        self.assertIn('"c"', delivery.detail)
        self.assertIn("dns:b", delivery.detail)
        self.a.wait_distribution(name, "PARTIALLY_SUCCEEDED")
        self.assertEqual(self.b.received_content(), self.content)
        wait_until(lambda: not self.c.files(), "c has no file")
        self.wait_refusal([self.a, self.b], 'the node "c"')


class ParentWithAnothersCertificateTest(TlsCase):
    certified = {"a": "b"}

    def test_nobody_takes_anything_of_it(self):
        name = self.a.distribute("a", nodes=["c"])
        failed = self.assert_failed(name, "")
        self.assertEqual(failed.counts.delivered, 0)
        delivery = self.a.full_deliveries(name)["c"]
        self.assertEqual(delivery_state_of(delivery), "FAILED", delivery)
        self.assertIn('"a"', delivery.detail)
        self.assertIn("dns:b", delivery.detail)


class MixedFleetTest(TlsCase):
    """The nodes of a fleet get the switch one after the other."""

    flags = {"b": ()}

    def test_a_node_without_the_switch_waits_until_it_has_it(self):
        name = self.a.distribute("a")
        self.wait_delivery(name, "c", "DELIVERED")
        self.wait_refusal([self.a, self.c], "in TLS alone")
        self.assertNotIn("file", self.b.files())
        self.b.restart_with(SWITCH)
        self.assert_delivered(name, self.b, self.c)


class MixedSourceTest(TlsCase):
    flags = {"a": ()}

    def test_nobody_takes_it_in_clear_text_until_the_source_has_the_switch(self):
        name = self.a.distribute("a")
        self.wait_refusal([self.a], "in clear text")
        self.a.restart_with(SWITCH)
        # The source has to read etcd anew first.
        self.assert_delivered(name, self.b, self.c, asked=self.c)
