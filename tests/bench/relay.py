"""Receptions and relays: what they take in, and what they cost."""

import os
import statistics
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from compare import Transfer, compare
from node import OUTPUT, Node, seconds_between
from paths import LOOPBACK, veth
from programs import (
    OneShot,
    Recipients,
    TCPTOOL,
    cpu_seconds,
    free_port,
    wait_listening,
)
from report import spread
from senders import NginxSender

MEBIBYTES = 1024
RECEIVER = [TCPTOOL, "-d", "error", "--wait", "10s", "-t"]
# Bytes a second that come to a relay that has a slow child: less than two cores do for all.
RELAYED_RATE = 200_000_000
# A node keeps the files that others have followed open for a minute: each round's.
RELAYED_MEBIBYTES = 256


@contextmanager
def sender(path, content, port):
    """A `tcptool -s` that listens, and starts with its first recipient."""
    process = OneShot(
        [*path.sender_prefix, TCPTOOL, "-d", "error", "-s", str(port), "-c", "1", content]
    )
    try:
        wait_listening(path, port)
        yield process
        process.wait()
    finally:
        process.kill()


def run(report, inputs, args):
    content = inputs.file(MEBIBYTES // args.divisor)
    with veth() as pair:
        for path in (LOOPBACK, pair):
            receive(report, path, inputs, content, args)
        for path in (LOOPBACK, pair):
            relay(report, path, content, args)
    relayed = inputs.file(RELAYED_MEBIBYTES // args.divisor)
    slow_child(report, relayed, args)
    slow_node(report, relayed, args)


# --- One reception ---


def receive(report, path, inputs, content, args):
    """A reception, with its manifest, beside a program that hashes too, and those that do
    not."""
    if path is LOOPBACK:
        report.say("## One file received into a file in memory")
        report.say()
    with ExitStack() as stack:
        node = stack.enter_context(closing(receiver(path)))
        nginx = stack.enter_context(closing(NginxSender(path, inputs.home)))
        results = compare(
            report,
            f"relay/receive/{path.name}",
            path.name,
            {
                "tcptoold, reception": lambda: by_reception(path, node, content),
                "tcptool -r --sha256": lambda: by_program(path, content, "--sha256"),
                "tcptool -r": lambda: by_program(path, content),
                "curl -o, nginx": lambda: by_curl(path, nginx, content),
            },
            args,
            who="receiver",
        )
    if not args.only:
        # Both write and hash all that comes. Where all cores are busy, a program that hashes
        # nothing has what the hash takes for its content: docs/benchmarks.md.
        ours, hashing, *_ = results.values()
        report.bar(
            f"reception, {path.name}: rate / that of tcptool -r --sha256",
            ours.rate / hashing.rate,
            least=0.9,
        )


def receiver(path):
    """A node on the recipient's side. Nobody calls it as a node, so that it may listen on
    loopback, without credentials."""
    return Node(replace(path.back(), sender_address=LOOPBACK.sender_address))


def by_reception(path, node, content):
    before = cpu_seconds(node.pid)
    port = free_port()
    with sender(path, content, port):
        reception = node.wait_received(node.receive(f"{path.sender_address}:{port}", "--start"))
    cpu = cpu_seconds(node.pid) - before
    # As programs are timed: with what comes before the connection.
    return Transfer(size_of(content), seconds_between(reception, "createTime", "endTime"), cpu)


def by_program(path, content, *options):
    port = free_port()
    with sender(path, content, port):
        address = f"{path.sender_address}:{port}"
        return received(path, content, lambda output: [*RECEIVER, *options, "-r", address, output])


def by_curl(path, nginx, content):
    url = f"http://{path.sender_address}:{nginx.port}/{os.path.basename(content)}"
    return received(path, content, lambda output: ["curl", "--silent", "-o", output, url])


def received(path, content, command):
    """What a program takes, from its start to its end, that writes the content to a file."""
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


# --- A relay ---


def relay(report, path, content, args):
    if path is LOOPBACK:
        report.say("## A relay: what comes is written, hashed, and sent on to one recipient")
        report.say()
    with closing(receiver(path)) as node:
        results = compare(
            report,
            f"relay/cost/{path.name}",
            path.name,
            {
                "tcptoold, relay": lambda: by_relay(path, node, content),
                "tcptool -r --sha256, then tcptool -s": lambda: by_two_programs(
                    path, content, "--sha256"
                ),
                "tcptool -r, then tcptool -s": lambda: by_two_programs(path, content),
            },
            args,
            who="relay",
        )
    if not args.only:
        ours, hashing, plain = results.values()
        for programs, options in ((hashing, " --sha256"), (plain, "")):
            report.bar(
                f"relay, {path.name}: CPU per GB / that of tcptool -r{options} and tcptool -s",
                ours.cost / programs.cost,
                most=1.5,
            )


def by_relay(path, node, content):
    before = cpu_seconds(node.pid)
    port = free_port()
    reception = node.receive(f"{path.sender_address}:{port}", "--start")
    _, session = node.send_on(reception)
    with ExitStack() as stack:
        # On the side that the content comes from.
        recipients = stack.enter_context(Recipients(path.back(), 1, port=session))
        recipients.wait_connected()
        recipients.go()
        stack.enter_context(sender(path, content, port))
        recipients.result(os.path.getsize(content))
        ended = node.wait_received(reception)
    seconds = seconds_between(ended, "startTime", "endTime")
    return Transfer(size_of(content), seconds, cpu_seconds(node.pid) - before)


def by_two_programs(path, content, *options):
    with tempfile.TemporaryDirectory(dir=OUTPUT) as home:
        output = os.path.join(home, "file")
        port = free_port()
        with sender(path, content, port):
            begin = time.monotonic()
            address = f"{path.sender_address}:{port}"
            receive_into = [*RECEIVER, *options, "-r", address, output]
            first = OneShot([*path.recipient_prefix, *receive_into])
            first.wait()
            seconds = time.monotonic() - begin
        port = free_port()
        with (
            sender(path.back(), output, port) as second,
            Recipients(path.back(), 1, port=port) as recipients,
        ):
            recipients.wait_connected()
            begin = time.monotonic()
            recipients.go()
            recipients.result(os.path.getsize(content))
            seconds += time.monotonic() - begin
    return Transfer(size_of(content), seconds, first.cpu + second.cpu)


# --- A slow child ---


def slow_child(report, content, args):
    report.say("## A relay's fast recipient, beside one that reads a tenth as fast")
    report.say()
    with ExitStack() as stack:
        first = stack.enter_context(closing(Node(root=os.path.dirname(content))))
        relay_node = stack.enter_context(closing(Node()))
        ratio = beside_a_slow_one(
            report,
            "relay/slow child",
            "recipient",
            lambda beside: fast_recipient_rate(first, relay_node, content, beside),
            args,
        )
    # Both have the rate of what comes to the relay, to a hundredth.
    report.bar(
        "relay: fast recipient's rate beside a slow one / alone", round(ratio, 2), least=1.0
    )


def beside_a_slow_one(report, key, who, rate, args):
    """The ratio of rate(True), beside a slow one, to rate(False), alone."""
    rates = {"alone": [], "beside a slow one": []}
    for _ in range(args.rounds + 2):
        for what, made in rates.items():
            made.append(rate(what != "alone"))
    report.table([who, "GB/s"], [[what, spread(made)] for what, made in rates.items()])
    report.keep(key, rates)
    return statistics.median(rates["beside a slow one"]) / statistics.median(rates["alone"])


def fast_recipient_rate(first, relay_node, content, beside):
    """GB/s of a recipient of what the relay receives from `first`; beside one that reads a
    tenth as fast, or not."""
    session, relayed = relayed_from(first, relay_node, content)
    name, port = relay_node.send_on(relayed, "--immediate")
    with ExitStack() as stack:
        every = [Recipients(LOOPBACK, 1, port=port, speak="wait")]
        if beside:
            slow = ["--behave=slow", f"--slow-rate={RELAYED_RATE // 10}"]
            every.append(Recipients(LOOPBACK, 1, port=port, speak="wait", extra=slow))
        for recipients in every:
            stack.enter_context(recipients)
            recipients.wait_connected()
            recipients.go()
        first.control("start", session)
        (seen,) = every[0].result(os.path.getsize(content))["recipients"]
        relay_node.wait_received(relayed)
    # Or it keeps the file's memory when that has been replaced.
    relay_node.control("cancel", name)
    return size_of(content) / (seen["end"] - seen["first"])


def relayed_from(first, relay_node, content):
    """A session of `first` that waits for its start, and the reception of the relay that is
    connected to it."""
    session, _ = first.create(os.path.basename(content), f"--recipient-rate={RELAYED_RATE}")
    relayed = relay_node.receive(f"{first.peer_address}/{session}")
    relay_node.wait_connected(relayed)
    return session, relayed


def slow_node(report, content, args):
    report.say("## A relay's fast child, beside one that is held to a tenth: all are nodes")
    report.say()
    with ExitStack() as stack:
        first = stack.enter_context(closing(Node(root=os.path.dirname(content))))
        others = [stack.enter_context(closing(Node())) for _ in range(3)]
        ratio = beside_a_slow_one(
            report,
            "relay/slow node",
            "child",
            lambda beside: fast_node_rate(first, *others, content, beside),
            args,
        )
    # Both have the rate of what comes to the relay, to a hundredth.
    report.bar("relay: fast node's rate beside a slow one / alone", round(ratio, 2), least=1.0)


def fast_node_rate(first, relay_node, fast, slow, content, beside):
    """GB/s of `fast`, which follows what the relay receives from `first`; beside `slow` or
    not."""
    session, relayed = relayed_from(first, relay_node, content)
    name = fast.receive(f"{relay_node.peer_address}/{relayed}")
    fast.wait_connected(name)
    if beside:
        held, _ = relay_node.send_on(
            relayed, "--immediate", f"--recipient-rate={RELAYED_RATE // 10}"
        )
        late = slow.receive(f"{relay_node.peer_address}/{held}")
        slow.wait_connected(late)
    first.control("start", session)
    received_by_it = fast.wait_received(name)
    relay_node.wait_received(relayed)
    if beside:
        slow.control("cancel", late)
        # Or it keeps the file's memory when that has been replaced.
        relay_node.control("cancel", held)
    return size_of(content) / seconds_between(received_by_it, "startTime", "endTime")
