"""docs/fleet.md, from nothing to a distribution on one machine, and to a recipient that is no
node: its commands, as they are."""

import os
import re
import subprocess
import unittest

import shipping
from private_network import PrivateNetwork

DOCS = shipping.PROJECT / "docs/fleet.md"


def commands(heading):
    """The blocks of shell commands below a heading of the page."""
    text = re.search(rf"(?ms)^## {heading}$(.*?)(?=^## |\Z)", DOCS.read_text(encoding="utf-8"))[1]
    return re.findall(r"(?ms)^```bash\n(.*?)^```$", text)


class FleetDocsTest(unittest.TestCase):
    def test_from_nothing_to_a_distribution(self):
        place = shipping.Workplace()
        self.addCleanup(place.close)
        home = place.path / "fleet"
        start, use, upload = (
            block.replace("/tmp/fleet", str(home)) for block in commands("Try it on one machine")
        )
        serve, receive = commands("Recipients that are no nodes")
        # A person looks whether all are there before going on.
        wait = (
            f"until [ $(tcptoolctl --server=unix:{home}/3/control nodes | grep -c ^node) = 3 ]\n"
            "do sleep 0.2; done 2>/dev/null\n"
        )
        # The disk of whoever tries the tests is nothing to read.
        upload = upload.replace("/dev/sda", f"{home}/images/disk.img")
        # As a person does, who looks again until there is a port.
        look = (
            "until port=$(tcptoolctl deliveries second | sed -n 's/.*:\\([0-9]*\\), .*/\\1/p' |"
            " grep -m 1 .)\ndo sleep 0.2; done\n"
        )
        receive = receive.replace("node2 9876", "127.0.0.1 $port")
        network = PrivateNetwork(self, place.path)
        # What it starts ends with it: it is the first process of a namespace of its own.
        done = subprocess.run(
            [
                *network.prefix, "unshare", "--pid", "--fork", "--kill-child",
                "timeout", "240", "bash", "-eu", "-c",
                start + wait + use + upload + serve + look + receive,
            ],
            env={**os.environ, "PATH": f"{place.programs}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("distributions/first: SUCCEEDED, 2 of 2 delivered", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^node3 +DELIVERED +- +- +node2 +node1 ")
        self.assertRegex(done.stdout, r"(?m)^distributions/.*: SUCCEEDED, 3 of 3 delivered")
        for node in (1, 2, 3):
            self.assertEqual(
                (home / f"{node}/disk/sda.img").read_bytes(),
                (home / "images/disk.img").read_bytes(),
            )
        self.assertEqual(
            (home / "second.img").read_bytes(), (home / "images/disk.img").read_bytes()
        )
        sums = re.findall(r"(?m)^([0-9a-f]{64})  ", done.stdout)
        self.assertEqual(len(sums), 3, done.stdout)
        self.assertEqual(len(set(sums)), 1)
