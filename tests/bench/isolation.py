"""What bad recipients cost the good ones."""

import os
import statistics
from contextlib import ExitStack
from dataclasses import replace

from paths import ip, veth
from programs import Recipients, Tcptoold, duration
from report import number, spread

GOOD = 8
MEBIBYTES = 512

# How the bad ones behave, and how many of each there are.
BAD = {
    "none": {},
    "one reads 1 MB/s": {"slow": 1},
    "one reads nothing": {"idle": 1},
    "500 read nothing": {"idle": 500},
    "one resets": {"reset": 1},
    "one's host vanishes": {"vanish": 1},
    "all four": {"slow": 1, "idle": 1, "reset": 1, "vanish": 1},
}


def run(report, inputs, args):
    report.say(f"## {GOOD} good recipients on loopback, beside bad ones")
    report.say()
    content = inputs.file(MEBIBYTES // args.divisor)
    rates = {what: [] for what in BAD}
    with veth() as pair:
        with Tcptoold(inputs.home, pair) as service:
            for _ in range(args.rounds + 2):
                for what, behaviours in BAD.items():
                    rates[what].append(measure(service, pair, content, behaviours))
    base = statistics.median(rates["none"])
    rows = []
    for what, made in rates.items():
        ratio = statistics.median(made) / base
        rows.append([what, spread(made), number(ratio)])
        if what != "none":
            report.bar(f"isolation, {what}: good ones' rate / without", ratio, least=0.95)
    report.table(["bad recipients", "good ones' GB/s", "ratio"], rows)
    report.keep("isolation", rates)


def measure(service, pair, content, behaviours):
    """GB/s to the good ones. All are on the service's own host but one that
    vanishes: its network is cut as the transfer starts."""
    here = replace(pair, recipient_prefix=pair.sender_prefix, sender_address="127.0.0.1")
    name, port = service.create(os.path.basename(content), "--stall-timeout=30s")
    space = pair.recipient_prefix[-1]
    with ExitStack() as stack:
        bad = [
            stack.enter_context(
                Recipients(
                    pair if behaviour == "vanish" else here,
                    count,
                    port=port,
                    speak="wait",
                    extra=[f"--behave={'good' if behaviour == 'vanish' else behaviour}"],
                )
            )
            for behaviour, count in behaviours.items()
        ]
        good = stack.enter_context(Recipients(here, GOOD, port=port))
        for recipients in [*bad, good]:
            recipients.wait_connected()
        if "vanish" in behaviours:
            ip("-n", space, "link", "set", "veth0", "down")
            stack.callback(ip, "-n", space, "link", "set", "veth0", "up")
        for recipients in [*bad, good]:
            recipients.go()
        seen = good.result(os.path.getsize(content))
        service.control("cancel", name)
    return sum(recipient["bytes"] for recipient in seen["recipients"]) / duration(seen) / 1e9
