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
SENDER, RECIPIENT = "10.0.0.1", "10.0.0.2"

# Connects from one address to another as often as it is told; the last byte starts.
RECIPIENTS = """
import socket, sys, threading, time
here, there, count = sys.argv[1], (sys.argv[2], int(sys.argv[3])), int(sys.argv[4])
recipients = []
while len(recipients) < count:
    try:
        recipients.append(socket.create_connection(there, source_address=(here, 0)))
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
        # Between these a path counts as one that leaves the host.
        for address in SENDER, RECIPIENT:
            self.ip("-n", self.namespace, "address", "add", f"{address}/32", "dev", "lo")
        # A tmpfs does not say what of a file is in memory.
        directory = tempfile.TemporaryDirectory(prefix="calls.", dir="/var/tmp")
        self.addCleanup(directory.cleanup)
        self.contents = {}
        for size in LESS, MORE:
            self.contents[size] = os.path.join(directory.name, str(size))
            with open(self.contents[size], "wb") as file:
                file.write(os.urandom(size * MEBIBYTE))
                os.fsync(file.fileno())
        self.summary = self.home / "summary"

    @staticmethod
    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True)

    def transfer(self, size, count, here, there, piped):
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
        recipients = [sys.executable, "-c", RECIPIENTS, there, here, str(PORT), str(count)]
        subprocess.run([*inside, *recipients], check=True, timeout=harness.DEADLINE_S)
        self.assertEqual(self.finish(sender)[0], 0)
        return counts(self.summary.read_text(encoding="ascii"))

    def assert_costs(self, recorded, count, here="127.0.0.1", there="127.0.0.1", piped=False):
        """`recorded`: calls for each MiB to each recipient."""
        least = {name: float("inf") for name in recorded}
        for _ in range(TRIES):
            less, more = (
                self.transfer(size, count, here, there, piped) for size in (LESS, MORE)
            )
            for name in recorded:
                made = more.get(name, 0) - less.get(name, 0)
                least[name] = min(least[name], made / (MORE - LESS) / count)
            if all(least[name] <= most * MARGIN for name, most in recorded.items()):
                return
        self.fail(f"calls per MiB to a recipient: {least}; they were {recorded}")

    def test_file_that_is_copied_to_one(self):
        self.assert_costs({"sendto": 1.0, "preadv2": 1.0}, count=1)

    def test_file_that_is_copied_to_many(self):
        # All of them are sent a block that is read once.
        self.assert_costs({"sendto": 1.0, "preadv2": 0.125}, count=8)

    def test_file_that_sendfile_sends(self):
        if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 5):
            self.skipTest("without cachestat(2) there are more looks into the page cache")
        # The reads are looks into the page cache.
        self.assert_costs(
            {"sendfile": 0.32, "preadv2": 0.16}, count=8, here=SENDER, there=RECIPIENT
        )

    def test_pipe(self):
        # In blocks of 640 KiB.
        self.assert_costs({"sendto": 1.6, "read": 0.2, "poll": 0.2}, count=8, piped=True)
