"""The status page's part on the fleet, as any client of HTTP reads it."""

import http.client
import threading
import urllib.error
import urllib.request

import harness
from fleets import DistributionCase, FleetCase
from harness import ServiceTest, wait_until

FLAGS = ("--status-page",)


def get(node, path):
    """The status and the page."""
    try:
        with urllib.request.urlopen(
            f"http://{node.http_address}{path}", timeout=harness.DEADLINE_S
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class NoFleetTest(ServiceTest):
    service_flags = FLAGS

    def test_there_is_nothing_of_a_fleet(self):
        status, page = get(self.service, "/")
        self.assertEqual(status, 200)
        self.assertNotIn("/distributions", page)
        self.assertNotIn("/nodes", page)
        for path in ("/distributions", "/distributions/d", "/nodes"):
            self.assertEqual(get(self.service, path)[0], 404)


class EtcdAwayTest(FleetCase):
    def test_a_node_that_has_read_nothing_says_so(self):
        node = self.start_node("a", *FLAGS)
        for path in ("/distributions", "/distributions/d", "/nodes"):
            status, page = get(node, path)
            self.assertEqual(status, 503)
            self.assertIn("has not read from etcd yet", page)
        self.assertEqual(get(node, "/")[0], 200)


class FleetPagesTest(DistributionCase):
    node_flags = FLAGS

    def test_every_node_shows_the_fleet(self):
        name = self.b.distribute("a")
        for node in self.nodes_:
            node.wait_distribution(name, "SUCCEEDED")
            with self.subTest(node.name):
                status, page = get(node, "/nodes")
                self.assertEqual(status, 200)
                self.assertIn("the fleet lab: 3.", page)
                # A busy machine may keep one from its lease for a moment.
                wait_until(
                    lambda: get(node, "/nodes")[1].count(">coordinator<") == 1,  # noqa: B023
                    "one coordinates",
                )
                self.assertIn(f'href="/{name}"', get(node, "/distributions")[1])
                page = get(node, f"/{name}")[1]
                self.assertIn("2 of 2 delivered", page)
                self.assertEqual(page.count('class="sign"'), 3)
                self.assertEqual(page.count('class="line'), 2)
                status, page = get(node, f"/{name}/deliveries/c")
                self.assertEqual(status, 200)
                self.assertIn("delivered", page)

    def test_what_is_not_there_is_not_found(self):
        name = self.a.distribute("a")
        for path in (
            "/distributions/none",
            "/distributions/",
            f"/{name}/deliveries/none",
            f"/{name}/deliveries/a",
            f"/{name}/more",
        ):
            self.assertEqual(get(self.a, path)[0], 404, path)
        for path in ("/nodes?page=nonsense", "/distributions?page=nonsense"):
            self.assertEqual(get(self.a, path)[0], 400, path)

    def test_a_node_stops_while_many_look(self):
        name = self.b.distribute("a")
        answers = []
        is_over = threading.Event()

        def look():
            while not is_over.is_set():
                try:
                    answers.append(get(self.b, f"/{name}")[0])
                except (OSError, http.client.HTTPException):  # It is gone.
                    return

        looking = [threading.Thread(target=look) for _ in range(8)]
        for thread in looking:
            thread.start()
        self.addCleanup(is_over.set)
        wait_until(lambda: len(answers) >= 50, "many have looked")
        self.b.process.terminate()
        self.assertEqual(self.b.process.wait(harness.DEADLINE_S), 0)
        for thread in looking:
            thread.join()
        # 503: it was stopping.
        self.assertLessEqual(set(answers), {200, 503})
