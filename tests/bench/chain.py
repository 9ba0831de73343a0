"""Chains of nodes: what they add to one link's time, and how soon a node goes on that
was killed."""

import os
import statistics
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import replace

from hosts import Credentials, shaped_hosts
from node import OUTPUT, Node, seconds_between
from paths import LOOPBACK
from programs import wait_until
from report import number, spread

# Of each node of a chain; what TCP makes of it is measured with a chain of one.
LINK_BITS = 100_000_000
LINK = f"{LINK_BITS // 10**6}mbit"
CHAINS = (8, 32)
CHAIN_MEBIBYTES = 64

RESUMED_GIBIBYTES = 10
KILLED_AT = 0.9
RESUMED_SECONDS = 20  # At least.


def run(report, inputs, args):
    chains(report, inputs.file(CHAIN_MEBIBYTES // args.divisor), args)
    resumes(report, (RESUMED_GIBIBYTES << 30) // args.divisor, args)


# --- Chains ---


def chains(report, content, args):
    report.say(f"## A chain of nodes, each of whose links has {LINK}")
    report.say()
    count = max(CHAINS) + 1
    times = {1: []} | {length: [] for length in CHAINS}
    delays = []
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        hosts = stack.enter_context(shaped_hosts(count, LINK))
        credentials = Credentials(home, hosts)
        nodes = [
            stack.enter_context(
                closing(
                    Node(
                        replace(
                            LOOPBACK, sender_prefix=host.prefix, sender_address=host.address
                        ),
                        os.path.dirname(content),
                        extra=credentials.options,
                        client_environment=credentials.environment,
                    )
                )
            )
            for host in hosts
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
    nominal = os.path.getsize(content) * 8 / LINK_BITS
    for length in CHAINS:
        for what, link in (("one link's", one), (f"size / {LINK}", nominal)):
            report.bar(
                f"a chain of {length}: last node's time / ({what} + hops x delay)",
                statistics.median(times[length]) / (link + (length - 1) * delay),
                most=1.05,
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
        node.wait_connected(name)
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
