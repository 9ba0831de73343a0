"""One content from a host to others, timed: what all ways to do it share."""

import hashlib
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from node import OUTPUT


class Way:
    """Brings a content from the first host to the others, where its copies are files in
    memory. It ends with close()."""

    def __init__(self, hosts, content):
        self.source, *self.targets = hosts
        self.content = content
        self._home = tempfile.TemporaryDirectory(dir=OUTPUT)
        os.chmod(self._home.name, 0o755)  # Some programs become another user.
        self._log = os.path.join(self._home.name, "log")
        open(self._log, "xb").close()  # Also of ways that run nothing by run().
        self._running = []
        for target in self.targets:
            os.mkdir(self.directory(target))

    def begin(self):
        """All that was needed before is there: now the content is to come."""
        raise NotImplementedError

    def directory(self, target):
        return os.path.join(self._home.name, target.address)

    def copy(self, target):
        """Its file, of that name also while it comes."""
        return os.path.join(self.directory(target), os.path.basename(self.content))

    def has(self, target):
        """Whether it has the whole, as far as the way knows."""
        return os.path.exists(self.copy(target))

    def in_order(self):
        """The targets from the one on that has the content first, if they have an order."""
        return self.targets

    def run(self, host, *command):
        """A program on a host, until it ends or close()."""
        with open(self._log, "ab") as log:
            process = subprocess.Popen(
                [*host.prefix, *command], cwd=self._home.name, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip
        self._running.append(process)
        return process

    def said(self):
        """The end of what its programs have printed."""
        with open(self._log, "rb") as log:
            return log.read()[-2000:].decode(errors="replace")

    def close(self):
        for process in self._running:
            process.kill()
        for process in self._running:
            process.wait()
        self._home.cleanup()


class WayOfPrograms(Way):
    """Each target has a program that ends when it has the whole, or is killed."""

    def __init__(self, hosts, content):
        super().__init__(hosts, content)
        self._receivers = {}

    def receive(self, target, *command):
        self._receivers[target] = self.run(target, *command)

    def has(self, target):
        status = self._receivers[target].poll()
        if status not in (None, 0):
            raise RuntimeError(f"{self._receivers[target].args} ended with {status}")
        return status == 0


@dataclass(frozen=True)
class Event:
    """What happens in a race."""

    at: float  # Seconds after its begin.
    # Is given the way; returns targets that are not to be waited for any more.
    act: callable


@dataclass
class Race:
    """When each target had the content that was waited for, in seconds; infinite: it had not
    when patience was over."""

    seconds: dict
    busy: float = math.inf  # Cores of the machine, in the mean.
    copies: float = math.inf  # Over a narrow link, where there is one.

    @classmethod
    def failed(cls):
        return cls({None: math.inf})

    def raw(self):
        """For JSON, which knows nothing infinite."""

        def finite(value):
            return value if math.isfinite(value) else None

        return {
            "seconds": [finite(one) for one in self.seconds.values()],
            "cores busy": finite(self.busy),
            "copies over the narrow link": finite(self.copies),
        }

    @property
    def last(self):
        return max(self.seconds.values())

    @property
    def missing(self):
        """How many have not got it."""
        return sum(map(math.isinf, self.seconds.values()))


def race(way, patience_s, events=()):
    """Has a way begin, and verifies what has come."""
    waiting = set(way.targets)
    seconds = {}
    events = sorted(events, key=lambda event: event.at)
    idle = idle_seconds()
    begin = time.monotonic()
    way.begin()
    while waiting and (now := time.monotonic() - begin) < patience_s:
        if events and now >= events[0].at:
            waiting -= {*(events.pop(0).act(way) or ())}
        for target in [target for target in waiting if way.has(target)]:
            seconds[target] = time.monotonic() - begin
            waiting.remove(target)
        time.sleep(0.005)
    elapsed = time.monotonic() - begin
    if events and not waiting:
        raise RuntimeError(f"all was over after {elapsed} s, before {events}")
    verify(way, seconds)
    if waiting:
        print(way.said(), file=sys.stderr)
    seconds |= dict.fromkeys(waiting, math.inf)
    busy = os.cpu_count() - (idle_seconds() - idle) / elapsed
    return Race(seconds, busy)


def idle_seconds():
    """Of all cores."""
    words = pathlib.Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=6)
    return sum(map(int, words[4:6])) / os.sysconf("SC_CLK_TCK")


def verify(way, targets):
    wanted = sha256(way.content)
    for target in targets:
        if sha256(way.copy(target)) != wanted:
            raise RuntimeError(f"{way.copy(target)} is not the content that was sent")


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.digest()
