"""Bytes that no client would send, at the control port, the HTTP port, with the API on it too,
and the two ports for nodes of a running service that asks who calls: from strangers, in clear
text and over TLS, and from a caller that has shown its token. Whatever they are, the process lives, and
answers others.

A failure prints its seed; `FUZZ_SEED=N` runs that one again. `seeds/` has what has ended
the process before, or came near it, and what is at the limits of the parsers: a line of
hexadecimal for each, sent as it is. FUZZ_SECONDS says how long, 12 by default for each of
them.
"""

import hashlib
import os
import pathlib
import random
import socket
import ssl
import struct
import tempfile
import time
import unittest
import urllib.request

import grpc

import harness
import http2
from certificates import Authority
from harness import Service
from security import OWN_CONNECTION, call
from tcptool_process import free_port

SECONDS = float(os.environ.get("FUZZ_SECONDS", "12"))
SEEDS = pathlib.Path(__file__).resolve().parent / "seeds"

GET_NODE = b"/tcptool.v1.NodeService/GetNode"
FOLLOW = b"/tcptool.peer.v1.PeerService/Follow"
PATHS = (
    b"/tcptool.v1.SessionService/CreateSession",
    b"/tcptool.v1.SessionService/WatchSessions",
    b"/tcptool.v1.SessionService/UploadContent",
    b"/tcptool.v1.DistributionService/UploadDistribution",
    b"/tcptool.v1.ReceptionService/CreateReception",
    b"/tcptool.v1.ReceptionService/WatchReceptions",
    b"/tcptool.v1.DistributionService/CreateDistribution",
    b"/tcptool.v1.DistributionService/WatchDistributions",
    GET_NODE,
    FOLLOW,
    b"/tcptool.peer.v1.PeerService/ReportRates",
    b"/tcptool.peer.v1.PeerService/GetProgress",
    b"/grpc.health.v1.Health/Check",
    b"/grpc.health.v1.Health/Watch",
    b"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    b"", b"/", b"*", b"/x", b"\x00\xff",
)  # fmt: skip
# Those that gRPC gives a meaning of its own.
NAMES = (
    b":method", b":scheme", b":path", b":authority", b":status", b"host", b"te",
    b"content-type", b"user-agent", b"grpc-timeout", b"grpc-encoding", b"grpc-status",
    b"grpc-accept-encoding", b"grpc-message", b"grpc-previous-rpc-attempts",
    b"grpc-retry-pushback-ms", b"grpc-server-stats-bin", b"grpc-tags-bin",
    b"grpc-trace-bin", b"grpclb_client_stats", b"grpc-internal-encoding-request",
    b"lb-token", b"lb-cost-bin", b"x-endpoint-load-metrics-bin", b"authorization",
    b"x", b"x-bin", b"", b"\x00", b"X",
)  # fmt: skip
VALUES = (
    b"", b"x", b"POST", b"GET", b"PUT", b"http", b"https", b"trailers", b"1n", b"99999999H",
    b"-1S", b"gzip", b"deflate", b"identity", b"application/grpc", b"application/json",
    b"Bearer x", b"Bearer o", b"Bearer " + b"x" * 4000, b"0", b"17", b"-1", b"\x00", b"\xff" * 9, b"%zz",
)  # fmt: skip


def number(rng):
    return rng.choice((0, 1, 2, 0x7F, 0xFF, 0x3FFF, 0x4000, 0xFFFF, 0xFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF))


def header(rng):
    name = rng.choice(NAMES)
    value = rng.choice((*PATHS, *VALUES)) if rng.random() < 0.9 else rng.randbytes(rng.randrange(9000))
    kind = rng.randrange(8)
    if kind == 0:  # Of the static or the dynamic table, or beyond.
        return http2.integer(rng.choice((0, 1, 8, 61, 62, 70, 5000, 1 << 31)), 7, 0x80)
    if kind == 1:  # The dynamic table's size.
        return http2.integer(rng.choice((0, 1, 4096, 4097, 1 << 30)), 5, 0x20)
    if kind == 2:  # A length that is not there.
        return b"\x00" + http2.integer(number(rng), 7, rng.choice((0, 0x80))) + name
    if kind == 3:  # Zeros of an integer that goes on.
        return b"\x00\x7f" + b"\x80" * rng.randrange(1, 30)
    return http2.literal(name, value, rng.random() < 0.5)


def block(rng):
    headers = [http2.request_headers(rng.choice(PATHS))] if rng.random() < 0.7 else []
    headers += [header(rng) for _ in range(rng.randrange(6))]
    if rng.random() < 0.2:
        rng.shuffle(headers)
    return b"".join(headers)


