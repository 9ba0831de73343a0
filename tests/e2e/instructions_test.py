"""What a transfer costs in instructions of tcptool itself: none is spent on the bytes, which
the kernel alone copies. callgrind counts them, as it does the same on every machine."""

import os
import pathlib
import socket
import subprocess
import sys

import harness
from call_counts import LESS, MEBIBYTE, MORE, RECIPIENTS, TRIES
from harness import DEADLINE_S
from tcptool_process import TcptoolTest

# For each MiB to each recipient: a part of what it would be at least if each byte were looked
# at, or copied, by instructions that take 32 of them. What is left for system calls and turns
# depends on how much a call takes, and so on the scheduler.
MOST = MEBIBYTE // 64


class InstructionsTest(TcptoolTest):
    def setUp(self):
        super().setUp()
        self.totals = self.home / "totals"
        self.contents = {
            size: self.write(str(size), os.urandom(size * MEBIBYTE)) for size in (LESS, MORE)
        }

    def start_counted(self, *arguments, **options):
        callgrind = [
            "valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={self.totals}"
        ]  # fmt: skip
        return self.start("-d", "error", *arguments, prefix=callgrind, **options)

    def counted(self, process):
        """How many instructions it has run, once it has succeeded."""
        status, _, errors = self.finish(process)
        self.assertEqual(status, 0, errors)
        (totals,) = (
            line for line in self.totals.read_text().splitlines() if line.startswith("totals: ")
        )
        return int(totals.split()[1])

    def send(self, size, count, piped=False):
        cat = subprocess.Popen(["cat", self.contents[size]], stdout=subprocess.PIPE)
        self.addCleanup(cat.wait)
        sender = self.start_counted(
            "-s", self.port, "-c", "unlimited", *([] if piped else [self.contents[size]]),
            stdin=cat.stdout if piped else subprocess.DEVNULL,
        )  # fmt: skip
        cat.stdout.close()
        subprocess.run(
            [sys.executable, "-c", RECIPIENTS, str(self.port), str(count)],
            check=True,
            timeout=DEADLINE_S,
        )
        return self.counted(sender)

    def receive(self, size):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(DEADLINE_S)
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            recipient = self.start_counted(
                "-r", address, self.home / "output",
                env={**os.environ, "LD_PRELOAD": harness.program("whole_reads")},
            )  # fmt: skip
            peer, _ = listener.accept()
        with peer:
            peer.sendall(pathlib.Path(self.contents[size]).read_bytes())
            peer.shutdown(socket.SHUT_WR)
            return self.counted(recipient)

    def assert_bytes_are_left_alone(self, transfer, count=1):
        least = float("inf")
        for _ in range(TRIES):
            made = transfer(MORE) - transfer(LESS)
            least = min(least, made / (MORE - LESS) / count)
            if least <= MOST:
                break
        self.assertLessEqual(least, MOST, "instructions per MiB")

    def test_file_that_is_copied(self):
        self.assert_bytes_are_left_alone(lambda size: self.send(size, 1))

    def test_file_that_is_copied_to_many(self):
        self.assert_bytes_are_left_alone(lambda size: self.send(size, 8), count=8)

    def test_pipe(self):
        self.assert_bytes_are_left_alone(lambda size: self.send(size, 8, piped=True), count=8)

    def test_received_file(self):
        self.assert_bytes_are_left_alone(self.receive)
