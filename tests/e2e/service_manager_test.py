"""What the service tells its service manager, by the protocol of sd_notify(3)."""

import pathlib
import signal
import socket
import tempfile
import unittest
import uuid

import harness
from harness import Service, port_of
from listeners import listener_of
from tcptool_process import free_ports


class ServiceManagerTest(unittest.TestCase):
    def start(self, name, variable, *environment, **options):
        """A service that finds `variable` in its environment, and the manager's socket."""
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(name)
        manager.settimeout(harness.DEADLINE_S)
        service = Service(["env", f"NOTIFY_SOCKET={variable}", *environment], **options)
        self.addCleanup(service.close)
        return service, manager

    def start_abstract(self, *environment, **options):
        name = f"tcptool-{uuid.uuid4()}"
        service, manager = self.start(f"\0{name}", f"@{name}", *environment, **options)
        self.assertEqual(manager.recv(100), b"READY=1")
        return service, manager

    @staticmethod
    def assert_answers(service):
        request = harness.stubs.node_service.GetNodeRequest()
        service.node.GetNode(request, timeout=harness.DEADLINE_S)

    def assert_tells_its_life(self, service, manager):
        self.assertEqual(manager.recv(100), b"READY=1")
        # Whoever is told so may connect.
        self.assert_answers(service)
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
                self.assert_answers(service)

    def test_watchdog_hears_of_a_service_that_works_and_of_no_other(self):
        # A wrapper's number is no concern of the service, its own is.
        prefix = ("sh", "-c", 'WATCHDOG_USEC=2000000 WATCHDOG_PID=$$ exec "$@"', "sh")
        service, manager = self.start_abstract(*prefix)
        for _ in range(3):
            self.assertEqual(manager.recv(100), b"WATCHDOG=1")
        harness.stop_still(service.process)
        self.addCleanup(service.process.send_signal, signal.SIGCONT)
        # What it had sent before it was stopped, and then no more.
        manager.settimeout(5)
        with self.assertRaises(TimeoutError):
            for _ in range(10):
                self.assertEqual(manager.recv(100), b"WATCHDOG=1")

    def test_watchdog_hears_nothing_while_nobody_reaches_the_control_port(self):
        home = tempfile.TemporaryDirectory(prefix="manager.")
        self.addCleanup(home.cleanup)
        path = pathlib.Path(home.name) / "control"
        elsewhere = pathlib.Path(home.name) / "elsewhere"
        # Twice a second.
        service, manager = self.start_abstract("WATCHDOG_USEC=1000000", control=f"unix:{path}")
        self.assertEqual(manager.recv(100), b"WATCHDOG=1")
        path.rename(elsewhere)
        harness.wait_until(
            lambda: "control_unreachable" in service.log(), "the service says so"
        )
        # What it had sent before, and then no more.
        manager.settimeout(5)
        with self.assertRaises(TimeoutError):
            for _ in range(100):
                self.assertEqual(manager.recv(100), b"WATCHDOG=1")
        elsewhere.rename(path)
        manager.settimeout(harness.DEADLINE_S)
        self.assertEqual(manager.recv(100), b"WATCHDOG=1")
        self.assert_answers(service)

    def test_watchdog_hears_of_a_service_whose_peer_address_nobody_reaches(self):
        port, data_port = free_ports(2, 5_000, 9_999)
        service, manager = self.start_abstract(
            "WATCHDOG_USEC=1000000",
            flags=(f"--peer-address=127.0.0.1:{port}", f"--peer-data-port={data_port}"),
        )
        listener = listener_of(service.process.pid, port)
        self.addCleanup(listener.close)
        # It listens no more.
        listener.shutdown(socket.SHUT_RD)
        harness.wait_until(
            lambda: "control_unreachable" in service.log(), "the service says so"
        )
        # What it had sent before.
        manager.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                manager.recv(100)
        manager.settimeout(harness.DEADLINE_S)
        for _ in range(3):
            self.assertEqual(manager.recv(100), b"WATCHDOG=1")
        self.assert_answers(service)

    def test_watchdog_of_another_process_hears_nothing(self):
        for environment in (
            ("WATCHDOG_USEC=1000", "WATCHDOG_PID=1"),
            ("WATCHDOG_USEC=0",),
            ("WATCHDOG_USEC=x",),
        ):
            with self.subTest(environment):
                service, manager = self.start_abstract(*environment)
                service.process.send_signal(signal.SIGTERM)
                # Nothing came before it.
                self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_a_drain_asks_for_time_while_transfers_go_on(self):
        service, manager = self.start_abstract()
        service.write_file("content", bytes(24 << 20))
        session = service.create()
        peer = socket.create_connection(("127.0.0.1", port_of(session)))
        self.addCleanup(peer.close)
        peer.sendall(b"\1")
        peer.recv(1)
        service.process.send_signal(signal.SIGTERM)
        self.assertEqual(manager.recv(100), b"STOPPING=1")
        # It is asked again before what was asked for is over.
        for _ in range(2):
            self.assertEqual(manager.recv(100), b"EXTEND_TIMEOUT_USEC=30000000")
        while peer.recv(1 << 20):
            pass
        peer.close()
        self.assertEqual(service.process.wait(harness.DEADLINE_S), 0)
