"""What tests of a fleet share: an etcd, Debian's, and nodes that are in a fleet there."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import wait_until
from nodes import Node


class Etcd:
    """A member on Unix sockets in a directory of its own. It dies with the test."""

    _CLIENT = "unix://client:1"

    def __init__(self):
        # In memory, as it waits for its disk at each write; and the names of sockets are
        # short enough there.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="etcd.", dir=memory))
        self.endpoint = f"unix:{self.home}/client:1"
        self._log = open(self.home / "log", "a", encoding="utf-8")
        self._process = None

    def start(self):
        # It does not take away by itself what a killed one has left.
        (self.home / "client:1").unlink(missing_ok=True)
        peer = "unix://peer:1"
        self._process = subprocess.Popen(
            [
                "setpriv",
                "--pdeathsig=KILL",
                "/usr/bin/etcd",
                "--name=m",
                "--data-dir=data",
                f"--listen-client-urls={self._CLIENT}",
                f"--advertise-client-urls={self._CLIENT}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=m={peer}",
                "--logger=zap",
                "--log-outputs=stderr",
            ],
            cwd=self.home,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        wait_until(self._answers, f"etcd answers; see {self.home}/log")

    def _answers(self):
        if self._process.poll() is not None:
            raise AssertionError(f"etcd has ended; see {self.home}/log")
        return self._control("endpoint", "health").returncode == 0

    def _control(self, *arguments):
        return subprocess.run(
            ["etcdctl", f"--endpoints={self._CLIENT}", *arguments],
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "ETCDCTL_API": "3"},
        )

    def keys(self, prefix):
        """What follows the prefix in each key that begins with it."""
        done = self._control("get", "--prefix", "--keys-only", prefix)
        if done.returncode != 0:
            raise AssertionError(f"etcdctl: {done.stderr}")
        return {key.removeprefix(prefix) for key in done.stdout.split()}

    def delete(self, key):
        if self._control("del", key).stdout.strip() != "1":
            raise AssertionError(f"there is no key {key}")

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        if self._process is not None:
            self.kill()
        self._log.close()
        shutil.rmtree(self.home)


class FleetNode(Node):
    """A node of the fleet "lab"."""

    def __init__(self, etcd, name, flags=()):
        super().__init__(
            flags=(
                "--fleet=lab",
                f"--etcd={etcd.endpoint}",
                f"--node={name}",
                "--log-format=json",
                *flags,
            )
        )

    def events_of(self, *names):
        """Those events of its log, of all its runs."""
        return [event for event in self.events() if event["event"] in names]

    def wait_event(self, name, count=1, deadline_s=60):
        """The last of so many."""
        return wait_until(
            lambda: self.events_of(name)[count - 1 :], f"there are {count} {name}", deadline_s
        )[0]

    def is_coordinator(self):
        events = self.events_of("coordinating", "coordinating_ended")
        return bool(events) and events[-1]["event"] == "coordinating"

    def stop(self):
        """As systemd does it."""
        self.process.terminate()
        self.process.wait()


class FleetCase(unittest.TestCase):
    """An etcd, and nodes that a test starts."""

    def setUp(self):
        self.etcd = Etcd()
        self.addCleanup(self.etcd.close)

    def start_node(self, name, *flags):
        node = FleetNode(self.etcd, name, flags)
        self.addCleanup(node.close)
        return node

    def join(self, name, *flags):
        """A node that is registered."""
        node = self.start_node(name, *flags)
        node.wait_event("fleet_registered")
        return node

    def nodes(self):
        """The names of those that are registered."""
        return self.etcd.keys("/tcptool/v1/lab/nodes/")
