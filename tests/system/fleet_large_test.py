"""Sixteen nodes in two racks, each at a switch of its own, some of which are killed midway; two
racks that are cut off from each other; and recipients of the old wire behind relays."""

import hashlib
import subprocess
import sys

from harness import port_of, stubs
from host_fleet import HostFleetCase, wait_for
from hosts import bytes_between_switches, connect_switches, cut_between_switches

# Says its byte, and prints how it ends and what it got.
RECIPIENT = """
import hashlib, socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
peer.sendall(b"\\0")
got, end = hashlib.sha256(), "end"
try:
    while part := peer.recv(1 << 16):
        got.update(part)
except ConnectionResetError:
    end = "reset"
print(end, got.hexdigest())
"""


class LargeFleetCase(HostFleetCase):
    nodes_count = 16
    members = 1
    switches = 2


class CutOffRackTest(LargeFleetCase):
    """The rack without etcd is cut off from the other one."""

    def strike(self, one):
        cut_between_switches(one.host)

    def mend(self, one):
        connect_switches(one.host)

    def test_it_goes_on_where_it_was_and_the_other_has_all_meanwhile(self):
        name = self.begin()
        far = [node for node in self.nodes if node.rack == "rack2"]
        near = [node for node in self.targets if node not in far]
        self.assertNotIn(self.source, far)
        self.strike_all(*far)
        self.open_links()
        self.wait_received(name, *near)
        self.wait_delivered(name, *near)
        self.assert_running(name, without=far)
        # Those that are left plan by themselves.
        wait_for(lambda: self.coordinator() in (self.source, *near), "one of them coordinates")
        self.mend_all()
        self.open_links()
        self.assert_all_go_on(name)


class LargeFleetTest(LargeFleetCase):
    def strike(self, one):
        one.kill()

    def mend(self, one):
        # Else it would wait until the lease of its last run is over.
        self.etcd.forget(f"/tcptool/v1/lab/nodes/{one.name}")
        registered = len(one.events_of("fleet_registered"))
        one.start()
        one.wait_event("fleet_registered", registered + 1)

    def others(self):
        return [node for node in self.targets if node not in self.struck]

    def test_two_die_one_after_the_other_and_the_link_between_racks_has_it_once(self):
        host = self.source.host
        passed = bytes_between_switches(host)
        name = self.begin()
        head = self.chain.index(self.head())
        # Neither end of what leads from one rack into the other.
        for node in (self.chain[head - 3], self.chain[head + 3]):
            child = self.child_of(node)
            moves = len(child.events_of("parent_left"))
            self.strike_all(node)
            wait_for(
                lambda child=child, moves=moves: len(child.events_of("parent_left")) > moves,
                f"{child.name} has left it",
            )
        self.open_links()
        self.wait_received(name, *self.others())
        self.wait_delivered(name, *self.others())
        passed = bytes_between_switches(host) - passed
        # What nodes and etcd say to each other goes there as well.
        self.assertGreater(passed, self.size)
        self.assertLess(passed, 2 * self.size)
        self.assert_running(name, without=self.struck)
        self.mend_all()
        self.open_links()
        self.assert_all_go_on(name)

    def receive(self, node, name):
        """A recipient of what the node is receiving, which has got some of it."""
        session = stubs.session
        made = node.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(
                session=session.Session(
                    spec=session.SessionSpec(
                        reception=stubs.reception_source.ReceptionSource(
                            name=node.reception_of(name).name
                        ),
                        start=session.StartPolicy(immediate=True),
                    )
                )
            )
        )
        recipient = subprocess.Popen(
            [*node.host.prefix, sys.executable, "-c", RECIPIENT, str(port_of(made))],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(recipient.stdout.close)
        self.addCleanup(recipient.wait)
        self.addCleanup(recipient.kill)
        wait_for(
            lambda: any(one.bytes_acked > 0 for one in node.recipients(made.name)),
            "it has got some",
        )
        return recipient

    def test_recipients_of_2008_have_all_or_a_reset(self):
        name = self.begin()
        relay = self.chain[3]
        cut_short, served = self.receive(relay, name), self.receive(self.child_of(relay), name)
        self.strike_all(relay)
        self.assertTrue(cut_short.communicate()[0].startswith("reset "))
        self.open_links()
        # It hangs on one who has left the relay, of which it notices nothing.
        digest = hashlib.sha256(self.content).hexdigest()
        self.assertEqual(served.communicate()[0], f"end {digest}\n")
        self.wait_received(name, *self.others())
        self.mend_all()
        self.open_links()
        self.assert_all_go_on(name)
