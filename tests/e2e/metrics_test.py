"""The HTTP address: metrics by Prometheus' conventions, health, readiness, bad peers."""

import re
import socket
import subprocess
import threading
import urllib.error
import urllib.request

import grpc
import harness
import recipients
from harness import ServiceTest, port_of, stubs, wait_until
from scraping import samples

KIB = 1024


class HttpTest(ServiceTest):
    def url(self, path):
        return f"http://{self.service.http_address}{path}"

    def get(self, path, method="GET"):
        """Status, headers and text."""
        request = urllib.request.Request(self.url(path), method=method)
        try:
            with urllib.request.urlopen(request, timeout=harness.DEADLINE_S) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def metrics(self):
        return samples(self.get("/metrics")[2])

    def connect(self):
        host, _, port = self.service.http_address.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=harness.DEADLINE_S)


class MetricsTest(HttpTest):
    def transfer(self):
        """One recipient gets everything, one never says its byte."""
        self.service.write_file("content", b"x" * 300 * KIB)
        session = self.service.create(
            # The other one has it too.
            limits=stubs.session.Limits(handshake_timeout={"seconds": 10}),
        )
        silent = socket.create_connection(("127.0.0.1", port_of(session)))
        self.addCleanup(silent.close)
        wait_until(
            lambda: self.service.get(session.name).counts.failed == 1,
            "the silent recipient has FAILED",
        )
        kind = recipients.KINDS[0]
        recipient = recipients.Recipient(kind, port_of(session), recipients.START)
        self.addCleanup(recipient.close)
        self.assertEqual(recipient.wait()[0], 0)
        self.service.wait_final(session.name)
        return session

    def test_promtool_finds_nothing_to_mend(self):
        self.transfer()
        status, headers, text = self.get("/metrics")
        self.assertEqual(status, 200)
        self.assertTrue(headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        lint = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            timeout=harness.DEADLINE_S,
            check=False,
        )
        self.assertEqual((lint.returncode, lint.stdout, lint.stderr), (0, "", ""))

    def test_say_what_a_transfer_was(self):
        self.transfer()
        with self.assertRaises(grpc.RpcError):
            self.service.get("sessions/none")
        wait_until(
            lambda: 'grpc_server_handled_total{grpc_code="NOT_FOUND",grpc_method="GetSession",'
            'grpc_service="tcptool.v1.SessionService"}' in self.metrics(),
            "the call that failed is counted",
        )
        got = self.metrics()
        for name, value in {
            "tcptool_ready": 1,
            "tcptool_sessions_created_total": 1,
            'tcptool_sessions{state="SUCCEEDED"}': 1,
            'tcptool_sessions{state="WAITING"}': 0,
            'tcptool_sessions_ended_total{state="SUCCEEDED"}': 1,
            'tcptool_recipients{state="DELIVERED"}': 1,
            'tcptool_recipients{state="FAILED"}': 1,
            'tcptool_recipients_ended_total{state="DELIVERED"}': 1,
            'tcptool_recipient_failures_total{reason="HANDSHAKE_TIMEOUT"}': 1,
            'tcptool_recipient_failures_total{reason="STALLED"}': 0,
            "tcptool_sent_bytes_total": 300 * KIB,
            "tcptool_acked_bytes_total": 300 * KIB,
            "tcptool_handshake_duration_seconds_count": 1,
            "tcptool_delivery_duration_seconds_count": 1,
            "tcptool_stream_window_used_bytes": 0,
            "tcptool_stream_window_size_bytes": 0,
            'grpc_server_handled_total{grpc_code="OK",grpc_method="CreateSession",'
            'grpc_service="tcptool.v1.SessionService"}': 1,
            'grpc_server_handling_seconds_count{grpc_method="CreateSession",'
            'grpc_service="tcptool.v1.SessionService"}': 1,
        }.items():
            with self.subTest(name):
                self.assertEqual(got.get(name), value)
        for name in ("process_max_fds", "process_resident_memory_bytes"):
            with self.subTest(name):
                self.assertGreater(got[name], 0)
        # The look has a connection of its own; others may be on their way out.
        self.assertAlmostEqual(got["process_open_fds"], self.service.descriptors(), delta=5)
        self.assertTrue(any(name.startswith("tcptool_build_info{") for name in got))
        self.assertIn('tcptool_lane_cpu_seconds_total{lane="0"}', got)
        wait_until(
            lambda: self.metrics()['tcptool_lane_lag_seconds_count{lane="0"}'] > 0,
            "the lane has looked at its lag",
        )

    def test_have_no_label_that_others_choose(self):
        session = self.transfer()
        text = self.get("/metrics")[2]
        labels = set(re.findall(r'(\w+)="', text))
        self.assertEqual(
            labels
            - {"state", "reason", "lane", "le", "version", "compiler", "operation"}
            - {"grpc_service", "grpc_method", "grpc_code"},
            set(),
        )
        self.assertNotIn("127.0.0.1", text)
        self.assertNotIn(session.name.removeprefix("sessions/"), text)

    def test_callers_cannot_make_series(self):
        """Calls are counted before anybody is asked who they are, unknown methods too."""
        probe = 'grpc_method="Check",grpc_service="grpc.health.v1.Health"'
        wait_until(
            lambda: {
                f'grpc_server_handled_total{{grpc_code="OK",{probe}}}',
                f"grpc_server_handling_seconds_count{{{probe}}}",
            }
            <= self.metrics().keys(),
            "the service has probed its control port",
        )
        before = set(self.metrics())
        names = [f"/tcptool.v1.SessionService/none{i}" for i in range(50)]
        names += [f"/grpc.health.v1.Health/none{i}" for i in range(50)]
        names += ["/none", "/a/b/c", '/a"b\\c/d']
        for name in names:
            with self.assertRaises(grpc.RpcError) as caught:
                self.service.channel.unary_unary(name)(b"", timeout=harness.DEADLINE_S)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        unknown = 'grpc_method="unknown",grpc_service="unknown"'
        wait_until(
            lambda: self.metrics()[
                f'grpc_server_handled_total{{grpc_code="UNIMPLEMENTED",{unknown}}}'
            ] == len(names),
            "all are counted",
        )
        new = set(self.metrics()) - before
        self.assertEqual({name for name in new if unknown not in name}, set())

    def test_histograms_are_cumulative(self):
        self.transfer()
        got = self.metrics()
        buckets = [
            value
            for name, value in got.items()
            if name.startswith("tcptool_delivery_duration_seconds_bucket")
        ]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(buckets[-1], got["tcptool_delivery_duration_seconds_count"])


