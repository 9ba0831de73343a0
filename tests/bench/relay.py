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
)
from report import spread
from senders import NginxSender

MEBIBYTES = 1024
RECEIVER = [TCPTOOL, "-d", "error", "--wait", "10s", "-t"]


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


# --- One reception ---


def receive(report, path, inputs, content, args):
    """A reception, with its manifest, beside programs that write and hash nothing."""
    if path is LOOPBACK:
        report.say("## One file received into a file in memory")
        report.say()
    # Nobody calls it as a node, so that it may listen on loopback, without credentials.
    there = replace(
        path, sender_prefix=path.recipient_prefix, sender_address=LOOPBACK.sender_address
    )
    with ExitStack() as stack:
        node = stack.enter_context(closing(Node(there)))
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
        # Both write and hash all that comes.
        ours, hashing, *_ = results.values()
        report.bar(
            f"reception, {path.name}: rate / that of tcptool -r --sha256",
            ours.rate / hashing.rate,
            least=0.9,
        )


def by_reception(path, node, content):
    before = cpu_seconds(node.pid)
    port = free_port()
    with sender(path, content, port):
        reception = node.wait_received(node.receive(f"{path.sender_address}:{port}", "--start"))
    cpu = cpu_seconds(node.pid) - before
    return Transfer(size_of(content), seconds_between(reception, "connectTime", "endTime"), cpu)


def by_program(path, content, *options):
    port = free_port()
    with sender(path, content, port):
        address = f"{path.sender_address}:{port}"
        return received(path, content, lambda output: [*RECEIVER, *options, "-r", address, output])


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
    reception = node.receive(f"{LOOPBACK.sender_address}:{port}", "--start")
    _, session = node.send_on(reception)
    with ExitStack() as stack:
        recipients = stack.enter_context(Recipients(LOOPBACK, 1, port=session))
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
            first = OneShot([*RECEIVER, "-r", f"{LOOPBACK.sender_address}:{port}", output])
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
    report.say("## A relay's fast recipient, beside one that reads a tenth as fast")
    report.say()
    rates = {"alone": [], "beside a slow one": []}
    with closing(Node()) as node:
        slow = int(fast_rate(node, content) * 1e9 / 10)
        for _ in range(args.rounds + 2):
            for what, made in rates.items():
                made.append(fast_rate(node, content, slow if what != "alone" else None))
    ratio = statistics.median(rates["beside a slow one"]) / statistics.median(rates["alone"])
    report.table(["recipient", "GB/s"], [[what, spread(made)] for what, made in rates.items()])
    report.keep("relay/slow child", rates)
    report.bar("relay: fast recipient's rate beside a slow one / alone", ratio, least=1.0)


def fast_rate(node, content, slow=None):
    """GB/s of a recipient, beside one that reads so many bytes a second, if any."""
    port = free_port()
    reception = node.receive(f"{LOOPBACK.sender_address}:{port}", "--start")
    name, session = node.send_on(reception, "--immediate")
    with ExitStack() as stack:
        every = [Recipients(LOOPBACK, 1, port=session)]
        if slow is not None:
            behaviour = ["--behave=slow", f"--slow-rate={slow}"]
            every.append(Recipients(LOOPBACK, 1, port=session, speak="wait", extra=behaviour))
        for recipients in every:
            stack.enter_context(recipients)
            recipients.wait_connected()
            recipients.go()
        stack.enter_context(sender(LOOPBACK, content, port))
        begin = time.monotonic()
        every[0].result(os.path.getsize(content))
        seconds = time.monotonic() - begin
        node.wait_received(reception)
    # Or it keeps the file's memory when that has been replaced.
    node.control("cancel", name)
    return size_of(content) / seconds
