"""Daemons that are nodes of a fleet, with Debian's etcd."""

import signal
import time
import unittest

from fleets import FleetCase
from harness import run_daemon, stop_still, wait_until


class MembershipTest(FleetCase):
    def setUp(self):
        super().setUp()
        self.etcd.start()

    def wait_coordinator(self, nodes):
        return wait_until(
            lambda: next((node for node in nodes if node.is_coordinator()), None),
            "one of them coordinates",
        )

    def test_nodes_are_registered_and_one_coordinates(self):
        nodes = [self.join(name) for name in ("a", "b", "c")]
        self.assertEqual(self.nodes(), {"a", "b", "c"})
        self.wait_coordinator(nodes)
        self.assertEqual(sum(node.is_coordinator() for node in nodes), 1)

    def test_a_killed_coordinator_is_replaced(self):
        nodes = [self.join(name) for name in ("a", "b", "c")]
        killed = self.wait_coordinator(nodes)
        nodes.remove(killed)
        killed.process.kill()
        killed.process.wait()
        self.wait_coordinator(nodes)
        wait_until(lambda: len(self.nodes()) == 2, "the killed one is gone")
        # It is back as a node among others.
        killed.start()
        killed.wait_event("fleet_registered", 2)
        self.assertEqual(self.nodes(), {"a", "b", "c"})

    def test_a_second_node_of_a_name_is_refused_until_the_first_is_gone(self):
        first = self.join("a")
        second = self.start_node("a")
        refused = second.wait_event("fleet_node_refused")
        self.assertIn("'a' is registered", refused["error"])
        self.assertIn(f"127.0.0.1:{first.port}", refused["error"])
        self.assertEqual(second.events_of("fleet_registered"), [])
        first.stop()
        registered = second.wait_event("fleet_registered")
        self.assertGreater(
            registered["incarnation"], first.wait_event("fleet_registered")["incarnation"]
        )

    def test_a_node_that_was_killed_does_not_wait_for_its_old_lease(self):
        node = self.join("a")
        before = node.wait_event("fleet_registered")["incarnation"]
        node.restart()
        after = node.wait_event("fleet_registered", 2)["incarnation"]
        self.assertGreater(after, before)
        self.assertEqual(node.events_of("fleet_node_refused"), [])

    def test_a_node_that_is_stopped_is_gone_at_once(self):
        node, other = self.join("a"), self.join("b")
        # It has half a second to say so, in which a busy machine may not let it, but not each
        # time.
        for registered in range(2, 7):
            node.stop()
            self.assertEqual(node.process.returncode, 0)
            left = self.nodes()
            if left == {"b"}:
                break
            node.start()
            node.wait_event("fleet_registered", registered)
        self.assertEqual(left, {"b"})
        self.wait_coordinator([other])

    def test_a_node_whose_registration_was_lost_is_registered_anew(self):
        node = self.join("a")
        self.etcd.delete("/tcptool/v1/lab/nodes/a")
        node.wait_event("fleet_registration_lost")
        node.wait_event("fleet_registered", 2)
        self.assertEqual(self.nodes(), {"a"})


class WithoutEtcdTest(FleetCase):
    def test_a_node_serves_and_is_registered_when_etcd_comes(self):
        node = self.start_node("a")
        node.write_file("content", b"content")
        node.create()
        self.assertIn("etcd", node.wait_event("etcd_trouble")["error"])
        self.etcd.start()
        node.wait_event("fleet_registered")

    def test_it_stops_all_the_same(self):
        node = self.start_node("a")
        node.wait_event("etcd_trouble")
        node.stop()
        self.assertEqual(node.process.returncode, 0, node.log())


class SilentEtcdTest(FleetCase):
    # As IdleStopTest of stop_test: a stop that waits for longer does so each time.
    STOPS = 10
    LIMIT_S = 1

    def time_of_stop(self, node, registered):
        """Of one that is registered, and hears nothing of etcd any more."""
        node.wait_event("fleet_registered", registered)
        member = self.etcd.members[0].process
        stop_still(member)
        try:
            began = time.monotonic()
            node.stop()
            took = time.monotonic() - began
        finally:
            member.send_signal(signal.SIGCONT)
        self.assertEqual(node.process.returncode, 0, node.log())
        return took

    def test_a_node_that_has_nothing_to_do_stops_within_a_second(self):
        self.etcd.start()
        node = self.start_node("a")
        took = [self.time_of_stop(node, 1)]
        while min(took) >= self.LIMIT_S and len(took) < self.STOPS:
            node.start()
            took.append(self.time_of_stop(node, len(took) + 1))
        self.assertLess(min(took), self.LIMIT_S, took)


class OptionsTest(unittest.TestCase):
    FLEET = ("--fleet=lab", "--node=a", "--etcd=127.0.0.1:2379", "--peer-address=127.0.0.1:0")

    def check(self, *flags):
        return run_daemon("--check-config", *flags)

    def test_good_ones(self):
        done = self.check(
            *self.FLEET,
            "--etcd=etcd-2.example:2379,[2001:db8::1]:2379",
            "--etcd=unix:/run/etcd.sock",
            "--rack=r1",
            "--egress=125000000",
            "--max-deliveries=3",
            "--label=zone=a",
            "--label=disk=",
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_what_is_wrong_is_named(self):
        for flags, words in (
            (("--fleet=a/b",), '"a/b" is no name'),
            ((*self.FLEET, "--node=-"), '"-" is no name'),
            ((*self.FLEET, "--etcd=etcd"), '"etcd" is no address'),
            ((*self.FLEET, "--label=zone"), '"zone" is not KEY=VALUE'),
            ((*self.FLEET, "--label=Zone=a"), 'key "Zone"'),
            ((*self.FLEET, "--egress=-1"), "--egress"),
            ((*self.FLEET, f"--egress={1 << 63}"), "--egress"),
            ((*self.FLEET, "--max-deliveries=0"), "--max-deliveries"),
            ((*self.FLEET, "--rack=" + 256 * "r"), "longer than 255"),
            ((*self.FLEET, "--rack=r\udcff"), "not UTF-8"),
            (self.FLEET[:1], "--fleet wants --etcd"),
            ((self.FLEET[0], self.FLEET[2]), "--fleet wants --node"),
            (self.FLEET[:3], "--fleet wants --peer-address"),
            ((*self.FLEET[:3], "--peer-address=0.0.0.0:9877"), "choose one address"),
            ((*self.FLEET[:3], "--peer-address=[::]:9877"), "choose one address"),
            (("--rack=r1",), "add --fleet"),
            (("--max-deliveries=3",), "add --fleet"),
            ((*self.FLEET, "--etcd-tls-cert=/x"), "go together"),
        ):
            with self.subTest(flags):
                done = self.check(*flags)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(words, done.stderr)

    def test_files_are_read(self):
        for flags, flag in (
            (("--etcd-tls-ca=/dev/null",), "--etcd-tls-ca"),
            (("--etcd-tls-cert=/dev/null", "--etcd-tls-key=/dev/null"), "--etcd-tls-cert"),
        ):
            with self.subTest(flag):
                done = self.check(*self.FLEET, *flags)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(f"{flag} /dev/null", done.stderr)
