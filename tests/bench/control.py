"""The control API: calls, lists, watchers, and memory."""

import json
import os
import statistics
import subprocess
from contextlib import contextmanager

from paths import LOOPBACK
from programs import (
    CONTROL_LOAD,
    Recipients,
    Tcptoold,
    duration,
    memory,
)
from report import number, spread

SESSIONS = 10_000
CALLS = 2_000
JSON_CALLS = 1_000
BATCH = 4_000
WATCHERS = 1_000
RECIPIENTS = 100
MEBIBYTES = 1024

# Made by one client while content goes to so many, which takes longer.
CALLS_BESIDE = 100
RECIPIENTS_BESIDE = 200


def run(report, inputs, args):
    report.say("## The control API")
    report.say()
    with Tcptoold(inputs.home, ports=SESSIONS) as service:
        before = memory(service.pid)
        calls(report, service, inputs)
        fill_and_list(report, service, inputs, args, before)
    with Tcptoold(inputs.home, ports=2 * JSON_CALLS, extra=["--http-api"]) as service:
        calls_as_json(report, service, inputs, args)
    with Tcptoold(inputs.home, ports=2 * CALLS_BESIDE) as service:
        calls_beside_a_transfer(report, service, inputs, args)
        watching(report, service, inputs, args)


def load(where, command, *flags):
    done = subprocess.run(
        [CONTROL_LOAD, command, where, *flags],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def by_grpc(service):
    return f"--server={service.control_address}"


def by_json(service):
    return f"--http={service.http_address}"


def make_calls(where, inputs, clients, count):
    file = os.path.basename(inputs.file(1))
    return load(where, "calls", f"--clients={clients}", f"--calls={count}", f"--file=files/{file}")


def calls(report, service, inputs):
    rows = []
    for clients in (1, 64):
        for one in make_calls(by_grpc(service), inputs, clients, CALLS):
            p50, p99 = one["p50"] * 1000, one["p99"] * 1000
            rows.append([one["call"], clients, number(one["rate"]), number(p50), number(p99)])
            report.keep(f"control/{one['call']}/{clients}", one)
            if one["call"] == "CreateSession" and clients == 1:
                report.bar("control: CreateSession, p99 in ms", p99, most=10)
    report.table(["call", "clients", "calls/s", "p50, ms", "p99, ms"], rows)


def calls_as_json(report, service, inputs, args):
    """The same calls by gRPC and by JSON over HTTP, in turns."""
    ways = {"gRPC": by_grpc(service), "JSON": by_json(service)}
    seen = {}
    for _ in range(args.rounds):
        for clients in (1, 64):
            for way, where in ways.items():
                for one in make_calls(where, inputs, clients, JSON_CALLS):
                    seen.setdefault((one["call"], clients, way), []).append(one)
    rows = []
    for call in ("GetSession", "CreateSession"):
        for clients in (1, 64):
            p99 = {}
            for way in ways:
                made = seen[call, clients, way]
                rate, p50, p99[way] = (
                    statistics.median(one[what] for one in made) for what in ("rate", "p50", "p99")
                )
                rows.append(
                    [call, clients, way, number(rate), number(p50 * 1000), number(p99[way] * 1000)]
                )
            report.bar(
                f"control: {call}, clients: {clients}: p99 by JSON / by gRPC",
                p99["JSON"] / p99["gRPC"],
                most=3,
            )
    report.table(["call", "clients", "by", "calls/s", "p50, ms", "p99, ms"], rows)
    for (call, clients, way), made in seen.items():
        report.keep(f"control/{call}/{clients}/{way}", made)


def calls_beside_a_transfer(report, service, inputs, args):
    """How long a call takes while all lanes send as fast as they can."""
    seen = {}
    for _ in range(args.rounds):
        # The whole file, also in a quick run: it is to last.
        name, port = service.create(os.path.basename(inputs.file(MEBIBYTES)))
        with Recipients(LOOPBACK, RECIPIENTS_BESIDE, port=port) as recipients:
            recipients.wait_connected()
            service.wait_ready(name, RECIPIENTS_BESIDE - 1)
            recipients.go()
            for one in make_calls(by_grpc(service), inputs, 1, CALLS_BESIDE):
                seen.setdefault(one["call"], []).append(one)
            if service.get(name)["state"] != "SESSION_STATE_TRANSFERRING":
                raise RuntimeError("the transfer was over before the calls were made")
            service.control("cancel", name)
    rows = []
    for call, made in seen.items():
        p50, p99 = (statistics.median(one[what] for one in made) * 1000 for what in ("p50", "p99"))
        rows.append([call, number(p50), number(p99)])
        if call == "CreateSession":
            report.bar("control: CreateSession beside a transfer, p99 in ms", p99, most=10)
    report.table([f"call, beside a transfer to {RECIPIENTS_BESIDE}", "p50, ms", "p99, ms"], rows)
    report.keep("control/beside a transfer", seen)


def fill_and_list(report, service, inputs, args, before):
    (listed,) = load(by_grpc(service), "list")
    while (missing := SESSIONS - listed["sessions"]) > 0:
        # Each that waits has two descriptors; they are cancelled after each batch.
        make_calls(by_grpc(service), inputs, 16, min(missing, BATCH))
        (listed,) = load(by_grpc(service), "list")
    each = (memory(service.pid) - before) / listed["sessions"]
    seconds = {"VIEW_FULL": [], "VIEW_BASIC": []}
    for _ in range(args.rounds):
        for view, flags in (("VIEW_FULL", ()), ("VIEW_BASIC", ("--basic",))):
            (one,) = load(by_grpc(service), "list", *flags)
            seconds[view].append(one["seconds"])
    report.table(
        ["what", "measured"],
        [
            *(
                [f"{listed['sessions']:,} sessions listed, {view}", f"{spread(made)} s"]
                for view, made in seconds.items()
            ),
            ["memory for each session that is held", f"{number(each / 1024)} KiB"],
        ],
    )
    report.bar(
        f"control: {listed['sessions']:,} sessions listed, VIEW_BASIC, s",
        statistics.median(seconds["VIEW_BASIC"]),
        most=0.1,
    )
    report.keep("control/list", {**listed, "bytes_per_session": each, "seconds": seconds})


@contextmanager
def watchers(service, session, count):
    """So many watchers of a session and its recipients. They run at the lowest
    priority, as if they were on other machines."""
    argv = [
        "nice", "-n", "19", CONTROL_LOAD, "watch", f"--server={service.control_address}",
        f"--clients={count}", f"--session={session}",
    ]  # fmt: skip
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        result = {}
        yield result
        out, _ = process.communicate("\n")
        result.update(json.loads(out))
    finally:
        process.kill()
        process.communicate()


def transfer(service, content, count):
    """GB/s to all recipients, the service's memory at the end, and what the
    watchers had."""
    name, port = service.create(os.path.basename(content))
    with Recipients(LOOPBACK, RECIPIENTS, port=port) as recipients:
        recipients.wait_connected()
        service.wait_ready(name, RECIPIENTS - 1)
        with watchers(service, name, count) as watched:
            recipients.go()
            seen = recipients.result(os.path.getsize(content))
            held = memory(service.pid)
    return os.path.getsize(content) * RECIPIENTS / 1e9 / duration(seen), held, watched


def watching(report, service, inputs, args):
    content = inputs.file(MEBIBYTES // args.divisor)
    rates = {0: [], WATCHERS: []}
    held = {}
    changes = 0
    for _ in range(args.rounds):
        for count, made in rates.items():
            rate, held[count], watched = transfer(service, content, count)
            made.append(rate)
            if watched["broken"]:
                raise RuntimeError(f"{watched['broken']} watches broke")
            changes = watched["changes"]
    report.table(
        [f"watchers of a transfer to {RECIPIENTS}", "GB/s", "the service's memory"],
        [[count, spread(made), f"{held[count] / 2**20:.0f} MiB"] for count, made in rates.items()],
    )
    without, with_watchers = (statistics.median(made) for made in rates.values())
    report.bar(
        f"control: rate with {WATCHERS:,} watchers / without", with_watchers / without, least=0.97
    )
    report.keep("control/watchers", {"gb_per_s": rates, "memory": held, "changes": changes})
