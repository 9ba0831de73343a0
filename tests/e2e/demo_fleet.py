#!/usr/bin/python3
"""Brings an image onto a fleet of eight nodes in two racks, draws the tree meanwhile, kills
a relay half-way, has nc take it from another one, and compares what everybody got.

As root each node has a network namespace and a link of its own; else all are on loopback.
Wants the programs' paths in TCPTOOLD, TCPTOOLCTL and TCPTOOL; ./dev demo fleet sets them.
"""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager

from etcd import Etcd
from hosts import Credentials, Host, shaped_hosts
from waiting import wait_until

NODES = 8
LINK = "100mbit"
IMAGE_BYTES = 256 << 20
# The image, its copies, and some room.
NEEDED_BYTES = (NODES + 2) * IMAGE_BYTES
ID = "image"
# Also on a busy machine, for what each time takes a program that asks.
PATIENCE = {"deadline_s": 300, "pause_s": 0.2}


def say(text):
    print(f"\n== {text}", flush=True)


def die(text):
    sys.exit(f"demo: {text}")


def program(variable):
    if not os.environ.get(variable):
        die(f"run ./dev demo fleet, or set {variable} to the path of the program")
    return os.path.abspath(os.environ[variable])


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


class Node:
    """A tcptoold with a directory of its own, in the fleet "demo"."""

    def __init__(self, name, rack, host, etcd, credentials, home):
        self.name = name
        self._host = host
        self._environment = {**os.environ, **credentials.environment}
        self._home = home / name
        (self._home / "disk").mkdir(parents=True)
        self.image = self._home / "disk/image"
        self._ready = self._home / "ready"
        self._command = [
            "setpriv",
            "--pdeathsig=KILL",
            program("TCPTOOLD"),
            "--control-address=127.0.0.1:0",
            "--http-address=127.0.0.1:0",
            "--fleet=demo",
            f"--node={name}",
            f"--rack={rack}",
            f"--etcd={etcd.endpoint}",
            f"--peer-address={host.address}:9872",
            f"--root=images={home}",
            f"--receive=disk={self._home}/disk",
            f"--state={self._home}/state.db",
            f"--ready-file={self._ready}",
            "--log-level=warning",
            *credentials.options,
        ]
        self.start()

    def start(self):
        """Again after kill(), with what it has."""
        self._ready.unlink(missing_ok=True)
        with open(self._home / "log", "ab") as log:
            self._process = subprocess.Popen(
                [*self._host.prefix, *self._command], stdout=log, stderr=log
            )
        wait_until(self._is_ready, f"{self.name} serves", **PATIENCE)
        ready = json.loads(self._ready.read_text(encoding="utf-8"))
        self._server = ready["control_address"]

    def _is_ready(self):
        if self._process.poll() is not None:
            die(f"{self.name} has ended: {(self._home / 'log').read_text()}")
        return self._ready.exists()

    def kill(self):
        self._process.kill()
        self._process.wait()

    def run(self, *command, **options):
        """A command on the node's host."""
        return subprocess.Popen(
            [*self._host.prefix, *command], env=self._environment, **options
        )

    def start_watch(self, name):
        return self.run(program("TCPTOOLCTL"), f"--server={self._server}", "watch", name)

    def ctl(self, *arguments):
        """What tcptoolctl prints, as an object."""
        with self.run(
            program("TCPTOOLCTL"), f"--server={self._server}", "--timeout=5m", "--output=json",
            *arguments,
            stdout=subprocess.PIPE,
        ) as done:  # fmt: skip
            output = done.stdout.read()
        if done.returncode != 0:
            die(f"tcptoolctl {' '.join(arguments)} ended with {done.returncode}")
        return json.loads(output)

    def reception(self):
        """By which it gets the image; None before that has begun."""
        for reception in self.ctl("receptions")["receptions"]:
            if reception["spec"]["labels"].get("tcptool/distribution") == ID:
                return reception
        return None


def receive_by_nc(relay, copy):
    """An nc that gets what the relay is receiving, from a session of that."""
    reception = wait_until(relay.reception, f"{relay.name} receives", **PATIENCE)
    session = relay.ctl("create", f"--reception={reception['name']}", "--immediate")
    port = session["dataEndpoint"].rpartition(":")[2]
    with open(copy, "wb") as file:
        nc = relay.run(
            "nc.openbsd", "-N", "127.0.0.1", port, stdin=subprocess.PIPE, stdout=file
        )
    nc.stdin.write(b"\0")
    nc.stdin.close()
    return nc


