"""What the tests of the status page share: Debian's Chromium."""

import json
import os
import pathlib
import subprocess
import unittest

import harness
import npm

HERE = pathlib.Path(__file__).resolve().parent


class Browser:
    """Chromium, by playwright."""

    def __init__(self):
        self._process = subprocess.Popen(
            ["node", HERE / "status_page.js"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"NODE_PATH": str(npm.node_modules("playwright-core@1.61.0"))},
        )

    def tell(self, name, **parameters):
        self._process.stdin.write(json.dumps({"name": name, **parameters}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the browser ended with {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer.get("result")

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=harness.DEADLINE_S)


class PageCase(unittest.TestCase):
    """Pages of `self.service`, in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        super().setUp()
        self.browser.tell("reset")

    def open(self, path="/", **options):
        return self.browser.tell(
            "open", url=f"http://{self.service.http_address}{path}", options=options
        )

    def evaluate(self, code):
        return self.browser.tell("evaluate", code=code)

    def text(self):
        return self.evaluate("document.body.innerText")

    def count(self, selector):
        return self.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")

    def screenshot(self, variable):
        """Where that is asked for: what docs have."""
        if variable in os.environ:
            self.browser.tell("screenshot", path=os.environ[variable])

    def assert_fits_a_phone(self, *paths):
        for path in paths:
            self.open(path, viewport={"width": 360, "height": 740}, isMobile=True)
            self.assertLessEqual(self.evaluate("document.documentElement.scrollWidth"), 360)
