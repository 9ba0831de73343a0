"""A content onto all nodes of a fleet, beside other ways to do it, whatever happens meanwhile."""

import math
import os
import signal
import statistics
import subprocess
from contextlib import closing, contextmanager

from fleet_nodes import Fleet
from hosts import bytes_between_switches, shape_between_switches, shaped_hosts
from multicast import Udpcast, Uftp, kilobits
from programs import wait_until
from races import Event, Race, race, verify
from report import number, spread
from star import Star
from swarm import Swarm

# Of each host, in each direction.
LINK = "50mbit"
MEBIBYTES = 128
COUNTS = (8, 32)

# Where something is found out and mended in so many seconds.
LONG_MEBIBYTES = 512
SLOW = "5mbit"
SLOW_COUNT = 16
SLOW_PLACE = 12
UNSHAPED = "10gbit"
AWAY_AT = 0.15
AWAY_S = 60
AWAY_COUNT = 8

RACK_MEBIBYTES = 64
RACK_COUNT = 8
NARROW = "25mbit"

ONE_LINK = "one link: tcptool -s, tcptool -r"


def run(report, inputs, args):
    report.say(f"## A content onto all nodes, with links of {LINK}")
    report.say()
    bench = Bench(report, inputs, args)
    with hosts_on(1, max(COUNTS) + 1) as hosts:
        for count in COUNTS:
            same_links(bench, hosts[: count + 1])
        deaths(bench, hosts[: COUNTS[0] + 1], "one dies", (1 / 2,), most=1.10)
        deaths(bench, hosts[: COUNTS[1] + 1], "a tenth die", (1 / 4, 1 / 2, 3 / 4), most=1.25)
        away(bench, hosts[: AWAY_COUNT + 1])
    with hosts_on(1, SLOW_COUNT + 1) as hosts:
        slow(bench, hosts)
    with hosts_on(2, 2 * RACK_COUNT) as hosts:
        shape_between_switches(hosts[0], NARROW)
        racks(bench, hosts)


@contextmanager
def hosts_on(switches, count):
    """The first one is the source's."""
    with shaped_hosts(count, LINK, switches) as hosts:
        shape_all(hosts, LINK)
        yield hosts


def shape_all(hosts, rate):
    for host in hosts:
        host.shape_both_ways(rate)


# --- Races, and what is made of them ---


