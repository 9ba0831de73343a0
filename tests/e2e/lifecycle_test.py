"""How the service starts and stops."""

import signal

import grpc

import harness
import recipients
from tcptool_process import free_port


class LifecycleTest(harness.ServiceTest):
    service_flags = ("--drain-timeout=0s",)

    def test_sigterm_resets_recipients_tells_watchers_and_ends_with_0(self):
        with open(self.service.root / "content", "wb") as file:
            file.truncate(200_000_000)
        session = self.service.create()
        peer = self.connect(session, recipients.START)
        self.assertTrue(peer.recv(1))
        watch = self.service.sessions.WatchSessions(
            harness.stubs.session_service.WatchSessionsRequest(include_recipients=True)
        )
        self.assertEqual(next(watch).changes[0].session.name, session.name)
        self.service.process.send_signal(signal.SIGTERM)
        seen = []
        with self.assertRaises(grpc.RpcError) as raised:
            for message in watch:
                seen.extend(message.changes)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        with self.assertRaises(ConnectionResetError):
            while peer.recv(1 << 20):
                pass
        final = [one.session for one in seen if one.WhichOneof("change") == "session"][-1]
        self.assert_session_state(final, "INTERRUPTED")
        last = [one.recipient for one in seen if one.WhichOneof("change") == "recipient"][-1]
        self.assert_recipient(last, "FAILED", "SERVICE_STOPPED")

    def test_busy_control_port_is_a_clear_error(self):
        second = harness.run_daemon(f"--control-address={self.service.control_address}")
        self.assertEqual(second.returncode, 1)
        self.assertIn(self.service.control_address, second.stderr)
        self.assertIn("in use", second.stderr)

    def test_busy_peer_address_names_the_option_that_chooses_it(self):
        busy = self.service.control_address
        second = harness.run_daemon(
            "--control-address=127.0.0.1:0",
            f"--peer-address={busy}",
            f"--peer-data-port={free_port()}",
        )
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"cannot listen on {busy}", second.stderr)
        self.assertIn("choose another --peer-address", second.stderr)

    def test_bad_flags_are_usage_errors(self):
        for flag, words in (
            ("--data-ports=9-8", "9-8"),
            ("--data-ports=1-99999", "1-99999"),
            ("--control-address=nonsense", "nonsense"),
            ("--control-address=0.0.0.0:0", "--insecure-control"),
            ("--data-address=host", "host"),
            ("--lanes=-1", "-1"),
            ("--log-level=loud", "loud"),
            ("--drain-timeout=60", "60s"),
            ("--nonsense", "nonsense"),
        ):
            with self.subTest(flag):
                result = harness.run_daemon(flag)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(words, result.stderr + result.stdout)

    def test_bad_root_is_named(self):
        for root, words in (("x=/nowhere/at/all", "/nowhere/at/all"), ("nonsense", "NAME=DIR")):
            with self.subTest(root):
                result = harness.run_daemon("--control-address=127.0.0.1:0", f"--root={root}")
                self.assertEqual(result.returncode, 1)
                self.assertIn(words, result.stderr)
