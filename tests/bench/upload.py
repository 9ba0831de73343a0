"""A pipe's content that a client uploads to the service, to 1 and 8 recipients, and what `dd`
into `nc` does to one."""

import copy
import json
import os
import subprocess
import time
from contextlib import ExitStack

from compare import Transfer, compare
from paths import LOOPBACK
from programs import OneShot, Recipients, TCPTOOLCTL, Tcptoold, cpu_seconds, port_of
from report import so_many_recipients
from stream import producer, tell, transfer

# Recipients, and the content in MiB.
SIZES = {1: 1024, 8: 512}

# Four processes take turns in an upload: it varies, and is soon over.
TIMES_THE_ROUNDS = 3

# In GB/s, where `nc` is faster.
WANTED = 1.0
PART_OF_NC = 0.8


def run(report, inputs, args):
    report.say("## A pipe's content to recipients on loopback, which discard it, by an upload")
    report.say()
    args = copy.copy(args)
    args.rounds *= TIMES_THE_ROUNDS
    with Tcptoold(inputs.home) as service:
        for count, size in SIZES.items():
            content = inputs.file(size // args.divisor)
            results = compare(
                report,
                f"upload/{count}",
                so_many_recipients(count),
                {
                    "tcptoolctl, tcptoold": lambda: upload(service, content, count),
                    "nc, 1 recipient": lambda: transfer(LOOPBACK, content, 1, nc, dd(content)),
                },
                args,
            )
            if not args.only:
                ours, theirs = (result.rate for result in results.values())
                report.bar(
                    f"upload, {so_many_recipients(count)}: GB/s (1, or 0.8 of nc's)",
                    ours,
                    least=min(WANTED, PART_OF_NC * theirs),
                )


def dd(content):
    return ["dd", f"if={content}", "bs=1M", "status=none"]


def nc(path, port, _, pipe):
    argv = ["nc.openbsd", "-N", path.recipient_address, str(port)]
    return [OneShot([*path.sender_prefix, *argv], stdin=pipe)]


def upload(service, content, count):
    """CPU seconds are the client's and the service's."""
    size = os.path.getsize(content)
    before = cpu_seconds(service.pid)
    with ExitStack() as stack:
        source = stack.enter_context(producer(dd(content)))
        client = OneShot(
            [
                TCPTOOLCTL, f"--server={service.control_address}", "--output=json",
                "create", "--stdin",
            ],
            stdin=source.stdout,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        stack.enter_context(client.stdout)
        stack.callback(client.kill)
        source.stdout.close()
        port = port_of(json.loads(client.stdout.readline()))
        recipients = stack.enter_context(Recipients(LOOPBACK, count, port=port))
        recipients.wait_connected()
        recipients.go()
        begin = time.monotonic()
        tell(source)
        seen = recipients.result(size)
        client.wait()
    end = max(recipient["end"] for recipient in seen["recipients"])
    cpu = cpu_seconds(service.pid) - before + client.cpu
    return Transfer(size * count / 1e9, end - begin, cpu)
