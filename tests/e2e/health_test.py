"""Standard gRPC health checking and server reflection."""

import pathlib
import signal
import socket
import tempfile
import urllib.error
import urllib.request

import grpc

import harness
import http2
from harness import Service, ServiceTest, stubs
from listeners import listener_of
from nodes import Node
from standard_services import health, health_grpc, reflect


class HealthTest(ServiceTest):
    def test_service_is_serving(self):
        checker = health_grpc.HealthStub(self.service.channel)
        answer = checker.Check(health.HealthCheckRequest(), timeout=harness.DEADLINE_S)
        self.assertEqual(answer.status, health.HealthCheckResponse.SERVING)

    def test_strangers_calls_keep_no_probe_out(self):
        checker = health_grpc.HealthStub(self.service.channel)
        # One whose message never comes, and one that nobody ever ends.
        for path, end in (
            (b"/grpc.health.v1.Health/Check", b""),
            (b"/grpc.health.v1.Health/Watch", http2.message(b"")),
        ):
            stranger = http2.Connection(self.service.control_address)
            self.addCleanup(stranger.close)
            # Twice as many as there may be.
            for stream in range(1, 2 * 128, 2):
                stranger.send(http2.header_frames(stream, http2.request_headers(path)))
                if end:
                    stranger.send(http2.frame(http2.DATA, http2.END_STREAM, stream, end))
            # All places are taken when one more of the stranger's has made room.
            stranger.send(http2.header_frames(257, http2.request_headers(path)))
            while (frame := stranger.read_frame())[0] != http2.HEADERS or frame[1] == 4:
                pass
            watches = [
                checker.Watch(health.HealthCheckRequest(), timeout=harness.DEADLINE_S)
                for _ in range(8)
            ]
            for watch in watches:
                self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVING)
            for _ in range(64):
                answer = checker.Check(health.HealthCheckRequest(), timeout=harness.DEADLINE_S)
                self.assertEqual(answer.status, health.HealthCheckResponse.SERVING)

    def test_a_control_port_that_nobody_reaches_is_told(self):
        home = tempfile.TemporaryDirectory(prefix="health.")
        self.addCleanup(home.cleanup)
        path = pathlib.Path(home.name) / "control"
        elsewhere = pathlib.Path(home.name) / "elsewhere"
        service = Service(control=f"unix:{path}", flags=("--log-format=json",))
        self.addCleanup(service.close)
        checker = health_grpc.HealthStub(service.channel)
        watch = checker.Watch(health.HealthCheckRequest(), timeout=4 * harness.DEADLINE_S)
        self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVING)
        self.assertEqual(self.healthz(service), 200)
        # Connections that are there stay; there will be no new ones.
        path.rename(elsewhere)
        self.assertEqual(next(watch).status, health.HealthCheckResponse.NOT_SERVING)
        self.assertEqual(self.healthz(service), 503)
        self.assertIn("control_unreachable", [event["event"] for event in service.events()])
        elsewhere.rename(path)
        self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVING)
        self.assertEqual(self.healthz(service), 200)

    def test_a_peer_address_that_nobody_reaches_is_told(self):
        node = Node(("--log-format=json",))
        self.addCleanup(node.close)
        watch = health_grpc.HealthStub(node.channel).Watch(
            health.HealthCheckRequest(), timeout=4 * harness.DEADLINE_S
        )
        self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVING)
        self.assertEqual(self.healthz(node), 200)
        listener = listener_of(node.process.pid, node.port)
        self.addCleanup(listener.close)
        # It listens no more.
        listener.shutdown(socket.SHUT_RD)
        self.assertEqual(next(watch).status, health.HealthCheckResponse.NOT_SERVING)
        self.assertEqual(self.healthz(node), 503)
        told = [event for event in node.events() if event["event"] == "control_unreachable"]
        self.assertEqual([event["address"] for event in told], [node.peer_address])
        listener.listen()
        self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVING)
        self.assertEqual(self.healthz(node), 200)

    def test_a_grpc_that_is_silent_is_told(self):
        home = tempfile.TemporaryDirectory(prefix="health.")
        self.addCleanup(home.cleanup)
        silent = pathlib.Path(home.name) / "silent"
        service = Service(
            prefix=(
                "env",
                f"LD_PRELOAD={harness.program('silent_grpc')}",
                f"SILENT_GRPC={silent}",
                # libasan wants to be the first library.
                "ASAN_OPTIONS=verify_asan_link_order=0",
            ),
            flags=("--log-format=json",),
        )
        self.addCleanup(service.close)

        def told(name):
            return [event for event in service.events() if event["event"] == name]

        self.assertEqual(self.healthz(service), 200)
        silent.touch()
        harness.wait_until(lambda: told("control_unreachable"), "it is told")
        self.assertEqual(self.healthz(service), 503)
        silent.unlink()
        harness.wait_until(lambda: told("control_reachable"), "it is over")
        self.assertEqual(self.healthz(service), 200)
        self.assertEqual(
            health_grpc.HealthStub(service.channel)
            .Check(health.HealthCheckRequest(), timeout=harness.DEADLINE_S)
            .status,
            health.HealthCheckResponse.SERVING,
        )

    def test_a_drain_is_told_at_the_peer_address_too(self):
        node = Node()
        self.addCleanup(node.close)
        node.write_file("content", bytes(24 << 20))
        session = node.create(
            limits=stubs.session.Limits(session_bytes_per_second=1 << 20),
            start=stubs.session.StartPolicy(immediate=True),
        )
        self.addCleanup(harness.connect(harness.port_of(session), b"\1").close)
        peer_channel = grpc.insecure_channel(node.peer_address)
        self.addCleanup(peer_channel.close)
        watches = [
            health_grpc.HealthStub(channel).Watch(
                health.HealthCheckRequest(), timeout=4 * harness.DEADLINE_S
            )
            for channel in (node.channel, peer_channel)
        ]
        for watch in watches:
            self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVING)
        node.process.send_signal(signal.SIGTERM)
        for watch in watches:
            self.assertEqual(next(watch).status, health.HealthCheckResponse.NOT_SERVING)

    def healthz(self, service):
        try:
            with urllib.request.urlopen(
                f"http://{service.http_address}/healthz", timeout=harness.DEADLINE_S
            ) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


class ReflectionTest(ServiceTest):
    def test_lists_the_services(self):
        answer = reflect(self.service.channel, list_services="*")
        names = [service.name for service in answer.list_services_response.service]
        for name in (
            "tcptool.v1.SessionService",
            "tcptool.v1.ReceptionService",
            "tcptool.v1.DistributionService",
            "tcptool.v1.NodeService",
            "tcptool.v1.FileService",
            "grpc.health.v1.Health",
        ):
            self.assertIn(name, names)

    def test_describes_the_api(self):
        answer = reflect(self.service.channel, file_containing_symbol="tcptool.v1.SessionService")
        files = answer.file_descriptor_response.file_descriptor_proto
        self.assertTrue(any(b"WatchSessions" in file for file in files))
