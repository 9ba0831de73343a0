"""A relay whose disk takes nothing any more (fsfreeze(8)), and those who hang on it."""

import pathlib
import tempfile

from devices import loop_device, mount_device, run
from nodes import NodesCase
from receptions import MIB, state_of

# Until a node from which nothing comes is left for one that has more.
IDLE_S = 30


class FrozenDiskTest(NodesCase):
    # More than a relay holds in memory.
    size = 40 * MIB

    def test_relay_is_left_for_a_node_that_has_more(self):
        home = tempfile.TemporaryDirectory(prefix="frozen.")
        self.addCleanup(home.cleanup)
        disk = pathlib.Path(home.name) / "disk"
        disk.write_bytes(bytes(2 * self.size))
        mount = mount_device(self, loop_device(self, disk), home.name)
        relay = self.start(f"--receive=frozen={mount}")
        session = self.serve()
        source, gate = self.source_with_gate(session, 2 * MIB + 5)
        relayed = relay.receive(source, root="frozen")
        relay.wait_bytes(relayed, MIB)
        child, grandchild = self.start("--log-format=json"), self.c
        fallback = self.a.source(session)
        received = child.receive(relay.source(relayed, fallbacks=[fallback]))
        behind = grandchild.receive(child.source(received))
        child.wait_bytes(received, MIB)
        run("fsfreeze", "--freeze", mount)
        # Before the relay is closed: the kernel ends no process that waits for a disk.
        thaws = [True]
        self.addCleanup(lambda: thaws and run("fsfreeze", "--unfreeze", mount))
        gate.open()
        reception = child.wait_reception(received, deadline_s=IDLE_S + 90)
        self.assertEqual(state_of(reception), "SUCCEEDED", reception)
        self.assertEqual((child.disk / "file").read_bytes(), self.content)
        (left,) = [one for one in child.events() if one["event"] == "parent_left"]
        self.assertIn("another one has more", left["reason"])
        self.assertGreaterEqual(left["offset"], MIB)
        # Who hangs on the child has not moved, nor has the relay.
        self.assert_whole(grandchild, behind)
        self.wait_delivered(session, 1)
        self.assertEqual(state_of(relay.reception(relayed)), "RECEIVING")
        run("fsfreeze", "--unfreeze", mount)
        thaws.clear()
        ended = relay.wait_reception(relayed)
        self.assertEqual(state_of(ended), "SUCCEEDED", ended)
        self.assertEqual((pathlib.Path(mount) / "file").read_bytes(), self.content)