class HealthTest(HttpTest):
    def test_is_healthy_and_ready(self):
        self.assertEqual(self.get("/healthz")[::2], (200, "ok\n"))
        self.assertEqual(self.get("/readyz")[::2], (200, "ready\n"))

    def test_says_what_there_is_elsewhere(self):
        status, _, text = self.get("/nothing")
        self.assertEqual(status, 404)
        self.assertIn("/metrics", text)

    def test_status_page_is_off_unless_asked_for(self):
        for path in ("/", "/sessions/a", "/receptions", "/receptions/a", "/status.js"):
            status, _, text = self.get(path)
            self.assertEqual(status, 404)
            self.assertIn("--status-page", text)

    def test_takes_no_other_method(self):
        status, headers, _ = self.get("/metrics", method="POST")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))

    def test_head_has_no_body(self):
        status, headers, text = self.get("/healthz", method="HEAD")
        self.assertEqual((status, headers["Content-Length"], text), (200, "3", ""))


class HostTest(HttpTest):
    """What another site's page could read by pointing its own name here."""

    service_flags = ("--status-page", "--http-host=images.example", "--http-host=b.example")

    def status(self, path, host):
        with self.connect() as peer:
            header = "" if host is None else f"Host: {host}\r\n"
            version = "HTTP/1.0" if host is None else "HTTP/1.1"
            peer.sendall(f"GET {path} {version}\r\n{header}\r\n".encode())
            answer = b""
            while data := peer.recv(65536):
                answer += data
            return int(answer.split()[1])

    def test_a_name_that_is_not_the_nodes_sees_nothing(self):
        for path in ("/", "/metrics", "/sessions/a", "/status.js"):
            for host in ("evil.example", "[::1].evil.example", "localhost:80@evil.example"):
                with self.subTest(path=path, host=host):
                    self.assertEqual(self.status(path, host), 421)
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.status(path, "evil.example"), 200)

    def test_the_nodes_names_and_addresses_see_it(self):
        node = socket.gethostname()
        for host in (None, self.service.http_address, "localhost:1", "[::1]", node,
                     "images.example", "B.example:80"):
            with self.subTest(host):
                self.assertEqual(self.status("/metrics", host), 200)


class BadPeersTest(HttpTest):
    def read_to_end(self, peer):
        """What it says until it ends the connection."""
        said = b""
        try:
            while data := peer.recv(4096):
                said += data
        except ConnectionResetError:
            pass
        return said

    def test_silent_and_trickling_peers_are_cut_off(self):
        """One byte now and then is no sign of life: the whole request has a deadline."""
        silent = self.connect()
        trickling = self.connect()
        stop = threading.Event()

        def trickle():
            try:
                trickling.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
                while not stop.wait(0.2):
                    trickling.sendall(b"x")
            except OSError:
                pass

        sender = threading.Thread(target=trickle)
        sender.start()
        self.addCleanup(sender.join)
        self.addCleanup(stop.set)
        for peer in (silent, trickling):
            with peer:
                self.assertNotIn(b"200 OK", self.read_to_end(peer))

    def test_peers_that_fill_every_place_keep_nobody_out(self):
        """More than there are places, some half-way through a request."""
        peers = []
        for i in range(400):
            peers.append(self.connect())
            self.addCleanup(peers[-1].close)
            if i % 2:
                peers[-1].sendall(b"GET / HTTP/1.1\r\nX: ")
            if i % 20 == 19:
                self.assertEqual(self.get("/healthz")[0], 200)
        # The oldest have made room; the others' time may be over, too.
        with self.assertRaises(ConnectionResetError):
            peers[0].recv(1)
        self.assertLess(self.service.descriptors(), 400)

    def test_a_request_has_a_size(self):
        with self.connect() as peer:
            try:
                peer.sendall(b"GET /healthz HTTP/1.1\r\n")
                for i in range(1000):
                    peer.sendall(b"X-%d: " % i + b"y" * 1000 + b"\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertNotIn(b"200 OK", self.read_to_end(peer))
        self.assertEqual(self.get("/healthz")[0], 200)

    def test_a_body_that_never_comes_holds_up_nothing(self):
        with self.connect() as peer:
            peer.sendall(b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            self.assertIn(b"405", self.read_to_end(peer))

    def test_rubbish_is_no_request(self):
        for text in (b"\0\1\2\r\n\r\n", b"GET\r\n\r\n", b"GET /%zz HTTP/9.9\r\n\r\n", b"\r\n" * 500):
            with self.connect() as peer:
                peer.sendall(text)
                peer.shutdown(socket.SHUT_WR)
                self.assertNotIn(b"200 OK", self.read_to_end(peer))
        self.assertEqual(self.get("/healthz")[0], 200)
