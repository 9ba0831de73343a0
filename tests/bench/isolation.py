"""What bad recipients cost the good ones."""

import os
import statistics
from contextlib import ExitStack
from dataclasses import replace

from paths import LOOPBACK, ip, veth
from programs import Recipients, Tcptoold, duration
from report import number, spread

GOOD = 8
MEBIBYTES = 512
A_LANE = 4  # Recipients.

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
    report.keep("isolation", rates | beside_a_lane(report, inputs, content, args))


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


def beside_a_lane(report, inputs, content, args):
    """What a lane whose recipients are all slow costs another one of the session, compared with
    one whose recipients read nothing, for which nobody can wait."""
    rates = {"idle": [], "slow": []}
    with Tcptoold(inputs.home, extra=["--lanes=2"]) as service:
        for _ in range(args.rounds + 2):
            for behaviour, made in rates.items():
                made.append(measure_lane(service, content, behaviour))
    idle, slow = (statistics.median(made) for made in rates.values())
    report.bar(
        "isolation, a slow lane: the other's rate / beside an idle one", slow / idle, least=0.95
    )
    return {f"a lane beside an {behaviour} one": made for behaviour, made in rates.items()}


def measure_lane(service, content, behaviour):
    """GB/s to those of the good lane."""
    name, port = service.create(os.path.basename(content), "--stall-timeout=30s")
    with ExitStack() as stack:

        def connect(**options):
            recipient = stack.enter_context(Recipients(LOOPBACK, 1, port=port, **options))
            recipient.wait_connected()
            return recipient

        good, bad = [], []
        # The lanes are given them by turns. The last one's byte starts.
        for number in range(A_LANE):
            bad.append(connect(speak="wait", extra=[f"--behave={behaviour}"]))
            good.append(connect(speak="wait" if number < A_LANE - 1 else "tcptool"))
        service.wait_ready(name, 2 * A_LANE - 1)
        for recipient in [*bad, *good]:
            recipient.go()
        seen = [recipient.result(os.path.getsize(content)) for recipient in good]
        service.control("cancel", name)
    end = max(one["end"] for each in seen for one in each["recipients"])
    return A_LANE * os.path.getsize(content) / (end - seen[-1]["start"]) / 1e9
