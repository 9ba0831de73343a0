"""The control API on a Unix socket."""

import grpc

from harness import run_daemon
from security import NODE, OWN_CONNECTION, SecurityTest, call


class UnixSocketTest(SecurityTest):
    def test_serves_its_group_and_replaces_what_a_killed_service_left(self):
        path = self.home / "control.sock"
        tokens = self.write_tokens(otto=("operator", "o"))
        get_node = f"/{NODE}/GetNode"
        for _ in range(2):
            service = self.serve(f"--token-file={tokens}", control=f"unix:{path}")
            self.assertEqual(path.stat().st_mode & 0o777, 0o660)
            with grpc.insecure_channel(service.control_address, OWN_CONNECTION) as channel:
                self.assertEqual(call(channel, get_node, "o")[0], grpc.StatusCode.OK)
                self.assertEqual(call(channel, get_node)[0], grpc.StatusCode.UNAUTHENTICATED)
            second = run_daemon(f"--control-address=unix:{path}")
            self.assertEqual(second.returncode, 1)
            self.assertIn("in use", second.stderr)
            service.process.kill()
            service.process.wait()
            self.assertTrue(path.exists())

    def test_another_file_is_left_alone(self):
        path = self.home / "file"
        path.write_text("mine", encoding="utf-8")
        done = run_daemon(f"--control-address=unix:{path}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no socket", done.stderr)
        self.assertEqual(path.read_text(encoding="utf-8"), "mine")
