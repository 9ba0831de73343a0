"""What a transfer costs in system calls, which do not depend on how fast or how busy the
machine is as times do. A change that makes tcptool ask the kernel for less at a time, or
more often, is seen here."""

import os
import subprocess
import sys
import tempfile

import harness
from tcptool_process import TcptoolTest

MEBIBYTE = 1 << 20

# Two contents, of which the difference is looked at: what a process or a connection does
# once is in both.
LESS, MORE = 8, 72

# The figures are the least of several transfers, until they are good enough: a recipient
# that is not given the processor when it could read makes the sender's calls smaller, and
# nothing makes them fewer.
TRIES = 6
MARGIN = 1.1

PORT = 20001

# Connects as often as it is told; the last byte starts.
RECIPIENTS = """
import socket, sys, threading, time
port, count = map(int, sys.argv[1:])
recipients = []
while len(recipients) < count:
    try:
        recipients.append(socket.create_connection(("127.0.0.1", port)))
    except ConnectionRefusedError:
        time.sleep(0.01)
def read(recipient):
    buffer = bytearray(1 << 20)
    while recipient.recv_into(buffer):
        pass
    recipient.close()
readers = [threading.Thread(target=read, args=[recipient]) for recipient in recipients]
for reader in readers:
    reader.start()
for recipient in recipients:
    recipient.sendall(bytes([recipient is recipients[-1]]))
for reader in readers:
    reader.join()
"""


def counts(summary):
    """How often each call was made, by the table of `strace -c`."""
    calls = {}
    for line in summary.splitlines():
        fields = line.split()
        if len(fields) >= 5 and fields[3].isdigit():
            calls[fields[-1]] = int(fields[3])
    return calls


class SystemCallsTest(TcptoolTest):
    def setUp(self):
        super().setUp()
        self.namespace = f"calls{os.getpid()}"
        try:
            self.ip("netns", "add", self.namespace)
        except subprocess.CalledProcessError as error:
            # A container may not make any.
            self.skipTest(f"no network namespace can be had: {error}")
        self.addCleanup(self.ip, "netns", "del", self.namespace)
        self.ip("-n", self.namespace, "link", "set", "lo", "up")
        # A tmpfs may answer a read that is not to wait with EOPNOTSUPP.
        directory = tempfile.TemporaryDirectory(prefix="calls.", dir="/var/tmp")
        self.addCleanup(directory.cleanup)
        self.contents = {}
        for size in LESS, MORE:
            self.contents[size] = os.path.join(directory.name, str(size))
            with open(self.contents[size], "wb") as file:
                file.write(os.urandom(size * MEBIBYTE))
        self.summary = self.home / "summary"

    @staticmethod
    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True)

    def transfer(self, size, count, piped):
        """The sender's calls. It has one lane, whatever the machine has."""
        inside = ["ip", "netns", "exec", self.namespace]
        content = self.contents[size]
        lane = str(min(os.sched_getaffinity(0)))
        cat = subprocess.Popen(["cat", content], stdout=subprocess.PIPE)
        self.addCleanup(cat.wait)
        sender = self.start(
            "-d", "error", "-s", PORT, "-c", "unlimited", *([] if piped else [content]),
            prefix=[*inside, "taskset", "--cpu-list", lane,
                    "strace", "-f", "-c", "-o", self.summary],
            stdin=cat.stdout if piped else subprocess.DEVNULL,
        )  # fmt: skip
        cat.stdout.close()
        recipients = [sys.executable, "-c", RECIPIENTS, str(PORT), str(count)]
        subprocess.run([*inside, *recipients], check=True, timeout=harness.DEADLINE_S)
        self.assertEqual(self.finish(sender)[0], 0)
        return counts(self.summary.read_text(encoding="ascii"))

    def assert_costs(self, recorded, count, piped=False):
        """`recorded`: calls for each MiB to each recipient."""
        least = {name: float("inf") for name in recorded}
        for _ in range(TRIES):
            less, more = (self.transfer(size, count, piped) for size in (LESS, MORE))
            for name in recorded:
                made = more.get(name, 0) - less.get(name, 0)
                least[name] = min(least[name], made / (MORE - LESS) / count)
            if all(least[name] <= most * MARGIN for name, most in recorded.items()):
                break
        # Where half of them are gone, they are others now, and are to be recorded anew.
        for name, most in recorded.items():
            self.assertLessEqual(least[name], most * MARGIN, f"{name}, calls per MiB")
            self.assertGreater(least[name], most / 2, f"{name}, calls per MiB")

    def test_file_that_is_copied_to_one(self):
        self.assert_costs({"sendto": 1.0, "preadv2": 1.0}, count=1)

    def test_file_that_is_copied_to_many(self):
        # All of them are sent a block that is read once.
        self.assert_costs({"sendto": 1.0, "preadv2": 0.125}, count=8)

    def test_pipe(self):
        # In blocks of 640 KiB.
        self.assert_costs({"sendto": 1.6, "read": 0.2, "poll": 0.2}, count=8, piped=True)
