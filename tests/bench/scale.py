"""Many recipients: how fast they are accepted, what each costs, how soon and how
evenly they are served; and how exactly rates hold."""

import os
import statistics
import time
from contextlib import contextmanager

from paths import LOOPBACK
from programs import Recipients, Tcptoold, duration, memory
from report import number

MANY = 10_000
WAITING = 1_000

# Recipients that should end together, and the content in MiB.
FAIR = {8: 512, 64: 256}


def run(report, inputs, args):
    report.say("## Many recipients, on loopback")
    report.say()
    rows = []

    def add(what, value, unit, **bar):
        rows.append([what, f"{number(value)} {unit}"])
        report.bar(f"scale: {what}, {unit}".removesuffix(", "), value, **bar)

    with Tcptoold(inputs.home) as service:
        crowd(service, inputs, add)
        latency_and_fairness(report, service, inputs, add, args)
        rates(service, inputs, add)
    report.table(["what", "measured"], rows)
    report.keep("scale", rows)


@contextmanager
def ready(service, content, count, *flags, extra=()):
    """A session whose recipients wait for the start byte; how long they took to
    be READY, from the first connection."""
    name, port = service.create(os.path.basename(content), "--handshake-timeout=60s", *flags)
    begin = time.monotonic()
    with Recipients(LOOPBACK, count, port=port, extra=extra) as recipients:
        # All but the last, whose byte is the start byte.
        service.wait_ready(name, count - 1)
        seconds = time.monotonic() - begin
        recipients.wait_connected()
        yield name, recipients, seconds


def crowd(service, inputs, add):
    content = inputs.file(1)
    before = memory(service.pid)
    with ready(service, content, MANY) as (name, recipients, seconds):
        add(f"{MANY:,} recipients connected and READY", seconds, "s", most=2.0)
        each = (memory(service.pid) - before) / MANY / 1024
        add("memory for each that waits", each, "KiB", most=4.0)
        recipients.go()
        most = 0
        for _ in range(20):
            most = max(most, memory(service.pid))
            time.sleep(0.05)
        seen = recipients.result(1 << 20)
        if service.wait_final(name)["state"] != "SESSION_STATE_SUCCEEDED":
            raise RuntimeError("not all of the crowd have the content")
        add(f"{MANY:,} recipients served 1 MiB each", duration(seen), "s")
        add("memory for each while transferring", (most - before) / MANY / 1024, "KiB", most=4.0)


def latency_and_fairness(report, service, inputs, add, args):
    latencies, ratios = [], {count: [] for count in FAIR}
    for _ in range(args.rounds):
        with ready(service, inputs.file(1), WAITING) as (_, recipients, _):
            recipients.go()
            seen = recipients.result(1 << 20)
        first = sorted(one["first"] - seen["start"] for one in seen["recipients"])
        latencies.append(first[int(len(first) * 0.99)] * 1000)
        for count, size in FAIR.items():
            with ready(service, inputs.file(size // args.divisor), count) as (_, recipients, _):
                recipients.go()
                seen = recipients.result(size // args.divisor << 20)
            ends = [one["end"] - seen["start"] for one in seen["recipients"]]
            ratios[count].append(max(ends) / min(ends))
    add(
        f"start byte to first byte, p99 of {WAITING:,}", statistics.median(latencies), "ms", most=50
    )
    for count, made in ratios.items():
        add(f"slowest / fastest of {count}", statistics.median(made), "", most=1.08)
    report.keep("scale/rounds", {"first byte, p99 in ms": latencies, "slowest / fastest": ratios})


def rates(service, inputs, add):
    """The worst 2 s of a transfer with a rate limit."""
    rate = 40_000_000
    content = inputs.file(256)
    for what, flag, count in (("recipient", "recipient-rate", 1), ("session", "session-rate", 8)):
        size = rate * 6 // count
        flags = [f"--{flag}={rate}", f"--length={size}"]
        with ready(service, content, count, *flags, extra=["--sample-ms=10"]) as (_, made, _):
            made.go()
            seen = made.result(size)
        worst = max(abs(moved / 2 / rate - 1) for moved in windows(seen["samples"], 2))
        add(f"{what}'s rate limit: worst deviation over 2 s", worst * 100, "%", most=5)


def windows(samples, seconds):
    """Bytes moved in each such window of (time, bytes so far)."""
    samples = [sample for sample in samples if sample[1] > 0]
    end = 0
    for time_from, bytes_from in samples:
        while end < len(samples) and samples[end][0] < time_from + seconds:
            end += 1
        if end == len(samples):
            return
        # As if it had been seen exactly `seconds` later.
        later, moved = samples[end][0] - time_from, samples[end][1] - bytes_from
        yield moved * seconds / later
