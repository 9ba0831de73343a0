"""A running tcptoold with a root of its own, sockets that are its recipients, and the
API's Python stubs."""

import atexit
import importlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

import grpc

from waiting import DEADLINE_S, wait_until

# What a sanitizer writes into the log of a service that it is built into.
SANITIZER_REPORTS = (
    "ERROR: AddressSanitizer",
    "ERROR: LeakSanitizer",
    "ERROR: ThreadSanitizer",
    "WARNING: ThreadSanitizer",
    "runtime error:",
)

_programs = {}
stubs = None  # Filled in by configure().


class Stubs:
    """The modules that protoc generates from the API's protos."""

    def __init__(self, protos):
        # proto/tcptool/v1/x.proto
        root = next(proto for proto in protos if proto.match("tcptool/v1/*")).parents[2]
        generate_python(root, protos)
        for name in (
            "encryption",
            "errors",
            "filters",
            "session",
            "recipient",
            "reception",
            "reception_source",
            "distribution",
            "session_service",
            "reception_service",
            "distribution_service",
            "node_service",
            "file_service",
            "session_requests",
            "view",
        ):
            setattr(self, name, importlib.import_module(f"tcptool.v1.{name}_pb2"))
        for name in (
            "session_service",
            "reception_service",
            "distribution_service",
            "node_service",
            "file_service",
        ):
            setattr(self, f"{name}_grpc", importlib.import_module(f"tcptool.v1.{name}_pb2_grpc"))
        self.peer = importlib.import_module("tcptool.peer.v1.peer_service_pb2")
        self.peer_grpc = importlib.import_module("tcptool.peer.v1.peer_service_pb2_grpc")


def generate_python(proto_root, protos):
    """Runs protoc and puts what it makes on the import path. third_party/ is searched too
    for what the protos import."""
    out = tempfile.mkdtemp(prefix="stubs.", dir=os.environ.get("TEST_TMPDIR"))
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    subprocess.run(
        [
            "protoc",
            f"--proto_path={proto_root}",
            "--proto_path=third_party",
            f"--python_out={out}",
            f"--grpc_python_out={out}",
            "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin",
            *map(str, protos),
        ],
        check=True,
    )
    sys.path.insert(0, out)


def configure(programs, protos):
    """Called once, before any test module is imported."""
    global stubs
    # Absolute, as a test may start a program in another directory.
    _programs.update({name: os.path.abspath(path) for name, path in programs.items()})
    if protos:
        stubs = Stubs(protos)


def program(name):
    """The path of one of the project's programs."""
    if name not in _programs:
        raise KeyError(f"start the test with --program {name}=PATH")
    return _programs[name]


def is_sanitized():
    """Whether the service has a sanitizer, which holds memory of its own."""
    code = pathlib.Path(program("tcptoold")).read_bytes()
    return b"__asan_init" in code or b"__tsan_init" in code


def run_daemon(*flags, environment=None):
    """A tcptoold that ends by itself."""
    return subprocess.run(
        [program("tcptoold"), "--state=:memory:", "--http-address=127.0.0.1:0", *flags],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
        timeout=DEADLINE_S,
    )


def until_bookmark(watch):
    """The changes up to a watch's next bookmark, and its revision."""
    changes = []
    for message in watch:
        changes.extend(message.changes)
        if message.bookmark:
            return changes, message.revision
    raise AssertionError("the watch ended")


def stop_still(process):
    """SIGSTOP to a child of ours. When this returns, none of its threads runs: each of them
    stops when it gets a processor, which takes its time on a busy machine.
    """
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)


