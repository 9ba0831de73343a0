"""What clients see of the control port where tokens or TLS stand in front of gRPC."""

import os
import pathlib
import select
import signal
import socket
import ssl
import threading
import time

import grpc

import harness
import http2
from certificates import Authority
from harness import stubs
from security import NODE, OWN_CONNECTION, SecurityTest, bearer, call

GET_NODE = f"/{NODE}/GetNode"
REFLECTION = b"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
CANCEL = b"/tcptool.v1.SessionService/CancelSession"
UPLOAD = b"/tcptool.v1.SessionService/UploadContent"

# Of the control port, where there may be 256: half of the reserve of 64; and what has just
# come, the service's own connection to itself, and the two ends of the call behind that.
MOST_DESCRIPTORS = 32 + 4 + 2

# What a client's own kernel holds.
OWN = 64 << 10

# For a client that reads nothing to be ended: after 30 s, from when there is no room for more.
# Each answer takes several turns of gRPC's threads until there is none.
ENDED_S = 30 + 2 * harness.DEADLINE_S


def links(service):
    """What the service's descriptors are, as /proc says."""
    links = set()
    for descriptor in pathlib.Path(f"/proc/{service.process.pid}/fd").iterdir():
        try:
            links.add(os.readlink(descriptor))
        except FileNotFoundError:  # It was closed meanwhile.
            pass
    return links


def link_of(connection):
    """That of the service's end of it."""
    ours, services = connection.socket.getsockname()[1], connection.socket.getpeername()[1]
    for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{services:04X}") and fields[2].endswith(f":{ours:04X}"):
            return f"socket:[{fields[9]}]"
    raise AssertionError("the kernel does not know the connection")


def ask_much(connection):
    """An operator's questions, with answers for which there is no room on the way."""
    # ServerReflectionRequest{file_containing_symbol}; the answers are of many KiB, and the
    # questions, in all, no more than HTTP/2 lets a client send by itself.
    symbol = b"tcptool.v1.SessionService"
    question = http2.message(b"\x22" + bytes([len(symbol)]) + symbol)
    connection.allow(0, 1 << 30)
    connection.send(
        http2.header_frames(1, http2.request_headers(REFLECTION, (b"authorization", b"Bearer o")))
    )
    connection.allow(1, 1 << 30)
    connection.send(http2.frame(http2.DATA, 0, 1, question) * 1500)


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


class Way:
    """A service, and how its clients reach it."""

    def __init__(self, name, service, channel, wrap=lambda plain: plain):
        self.name = name
        self.service = service
        self.wrap = wrap
        self.sessions = stubs.session_service_grpc.SessionServiceStub(channel)
        self.node = stubs.node_service_grpc.NodeServiceStub(channel)

    def create_upload(self):
        spec = stubs.session.SessionSpec(upload=stubs.session.UploadSource())
        return self.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(session=stubs.session.Session(spec=spec)),
            metadata=bearer("o"),
        )

    def state(self, name):
        request = stubs.session_service.GetSessionRequest(name=name)
        return self.sessions.GetSession(request, metadata=bearer("o")).state


