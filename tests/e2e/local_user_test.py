"""What a local user without credentials can make the service hold, who takes all that strangers
may have, on all ports at once: on loopback, where he has as many addresses as he likes."""

import pathlib
import resource
import ssl

import grpc

import harness
import http2
from certificates import Authority
from crowds import PREFACE, CrowdCase
from security import NODE, call

# With so many, all but the data ports have the most that they ever have.
DESCRIPTORS = 16_384
RESERVE = 4096
OF_A_SESSION = 10_000
# Of the control port, and of the peer address: a quarter of the reserve each, three a connection.
CALLERS = 340
OF_HTTP = 256
# The beginning of a block of headers: the most that is held of one.
HEADERS = http2.frame(http2.HEADERS, 0, 1, bytes(16_384)) + http2.frame(
    http2.CONTINUATION, 0, 1, bytes(15_900)
)
# Two, as large as gRPC takes them, which keeps what they say.
GOAWAYS = 2 * http2.frame(http2.GOAWAY, 0, 0, bytes(16_384))
REQUEST = b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 15_900
# docs/architecture.md, "Bounds": 4 KiB for each at the data ports, 153 KiB at the control port
# and the peer address, 16 KiB of HTTP.
BOUND = (DESCRIPTORS - RESERVE) * 4096 + 2 * CALLERS * (153 << 10) + OF_HTTP * (16 << 10)
# The same: with TLS, 173 KiB for each at the control port and the peer address.
TLS_BOUND = 2 * CALLERS * (173 << 10)


def kernel_memory():
    """Of all TCP of this host, in bytes."""
    words = pathlib.Path("/proc/net/sockstat").read_text().split("TCP: ")[1].split()
    return int(words[words.index("mem") + 1]) * resource.getpagesize()


class LocalUserTest(CrowdCase):
    def setUp(self):
        super().setUp()
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = before[1]
        if most < DESCRIPTORS:
            self.skipTest(f"wants {DESCRIPTORS} descriptors (ulimit -Hn)")
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def test_all_ports_at_once(self):
        service, channel = self.serve_with_few_descriptors(DESCRIPTORS)
        ports = [harness.port_of(self.create(channel)) for _ in range(2)]
        memory, kernel = service.peak_memory(), kernel_memory()
        self.crowd(ports[0], OF_A_SESSION - 1, b"\0")
        # So that no queue of the kernel's overflows into the next crowd.
        harness.wait_until(
            lambda: service.descriptors() >= OF_A_SESSION, "the first session has its crowd"
        )
        self.fill(ports[1], DESCRIPTORS - RESERVE - OF_A_SESSION + 100, b"\0")
        for port in (harness.port_of_address(service.control_address), self.peer_port):
            self.fill(port, CALLERS + 20, PREFACE + GOAWAYS + HEADERS)
        self.crowd(self.peer_data_port, 75, b"x" * 31)
        self.fill(harness.port_of_address(service.http_address), OF_HTTP + 20, REQUEST)
        descriptors = service.descriptors()
        self.assert_answers(service)
        memory = service.peak_memory() - memory
        print(
            f"{descriptors} descriptors, {memory >> 20} MiB of memory, "
            f"{(kernel_memory() - kernel) >> 20} MiB of the kernel's"
        )
        self.assertLess(descriptors, DESCRIPTORS)
        self.assertLess(memory, BOUND)
        self.assertEqual(self.events(service, "control_starved"), [])

    def test_the_control_port_and_the_peer_address_over_tls(self):
        authority = Authority(self.home / "authority")
        certificate, key = authority.issue("localhost")
        service = self.serve_all_ports(
            DESCRIPTORS, f"--tls-cert={certificate}", f"--tls-key={key}"
        )
        context = ssl.create_default_context(cafile=authority.path)
        context.set_alpn_protocols(["h2"])

        def wrap(plain):
            return context.wrap_socket(plain, server_hostname="127.0.0.1")

        memory = service.peak_memory()
        for port in (harness.port_of_address(service.control_address), self.peer_port):
            self.fill(port, CALLERS + 20, PREFACE + GOAWAYS + HEADERS, wrap)
        code, words, _ = call(self.channel(service, authority), f"/{NODE}/GetNode", "o")
        self.assertEqual(code, grpc.StatusCode.OK, words)
        memory = service.peak_memory() - memory
        print(f"{service.descriptors()} descriptors, {memory >> 20} MiB of memory")
        self.assertLess(memory, TLS_BOUND)
