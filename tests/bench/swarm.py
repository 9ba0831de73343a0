"""BitTorrent: aria2c at each host, and opentracker."""

import hashlib
import os
import pathlib
import subprocess

from programs import wait_until
from races import Way

TRACKER_PORT = 6969
PEER_PORT = 6881
# The logarithm of a piece's length: that of our blocks.
PIECE = 20

# aria2c calls it when it has all, with an ID, a number and the path.
DONE = """#!/bin/sh
: >"$3.done"
"""


class Swarm(Way):
    """The content is hashed, and the seeder known to the tracker, before it begins. Who has
    it goes on sending until the end."""

    name = "BitTorrent (aria2c)"

    def __init__(self, hosts, content):
        super().__init__(hosts, content)
        self._home_path = pathlib.Path(self._home.name)
        self._torrent = self._home_path / "torrent"
        self._script = self._home_path / "done"
        self._script.write_text(DONE, encoding="ascii")
        self._script.chmod(0o755)
        self._tracker = f"http://{self.source.address}:{TRACKER_PORT}"
        self._peers = {}
        try:
            self._start_tracker()
            self._start_peer(self.source, os.path.dirname(content), "--bt-seed-unverified=true")
            wait_until(self._has_seeder, "the tracker knows the seeder", pause_s=0.1)
        except BaseException:
            self.close()
            raise

    def _start_tracker(self):
        subprocess.run(
            ["mktorrent", f"--announce={self._tracker}/announce", f"--piece-length={PIECE}",
             f"--output={self._torrent}", self.content],
            check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        # The last of its entries is what the hash is of by which it is known.
        described = self._torrent.read_bytes().partition(b"4:info")[2][:-1]
        known = self._home_path / "known"
        known.write_text(hashlib.sha1(described).hexdigest() + "\n", encoding="ascii")
        self.run(
            self.source, "opentracker", "-i", self.source.address, "-p", str(TRACKER_PORT),
            # It takes its directory for its root.
            "-d", self._home.name, "-w", known.name, "-A", self.source.address,
        )  # fmt: skip

    def _has_seeder(self):
        answer = subprocess.run(
            [*self.source.prefix, "curl", "--silent", f"{self._tracker}/stats?mode=peer"],
            stdout=subprocess.PIPE,
            check=False,
        ).stdout
        return answer.split()[:2] == [b"1", b"1"]  # Peers, and those of them that have it.

    def _start_peer(self, host, directory, *options):
        self._peers[host] = self.run(
            host,
            "aria2c",
            "--no-conf",
            "--quiet",
            f"--dir={directory}",
            f"--listen-port={PEER_PORT}",
            f"--on-bt-download-complete={self._script}",
            "--seed-ratio=0.0",  # Without end.
            "--file-allocation=none",
            # The tracker knows all, and who has connected tells of others.
            "--enable-dht=false",
            "--enable-dht6=false",
            "--bt-enable-lpd=false",
            *options,
            str(self._torrent),
        )

    def begin(self):
        for target in self.targets:
            self._start_peer(target, self.directory(target))

    def has(self, target):
        return os.path.exists(f"{self.copy(target)}.done")

    def kill(self, target):
        self._peers[target].kill()
