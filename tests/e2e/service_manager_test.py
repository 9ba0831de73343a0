"""What the service tells its service manager, by the protocol of sd_notify(3)."""

import signal
import socket
import tempfile
import unittest
import uuid

import harness
from harness import Service


class ServiceManagerTest(unittest.TestCase):
    def start(self, name, variable):
        """A service that finds `variable` in its environment, and the manager's socket."""
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(name)
        manager.settimeout(harness.DEADLINE_S)
        service = Service(["env", f"NOTIFY_SOCKET={variable}"])
        self.addCleanup(service.close)
        return service, manager

    def assert_tells_its_life(self, service, manager):
        self.assertEqual(manager.recv(100), b"READY=1")
        # Whoever is told so may connect.
        service.node.GetNode(harness.stubs.node_service.GetNodeRequest(), timeout=10)
        service.process.send_signal(signal.SIGTERM)
        self.assertEqual(manager.recv(100), b"STOPPING=1")
        self.assertEqual(service.process.wait(harness.DEADLINE_S), 0)

    def test_manager_that_listens_on_a_path(self):
        with tempfile.TemporaryDirectory(dir="/tmp") as directory:
            name = f"{directory}/notify"
            self.assert_tells_its_life(*self.start(name, name))

    def test_manager_that_listens_on_an_abstract_name(self):
        name = f"tcptool-{uuid.uuid4()}"
        self.assert_tells_its_life(*self.start(f"\0{name}", f"@{name}"))

    def test_serves_where_no_manager_listens(self):
        for variable in ("/nowhere/notify", "relative", "", "@", "/" + "x" * 200):
            with self.subTest(variable):
                service = Service(["env", f"NOTIFY_SOCKET={variable}"])
                self.addCleanup(service.close)
                service.node.GetNode(harness.stubs.node_service.GetNodeRequest(), timeout=10)
