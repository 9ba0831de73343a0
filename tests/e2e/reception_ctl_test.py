"""tcptoolctl's receive, and what else it does with receptions: what it prints, and each exit
status that its manual page names."""

import contextlib
import hashlib
import socket
import subprocess

import harness
from receptions import MIB, ReceptionCase, Sender, state_of
from tcptool_process import free_port

SERVICE_SAID = 1
USAGE = 2


class ReceptionCtlTest(ReceptionCase):
    def tcptool(self):
        """The address of one that sends the content once."""
        return self.start_sender(harness.program("tcptool"), "-s", "PORT", "FILE")[1]

    def assert_fails(self, arguments, *words, status=SERVICE_SAID):
        """What it prints on its standard output."""
        got, output, errors = self.ctl(*arguments)
        self.assertEqual(got, status, (output, errors))
        for word in words:
            self.assertIn(word, errors)
        return output

    def start_ctl(self, *arguments):
        process = subprocess.Popen(
            [harness.program("tcptoolctl"), f"--server={self.service.control_address}", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_one_that_succeeds(self):
        digest = hashlib.sha256(self.content).hexdigest()
        status, output, errors = self.ctl(
            "receive", "--from", self.tcptool(), "--to", "disk/file", "--start", "--sha256",
            digest, "--reception-id=mine", "--watch",
        )  # fmt: skip
        self.assertEqual((status, errors), (0, ""), output)
        self.assertEqual(output.splitlines()[0], "reception: receptions/mine")
        self.assertIn("receptions/mine: SUCCEEDED, 5.0 MiB of 5.0 MiB", output.splitlines()[-1])
        self.assertEqual((self.disk / "file").read_bytes(), self.content)
        status, output, errors = self.ctl("receptions")
        self.assertEqual((status, errors), (0, ""))
        self.assertRegex(output.splitlines()[1], r"^receptions/mine +SUCCEEDED .* disk/file ")
        status, output, errors = self.ctl("get", "receptions/mine")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn(digest, output)
        status, output, errors = self.ctl("--output=json", "receptions")
        self.assertIn('"name":"receptions/mine"', output)
        # It has ended: there is nothing to wait for, nor to be ended.
        for command in ("watch", "cancel"):
            status, output, errors = self.ctl(command, "receptions/mine")
            self.assertEqual((status, errors), (0, ""))
            self.assertIn("SUCCEEDED", output)
        self.assertEqual(self.ctl("delete", "receptions/mine"), (0, "", ""))
        self.assert_fails(["get", "receptions/mine"], "NOT_FOUND")
        self.assertEqual((self.disk / "file").read_bytes(), self.content)

    def test_sha256_that_is_to_be_told(self):
        status, output, errors = self.ctl(
            "receive", "--from", self.tcptool(), "--to=disk/told", "--start", "--compute-sha256",
            "--reception-id=told", "--watch",
        )  # fmt: skip
        self.assertEqual((status, errors), (0, ""), output)
        digest = hashlib.sha256(self.content).hexdigest()
        self.assertIn(digest, self.ctl("get", "receptions/told")[1])

    def test_sha256_of_another_content(self):
        digest = hashlib.sha256(self.content).hexdigest()
        self.assert_fails(
            ["receive", "--from", self.tcptool(), "--to=disk/file", "--start", "--watch",
             "--sha256", "ab" * 32],
            "FAILED (DIGEST_MISMATCH)", digest, "ab" * 32,
        )  # fmt: skip
        self.wait_files()

    def test_wait_for_a_sender_that_comes_later(self):
        port = free_port()
        process = self.start_ctl(
            "receive", "--from", f"127.0.0.1:{port}", "--to=disk/file", "--start", "--wait=10m",
            "--reception-id=late", "--watch",
        )  # fmt: skip
        self.assertEqual(process.stdout.readline(), "reception: receptions/late\n")
        self.assertEqual(state_of(self.get("receptions/late")), "CONNECTING")
        peer, byte = Sender(self, port).accept()
        self.assertEqual(byte, b"\1")
        peer.sendall(self.content)
        peer.shutdown(socket.SHUT_WR)
        output, errors = process.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual((process.returncode, errors), (0, ""), output)
        self.assert_whole("receptions/late")

    def test_wait_for_a_sender_that_never_comes(self):
        port = free_port()
        for wait in ("0s", "200ms"):
            with self.subTest(wait):
                output = self.assert_fails(
                    ["receive", "--from", f"127.0.0.1:{port}", "--to=disk/file",
                     f"--wait={wait}", f"--reception-id=w{wait}", "--watch"],
                    f"receptions/w{wait} ended as FAILED (UNREACHABLE)",
                    f"127.0.0.1:{port}",
                    "refused",
                )  # fmt: skip
                self.assertIn("FAILED (UNREACHABLE)", output.splitlines()[-1])
        self.wait_files()

    def test_overwrite(self):
        (self.disk / "file").write_bytes(b"before")
        self.assert_fails(
            ["receive", "--from", f"127.0.0.1:{free_port()}", "--to=disk/file", "--watch"],
            "ALREADY_EXISTS", "file", "overwrite",
        )  # fmt: skip
        self.assertEqual((self.disk / "file").read_bytes(), b"before")
        status, output, errors = self.ctl(
            "receive", "--from", self.tcptool(), "--to=disk/file", "--start", "--overwrite",
            "--watch",
        )  # fmt: skip
        self.assertEqual((status, errors), (0, ""), output)
        self.assertEqual((self.disk / "file").read_bytes(), self.content)

    def test_watched_ones_that_are_ended(self):
        """By somebody else."""
        for command, words in (
            (("cancel", "receptions/one"), ["ended as CANCELLED"]),
            (("delete", "--force", "receptions/one"), ["ended as CANCELLED", "was deleted"]),
        ):
            with self.subTest(command):
                sender = Sender(self)
                process = self.start_ctl(
                    "receive", "--from", sender.address, "--to=disk/file",
                    "--reception-id=one", "--watch",
                )  # fmt: skip
                sender.accept()
                self.wait_state("receptions/one", "WAITING")
                # Only what is watched already can be seen to end.
                while "WAITING" not in process.stdout.readline():
                    pass
                status, _, errors = self.ctl(*command)
                self.assertEqual((status, errors), (0, ""))
                _, errors = process.communicate(timeout=harness.DEADLINE_S)
                self.assertEqual(process.returncode, SERVICE_SAID)
                self.assertTrue(any(word in errors for word in words), errors)
                self.wait_files()
                self.ctl("delete", "receptions/one")

    def test_service_that_comes_back(self):
        """The watch goes on over its restart, and tells what has become of the reception."""
        self.service = harness.Service(
            flags=self.service_flags, control=f"127.0.0.1:{free_port()}"
        )
        self.addCleanup(self.service.close)
        sender = Sender(self)
        process = self.start_ctl(
            "receive", "--from", sender.address, "--to=disk/file", "--reception-id=one", "--watch"
        )
        peer, _ = sender.accept()
        peer.sendall(self.content[:MIB])
        while "RECEIVING" not in process.stdout.readline():
            pass
        self.service.restart()
        _, errors = process.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(process.returncode, SERVICE_SAID)
        self.assertIn("receptions/one ended as INTERRUPTED", errors)
        self.wait_files()

    def test_service_that_is_away(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as unused:
            port = unused.getsockname()[1]
        self.assert_fails(
            [f"--server=127.0.0.1:{port}", "receive", "--from=127.0.0.1:1", "--to=disk/file"],
            "UNAVAILABLE", str(port),
        )  # fmt: skip

    def test_what_the_service_refuses(self):
        for arguments, word in (
            (["--from=nowhere", "--to=disk/file"], "INVALID_ARGUMENT"),
            (["--from=127.0.0.1:1", "--to=nothing/file"], "NOT_FOUND"),
            (["--from=127.0.0.1:1", "--to=disk/../file"], "PERMISSION_DENIED"),
            (["--from=127.0.0.1:1", "--to=disk/file", "--sha256=123"], "expected_sha256"),
        ):
            with self.subTest(arguments):
                self.assert_fails(["receive", *arguments], word)
        for command in ("get", "watch", "cancel", "delete"):
            with self.subTest(command):
                self.assert_fails([command, "receptions/none"], "NOT_FOUND", "receptions/none")

    def test_wrong_command_lines(self):
        source, target = "--from=127.0.0.1:1", "--to=disk/file"
        for arguments, word in (
            ([source], "--to"),
            ([target], "--from"),
            ([source, "--to=disk"], "--to"),
            ([source, target, "--wait=soon"], "--wait"),
            ([source, target, "--wait=-1s"], "--wait"),
            ([source, target, "--fallback=127.0.0.1:2/receptions/one"], "--fallback"),
            ([source, target, "--nothing"], "--nothing"),
            ([source, target, "more"], "more"),
        ):
            with self.subTest(arguments):
                self.assert_fails(["receive", *arguments], word, status=USAGE)
        listed = self.service.receptions.ListReceptions(self.messages.ListReceptionsRequest())
        self.assertEqual(list(listed.receptions), [])