def frame(rng):
    stream = rng.choice((0, 1, 3, 3, 5, 7, 9, 2, 0x7FFFFFFF))
    kind = rng.randrange(12)
    if kind < 4:
        return http2.header_frames(stream, block(rng), rng.choice((0, 1)), rng.choice((1, 100, 16384)))
    if kind == 4:
        body = http2.message(rng.randbytes(rng.randrange(100)))
        return http2.frame(http2.DATA, rng.choice((0, 1, 9)), stream, body[: rng.randrange(len(body) + 1)])
    if kind == 5:
        size = struct.pack(">BI", rng.choice((0, 1, 2)), number(rng))
        return http2.frame(http2.DATA, 0, stream, size)
    if kind == 6:
        pairs = (struct.pack(">HI", rng.randrange(10), number(rng)) for _ in range(rng.randrange(5)))
        return http2.frame(http2.SETTINGS, rng.choice((0, 0, 1)), rng.choice((0, stream)), b"".join(pairs))
    if kind == 7:
        return http2.frame(http2.WINDOW_UPDATE, 0, stream, struct.pack(">I", number(rng)))
    if kind == 8:
        return http2.frame(http2.PING, rng.choice((0, 1)), rng.choice((0, stream)), bytes(8))
    if kind == 9:
        return http2.frame(http2.RST_STREAM, 0, stream, struct.pack(">I", number(rng)))
    payload = rng.randbytes(rng.choice((0, 1, 4, 8, 9, 300)))
    made = http2.frame(rng.randrange(256), rng.randrange(256), stream, payload)
    return made[: rng.randrange(len(made) + 1)] if rng.random() < 0.2 else made


