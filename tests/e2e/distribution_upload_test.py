"""Distributions of what a client sends, over real nodes, with Debian's etcd."""

import hashlib
import queue

import grpc

import harness
from error_details import details_of, failure_of
from fleets import DistributionCase, state_of
from harness import stubs, wait_until
from receptions import MIB

names = stubs.distribution_service


class UploadStream:
    """An upload that a test sends piece by piece."""

    def __init__(self, node, name):
        self.name = name
        self.offset = 0
        self.messages = queue.SimpleQueue()
        self.call = node.distributions.UploadDistribution.future(
            iter(self.messages.get, None), timeout=harness.DEADLINE_S
        )

    def send(self, data, complete=False):
        for at in range(0, len(data), MIB) or [0]:
            piece = data[at : at + MIB]
            self.messages.put(
                names.UploadDistributionRequest(
                    name=self.name,
                    offset=self.offset,
                    data=piece,
                    complete=complete and at + MIB >= len(data),
                )
            )
            self.offset += len(piece)

    def end(self):
        """Of the stream, whether or not it is complete."""
        self.messages.put(None)

    def result(self):
        return self.call.result()

    def break_off(self):
        self.call.cancel()
        self.end()


class DistributionUploadTest(DistributionCase):
    """The content comes to node a."""

    def create(self, **upload):
        """The name of a distribution that is uploaded to node a, to all."""
        types = stubs.distribution
        spec = types.DistributionSpec(
            upload=types.FleetUploadSource(**upload),
            targets=types.DistributionTargets(all=True),
            destination=types.DistributionDestination(root="disk", path="file"),
        )
        made = self.a.distributions.CreateDistribution(
            names.CreateDistributionRequest(distribution=types.Distribution(spec=spec))
        )
        self.assertEqual(made.spec.upload.node, "a")
        return made.name

    def open(self, name, node=None):
        stream = UploadStream(node or self.a, name)
        self.addCleanup(stream.break_off)
        return stream

    def refusal(self, stream):
        with self.assertRaises(grpc.RpcError) as raised:
            stream.result()
        return raised.exception.code(), raised.exception.details()

    def assert_refused(self, stream, reason, words):
        error = failure_of(stream.result)
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(details_of(error)["ErrorInfo"].reason, reason)
        self.assertIn(words, error.details())

    def test_all_nodes_have_the_beginning_before_the_end_comes(self):
        name = self.create()
        self.assertEqual(state_of(self.a.distribution(name)), "PLANNING")
        stream = self.open(name)
        half = self.size // 2
        stream.send(self.content[:half])
        for node in self.nodes_:
            wait_until(
                lambda node=node: self.received(node, name) == half,
                f"{node.name} has what was sent",
            )
            self.assertNotIn("file", node.files())
        stream.send(self.content[half:], complete=True)
        stream.end()
        self.assertEqual(stream.result().distribution.name, name)
        # It is there for a client that is told so.
        self.assertEqual(self.a.received_content(), self.content)
        self.assert_delivered(name, *self.nodes_)

        def audited():
            return [
                event["outcome"]
                for event in self.a.events_of("audit")
                if event["method"].endswith("/UploadDistribution") and event["target"] == name
            ]

        wait_until(lambda: audited() == ["OK"], "it is audited")

    def test_an_empty_content(self):
        self.content = b""
        name = self.create(expected_length=0)
        stream = self.open(name)
        stream.send(b"", complete=True)
        stream.end()
        stream.result()
        self.assert_delivered(name, *self.nodes_)

    def test_what_is_expected_is_taken(self):
        name = self.create(
            expected_length=self.size, expected_sha256=hashlib.sha256(self.content).hexdigest()
        )
        stream = self.open(name)
        stream.send(self.content, complete=True)
        stream.end()
        stream.result()
        self.assert_delivered(name, *self.nodes_)

    def test_what_is_not_expected_fails(self):
        for words, upload in (
            ("LENGTH_MISMATCH", {"expected_length": self.size - 1}),
            ("LENGTH_MISMATCH", {"expected_length": self.size + 1}),
            ("DIGEST_MISMATCH", {"expected_sha256": 64 * "0"}),
        ):
            with self.subTest(upload):
                name = self.create(**upload)
                stream = self.open(name)
                stream.send(self.content, complete=True)
                stream.end()
                error = failure_of(stream.result)
                self.assertEqual(error.code(), grpc.StatusCode.ABORTED)
                self.assertEqual(details_of(error)["ErrorInfo"].reason, "UPLOAD_CUT_SHORT")
                self.assertIn(words, error.details())
                self.assert_failed(name, words)

    def test_a_broken_upload_fails_for_all(self):
        # Of a call that is cancelled, gRPC may tell the end of its messages first.
        for way, words in (
            (UploadStream.break_off, "cancelled the call|the stream ended without it"),
            (UploadStream.end, "the stream ended without it"),
        ):
            with self.subTest(words):
                name = self.create()
                stream = self.open(name)
                stream.send(self.content[: 3 * MIB])
                wait_until(
                    lambda name=name: self.received(self.b, name) == 3 * MIB, "b has a part"
                )
                way(stream)
                failed = self.assert_failed(name, "the upload broke off after 3145728 bytes")
                self.assertRegex(failed.detail, words)
                self.assertIn("node 'a'", failed.detail)

    def test_after_a_retry_it_is_uploaded_anew(self):
        name = self.create()
        stream = self.open(name)
        stream.send(self.content[:MIB])
        wait_until(lambda: self.received(self.b, name) == MIB, "b has a part")
        stream.break_off()
        self.assert_failed(name, "broke off")
        self.a.distributions.RetryDistribution(names.RetryDistributionRequest(name=name))

        def again():
            stream = self.open(name)
            stream.send(self.content, complete=True)
            stream.end()
            try:
                stream.result()
            except grpc.RpcError as error:
                # The node has not heard of the retry yet.
                self.assertIn(
                    error.code(),
                    (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE),
                )
                return False
            return True

        wait_until(again, "it takes the upload")
        self.assert_delivered(name, *self.nodes_)

    def test_a_message_that_does_not_continue_fails_it(self):
        name = self.create()
        stream = self.open(name)
        stream.send(self.content[:MIB])
        stream.offset += 1
        stream.send(b"x")
        code, details = self.refusal(stream)
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("offset: ", details)
        self.assert_failed(name, "offset: ")

    def test_only_the_first_upload_and_only_at_its_node(self):
        name = self.create()
        wait_until(lambda: self.b.knows(name), "b knows it")
        other = self.open(name, self.b)
        other.send(b"x")
        self.assert_refused(other, "UPLOAD_AT_ANOTHER_NODE", "at node 'a'")
        first = self.open(name)
        first.send(self.content[:MIB])
        wait_until(lambda: self.received(self.a, name) == MIB, "it has begun")
        second = self.open(name)
        second.send(b"x")
        self.assert_refused(second, "UPLOAD_TAKEN", "has an upload already")
        first.send(self.content[MIB:], complete=True)
        first.end()
        first.result()
        self.assert_delivered(name, *self.nodes_)
        late = self.open(name)
        late.send(b"x")
        self.assertEqual(self.refusal(late)[0], grpc.StatusCode.FAILED_PRECONDITION)

    def test_a_file_and_what_is_not_there_are_not_uploaded(self):
        for name, code in (
            (self.a.distribute("a"), grpc.StatusCode.FAILED_PRECONDITION),
            ("distributions/none", grpc.StatusCode.NOT_FOUND),
            ("sessions/none", grpc.StatusCode.INVALID_ARGUMENT),
        ):
            with self.subTest(name):
                stream = self.open(name)
                stream.send(b"x")
                self.assertEqual(self.refusal(stream)[0], code)

    def test_a_node_that_is_killed_has_lost_its_upload(self):
        name = self.create()
        stream = self.open(name)
        stream.send(self.content[: 3 * MIB])
        for node in (self.b, self.c):
            wait_until(
                lambda node=node: self.received(node, name) == 3 * MIB, "it has a part"
            )
        self.a.process.kill()
        self.assertEqual(self.refusal(stream)[0], grpc.StatusCode.UNAVAILABLE)
        self.a.restart()
        self.a.wait_event("fleet_registered", 2)
        self.assert_failed(name, "upload it anew", self.b)

    def test_a_distribution_that_is_cancelled_ends_its_upload(self):
        name = self.create()
        stream = self.open(name)
        stream.send(self.content[:MIB])
        wait_until(lambda: self.received(self.b, name) == MIB, "b has a part")
        self.a.distributions.CancelDistribution(names.CancelDistributionRequest(name=name))
        self.assertEqual(self.refusal(stream)[0], grpc.StatusCode.ABORTED)
        self.a.wait_distribution(name, "CANCELLED")
        for node in self.nodes_:
            wait_until(lambda node=node: not node.files(), f"{node.name} has no file")

    def test_a_reception_of_an_upload_is_made_by_distributions_alone(self):
        types = stubs.reception
        spec = types.ReceptionSpec(
            upload=types.DistributionUpload(),
            destination=types.FileDestination(root="disk", path="file"),
        )
        with self.assertRaises(grpc.RpcError) as raised:
            self.a.receptions.CreateReception(
                stubs.reception_service.CreateReceptionRequest(
                    reception=types.Reception(spec=spec)
                )
            )
        self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("reception.spec.upload: ", raised.exception.details())
