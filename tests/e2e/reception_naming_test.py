"""A service that is killed in the moment in which a content gets its name: what is under the
name and what is said of the reception after that are one."""

import os
import pathlib
import socket
import tempfile

import harness
from nodes import NodesCase
from receptions import ReceptionCase, Sender, state_of

# Where it is killed, and whether the name has the content by then.
POINTS = {"before": False, "after": True, "synced": True}


class KilledNaming:
    """Kills services that were started with `prefix`."""

    def __init__(self, test):
        directory = tempfile.TemporaryDirectory(prefix="kill.", dir=os.environ.get("TEST_TMPDIR"))
        test.addCleanup(directory.cleanup)
        self._point = pathlib.Path(directory.name) / "point"
        self.prefix = (
            "env",
            f"LD_PRELOAD={harness.program('killed_naming')}",
            f"KILLED_NAMING={self._point}",
            # libasan wants to be the first library.
            "ASAN_OPTIONS=verify_asan_link_order=0",
        )

    def arm(self, point):
        self._point.write_text(point, encoding="ascii")

    def wait_and_restart(self, service):
        service.process.wait(harness.DEADLINE_S)
        self._point.unlink()
        service.restart()


class SenderTest(ReceptionCase):
    """From a sender of the wire protocol, which has the content once."""

    def setUp(self):
        self.killed = KilledNaming(self)
        self.service_prefix = self.killed.prefix
        super().setUp()

    def killed_at(self, point, **spec):
        """The reception after the restart, and how the sender's connection has ended."""
        sender = Sender(self)
        name = self.create(sender.address, compute_sha256=True, **spec).name
        peer, _ = sender.accept()
        self.killed.arm(point)
        peer.sendall(self.content)
        peer.shutdown(socket.SHUT_WR)
        end = harness.read_to_end(peer)
        self.killed.wait_and_restart(self.service)
        return self.wait_final(name), end

    def test_each_point(self):
        for point, has_name in POINTS.items():
            for overwrite in (False, True):
                with self.subTest(point=point, overwrite=overwrite):
                    self.check(point, has_name, overwrite)

    def check(self, point, has_name, overwrite):
        file = self.disk / "file"
        if overwrite:
            file.write_bytes(b"before")
        reception, end = self.killed_at(point, overwrite=overwrite)
        # No sender counts it as DELIVERED.
        self.assertEqual(end, (b"", False))
        self.assertNotEqual(reception.detail, "")
        if has_name:
            self.assert_whole(reception.name)
            self.assertEqual(reception.bytes_durable, len(self.content))
            self.assertNotEqual(reception.content_sha256, "")
            # It can be served, as any other.
            session = self.serve(reception.name)
            peer = harness.connect(harness.port_of(session), b"\1")
            self.assertEqual(harness.read_all(peer), self.content)
        else:
            self.assertEqual(state_of(reception), "INTERRUPTED")
            self.assertEqual(
                file.read_bytes() if file.exists() else None, b"before" if overwrite else None
            )
        self.wait_files(*(["file"] if has_name or overwrite else []))
        file.unlink(missing_ok=True)

    def test_name_that_somebody_else_has_taken_since(self):
        def replace(file):
            file.with_name("other").write_bytes(self.content)
            file.with_name("other").rename(file)

        self.check_changed(replace)

    def test_file_that_somebody_has_written_to_since(self):
        def rewrite(file):
            before = file.stat()
            with file.open("r+b") as opened:
                opened.write(bytes([self.content[0] ^ 1]))
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

        self.check_changed(rewrite)

    def check_changed(self, change):
        """What had the name is another one when the service is back."""
        sender = Sender(self)
        name = self.create(sender.address, overwrite=True).name
        peer, _ = sender.accept()
        self.killed.arm("after")
        peer.sendall(self.content)
        peer.shutdown(socket.SHUT_WR)
        self.service.process.wait(harness.DEADLINE_S)
        change(self.disk / "file")
        self.killed.wait_and_restart(self.service)
        self.assertEqual(state_of(self.wait_final(name)), "INTERRUPTED")


class NodeTest(NodesCase):
    """From another node."""

    def setUp(self):
        super().setUp()
        self.killed = KilledNaming(self)
        self.receiver = self.start(prefix=self.killed.prefix)

    def test_each_point(self):
        session = self.serve()
        for point in POINTS:
            for overwrite in (False, True):
                with self.subTest(point=point, overwrite=overwrite):
                    if overwrite:
                        (self.receiver.disk / "file").write_bytes(b"before")
                    self.check(session, point, overwrite)
                    (self.receiver.disk / "file").unlink()

    def check(self, session, point, overwrite):
        self.killed.arm(point)
        name = self.receiver.receive(self.a.source(session), overwrite=overwrite)
        self.killed.wait_and_restart(self.receiver)
        harness.wait_until(
            lambda: state_of(self.receiver.reception(name)) == "SUCCEEDED", f"{name} is whole"
        )
        harness.wait_until(lambda: self.receiver.files() == {"file"}, "nothing else is left")
        reception = self.assert_whole(self.receiver, name)
        # What was under the name did not come a second time.
        if POINTS[point]:
            self.assertEqual(reception.detail, "")
            self.assertEqual(reception.bytes_resumed, 0)

    def test_session_that_is_fed_by_one_that_goes_on(self):
        """It is there again after a restart, and so are its recipients, who come anew."""
        source, gate = self.source_with_gate(self.serve(), len(self.content) // 2)
        name = self.receiver.receive(source)
        self.receiver.wait_bytes(name, 1)
        served = self.receiver.get(self.serve_reception(self.receiver, name))
        self.receiver.restart()
        again = self.receiver.get(served.name)
        self.assertEqual((again.state, again.error), (served.state, ""))
        peer = harness.connect(harness.port_of(served), b"\0")
        gate.open()
        self.assertEqual(harness.read_all(peer), self.content)
        self.assert_whole(self.receiver, name)
