"""Receptions and relays: what they take in, what they cost, and what a chain of them
adds to one link's time."""

import os
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from compare import Transfer, compare
from paths import LOOPBACK, ip, veth
from programs import (
    OneShot,
    Recipients,
    TCPTOOL,
    Tcptoold,
    cpu_seconds,
    free_port,
    port_of,
    wait_until,
)
from report import number, spread
from senders import NginxSender

MEBIBYTES = 1024
# In memory, so that it is not the disk that is measured.
OUTPUT = "/dev/shm"

RECEIVER = [TCPTOOL, "-d", "error", "--wait", "10s", "-t", "-r"]

# Of each node of a chain; what TCP makes of it is measured with a chain of one.
LINK = "200mbit"
CHAIN = 8
CHAIN_MEBIBYTES = 64


class Node(Tcptoold):
    """A service that receives into a directory of its own, in memory."""

    def __init__(self, path=LOOPBACK):
        self._disk = tempfile.TemporaryDirectory(dir=OUTPUT)
        super().__init__(self._disk.name, path, extra=[f"--receive=disk={self._disk.name}"])

    def receive(self, address):
        """The name of a reception from a sender, which starts at once."""
        (reception,) = self.control(
            "receive", "--from", address, "--to=disk/file", "--start", "--wait=10s", "--overwrite"
        )
        return reception["name"]

    def wait_received(self, name):
        reception = wait_until(
            lambda: "endTime" in (one := self.get(name)) and one, f"{name} is final"
        )
        if reception["state"] != "RECEPTION_STATE_SUCCEEDED":
            raise RuntimeError(f"the reception failed: {reception}")
        return reception

    def send_on(self, reception, *flags):
        """The port of a session of the reception."""
        (session,) = self.control("create", f"--reception={reception}", *flags)
        return port_of(session)

    def close(self):
        super().close()
        self._disk.cleanup()


@contextmanager
def sender(path, content, port):
    """A `tcptool -s` that starts with its first recipient."""
    process = OneShot(
        [*path.sender_prefix, TCPTOOL, "-d", "error", "-s", str(port), "-c", "1", content]
    )
    try:
        yield
        process.wait()
    finally:
        process.kill()