class Service:
    """A tcptoold on free ports of its own. Its root "files" is an empty directory."""

    def __init__(self, prefix=(), flags=(), control="127.0.0.1:0"):
        """`prefix`: a command that runs the service, and how; `flags`: for the service."""
        self._directory = tempfile.TemporaryDirectory(
            prefix="service.", dir=os.environ.get("TEST_TMPDIR")
        )
        self.home = pathlib.Path(self._directory.name)
        self.root = self.home / "root"
        self.root.mkdir()
        self.state = self.home / "state" / "tcptoold.db"
        self._ready_file = self.home / "ready.json"
        self._log = open(self.home / "log", "a+", encoding="utf-8")
        # The service takes a free port of these. Below the ports that the kernel
        # gives to outgoing connections, so that none of those is in the way.
        self.first_port = random.randrange(10000, 32000, 100)
        self.last_port = self.first_port + 99
        self._command = [
            *prefix,
            program("tcptoold"),
            f"--control-address={control}",
            "--http-address=127.0.0.1:0",
            f"--data-ports={self.first_port}-{self.last_port}",
            f"--root=files={self.root}",
            f"--state={self.state}",
            f"--ready-file={self._ready_file}",
            *flags,
        ]
        self.start()

    def start(self):
        """Starts it, once more after it has ended: with the state that it had."""
        self._ready_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            self._command, stdout=self._log, stderr=subprocess.STDOUT
        )
        try:
            wait_until(self._is_ready, "tcptoold has written its ready file")
        except AssertionError:
            # Nobody has it yet who would close it.
            self.process.kill()
            self.process.wait()
            raise
        ready = json.loads(self._ready_file.read_text(encoding="utf-8"))
        self.control_address = ready["control_address"]
        self.http_address = ready["http_address"]
        self.peer_address = ready.get("peer_address")
        self.channel = self.open_channel()
        self.sessions = stubs.session_service_grpc.SessionServiceStub(self.channel)
        self.receptions = stubs.reception_service_grpc.ReceptionServiceStub(self.channel)
        self.distributions = stubs.distribution_service_grpc.DistributionServiceStub(
            self.channel
        )
        self.node = stubs.node_service_grpc.NodeServiceStub(self.channel)
        self.file_service = stubs.file_service_grpc.FileServiceStub(self.channel)

    def open_channel(self):
        return grpc.insecure_channel(self.control_address)

    def kill(self):
        """As kill -9 does."""
        self.process.kill()
        self.process.wait()
        self.channel.close()

    def restart(self):
        """After a kill -9."""
        self.kill()
        self.start()

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"tcptoold ended with {self.process.returncode}:\n{self.log()}")
        return self._ready_file.exists()

    def log(self):
        self._log.flush()
        return (self.home / "log").read_text(encoding="utf-8")

    def events(self):
        """What the log says, if it is JSON."""
        return [json.loads(line) for line in self.log().split("\n") if line]

    def descriptors(self):
        """How many files and sockets the service has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def peak_memory(self):
        """The most that the service had resident, in bytes."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the kernel does not tell VmHWM")

    def write_file(self, name, content):
        (self.root / name).write_bytes(content)

    def create(self, path="content", request_id="", **spec):
        """A session that serves a file of the root."""
        session = stubs.session
        spec = session.SessionSpec(
            file=session.FileSource(root="files", path=path), **spec
        )
        return self.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(
                session=session.Session(spec=spec), request_id=request_id
            )
        )

    def get(self, name):
        return self.sessions.GetSession(stubs.session_service.GetSessionRequest(name=name))

    def recipients(self, session_name):
        return self.sessions.ListRecipients(
            stubs.session_service.ListRecipientsRequest(parent=session_name, page_size=1000)
        ).recipients

    def wait_ready(self, session_name, count):
        """Until so many recipients have finished their handshake."""
        wait_until(
            lambda: self.get(session_name).counts.ready == count,
            f"{count} recipients of {session_name} are READY",
        )

    def wait_final(self, session_name, deadline_s=DEADLINE_S):
        """The session once its state is final."""
        unfinished = (
            stubs.session.SESSION_STATE_WAITING,
            stubs.session.SESSION_STATE_TRANSFERRING,
        )

        def final():
            session = self.get(session_name)
            return None if session.state in unfinished else session

        return wait_until(final, f"{session_name} is final", deadline_s)

    def close(self):
        self.kill()
        log = self.log()
        self._log.close()
        self._directory.cleanup()
        # One that a sanitizer ended when the test had all its answers would go unnoticed.
        if any(report in log for report in SANITIZER_REPORTS):
            raise AssertionError(f"a sanitizer found a fault:\n{log}")


def port_of_address(address):
    return int(address.rpartition(":")[2])


def port_of(session):
    """Where recipients connect; they do it on 127.0.0.1."""
    return port_of_address(session.data_endpoint)


def connect(port, byte=None):
    """A recipient that is a plain socket, and has sent `byte`, if that is given."""
    peer = socket.socket()
    # What it does not read stays with the sender. By itself a receive buffer grows up to
    # net.ipv4.tcp_rmem's limit, which may be more than a test's whole content.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    peer.connect(("127.0.0.1", port))
    # With a deadline from the beginning, a reset that follows is the connect's error.
    peer.settimeout(DEADLINE_S)
    if byte is not None:
        peer.sendall(byte)
    return peer


def reset(peer):
    """Closes with a reset instead of an orderly end."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def read_to_end(peer):
    """What comes before the end, and whether that is an orderly one. Closes it then."""
    content = bytearray()
    with peer:
        try:
            while part := peer.recv(1 << 20):
                content += part
        except ConnectionResetError:
            return bytes(content), False
    return bytes(content), True


def read_exactly(peer, size):
    """So many bytes, or fewer if the connection ends before."""
    content = bytearray()
    while len(content) < size and (part := peer.recv(size - len(content))):
        content += part
    return bytes(content)


def read_all(peer):
    """What comes until the orderly end. Closes it then."""
    content, is_whole = read_to_end(peer)
    if not is_whole:
        raise ConnectionResetError(f"reset after {len(content)} bytes")
    return content


class ServiceTest(unittest.TestCase):
    """A case that has a service for itself."""

    service_prefix = ()
    service_flags = ()

    def setUp(self):
        self.service = Service(self.service_prefix, self.service_flags)
        self.addCleanup(self.service.close)

    def connect(self, session, byte):
        """A recipient that is a plain socket, and has sent `byte`."""
        peer = connect(port_of(session), byte)
        self.addCleanup(peer.close)
        return peer

    def assert_session_state(self, session, name):
        self.assertEqual(
            stubs.session.SessionState.Name(session.state), f"SESSION_STATE_{name}"
        )

    def assert_recipient(self, recipient, state, reason="UNSPECIFIED"):
        names = stubs.recipient
        self.assertEqual(
            (
                names.RecipientState.Name(recipient.state),
                names.RecipientReason.Name(recipient.reason),
            ),
            (f"RECIPIENT_STATE_{state}", f"RECIPIENT_REASON_{reason}"),
            recipient,
        )
