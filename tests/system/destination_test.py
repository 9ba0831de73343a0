"""Receptions into file systems that are read-only, full, or not the service's to write."""

import os
import pathlib
import re
import subprocess
import tempfile

import grpc

from devices import small_file_system
from error_details import details_of, failure_of
from nodes import NodesCase
from receptions import MIB, ReceptionCase, Sender, is_refused, reason_of, state_of


class DestinationTest(ReceptionCase):
    """The root "small" is a file system with room for 8 MiB, and "foreign" one of somebody
    else. The service is root without the right to write everywhere."""

    service_prefix = (
        "setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override", "--"
    )  # fmt: skip

    def more_roots(self):
        home = tempfile.TemporaryDirectory(prefix="roots.")
        self.addCleanup(home.cleanup)
        self.small = small_file_system(self, pathlib.Path(home.name) / "small")
        self.foreign = pathlib.Path(home.name) / "foreign"
        self.foreign.mkdir()
        os.chown(self.foreign, 65534, 65534)
        self.foreign.chmod(0o755)
        return {"small": self.small, "foreign": self.foreign}

    def assert_refused(self, code, reason, words, root, **spec):
        error = failure_of(lambda: self.create(Sender(self).address, root=root, **spec))
        self.assertEqual(error.code(), code)
        self.assertEqual(details_of(error)["ErrorInfo"].reason, reason)
        for one in words:
            self.assertIn(one, error.details())

    def test_directory_that_the_service_may_not_write_to(self):
        words = ['may not write to directory "." in root "foreign"']
        self.assert_refused(
            grpc.StatusCode.PERMISSION_DENIED, "SYSTEM_DENIES", words, "foreign"
        )

    def test_read_only_file_system(self):
        subprocess.run(["mount", "-o", "remount,ro", self.small], check=True)
        self.assert_refused(
            grpc.StatusCode.FAILED_PRECONDITION, "READ_ONLY_FILE_SYSTEM", ["read-only"], "small"
        )

    def test_file_system_without_room_for_what_is_expected(self):
        words = [f"the content has {9 * MIB}", "are missing"]
        self.assert_refused(
            grpc.StatusCode.RESOURCE_EXHAUSTED, "NO_SPACE", words, "small",
            expected_length=9 * MIB,
        )  # fmt: skip

    def test_file_system_that_gets_full(self):
        (self.small / "file").write_bytes(b"before")
        sender = Sender(self)
        name = self.create(sender.address, root="small", overwrite=True).name
        peer, _ = sender.accept()
        self.assertTrue(is_refused(peer, self.content + self.content))
        ended = self.wait_final(name)
        self.assertEqual((state_of(ended), reason_of(ended)), ("FAILED", "NO_SPACE"))
        self.assertIn("bytes left", ended.detail)
        self.assertEqual((self.small / "file").read_bytes(), b"before")

    def test_file_system_that_is_covered_by_another(self):
        sender = Sender(self)
        name = self.create(sender.address, root="small").name
        peer, _ = sender.accept()
        peer.sendall(self.content[:MIB])
        self.wait_received(name, MIB)
        small_file_system(self, self.small)
        self.assertTrue(is_refused(peer, self.content[MIB:]))
        ended = self.wait_final(name)
        self.assertEqual((state_of(ended), reason_of(ended)), ("FAILED", "DESTINATION_FAILED"))
        self.assertIn("mounted", ended.detail)
        self.assertEqual(list(self.small.iterdir()), [])


class NodesDestinationTest(NodesCase):
    size = 9 * MIB

    def test_file_system_without_room_for_what_a_node_is_to_send(self):
        home = tempfile.TemporaryDirectory(prefix="roots.")
        self.addCleanup(home.cleanup)
        small = small_file_system(self, pathlib.Path(home.name) / "small")
        child = self.start(f"--receive=small={small}")
        # It has begun to send nothing yet.
        session = self.a.create().name
        name = child.receive(self.a.source(session), root="small")
        ended = child.wait_reception(name)
        self.assertEqual((state_of(ended), reason_of(ended)), ("FAILED", "NO_SPACE"))
        self.assertIn(f"the content needs {self.size} bytes more", ended.detail)
        # What the file system takes for itself is not its room.
        has, lacks = re.search(
            r"has (\d+) bytes left, so that (\d+) are missing", ended.detail
        ).groups()
        self.assertLess(int(has), 8 * MIB)
        self.assertEqual(int(has) + int(lacks), self.size)
        self.assertEqual(ended.bytes_received, 0)
        self.assertEqual(list(small.iterdir()), [])
