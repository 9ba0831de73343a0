"""What a transfer of `tcptool -s` costs in system calls."""

import os
import subprocess
import sys
import tempfile

import harness
from call_counts import LESS, MEBIBYTE, MORE, RECIPIENTS, assert_costs, counted, counts
from tcptool_process import TcptoolTest

PORT = 20001


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
            prefix=[*inside, "taskset", "--cpu-list", lane, *counted(self.summary)],
            stdin=cat.stdout if piped else subprocess.DEVNULL,
        )  # fmt: skip
        cat.stdout.close()
        recipients = [sys.executable, "-c", RECIPIENTS, str(PORT), str(count)]
        subprocess.run([*inside, *recipients], check=True, timeout=harness.DEADLINE_S)
        self.assertEqual(self.finish(sender)[0], 0)
        return counts(self.summary)

    def assert_costs(self, recorded, count, piped=False):
        assert_costs(self, recorded, lambda size: self.transfer(size, count, piped), count)

    def test_file_that_is_copied_to_one(self):
        self.assert_costs({"sendto": 1.0, "preadv2": 1.0}, count=1)

    def test_file_that_is_copied_to_many(self):
        # All of them are sent a block that is read once.
        self.assert_costs({"sendto": 1.0, "preadv2": 0.125}, count=8)

    def test_pipe(self):
        # In blocks of 640 KiB.
        self.assert_costs({"sendto": 1.6, "read": 0.2, "poll": 0.2}, count=8, piped=True)
