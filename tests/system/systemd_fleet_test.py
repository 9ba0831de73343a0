"""docs/fleet.md on machines with the package, under a systemd that is booted: its commands, as
they are. One machine is booted, with etcd; another node is a process beside its service."""

import os
import re
import subprocess
import unittest

import harness
import machine
import shipping
from fleet_docs_test import commands
from harness import wait_until

CONTENT = os.urandom(5 << 20)
UNIT = "tcptoold.service"
# Of the second node, where the first one's in fleet.toml would not do.
SECOND = {
    "TCPTOOLD_NODE": "lab2",
    "TCPTOOLD_PEER_ADDRESS": "192.0.2.12:9872",
    "TCPTOOLD_CONTROL_ADDRESS": "192.0.2.12:9876",
    "TCPTOOLD_HTTP_ADDRESS": "127.0.0.1:0",
    "TCPTOOLD_STATE": ":memory:",
    "TCPTOOLD_ROOT": "images=/srv/second",
    "TCPTOOLD_RECEIVE": "received=/srv/second",
    "TCPTOOLD_TLS_CERT": "/root/lab2.pem",
    "TCPTOOLD_TLS_KEY": "/root/lab2.key",
    "TCPTOOLD_ETCD_TLS_CERT": "/root/lab2.pem",
    "TCPTOOLD_ETCD_TLS_KEY": "/root/lab2.key",
}


class FleetTomlTest(unittest.TestCase):
    def test_what_it_leaves_out_are_options_too(self):
        text = (shipping.PROJECT / "deploy/systemd/fleet.toml").read_text(encoding="utf-8")
        left_out = re.findall(r"(?m)^#([a-z-]+) = ", text)
        self.assertIn("status-page", left_out)
        usage = shipping.run(harness.program("tcptoold"), "--help")
        for option in left_out:
            self.assertRegex(usage, rf"(?m)^ +--{option}\b")


class SystemdFleetTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = shipping.Workplace()
        cls.addClassCleanup(cls.place.close)
        root = machine.make_packaged(
            cls.place, "iproute2", "openssl", "etcd-server", "etcd-client"
        )
        with open(root / "etc/hosts", "a", encoding="utf-8") as hosts:
            hosts.write("127.0.0.1 localhost\n192.0.2.11 lab1\n192.0.2.12 lab2\n")
        cls.machine = machine.Machine(root)
        cls.addClassCleanup(cls.machine.close)

    def in_root(self, text):
        """Commands as root in its home directory."""
        return self.machine.run("bash", "-euc", f"cd /root\n{text}")

    def sees_both(self, look):
        listed = self.machine.attempt("bash", "-euc", f"cd /root\n{look}\ntcptoolctl nodes")
        return listed.returncode == 0 and "lab1" in listed.stdout and "lab2" in listed.stdout

    def start_second(self):
        """The other node. It ends with what is killed: nsenter waits for it outside."""
        second = self.machine.start(
            "setpriv", "--pdeathsig=KILL",
            "env", *(f"{name}={value}" for name, value in SECOND.items()),
            "tcptoold", "--config=/etc/tcptool/fleet.toml",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.addCleanup(second.wait)
        self.addCleanup(second.kill)
        return second

    def test_machines_with_the_package_become_a_fleet(self):
        for address in ("192.0.2.11", "192.0.2.12"):
            self.machine.run("ip", "address", "add", f"{address}/32", "dev", "lo")
        authority, node, etcd, begin, use = commands("Three machines, or ten")
        self.in_root(authority)
        self.in_root(node)
        self.in_root(etcd)
        self.in_root(begin)
        self.assertEqual(self.machine.property(UNIT, "ActiveState"), "active")
        wait_until(
            lambda: "fleet_registered" in self.machine.journal(UNIT), "the node is registered"
        )
        # After a crash it is there again at once: what the unit hides from it does not keep it
        # from knowing that the run before is dead.
        before = self.machine.journal(UNIT).count("fleet_registered")
        self.machine.run("systemctl", "kill", "--signal=KILL", UNIT)
        wait_until(
            lambda: self.machine.journal(UNIT).count("fleet_registered") > before,
            "the node is registered again",
        )
        self.assertNotIn("fleet_node_refused", self.machine.journal(UNIT))

        (self.machine.root / "srv/second").mkdir()
        second = self.start_second()
        (self.machine.root / "srv/images/disk.img").write_bytes(CONTENT)
        credentials = "\n".join(use.splitlines()[:2])
        wait_until(lambda: self.sees_both(credentials), "both nodes are there")
        self.assertIn("SUCCEEDED, 1 of 1 delivered", self.in_root(use))
        self.assertEqual((self.machine.root / "srv/second/disk.img").read_bytes(), CONTENT)

        # And into the directory that the unit may write, where others may read it.
        back = (
            "tcptoolctl distribute --file lab2:images/disk.img --to lab1 --as received/back.img "
            "--watch"
        )
        self.assertIn("SUCCEEDED", self.in_root(f"{credentials}\n{back}"))
        received = self.machine.root / "srv/received/back.img"
        self.assertEqual(received.read_bytes(), CONTENT)
        self.assertEqual(received.stat().st_mode & 0o777, 0o644)

        # A backup of etcd has all of that, and a restored one takes new distributions.
        listed = f"{credentials}\ntcptoolctl --output=json distributions"
        before = self.in_root(listed)
        save, restore = commands("etcd: backup")
        self.in_root(save)
        second.kill()
        second.wait()
        settings = "\n".join(save.splitlines()[:2])
        self.in_root(f"{settings}\n{restore}")
        self.start_second()
        wait_until(lambda: self.sees_both(credentials), "both nodes are there")
        self.assertEqual(self.in_root(listed), before)
        again = use.replace(" --watch", " --overwrite --watch")
        self.assertIn("SUCCEEDED, 1 of 1 delivered", self.in_root(again))

        # Certificates that are issued anew are put in place as the first ones were.
        issue = re.search(r"(?ms)^issue\(\).*?^}$", authority)[0]
        name = node.splitlines()[0]
        puts = re.findall(r"(?m)^install .*(?:node\.pem|node\.key).*$", node + etcd)
        self.assertEqual(len(puts), 4)
        self.in_root("\n".join([issue, "issue lab1 192.0.2.11", name, *puts]))
        self.in_root("systemctl restart tcptoold")
        wait_until(lambda: self.sees_both(credentials), "both nodes are there")
        self.assertIn("SUCCEEDED, 1 of 1 delivered", self.in_root(again))

        # With users of etcd's own the nodes go on, and the operator may not write there.
        (users,) = commands("Security")
        write = f"{settings}\netcdctl put /tcptool/v1/lab/x y"
        self.in_root(f"{write}\netcdctl del /tcptool/v1/lab/x")
        self.in_root(f"{issue}\n{settings}\n{users}")
        refused = self.machine.attempt("bash", "-euc", f"cd /root\n{write}")
        self.assertNotEqual(refused.returncode, 0, refused.stdout)
        self.assertIn("SUCCEEDED, 1 of 1 delivered", self.in_root(again))
