"""Who may upload a distribution by a token, and that such a stream ends with its token; with
Debian's etcd.
"""

import queue

import grpc

import harness
from etcd import Etcd
from fleets import FleetNode, state_of
from harness import stubs, wait_until
from receptions import MIB
from security import SecurityTest, bearer

names = stubs.distribution_service


class DistributionTokenTest(SecurityTest):
    """Node a is alone in its fleet, and gets what is uploaded to it."""

    def setUp(self):
        super().setUp()
        etcd = Etcd()
        self.addCleanup(etcd.close)
        etcd.start()
        tokens = self.write_tokens(
            otto=("operator", "o"), vera=("viewer", "v"), petra=("peer", "p")
        )
        self.node = FleetNode(etcd, "a", (f"--token-file={tokens}",))
        self.addCleanup(self.node.close)
        self.node.wait_event("fleet_registered")
        types = stubs.distribution
        spec = types.DistributionSpec(
            upload=types.FleetUploadSource(),
            targets=types.DistributionTargets(nodes=["a"]),
            destination=types.DistributionDestination(root="disk", path="file"),
        )
        self.name = self.node.distributions.CreateDistribution(
            names.CreateDistributionRequest(distribution=types.Distribution(spec=spec)),
            metadata=bearer("o"),
        ).name

    def upload(self, messages, token):
        call = self.node.distributions.UploadDistribution.future(
            iter(messages.get, None), metadata=bearer(token), timeout=harness.DEADLINE_S
        )
        self.addCleanup(messages.put, None)
        self.addCleanup(call.cancel)
        return call

    def distribution(self):
        return self.node.distributions.GetDistribution(
            names.GetDistributionRequest(name=self.name), metadata=bearer("v")
        )

    def received(self):
        """Bytes that have come to the node."""
        listed = self.node.receptions.ListReceptions(
            stubs.reception_service.ListReceptionsRequest(), metadata=bearer("v")
        ).receptions
        return sum(reception.bytes_received for reception in listed)

    def test_nobody_but_an_operator_uploads(self):
        for token, code in (
            (None, grpc.StatusCode.UNAUTHENTICATED),
            ("none", grpc.StatusCode.UNAUTHENTICATED),
            ("v", grpc.StatusCode.PERMISSION_DENIED),
            ("p", grpc.StatusCode.PERMISSION_DENIED),
        ):
            with self.subTest(token):
                messages = queue.SimpleQueue()
                messages.put(names.UploadDistributionRequest(name=self.name, data=b"x"))
                call = self.upload(messages, token)
                self.assertEqual(call.exception(timeout=harness.DEADLINE_S).code(), code)
        # They have not taken the place of the one upload that there may be.
        messages = queue.SimpleQueue()
        messages.put(
            names.UploadDistributionRequest(name=self.name, data=b"content", complete=True)
        )
        messages.put(None)
        self.upload(messages, "o").result()
        self.assertEqual((self.node.disk / "file").read_bytes(), b"content")

    def test_an_upload_and_a_watch_end_with_their_token(self):
        watches = [
            self.node.distributions.WatchDistributions(
                names.WatchDistributionsRequest(), metadata=bearer(token)
            )
            for token in ("o", "v")
        ]
        for watch in watches:
            self.addCleanup(watch.cancel)
            next(watch)
        messages = queue.SimpleQueue()
        messages.put(names.UploadDistributionRequest(name=self.name, data=bytes(MIB)))
        upload = self.upload(messages, "o")
        wait_until(lambda: self.received() == MIB, "the node has a part")
        self.write_tokens(vera=("viewer", "v"))
        with self.assertRaises(grpc.RpcError) as ended:
            for _ in watches[0]:
                pass
        for error in (ended.exception, upload.exception(timeout=harness.DEADLINE_S)):
            self.assertEqual(error.code(), grpc.StatusCode.UNAUTHENTICATED)
            self.assertIn("taken away", error.details())
        # What has come is not taken for the whole.
        wait_until(lambda: state_of(self.distribution()) == "FAILED", "it has failed")
        (delivery,) = self.node.distributions.ListDeliveries(
            names.ListDeliveriesRequest(parent=self.name), metadata=bearer("v")
        ).deliveries
        self.assertIn("taken away", delivery.detail)
        wait_until(lambda: not self.node.files(), "the node has no part of it")
        # Others go on.
        watches[1].cancel()
        self.assertEqual(watches[1].code(), grpc.StatusCode.CANCELLED)
        audited = wait_until(
            lambda: [
                event
                for event in self.node.events_of("audit")
                if event["method"].endswith("/UploadDistribution")
            ],
            "the upload's end is logged",
        )
        self.assertEqual(
            [(event["who"], event["target"], event["outcome"]) for event in audited],
            [("token:otto", self.name, "UNAUTHENTICATED")],
        )