def has_half(node):
    reception = node.reception()
    return reception is not None and int(reception["bytesReceived"]) >= IMAGE_BYTES / 2


@contextmanager
def hosts():
    """Where the nodes are, and what is known of it."""
    with ExitStack() as stack:
        shaped = None
        if os.geteuid() == 0:
            try:
                shaped = stack.enter_context(shaped_hosts(NODES, LINK))
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"demo: no network namespaces, so all are on loopback: {error}")
        if shaped is None:
            yield [Host(f"127.77.0.{n + 1}") for n in range(NODES)], "on loopback"
        else:
            yield shaped, f"with a link of {LINK} each"


def start_nodes(all_hosts, etcd, home):
    credentials = Credentials(home, all_hosts)
    nodes = [
        Node(f"node{n + 1}", f"rack{n * 2 // NODES + 1}", host, etcd, credentials, home)
        for n, host in enumerate(all_hosts)
    ]
    for node in nodes:
        wait_until(
            lambda: len(node.ctl("nodes")["nodes"]) == NODES,  # noqa: B023
            f"{node.name} sees all nodes",
            **PATIENCE,
        )
    return nodes


def distribute(nodes):
    """The relays, from the source on."""
    source = nodes[0]
    name = source.ctl(
        "distribute", f"--file={source.name}:images/image", "--to=all", "--as=disk/image",
        f"--distribution-id={ID}",
    )["name"]  # fmt: skip
    parents = wait_until(lambda: parents_of(source, name), "each node has a parent", **PATIENCE)
    return name, longest_way(parents, source.name)


def parents_of(node, name):
    deliveries = node.ctl("deliveries", name)["deliveries"]
    parents = {delivery["node"]: delivery["parent"] for delivery in deliveries}
    return parents if len(parents) == NODES - 1 and all(parents.values()) else None


def longest_way(parents, source):
    """The nodes from the source to the one that is the farthest from it."""

    def way(node):
        return [] if node == source else [*way(parents[node]), node]

    return max((way(node) for node in parents), key=len)


def compare(copies, digest):
    for name, path in copies.items():
        got = sha256(path)
        if got != digest:
            die(f"what {name} got has SHA-256 {got}, not the image's")
        print(f"{name}: {got}, as sent")


def make_image(home):
    free = shutil.disk_usage(home).free
    if free < NEEDED_BYTES:
        die(f"{home} has {free >> 20} MiB free and {NEEDED_BYTES >> 20} are needed; "
            "set TMPDIR to another place")  # fmt: skip
    with open(home / "image", "wb") as image:
        for _ in range(IMAGE_BYTES >> 20):
            image.write(os.urandom(1 << 20))
    return sha256(home / "image")


def demo(stack):
    home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tcptool-demo.")))
    digest = make_image(home)
    etcd = Etcd()
    stack.callback(etcd.close)
    all_hosts, how = stack.enter_context(hosts())
    say(f"Eight nodes in two racks, {how}")
    etcd.start()
    nodes = start_nodes(all_hosts, etcd, home)
    for node in nodes:
        stack.callback(node.kill)
    name, relays = distribute(nodes)
    by_name = {node.name: node for node in nodes}
    relays = [by_name[relay] for relay in relays]
    say(f"256 MiB from {nodes[0].name} to all; {relays[1].name} is killed half-way, and started "
        f"again; nc has it from {relays[2].name}")  # fmt: skip
    watch = relays[-1].start_watch(name)
    nc = receive_by_nc(relays[2], home / "nc")
    for process in (watch, nc):
        stack.callback(process.kill)
    wait_until(lambda: has_half(relays[1]), f"{relays[1].name} has half", **PATIENCE)
    relays[1].kill()
    relays[1].start()
    for what, process in (("tcptoolctl watch", watch), ("nc", nc)):
        if process.wait() != 0:
            die(f"{what} ended with {process.returncode}")
    say("What they got")
    copies = {node.name: node.image for node in nodes[1:]}
    compare({**copies, f"nc at {relays[2].name}": home / "nc"}, digest)


def main():
    # So that what was made is taken away.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    begin = time.monotonic()
    with ExitStack() as stack:
        demo(stack)
    say(f"It took {time.monotonic() - begin:.0f} s.")
    say("All is as it should be.")


if __name__ == "__main__":
    main()
