"""What a peer without credentials can do at the control port, byte by byte."""

import hashlib
import pathlib
import ssl
import tempfile
import unittest

import grpc

import harness
import http2
from certificates import Authority
from harness import Service

GET_NODE = b"/tcptool.v1.NodeService/GetNode"


class StrangerTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="control.")
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)

    def serve(self, *flags, **options):
        service = Service(flags=("--log-format=json", *flags), **options)
        self.addCleanup(service.close)
        return service

    def token_file(self):
        path = self.home / "tokens"
        path.write_text(f"otto operator {hashlib.sha256(b'o').hexdigest()}\n", encoding="utf-8")
        path.chmod(0o600)
        return path

    def connect(self, service, **options):
        connection = http2.Connection(service.control_address, **options)
        self.addCleanup(connection.close)
        return connection

    def assert_serves(self, connection, stream=101):
        """The connection, or a new one, still gets answers."""
        connection.call(stream, b"/grpc.health.v1.Health/Check")
        while (frame := connection.read_frame()) is not None:
            if frame[0] == http2.DATA and frame[2] == stream:
                return
        self.fail("the health check has no answer")

    def assert_survives(self, service, **options):
        """Headers that gRPC gives a meaning of its own, with values that have none."""
        big = [(b"x-%d" % i, b"a" * 3000) for i in range(5)]
        for name in (
            b"grpclb_client_stats", b"grpc-server-stats-bin", b"grpc-tags-bin",
            b"grpc-trace-bin", b"lb-token", b"lb-cost-bin", b"grpc-previous-rpc-attempts",
            b"grpc-retry-pushback-ms", b"grpc-timeout", b"grpc-encoding",
            b"grpc-accept-encoding", b"grpc-internal-encoding-request", b"host", b"te",
            b"content-type", b":scheme", b":status", b"x-endpoint-load-metrics-bin",
            b"grpc-status", b"grpc-message", b"user-agent",
        ):  # fmt: skip
            for more in ((), big):
                for indexed in (False, True):
                    connection = self.connect(service, **options)
                    block = http2.request_headers(b"/x") + http2.literal(name, b"x", indexed)
                    block += b"".join(http2.literal(*header) for header in more)
                    connection.send(http2.header_frames(1, block))
                    connection.close()
        self.assertIsNone(service.process.poll(), service.log()[-2000:])
        self.assert_serves(self.connect(service, **options))

    def test_no_header_ends_the_process(self):
        self.assert_survives(self.serve(f"--token-file={self.token_file()}"))
        self.assert_survives(self.serve())

    def test_no_header_ends_the_process_over_tls(self):
        authority = Authority(self.home / "authority")
        certificate, key = authority.issue("localhost")
        context = ssl.create_default_context(cafile=authority.path)
        context.set_alpn_protocols(["h2"])
        service = self.serve(
            f"--tls-cert={certificate}", f"--tls-key={key}",
            f"--tls-client-ca={authority.path}", "--cert-role=*=operator",
            f"--token-file={self.token_file()}",
        )  # fmt: skip
        self.assert_survives(
            service, wrap=lambda s: context.wrap_socket(s, server_hostname="127.0.0.1")
        )

    def test_a_call_is_refused_by_its_headers_alone(self):
        service = self.serve(f"--token-file={self.token_file()}")
        connection = self.connect(service)
        for path in (GET_NODE, b"/tcptool.v1.SessionService/CreateSession", b"/no/such", b"x"):
            # No message and no end of the stream follow.
            connection.send(http2.header_frames(1, http2.request_headers(path)))
            while (frame := connection.read_frame()) is not None:
                if frame[0] == http2.HEADERS:
                    self.assertIn(b"grpc-status", frame[3])
                    self.assertIn(b"16", frame[3])
                    break
            else:
                self.fail("no answer")
            connection.close()
            connection = self.connect(service)

    def test_calls_that_are_refused_are_a_line_a_second(self):
        service = self.serve(f"--token-file={self.token_file()}")
        count = 300
        for _ in range(count):
            with self.assertRaises(grpc.RpcError):
                service.node.GetNode(harness.stubs.node_service.GetNodeRequest())

        def told():
            lines = [e for e in service.events() if e["event"] in ("call_refused", "calls_refused")]
            return lines if sum(e.get("count", 1) for e in lines) == count else None

        lines = harness.wait_until(told, "all refused calls are told")
        self.assertLess(len(lines), count / 10)
        self.assertTrue(lines[0]["peer"].startswith("ipv4:127.0.0.1:"), lines[0])
