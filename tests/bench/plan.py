"""The tree of a distribution to 10,000 nodes: how long the coordinator's planner takes."""

import json
import statistics
import subprocess

from programs import PLAN_TIMES
from report import spread

MOST_MS = 100


def run(report, _inputs, args):
    report.say("## The plan of a fleet of 10,000 nodes")
    report.say()
    rounds = [measured() for _ in range(args.rounds)]
    rows = []
    for fleets in zip(*rounds):
        first = fleets[0]
        egress = f"of {first['children']} children" if first["children"] else "as the link takes"
        times = {what: [one[f"{what}_ms"] for one in fleets] for what in ("planned", "mended")}
        rows.append([f"{first['racks']:,} racks, egress {egress}", *map(spread, times.values())])
        for what, values in times.items():
            report.bar(
                f"plan, {rows[-1][0]}: {what}, ms", statistics.median(values), most=MOST_MS
            )
    report.table(["10,000 nodes", "planned, ms", "mended when a tenth died, ms"], rows)
    report.keep("plan", rounds)


def measured():
    done = subprocess.run([PLAN_TIMES], check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
