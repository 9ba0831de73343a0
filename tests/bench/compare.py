"""Side by side: rounds that alternate between senders, and a table."""

import statistics
from dataclasses import dataclass

from report import number, spread


@dataclass
class Transfer:
    """One measurement."""

    gigabytes: float  # To all recipients.
    seconds: float  # From the start to the last recipient's end.
    cpu: float  # The sender's, in seconds.

    @property
    def rate(self):
        return self.gigabytes / self.seconds

    @property
    def cost(self):
        return self.cpu / self.gigabytes


@dataclass
class Result:
    """Medians of one contestant."""

    rate: float
    cost: float


def compare(report, key, title, contestants, args, who="sender"):
    """`contestants`: name to a function that makes one Transfer; the first is the
    one that the others are compared with. `who`: what they are. Answers name to
    Result."""
    transfers = {name: [] for name in contestants if name.startswith(args.only)}
    for _ in range(args.rounds):
        for name, made in transfers.items():
            made.append(contestants[name]())
    results = {
        name: Result(
            statistics.median(one.rate for one in made), statistics.median(one.cost for one in made)
        )
        for name, made in transfers.items()
    }
    ours = next(iter(results.values()))
    report.say(f"### {title}")
    report.say()
    report.table(
        [who, "GB/s", "ours / its", "CPU s/GB"],
        [
            [
                name,
                spread([one.rate for one in transfers[name]]),
                number(ours.rate / result.rate),
                spread([one.cost for one in transfers[name]]),
            ]
            for name, result in results.items()
        ],
    )
    report.keep(
        key,
        {name: [vars(one) for one in made] for name, made in transfers.items()},
    )
    return results
