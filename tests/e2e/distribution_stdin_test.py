"""`tcptoolctl distribute --stdin`, over real nodes, with Debian's etcd."""

import os
import subprocess

import grpc

import harness
from fleets import DistributionCase
from harness import stubs, wait_until
from receptions import MIB


class DistributionStdinTest(DistributionCase):
    """The content comes to node a."""

    def start_ctl(self, *arguments, stdin=subprocess.PIPE):
        flags = ("--stdin", "--to=all", "--as=disk/file", "--distribution-id=piped")
        server = ("--server", self.a.control_address)
        ctl = self.enterContext(
            subprocess.Popen(
                [harness.program("tcptoolctl"), *server, "distribute", *flags, *arguments],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        self.addCleanup(ctl.kill)
        return ctl

    def start_half_an_upload(self):
        ctl = self.start_ctl()
        ctl.stdin.write(self.content[: 2 * MIB])
        ctl.stdin.flush()
        self.wait_received(self.b, MIB)
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

        wait_until(answers, "it has read what the fleet has")
        ctl = self.start_ctl("--watch")
        _, err = ctl.communicate(self.content, timeout=harness.DEADLINE_S)
        self.assertEqual((ctl.returncode, err), (0, b""))
        self.assertEqual(self.a.received_content(), self.content)
        self.assert_delivered("distributions/piped", *self.nodes_)

    def test_one_that_is_killed_has_failed_it(self):
        ctl = self.start_half_an_upload()
        ctl.kill()
        self.assert_failed("distributions/piped", "the upload broke off")

    def retry(self, *arguments, content=b"", server=None):
        server = (server or self.a).control_address
        return subprocess.run(
            [
                harness.program("tcptoolctl"),
                f"--server={server}",
                "retry",
                "distributions/piped",
                "--stdin",
                *arguments,
            ],
            input=content,
            capture_output=True,
            check=False,
            timeout=harness.DEADLINE_S,
        )

    def test_one_that_has_failed_is_uploaded_again(self):
        ctl = self.start_half_an_upload()
        taken = self.retry(content=self.content)
        self.assertEqual(taken.returncode, 1)
        self.assertIn(b"has an upload already", taken.stderr)
        ctl.kill()
        self.assert_failed("distributions/piped", "the upload broke off")
        done = self.retry("--watch", content=self.content)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assert_delivered("distributions/piped", *self.nodes_)
        over = self.retry(content=self.content)
        self.assertEqual(over.returncode, 1)
        self.assertIn(b"leave --stdin out", over.stderr)

    def test_one_that_waits_for_an_upload_gets_it(self):
        self.a.distributions.CreateDistribution(
            stubs.distribution_service.CreateDistributionRequest(
                distribution_id="piped",
                distribution=stubs.distribution.Distribution(
                    spec=stubs.distribution.DistributionSpec(
                        upload=stubs.distribution.FleetUploadSource(),
                        targets=stubs.distribution.DistributionTargets(all=True),
                        destination=stubs.distribution.DistributionDestination(
                            root="disk", path="file"
                        ),
                    )
                ),
            )
        )
        done = self.retry("--watch", content=self.content)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assert_delivered("distributions/piped", *self.nodes_)

    def test_a_retry_at_another_node_leaves_nobody_waiting(self):
        ctl = self.start_half_an_upload()
        ctl.kill()
        self.assert_failed("distributions/piped", "the upload broke off")
        self.b.wait_distribution("distributions/piped", "FAILED")
        done = self.retry(content=self.content, server=self.b)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"at node 'a'", done.stderr)
        # Others may not have heard of the retry yet.
        self.b.wait_distribution("distributions/piped", "CANCELLED")

    def test_one_that_is_killed_before_anything_comes_has_failed_it(self):
        ctl = self.start_ctl()
        wait_until(
            lambda: self.a.reception_of("distributions/piped"), "the upload has begun"
        )
        ctl.kill()
        self.assert_failed("distributions/piped", "the upload broke off after 0 bytes")

    def test_one_that_cannot_be_read_leaves_nobody_waiting(self):
        """Its node fails it, or tcptoolctl cancels it if the node has not begun."""
        directory = os.open("/", os.O_RDONLY)
        self.addCleanup(os.close, directory)
        ctl = self.start_ctl("--watch", stdin=directory)
        out, err = ctl.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(ctl.returncode, 1, (out, err))
        self.assertRegex(err.decode(), "ended as (FAILED|CANCELLED)")

    def test_a_wrong_length_or_digest_is_an_error(self):
        for flags in ((f"--length={self.size + 1}",), ("--sha256=" + 64 * "0", "--watch")):
            with self.subTest(flags):
                ctl = self.start_ctl(*flags)
                _, err = ctl.communicate(self.content, timeout=harness.DEADLINE_S)
                self.assertEqual(ctl.returncode, 1, err)
                self.assertIn(b"MISMATCH", err)
                self.assert_failed("distributions/piped", "MISMATCH")
                self.a.distributions.DeleteDistribution(
                    stubs.distribution_service.DeleteDistributionRequest(
                        name="distributions/piped"
                    )
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
