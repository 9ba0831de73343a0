"""Uploads of distributions whose clients go silent, or vanish without a word: the distributions
fail, and make room; with Debian's etcd."""

import queue
import unittest

import grpc

import harness
import http2
from etcd import Etcd
from fleets import FleetNode
from harness import stubs, wait_until

names = stubs.distribution_service

UPLOAD = b"/tcptool.v1.DistributionService/UploadDistribution"
# docs/architecture.md, "Bounds": uploads of distributions to a node.
UPLOADS = 16
# For the service to find out that nobody answers its pings (after 50 s), and to fail.
GONE_S = 50 + harness.DEADLINE_S


class SilentUploadsTest(unittest.TestCase):
    """Node a is alone in its fleet, and gets what is uploaded to it."""

    def start(self, *flags):
        etcd = Etcd()
        self.addCleanup(etcd.close)
        etcd.start()
        self.node = FleetNode(etcd, "a", (f"--max-deliveries={UPLOADS + 1}", *flags))
        self.addCleanup(self.node.close)
        self.node.wait_event("fleet_registered")

    def create(self, path):
        types = stubs.distribution
        spec = types.DistributionSpec(
            upload=types.FleetUploadSource(),
            targets=types.DistributionTargets(nodes=["a"]),
            destination=types.DistributionDestination(root="disk", path=path),
        )
        return self.node.distributions.CreateDistribution(
            names.CreateDistributionRequest(distribution=types.Distribution(spec=spec))
        ).name

    def begin_all(self, begin):
        """As many distributions as may be uploaded at a time: `begin`, of the name of one, sends
        the beginning of its content. One after the other, as the node is to begin with each."""
        created = [self.create(f"file{i}") for i in range(UPLOADS)]
        for name in created:
            begin(name)
            wait_until(
                lambda name=name: self.node.reception_of(name) is not None,
                f"the node has begun with {name}",
            )
        return created

    def assert_fail_and_make_room(self, created, words, deadline_s):
        for name in created:
            self.node.wait_distribution(name, "FAILED", deadline_s)
            self.assertIn(words, self.node.full_deliveries(name)["a"].detail)
        wait_until(lambda: not self.node.files(), "no part of them is left")
        request = names.UploadDistributionRequest(
            name=self.create("file"), data=b"content", complete=True
        )
        self.node.distributions.UploadDistribution(iter([request]), timeout=harness.DEADLINE_S)
        self.assertEqual(self.node.received_content(), b"content")

    def test_uploads_that_go_silent(self):
        self.start("--client-idle-limit=5s")
        calls = []

        def begin(name):
            messages = queue.SimpleQueue()
            messages.put(names.UploadDistributionRequest(name=name, data=b"x"))
            calls.append(
                self.node.distributions.UploadDistribution.future(iter(messages.get, None))
            )
            self.addCleanup(messages.put, None)
            self.addCleanup(calls[-1].cancel)

        created = self.begin_all(begin)
        # The clients are there, and their library answers pings.
        for call in calls:
            error = call.exception(timeout=harness.DEADLINE_S)
            self.assertEqual(
                error.code(), grpc.StatusCode.DEADLINE_EXCEEDED, error.details()
            )
        self.assert_fail_and_make_room(created, "has sent no message", harness.DEADLINE_S)

    def test_uploads_whose_clients_vanish(self):
        # Their pings alone tell: nobody's time to send a message is over.
        self.start("--client-idle-limit=1h")

        def begin(name):
            # From here on nobody reads the connection, nor answers a ping.
            client = http2.Connection(self.node.control_address)
            self.addCleanup(client.close)
            request = names.UploadDistributionRequest(name=name, data=b"x")
            client.send(
                http2.header_frames(1, http2.request_headers(UPLOAD))
                + http2.frame(http2.DATA, 0, 1, http2.message(request.SerializeToString()))
            )

        self.assert_fail_and_make_room(
            self.begin_all(begin), "the upload broke off after 1 bytes", GONE_S
        )
