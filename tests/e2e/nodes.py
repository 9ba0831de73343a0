"""What tests of several nodes share: services that receive from one another."""

import os
import pathlib
import random
import socket
import struct
import tempfile
import threading
import time
import unittest

import harness
from harness import stubs
from receptions import FINAL, MIB, state_of
from tcptool_process import free_ports


class Node(harness.Service):
    """A service that serves other nodes, and has a writable root, "disk"."""

    def __init__(self, flags=(), prefix=(), address="127.0.0.1", **options):
        """`options`: those of Service."""
        # Removed when nothing refers to the node any more.
        self._disk_directory = tempfile.TemporaryDirectory(
            prefix="node.", dir=os.environ.get("TEST_TMPDIR")
        )
        self.disk = pathlib.Path(self._disk_directory.name)
        # Below those that the sessions of other nodes may take while this one is down.
        self.port, self.data_port = free_ports(2, 5_000, 9_999)
        super().__init__(
            prefix=prefix,
            flags=(
                f"--receive=disk={self.disk}",
                f"--peer-address={address}:{self.port}",
                f"--peer-data-port={self.data_port}",
                *flags,
            ),
            **options,
        )

    def source(self, name, host="127.0.0.1", port=None, fallbacks=(), **fields):
        """This node's session or reception as the source of another node's reception."""
        names = stubs.reception
        return names.NodeSource(
            address=f"{host}:{port or self.port}",
            name=name,
            fallbacks=[
                names.FallbackNode(address=other.address, name=other.name) for other in fallbacks
            ],
            **fields,
        )

    def receive(self, source, path="file", overwrite=False, root="disk", **spec):
        names = stubs.reception
        return self.receptions.CreateReception(
            stubs.reception_service.CreateReceptionRequest(
                reception=names.Reception(
                    spec=names.ReceptionSpec(
                        node=source,
                        destination=names.FileDestination(
                            root=root, path=path, overwrite=overwrite
                        ),
                        **spec,
                    )
                )
            )
        ).name

    def reception(self, name):
        return self.receptions.GetReception(
            stubs.reception_service.GetReceptionRequest(name=name)
        )

    def wait_bytes(self, name, least):
        """Until so much of it is on the disk."""

        def there():
            reception = self.reception(name)
            if state_of(reception) in FINAL:
                raise AssertionError(f"it is over: {reception}")
            return reception.bytes_durable >= least

        harness.wait_until(there, f"{name} has {least} bytes")

    def wait_state(self, name, state):
        harness.wait_until(
            lambda: state_of(self.reception(name)) == state, f"{name} is {state}"
        )

    def wait_reception(self, name, deadline_s=harness.DEADLINE_S):
        def final():
            reception = self.reception(name)
            return reception if state_of(reception) in FINAL else None

        return harness.wait_until(final, f"{name} is final", deadline_s)

    def files(self):
        return {path.name for path in self.disk.iterdir()}


class NodesCase(unittest.TestCase):
    """Nodes a, b and c; a has a session that serves a file to whoever comes."""

    size = 6 * MIB + 17

    def setUp(self):
        self.content = random.Random(self.id()).randbytes(self.size)
        self.a, self.b, self.c = self.start(), self.start(), self.start()
        self.a.write_file("content", self.content)

    def start(self, *flags, prefix=()):
        node = Node(flags, prefix)
        self.addCleanup(node.close)
        return node

    def serve(self, **spec):
        """The name of a session of node a that any node may come to at any time."""
        spec.setdefault("start", stubs.session.StartPolicy(immediate=True))
        return self.a.create(**spec).name

    def serve_slowly(self, bytes_per_second):
        limits = stubs.session.Limits(session_bytes_per_second=bytes_per_second)
        return self.serve(limits=limits)

    def source_with_gate(self, session, position, **fields):
        """A session of node a as a source, and the gate that holds its content there."""
        gate = Gate(self, position)
        Proxy(self, self.a.port)
        Proxy(self, self.a.data_port, gate)
        return self.a.source(session, host="127.0.0.2", **fields), gate

    def serve_reception(self, node, reception, session_id=""):
        """The same of a node's session from its reception."""
        session = stubs.session
        spec = session.SessionSpec(
            reception=stubs.reception_source.ReceptionSource(name=reception),
            start=session.StartPolicy(immediate=True),
        )
        return node.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(
                session_id=session_id, session=session.Session(spec=spec)
            )
        ).name

    def wait_delivered(self, session, count):
        harness.wait_until(
            lambda: self.a.get(session).counts.delivered == count, f"{count} are DELIVERED"
        )

    def assert_whole(self, node, name, path="file"):
        reception = node.wait_reception(name)
        self.assertEqual(state_of(reception), "SUCCEEDED", reception)
        self.assertEqual((node.disk / path).read_bytes(), self.content)
        self.assertEqual(node.files(), {path})
        self.assertEqual(reception.bytes_verified, len(self.content))
        return reception


class Proxy:
    """Passes connections on, from `host` to 127.0.0.1 and the same port."""

    def __init__(
        self, test, port, change=lambda data, position: data, host="127.0.0.2", held=None
    ):
        """`change`: what becomes of bytes from the server, the first at `position`. `held`:
        how many of them the system may hold before that, some more or less."""
        self._port = port
        self._change = change
        self._held = held
        self.connections = 0
        self._listener = socket.create_server((host, port))
        test.addCleanup(self._listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # The test has ended.
                return
            self.connections += 1
            try:
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:  # It is down.
                self._reset(client)
                continue
            if self._held is not None:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._held)
            for one, other, change in (
                (client, server, lambda data, _: data),
                (server, client, self._change),
            ):
                threading.Thread(
                    target=self._pass_on, args=(one, other, change), daemon=True
                ).start()

    @staticmethod
    def _pass_on(one, other, change):
        position = 0
        try:
            while data := one.recv(1 << 16):
                other.sendall(change(data, position))
                position += len(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (one, other):
                Proxy._reset(end)

    @staticmethod
    def _reset(end):
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RD)  # Wakes the thread that reads from it.
        except OSError:  # It is closed already.
            pass
        end.close()


class Gate:
    """Holds every stream at `position` until it is opened: what is to be seen on the way is
    there, however slow the machine is."""

    def __init__(self, test, position):
        self._position = position
        self._open = threading.Event()
        test.addCleanup(self.open)

    def open(self):
        self._open.set()

    def __call__(self, data, start):
        if start + len(data) > self._position:
            self._open.wait()
        return data


class Throttle:
    """A link on which so many bytes a second of each stream get through."""

    def __init__(self, bytes_per_second):
        self._rate = bytes_per_second

    def __call__(self, data, position):
        time.sleep(len(data) / self._rate)
        return data


class Cut:
    """Breaks the first stream off at `position`, once `until` has returned."""

    def __init__(self, position, until=lambda: None):
        self._position = position
        self._until = until
        self._is_due = True

    def __call__(self, data, start):
        if self._is_due and start + len(data) > self._position:
            self._is_due = False
            self._until()
            raise ConnectionResetError
        return data


class Flip:
    """Flips a byte of a stream: the one at `position`, in as many streams as `times`."""

    def __init__(self, position, times):
        self._position = position
        self.left = times

    def __call__(self, data, start):
        offset = self._position - start
        if not 0 <= offset < len(data) or self.left == 0:
            return data
        self.left -= 1
        flipped = bytearray(data)
        flipped[offset] ^= 1
        return bytes(flipped)
