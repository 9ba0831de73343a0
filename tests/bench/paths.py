"""The ways between a sender and its recipients: loopback, and a veth pair."""

import os
from contextlib import contextmanager
from dataclasses import dataclass

from hosts import ip

LOOPBACK_ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Path:
    """Where both sides run: commands that put a program there, and addresses."""

    name: str
    sender_prefix: tuple = ()
    recipient_prefix: tuple = ()
    sender_address: str = LOOPBACK_ADDRESS
    recipient_address: str = LOOPBACK_ADDRESS

    def back(self):
        """The other way: from the recipient's side to the sender's."""
        return Path(
            self.name,
            self.recipient_prefix,
            self.sender_prefix,
            self.recipient_address,
            self.sender_address,
        )


LOOPBACK = Path("loopback")


@contextmanager
def veth():
    """Two network namespaces and a pair of virtual interfaces, until the end."""
    spaces = [f"bench-{side}-{os.getpid()}" for side in ("sender", "recipients")]
    addresses = ["10.0.0.1", "10.0.0.2"]
    made = []
    try:
        for space in spaces:
            ip("netns", "add", space)
            made.append(space)
        ip("link", "add", "veth0", "netns", spaces[0], "type", "veth",
           "peer", "name", "veth0", "netns", spaces[1])  # fmt: skip
        for space, address in zip(spaces, addresses):
            ip("-n", space, "address", "add", f"{address}/24", "dev", "veth0")
            ip("-n", space, "link", "set", "veth0", "up")
            ip("-n", space, "link", "set", "lo", "up")
        prefixes = [("ip", "netns", "exec", space) for space in spaces]
        yield Path("veth", *prefixes, *addresses)
    finally:
        for space in made:
            ip("netns", "delete", space)  # Its interfaces go with it.


@contextmanager
def all_paths():
    with veth() as pair:
        yield [LOOPBACK, pair]
