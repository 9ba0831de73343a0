"""Many strangers at the ports of a service that asks who calls."""

import contextlib
import itertools
import select
import socket
import ssl
import urllib.request

import grpc

import harness
import http2
from harness import stubs
from security import NODE, OWN_CONNECTION, SecurityTest, bearer, call
from tcptool_process import free_port

PREFACE = http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0)


def is_closed(stranger):
    if stranger.fileno() < 0:  # TLS has closed what was ended in its handshake.
        return True
    poll = select.poll()
    poll.register(stranger, select.POLLRDHUP)
    return bool(poll.poll(0))


class CrowdCase(SecurityTest):
    """The strangers stay until the end of the case, or until the service ends them."""

    def serve_with_few_descriptors(self, descriptors):
        """A service with all of its ports, that may have so many descriptors. It has a file
        "content". Returns a channel to it too."""
        service = self.serve_all_ports(descriptors)
        channel = grpc.insecure_channel(service.control_address, options=OWN_CONNECTION)
        self.addCleanup(channel.close)
        return service, channel

    def serve_all_ports(self, descriptors, *flags):
        """The same, and no channel: `flags` may have it take TLS alone."""
        self.peer_port, self.peer_data_port = free_port(), free_port()
        service = self.serve(
            f"--token-file={self.write_tokens(otto=('operator', 'o'))}",
            f"--peer-address=127.0.0.1:{self.peer_port}",
            f"--peer-data-port={self.peer_data_port}",
            *flags,
            prefix=("prlimit", f"--nofile={descriptors}:{descriptors}"),
        )
        service.write_file("content", b"x")
        return service

    def crowd(self, port, count, says, wrap=lambda plain: plain):
        """So many strangers, of whom each says something, and three are of one host. `wrap`: what
        becomes of the connection of one, such as TLS."""
        hosts = (f"127.1.{i >> 7}.{1 + (i & 127)}" for i in itertools.count())
        crowd = []
        for host in itertools.islice(hosts, count // 3):
            for _ in range(3):
                stranger = socket.socket()
                self.addCleanup(stranger.close)
                stranger.settimeout(harness.DEADLINE_S)
                stranger.bind((host, 0))
                # There may be no place.
                with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
                    stranger.connect(("127.0.0.1", port))
                    stranger = wrap(stranger)
                    self.addCleanup(stranger.close)
                    stranger.sendall(says)
                crowd.append(stranger)
        return crowd

    def fill(self, port, count, says, wrap=lambda plain: plain):
        crowd = self.crowd(port, count, says, wrap)
        harness.wait_until(lambda: any(map(is_closed, crowd)), f"port {port} is full")

    def create(self, channel):
        session = stubs.session
        spec = session.SessionSpec(file=session.FileSource(root="files", path="content"))
        return stubs.session_service_grpc.SessionServiceStub(channel).CreateSession(
            stubs.session_service.CreateSessionRequest(session=session.Session(spec=spec)),
            metadata=bearer("o"),
            timeout=harness.DEADLINE_S,
        )

    def assert_answers(self, service):
        """An operator who comes now, and a probe."""
        with grpc.insecure_channel(service.control_address, options=OWN_CONNECTION) as new:
            code, words, _ = call(new, f"/{NODE}/GetNode", "o")
            self.assertEqual(code, grpc.StatusCode.OK, words)
        url = f"http://{service.http_address}/healthz"
        with urllib.request.urlopen(url, timeout=harness.DEADLINE_S) as answer:
            self.assertEqual(answer.status, 200)
