"""Transfers that are over at once: how long after the start byte the last of the recipients
has the first byte, all of the content, and its end, and the sender the proof."""

import statistics
from contextlib import closing

from paths import all_paths
from report import number
from senders import NginxSender, tcptool

# The content in KiB, and recipients.
SIZES = (1, 64, 1024, 16 * 1024)
COUNTS = (1, 8, 64)

# The one that has bars.
PUSH = (1024, 64)

# One is over in a moment, and another process that runs just then shows.
TIMES_THE_ROUNDS = 3

MILESTONES = ("first byte", "last byte", "end", "proof", "last byte to proof")


def run(report, inputs, args):
    report.say("## Small transfers, from the start byte, in ms")
    report.say()
    with all_paths() as paths:
        for path in paths:
            with closing(NginxSender(path, inputs.home)) as nginx:
                compare_on(report, path, nginx, inputs, args)


def compare_on(report, path, nginx, inputs, args):
    senders = {"tcptool": tcptool(path), "nginx": nginx}
    senders = {name: one for name, one in senders.items() if name.startswith(args.only)}
    rows = []
    for size in SIZES:
        content = inputs.small_file(size)
        for count in COUNTS:
            times = {name: [] for name in senders}
            for _ in range(args.rounds * TIMES_THE_ROUNDS):
                for name, sender in senders.items():
                    times[name].append(after_start(*sender.serve(content, count)[:2]))
            report.keep(f"small/{path.name}/{size}/{count}", times)
            medians = {name: median_of(made) for name, made in times.items()}
            for name, median in medians.items():
                cells = [number(median[key]) if key in median else "" for key in MILESTONES]
                rows.append([name, f"{size:,} KiB", count, *cells])
            if (size, count) == PUSH and not args.only:
                ours, theirs = medians.values()
                what = f"small, {path.name}, 1 MiB to 64"
                report.bar(
                    f"{what}: last byte / nginx's", ours["last byte"] / theirs["last byte"], most=1.0
                )
                report.bar(f"{what}: last byte to proof, ms", ours["last byte to proof"], most=110.0)
    report.say(f"### {path.name}")
    report.say()
    report.table(["sender", "content", "recipients", *MILESTONES], rows)


def after_start(seen, ended):
    """The milestones of one transfer, of its last recipient, in ms. `ended`: when the
    sender had the proof of all; None: it has none."""
    recipients = seen["recipients"]
    times = {
        "first byte": max(recipient["first"] for recipient in recipients),
        "last byte": max(recipient["last"] for recipient in recipients),
        "end": max(recipient["end"] for recipient in recipients),
    }
    if ended is not None:
        times["proof"] = ended
    after = {milestone: (time - seen["start"]) * 1000 for milestone, time in times.items()}
    if ended is not None:
        after["last byte to proof"] = after["proof"] - after["last byte"]
    return after


def median_of(transfers):
    return {
        milestone: statistics.median(one[milestone] for one in transfers)
        for milestone in transfers[0]
    }
