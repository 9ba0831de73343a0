"""An etcd, Debian's."""

import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from waiting import wait_until


class Member:
    """One of an etcd's; `client` and `peer` are its URLs, `host` is where it runs."""

    def __init__(self, name, home, client, peer, host=None, flags=()):
        self.name = name
        self.client = client
        self.peer = peer
        self.host = host
        self.process = None
        self._home = home
        self._flags = flags

    def start(self, cluster, prefix=()):
        """`cluster`: all members, as etcd has them. Again after kill() with what it has.
        `prefix`: put before its command line."""
        if self.host is None:
            # It does not take away by itself what a killed one has left.
            (self._home / "client:1").unlink(missing_ok=True)
        with open(self._home / "log", "ab") as log:
            self.process = subprocess.Popen(
                [
                    *(self.host.prefix if self.host else ()),
                    "setpriv",
                    "--pdeathsig=KILL",
                    *prefix,
                    "/usr/bin/etcd",
                    f"--name={self.name}",
                    f"--data-dir=data-{self.name}",
                    f"--listen-client-urls={self.client}",
                    f"--advertise-client-urls={self.client}",
                    f"--listen-peer-urls={self.peer}",
                    f"--initial-advertise-peer-urls={self.peer}",
                    f"--initial-cluster={cluster}",
                    "--logger=zap",
                    "--log-outputs=stderr",
                    *self._flags,
                ],
                cwd=self._home,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Etcd:
    """One member on Unix sockets in a directory of its own, or one on each host of `hosts`
    (see hosts.py). They die with the test."""

    def __init__(self, hosts=(), flags=()):
        """`flags`: of the one member."""
        # In memory, as it waits for its disk at each write; and the names of sockets are
        # short enough there.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="etcd.", dir=memory))
        if hosts:
            self.endpoint = ",".join(f"{host.address}:2379" for host in hosts)
            self.members = [
                Member(
                    f"m{number}",
                    self.home,
                    f"http://{host.address}:2379",
                    f"http://{host.address}:2380",
                    host,
                )
                for number, host in enumerate(hosts)
            ]
        else:
            self.endpoint = f"unix:{self.home}/client:1"
            self.members = [
                Member("m", self.home, "unix://client:1", "unix://peer:1", flags=flags)
            ]

    def start(self, prefix=()):
        """`prefix`: as of Member.start()."""
        for member in self.members:
            self.start_member(member, prefix)
        wait_until(self.answers, f"etcd answers; see {self.home}/log")

    def start_member(self, member, prefix=()):
        member.start(",".join(f"{one.name}={one.peer}" for one in self.members), prefix)

    def answers(self):
        """Whether all members do."""
        if any(member.process.poll() is not None for member in self.members):
            raise AssertionError(f"etcd has ended; see {self.home}/log")
        return self._control("endpoint", "health").returncode == 0

    def _control(self, *arguments, **how):
        host = self.members[0].host
        return subprocess.run(
            [
                *(host.prefix if host else ()),
                "etcdctl",
                f"--endpoints={','.join(member.client for member in self.members)}",
                *arguments,
            ],
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

    def leader(self):
        """The member that the others follow."""
        listed = json.loads(self._run("endpoint", "status", "--write-out=json").stdout)
        statuses = {one["Endpoint"]: one["Status"] for one in listed}
        return next(
            member
            for member in self.members
            if statuses[member.client]["header"]["member_id"] == statuses[member.client]["leader"]
        )

    def keys(self, prefix):
        """What follows the prefix in each key that begins with it."""
        done = self._run("get", "--prefix", "--keys-only", prefix)
        return {key.removeprefix(prefix) for key in done.stdout.decode().split()}

    def change(self, key, change):
        """Puts what becomes of a value in its place, under the lease that it has."""
        value = self._run("get", "--print-value-only", key).stdout[:-1]
        self._run("put", "--ignore-lease", key, input=change(value))

    def wait_for_a_lease(self, seconds):
        """Until etcd has ended a lease of so many seconds that nobody renews: as those have
        ended by then that are shorter and were renewed before."""
        lease = self._run("lease", "grant", str(seconds)).stdout.split()[1].decode()
        self._run("put", f"--lease={lease}", f"/lease-{lease}", "")
        wait_until(lambda: not self.keys(f"/lease-{lease}"), f"lease {lease} has ended")

    def delete(self, key):
        if not self.forget(key):
            raise AssertionError(f"there is no key {key}")

    def forget(self, key):
        """Whether there was the key that it has deleted."""
        return self._run("del", key).stdout.strip() == b"1"

    def fill(self):
        """Until it takes no more than its quota, which its flags have to make small."""
        refused = b""
        for number in itertools.count():
            done = self._control("put", f"/filler/{number}", input=bytes(500_000))
            if done.returncode != 0:
                refused = done.stderr
                break
        if b"space exceeded" not in refused:
            raise AssertionError(f"etcdctl: {refused}")

    def make_room(self):
        """After fill(), as docs/operations.md has it ("Etcd is away")."""
        deleted = self._run("del", "--prefix", "/filler/", "--write-out=json")
        revision = json.loads(deleted.stdout)["header"]["revision"]
        self._run("compact", "--physical", str(revision))
        self._run("defrag")
        self._run("alarm", "disarm")

    def save(self):
        """A backup of what it has; returns the file."""
        self._run("snapshot", "save", "backup.db")
        return self.home / "backup.db"

    def restore(self, backup):
        """Has it begin anew, with what the file has in place of what it had. One member."""
        self._begin_anew(
            lambda data: self._run("snapshot", "restore", str(backup), f"--data-dir={data}")
        )

    def empty(self):
        """Has it begin anew, with nothing. One member."""
        self._begin_anew(lambda data: None)

    def _begin_anew(self, make):
        (member,) = self.members
        member.kill()
        data = self.home / f"data-{member.name}"
        data.rename(self.home / "data-before")
        make(data)
        self.start()

    def kill(self):
        for member in self.members:
            member.kill()

    def close(self):
        self.kill()
        shutil.rmtree(self.home)
