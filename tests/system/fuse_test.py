"""Files of a server that changes them behind the kernel's cache, or that is gone."""

import os
import pathlib
import select
import signal
import socket
import tempfile
import time
import unittest

import grpc

import harness
from fleets import DistributionCase, state_of
from fuse import FILE, Fuse
from harness import Service, ServiceTest, port_of, wait_until
from tcptool_process import TcptoolTest

SIZE = 64 << 20
SMALL = 3 << 20


def mount(test, path, size, valid_s):
    path.mkdir()
    mounted = Fuse(path, size, valid_s)
    test.addCleanup(mounted.close)
    return mounted


class ChangedByTheServerTest(TcptoolTest):
    def test_mixture_is_taken_by_nobody_for_whole(self):
        mounted = mount(self, self.home / "mounted", SIZE, valid_s=600)
        sender = self.start_sender(self.home / "mounted" / FILE)
        peer = socket.socket()
        self.addCleanup(peer.close)
        peer.settimeout(harness.DEADLINE_S)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        peer.connect(("127.0.0.1", self.port))
        peer.sendall(b"\1")
        self.assertEqual(harness.read_exactly(peer, 1 << 20), b"O" * (1 << 20))
        mounted.change(b"N")
        _, is_whole = harness.read_to_end(peer)
        self.assertFalse(is_whole)
        status, _, errors = self.finish(sender)
        self.assertEqual(status, 1, errors)
        self.assertIn("the file has changed", errors)


class MountedLaterTest(ServiceTest):
    def test_a_root_that_is_mounted_after_the_start_is_served_as_it_is_then(self):
        with self.assertRaises(grpc.RpcError) as refused:
            self.service.create(path=FILE)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.addCleanup(Fuse(self.service.root, SMALL, valid_s=600).close)
        session = self.service.create(path=FILE)
        content = harness.read_all(self.connect(session, b"\1"))
        self.assertEqual(content, b"O" * SMALL)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")


class DeadRootsTest(unittest.TestCase):
    ROOTS = 3
    # A root that does not answer takes the start 5 s, and its first sessions 5 s more.
    LIMIT_S = 20

    def test_many_delay_the_start_no_longer_than_one(self):
        directory = tempfile.TemporaryDirectory(prefix="roots.")
        self.addCleanup(directory.cleanup)
        paths = [pathlib.Path(directory.name) / f"root{i}" for i in range(self.ROOTS)]
        mounts = [mount(self, path, SMALL, valid_s=0) for path in paths]
        service = Service(flags=[f"--root={path.name}={path}" for path in paths])
        self.addCleanup(service.close)
        session = harness.stubs.session
        names = []
        for path in paths * 2:
            spec = session.SessionSpec(file=session.FileSource(root=path.name, path=FILE))
            request = harness.stubs.session_service.CreateSessionRequest(
                session=session.Session(spec=spec)
            )
            names.append(service.sessions.CreateSession(request).name)
        service.kill()
        for mounted in mounts:
            mounted.hang()
            # Before the service is closed: the kernel ends no process that waits for one.
            self.addCleanup(mounted.come_back)
        began = time.monotonic()
        service.start()
        self.assertLess(time.monotonic() - began, self.LIMIT_S)
        for name in names:
            self.assertEqual(service.get(name).state, session.SESSION_STATE_FAILED)
            self.assertIn("does not answer", service.get(name).error)


