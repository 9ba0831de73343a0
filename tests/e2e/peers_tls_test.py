"""What nodes receive from one another by hand, in TLS: from whom, and what of encrypted
sessions.
"""

from harness import stubs
from nodes import Node, NodesCase
from receptions import MIB, reason_of, state_of
from tls_nodes import SWITCH, CalledByTls, Certificates


class TlsNode(CalledByTls, Node):
    def __init__(self, certificates, name, *flags):
        self.credentials = certificates.operator()
        super().__init__((*certificates.flags(name), *flags))


class PeersTlsTest(NodesCase):
    size = 2 * MIB + 17

    def setUp(self):
        super().setUp()
        self.certificates = Certificates(self, "parent", "child")

    def start_tls(self, name, *flags):
        node = TlsNode(self.certificates, name, *flags)
        self.addCleanup(node.close)
        node.write_file("content", self.content)
        return node

    def source(self, parent, **spec):
        start = stubs.session.StartPolicy(immediate=True)
        return parent.source(parent.create(start=start, **spec).name, wait={"seconds": 0})

    def assert_refused(self, child, source, words):
        reception = child.wait_reception(child.receive(source))
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "UNREACHABLE"), reception
        )
        self.assertIn(words, reception.detail)

    def test_the_certificate_is_for_the_host_or_has_the_name(self):
        parent = self.start_tls("parent", SWITCH)
        source = self.source(parent)
        for name in ("", "parent"):
            child = self.start_tls("child", SWITCH)
            source.certificate_name = name
            self.assert_whole(child, child.receive(source))
        source.certificate_name = "stranger"
        self.assert_refused(self.start_tls("child", SWITCH), source, '"stranger"')

    def test_an_encrypted_session_is_given_in_tls_alone(self):
        encryption = stubs.encryption.Encryption()
        for switch in ((), (SWITCH,)):
            with self.subTest(switch):
                parent = self.start_tls(
                    "parent", *self.certificates.data_flags("parent"), *switch
                )
                source = self.source(parent, encryption=encryption)
                child = self.start_tls("child", *switch)
                if switch:
                    self.assert_whole(child, child.receive(source))
                else:
                    self.assert_refused(child, source, "content is encrypted")

    def test_the_log_says_whether_content_is_encrypted(self):
        for switch in ((), (SWITCH,)):
            with self.subTest(switch):
                parent = self.start_tls(
                    "parent", "--log-format=json", *self.certificates.data_flags("parent"), *switch
                )
                (event,) = [one for one in parent.events() if one["event"] == "serving_nodes"]
                self.assertEqual(event["data_tls"], "on" if switch else "off")
