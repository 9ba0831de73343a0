"""The state database: who may look into it, whose it is, and a disk that is full."""

import contextlib
import os
import pathlib
import resource
import signal
import sqlite3
import stat
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

import grpc

import harness
import recipients
from harness import Service, ServiceTest, stubs

CONTENT = os.urandom(1000)


def http_status(service, page):
    try:
        with urllib.request.urlopen(f"http://{service.http_address}/{page}") as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


class StateFileTest(ServiceTest):
    def run_daemon(self, *flags, **kwargs):
        return subprocess.run(
            [harness.program("tcptoold"), "--control-address=127.0.0.1:0", *flags],
            capture_output=True,
            text=True,
            check=False,
            timeout=harness.DEADLINE_S,
            **kwargs,
        )

    def test_others_may_not_look_into_it(self):
        for path, mode in (
            (self.service.state.parent, 0o700),
            (self.service.state, 0o600),
            (self.service.state.with_name("tcptoold.db-wal"), 0o600),
        ):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), mode, path)

    def test_second_daemon_is_refused(self):
        second = self.run_daemon(f"--state={self.service.state}")
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"{self.service.state}: another tcptoold uses it", second.stderr)

    def test_default_path_follows_the_environment(self):
        for name, path in (
            ("STATE_DIRECTORY", "tcptoold.db"),
            ("XDG_STATE_HOME", "tcptool/tcptoold.db"),
            ("HOME", ".local/state/tcptool/tcptoold.db"),
        ):
            with self.subTest(name):
                home = self.service.home / name
                home.mkdir()
                # A ready file that cannot be written ends it once the state is open.
                ended = self.run_daemon("--ready-file=/nowhere/at/all", env={name: str(home)})
                self.assertIn("/nowhere/at/all", ended.stderr)
                self.assertTrue((home / path).exists())

    def test_database_that_is_not_for_us_is_left_as_it_is(self):
        self.service.write_file("content", CONTENT)
        for _ in range(20):
            self.service.create()
        self.service.process.terminate()
        self.service.process.wait()
        whole = self.service.state.read_bytes()

        def damage():
            data = bytearray(whole)
            data[4096:12288] = os.urandom(8192)
            self.service.state.write_bytes(data)

        def no_database():
            self.service.state.write_bytes(b"no database " * 1000)

        def newer():
            self.service.state.write_bytes(whole)
            with contextlib.closing(sqlite3.connect(self.service.state)) as database:
                database.execute("PRAGMA user_version = 1000")

        def another_program():
            self.service.state.unlink()
            with contextlib.closing(sqlite3.connect(self.service.state)) as database:
                database.execute("CREATE TABLE theirs (x)")

        for spoil, words in (
            (damage, "damaged"),
            (no_database, "damaged"),
            (newer, "newer tcptoold"),
            (another_program, "another program"),
        ):
            with self.subTest(spoil.__name__):
                spoil()
                before = self.service.state.read_bytes()
                ended = self.run_daemon(f"--state={self.service.state}")
                self.assertEqual(ended.returncode, 1)
                self.assertIn(str(self.service.state), ended.stderr)
                self.assertIn(words, ended.stderr)
                self.assertEqual(self.service.state.read_bytes(), before)


class StraceTest(unittest.TestCase):
    """Services that have one state, some of them with system calls that strace changes."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="state.")
        self.addCleanup(directory.cleanup)
        self.state = pathlib.Path(directory.name).resolve() / "tcptoold.db"

    def start(self, *prefix):
        service = Service(prefix, [f"--state={self.state}"])
        self.addCleanup(service.close)
        service.write_file("content", CONTENT)
        return service

    def start_traced(self, *options):
        # Beside strace, LeakSanitizer does not work, and fails.
        without_leaks = ("-E", "ASAN_OPTIONS=detect_leaks=0")
        return self.start("strace", "-f", "-o", "/dev/null", *without_leaks, *options)

    def traced(self, service):
        """The process that strace has started; the service's own without strace."""
        pid = service.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else pid

    def end(self, service, number):
        # strace hands its own signals on to nobody.
        os.kill(self.traced(service), number)
        return service.process.wait(harness.DEADLINE_S)


class KilledInBetweenTest(StraceTest):
    """The service is killed when it has told something, and has not written it yet."""

    def start_slow(self):
        return self.start_traced(
            "-P", f"{self.state}-wal", "-e", "trace=write,pwrite64",
            "-e", "inject=write,pwrite64:delay_enter=1000000",
        )  # fmt: skip

    def find(self, service, name):
        try:
            return service.get(name)
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)
            return None

    def test_what_is_gone_stays_gone(self):
        slow = self.start_slow()
        session = slow.create(retention={"seconds": 1})
        peer = harness.connect(harness.port_of(session), recipients.START)
        self.assertEqual(harness.read_all(peer), CONTENT)
        harness.wait_until(lambda: not self.find(slow, session.name), "its retention is over")
        self.end(slow, signal.SIGKILL)
        self.assertIsNone(self.find(self.start(), session.name))

    def test_what_is_told_of_an_interrupted_session_stays(self):
        killed = self.start()
        name = killed.create().name
        self.end(killed, signal.SIGKILL)
        # Its root has no such file yet.
        slow = self.start_slow()
        told = slow.get(name)
        self.end(slow, signal.SIGKILL)
        self.assertEqual(told.state, stubs.session.SESSION_STATE_FAILED)
        self.assertEqual(self.start().get(name), told)


