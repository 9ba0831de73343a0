"""Debian's Prometheus with the configuration of deploy/monitoring, and what is there."""

import json
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request

from harness import wait_until

MONITORING = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "monitoring"
RULES = MONITORING / "tcptool.rules.yml"
DASHBOARDS = ("dashboard.json", "fleet_dashboard.json")


def dashboard(name):
    return json.loads((MONITORING / name).read_text(encoding="utf-8"))


def queries(name):
    """(title of the panel, query) of everything that a dashboard shows."""
    return [
        (panel["title"], target["expr"])
        for panel in dashboard(name)["panels"]
        for target in panel["targets"]
    ]


class Prometheus:
    """Scrapes services each second. It ends with the test. Everything is on loopback."""

    def __init__(self, test, services):
        self._test = test
        self._home = pathlib.Path(tempfile.mkdtemp(prefix="prometheus."))
        test.addCleanup(shutil.rmtree, self._home, ignore_errors=True)
        shutil.copy(RULES, self._home)
        config = (MONITORING / "prometheus.yml").read_text(encoding="utf-8")
        addresses = json.dumps([service.http_address for service in services])
        config = config.replace('["127.0.0.1:9874"]', addresses)
        (self._home / "prometheus.yml").write_text(
            re.sub(r"_interval: 15s", "_interval: 1s", config), encoding="utf-8"
        )
        self._address = f"127.0.0.1:{random.randrange(10000, 32000)}"
        log = open(self._home / "log", "w+", encoding="utf-8")
        test.addCleanup(log.close)
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={self._home}/prometheus.yml",
                f"--storage.tsdb.path={self._home}/data",
                f"--web.listen-address={self._address}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        test.addCleanup(self._process.wait)
        test.addCleanup(self._process.kill)
        count = len(services)
        wait_until(
            lambda: len(self.query("up == 1") or ()) == count, f"it scrapes all {count}"
        )

    def ask(self, path):
        """What it answers; None if it does not."""
        try:
            with urllib.request.urlopen(f"http://{self._address}{path}", timeout=10) as answer:
                return json.load(answer)
        except OSError:
            self._test.assertIsNone(self._process.poll(), (self._home / "log").read_text())
            return None

    def query(self, text):
        answer = self.ask("/api/v1/query?" + urllib.parse.urlencode({"query": text}))
        return None if answer is None else answer["data"]["result"]

    def wait_value(self, text, value):
        """Until a query that has one value has this one, or what the function accepts."""

        def there():
            results = self.query(text)
            if not results:
                return False
            got = float(results[0]["value"][1])
            return value(got) if callable(value) else got == value

        wait_until(there, f"{text} is {value}")

    def wait_dashboard(self, name):
        """Until each query of a dashboard has data, of all nodes."""
        for title, expression in queries(name):
            text = (
                expression.replace("$instance", ".+")
                .replace("$__rate_interval", "1m")
                .replace("$__range", "1m")
            )
            with self._test.subTest(title, query=text):
                wait_until(lambda text=text: self.query(text), f"data for {title}: {text}")
