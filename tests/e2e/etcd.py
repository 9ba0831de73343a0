"""An etcd, Debian's."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from waiting import wait_until


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

    def _control(self, *arguments, **how):
        return subprocess.run(
            ["etcdctl", f"--endpoints={self._CLIENT}", *arguments],
            cwd=self.home,
            capture_output=True,
            check=False,
            env={**os.environ, "ETCDCTL_API": "3"},
            **how,
        )

    def _run(self, *arguments, **how):
        done = self._control(*arguments, **how)
        if done.returncode != 0:
            raise AssertionError(f"etcdctl: {done.stderr}")
        return done

    def keys(self, prefix):
        """What follows the prefix in each key that begins with it."""
        done = self._run("get", "--prefix", "--keys-only", prefix)
        return {key.removeprefix(prefix) for key in done.stdout.decode().split()}

    def change(self, key, change):
        """Puts what becomes of a value in its place, under the lease that it has."""
        value = self._run("get", "--print-value-only", key).stdout[:-1]
        self._run("put", "--ignore-lease", key, input=change(value))

    def delete(self, key):
        if self._run("del", key).stdout.strip() != b"1":
            raise AssertionError(f"there is no key {key}")

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        if self._process is not None:
            self.kill()
        self._log.close()
        shutil.rmtree(self.home)
