"""Partial files that a killed service has left, where their directories cannot be listed."""

import os
import pathlib
import tempfile

import harness
from receptions import ReceptionCase, Sender, state_of

# More than there are threads that open a root's files.
DIRECTORIES = ("a", "b", "c", "d")


class ReceptionSweepTest(ReceptionCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="held.", dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(directory.cleanup)
        self.held = pathlib.Path(directory.name) / "listing"
        self.service_prefix = (
            "env",
            f"LD_PRELOAD={harness.program('held_listing')}",
            f"HELD_LISTING={self.held}",
            # libasan wants to be the first library.
            "ASAN_OPTIONS=verify_asan_link_order=0",
        )
        super().setUp()
        for name in (*DIRECTORIES, "other"):
            (self.disk / name).mkdir()

    def partial_files(self):
        return [path for path in self.disk.rglob("*") if path.is_file()]

    def receive(self, path):
        """A reception that is whole in the end."""
        sender = Sender(self)
        reception = self.create(sender.address, path)
        peer, _ = sender.accept()
        peer.sendall(self.content)
        peer.close()
        self.assert_whole(reception.name)

    def test_directories_that_are_not_listed_hold_up_no_reception(self):
        sender = Sender(self)
        interrupted = []
        for name in DIRECTORIES:
            interrupted.append(self.create(sender.address, f"{name}/file").name)
            peer, _ = sender.accept()
            peer.sendall(b"some")
            self.wait_state(interrupted[-1], "RECEIVING")
        harness.wait_until(
            lambda: len(self.partial_files()) >= len(DIRECTORIES), "the partial files are there"
        )
        self.service.kill()
        self.held.touch()
        self.service.start()
        for name in interrupted:
            self.assertEqual(state_of(self.get(name)), "INTERRUPTED")
        self.receive("other/file")
        self.receive("file")
        self.held.unlink()
        files = {self.disk / "other" / "file", self.disk / "file"}
        harness.wait_until(
            lambda: set(self.partial_files()) == files, "no partial file is left"
        )
