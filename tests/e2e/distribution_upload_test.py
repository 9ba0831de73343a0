"""Distributions of what a client sends, over real nodes, with Debian's etcd."""

import hashlib
import os
import queue
import subprocess

import grpc

import harness
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


class DistributionUploadCase(DistributionCase):
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

    def received(self, node, name):
        """Bytes that have come to the node."""
        reception = node.reception_of(name)
        return 0 if reception is None else reception.bytes_received

    def assert_failed(self, name, words, node=None):
        """And that no node has a file, or a part of one."""
        distribution = (node or self.a).wait_distribution(name, "FAILED")
        self.assertIn(words, distribution.detail)
        for node_ in self.nodes_:
            wait_until(lambda node=node_: not node.files(), f"{node_.name} has no file")
        return distribution


class DistributionUploadTest(DistributionUploadCase):
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
                code, details = self.refusal(stream)
                self.assertEqual(code, grpc.StatusCode.ABORTED)
                self.assertIn(words, details)
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
        code, details = self.refusal(other)
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("at node 'a'", details)
        first = self.open(name)
        first.send(self.content[:MIB])
        wait_until(lambda: self.received(self.a, name) == MIB, "it has begun")
        second = self.open(name)
        second.send(b"x")
        code, details = self.refusal(second)
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("has an upload already", details)
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


class CommandLineTest(DistributionUploadCase):
    """`tcptoolctl distribute --stdin`."""

    def start_ctl(self, *arguments):
        flags = ("--stdin", "--to=all", "--as=disk/file", "--distribution-id=piped")
        server = ("--server", self.a.control_address)
        ctl = self.enterContext(
            subprocess.Popen(
                [harness.program("tcptoolctl"), *server, "distribute", *flags, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        self.addCleanup(ctl.kill)
        return ctl

    def wait_received(self, node, least):
        wait_until(
            lambda: self.received(node, "distributions/piped") >= least,
            f"{node.name} has {least} bytes",
        )

    def test_a_pipe_is_distributed_while_it_is_open(self):
        ctl = self.start_ctl("--watch", f"--length={self.size}")
        half = self.size // 2
        ctl.stdin.write(self.content[:half])
        ctl.stdin.flush()
        for node in self.nodes_:
            self.wait_received(node, half // MIB * MIB)
        out, err = ctl.communicate(self.content[half:], timeout=harness.DEADLINE_S)
        self.assertEqual((ctl.returncode, err), (0, b""))
        lines = out.decode().splitlines()
        self.assertEqual(lines[0], "distribution: distributions/piped")
        self.assertEqual(lines[-1], "distributions/piped: SUCCEEDED, 3 of 3 delivered")
        self.assert_delivered("distributions/piped", *self.nodes_)
        details = subprocess.check_output(
            [
                harness.program("tcptoolctl"),
                "--server",
                self.a.control_address,
                "get",
                "distributions/piped",
            ],
            text=True,
        )
        self.assertIn("from:           upload to a", details.splitlines())

    def test_without_a_watch_it_ends_when_the_node_has_it(self):
        ctl = self.start_ctl()
        _, err = ctl.communicate(self.content, timeout=harness.DEADLINE_S)
        self.assertEqual((ctl.returncode, err), (0, b""))
        self.assertEqual(self.a.received_content(), self.content)
        self.assert_delivered("distributions/piped", *self.nodes_)

    def test_a_node_that_has_just_been_killed_takes_one_when_it_is_registered(self):
        self.a.restart()

        def answers():
            try:
                return self.a.fleet_nodes()
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
                return None

        wait_until(answers, "it has read what the fleet has", 60)
        ctl = self.start_ctl("--watch")
        _, err = ctl.communicate(self.content, timeout=harness.DEADLINE_S)
        self.assertEqual((ctl.returncode, err), (0, b""))
        self.assertEqual(self.a.received_content(), self.content)
        self.assert_delivered("distributions/piped", *self.nodes_)

    def test_one_that_is_killed_has_failed_it(self):
        ctl = self.start_ctl()
        ctl.stdin.write(self.content[: 2 * MIB])
        ctl.stdin.flush()
        self.wait_received(self.b, MIB)
        ctl.kill()
        self.assert_failed("distributions/piped", "the upload broke off")

    def test_one_that_is_killed_before_anything_comes_has_failed_it(self):
        ctl = self.start_ctl()
        wait_until(
            lambda: self.a.reception_of("distributions/piped"), "the upload has begun"
        )
        ctl.kill()
        self.assert_failed("distributions/piped", "the upload broke off after 0 bytes")

    def test_a_wrong_length_or_digest_is_an_error(self):
        for flags in ((f"--length={self.size + 1}",), ("--sha256=" + 64 * "0", "--watch")):
            with self.subTest(flags):
                ctl = self.start_ctl(*flags)
                _, err = ctl.communicate(self.content, timeout=harness.DEADLINE_S)
                self.assertEqual(ctl.returncode, 1, err)
                self.assertIn(b"MISMATCH", err)
                self.assert_failed("distributions/piped", "MISMATCH")
                self.a.distributions.DeleteDistribution(
                    names.DeleteDistributionRequest(name="distributions/piped")
                )

    def test_the_command_line_is_checked(self):
        for flags in (
            ("--stdin", "--file=a:files/content"),
            (),
            ("--file=a:files/content", "--length=1"),
            ("--file=a:files/content", "--sha256=" + 64 * "0"),
        ):
            with self.subTest(flags):
                done = subprocess.run(
                    [
                        harness.program("tcptoolctl"),
                        "distribute",
                        "--to=all",
                        "--as=disk/file",
                        *flags,
                    ],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    check=False,
                    env=dict(os.environ, TCPTOOL_SERVER=self.a.control_address),
                )
                self.assertEqual(done.returncode, 2, done.stderr)
