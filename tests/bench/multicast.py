"""Multicast: uftp and udpcast. Neither knows a link's rate by itself, so both are told."""

import re

from races import Way, WayOfPrograms

# Of the link's: what UDP's and Ethernet's headers, and repairs, are not to need.
SHARE = 0.95


def kilobits(rate):
    """What tc(8) calls NNmbit."""
    return int(re.fullmatch(r"(\d+)mbit", rate)[1]) * 1000


class Uftp(Way):
    name = "uftp"

    def __init__(self, hosts, content, rate):
        super().__init__(hosts, content)
        self._rate = str(int(SHARE * kilobits(rate)))
        for target in self.targets:
            # What is under its name is whole: it comes in the other directory.
            self.run(
                target, "uftpd", "-d", "-q", "-t", "-I", target.address, "-D",
                self.directory(target),
            )  # fmt: skip

    def begin(self):
        self.run(self.source, "uftp", "-I", self.source.address, "-R", self._rate, self.content)


class Udpcast(WayOfPrograms):
    name = "udpcast"

    def __init__(self, hosts, content, rate):
        super().__init__(hosts, content)
        self._rate = f"{int(SHARE * kilobits(rate))}k"

    def begin(self):
        for target in self.targets:
            self.receive(
                target, "udp-receiver", "--interface", "eth0", "--nokbd", "--no-progress",
                "--file", self.copy(target),
            )  # fmt: skip
        self.run(
            self.source, "udp-sender", "--interface", "eth0", "--nokbd", "--no-progress",
            "--full-duplex", "--max-bitrate", self._rate, "--min-receivers",
            str(len(self.targets)), "--file", self.content,
        )  # fmt: skip