def run(report, inputs, args):
    content = inputs.file(MEBIBYTES // args.divisor)
    with veth() as pair:
        for path in (LOOPBACK, pair):
            receive(report, path, inputs, content, args)
        relay(report, content, args)
        slow_child(report, content, args)
    chain(report, inputs.file(CHAIN_MEBIBYTES // args.divisor), args)


# --- One reception ---


def receive(report, path, inputs, content, args):
    """A reception, with its manifest, beside programs that write and hash nothing."""
    if path is LOOPBACK:
        report.say("## One file received into a file in memory")
        report.say()
    there = replace(path, sender_prefix=path.recipient_prefix)
    with ExitStack() as stack:
        node = stack.enter_context(closing(Node(there)))
        nginx = stack.enter_context(closing(NginxSender(path, inputs.home)))
        results = compare(
            report,
            f"relay/receive/{path.name}",
            path.name,
            {
                "tcptoold, reception": lambda: by_reception(path, node, content),
                "tcptool -r": lambda: by_program(path, content),
                "curl -o, nginx": lambda: by_curl(path, nginx, content),
            },
            args,
            who="receiver",
        )
    if not args.only:
        ours, tcptool, _ = results.values()
        report.bar(f"reception, {path.name}: rate / tcptool -r's", ours.rate / tcptool.rate, least=0.9)


def by_reception(path, node, content):
    before = cpu_seconds(node.pid)
    port = free_port()
    with sender(path, content, port):
        reception = node.wait_received(node.receive(f"{path.sender_address}:{port}"))
    cpu = cpu_seconds(node.pid) - before
    return Transfer(size_of(content), seconds_between(reception, "connectTime", "endTime"), cpu)


def by_program(path, content):
    port = free_port()
    with sender(path, content, port):
        address = f"{path.sender_address}:{port}"
        return received(path, content, lambda output: [*RECEIVER, address, output])


def by_curl(path, nginx, content):
    url = f"http://{path.sender_address}:{nginx.port}/{os.path.basename(content)}"
    return received(path, content, lambda output: ["curl", "--silent", "-o", output, url])


def received(path, content, command):
    """What a program takes that writes the content to a file, and ends."""
    with tempfile.TemporaryDirectory(dir=OUTPUT) as home:
        output = os.path.join(home, "file")
        begin = time.monotonic()
        program = OneShot([*path.recipient_prefix, *command(output)])
        program.wait()
        seconds = time.monotonic() - begin
        if os.path.getsize(output) != os.path.getsize(content):
            raise RuntimeError(f"{command(output)} has received a part")
    return Transfer(size_of(content), seconds, program.cpu)


def size_of(content):
    return os.path.getsize(content) / 1e9


def seconds_between(resource, begin, end):
    def seconds(text):
        whole, _, fraction = text.rstrip("Z").partition(".")
        parsed = time.strptime(whole, "%Y-%m-%dT%H:%M:%S")
        return time.mktime(parsed) + float(f"0.{fraction or 0}")

    return seconds(resource[end]) - seconds(resource[begin])


# --- A relay ---


def relay(report, content, args):
    report.say("## A relay: what comes is written, hashed, and sent on to one recipient")
    report.say()
    with closing(Node()) as node:
        results = compare(
            report,
            "relay/cost",
            "loopback",
            {
                "tcptoold, relay": lambda: by_relay(node, content),
                "tcptool -r, then tcptool -s": lambda: by_two_programs(content),
            },
            args,
            who="relay",
        )
    if not args.only:
        ours, programs = results.values()
        report.bar(
            "relay: CPU per GB / that of tcptool -r and tcptool -s", ours.cost / programs.cost, most=1.5
        )


def by_relay(node, content):
    before = cpu_seconds(node.pid)
    port = free_port()
    reception = node.receive(f"{LOOPBACK.sender_address}:{port}")
    with ExitStack() as stack:
        recipients = stack.enter_context(Recipients(LOOPBACK, 1, port=node.send_on(reception)))
        recipients.wait_connected()
        recipients.go()
        stack.enter_context(sender(LOOPBACK, content, port))
        recipients.result(os.path.getsize(content))
        ended = node.wait_received(reception)
    seconds = seconds_between(ended, "startTime", "endTime")
    return Transfer(size_of(content), seconds, cpu_seconds(node.pid) - before)


def by_two_programs(content):
    with tempfile.TemporaryDirectory(dir=OUTPUT) as home:
        output = os.path.join(home, "file")
        port = free_port()
        with sender(LOOPBACK, content, port):
            begin = time.monotonic()
            first = OneShot([*RECEIVER, f"{LOOPBACK.sender_address}:{port}", output])
            first.wait()
        port = free_port()
        second = OneShot([TCPTOOL, "-d", "error", "-s", str(port), "-c", "1", output])
        with Recipients(LOOPBACK, 1, port=port) as recipients:
            recipients.wait_connected()
            recipients.go()
            recipients.result(os.path.getsize(content))
        second.wait()
        seconds = time.monotonic() - begin
    return Transfer(size_of(content), seconds, first.cpu + second.cpu)


# --- A slow child ---


def slow_child(report, content, args):
    report.say("## A relay's fast recipient, beside one that reads 1 MB/s")
    report.say()
    rates = {"alone": [], "beside a slow one": []}
    with closing(Node()) as node:
        for _ in range(args.rounds + 2):
            for what, made in rates.items():
                made.append(fast_rate(node, content, what != "alone"))
    ratio = statistics.median(rates["beside a slow one"]) / statistics.median(rates["alone"])
    report.table(["recipient", "GB/s"], [[what, spread(made)] for what, made in rates.items()])
    report.keep("relay/slow child", rates)
    report.bar("relay: fast recipient's rate beside a slow one / alone", ratio, least=0.95)


def fast_rate(node, content, with_slow):
    port = free_port()
    reception = node.receive(f"{LOOPBACK.sender_address}:{port}")
    session = node.send_on(reception, "--immediate")
    with ExitStack() as stack:
        every = [Recipients(LOOPBACK, 1, port=session)]
        if with_slow:
            every.append(
                Recipients(LOOPBACK, 1, port=session, speak="wait", extra=["--behave=slow"])
            )
        for recipients in every:
            stack.enter_context(recipients)
            recipients.wait_connected()
            recipients.go()
        stack.enter_context(sender(LOOPBACK, content, port))
        begin = time.monotonic()
        every[0].result(os.path.getsize(content))
        seconds = time.monotonic() - begin
        node.wait_received(reception)
    return size_of(content) / seconds


# --- A chain ---


@contextmanager
def chain_of_spaces(count):
    """Network namespaces on one bridge, each of which sends no faster than LINK."""
    names = [f"bench-chain-{number}-{os.getpid()}" for number in range(count)]
    bridge = f"bench-bridge-{os.getpid()}"
    made = []
    try:
        ip("netns", "add", bridge)
        made.append(bridge)
        ip("-n", bridge, "link", "add", "switch", "type", "bridge")
        ip("-n", bridge, "link", "set", "switch", "up")
        paths = []
        for index, name in enumerate(names):
            ip("netns", "add", name)
            made.append(name)
            ip("link", "add", "eth0", "netns", name, "type", "veth",
               "peer", "name", f"port{index}", "netns", bridge)  # fmt: skip
            ip("-n", bridge, "link", "set", f"port{index}", "master", "switch", "up")
            ip("-n", name, "address", "add", f"10.1.0.{index + 1}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            prefix = ("ip", "netns", "exec", name)
            subprocess.run(
                [*prefix, "tc", "qdisc", "add", "dev", "eth0", "root",
                 "tbf", "rate", LINK, "burst", "256kb", "latency", "50ms"],
                check=True,
            )  # fmt: skip
            address = f"10.1.0.{index + 1}"
            paths.append(replace(LOOPBACK, sender_prefix=prefix, sender_address=address))
        yield paths
    finally:
        for name in made:
            ip("netns", "delete", name)  # Its interfaces go with it.


def chain(report, content, args):
    report.say(f"## A chain of relays, each of whose links has {LINK}")
    report.say()
    times = {1: [], CHAIN: []}
    delays = []
    with chain_of_spaces(CHAIN + 1) as paths, ExitStack() as stack:
        nodes = [stack.enter_context(closing(Node(path))) for path in paths[1:]]
        for _ in range(args.rounds):
            for length, made in times.items():
                seconds, delay = through(paths[:length + 1], nodes[:length], content)
                made.append(seconds)
                if length > 1:
                    delays.append(delay)
    one, last = (statistics.median(times[length]) for length in (1, CHAIN))
    report.table(
        ["nodes", "last one has it after s", "/ one link's"],
        [
            [length, spread(made), number(statistics.median(made) / one)]
            for length, made in times.items()
        ],
    )
    report.say(f"The first byte takes {spread([delay * 1e3 for delay in delays])} ms a hop.")
    report.say()
    report.keep("relay/chain", {"seconds": times, "delay of a hop": delays})
    report.bar(f"a chain of {CHAIN}: last node's time / one link's", last / one, most=1.05)


def through(paths, nodes, content):
    """Seconds until the last node has the content, and those that the first byte takes
    from one node to the next."""
    port = free_port()
    address = f"{paths[0].sender_address}:{port}"
    names = []
    for node, path in zip(nodes, paths[1:]):
        names.append(node.receive(address))
        address = f"{path.sender_address}:{node.send_on(names[-1])}"
    with sender(paths[0], content, port):
        ended = [node.wait_received(name) for node, name in zip(nodes, names)]
    first, last = ended[0], ended[-1]
    seconds = seconds_between(
        {"begin": first["startTime"], "end": last["endTime"]}, "begin", "end"
    )
    spent = seconds_between({"begin": first["startTime"], "end": last["startTime"]}, "begin", "end")
    return seconds, spent / max(1, len(nodes) - 1)