class FrontTest(SecurityTest):
    def setUp(self):
        super().setUp()
        self.tokens = f"--token-file={self.write_tokens(otto=('operator', 'o'), vera=('viewer', 'v'))}"
        authority = Authority(self.home / "authority")
        certificate, key = authority.issue("localhost")
        context = ssl.create_default_context(cafile=authority.path)
        context.set_alpn_protocols(["h2"])
        clear = self.serve(self.tokens)
        channel = grpc.insecure_channel(clear.control_address, options=OWN_CONNECTION)
        self.addCleanup(channel.close)
        tls = self.serve(self.tokens, f"--tls-cert={certificate}", f"--tls-key={key}")
        self.ways = (
            Way("clear text", clear, channel),
            Way(
                "TLS",
                tls,
                self.channel(tls, authority),
                lambda plain: context.wrap_socket(plain, server_hostname="127.0.0.1"),
            ),
        )

    def test_an_upload_whose_client_vanishes_fails(self):
        sessions = []
        for way in self.ways:
            session = way.create_upload()
            connection = http2.Connection(way.service.control_address, wrap=way.wrap)
            self.addCleanup(connection.close)
            request = stubs.session_service.UploadContentRequest(name=session.name, data=b"x")
            connection.send(
                http2.header_frames(
                    1, http2.request_headers(UPLOAD, (b"authorization", b"Bearer o"))
                )
                + http2.frame(http2.DATA, 0, 1, http2.message(request.SerializeToString()))
            )
            recipient = harness.connect(harness.port_of(session), b"\1")
            self.addCleanup(recipient.close)
            self.assertEqual(recipient.recv(1), b"x")
            # From here on nobody reads the connection, nor answers a ping.
            sessions.append(session)
        for way, session in zip(self.ways, sessions, strict=True):
            with self.subTest(way.name):
                harness.wait_until(
                    lambda way=way, name=session.name: (
                        way.state(name) == stubs.session.SESSION_STATE_FAILED
                    ),
                    "the session has failed",
                )

    def test_a_client_that_reads_nothing_is_ended(self):
        held = []
        for way in self.ways:
            connection = http2.Connection(
                way.service.control_address, wrap=way.wrap, own_buffers=OWN
            )
            self.addCleanup(connection.close)
            ask_much(connection)
            # It is trusted and served, to where there is no more room.
            while (frame := connection.read_frame()) is not None and frame[0] != http2.DATA:
                pass
            self.assertIsNotNone(frame, "the connection has ended")
            held.append(link_of(connection))
            self.assertIn(held[-1], links(way.service))
        for way, link in zip(self.ways, held, strict=True):
            harness.wait_until(
                lambda way=way, link=link: link not in links(way.service),
                "it is closed",
                ENDED_S,
            )

    def test_a_local_client_that_reads_nothing_is_ended_and_a_slow_one_is_not(self):
        slow, stopped = [], []
        # With a front between the client and gRPC, and without.
        for name, flags in (("front", [self.tokens]), ("none", [])):
            path = self.home / name
            self.serve(*flags, control=f"unix:{path}")
            for clients in (slow, stopped):
                client = http2.Connection(f"unix:{path}")
                self.addCleanup(client.close)
                ask_much(client)
                self.assertNotEqual(client.read_some(1), b"")
                clients.append(client)

        def are_closed():
            """Whoever reads nothing more learns of the end all the same."""
            # A slow one has to read 16 KiB in 30 s. A busy machine makes it several times
            # slower than this, of some KiB a second.
            for client in slow:
                self.assertNotEqual(client.read_some(2 << 10), b"")
            time.sleep(0.25)
            poll = select.poll()
            for client in stopped:
                poll.register(client.socket, 0)
            return len(poll.poll(0)) == len(stopped)

        harness.wait_until(are_closed, "they are closed", ENDED_S)
        # A while more: whoever reads is not ended later.
        end = time.monotonic() + 5
        harness.wait_until(lambda: are_closed() and time.monotonic() > end, "they read on")

    def test_a_connection_ends_with_the_token_that_it_was_trusted_for(self):
        def connect(way, token):
            connection = http2.Connection(way.service.control_address, wrap=way.wrap)
            self.addCleanup(connection.close)
            self.assert_served(connection, 1, token)
            return connection

        gone = [connect(way, b"v") for way in self.ways]
        stay = [connect(way, b"o") for way in self.ways]
        # Two callers, one of whom may go on.
        for way in self.ways:
            stay.append(connect(way, b"v"))
            self.assert_served(stay[-1], 3, b"o")
        self.write_tokens(otto=("operator", "o"))
        end = time.monotonic() + harness.DEADLINE_S
        for connection in gone:
            while connection.read_frame() is not None:
                self.assertLess(time.monotonic(), end, "it goes on")
        for connection in stay:
            self.assert_served(connection, 5, b"o")

    def assert_served(self, connection, stream, token):
        connection.call(stream, GET_NODE.encode(), b"", (b"authorization", b"Bearer " + token))
        while (frame := connection.read_frame()) is not None:
            if frame[0] == http2.DATA and frame[2] == stream:
                return
        self.fail("the call has no answer")

    def test_calls_of_clients_that_have_gone_are_audited_with_their_address(self):
        services = [way.service for way in self.ways[:1]]
        if has_ipv6():
            services.append(self.serve(self.tokens, control="[::1]:0"))
        payload = stubs.session_service.CancelSessionRequest(name="sessions/absent")
        count = 10
        for service, address in zip(services, (r"ipv4:127\.0\.0\.1", r"ipv6:\[::1\]")):
            # It finds all of these at once: calls, and the ends of their connections.
            harness.stop_still(service.process)
            for _ in range(count):
                connection = http2.Connection(service.control_address)
                connection.call(
                    1, CANCEL, payload.SerializeToString(), (b"authorization", b"Bearer o")
                )
                connection.close()
            service.process.send_signal(signal.SIGCONT)
            # They wait for each other, and on a busy machine for whoever has more right to
            # its cores.
            harness.wait_until(
                lambda service=service: len(self.events(service, "audit")) >= count,
                "all calls",
                240,
            )
            for event in self.events(service, "audit"):
                self.assertRegex(event["peer"], f"^{address}:[0-9]+$")

    def test_a_handshake_that_is_not_finished_is_ended(self):
        connections = []
        for way in self.ways:
            host, _, port = way.service.control_address.rpartition(":")
            # Nothing, half of HTTP/2's preface, and the beginning of a record of TLS.
            for beginning in (b"", http2.PREFACE[:12], b"\x16\x03\x01\x02\x00\x01"):
                connection = socket.create_connection((host, int(port)), timeout=harness.DEADLINE_S)
                self.addCleanup(connection.close)
                connection.sendall(beginning)
                connections.append(connection)
        for connection in connections:
            try:
                while connection.recv(1 << 10):
                    pass
            except ConnectionResetError:
                pass
        for way in self.ways:
            way.node.GetNode(stubs.node_service.GetNodeRequest(), metadata=bearer("o"))

    def test_a_crowd_of_strangers_leaves_descriptors(self):
        service = self.serve(self.tokens, prefix=("prlimit", "--nofile=256:256"))
        before = service.descriptors()
        strangers = []
        for _ in range(50):
            try:
                strangers.append(http2.Connection(service.control_address))
            except (ConnectionResetError, BrokenPipeError):
                pass
        harness.wait_until(lambda: self.events(service, "control_full"), "it is full")
        self.assertLessEqual(service.descriptors() - before, MOST_DESCRIPTORS)
        for stranger in strangers:
            stranger.close()

        def serves():
            with grpc.insecure_channel(service.control_address, options=OWN_CONNECTION) as channel:
                return call(channel, GET_NODE, "o")[0] == grpc.StatusCode.OK

        harness.wait_until(serves, "new connections are served")

    def test_a_crowd_at_the_peer_address_is_told_as_one_there(self):
        service = self.serve(
            self.tokens, "--peer-address=127.0.0.1:0", prefix=("prlimit", "--nofile=256:256")
        )
        for _ in range(50):
            try:
                stranger = http2.Connection(service.peer_address)
                self.addCleanup(stranger.close)
            except (ConnectionResetError, BrokenPipeError):
                pass
        harness.wait_until(lambda: self.events(service, "control_full"), "it is full")
        for event in self.events(service, "control_full"):
            self.assertEqual(event["address"], service.peer_address)
        # The control port is another.
        operator = http2.Connection(service.control_address)
        self.addCleanup(operator.close)
        self.assert_served(operator, 1, b"o")

    def test_crowds_of_strangers_leave_a_place_to_an_operator(self):
        service = self.serve(self.tokens, prefix=("prlimit", "--nofile=256:256"))
        host, _, port = service.control_address.rpartition(":")

        def crowd():
            """From three hosts, of which none says a word, and more than there are places."""
            for i in range(30):
                stranger = socket.socket()
                self.addCleanup(stranger.close)
                stranger.bind((f"127.0.0.{2 + i % 3}", 0))
                stranger.connect((host, int(port)))

        before = service.descriptors()
        crowd()
        harness.wait_until(lambda: self.events(service, "control_full"), "it is full")
        operator = http2.Connection(service.control_address)
        self.addCleanup(operator.close)
        self.assert_served(operator, 1, b"o")
        # Whoever is trusted stays.
        crowd()
        self.assert_served(operator, 3, b"o")
        self.assertLessEqual(service.descriptors() - before, MOST_DESCRIPTORS)

    def test_calls_that_go_on_at_the_stop_are_told(self):
        for way in self.ways:
            with self.subTest(way.name):
                watch = way.sessions.WatchSessions(
                    stubs.session_service.WatchSessionsRequest(), metadata=bearer("o")
                )
                next(watch)
                session = way.create_upload()
                began, goes_on = threading.Event(), threading.Event()

                def requests(name=session.name, began=began, goes_on=goes_on):
                    yield stubs.session_service.UploadContentRequest(name=name, data=b"x")
                    began.set()
                    goes_on.wait(harness.DEADLINE_S)

                upload = way.sessions.UploadContent.future(requests(), metadata=bearer("o"))
                self.addCleanup(goes_on.set)
                self.assertTrue(began.wait(harness.DEADLINE_S))
                way.service.process.send_signal(signal.SIGTERM)
                self.assertEqual(way.service.process.wait(timeout=harness.DEADLINE_S), 0)
                changes = []
                with self.assertRaises(grpc.RpcError) as ended:
                    for message in watch:
                        changes += message.changes
                self.assertEqual(ended.exception.code(), grpc.StatusCode.UNAVAILABLE)
                self.assertIn("stop", ended.exception.details())
                self.assertIn(session.name, [one.session.name for one in changes])
                self.assertIsNotNone(upload.exception(timeout=harness.DEADLINE_S))
                goes_on.set()