class NoSharedMemoryTest(StraceTest):
    """A file system without shared memory maps, as 9p."""

    def without_maps(self):
        return self.start_traced(
            "-P", f"{self.state}-shm", "-e", "trace=mmap", "-e", "inject=mmap:error=ENODEV"
        )

    def deliver(self, service):
        session = service.create()
        peer = harness.connect(harness.port_of(session), recipients.START)
        self.assertEqual(harness.read_all(peer), CONTENT)
        service.wait_final(session.name)
        return session.name

    def stop(self, service):
        self.assertEqual(self.end(service, signal.SIGTERM), 0)

    def test_state_is_kept_whatever_the_file_system_had_before(self):
        with_maps = self.start()
        names = [self.deliver(with_maps)]
        self.stop(with_maps)
        for _ in range(2):
            service = self.without_maps()
            names.append(self.deliver(service))
            # Others may read it meanwhile, as for a backup.
            with contextlib.closing(sqlite3.connect(self.state)) as database:
                (count,) = database.execute("SELECT count(*) FROM sessions").fetchone()
                self.assertEqual(count, len(names))
            self.stop(service)
            self.assertIn("store_without_shared_memory", service.log())
        with_maps = self.start()
        for name in names:
            self.assertEqual(
                with_maps.get(name).state, stubs.session.SESSION_STATE_SUCCEEDED, name
            )
        self.stop(with_maps)
        self.assertNotIn("store_without_shared_memory", with_maps.log())


class HangingDiskTest(StraceTest):
    """A disk that answers for some time, and then no more."""

    def create(self, service):
        spec = stubs.session.SessionSpec(
            file=stubs.session.FileSource(root="files", path="content")
        )
        request = stubs.session_service.CreateSessionRequest(
            session=stubs.session.Session(spec=spec)
        )
        try:
            return service.sessions.CreateSession(request, timeout=harness.DEADLINE_S)
        except grpc.RpcError as error:
            return error

    def kill_if_it_is_there(self, pidfd):
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)

    def test_it_is_told_and_the_stop_does_not_wait(self):
        service = self.start_traced(
            "-P", f"{self.state}-wal", "-e", "trace=fsync,fdatasync",
            "-e", "inject=fsync,fdatasync:delay_enter=1000000000:when=5+",
        )  # fmt: skip
        self.addCleanup(self.kill_if_it_is_there, os.pidfd_open(self.traced(service)))
        made = []
        while not isinstance(result := self.create(service), grpc.RpcError):
            made.append(result.name)
        # The first one that waits is answered after 10 s, later ones at once.
        for error in (result, self.create(service)):
            self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertIn(f"{self.state}: its disk has not answered", error.details())
        self.assertIn("store_failed", service.log())
        self.assertEqual(http_status(service, "readyz"), 503)
        self.assertEqual(http_status(service, "healthz"), 200)
        # What is in memory goes on.
        self.assertTrue(made)
        session = service.get(made[0])
        peer = harness.connect(harness.port_of(session), recipients.START)
        self.assertEqual(harness.read_all(peer), CONTENT)
        self.assertEqual(
            service.wait_final(session.name).state, stubs.session.SESSION_STATE_SUCCEEDED
        )
        pid = self.traced(service)
        os.kill(pid, signal.SIGTERM)
        self.wait_for_the_end_of_main(pid)

    def wait_for_the_end_of_main(self, pid):
        """The kernel keeps the process until the call of a thread of its ends."""
        status = pathlib.Path(f"/proc/{pid}/stat")
        harness.wait_until(
            lambda: status.read_text().rpartition(") ")[2].startswith("Z"), "main() has ended"
        )

    def test_the_stop_of_an_idle_service_does_not_wait(self):
        # The end of SQLite removes the log; then the lock goes.
        for call, end in (("unlink", "-wal"), ("close", ".lock")):
            with self.subTest(call):
                self.state = self.state.with_name(f"{call}.db")
                service = self.start_traced(
                    "-P", f"{self.state}{end}", "-e", f"trace={call}",
                    "-e", f"inject={call}:delay_enter=1000000000",
                )  # fmt: skip
                pid = self.traced(service)
                self.addCleanup(self.kill_if_it_is_there, os.pidfd_open(pid))
                os.kill(pid, signal.SIGTERM)
                self.wait_for_the_end_of_main(pid)
                self.assertIn("nothing is lost", service.log())


class FullDiskTest(ServiceTest):
    def setUp(self):
        super().setUp()
        # No file may grow beyond this, which is as a full disk is. Once the service runs, as
        # ThreadSanitizer makes a larger one at the start.
        most = 300 << 10
        resource.prlimit(self.service.process.pid, resource.RLIMIT_FSIZE, (most, most))

    def test_create_is_refused_and_the_service_goes_on(self):
        self.service.write_file("content", CONTENT)
        session = self.service.create()
        spec = stubs.session.SessionSpec(
            file=stubs.session.FileSource(root="files", path="content"),
            allow=["192.0.2.1"] * 1000,
            labels={f"label{n}": "x" * 200 for n in range(60)},
        )
        request = stubs.session_service.CreateSessionRequest(
            session=stubs.session.Session(spec=spec)
        )
        made = []
        with self.assertRaises(grpc.RpcError) as refused:
            for _ in range(60):
                made.append(self.service.sessions.CreateSession(request).name)
        self.assertIn(str(self.service.state), refused.exception.details())
        self.assertIn(
            refused.exception.code(),
            (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE),
        )
        harness.wait_until(lambda: "store_failed" in self.service.log(), "the log says so")
        # It was not made; the others are there, and are served.
        listed = self.service.sessions.ListSessions(
            stubs.session_service.ListSessionsRequest(page_size=1000)
        ).sessions
        self.assertEqual({one.name for one in listed}, {session.name, *made})
        peer = self.connect(session, recipients.START)
        self.assertEqual(harness.read_all(peer), CONTENT)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
