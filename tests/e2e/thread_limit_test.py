"""A limit of tasks (a cgroup's, RLIMIT_NPROC): what strangers cannot make of it."""

import signal
import urllib.request

import grpc

import harness
import http2
from security import NODE, OWN_CONNECTION, SecurityTest, bearer, call

GET_NODE = f"/{NODE}/GetNode"
HEALTH_WATCH = b"/grpc.health.v1.Health/Watch"
CALLS = 50  # At a time, on one connection.
# libasan wants to be the first library. gRPC loses 40 bytes with each thread that it does
# not get, and does not join that of its timers then. The others are those of .bazelrc.
SANITIZERS = {
    "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0",
    "TSAN_OPTIONS": "halt_on_error=1:atexit_sleep_ms=0:report_thread_leaks=0",
}


class ThreadLimitTest(SecurityTest):
    def setUp(self):
        super().setUp()
        self.limit = self.home / "limit"
        self.environment = {
            "LD_PRELOAD": harness.program("no_more_threads"),
            "NO_MORE_THREADS": str(self.limit),
            **SANITIZERS,
        }
        self.prefix = ("env", *map("=".join, self.environment.items()))
        self.service = self.serve(
            f"--token-file={self.write_tokens(otto=('operator', 'o'))}", prefix=self.prefix
        )

    def call_often(self, token):
        """Many calls at a time on many connections, each of which is answered."""
        for _ in range(20):
            with grpc.insecure_channel(
                self.service.control_address, options=OWN_CONNECTION
            ) as channel:
                get_node = channel.unary_unary(GET_NODE)
                calls = [
                    get_node.future(b"", metadata=bearer(token), timeout=harness.DEADLINE_S)
                    for _ in range(CALLS)
                ]
                for one in calls:
                    code = grpc.StatusCode.OK if token == "o" else grpc.StatusCode.UNAUTHENTICATED
                    self.assertEqual(one.code(), code)

    def test_strangers_calls_need_no_thread_that_is_not_there(self):
        self.limit.write_text("0")
        self.call_often("bad")
        self.call_often("o")
        with grpc.insecure_channel(
            self.service.control_address, options=OWN_CONNECTION
        ) as channel:
            self.assertEqual(call(channel, GET_NODE, "o")[0], grpc.StatusCode.OK)
        url = f"http://{self.service.http_address}/healthz"
        with urllib.request.urlopen(url, timeout=harness.DEADLINE_S) as answer:
            self.assertEqual(answer.status, 200)
        self.assert_stops()

    def test_strangers_deadlines_need_no_thread_that_is_not_there(self):
        stranger = http2.Connection(self.service.control_address)
        self.addCleanup(stranger.close)
        self.limit.write_text("0")
        # Each ends by a timer of the service's, and is followed by another: the next timer
        # wants a thread beside the one that ends the call.
        for stream in range(1, 41, 2):
            stranger.call(stream, HEALTH_WATCH, b"", (b"grpc-timeout", b"10m"))
            self.assertTrue(self.is_ended(stranger, stream))
        with grpc.insecure_channel(
            self.service.control_address, options=OWN_CONNECTION
        ) as channel:
            self.assertEqual(call(channel, GET_NODE, "o")[0], grpc.StatusCode.OK)
        self.assert_stops()

    @staticmethod
    def is_ended(connection, stream):
        """Waits for the end of the call. False: the connection has ended."""
        while (frame := connection.read_frame()) is not None:
            kind, flags, number, _ = frame
            is_last = kind == http2.HEADERS and flags & http2.END_STREAM
            if number == stream and (is_last or kind == http2.RST_STREAM):
                return True
        return False

    def assert_stops(self):
        """In order, and without waiting for threads that gRPC has not got."""
        self.service.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        self.assertEqual(self.events(self.service, "stop_incomplete"), [])
        self.assertEqual(len(self.events(self.service, "stopped")), 1)

    def test_service_that_does_not_get_its_threads_says_what_to_raise(self):
        self.limit.write_text("20")
        ended = harness.run_daemon(
            "--control-address=127.0.0.1:0",
            environment=self.environment,
        )
        self.assertEqual(ended.returncode, 1)
        self.assertRegex(ended.stderr, r"gives the service \d+ threads, and it needs \d+")
        self.assertIn("TasksMax=", ended.stderr)
