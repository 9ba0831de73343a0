"""A file that is not in the page cache: its own speed, and what it does to others."""

import os
import statistics
import subprocess
import time

from paths import LOOPBACK
from programs import Recipients, Tcptoold, duration
from report import number, spread

COLD_MEBIBYTES = 1024
HOT_MEBIBYTES = 512
HOT_RECIPIENTS = 8

# Of the session beside: the processor is shared, and it is the disk's waits that
# are asked about, so that it sends as much when it is cached.
BESIDE_RATE = 200_000_000


def run(report, inputs, args):
    report.say("## A file that is not in the page cache")
    report.say()
    # Of one size, but not one file: the hot one stays in the page cache.
    cold = inputs.file(COLD_MEBIBYTES // args.divisor)
    hot = inputs.file(HOT_MEBIBYTES // args.divisor)
    figures = {name: [] for name in ("dd", "tcptoold, 1 recipient")}
    beside = {name: [] for name in ("a cached file", "a cold file")}
    with Tcptoold(inputs.home) as service:
        for _ in range(args.rounds):
            figures["dd"].append(by_dd(cold))
            figures["tcptoold, 1 recipient"].append(served_cold(service, cold))
            for name, made in beside.items():
                made.append(rate_beside(service, hot, cold, evicted=name == "a cold file"))
    report.table(
        ["who reads it", "GB/s"], [[name, spread(made)] for name, made in figures.items()]
    )
    report.table(
        [f"{HOT_RECIPIENTS} recipients of a cached file, beside", "GB/s"],
        [[f"{name}, {number(BESIDE_RATE / 1e6)} MB/s", spread(made)] for name, made in beside.items()],
    )
    dd, ours = (statistics.median(made) for made in figures.values())
    report.bar("cold: rate / dd's", ours / dd, least=0.95)
    without, with_cold = (statistics.median(made) for made in beside.values())
    report.bar("cold: others' rate / beside a cached file", with_cold / without, least=0.95)
    report.keep("cold", {"alone": figures, "beside": beside})


def evict(file):
    """Drops a file that has been written back from the page cache."""
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def by_dd(file):
    evict(file)
    begin = time.monotonic()
    subprocess.run(["dd", f"if={file}", "of=/dev/null", "bs=1M", "status=none"], check=True)
    return os.path.getsize(file) / 1e9 / (time.monotonic() - begin)


def served_cold(service, file):
    evict(file)
    _, port = service.create(os.path.basename(file))
    with Recipients(LOOPBACK, 1, port=port) as recipients:
        recipients.wait_connected()
        recipients.go()
        seen = recipients.result(os.path.getsize(file))
    return os.path.getsize(file) / 1e9 / duration(seen)


def rate_beside(service, hot, other, evicted):
    """GB/s to the recipients of `hot` while `other` is served to one more."""
    if evicted:
        evict(other)
    else:
        subprocess.run(["cat", other], stdout=subprocess.DEVNULL, check=True)
    name, port = service.create(os.path.basename(other), f"--session-rate={BESIDE_RATE}")
    _, hot_port = service.create(os.path.basename(hot))
    with (
        Recipients(LOOPBACK, 1, port=port) as one,
        Recipients(LOOPBACK, HOT_RECIPIENTS, port=hot_port) as many,
    ):
        one.wait_connected()
        many.wait_connected()
        one.go()
        many.go()
        seen = many.result(os.path.getsize(hot))
        service.control("cancel", name)
    return os.path.getsize(hot) * HOT_RECIPIENTS / 1e9 / duration(seen)
