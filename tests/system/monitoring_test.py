"""deploy/monitoring against Debian's Prometheus, which scrapes a tcptoold at work.

Everything is on loopback.
"""

import json
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse
import urllib.request

import harness
import npm
import recipients
from harness import ServiceTest, port_of, wait_until

MONITORING = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "monitoring"
RULES = MONITORING / "tcptool.rules.yml"
METRIC = re.compile(r"\b(?:tcptool|grpc_server|process)_\w+")


def dashboard():
    return json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))


def queries():
    """(title of the panel, query) of everything that the dashboard shows."""
    return [
        (panel["title"], target["expr"])
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    ]


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
        board = dashboard()

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

        good = check(json.dumps(board))
        self.assertEqual(good.returncode, 0, good.stdout)
        # The check would find a fault.
        self.assertNotEqual(check(json.dumps(board | {"schemaVersion": "36"})).returncode, 0)

    def test_is_a_dashboard(self):
        board = dashboard()
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

    def test_panels_are_whole_and_do_not_overlap(self):
        taken = set()
        ids = set()
        for panel in dashboard()["panels"]:
            with self.subTest(panel.get("title")):
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
    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="prometheus."))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        shutil.copy(RULES, self.home)
        config = (MONITORING / "prometheus.yml").read_text(encoding="utf-8")
        config = config.replace("127.0.0.1:9874", self.service.http_address)
        (self.home / "prometheus.yml").write_text(
            re.sub(r"_interval: 15s", "_interval: 1s", config), encoding="utf-8"
        )
        self.address = f"127.0.0.1:{random.randrange(10000, 32000)}"
        self.log = open(self.home / "log", "w+", encoding="utf-8")
        self.addCleanup(self.log.close)
        self.prometheus = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={self.home}/prometheus.yml",
                f"--storage.tsdb.path={self.home}/data",
                f"--web.listen-address={self.address}",
            ],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.addCleanup(self.prometheus.wait)
        self.addCleanup(self.prometheus.kill)
        wait_until(lambda: self.query("up") is not None, "Prometheus answers")

    def ask(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
                return json.load(answer)
        except OSError:
            self.assertIsNone(self.prometheus.poll(), (self.home / "log").read_text())
            return None

    def query(self, text):
        answer = self.ask("/api/v1/query?" + urllib.parse.urlencode({"query": text}))
        return None if answer is None else answer["data"]["result"]

    def test_every_query_of_the_dashboard_has_data_during_a_transfer(self):
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
        for title, expression in queries():
            text = (
                expression.replace("$instance", ".+")
                .replace("$__rate_interval", "1m")
                .replace("$__range", "1m")
            )
            with self.subTest(title, query=text):
                wait_until(lambda text=text: self.query(text), f"data for {title}: {text}")
        sending = 'sum(tcptool_recipients{state="TRANSFERRING"})'
        wait_until(lambda: self.query(sending)[0]["value"][1] == "1", "one is being sent to")
        wait_until(
            lambda: float(self.query("sum(rate(tcptool_acked_bytes_total[1m]))")[0]["value"][1]) > 0,
            "acknowledged bytes have a rate",
        )

    def test_every_metric_is_documented(self):
        with urllib.request.urlopen(f"http://{self.service.http_address}/metrics") as answer:
            names = re.findall(r"^# TYPE (\w+)", answer.read().decode(), re.MULTILINE)
        documented = (MONITORING.parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
        self.assertGreater(len(names), 20)
        for name in names:
            self.assertIn(f"`{name}`", documented)

    def test_alerts_ask_for_metrics_that_are_there(self):
        names = set(METRIC.findall(RULES.read_text(encoding="utf-8")))
        for _, expression in queries():
            names |= set(METRIC.findall(expression))
        # It is there once the store has been asked for something.
        for name in sorted(names - {"tcptool_store_errors_total"}):
            with self.subTest(name):
                wait_until(
                    lambda name=name: self.query(name) or name.startswith("grpc_server"),
                    f"{name} is scraped",
                )
        rules = self.ask("/api/v1/rules")["data"]["groups"][0]["rules"]
        self.assertEqual({rule["health"] for rule in rules} - {"ok", "unknown"}, set())
