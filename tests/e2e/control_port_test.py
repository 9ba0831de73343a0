"""What a peer without credentials can do at the control port, byte by byte."""

import hashlib
import pathlib
import ssl
import tempfile
import time
import unittest

import grpc

import harness
import http2
from certificates import Authority
from harness import Service

GET_NODE = b"/tcptool.v1.NodeService/GetNode"


def crowd(connect):
    """More connections than the service has descriptors for, without those turned away."""
    connections = []
    for _ in range(300):
        try:
            connections.append(connect())
        except (ConnectionResetError, BrokenPipeError):
            pass
    return connections


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

    def test_a_crowd_at_the_data_port_leaves_descriptors_to_the_control_port(self):
        service = self.serve(prefix=("prlimit", "--nofile=256:256"))
        service.write_file("content", b"x")
        session = service.create(
            start=harness.stubs.session.StartPolicy(ignore_start_byte=True)
        )
        peers = crowd(lambda: harness.connect(harness.port_of(session), b"\0"))
        harness.wait_until(lambda: service.descriptors() >= 190, "the crowd is in")
        # More than there are descriptors for: what is beyond is turned away.
        self.assertLess(service.descriptors(), 230)
        states = harness.stubs.recipient
        reasons = harness.wait_until(
            lambda: {
                one.reason
                for one in service.recipients(session.name)
                if one.state == states.RECIPIENT_STATE_REJECTED
            },
            "some are told to be turned away",
        )
        self.assertEqual(reasons, {states.RECIPIENT_REASON_CAPACITY})
        controls = crowd(lambda: self.connect(service))
        harness.wait_until(
            lambda: any(event["event"] == "control_full" for event in service.events()),
            "the control port is full",
        )
        self.assertLess(service.descriptors(), 256)
        for peer in (*peers, *controls):
            peer.close()

        def serves():
            with grpc.insecure_channel(
                service.control_address, (("grpc.use_local_subchannel_pool", 1),)
            ) as channel:
                node = harness.stubs.node_service_grpc.NodeServiceStub(channel)
                try:
                    return node.GetNode(harness.stubs.node_service.GetNodeRequest(), timeout=30)
                except grpc.RpcError:
                    return None

        harness.wait_until(serves, "new connections are served")

    def test_a_client_that_pings_is_welcome(self):
        # With a front between the client and gRPC, and without.
        for flags in ((), (f"--token-file={self.token_file()}",)):
            with self.subTest(flags):
                connection = self.connect(self.serve(*flags))
                for _ in range(100):
                    connection.send(http2.frame(http2.PING, 0, 0, b"12345678"))
                    self.assert_serves_ping(connection)

    def assert_serves_ping(self, connection):
        while (frame := connection.read_frame()) is not None:
            self.assertNotEqual(frame[0], http2.GOAWAY, frame)
            if frame[0] == http2.PING and frame[1] & http2.ACK:
                return
        self.fail("the connection was closed")

    def test_an_upload_whose_client_vanishes_fails(self):
        service = self.serve()
        requests = harness.stubs.session_service
        session = service.sessions.CreateSession(
            requests.CreateSessionRequest(
                session=harness.stubs.session.Session(
                    spec=harness.stubs.session.SessionSpec(
                        upload=harness.stubs.session.UploadSource()
                    )
                )
            )
        )
        connection = self.connect(service)
        request = requests.UploadContentRequest(name=session.name, data=b"x").SerializeToString()
        connection.send(
            http2.header_frames(
                1, http2.request_headers(b"/tcptool.v1.SessionService/UploadContent")
            )
            + http2.frame(http2.DATA, 0, 1, http2.message(request))
        )
        recipient = harness.connect(harness.port_of(session), b"\1")
        self.addCleanup(recipient.close)
        self.assertEqual(recipient.recv(1), b"x")
        # From here on nobody reads the connection, nor answers a ping.
        failed = service.wait_final(session.name, deadline_s=2 * harness.DEADLINE_S)
        self.assertEqual(failed.state, harness.stubs.session.SESSION_STATE_FAILED)

    def test_calls_that_are_refused_are_a_line_a_second(self):
        service = self.serve(f"--token-file={self.token_file()}")
        count = 300
        began = time.monotonic()
        for _ in range(count):
            with self.assertRaises(grpc.RpcError):
                service.node.GetNode(harness.stubs.node_service.GetNodeRequest())

        def told():
            lines = [e for e in service.events() if e["event"] in ("call_refused", "calls_refused")]
            return lines if sum(e.get("count", 1) for e in lines) == count else None

        lines = harness.wait_until(told, "all refused calls are told")
        # One for the first call of a second, and one for the number of the others.
        seconds = time.monotonic() - began + 2
        self.assertLessEqual(len(lines), 2 * seconds)
        self.assertTrue(lines[0]["peer"].startswith("ipv4:127.0.0.1:"), lines[0])
