"""Where options come from, and what the log looks like."""

import fcntl
import os
import pathlib
import re
import socket
import tempfile
import unittest

import grpc

import harness
import receptions
from harness import Service, ServiceTest, run_daemon, wait_until

MAN_PAGE = pathlib.Path("docs/tcptoold.8")


class ConfigTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="config.")
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)

    def write(self, text):
        path = self.home / "tcptoold.toml"
        path.write_text(text, encoding="utf-8")
        return f"--config={path}"

    def watchers(self, *flags, **environment):
        """The limit that a service has which is started so."""
        service = Service(prefix=("env", *(f"{k}={v}" for k, v in environment.items())),
                          flags=flags)
        self.addCleanup(service.close)
        request = harness.stubs.node_service.GetNodeRequest()
        return service.node.GetNode(request).limits.max_watchers

    def test_flags_go_before_the_environment_and_that_before_the_file(self):
        file = self.write("max-watchers = 7\n")
        self.assertEqual(self.watchers(file), 7)
        self.assertEqual(self.watchers(file, TCPTOOLD_MAX_WATCHERS="8"), 8)
        self.assertEqual(
            self.watchers(file, "--max-watchers=9", TCPTOOLD_MAX_WATCHERS="8"), 9
        )
        self.assertEqual(self.watchers(TCPTOOLD_CONFIG=file.partition("=")[2]), 7)

    def test_a_file_may_have_every_kind_of_option(self):
        for name in ("a", "b"):
            (self.home / name).mkdir()
        file = self.write(
            "# Where from.\n"
            f'root = ["a={self.home}/a", "b={self.home}/b"]\n'
            'control-address = "0.0.0.0:0"\n'
            "insecure-control = true\n"
            "lanes = 1\n"
            'log-format = "json"\n'
        )
        done = run_daemon("--check-config", file)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        missing = self.write(f'root = ["a={self.home}/nowhere"]\n')
        done = run_daemon("--check-config", missing)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nowhere", done.stderr)

    def test_the_file_is_toml(self):
        """What a reader of lines and commas would take for something else."""
        for name in ("a#b", "c,d", 'e"f'):
            (self.home / name).mkdir()
        file = self.write(
            "root = [\n"
            f"  'one={self.home}/a#b',  # A comment: with a # and \"quotes\".\n"
            f'  "two={self.home}/c,d",\n'
            f'  "three={self.home}/e\\"\\u0066",\n'
            "]\n"
            "max-watchers = 1_000\n"
            'data-address = """\n127.0.0.1"""\n'
        )
        service = Service(flags=[file])
        self.addCleanup(service.close)
        node = service.node.GetNode(harness.stubs.node_service.GetNodeRequest())
        # The harness' --root is on the command line, which goes first.
        self.assertEqual(node.limits.max_watchers, 1000)
        self.assertEqual(node.data_address, "127.0.0.1")
        self.assertEqual([root.name for root in node.roots], ["files"])
        done = run_daemon("--check-config", file)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_errors_in_the_file_have_a_place(self):
        for text, place, words in (
            ("lanes = 1\n max-watcher = 1\n", "2:2", '"max-watcher"'),
            ("lanes = 1\n[limits]\nmax-watchers = 1\n", "2:2", '"limits"'),
            ("lanes = \n", "1:9", "TOML"),
            ('log-level = "info"\nlog-level = "debug"\n', "2:", "TOML"),
            ("max-watchers = 0\n", "1:16", "--max-watchers"),
            ('log-level = ["info"]\n', "1:13", '"log-level"'),
            ("root = [1.5]\n", "1:9", "string"),
            ("check-config = true\n", "1:1", '"check-config"'),
            ('version = "1"\n', "1:1", '"version"'),
            ("status-page = 7.5\n", "1:15", "true or false"),
            ("insecure-control = 7\n", "1:20", "true or false"),
            ('status-page = "maybe"\n', "1:15", "true or false"),
            ('log-level = "loud"\n', "1:13", '"loud" is not debug, info, warning or error'),
            ("log-format = 1\n", "1:14", '"1" is not text or json'),
        ):
            with self.subTest(text):
                done = run_daemon("--check-config", self.write(text))
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(f"tcptoold.toml:{place}", done.stderr)
                self.assertIn(words, done.stderr)

    def test_brackets_are_no_list(self):
        """What CLI11 would split, and take without its brackets."""
        for flag in (f"--root=[a={self.home}]", f"--receive=[a={self.home},b={self.home}]"):
            with self.subTest(flag):
                done = run_daemon("--check-config", flag)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(f'"{flag.partition("=")[2]}"', done.stderr)
                self.assertIn("NAME=DIR", done.stderr)

    def test_an_empty_file_is_fine(self):
        done = run_daemon("--check-config", self.write(""))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = run_daemon("--check-config", f"--config={self.home}")
        self.assertEqual(done.returncode, 2)
        self.assertIn("Is a directory", done.stderr)

    def test_of_an_option_given_twice_the_last_one_counts(self):
        self.assertEqual(self.watchers("--max-watchers=3", "--max-watchers=4"), 4)
        for name in ("a", "b"):
            (self.home / name).mkdir()
        for flags in (
            ["--log-level=debug", "--log-level=info"],
            ["--data-ports=1-2", "--data-ports=20000-20099"],
            ["--drain-timeout=1s", "--drain-timeout=2s"],
            ["--status-page", "--status-page"],
            [f"--config={self.home}/absent", self.write("lanes = 1\n")],
        ):
            with self.subTest(flags[0]):
                done = run_daemon("--check-config", *flags)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
        service = Service(flags=[f"--root=a={self.home}/a", f"--root=b={self.home}/b"])
        self.addCleanup(service.close)
        node = service.node.GetNode(harness.stubs.node_service.GetNodeRequest())
        self.assertEqual({root.name for root in node.roots}, {"files", "a", "b"})

    def test_what_is_wrong_is_named(self):
        for text, words in (
            ("max-watcher = 1\n", "max-watcher"),
            ("[limits]\nmax-watchers = 1\n", "limits"),
            ('config = "other"\n', "config"),
            ("max-watchers = 0\n", "--max-watchers"),
            ('log-level = "loud"\n', "loud"),
        ):
            with self.subTest(text):
                done = run_daemon("--check-config", self.write(text))
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(words, done.stderr)
        done = run_daemon("--check-config", f"--config={self.home}/absent")
        self.assertEqual(done.returncode, 2)
        self.assertIn("absent: cannot read it: No such file or directory", done.stderr)
        done = run_daemon("--check-config", environment={"TCPTOOLD_LANES": "many"})
        self.assertEqual(done.returncode, 2)
        self.assertIn("--lanes", done.stderr)

    def test_recipients_are_told_an_address_that_they_can_use(self):
        for flags, data, listen in (
            (["--advertise-address=node-1.example"], "node-1.example", "0.0.0.0"),
            (["--advertise-address=2001:db8::7"], "[2001:db8::7]", "0.0.0.0"),
            (["--data-address=127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        ):
            with self.subTest(flags[0]):
                service = Service(flags=flags)
                self.addCleanup(service.close)
                service.write_file("content", b"content")
                session = service.create()
                port = harness.port_of(session)
                self.assertEqual(session.data_endpoint, f"{data}:{port}")
                self.assertEqual(session.listen_endpoint, f"{listen}:{port}")
                service.restart()
                again = service.get(session.name)
                self.assertEqual(
                    (again.data_endpoint, again.listen_endpoint),
                    (session.data_endpoint, session.listen_endpoint),
                )
        # Without any option, whoever connects there is served.
        service = Service()
        self.addCleanup(service.close)
        service.write_file("content", b"content")
        session = service.create()
        host, _, port = session.data_endpoint.rpartition(":")
        self.assertNotEqual(host, "0.0.0.0")
        with socket.create_connection((host, int(port)), harness.DEADLINE_S) as peer:
            peer.sendall(b"\1")
            self.assertEqual(peer.recv(16), b"content")
        for wrong in ("node:9876", "", "a b", "[::1]"):
            done = run_daemon("--check-config", f"--advertise-address={wrong}")
            self.assertEqual(done.returncode, 2, wrong)

    def test_help_and_the_man_page_name_the_same(self):
        help_ = run_daemon("--help").stdout
        page = MAN_PAGE.read_text(encoding="utf-8")
        helped = set(re.findall(r"^ +(?:-h,)?--([a-z-]+)", help_, re.MULTILINE))
        listed = set(re.findall(r"^\.It Fl -([a-z-]+)", page, re.MULTILINE))
        self.assertEqual(helped, listed)
        helped = set(re.findall(r"\(Env:(\w+)\)", help_))
        self.assertIn("TCPTOOLD_CONTROL_ADDRESS", helped)
        listed = set(re.findall(r"^\.It Ev (TCPTOOLD_\w+)", page, re.MULTILINE))
        self.assertEqual(helped, listed)


class LimitsTest(ServiceTest):
    """What one client may cost, each limit at its least."""

    service_flags = (
        "--max-watchers=1",
        "--max-sessions=1",
        "--max-receptions=1",
        "--max-running-receptions=1",
        f"--receive=disk={os.environ['TEST_TMPDIR']}",
        f"--max-message-bytes={64 << 10}",
        f"--max-upload-bytes={64 << 20}",
    )

    def assert_exhausted(self, call, *arguments, **keywords):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, **keywords)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        return caught.exception.details()

    def test_limits_hold_and_are_told(self):
        request = harness.stubs.session_service.WatchSessionsRequest()
        watch = self.service.sessions.WatchSessions(request)
        next(watch)
        self.assert_exhausted(next, self.service.sessions.WatchSessions(request))
        self.service.write_file("content", b"content")
        self.assert_exhausted(self.service.create, labels={"a": "x" * (64 << 10)})
        self.service.create()
        self.assertIn("1", self.assert_exhausted(self.service.create))
        limits = self.service.node.GetNode(
            harness.stubs.node_service.GetNodeRequest()
        ).limits
        self.assertEqual(
            (limits.max_watchers, limits.max_sessions, limits.max_message_bytes,
             limits.max_upload_bytes, limits.max_receptions, limits.max_running_receptions),
            (1, 1, 64 << 10, 64 << 20, 1, 1),
        )

    def test_receptions(self):
        names = harness.stubs.reception
        sender = receptions.Sender(self)

        def create(path):
            return self.service.receptions.CreateReception(
                harness.stubs.reception_service.CreateReceptionRequest(
                    reception=names.Reception(
                        spec=names.ReceptionSpec(
                            sender=names.SenderSource(address=sender.address),
                            destination=names.FileDestination(root="disk", path=path),
                        )
                    )
                )
            )

        first = create("one")
        self.assertIn("1", self.assert_exhausted(create, "two"))
        peer, _ = sender.accept()
        harness.reset(peer)

        def is_free():
            try:
                return create("two")
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
                return None

        harness.wait_until(is_free, "the first one has ended")
        with self.assertRaises(grpc.RpcError) as caught:  # It has made room.
            self.service.receptions.GetReception(
                harness.stubs.reception_service.GetReceptionRequest(name=first.name)
            )
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)


class StreamsLimitTest(ServiceTest):
    service_flags = ("--max-concurrent-streams=2",)

    def test_calls_beyond_the_limit_wait_for_one_to_end(self):
        """HTTP/2 tells the client, which holds them back (RFC 9113, section 5.1.2)."""
        request = harness.stubs.session_service.WatchSessionsRequest()
        watches = [self.service.sessions.WatchSessions(request) for _ in range(2)]
        for watch in watches:
            next(watch)
        node = harness.stubs.node_service.GetNodeRequest()
        waiting = self.service.node.GetNode.future(node, timeout=harness.DEADLINE_S)
        with self.assertRaises(grpc.RpcError) as caught:
            self.service.node.GetNode(node, timeout=0.5)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertFalse(waiting.done())
        watches[0].cancel()
        self.assertGreater(waiting.result().limits.max_watchers, 0)


class LogTest(ServiceTest):
    service_flags = ("--log-format=json",)

    def test_every_line_is_json_whatever_names_have_in_them(self):
        name = 'we"ird\\ \n\t\x7f\u00e4\u009b\u202e\u2028\U0001f4be'
        self.service.write_file(name, b"content")
        session = self.service.create(path=name)
        self.service.sessions.CancelSession(
            harness.stubs.session_service.CancelSessionRequest(name=session.name)
        )

        def events():
            events = self.service.events()
            return events if events[-1]["event"] == "audit" and len(events) > 3 else None

        events = wait_until(events, "the log has the calls")
        for event in events:
            self.assertRegex(event["event"], r"^[a-z_]+$")
            self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$")
            self.assertIn(event["level"], ("debug", "info", "warning", "error"))
        for character in "\u009b\u202e\u2028":
            self.assertNotIn(character, self.service.log())
        (created,) = [event for event in events if event["event"] == "session_created"]
        self.assertEqual((created["session"], created["path"]), (session.name, name))


class UnreadLogTest(ServiceTest):
    """A log that is a pipe which nobody reads."""

    service_flags = ("--log-format=json",)

    def setUp(self):
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        # The least that a pipe has: it is full after some lines.
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)
        # The shell's descriptor, as the harness gives the service a file.
        self.service_prefix = (
            "sh", "-c", f'exec "$@" 2>/proc/{os.getpid()}/fd/{self.writer}', "sh",
        )
        super().setUp()
        os.close(self.writer)

    def test_it_holds_up_no_call_and_no_stop(self):
        self.service.write_file("content", b"content")
        for _ in range(200):
            session = self.service.create()
            self.service.sessions.CancelSession(
                harness.stubs.session_service.CancelSessionRequest(name=session.name),
                timeout=harness.DEADLINE_S,
            )
        self.service.process.terminate()
        self.assertEqual(self.service.process.wait(harness.DEADLINE_S), 0)
