"""What strangers can make the control port and the peer address hold, in sum: many calls in
few bytes."""

import ssl
import threading

import grpc

import harness
import http2
from certificates import Authority
from harness import stubs
from security import HEALTH, NODE, OWN_CONNECTION, SecurityTest, bearer, call

CALLS = 20_000  # Of a connection; in 300 KB.
CONNECTIONS = 2
# Above what the service has without them; without a bound it is 400 MiB a connection.
BOUND = 64 << 20
GET_NODE = f"/{NODE}/GetNode"
FOLLOW = "/tcptool.peer.v1.PeerService/Follow"
LAST_PING = b"lastping"


def blast(path, *after):
    """Calls that take some bytes each, as their headers are in HPACK's dynamic table.

    `after` are frames (kind, flags, payload) that follow each call on its stream. The
    settings of the server's are not acknowledged: what it says of the number of calls
    does not bind the client then."""
    names = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", b"x"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    )
    first = b"".join(http2.literal(*header, indexed=True) for header in names)
    again = bytes(range(0x80 | 62 + len(names) - 1, 0x80 | 61, -1))
    frames = []
    for stream in range(1, 2 * CALLS, 2):
        frames.append(http2.header_frames(stream, first if stream == 1 else again))
        frames += [http2.frame(kind, flags, stream, payload) for kind, flags, payload in after]
    return b"".join(frames)


def send(connection, data):
    """Until all is sent, or the service has had enough of it."""
    try:
        connection.send(data + http2.frame(http2.PING, 0, 0, LAST_PING))
    except OSError:
        pass


def read(connection):
    """Until everything is answered, or the connection ends."""
    tail = b""
    try:
        while LAST_PING not in tail and (part := connection.socket.recv(1 << 16)):
            tail = tail[-len(LAST_PING) :] + part
    except OSError:
        pass


class StrangerMemoryTest(SecurityTest):
    def setUp(self):
        super().setUp()
        self.tokens = self.write_tokens(otto=("operator", "o"))

    def new_channel(self, service):
        channel = grpc.insecure_channel(service.control_address, options=OWN_CONNECTION)
        self.addCleanup(channel.close)
        return channel

    def assert_serves(self, channel):
        code, words, _ = call(channel, GET_NODE, "o")
        self.assertEqual(code, grpc.StatusCode.OK, words)

    def assert_bounded(
        self, service, new_channel, data, reads, count=CONNECTIONS, address=None, **options
    ):
        """`address`: where the strangers are; the control port by default."""
        before_them = new_channel(service)
        self.assert_serves(before_them)
        before = service.peak_memory()
        connections = [
            http2.Connection(address or service.control_address, **options) for _ in range(count)
        ]
        threads = []
        for connection in connections:
            connection.socket.settimeout(None)
            connection.allow(0, 1 << 30)
            threads.append(threading.Thread(target=send, args=(connection, data)))
            if reads:
                threads.append(threading.Thread(target=read, args=(connection,)))
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.assert_serves(before_them)
            with new_channel(service) as another:
                self.assert_serves(another)
            threads[-1].join(0.2)
        for connection in connections:
            connection.close()
        self.assert_serves(before_them)
        if not harness.is_sanitized():
            self.assertLess(service.peak_memory() - before, BOUND)

    def assert_bounded_in_clear_text(self, data, reads=True, **options):
        service = self.serve(f"--token-file={self.tokens}")
        self.assert_bounded(service, self.new_channel, data, reads, **options)

    def test_pings(self):
        self.assert_bounded_in_clear_text(500_000 * http2.frame(http2.PING, 0, 0, b"12345678"))

    def test_settings(self):
        self.assert_bounded_in_clear_text(500_000 * http2.frame(http2.SETTINGS, 0, 0))

    def test_goaways(self):
        # gRPC keeps the text of each.
        goaway = http2.frame(http2.GOAWAY, 0, 0, bytes(8) + b"x" * 1000)
        self.assert_bounded_in_clear_text(100_000 * goaway, reads=False, count=50)

    def test_calls_that_are_refused(self):
        self.assert_bounded_in_clear_text(blast(GET_NODE))

    def test_calls_whose_answers_are_not_read(self):
        self.assert_bounded_in_clear_text(blast(GET_NODE), reads=False)

    def test_calls_that_are_cancelled_at_once(self):
        self.assert_bounded_in_clear_text(blast(GET_NODE, (http2.RST_STREAM, 0, bytes(4))))

    def test_health_checks(self):
        request = (http2.DATA, http2.END_STREAM, http2.message(b""))
        self.assert_bounded_in_clear_text(blast(HEALTH, request))

    def test_calls_at_the_peer_address(self):
        request = (http2.DATA, http2.END_STREAM, http2.message(b""))
        for data, reads in ((blast(FOLLOW), False), (blast(HEALTH, request), True)):
            service = self.serve(f"--token-file={self.tokens}", "--peer-address=127.0.0.1:0")
            address = service.peer_address
            self.assert_bounded(service, self.new_channel, data, reads, address=address)
            # Nodes are served there too.
            with grpc.insecure_channel(address, options=OWN_CONNECTION) as channel:
                self.assertEqual(
                    call(channel, FOLLOW, "o")[0], grpc.StatusCode.INVALID_ARGUMENT
                )

    def serve_tls(self):
        authority = Authority(self.home / "authority")
        certificate, key = authority.issue("localhost")
        service = self.serve(
            f"--token-file={self.tokens}", f"--tls-cert={certificate}", f"--tls-key={key}"
        )
        return service, lambda to: self.channel(to, authority)

    def test_calls_over_tls(self):
        service, new_channel = self.serve_tls()
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        self.assert_bounded(
            service, new_channel, blast(GET_NODE), reads=False, wrap=context.wrap_socket
        )

    def test_an_upload_is_the_first_call_of_a_connection(self):
        for service, new_channel in (
            (self.serve(f"--token-file={self.tokens}"), self.new_channel),
            self.serve_tls(),
        ):
            requests = stubs.session_service
            creator = stubs.session_service_grpc.SessionServiceStub(new_channel(service))
            session = creator.CreateSession(
                requests.CreateSessionRequest(
                    session=stubs.session.Session(
                        spec=stubs.session.SessionSpec(upload=stubs.session.UploadSource())
                    )
                ),
                metadata=bearer("o"),
            )
            content = [bytes([i]) * (1 << 20) for i in range(32)]
            messages = [
                requests.UploadContentRequest(name=session.name, offset=i << 20, data=part)
                for i, part in enumerate(content)
            ]
            messages[-1].complete = True
            uploader = stubs.session_service_grpc.SessionServiceStub(new_channel(service))
            upload = uploader.UploadContent.future(iter(messages), metadata=bearer("o"))
            with harness.connect(harness.port_of(session), b"\1") as recipient:
                self.assertEqual(harness.read_all(recipient), b"".join(content))
            upload.result(timeout=harness.DEADLINE_S)
