"""`./dev demo fleet`: with links of its own, and without."""

import os
import subprocess
import unittest

import harness
import shipping


class DemoFleetTest(unittest.TestCase):
    def run_demo(self, *prefix):
        programs = {name.upper(): harness.program(name) for name in shipping.PROGRAMS}
        return shipping.run(
            *prefix, shipping.PROJECT / "tests/e2e/demo_fleet.py",
            env={**os.environ, **programs},
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def assert_all_got_it(self, output):
        sums = [line for line in output.splitlines() if line.endswith(", as sent")]
        names = [line.partition(":")[0] for line in sums]
        self.assertEqual(names[:-1], [f"node{n}" for n in range(2, 9)], output)
        self.assertRegex(names[-1], r"^nc at node\d$")
        self.assertIn("SUCCEEDED, 7 of 7 delivered\n", output)
        self.assertRegex(
            output, r"\n== It took \d+ s\.\n\n== All is as it should be\.\n\Z"
        )

    def test_with_links_of_its_own(self):
        output = self.run_demo()
        self.assertIn("with a link of", output)
        self.assert_all_got_it(output)
        # The killed one's child has gone on with another.
        self.assertRegex(output, r"(?m)^node\d: from node\d to node\d at ")

    def test_who_may_make_no_links_has_it_on_loopback(self):
        output = self.run_demo("setpriv", "--bounding-set=-all", "--inh-caps=-all")
        self.assertIn("all are on loopback", output)
        self.assert_all_got_it(output)
