"""Another host: a network namespace behind a veth pair, which the test makes itself."""

import ctypes
import fcntl
import itertools
import os
import random
import socket
import struct
import subprocess
import sys


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


# What ethtool(8) does, which is no part of every system.
SIOCETHTOOL = 0x8946
ETHTOOL_STSO, ETHTOOL_SGRO = 0x1F, 0x2C


def set_offload(device, command, value):
    wanted = ctypes.create_string_buffer(struct.pack("II", command, value))
    request = struct.pack("16sQ16x", device.encode(), ctypes.addressof(wanted))
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, request)


# The kernel takes the link of a namespace that is deleted away later, so that the next
# one needs another name.
_numbers = itertools.count()


class OtherHost:
    """`here` and `there` are the two ends' addresses; `device` is the other host's end,
    `link` this one's."""

    device = "there"

    def __init__(self, test):
        """Removed at the test's end; the test is skipped where none can be had."""
        self.namespace = f"other{os.getpid()}"
        net = f"10.{random.randrange(100, 250)}.{random.randrange(250)}"
        self.here, self.there = f"{net}.1", f"{net}.2"
        link = self.link = f"o{os.getpid()}-{next(_numbers)}"
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

    def queue_as_a_card_does(self):
        """What comes from there is put into a queue (NAPI) of this end, as by a card."""
        set_offload(self.link, ETHTOOL_SGRO, 1)
        # Segments that their sender cuts are what this end collects.
        subprocess.run(
            [
                *self.prefix, sys.executable, "-c",
                "import sys, other_host as host\n"
                "host.set_offload(sys.argv[1], host.ETHTOOL_STSO, 0)",
                self.device,
            ],
            check=True,
            env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__))},
        )  # fmt: skip