class ServerThatIsGoneTest(ServiceTest):
    """The end of a session closes its file, which asks the server."""

    def setUp(self):
        super().setUp()
        self.mounted = mount(self, self.service.root / "mounted", SMALL, valid_s=600)
        self.dead = self.service.create(path=f"mounted/{FILE}")
        self.service.write_file("healthy", b"healthy" * 1000)

    def cancel(self):
        self.service.sessions.CancelSession(
            harness.stubs.session_service.CancelSessionRequest(name=self.dead.name),
            timeout=harness.DEADLINE_S,
        )

    def assert_the_service_goes_on(self):
        for _ in range(3):
            session = self.service.create(path="healthy")
            content = harness.read_all(self.connect(session, b"\1"))
            self.assertEqual(content, b"healthy" * 1000)
            self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def test_session_that_ends(self):
        peer = harness.connect(port_of(self.dead), b"\1")
        self.addCleanup(peer.close)
        self.assertEqual(len(harness.read_exactly(peer, SMALL)), SMALL)
        self.mounted.hang()
        self.cancel()
        self.assert_the_service_goes_on()

    def threads(self):
        return len(os.listdir(f"/proc/{self.service.process.pid}/task"))

    def test_many_sessions_take_one_thread(self):
        many = [self.service.create(path=f"mounted/{FILE}") for _ in range(40)]
        self.mounted.hang()
        before = self.threads()
        for self.dead in many:
            self.cancel()
        self.assert_the_service_goes_on()
        self.assertLess(self.threads() - before, len(many) // 2)

    def test_session_that_is_cancelled_while_it_waits(self):
        self.mounted.hang()
        self.cancel()
        self.assert_the_service_goes_on()


class DeadRootTest(unittest.TestCase):
    """Beside a root whose server is gone, with a session that waits for a block of it, a
    call that waits for a name in it, and the attributes of none known."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="root.")
        self.addCleanup(directory.cleanup)
        path = pathlib.Path(directory.name) / "mounted"
        self.mounted = mount(self, path, SIZE, valid_s=0)
        self.service = Service(
            flags=[f"--root=dead={path}", "--drain-timeout=0s", "--log-format=json"]
        )
        self.addCleanup(self.service.close)
        # Before the service is closed: the kernel ends no process that waits for one.
        self.addCleanup(self.mounted.come_back)
        self.requests = harness.stubs.session_service
        session = self.service.sessions.CreateSession(self.request())
        # READ: what the recipient has is less than the content, also with what is in buffers.
        recipient = harness.connect(port_of(session), b"\1")
        self.addCleanup(recipient.close)
        self.assertEqual(len(harness.read_exactly(recipient, 1 << 20)), 1 << 20)
        self.mounted.hang()
        while recipient in select.select([recipient], [], [], 1)[0]:
            self.assertTrue(recipient.recv(1 << 20))
        # LOOKUP.
        self.waits = self.service.sessions.CreateSession.future(
            self.request(), timeout=harness.DEADLINE_S
        )

    def request(self, **source):
        session = harness.stubs.session
        source = source or {"file": session.FileSource(root="dead", path=FILE)}
        return self.requests.CreateSessionRequest(
            session=session.Session(spec=session.SessionSpec(**source))
        )

    def test_calls_and_uploads_go_on(self):
        for _ in range(20):
            self.service.node.GetNode(harness.stubs.node_service.GetNodeRequest())
        session = self.service.sessions.CreateSession(
            self.request(upload=harness.stubs.session.UploadSource())
        )
        content = os.urandom(4 << 20)
        upload = self.service.sessions.UploadContent.future(
            iter(
                self.requests.UploadContentRequest(
                    name=session.name,
                    offset=offset,
                    data=content[offset : offset + (1 << 20)],
                    complete=offset + (1 << 20) == len(content),
                )
                for offset in range(0, len(content), 1 << 20)
            )
        )
        recipient = harness.connect(port_of(session), b"\1")
        self.assertEqual(harness.read_all(recipient), content)
        upload.result(timeout=harness.DEADLINE_S)
        self.service.wait_final(session.name)
        # Who asked for the root is told which it is.
        self.assertEqual(self.waits.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("dead", self.waits.details())

    def test_who_looks_around_is_told_which_root_it_is(self):
        requests = harness.stubs.file_service
        looks = [
            self.service.file_service.ListFiles.future(
                requests.ListFilesRequest(root="dead"), timeout=harness.DEADLINE_S
            ),
            self.service.file_service.StatFile.future(
                requests.StatFileRequest(root="dead", path=FILE), timeout=harness.DEADLINE_S
            ),
        ]
        for _ in range(20):
            self.service.node.GetNode(harness.stubs.node_service.GetNodeRequest())
        for look in looks:
            self.assertEqual(look.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertIn('root "dead" does not answer', look.details())

    def test_the_stop_goes_on(self):
        self.service.process.send_signal(signal.SIGTERM)
        harness.wait_until(
            lambda: [one for one in self.service.events() if one["event"] == "stopped"],
            "the service has stopped",
        )
        # The kernel has a thread of it still, which waits for the server.
        self.mounted.come_back()
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)


class DeadReceiveRootTest(DistributionCase):
    """A distribution into a root whose server is gone."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="root.")
        self.addCleanup(directory.cleanup)
        path = pathlib.Path(directory.name) / "mounted"
        self.mounted = mount(self, path, SMALL, valid_s=0)
        self.node_flags = (f"--receive=dead={path}",)
        super().setUp()
        # Before the services are closed: the kernel ends no process that waits for one.
        self.addCleanup(self.mounted.come_back)

    def test_an_upload_ends_and_is_told_which_root_it_is(self):
        names = harness.stubs.distribution_service
        types = harness.stubs.distribution
        self.mounted.hang()
        spec = types.DistributionSpec(
            upload=types.FleetUploadSource(),
            targets=types.DistributionTargets(all=True),
            destination=types.DistributionDestination(root="dead", path="file"),
        )
        name = self.a.distributions.CreateDistribution(
            names.CreateDistributionRequest(distribution=types.Distribution(spec=spec))
        ).name
        message = names.UploadDistributionRequest(name=name, data=b"content", complete=True)
        upload = self.a.distributions.UploadDistribution.future(
            iter([message]), timeout=harness.DEADLINE_S
        )
        wait_until(
            lambda: 'root "dead"' in self.a.distribution(name).detail,
            "the distribution names the root that it waits for",
        )
        self.assertEqual(upload.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn('root "dead"', upload.details())
        # It waits for another one.
        self.assertEqual(state_of(self.a.distribution(name)), "PLANNING")
