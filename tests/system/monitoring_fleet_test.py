"""deploy/monitoring against Debian's Prometheus, which scrapes a fleet of three at work."""

import re

from fleets import DistributionCase
from harness import wait_until
from prometheus import DASHBOARDS, MONITORING, RULES, Prometheus, queries
from receptions import MIB
from scraping import scrape_text
from tls_nodes import Certificates

METRIC = re.compile(r"\b(?:tcptool|grpc_server|process)_\w+")


class MonitoringFleetTest(DistributionCase):
    # More than comes through the gate, in one stream after another, while it is looked at.
    size = 48 * MIB + 17

    def setUp(self):
        # A certificate for content has a metric, which nodes without one do not have.
        self.node_flags = Certificates(self, "node").data_flags("node")
        super().setUp()
        self.prometheus = Prometheus(self, self.nodes_)

    def test_every_query_of_the_dashboard_has_data_during_a_distribution(self):
        gate = self.hold(self.a, MIB)
        name = self.b.distribute("a")
        self.prometheus.wait_value('sum(tcptool_fleet_distributions{state="RUNNING"})', 1)
        self.prometheus.wait_value('sum(tcptool_fleet_deliveries{state="RECEIVING"})', 2)
        self.prometheus.wait_value('sum(tcptool_node_deliveries{state="RECEIVING"})', 2)
        self.prometheus.wait_dashboard("fleet_dashboard.json")
        gate.open()
        self.assert_delivered(name, self.b, self.c)
        self.prometheus.wait_value('sum(tcptool_fleet_deliveries{state="DELIVERED"})', 2)
        self.prometheus.wait_value("sum(tcptool_fleet_nodes)", 3)
        size = len(self.content)
        for direction in ("sent", "received"):
            self.prometheus.wait_value(
                f"sum(tcptool_peer_{direction}_bytes_total)", lambda got: got >= 2 * size
            )

    def test_every_metric_is_documented(self):
        documented = (MONITORING.parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
        names = set()
        for node in self.nodes_:
            names |= set(re.findall(r"^# TYPE (\w+)", scrape_text(node), re.MULTILINE))
        self.assertGreater(len(names), 30)
        for name in names:
            self.assertIn(f"`{name}`", documented)

    def test_alerts_ask_for_metrics_that_are_there(self):
        names = set(METRIC.findall(RULES.read_text(encoding="utf-8")))
        for board in DASHBOARDS:
            for _, expression in queries(board):
                names |= set(METRIC.findall(expression))
        # It is there once the store has been asked for something.
        for name in sorted(names - {"tcptool_store_errors_total"}):
            with self.subTest(name):
                wait_until(
                    lambda name=name: self.prometheus.query(name) or name.startswith("grpc_server"),
                    f"{name} is scraped",
                )
        rules = self.prometheus.ask("/api/v1/rules")["data"]["groups"][0]["rules"]
        self.assertEqual({rule["health"] for rule in rules} - {"ok", "unknown"}, set())
