"""Where options come from, and what the log looks like."""

import pathlib
import re
import tempfile
import unittest

import grpc

import harness
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
        self.assertIn("absent", done.stderr)
        done = run_daemon("--check-config", environment={"TCPTOOLD_LANES": "many"})
        self.assertEqual(done.returncode, 2)
        self.assertIn("--lanes", done.stderr)

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
             limits.max_upload_bytes),
            (1, 1, 64 << 10, 64 << 20),
        )


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
        name = 'we"ird\\ \n\t\x7f\u00e4\u2028\U0001f4be'
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
        (created,) = [event for event in events if event["event"] == "session_created"]
        self.assertEqual((created["session"], created["path"]), (session.name, name))
