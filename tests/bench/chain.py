"""Chains of nodes: what they add to one link's time, and how soon a node goes on that
was killed."""

import os
import pathlib
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from certificates import Authority
from node import OUTPUT, Node, seconds_between
from paths import LOOPBACK, ip
from programs import wait_until
from report import number, spread

# Of each node of a chain; what TCP makes of it is measured with a chain of one.
LINK = "100mbit"
CHAINS = (8, 32)
CHAIN_MEBIBYTES = 64

RESUMED_GIBIBYTES = 10
KILLED_AT = 0.9
RESUMED_SECONDS = 20  # At least.


def run(report, inputs, args):
    chains(report, inputs.file(CHAIN_MEBIBYTES // args.divisor), args)
    resumes(report, (RESUMED_GIBIBYTES << 30) // args.divisor, args)


# --- Chains ---


@contextmanager
def spaces(count):
    """Network namespaces on one bridge, each of which sends no faster than LINK."""
    bridge = f"bench-bridge-{os.getpid()}"
    made = []
    try:
        ip("netns", "add", bridge)
        made.append(bridge)
        ip("-n", bridge, "link", "add", "switch", "type", "bridge")
        ip("-n", bridge, "link", "set", "switch", "up")
        paths = []
        for index in range(count):
            name = f"bench-chain-{index}-{os.getpid()}"
            ip("netns", "add", name)
            made.append(name)
            ip("link", "add", "eth0", "netns", name, "type", "veth",
               "peer", "name", f"port{index}", "netns", bridge)  # fmt: skip
            ip("-n", bridge, "link", "set", f"port{index}", "master", "switch", "up")
            ip("-n", name, "address", "add", f"{address(index)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            prefix = ("ip", "netns", "exec", name)
            subprocess.run(
                [*prefix, "tc", "qdisc", "add", "dev", "eth0", "root",
                 "tbf", "rate", LINK, "burst", "256kb", "latency", "50ms"],
                check=True,
            )  # fmt: skip
            paths.append(replace(LOOPBACK, sender_prefix=prefix, sender_address=address(index)))
        yield paths
    finally:
        for name in made:
            ip("netns", "delete", name)  # Its interfaces go with it.


def address(index):
    return f"10.1.0.{index + 1}"


class Credentials:
    """One certificate for all nodes, with which they and tcptoolctl may do all."""

    def __init__(self, home, count):
        authority = Authority(pathlib.Path(home) / "authority")
        names = ",".join(f"IP:{name}" for name in ("127.0.0.1", *map(address, range(count))))
        certificate, key = authority.issue("node", alternative=names)
        self.options = [
            f"--tls-cert={certificate}",
            f"--tls-key={key}",
            f"--tls-client-ca={authority.path}",
            f"--peer-ca={authority.path}",
            "--cert-role=cn:node=operator",
        ]
        self.environment = {
            "TCPTOOL_TLS_CA": str(authority.path),
            "TCPTOOL_TLS_CERT": str(certificate),
            "TCPTOOL_TLS_KEY": str(key),
        }


def chains(report, content, args):
    report.say(f"## A chain of nodes, each of whose links has {LINK}")
    report.say()
    count = max(CHAINS) + 1
    times = {1: []} | {length: [] for length in CHAINS}
    delays = []
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        credentials = Credentials(home, count)
        nodes = [
            stack.enter_context(
                closing(
                    Node(
                        path,
                        os.path.dirname(content),
                        extra=credentials.options,
                        client_environment=credentials.environment,
                    )
                )
            )
            for path in stack.enter_context(spaces(count))
        ]
        for _ in range(args.rounds):
            for length, made in times.items():
                seconds, delay = through(nodes[: length + 1], os.path.basename(content))
                made.append(seconds)
                if length > 1:
                    delays.append(delay)
    one = statistics.median(times[1])
    delay = statistics.median(delays)
    report.table(
        ["nodes", "last one has it after s", "/ (one link's + hops x delay)"],
        [
            [length, spread(made), number(statistics.median(made) / (one + (length - 1) * delay))]
            for length, made in times.items()
        ],
    )
    report.say(f"The first byte takes {spread([delay * 1e3 for delay in delays])} ms a hop.")
    report.say()
    report.keep("chain", {"seconds": times, "delay of a hop": delays})
    for length in CHAINS:
        ratio = statistics.median(times[length]) / (one + (length - 1) * delay)
        report.bar(
            f"a chain of {length}: last node's time / (one link's + hops x delay)", ratio, most=1.05
        )


def through(nodes, file):
    """Seconds until the last node has the content, and those that the first byte takes
    from one node to the next."""
    first, *others = nodes
    session, _ = first.create(file)
    source = f"{first.peer_address}/{session}"
    names = []
    for node in others:
        names.append(node.receive(source))
        source = f"{node.peer_address}/{names[-1]}"
    for node, name in zip(others, names):
        wait_until(
            lambda: node.get(name)["state"] != "RECEPTION_STATE_CONNECTING",  # noqa: B023
            f"{name} is connected",
        )
    first.control("start", session)
    ended = [node.wait_received(name) for node, name in zip(others, names)]
    times = {
        "begin": ended[0]["startTime"],
        "last begins": ended[-1]["startTime"],
        "end": ended[-1]["endTime"],
    }
    spent = seconds_between(times, "begin", "last begins")
    return seconds_between(times, "begin", "end"), spent / max(1, len(others) - 1)


# --- A node that goes on ---


def resumes(report, size, args):
    report.say(
        f"## A node that is killed at {KILLED_AT:.0%} of {size / 2**30:.3g} GiB, and goes on"
    )
    report.say()
    rounds = [resume(size) for _ in range(args.rounds)]
    silence, again, second = zip(*rounds)
    report.table(
        ["", "seconds until bytes flow", "MiB that came twice", "of them in a second"],
        [["node", *(spread(values) for values in (silence, again, second))]],
    )
    report.keep("chain/resume", {"seconds": silence, "MiB twice": again, "MiB a second": second})
    report.bar("resume: seconds until bytes flow", statistics.median(silence), most=2)
    most = 64 + statistics.median(second)
    report.bar("resume: MiB that came twice", statistics.median(again), most=most)


def resume(size):
    """Seconds from its new start to the first new byte, the MiB that its parent has sent
    twice, and those of a second before."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(dir=OUTPUT))
        with open(os.path.join(home, "content"), "wb") as file:
            file.truncate(size)  # A hole, which is content as well.
        parent = stack.enter_context(closing(Node(root=home)))
        child = stack.enter_context(closing(Node()))
        # It is not to be over before it is killed.
        most = f"--recipient-rate={size // RESUMED_SECONDS}"
        session, _ = parent.create("content", "--immediate", most)
        name = child.receive(f"{parent.peer_address}/{session}")

        def received():
            return int(child.get(name).get("bytesReceived", 0))

        begin = time.monotonic()
        wait_until(lambda: received() >= KILLED_AT * size, "most has come")
        rate = received() / (time.monotonic() - begin)
        started = child.get(name)["startTime"]
        child.kill()
        begin = time.monotonic()
        child.start()
        # It is that of the first byte that came to this process.
        wait_until(lambda: child.get(name).get("startTime") not in (None, started), "bytes flow")
        seconds = time.monotonic() - begin
        child.wait_received(name)
        parent.control("cancel", session)
        again = parent.metric("tcptool_sent_bytes_total") - size
    return seconds, again / 2**20, rate / 2**20
