"""Clocks of a fleet's nodes that are set forward and back cost nobody its place, nor a content;
nor does a steady clock of etcd that is another one when it starts again.

etcd's clock of the day is not set here, as nothing sets that of one process: no namespace of
Linux has one (time_namespaces(7) has the steady ones), and Go's programs ask the kernel past
the C library, which libfaketime stands in for. etcd's leases, elections and time-outs go by its
steady clock, and of its clock of the day nothing in a fleet depends but that certificates are
valid."""

import os
import subprocess

from day_clock import DayClock
from fleets import DistributionCase
from harness import stubs, wait_until
from receptions import MIB

HELD = 3 * MIB

# Longer than the lease of a node: one that has not renewed its own is gone by then.
LONGER_THAN_A_LEASE_S = 20


class FleetClockTest(DistributionCase):
    def setUp(self):
        self.clocks = {}
        super().setUp()

    def join(self, name):
        """A node with a clock of the day of its own."""
        clock = DayClock()
        self.addCleanup(clock.close)
        self.clocks[name] = clock
        return super().join(name, prefix=clock.prefix)

    def set_clock(self, node, offset, days):
        """Until the node sees it: of many threads that look at libfaketime's clock at once,
        one may see it as it was."""
        before = self.time_of(node)
        self.clocks[node.name].set(offset)
        wait_until(
            lambda: abs((self.time_of(node) - before) / 86_400 - days) < 0.1,
            f"{node.name} sees {offset}",
        )

    @staticmethod
    def time_of(node):
        """The time of a node, in seconds, by a session that gives its port back at once."""
        session = node.create()
        node.sessions.DeleteSession(
            stubs.session_service.DeleteSessionRequest(name=session.name, force=True)
        )
        return session.create_time.seconds

    def test_midway(self):
        coordinator = wait_until(
            lambda: next((node for node in self.nodes_ if node.is_coordinator()), None),
            "one of them coordinates",
        )
        gate = self.hold(self.a, HELD)
        name = self.a.distribute("a")
        for node in (self.b, self.c):
            node.write_file("content", b"for sessions that tell the time")
            wait_until(lambda node=node: node.reception_of(name), f"{node.name} has begun")
        # One node after the other, so that they are of different days meanwhile.
        for offset, days in (("+30d", 30), ("-30d", -60)):
            for node in self.nodes_:
                self.set_clock(node, offset, days)
            self.etcd.wait_for_a_lease(LONGER_THAN_A_LEASE_S)
        gate.open()
        self.assert_delivered(name, self.b, self.c)
        for node in self.nodes_:
            self.assertEqual(len(node.events_of("fleet_registered")), 1, node.log())
            self.assertEqual(
                len(node.events_of("coordinating", "coordinating_ended")),
                1 if node is coordinator else 0,
                node.log(),
            )


class SteadyClockOfEtcdTest(DistributionCase):
    """By a time namespace, in which the steady clock is that much ahead. How much cannot change
    while a process runs: etcd starts again, as it does after its host has."""

    AHEAD_S = 1_000_000

    def start_ahead(self):
        privileges = () if os.geteuid() == 0 else ("--user", "--map-root-user")
        ahead = (f"--monotonic={self.AHEAD_S}", f"--boottime={self.AHEAD_S}")
        prefix = ("unshare", *privileges, "--time", *ahead, "--fork", "--kill-child")
        try:
            subprocess.run([*prefix, "true"], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            # A container may not make any.
            self.skipTest(f"no time namespaces can be had: {error.stderr}")
        self.etcd.kill()
        self.etcd.start(prefix)

    def incarnations(self):
        return {node.node: node.incarnation for node in self.a.fleet_nodes()}

    def test_ahead_and_back(self):
        gate = self.hold(self.a, HELD)
        name = self.a.distribute("a")
        for node in (self.b, self.c):
            wait_until(lambda node=node: node.reception_of(name), f"{node.name} has begun")
        before = self.incarnations()
        # Leases from before go on.
        self.start_ahead()
        self.etcd.wait_for_a_lease(LONGER_THAN_A_LEASE_S)
        self.assertEqual(self.incarnations(), before)
        # And end, if nobody renews them.
        self.c.kill()
        self.etcd.kill()
        self.etcd.start()
        wait_until(lambda: "c" not in self.incarnations(), "the lease of c has ended")
        self.c.start()
        gate.open()
        self.assert_delivered(name, self.b, self.c)