def http2_bytes(rng):
    frames = [frame(rng) for _ in range(rng.randrange(1, 12))]
    data = b"".join(frames)
    if rng.random() < 0.95:
        data = http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0) + data
    if rng.random() < 0.2 and data:
        data = bytearray(data)
        for _ in range(rng.randrange(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def http_bytes(rng):
    method = rng.choice((b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"PRI", b"", b"\x00", b"G" * 20000))
    path = rng.choice(
        (
            b"/", b"/metrics", b"/healthz", b"/readyz", b"/sessions/x", b"/sessions/%00",
            b"/%", b"/%zz", b"/../../etc/passwd", b"//x", b"/?state=%", b"/?page_token=" + b"a" * 3000,
            b"*", b"http://x/", b"/" + b"a" * 17000, b"/\xff", b"/?a=1&a=2&&=", b"/style.css",
        )
    )  # fmt: skip
    version = rng.choice((b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b"", b"x"))
    lines = [b" ".join((method, path, version))]
    for _ in range(rng.randrange(6)):
        name = rng.choice(
            (
                b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade",
                b"Range", b"Expect", b"Authorization", b"If-Modified-Since", b"Accept-Encoding",
                b"Sec-WebSocket-Key", b"X" * 9000, b"",
            )
        )  # fmt: skip
        value = rng.choice(
            (
                b"", b"x", b"127.0.0.1", b"-1", b"99999999999999999999", b"chunked", b"close",
                b"websocket", b"bytes=0-", b"bytes=9-1", b"100-continue", b"Basic Og==",
                b"\x00", b"\xff" * 50, b"a" * 9000,
            )
        )  # fmt: skip
        lines.append(name + rng.choice((b": ", b":", b" ", b"")) + value)
    data = rng.choice((b"\r\n", b"\r\n", b"\n")).join(lines) + rng.choice((b"\r\n\r\n", b"\n\n", b"\r\n", b""))
    return data + rng.randbytes(rng.choice((0, 0, 5, 300)))


# Of methods that end by themselves, and of those whose answer is a stream.
JSON_BODIES = (
    b"", b"{}", b"[]", b"{", b"null", b'""', b"{" * 5000, b'{"name":"sessions/x"}', b'{"x":1}',
    b'{"name":"\\u0000\\ud800"}', b'{"pageSize":1e308}', b'{"states":["X",-1,99]}',
    b'{"updateMask":"' + b"a(b,c)" * 30 + b'"}', b'{"session":{"spec":{"retention":"x"}}}',
    b'{"names":["sessions/x"],"resumeRevision":"9223372036854775808"}',
)  # fmt: skip


def chunks(rng, body):
    """The body in chunks, of which some say that they have another size."""
    made = []
    while body:
        size = rng.randrange(1, len(body) + 1)
        said = size if rng.random() < 0.9 else number(rng)
        made.append(b"%x\r\n" % said + body[:size] + b"\r\n")
        body = body[size:]
    return b"".join(made) + rng.choice((b"0\r\n\r\n", b"0\r\nT: x\r\n\r\n", b"0\r\n", b""))


def call_bytes(rng):
    """Calls of the API over HTTP, with a token or without, one behind the other."""
    calls = []
    for _ in range(rng.randrange(1, 4)):
        body = rng.choice(JSON_BODIES) if rng.random() < 0.8 else rng.randbytes(rng.randrange(300))
        for _ in range(rng.choice((0, 0, 1, 1, 2))):  # An envelope, as of a stream.
            size = len(body) if rng.random() < 0.8 else number(rng)
            body = struct.pack(">BI", rng.choice((0, 0, 1, 2, 255)), size) + body
        kind = rng.choice((b"json", b"proto", b"connect+json", b"connect+proto", b"grpc", b"x"))
        lines = [
            rng.choice((b"POST ", b"POST ", b"POST ", b"HEAD "))
            + (rng.choice(PATHS) or b"/")
            + rng.choice((b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.0")),
            b"Host: 127.0.0.1",
            b"Content-Type: application/" + kind,
            # A watch ends soon, so that it does not keep others out.
            b"Connect-Timeout-Ms: " + rng.choice((b"1", b"100", b"100", b"0", b"-1", b"9" * 30)),
        ]
        if rng.random() < 0.8:
            lines.append(b"Authorization: Bearer " + rng.choice((b"o", b"o", b"x")))
        lines += rng.sample(
            (
                b"Connect-Protocol-Version: 1", b"Connect-Protocol-Version: 2",
                b"Content-Encoding: gzip", b"Connect-Content-Encoding: gzip", b"Expect: 100-continue",
                b"Origin: https://x", b"Connection: close", b"X-Bin: %", b"grpc-timeout: 1n",
            ),
            rng.randrange(3),
        )  # fmt: skip
        if rng.random() < 0.3:
            lines.append(b"Transfer-Encoding: chunked")
            body = chunks(rng, body)
        else:
            size = len(body) if rng.random() < 0.8 else number(rng)
            lines.append(b"Content-Length: %d" % size)
        calls.append(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    return b"".join(calls)


def ticket_bytes(rng):
    """As a node sends one that it was given: 32 bytes, and the start byte."""
    size = rng.choice((0, 1, 31, 32, 33, rng.randrange(1000), 100_000))
    return rng.choice((bytes(size), rng.randbytes(size), http2_bytes(rng), http_bytes(rng)))


def tls_bytes(rng):
    """Records, of which some say that they have more, or something else, than they do."""
    records = []
    for _ in range(rng.randrange(1, 6)):
        content = rng.randbytes(rng.choice((0, 1, 4, 40, 600, 20_000)))
        if rng.random() < 0.6:  # A message of the handshake: its kind and length.
            length = rng.choice((len(content), number(rng))) & 0xFFFFFF
            content = bytes([rng.choice((0, 1, 2, 11, 16, 20, 24))]) + struct.pack(">I", length)[1:] + content
        kind = rng.choice((20, 21, 22, 22, 22, 23, 24, 255))
        length = rng.choice((len(content), len(content), number(rng))) & 0xFFFF
        records.append(struct.pack(">BHH", kind, rng.choice((0x0301, 0x0303, 0, 0xFFFF)), length) + content)
    return b"".join(records)


class FuzzTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="fuzz.")
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.credentials = None  # Of clients, where there is TLS.
        self.peer_data_port = free_port()

    def serve(self, *flags):
        tokens = self.home / "tokens"
        tokens.write_text(f"otto operator {hashlib.sha256(b'o').hexdigest()}\n", encoding="utf-8")
        tokens.chmod(0o600)
        self.service = Service(
            flags=(
                f"--token-file={tokens}",
                f"--peer-address=127.0.0.1:{free_port()}",
                f"--peer-data-port={self.peer_data_port}",
                "--status-page",
                "--log-level=error",
                *flags,
            )
        )
        self.addCleanup(self.service.close)
        return self.service

    def connect(self, address):
        host, _, port = address.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=harness.DEADLINE_S)

    def send(self, peer, data, rng):
        with peer:
            try:
                middle = rng.randrange(len(data) + 1)
                peer.sendall(data[:middle])
                peer.sendall(data[middle:])
                if rng.random() < 0.5:
                    peer.shutdown(socket.SHUT_WR)
                    peer.settimeout(0.02)
                    peer.recv(1 << 16)
            except OSError:
                pass  # It may be thrown out at any time.

    def call(self, address, path):
        """With the token; the code and the words."""
        if self.credentials is None:
            channel = grpc.insecure_channel(address, OWN_CONNECTION)
        else:
            channel = grpc.secure_channel(address, self.credentials, OWN_CONNECTION)
        with channel:
            return call(channel, path.decode(), "o")[:2]

    def assert_lives(self, what):
        self.assertIsNone(self.service.process.poll(), f"{what}\n{self.service.log()[-3000:]}")
        code, words = self.call(self.service.control_address, GET_NODE)
        self.assertEqual(code, grpc.StatusCode.OK, f"{what}: {words}")
        code, words = self.call(self.service.peer_address, FOLLOW)
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT, f"{what}: {words}")
        with urllib.request.urlopen(
            f"http://{self.service.http_address}/healthz", timeout=harness.DEADLINE_S
        ) as answer:
            self.assertEqual(answer.status, 200, what)

    def fuzz(self, name, make, connect, begun=b""):
        """`make`: bytes to send; `connect`: a new connection to send them on, on which
        `begun`, that others begin with, has been sent."""
        files = sorted(SEEDS.glob(f"{name}_*.hex"))
        self.assertTrue(files, f"{SEEDS} has nothing for {name}")
        for file in files:
            data = bytes.fromhex(file.read_text(encoding="ascii"))
            self.assertTrue(data, file)
            self.send(connect(), data.removeprefix(begun), random.Random(0))
            self.assert_lives(file)
        first = int(os.environ.get("FUZZ_SEED", random.randrange(1 << 32)))
        end = time.monotonic() + SECONDS
        seed = first
        while time.monotonic() < end:
            rng = random.Random(seed)
            self.send(connect(), make(rng).removeprefix(begun), rng)
            if self.service.process.poll() is not None or (seed - first) % 100 == 99:
                self.assert_lives(f"FUZZ_SEED={first}, and on to {seed}")
            seed += 1
            if "FUZZ_SEED" in os.environ:
                break
        self.assert_lives(f"FUZZ_SEED={first}, and on to {seed - 1}")
        print(f"{name}: {len(files)} seeds, {seed - first} connections from FUZZ_SEED={first}")

    def test_http2(self):
        service = self.serve()
        self.fuzz("http2", http2_bytes, lambda: self.connect(service.control_address))

    def test_http2_at_the_nodes_port(self):
        service = self.serve()
        self.fuzz("http2", http2_bytes, lambda: self.connect(service.peer_address))

    def test_http2_over_tls(self):
        authority = Authority(self.home / "authority")
        certificate, key = authority.issue("localhost")
        service = self.serve(f"--tls-cert={certificate}", f"--tls-key={key}")
        self.credentials = grpc.ssl_channel_credentials(authority.path.read_bytes())
        context = ssl.create_default_context(cafile=authority.path)
        context.set_alpn_protocols(["h2"])
        self.fuzz(
            "http2",
            http2_bytes,
            lambda: context.wrap_socket(
                self.connect(service.control_address), server_hostname="127.0.0.1"
            ),
        )

    def test_tls(self):
        authority = Authority(self.home / "authority")
        certificate, key = authority.issue("localhost")
        service = self.serve(f"--tls-cert={certificate}", f"--tls-key={key}")
        self.credentials = grpc.ssl_channel_credentials(authority.path.read_bytes())
        self.fuzz("tls", tls_bytes, lambda: self.connect(service.control_address))

    def test_http2_of_a_caller_with_a_token(self):
        service = self.serve()

        def connect():
            """Nobody stands before gRPC any more once it has answered."""
            connection = http2.Connection(service.control_address)
            connection.call(1, GET_NODE, b"", (b"authorization", b"Bearer o"))
            while connection.read_frame()[:3:2] != (http2.DATA, 1):
                pass
            return connection.socket

        self.fuzz("http2", http2_bytes, connect, http2.PREFACE)

    def test_tickets(self):
        self.serve()
        self.fuzz(
            "ticket", ticket_bytes, lambda: self.connect(f"127.0.0.1:{self.peer_data_port}")
        )

    def test_calls_over_http(self):
        service = self.serve("--http-api")
        self.fuzz("call", call_bytes, lambda: self.connect(service.http_address))

    def test_http(self):
        service = self.serve()
        self.fuzz("http1", http_bytes, lambda: self.connect(service.http_address))
