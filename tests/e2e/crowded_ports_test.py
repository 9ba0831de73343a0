"""Strangers that fill all ports together leave descriptors to who runs the service."""

import harness
from crowds import PREFACE, CrowdCase


class CrowdedPortsTest(CrowdCase):
    def assert_leave_enough(self, descriptors):
        # The rest is not for recipients.
        for_recipients = descriptors * 3 // 4
        service, channel = self.serve_with_few_descriptors(descriptors)
        session = self.create(channel)
        self.fill(harness.port_of(session), for_recipients, b"\0")
        self.assertGreaterEqual(service.descriptors(), for_recipients)
        for port in (harness.port_of_address(service.control_address), self.peer_port):
            self.fill(port, descriptors // 16 + 20, PREFACE)
        # These have 5 s for what they want; they come again each time.
        http_port = harness.port_of_address(service.http_address)
        for _ in range(3):
            self.crowd(self.peer_data_port, 75, b"")
            self.fill(http_port, descriptors // 16 + 20, b"GET /")
            self.create(channel)
            self.assert_answers(service)
        self.assertEqual(self.events(service, "control_starved"), [])

    def test_with_nodes(self):
        self.assert_leave_enough(1024)

    def test_with_nodes_and_as_few_descriptors_as_some_systems_give(self):
        self.assert_leave_enough(256)
