"""More lanes than processors, as on a machine that has more: a lock on the path, or a lane that
waits for another, would show."""

import os
from contextlib import ExitStack, closing

from compare import compare
from paths import LOOPBACK
from senders import TcptooldSender

RECIPIENTS = 64
MEBIBYTES = 64
TIMES_THE_PROCESSORS = 4


def run(report, inputs, args):
    report.say("## One file to 64 recipients, by more lanes than there are processors")
    report.say()
    content = inputs.file(MEBIBYTES // args.divisor)
    processors = len(os.sched_getaffinity(0))
    with ExitStack() as stack:
        contestants = {}
        for lanes in (processors * TIMES_THE_PROCESSORS, processors):
            sender = TcptooldSender(
                LOOPBACK, inputs.home, f"tcptoold, {lanes} lanes", [f"--lanes={lanes}"]
            )
            stack.enter_context(closing(sender))
            contestants[sender.name] = lambda sender=sender: sender.measure(content, RECIPIENTS)
        results = compare(report, "lanes", "loopback, 64 recipients", contestants, args)
    if not args.only:
        many, few = results.values()
        # Each lane reads the file for itself: on two processors a read for 8 sends, not for 32.
        ratio = many.rate / few.rate
        report.bar("lanes: rate with four for each processor / with one", ratio, least=0.8)
