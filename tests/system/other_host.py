"""Another host: a network namespace behind a veth pair, which the test makes itself."""

import os
import random
import subprocess


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


class OtherHost:
    """`here` and `there` are the two ends' addresses; `device` is the other host's end."""

    device = "there"

    def __init__(self, test):
        """Removed at the test's end; the test is skipped where none can be had."""
        self.namespace = f"other{os.getpid()}"
        net = f"10.{random.randrange(100, 250)}.{random.randrange(250)}"
        self.here, self.there = f"{net}.1", f"{net}.2"
        link = f"o{os.getpid()}"
        try:
            ip("netns", "add", self.namespace)
        except subprocess.CalledProcessError as error:
            # A container may not make any.
            test.skipTest(f"no network namespace can be had: {error}")
        test.addCleanup(ip, "netns", "del", self.namespace)
        ip(
            "link", "add", link, "type", "veth",
            "peer", "name", self.device, "netns", self.namespace,
        )  # fmt: skip
        ip("address", "add", f"{self.here}/24", "dev", link)
        ip("link", "set", link, "up")
        self.ip("address", "add", f"{self.there}/24", "dev", self.device)
        self.ip("link", "set", self.device, "up")
        # What runs a program there.
        self.prefix = ["ip", "netns", "exec", self.namespace]

    def ip(self, *arguments):
        ip("-n", self.namespace, *arguments)
