"""What nodes of a fleet say to Prometheus, of themselves and of the fleet."""

import re
import subprocess

import harness
from fleets import DistributionCase, FleetCase
from harness import stubs, wait_until
from receptions import MIB
from scraping import scrape, scrape_text

CAUSES = ("fault", "plan")


class FleetMetricsTest(DistributionCase):
    def wait_metrics(self, node, **wanted):
        """Until its metrics, whose names are without tcptool_, have these values, or what
        these functions accept."""
        names = {f"tcptool_{name}": value for name, value in wanted.items()}
        seen = {}

        def there():
            seen.update(scrape(node))
            return all(
                value(seen[name]) if callable(value) else seen[name] == value
                for name, value in names.items()
            )

        try:
            wait_until(there, f"{node.name} has {names}")
        except AssertionError as error:
            raise AssertionError({name: seen.get(name) for name in names}) from error

    def wait_deliveries(self, node, state, count):
        self.wait_metrics(node, **{f'node_deliveries{{state="{state}"}}': count})

    def coordinator(self):
        """The node that speaks for the fleet; None if nobody does at the moment."""
        found = [node for node in self.nodes_ if "tcptool_fleet_nodes" in scrape(node)]
        return found[0] if len(found) == 1 else None

    def test_say_what_a_distribution_was(self):
        name = self.b.distribute("a")
        self.assert_delivered(name, self.b, self.c)
        size = len(self.content)

        def at_least(value):
            # On a busy machine a node may have changed its parent, and got bytes twice.
            return value >= size

        for node in (self.b, self.c):
            with self.subTest(node.name):
                self.wait_metrics(
                    node,
                    **{
                        "node_registered": 1,
                        "etcd_reachable": 1,
                        'node_deliveries{state="DELIVERED"}': 1,
                        'node_deliveries{state="RECEIVING"}': 0,
                        'node_deliveries_ended_total{state="DELIVERED"}': 1,
                        'node_deliveries_ended_total{state="FAILED"}': 0,
                        "peer_received_bytes_total": at_least,
                        "received_bytes_total": at_least,
                    },
                )
        source = scrape(self.a)
        self.assertEqual(source['tcptool_node_deliveries{state="DELIVERED"}'], 0)
        self.assertEqual(source["tcptool_peer_received_bytes_total"], 0)
        wait_until(
            lambda: sum(scrape(node)["tcptool_peer_sent_bytes_total"] for node in self.nodes_)
            >= 2 * size,
            "what was sent is counted",
        )

    def test_the_coordinator_alone_speaks_for_the_fleet(self):
        name = self.b.distribute("a")
        self.assert_delivered(name, self.b, self.c)

        def whole():
            node = self.coordinator()
            got = scrape(node) if node else {}
            done = got.get('tcptool_fleet_distributions{state="SUCCEEDED"}') == 1
            return got if done and got["tcptool_fleet_nodes"] == 3 else None

        got = wait_until(whole, "one of them speaks for all three")
        self.assertEqual(got["tcptool_node_coordinator"], 1)
        self.assertEqual(got['tcptool_fleet_distributions{state="RUNNING"}'], 0)
        self.assertEqual(got['tcptool_fleet_deliveries{state="DELIVERED"}'], 2)
        self.assertEqual(got['tcptool_fleet_deliveries{state="FAILED"}'], 0)

    def test_another_coordinator_is_a_change(self):
        first = wait_until(self.coordinator, "one of them coordinates")
        others = [node for node in self.nodes_ if node is not first]
        before = {node: scrape(node)["tcptool_coordinator_changes_total"] for node in others}
        first.stop()
        for node in others:
            self.wait_metrics(
                node, coordinator_changes_total=lambda now, node=node: now > before[node]
            )
        wait_until(
            lambda: sum(scrape(node)["tcptool_node_coordinator"] for node in others) == 1,
            "one of them coordinates",
        )

    def test_a_failure_is_counted_at_each_try(self):
        (self.b.disk / "file").write_bytes(b"of somebody")
        name = self.a.distribute("a", nodes=["b"])
        self.a.wait_distribution(name, "FAILED")
        ended = 'node_deliveries_ended_total{state="FAILED"}'
        self.wait_metrics(self.b, **{ended: 1, 'node_deliveries{state="FAILED"}': 1})
        self.a.distributions.RetryDistribution(
            stubs.distribution_service.RetryDistributionRequest(name=name)
        )
        self.wait_metrics(self.b, **{ended: 2, 'node_deliveries{state="FAILED"}': 1})
        self.a.wait_distribution(name, "FAILED")
        self.a.distributions.DeleteDistribution(
            stubs.distribution_service.DeleteDistributionRequest(name=name, force=True)
        )
        self.wait_deliveries(self.b, "FAILED", 0)

    def test_each_move_to_another_parent_is_counted(self):
        gate = self.hold(self.a, MIB)
        name = self.a.distribute("a")
        for node in (self.b, self.c):
            self.wait_deliveries(node, "RECEIVING", 1)

        def chain():
            listed = self.a.distributions.ListDeliveries(
                stubs.distribution_service.ListDeliveriesRequest(parent=name)
            ).deliveries
            parents = {delivery.node: delivery.parent for delivery in listed}
            pairs = ((self.b, self.c), (self.c, self.b))
            return next((p for p in pairs if parents.get(p[1].name) == p[0].name), None)

        parent, child = wait_until(chain, "one of them receives from the other")
        parent.kill()
        # On a busy machine it may have left before, for silence.
        child.wait_event("parent_left")
        gate.open()
        self.wait_deliveries(child, "DELIVERED", 1)
        self.assertEqual(child.received_content(), self.content)

        def all_counted():
            got = scrape(child)
            counted = [got[f'tcptool_parent_moves_total{{cause="{cause}"}}'] for cause in CAUSES]
            return sum(counted) == len(child.events_of("parent_left"))

        wait_until(all_counted, "all of its moves are counted")

    def test_have_no_label_that_others_choose(self):
        name = self.b.distribute("a", id_="chosen-by-a-user")
        self.assert_delivered(name, self.b, self.c)
        known = {"state", "reason", "lane", "le", "version", "compiler", "operation", "cause"}
        known |= {"call", "grpc_service", "grpc_method", "grpc_code"}
        for node in self.nodes_:
            text = scrape_text(node)
            self.assertEqual(set(re.findall(r'(\w+)="', text)) - known, set())
            for word in ("chosen-by-a-user", "127.0.0.1", '"lab"', '"a"', '"b"', '"c"'):
                self.assertNotIn(word, text)

    def test_promtool_finds_nothing_to_mend(self):
        coordinator = wait_until(self.coordinator, "one of them coordinates")
        lint = subprocess.run(
            ["promtool", "check", "metrics"],
            input=scrape_text(coordinator),
            capture_output=True,
            text=True,
            timeout=harness.DEADLINE_S,
            check=False,
        )
        self.assertEqual((lint.returncode, lint.stdout, lint.stderr), (0, "", ""))

    def test_etcd_that_is_away_is_told_and_comes_back(self):
        self.etcd.kill()
        for node in self.nodes_:
            # Registered until its lease has run out.
            self.wait_metrics(
                node,
                etcd_reachable=0,
                node_registered=0,
                etcd_silence_seconds=lambda silence: silence > 1,
            )
            failed = [
                value
                for series, value in scrape(node).items()
                if series.startswith('tcptool_etcd_failures_total{call="lease"')
            ]
            self.assertGreater(sum(failed), 0)
        self.etcd.start()
        for node in self.nodes_:
            self.wait_metrics(node, etcd_reachable=1, node_registered=1)


class NoFleetTest(harness.ServiceTest):
    def test_a_node_in_no_fleet_says_nothing_of_one(self):
        names = {series.partition("{")[0] for series in scrape(self.service)}
        self.assertIn("tcptool_peer_sent_bytes_total", names)
        for name in names:
            self.assertNotRegex(name, "^tcptool_(fleet|node|etcd|coordinator|parent|slow)_")


class RefusedTest(FleetCase):
    def test_a_second_node_of_a_name_is_not_registered_though_etcd_answers(self):
        self.etcd.start()
        first = self.join("a")
        second = self.start_node("a")
        second.wait_event("fleet_node_refused")
        self.assertEqual(scrape(second)["tcptool_node_registered"], 0)
        wait_until(lambda: scrape(second)["tcptool_etcd_reachable"] == 1, "etcd answers it")
        wait_until(lambda: scrape(first)["tcptool_node_registered"] == 1, "the first one is there")
