"""tcptoolctl on networks as they are: proxies, resets, restarts, services that are gone."""

import os
import queue
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import harness
from harness import ServiceTest, stubs

# Frames of HTTP/2 (RFC 9113, section 6).
DATA, HEADERS, RST_STREAM, SETTINGS = 0, 1, 3, 4
ACK, END_STREAM, END_HEADERS = 1, 1, 4


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header field that is not indexed (RFC 7541, section 6.2.2)."""
    return b"\0" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))


class Http2Peer:
    """As much of a server, or of a proxy in front of one, as a watch needs. What becomes of
    each call is a function of `calls`, in order, which is given the connection and the
    stream's number."""

    def __init__(self, *calls):
        self._calls = queue.Queue()
        for call in calls:
            self._calls.put(call)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def calls_left(self):
        return self._calls.qsize()

    def close(self):
        self._listener.close()

    def _accept(self):
        try:
            while True:
                peer, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()
        except OSError:
            pass

    def _serve(self, peer):
        with peer, peer.makefile("rb") as stream:
            try:
                stream.read(24)  # The preface.
                peer.sendall(frame(SETTINGS, 0, 0, b""))
                while head := stream.read(9):
                    stream.read(int.from_bytes(head[:3], "big"))
                    number = int.from_bytes(head[5:], "big")
                    if head[3] == SETTINGS and not head[4] & ACK:
                        peer.sendall(frame(SETTINGS, ACK, 0, b""))
                    if head[3] == HEADERS:
                        self._calls.get_nowait()(peer, number)
            except (OSError, queue.Empty):
                pass


def send(peer, stream, message):
    """The first message of an answer, with the headers before it."""
    data = message.SerializeToString()
    headers = b"\x88" + literal("content-type", "application/grpc")
    peer.sendall(
        frame(HEADERS, END_HEADERS, stream, headers)
        + frame(DATA, 0, stream, struct.pack(">BI", 0, len(data)) + data)
    )


def answer(peer, stream, **fields):
    """A message of a watch."""
    send(peer, stream, stubs.session_service.WatchSessionsResponse(**fields))


def begin(peer, stream):
    answer(peer, stream, revision=5, bookmark=True)


def finish(peer, stream):
    session = stubs.session.Session(
        name="sessions/a", state=stubs.session.SESSION_STATE_SUCCEEDED
    )
    answer(
        peer, stream, revision=6, bookmark=True,
        changes=[stubs.session_service.Change(session=session)],
    )


def run_ctl(server, *arguments, **environment):
    return subprocess.run(
        [harness.program("tcptoolctl"), "--server", server, *arguments],
        capture_output=True, text=True, check=False, timeout=harness.DEADLINE_S,
        env=os.environ | environment,
    )


def run_watch(server, *flags, **environment):
    return run_ctl(server, *flags, "watch", "a", **environment)


class PeerTest(unittest.TestCase):
    def peer(self, *calls):
        peer = Http2Peer(*calls)
        self.addCleanup(peer.close)
        return peer


class WatchTest(PeerTest):
    def test_goes_on_after_a_proxy_has_reset_its_stream(self):
        for code in (0, 1, 2, 7, 8):  # RFC 9113, section 7.
            with self.subTest(code):

                def reset(peer, stream, code=code):
                    begin(peer, stream)
                    peer.sendall(frame(RST_STREAM, 0, stream, struct.pack(">I", code)))

                done = run_watch(self.peer(reset, finish).address)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("SUCCEEDED", done.stdout)

    def test_goes_on_after_a_lost_connection_however_quiet_it_was(self):
        """The outage counts, not the time without a message before it."""

        def quiet(peer, stream):
            begin(peer, stream)
            time.sleep(11)  # Longer than the --timeout below.
            peer.shutdown(socket.SHUT_RDWR)

        done = run_watch(self.peer(quiet, finish).address, "--timeout=10s")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_ends_when_the_service_stays_away(self):
        def leave(peer, stream):
            begin(peer, stream)
            served.close()
            peer.shutdown(socket.SHUT_RDWR)

        served = self.peer(leave)
        done = run_watch(served.address, "--timeout=1s")
        self.assertEqual(done.returncode, 1)
        self.assertIn("UNAVAILABLE", done.stderr)

    def test_does_not_repeat_what_the_service_refuses(self):
        def refuse(peer, stream):
            begin(peer, stream)
            trailers = literal("grpc-status", "7") + literal("grpc-message", "no")
            peer.sendall(frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers))

        served = self.peer(refuse, finish)
        done = run_watch(served.address)
        self.assertEqual(done.returncode, 1)
        self.assertIn("PERMISSION_DENIED", done.stderr)
        self.assertEqual(served.calls_left(), 1)


class WaitTest(PeerTest):
    """Of `wait`, whose calls are answered with the session as it is."""

    @staticmethod
    def tell(state):
        def call(peer, stream):
            send(peer, stream, stubs.session.Session(name="sessions/a", state=state))
            trailers = literal("grpc-status", "0")
            peer.sendall(frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers))

        return call

    def test_goes_on_after_a_lost_connection(self):
        def lose(peer, stream):
            peer.shutdown(socket.SHUT_RDWR)

        waiting = self.tell(stubs.session.SESSION_STATE_WAITING)
        ended = self.tell(stubs.session.SESSION_STATE_SUCCEEDED)
        # More than gRPC tries one call.
        done = run_ctl(self.peer(waiting, *[lose] * 7, ended).address, "wait", "a")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("SUCCEEDED", done.stdout)

    def test_ends_when_the_service_stays_away(self):
        def leave(peer, stream):
            served.close()
            peer.shutdown(socket.SHUT_RDWR)

        served = self.peer(self.tell(stubs.session.SESSION_STATE_WAITING), leave)
        done = run_ctl(served.address, "--timeout=1s", "wait", "a")
        self.assertEqual(done.returncode, 1)
        self.assertIn("UNAVAILABLE", done.stderr)


class ServiceConnectionTest(ServiceTest):
    def test_proxies_for_the_web_are_not_asked(self):
        self.service.write_file("content", b"content")
        self.service.create()
        # Nobody listens there.
        proxy = {name: "http://127.0.0.1:1" for name in
                 ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
        done = subprocess.run(
            [harness.program("tcptoolctl"), "--server", self.service.control_address, "list"],
            capture_output=True, text=True, check=False, timeout=harness.DEADLINE_S,
            env={name: value for name, value in os.environ.items()
                 if name.lower() != "no_proxy"} | proxy,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_watch_notices_a_service_that_is_gone_without_a_word(self):
        self.service.write_file("content", b"content")
        session = self.service.create()
        watch = subprocess.Popen(
            [harness.program("tcptoolctl"), "--server", self.service.control_address,
             "--timeout=1s", "watch", session.name],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.assertIn("WAITING", watch.stdout.readline())
        harness.stop_still(self.service.process)
        self.addCleanup(self.service.process.send_signal, signal.SIGCONT)
        # A ping and the time for its answer, and one attempt to connect again.
        _, errors = watch.communicate(timeout=2 * harness.DEADLINE_S)
        self.assertEqual(watch.returncode, 1)
        self.assertIn("UNAVAILABLE", errors)
