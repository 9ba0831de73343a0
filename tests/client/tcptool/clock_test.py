"""A clock of the day that is set, as on a machine that has just been imaged, changes no
wait, no rate and no estimate."""

import pathlib
import re
import time

import harness
from day_clock import DayClock
from tcptool_process import TcptoolTest


class ClockTest(TcptoolTest):
    def setUp(self):
        super().setUp()
        self.clock = DayClock()
        self.addCleanup(self.clock.close)

    def wait_trying(self, process):
        """Until it has waited for its next attempt a few times."""
        status = pathlib.Path(f"/proc/{process.pid}/status")
        pattern = re.compile(r"^voluntary_ctxt_switches:\s+(\d+)", re.MULTILINE)
        harness.wait_until(
            lambda: int(pattern.search(status.read_text())[1]) > 5, "it tries to connect"
        )

    def test_recipient_waits_on_although_the_clock_jumps(self):
        recipient = self.start(
            "-r", self.sender_endpoint, "--wait", "5m", prefix=self.clock.prefix
        )
        self.wait_trying(recipient)
        self.clock.set("+30d")
        # It is given time to notice, which it does not.
        time.sleep(0.5)
        self.assertIsNone(recipient.poll())
        sender = self.start("-s", self.port, self.write("content", b"content"))
        self.assertEqual(self.finish(recipient), (0, b"content", ""))
        self.assertEqual(self.finish(sender)[0], 0)

    def test_wait_ends_although_the_clock_is_set_back(self):
        recipient = self.start(
            "-r", self.sender_endpoint, "--wait", "5s", prefix=self.clock.prefix
        )
        self.wait_trying(recipient)
        self.clock.set("-30d")
        self.assertEqual(self.finish(recipient)[0], 1)

    def test_rates_and_estimates_are_of_the_steady_clock(self):
        size = 3_000_000
        sender = self.start_sender(
            "--rate", "1000000", "-d", "p", self.write("content", bytes(size)), prefix=self.clock.prefix
        )
        peer = self.connect()
        peer.recv(1)
        self.clock.set("-30d")
        harness.read_all(peer)
        status, _, errors = self.finish(sender)
        self.assertEqual(status, 0)
        rate = re.fullmatch(rf"tcptool: {size} bytes, (.*) MB/s, .*", errors.splitlines()[-1])[1]
        self.assertGreater(float(rate), 0)
        self.assertLess(float(rate), 1.5)
