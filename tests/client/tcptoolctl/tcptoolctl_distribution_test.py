"""tcptoolctl with distributions: what it prints, completes, and its exit status."""

import json
import subprocess

import harness
from completions import Completions
from fleets import DistributionCase
from harness import wait_until


class TcptoolctlDistributionTest(DistributionCase):
    FLAGS = ("distribute", "--file", "a:files/content", "--as", "disk/file")

    def run_ctl(self, node, *arguments):
        return subprocess.run(
            [harness.program("tcptoolctl"), "--server", node.control_address, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=harness.DEADLINE_S,
        )

    def ctl(self, node, *arguments):
        """The output of a command that must succeed."""
        done = self.run_ctl(node, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout

    def test_distribute_and_watch_ends_when_all_have_it(self):
        lines = self.ctl(self.b, *self.FLAGS, "--to", "all", "--watch").splitlines()
        label, _, name = lines[0].partition(": ")
        self.assertEqual(label, "distribution")
        self.assertEqual(lines[-1], f"{name}: SUCCEEDED, 2 of 2 delivered")
        # Each delivery's end is told before that of all.
        for node in ("b", "c"):
            self.assertIn(f"{node}: DELIVERED", lines[1:-1])
        self.assert_delivered(name, self.b, self.c)
        wait_until(lambda: self.c.knows(name), "c knows of it")
        self.ctl(self.c, "watch", name)

        details = self.ctl(self.c, "get", name)
        for line in (
            f"distribution:   {name}",
            "state:          SUCCEEDED",
            "from:           a:files/content",
            "to:             all",
            "as:             disk/file",
            "nodes:          2 of 2 delivered",
        ):
            self.assertIn(line, details.splitlines())
        table = self.ctl(self.c, "distributions").splitlines()
        self.assertEqual(
            table[1].split()[:4], [name, "SUCCEEDED", "a:files/content", "disk/file"]
        )
        for named in (name, name.partition("/")[2]):
            rows = self.ctl(self.c, "deliveries", named).splitlines()
            self.assertEqual([row.split()[:2] for row in rows[1:]],
                             [["b", "DELIVERED"], ["c", "DELIVERED"]])
        self.ctl(self.a, "delete", name)
        self.assertEqual(len(self.ctl(self.a, "distributions").splitlines()), 1)

    def test_serve_is_shown(self):
        for flag in ("--serve", f"--serve={self.a.last_port}"):
            with self.subTest(flag):
                output = self.ctl(
                    self.a, *self.FLAGS, "--overwrite", flag, "--to", "b", "--watch"
                )
                name = output.splitlines()[0].partition(": ")[2]
                # It serves a moment after the delivery has begun.
                endpoint = wait_until(
                    lambda name=name: self.a.distribution(name).source_serving.endpoint,
                    "the source serves",
                )
                self.assertIn(f"source serves:  {endpoint}, 0", self.ctl(self.a, "get", name))
                wait_until(
                    lambda name=name: self.a.full_deliveries(name)["b"].HasField("serving"),
                    "b has tried",
                )
                header, row = self.ctl(self.a, "deliveries", name).splitlines()
                self.assertEqual(header.split()[-2:], ["SERVES", "DETAIL"])
                self.assertIn(", 0 delivered", row)

    def test_watch_tells_who_has_moved_and_why(self):
        """A line for each change, where there is no terminal."""
        gate = self.hold(self.a, 1 << 20)
        name = self.a.distribute("a")
        wait_until(lambda: self.a.deliveries(name) == {"b": "RECEIVING", "c": "RECEIVING"},
                   "both receive")
        with subprocess.Popen(
            [harness.program("tcptoolctl"), "--server", self.a.control_address, "watch", name],
            stdout=subprocess.PIPE,
            text=True,
        ) as watch:
            self.addCleanup(watch.kill)
            lines = []
            while not any("RECEIVING from b" in line for line in lines):
                lines.append(watch.stdout.readline())
                self.assertTrue(lines[-1], lines)
            self.b.kill()
            while not lines[-1].startswith("c: from b to a at "):
                lines.append(watch.stdout.readline())
                self.assertTrue(lines[-1], lines)
            gate.open()
            self.b.start()
            rest = watch.stdout.read().splitlines()
        self.assertEqual(rest[-1], f"{name}: SUCCEEDED, 2 of 2 delivered")
        self.assertNotIn("\x1b", "".join(lines + rest))

    def assert_json_has_the_tree(self, lines):
        """Of a watch to the end. Returns the distribution's name."""
        objects = [json.loads(line) for line in lines]
        distributions = [one for one in objects if "name" in one]
        nodes = [one for one in objects if "node" in one]
        self.assertEqual(len(distributions) + len(nodes), len(objects))
        self.assertEqual({one["name"] for one in distributions}, {distributions[0]["name"]})
        # It ends with what has become of all.
        self.assertIs(objects[-1], distributions[-1])
        self.assertEqual(objects[-1]["state"], "DISTRIBUTION_STATE_SUCCEEDED")
        last = {one["node"]: one for one in nodes}
        self.assertEqual(last["a"], {"node": "a", "rack": ""})
        self.assertEqual(set(last), {"a", "b", "c"})
        for node in ("b", "c"):
            self.assertEqual(last[node]["rack"], "")
            self.assertEqual(last[node]["delivery"]["node"], node)
            self.assertEqual(last[node]["delivery"]["state"], "DELIVERY_STATE_DELIVERED")
            self.assertIn("moves", last[node]["delivery"])
        return objects[-1]["name"]

    def test_json_has_what_the_tree_shows(self):
        lines = self.ctl(self.b, "--output=json", *self.FLAGS, "--to=all", "--watch").splitlines()
        name = self.assert_json_has_the_tree(lines)
        # And what it has come to, when it is over.
        wait_until(lambda: self.c.knows(name), "c knows of it")
        self.assert_json_has_the_tree(self.ctl(self.c, "--output=json", "watch", name).splitlines())

    def test_json_has_the_progress_of_each_node(self):
        gate = self.hold(self.a, 4 << 20)
        name = self.a.distribute("a")
        with subprocess.Popen(
            [harness.program("tcptoolctl"), "--server", self.a.control_address, "--output=json",
             "watch", name],
            stdout=subprocess.PIPE,
            text=True,
        ) as watch:  # fmt: skip
            self.addCleanup(watch.kill)
            lines = []
            told = set()
            # Until each has told how much it has.
            while told != {"b", "c"}:
                lines.append(watch.stdout.readline())
                self.assertTrue(lines[-1], lines)
                delivery = json.loads(lines[-1]).get("delivery", {})
                if int(delivery.get("bytesReceived", 0)) > 0:
                    self.assertIn("bytesPerSecond", delivery)
                    self.assertTrue(delivery["parent"])
                    told.add(delivery["node"])
            gate.open()
            lines += watch.stdout.read().splitlines()
        self.assert_json_has_the_tree(lines)

    def test_each_way_to_name_targets(self):
        rack = self.join("d", "--rack=far", "--label=kind=new", "--label=zone=x")
        for flags, said in (
            (("--to", "rack=far"), "rack=far"),
            (("--to", "label:kind=new", "--to", "label:zone=x"), "label:kind=new, label:zone=x"),
            (("--to", "d"), "d"),
        ):
            with self.subTest(said):
                output = self.ctl(self.a, *self.FLAGS, "--overwrite", *flags, "--watch")
                name = output.splitlines()[0].partition(": ")[2]
                self.assert_delivered(name, rack)
                self.assertIn(f"to:             {said}", self.ctl(self.a, "get", name))
        self.assertEqual(self.b.files(), set())
        output = self.ctl(self.a, *self.FLAGS, "--overwrite", "--to", "b,c", "--to", "d", "--watch")
        self.assertIn("3 of 3 delivered", output)

    def test_whoever_distributes_while_etcd_is_away_is_told_so(self):
        self.etcd.kill()
        done = self.run_ctl(self.b, *self.FLAGS, "--to", "all")
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertIn("UNAVAILABLE", done.stderr)
        self.assertIn("etcd", done.stderr)

    def test_nodes_are_listed(self):
        rows = [row.split() for row in self.ctl(self.b, "nodes").splitlines()]
        self.assertEqual([row[0] for row in rows], ["NODE", "a", "b", "c"])
        self.assertEqual(rows[1][2], f"127.0.0.1:{self.a.port}")
        listed = json.loads(self.ctl(self.b, "--output=json", "nodes"))
        self.assertEqual([node["node"] for node in listed["nodes"]], ["a", "b", "c"])

    def test_one_that_fails_ends_with_1_and_is_tried_again(self):
        (self.b.disk / "file").write_bytes(b"of somebody")
        done = self.run_ctl(self.a, *self.FLAGS, "--to", "all", "--watch")
        self.assertEqual(done.returncode, 1)
        self.assertIn("PARTIALLY_SUCCEEDED", done.stderr)
        name = done.stdout.splitlines()[0].partition(": ")[2]
        self.assertIn("b     FAILED", self.ctl(self.a, "deliveries", name))
        (self.b.disk / "file").unlink()
        refused = self.run_ctl(self.a, "retry", name, "--stdin")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("is no upload; leave --stdin out", refused.stderr)
        self.ctl(self.a, "retry", name)
        self.ctl(self.a, "watch", name)
        self.assert_delivered(name, self.b, self.c)

    def test_one_that_is_cancelled_ends_with_1(self):
        gate = self.hold(self.a, 1)
        name = self.ctl(self.b, *self.FLAGS, "--to", "all").partition(": ")[2].strip()
        for node in (self.a, self.c):
            wait_until(lambda node=node: node.knows(name), "it knows of it")
        self.ctl(self.c, "cancel", name)
        done = self.run_ctl(self.a, "watch", name)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ended as CANCELLED", done.stderr)
        gate.open()

    def test_usage_errors_end_with_2(self):
        good = {"--file": "a:files/content", "--to": "all", "--as": "disk/file"}
        for flag, value in (
            ("--file", "files/content"),
            ("--file", "a:content"),
            ("--to", "label:zone"),
            ("--as", "file"),
            ("--node-rate", str(1 << 63)),
        ):
            with self.subTest(f"{flag} {value}"):
                flags = [word for pair in {**good, flag: value}.items() for word in pair]
                done = self.run_ctl(self.a, "distribute", *flags)
                self.assertEqual(done.returncode, 2, done)
                self.assertIn(value.removeprefix("label:"), done.stderr)

    def test_names_are_completed(self):
        name = self.a.distribute("a", nodes=["none"])
        completions = Completions("tcptoolctl", TCPTOOL_SERVER=self.a.control_address)
        for shell in completions.shells:
            with self.subTest(shell.__name__):
                for command in ("get", "watch", "cancel", "delete", "deliveries", "retry"):
                    self.assertEqual(shell(command, ""), [name])
                self.assertEqual(shell("distribute", "--to", ""), ["all", "a", "b", "c"])
                for words in (("start", ""), ("receive", "--to", ""), ("nodes", "")):
                    self.assertEqual(shell(*words), [])
                self.assertEqual(shell("deliveries", name)[:1], [name])
                self.assertIn(name.partition("/")[2], shell("deliveries", name.partition("/")[2]))

    def test_values_behind_an_equals_sign_are_completed(self):
        completions = Completions("tcptoolctl", TCPTOOL_SERVER=self.a.control_address)
        bash, zsh = completions.shells
        # As bash splits the line, and as it does without "=" in COMP_WORDBREAKS.
        self.assertEqual(bash("distribute", "--to", "="), ["all", "a", "b", "c"])
        self.assertEqual(bash("distribute", "--to", "=", "b"), ["b"])
        self.assertEqual(bash("distribute", "--to=b"), ["--to=b"])
        self.assertEqual(zsh("distribute", "--to="), ["all", "a", "b", "c"])
        # Several, with either.
        self.assertEqual(bash("distribute", "--to", "a,b"), ["a,b"])
        self.assertEqual(bash("distribute", "--to=a,b,c"), ["--to=a,b,c"])
        self.assertEqual(bash("--output", "=", "j"), ["json"])
        self.assertEqual(zsh("--output="), ["table", "json"])
