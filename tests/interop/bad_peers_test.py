"""Recipients that do not behave harm neither the others nor the sender."""

import hashlib
import os
import socket
import subprocess

import harness
import tcptool_process
from tcptool_process import TcptoolTest

# Long enough for a good recipient on a busy machine.
STALL_TIMEOUT = "10s"


class BadPeersTest(TcptoolTest):
    def start_good(self, *arguments):
        return self.start("-r", self.sender_endpoint, *arguments, self.home / "good")

    def assert_has(self, recipient, content):
        status, _, errors = self.finish(recipient)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual((self.home / "good").read_bytes(), content)

    def assert_outcome(self, sender, succeeded, failed):
        status, _, errors = self.finish(sender)
        self.assertEqual(status, 1 if failed else 0, errors)
        self.assertEqual(errors.count("Transmission succeeded for '127.0.0.1'."), succeeded)
        self.assertEqual(errors.count("Transmission failed for '127.0.0.1'!"), failed)

    def test_one_that_never_reads_a_file_stalls_alone(self):
        content = os.urandom(40_000_000)
        sender = self.start_sender(
            "-c", "2", "--stall-timeout", STALL_TIMEOUT, self.write("content", content)
        )
        self.connect()
        self.assert_has(self.start_good(), content)
        self.assert_outcome(sender, succeeded=1, failed=1)

    def test_one_that_never_reads_a_stream_holds_it_up_no_longer_than_it_may(self):
        # More than the sender keeps for the slowest.
        size = 96 << 20
        with subprocess.Popen(
            ["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE
        ) as content:
            sender = self.start_sender(
                "-c", "2", "--stall-timeout", STALL_TIMEOUT, stdin=content.stdout
            )
            self.connect()
            recipient = self.start_good("--sha256")
            status, _, errors = self.finish(recipient)
            content.stdout.close()
        digest = hashlib.sha256(bytes(size)).hexdigest()
        self.assertEqual((status, errors), (0, f"tcptool: SHA-256 {digest}\n"))
        self.assert_outcome(sender, succeeded=1, failed=1)

    def test_one_that_lags_behind_a_stream_is_given_up_before_it_stalls(self):
        # More than the sender keeps for the slowest: without a limit, the good one would
        # wait for the other until that has stalled.
        size = 96 << 20
        with subprocess.Popen(
            ["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE
        ) as content:
            sender = self.start_sender(
                "-c", "2", "--max-lag", str(16 << 20), "--stall-timeout", "1h",
                stdin=content.stdout,
            )
            self.connect()
            recipient = self.start_good()
            status, _, errors = self.finish(recipient)
            content.stdout.close()
        self.assertEqual((status, errors), (0, ""))
        self.assert_outcome(sender, succeeded=1, failed=1)

    def test_silent_peers_do_not_take_the_place_of_a_recipient(self):
        content = os.urandom(1000)
        sender = self.start_sender(self.write("content", content))
        silent = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(50)]
        for peer in silent:
            self.addCleanup(peer.close)
        self.assert_has(self.start_good(), content)
        for peer in silent:
            peer.close()
        self.assert_outcome(sender, succeeded=1, failed=0)

    def test_one_that_goes_on_talking_is_served(self):
        content = os.urandom(1_000_000)
        sender = self.start_sender("-c", "2", self.write("content", content))
        talker = self.connect(b"\0" + os.urandom(100_000))
        recipient = self.start_good()
        self.assertEqual(harness.read_all(talker), content)
        talker.close()
        self.assert_has(recipient, content)
        self.assert_outcome(sender, succeeded=2, failed=0)

    def test_more_than_were_asked_for_are_turned_away(self):
        content = os.urandom(1000)
        sender = self.start_sender(
            "-c", "unlimited", "-d", "debug", self.write("content", content),
            env={**os.environ, "TCPTOOL_MAX_CLIENTS": "1"},
        )
        waiting = self.connect()
        tcptool_process.wait_line(sender, " is READY.")
        extra = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(extra.close)
        with self.assertRaises(ConnectionResetError):
            extra.recv(1)
        harness.reset(waiting)
        tcptool_process.wait_line(sender, "Transmission failed for '127.0.0.1'!")
        self.assert_has(self.start_good("-t"), content)
        self.assertEqual(self.finish(sender)[0], 0)