class Bench:
    """Has races run and shows them. One link's time is that of MEBIBYTES, of other contents
    in proportion."""

    def __init__(self, report, inputs, args):
        self.report = report
        self.args = args
        self._inputs = inputs
        self._one_link = None

    def content(self, mebibytes):
        return self._inputs.file(max(1, mebibytes // self.args.divisor))

    def compare(self, title, ways, racing, size):
        """`ways`: name to a function that makes one. `racing` makes a Race of it. `size`:
        its content's in bytes, or by the name. Answers name to races, with each last one's
        time in those of one link."""
        wanted = {
            name: make
            for name, make in ways.items()
            if name == ONE_LINK or name.startswith(self.args.only)
        }
        made = {name: [] for name in wanted}
        for _ in range(self.args.rounds):
            for name, make in wanted.items():
                made[name].append(self._race(title, name, make, racing))
        if ONE_LINK in made:
            whole = os.path.getsize(self.content(MEBIBYTES))
            self._one_link = statistics.median(one.last for one in made[ONE_LINK]) / whole
            if math.isinf(self._one_link):
                raise RuntimeError("there is no time of one link to compare with")
        ratios = {
            name: statistics.median(one.last for one in races) / (self._one_link * size(name))
            for name, races in made.items()
        }
        self.report.keep(
            f"fleet/{title}",
            {name: [one.raw() for one in races] for name, races in made.items()},
        )
        return made, ratios

    def _race(self, title, name, make, racing):
        try:
            with closing(make()) as way:
                result = racing(way)
                if result.missing:
                    self.report.say(f"{title}, {name}: {result.missing} have not got all of it.")
                    self.report.say()
                return result
        except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError) as error:
            # Others are measured all the same.
            self.report.say(f"{title}, {name}: {error}")
            self.report.say()
            return Race.failed()

    def show(self, title, made, ratios):
        if not made:
            return
        self.report.say(f"### {title[0].upper()}{title[1:]}")
        self.report.say()
        self.report.table(
            ["way", "last one has it after s", "/ one link's", "cores busy"],
            [
                [
                    name,
                    spread([one.last for one in races]),
                    number(ratios[name]),
                    spread([one.busy for one in races]),
                ]
                for name, races in made.items()
            ],
        )

    def bar(self, title, ratios, most):
        if Fleet.name in ratios:
            self.report.bar(
                f"fleet, {title}: last one's time / one link's", ratios[Fleet.name], most=most
            )


def seconds_of(content):
    """What the link's rate would have a content take."""
    return os.path.getsize(content) / (kilobits(LINK) * 1000 / 8)


def patience(content):
    return 30 + 4 * seconds_of(content)


# --- All links the same ---


def same_links(bench, hosts):
    content = bench.content(MEBIBYTES)
    count = len(hosts) - 1
    # The star takes that many times one link's time, whatever the size.
    part = bench.content(MEBIBYTES // count)
    ways = {
        Fleet.name: lambda: Fleet(hosts, content),
        Swarm.name: lambda: Swarm(hosts, content),
        Uftp.name: lambda: Uftp(hosts, content, LINK),
        Udpcast.name: lambda: Udpcast(hosts, content, LINK),
        Star.name: lambda: Star(hosts, part),
    }
    if count == min(COUNTS):
        ways = {ONE_LINK: lambda: Star(hosts[:2], content), **ways}
    title = f"{count} nodes"
    made, ratios = bench.compare(
        title,
        ways,
        lambda way: race(way, patience(content)),
        lambda name: os.path.getsize(part if name == Star.name else content),
    )
    bench.show(title, made, ratios)
    bench.bar(title, ratios, most=1.05)


# --- Nodes that die ---


def deaths(bench, hosts, what, moments, most):
    """At each of the moments, in parts of the content's time, the one that is at that part of
    the way from the source to the last."""
    content = bench.content(MEBIBYTES)
    count = len(hosts) - 1

    def die(moment):
        def act(way):
            victim = way.in_order()[int(moment * count) - 1]
            way.kill(victim)
            return {victim}

        return Event(moment * seconds_of(content), act)

    title = f"{count} nodes, {what}"
    made, ratios = bench.compare(
        title,
        {Fleet.name: lambda: Fleet(hosts, content), Swarm.name: lambda: Swarm(hosts, content)},
        lambda way: race(way, patience(content), [die(moment) for moment in moments]),
        lambda _: os.path.getsize(content),
    )
    bench.show(title, made, ratios)
    bench.bar(title, ratios, most)


# --- Neither a coordinator nor etcd ---


def away(bench, hosts):
    content = bench.content(LONG_MEBIBYTES)
    begin = AWAY_AT * seconds_of(content)

    def stop(fleet):
        fleet.coordinator.kill()
        fleet.signal_etcd(signal.SIGSTOP)

    def go_on(fleet):
        fleet.signal_etcd(signal.SIGCONT)

    events = [Event(begin, stop), Event(begin + AWAY_S / bench.args.divisor, go_on)]
    title = f"{AWAY_COUNT} nodes, coordinator killed, etcd stopped for {AWAY_S} s"
    made, ratios = bench.compare(
        title,
        {Fleet.name: lambda: Fleet(hosts, content)},
        lambda way: race(way, patience(content), events),
        lambda _: os.path.getsize(content),
    )
    bench.show(title, made, ratios)
    bench.bar(title, ratios, most=1.05)


# --- A slow node ---


def slow(bench, hosts):
    content = bench.content(LONG_MEBIBYTES)

    def at_full_rate(make):
        shape_all(hosts, LINK)
        return make(hosts, content)

    def racing(way):
        slow_ones = set()

        def slow_down(way):
            slow_ones.add(way.in_order()[SLOW_PLACE - 1])
            for host in slow_ones:
                host.shape_both_ways(SLOW)
            return slow_ones

        result = race(way, patience(content), [Event(0, slow_down)])
        # It is to have the content as well, but not to take its time.
        shape_all(hosts, UNSHAPED)
        for host in slow_ones:
            wait_until(lambda: way.has(host), "the slow one has it, too")  # noqa: B023
        verify(way, slow_ones)
        return result

    title = f"{SLOW_COUNT} nodes, one of which has {SLOW}, without that one"
    made, ratios = bench.compare(
        title,
        {way.name: lambda way=way: at_full_rate(way) for way in (Fleet, Swarm)},
        racing,
        lambda _: os.path.getsize(content),
    )
    bench.show(title, made, ratios)
    bench.bar(title, ratios, most=1.10)


# --- Two racks ---


def racks(bench, hosts):
    content = bench.content(RACK_MEBIBYTES)
    rack_of = [rack for rack in ("near", "far") for _ in range(RACK_COUNT)]

    def racing(way):
        before = bytes_between_switches(hosts[0])
        result = race(way, patience(content) * 4)
        result.copies = (bytes_between_switches(hosts[0]) - before) / os.path.getsize(content)
        return result

    title = f"two racks of {RACK_COUNT}, with {NARROW} between them"
    made, ratios = bench.compare(
        title,
        {
            Fleet.name: lambda: Fleet(hosts, content, rack_of),
            Swarm.name: lambda: Swarm(hosts, content),
        },
        racing,
        lambda _: os.path.getsize(content),
    )
    bench.show(title, made, ratios)
    copies = {name: [one.copies for one in races] for name, races in made.items()}
    if copies:
        bench.report.table(
            ["way", "copies over the narrow link"],
            [[name, spread(values)] for name, values in copies.items()],
        )
    if Fleet.name in copies:
        bench.report.bar(
            f"fleet, {title}: copies over that", statistics.median(copies[Fleet.name]), most=1.10
        )
