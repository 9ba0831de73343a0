"""deploy/monitoring against Debian's Prometheus, which scrapes a tcptoold at work."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import harness
import npm
import recipients
from harness import ServiceTest, port_of
from prometheus import DASHBOARDS, MONITORING, RULES, Prometheus, dashboard


class PromtoolTest(unittest.TestCase):
    def promtool(self, *arguments):
        ran = subprocess.run(
            ["promtool", *arguments],
            cwd=MONITORING,
            capture_output=True,
            text=True,
            timeout=harness.DEADLINE_S,
            check=False,
        )
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_configuration_is_valid(self):
        self.promtool("check", "config", "prometheus.yml")

    def test_alerts_fire_when_they_should_and_only_then(self):
        self.promtool("test", "rules", "tcptool.rules.test.yml")

    def test_each_alert_has_a_test(self):
        names = re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))
        tested = (MONITORING / "tcptool.rules.test.yml").read_text(encoding="utf-8")
        self.assertTrue(names)
        for name in names:
            # Once where it must be silent, once where it must not.
            self.assertGreaterEqual(len(re.findall(rf"alertname: {name}\b", tested)), 2, name)


class DashboardTest(unittest.TestCase):
    """What Grafana needs of a dashboard to import it."""

    def test_has_the_form_of_grafanas_own_schema(self):
        """Grafana publishes it as TypeScript: the compiler checks the dashboard against it."""
        modules = npm.node_modules("@grafana/schema@13.2.3", "typescript@5.9.3")
        home = pathlib.Path(tempfile.mkdtemp(prefix="schema."))
        self.addCleanup(shutil.rmtree, home)
        (home / "node_modules").symlink_to(modules)

        def check(text):
            (home / "board.ts").write_text(
                "import type {Dashboard} from '@grafana/schema';\n"
                f"export const board: Dashboard = {text};\n",
                encoding="utf-8",
            )
            return subprocess.run(
                ["node_modules/.bin/tsc", "--noEmit", "--strict", "--module", "nodenext",
                 "--skipLibCheck", "board.ts"],
                cwd=home,
                capture_output=True,
                text=True,
                check=False,
            )

        for name in DASHBOARDS:
            good = check(json.dumps(dashboard(name)))
            self.assertEqual(good.returncode, 0, (name, good.stdout))
        # The check would find a fault.
        bad = dashboard(DASHBOARDS[0]) | {"schemaVersion": "36"}
        self.assertNotEqual(check(json.dumps(bad)).returncode, 0)

    def test_are_dashboards(self):
        uids = set()
        for file in DASHBOARDS:
            board = dashboard(file)
            with self.subTest(file):
                for name, kind in {
                    "uid": str,
                    "title": str,
                    "schemaVersion": int,
                    "version": int,
                    "panels": list,
                    "templating": dict,
                    "time": dict,
                }.items():
                    self.assertIsInstance(board.get(name), kind, name)
                variables = {variable["name"] for variable in board["templating"]["list"]}
                used = set(re.findall(r"\$\{?(\w+)", json.dumps(board))) - {
                    "__all",
                    "__range",
                    "__rate_interval",
                }
                self.assertEqual(used, variables)
                self.assertNotIn(board["uid"], uids)
                uids.add(board["uid"])

    def test_panels_are_whole_and_do_not_overlap(self):
        for file in DASHBOARDS:
            taken = set()
            ids = set()
            for panel in dashboard(file)["panels"]:
                with self.subTest(file, panel=panel.get("title")):
                    self.assertIn(panel["type"], ("stat", "timeseries"))
                    self.assertTrue(panel["title"] and panel["description"])
                    self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                    self.assertNotIn(panel["id"], ids)
                    ids.add(panel["id"])
                    at = panel["gridPos"]
                    self.assertLessEqual(at["x"] + at["w"], 24)
                    cells = {
                        (x, y)
                        for x in range(at["x"], at["x"] + at["w"])
                        for y in range(at["y"], at["y"] + at["h"])
                    }
                    self.assertFalse(cells & taken)
                    taken |= cells
                    refs = [target["refId"] for target in panel["targets"]]
                    self.assertTrue(refs)
                    self.assertEqual(len(refs), len(set(refs)))


class PrometheusTest(ServiceTest):
    def test_every_query_of_the_dashboard_has_data_during_a_transfer(self):
        prometheus = Prometheus(self, [self.service])
        self.service.write_file("content", b"x" * (8 << 20))
        done = self.service.create()
        first = recipients.Recipient(recipients.KINDS[0], port_of(done), recipients.START)
        self.addCleanup(first.close)
        first.wait()
        self.service.wait_final(done.name)
        # Slow enough to be looked at; ended with the service.
        slow = self.service.create(limits={"session_bytes_per_second": 100_000})
        second = recipients.Recipient(recipients.KINDS[0], port_of(slow), recipients.START)
        self.addCleanup(second.close)
        prometheus.wait_dashboard("dashboard.json")
        prometheus.wait_value('sum(tcptool_recipients{state="TRANSFERRING"})', 1)
        prometheus.wait_value(
            "sum(rate(tcptool_acked_bytes_total[1m]))", lambda rate: rate > 0
        )
