"""The status page in Debian's Chromium, while recipients are being served."""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

import harness
import npm
import recipients
from fleets import DistributionCase
from harness import Service, port_of, wait_until
from nodes import Throttle
from receptions import MIB

HERE = pathlib.Path(__file__).resolve().parent
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e"


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


class StatusPageTest(PageCase):
    def setUp(self):
        super().setUp()
        disk = tempfile.TemporaryDirectory(prefix="disk.")
        self.addCleanup(disk.cleanup)
        self.service = Service(flags=["--status-page", f"--receive=disk={disk.name}"])
        self.addCleanup(self.service.close)

    def begin_transfer(self, count=3):
        """A session that takes two minutes, and so lasts for the test, with `count` recipients."""
        self.service.write_file("disk.img", b"x" * (64 << 20))
        session = self.service.create(
            "disk.img",
            max_recipients=count,
            labels={"image": "base-12.7"},
            limits={"recipient_bytes_per_second": 500_000},
        )
        for _ in range(count):
            recipient = recipients.Recipient(
                recipients.KINDS[0], port_of(session), recipients.WAIT
            )
            self.addCleanup(recipient.close)
        return session

    def test_is_live_without_a_reload(self):
        self.assertEqual(self.open()["status"], 200)
        self.evaluate("window.mark = 1")
        self.assertIn("There are no sessions", self.text())
        session = self.begin_transfer()
        link = session.name.removeprefix("sessions/")
        wait_until(lambda: link in self.text(), "the new session is shown")
        value = "document.querySelector('progress')?.value ?? 0"
        seen = wait_until(lambda: self.evaluate(value), "its progress is shown")
        wait_until(lambda: self.evaluate(value) > seen, "the progress goes on")
        self.screenshot("SCREENSHOT")
        self.service.sessions.CancelSession(
            harness.stubs.session_service.CancelSessionRequest(name=session.name)
        )
        state = "document.querySelector('tbody').innerText"
        wait_until(lambda: "cancelled" in self.evaluate(state), "its end is shown")
        self.assertEqual(self.evaluate("window.mark"), 1)
        self.assertEqual(self.browser.tell("complaints"), [])

    def test_shows_a_session_and_its_recipients(self):
        session = self.begin_transfer()
        self.open("/" + session.name)
        rows = "document.querySelectorAll('tbody tr').length"
        wait_until(lambda: self.evaluate(rows) == 3, "three recipients are shown")
        wait_until(lambda: "/s" in self.text(), "their speed is shown")
        for words in ("127.0.0.1", "base-12.7", "disk.img", "transferring"):
            self.assertIn(words, self.text())
        self.screenshot("SCREENSHOT_SESSION")

    def begin_reception(self, path="disk.img", **labels):
        """One of 8 bytes, of which 6 have come, and the connection to its sender."""
        names = harness.stubs.reception
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(harness.DEADLINE_S)
            reception = self.service.receptions.CreateReception(
                harness.stubs.reception_service.CreateReceptionRequest(
                    reception=names.Reception(
                        spec=names.ReceptionSpec(
                            sender=names.SenderSource(
                                address=f"127.0.0.1:{listener.getsockname()[1]}"
                            ),
                            destination=names.FileDestination(root="disk", path=path),
                            expected_length=8,
                            labels=labels,
                        )
                    )
                )
            )
            peer, _ = listener.accept()
        self.addCleanup(peer.close)
        peer.sendall(b"123456")
        return reception.name, peer

    def test_shows_receptions(self):
        self.open("/receptions")
        self.evaluate("window.mark = 1")
        self.assertIn("There are no receptions", self.text())
        name, peer = self.begin_reception()
        wait_until(lambda: "75%, 6 B received" in self.text(), "it is shown")
        for words in ("receiving", "disk: disk.img", "127.0.0.1:"):
            self.assertIn(words, self.text())
        harness.reset(peer)
        wait_until(lambda: "CONNECTION_LOST" in self.text(), "its end is shown")
        self.assertEqual(self.evaluate("window.mark"), 1)
        # By its link; its own page goes on by itself too.
        self.browser.tell("follow", selector="tbody a", path=f"/{name}")
        wait_until(lambda: "CONNECTION_LOST: the connection was lost" in self.text(), "why")
        name, peer = self.begin_reception("second.img")
        self.open(f"/{name}")
        wait_until(lambda: "75%, 6 B received" in self.text(), "its progress is shown")
        peer.sendall(b"78")
        peer.shutdown(socket.SHUT_WR)
        wait_until(lambda: "succeeded" in self.text(), "its end is shown")
        self.assertIn("100%, 8 B received", self.text())
        self.assertEqual(self.browser.tell("complaints"), [])
        self.assertEqual(self.open("/receptions/none")["status"], 404)
        self.assertEqual(self.open("/receptions?page=nonsense")["status"], 400)

    def test_links_a_relay_with_its_reception(self):
        name, _ = self.begin_reception()
        names = harness.stubs.session
        spec = names.SessionSpec(reception=names.ReceptionSource(name=name))
        self.service.sessions.CreateSession(
            harness.stubs.session_service.CreateSessionRequest(session=names.Session(spec=spec))
        )
        self.open()
        self.browser.tell("follow", selector=f"tbody a:text-is('{name}')", path=f"/{name}")
        self.browser.tell("follow", selector="header a:text('Receptions')", path="/receptions")
        self.assertIn("Receptions", self.evaluate("document.title"))

    def test_says_when_the_service_is_gone(self):
        self.open()
        self.service.process.kill()
        wait_until(lambda: "does not answer" in self.text(), "the page says so")

    def test_makes_nothing_of_what_others_write(self):
        self.service.write_file(EVIL.replace("/", "-"), b"x")
        session = self.service.create(
            EVIL.replace("/", "-"),
            labels={"note": EVIL},
            expected=[{"address": "127.0.0.1", "label": EVIL}],
        )
        for path in ("/", "/" + session.name):
            answer = self.open(path)
            self.assertIn("default-src 'none'", answer["headers"]["content-security-policy"])
            self.assertEqual(self.evaluate("document.querySelectorAll('img, body script').length"), 0)
            self.assertIn("onerror=alert", self.text())
        name, _ = self.begin_reception(EVIL.replace("/", "-"), note=EVIL)
        for path in ("/receptions", "/" + name):
            self.open(path)
            self.assertEqual(self.evaluate("document.querySelectorAll('img, body script').length"), 0)
            self.assertIn("onerror=alert", self.text())
        self.assertEqual(self.browser.tell("complaints"), [])
        self.open("/sessions/%3Cscript%3Ealert(3)%3C%2Fscript%3E?page=%3Cb%3E")
        self.assertIn("<script>alert(3)", self.text())

    def test_works_without_javascript(self):
        session = self.begin_transfer()
        wait_until(
            lambda: self.service.get(session.name).counts.transferring == 3, "it has begun"
        )
        self.open(javaScriptEnabled=False)
        tree = self.browser.tell("aria", selector="body")
        self.assertIn("transferring", tree)
        self.assertIn("progressbar", tree)

    def test_fits_a_phone(self):
        session = self.begin_transfer()
        reception, _ = self.begin_reception()
        self.assert_fits_a_phone("/", "/" + session.name, "/receptions", "/" + reception)
        self.screenshot("SCREENSHOT_PHONE")

    def test_can_be_read_out(self):
        self.begin_transfer()
        self.open()
        wait_until(lambda: self.evaluate("document.querySelector('progress') !== null"), "a bar")
        tree = self.browser.tell("aria", selector="body")
        for words in ('heading "Sessions" [level=1]', "columnheader", "rowheader", "acknowledged bytes"):
            self.assertIn(words, tree)
        self.assertEqual(
            self.evaluate("document.querySelector('#summary').getAttribute('aria-live')"), "polite"
        )
        self.assertEqual(self.evaluate("document.documentElement.lang"), "en")

    def test_pages_are_bounded(self):
        self.service.write_file("small", b"x")
        for _ in range(25):
            self.service.create("small")
        self.open()
        rows = "document.querySelectorAll('tbody tr').length"
        self.assertEqual(self.evaluate(rows), 20)
        following = self.evaluate("document.querySelector('a[rel=next]').getAttribute('href')")
        self.open(following)
        self.assertEqual(self.evaluate(rows), 5)
        self.assertEqual(self.open("/?page=nonsense")["status"], 400)


class FleetPageTest(PageCase, DistributionCase):
    """The pages of node a, which has what is distributed."""

    node_flags = ("--status-page",)

    def setUp(self):
        super().setUp()
        self.service = self.a

    def deliveries(self, name):
        return self.a.distributions.ListDeliveries(
            harness.stubs.distribution_service.ListDeliveriesRequest(parent=name)
        ).deliveries

    def test_shows_the_tree_live_and_who_has_moved(self):
        self.open("/distributions")
        self.evaluate("window.mark = 1")
        self.assertIn("There are no distributions", self.text())
        # Whichever of them receives from the other gets no more, and goes to a.
        for node in (self.b, self.c):
            self.hold(node, 2 * MIB)
        name = self.a.distribute("a")
        wait_until(lambda: self.count("tbody tr") == 1, "it is shown")
        self.assertEqual(self.evaluate("window.mark"), 1)
        self.browser.tell("follow", selector="tbody a", path=f"/{name}")
        self.evaluate("window.mark = 2")
        wait_until(lambda: self.count(".tree .sign") == 3, "the source and two nodes are drawn")
        wait_until(lambda: self.count(".tree .line.moved"), "one has moved", 60)
        self.assertIn("moved", self.evaluate("document.querySelector('.alarms').textContent"))
        wait_until(lambda: self.count(".tree .delivered") == 2, "both have it", 60)
        wait_until(lambda: "succeeded" in self.text(), "its end is shown", 60)
        self.assertEqual(self.count(".tree .line"), 2)
        self.assertEqual(self.evaluate("window.mark"), 2)
        self.screenshot("SCREENSHOT_DISTRIBUTION")
        # Its history, by the link in the table.
        moved = next(delivery for delivery in self.deliveries(name) if delivery.moves)
        self.browser.tell(
            "follow", selector=f"tbody a:text-is('{moved.node}')", path=f"/{moved.name}"
        )
        self.assertEqual(self.count("tbody tr"), len(moved.moves))
        for move in moved.moves:
            self.assertIn(move.reason, self.text())
        self.browser.tell("follow", selector="header a:text('Nodes')", path="/nodes")
        self.assertEqual(self.count("tbody tr"), 3)
        self.assertIn("coordinator", self.text())
        self.browser.tell(
            "follow", selector="header a:text('Distributions')", path="/distributions"
        )
        self.assertIn("succeeded", self.text())
        self.assertEqual(self.browser.tell("complaints"), [])

    def end_with_a_failure(self):
        """A distribution that c could not take."""
        (self.c.disk / "file").write_bytes(b"of somebody")
        name = self.a.distribute("a")
        self.a.wait_distribution(name, "PARTIALLY_SUCCEEDED")
        return name

    def test_shows_who_has_failed_to_all(self):
        name = self.end_with_a_failure()
        self.open("/" + name)
        self.assertEqual(self.count(".tree .failed > .frame"), 1)
        # To those who have it read out; without JavaScript too.
        self.open("/" + name, javaScriptEnabled=False)
        tree = self.browser.tell("aria", selector="main")
        for words in (
            'img "From whom each node gets the content"',
            'region "Picture of the tree"',
            'table "Nodes, by their names"',
            "rowheader",
            "failed",
        ):
            self.assertIn(words, tree)
        self.open("/" + name)
        description = "document.querySelector('.tree desc').textContent"
        self.assertIn("1 of 2 delivered, 1 failed. Failed: c.", self.evaluate(description))

    def test_fits_a_phone(self):
        name = self.end_with_a_failure()
        self.assert_fits_a_phone("/nodes", "/distributions", f"/{name}/deliveries/c", "/" + name)
        self.screenshot("SCREENSHOT_DISTRIBUTION_PHONE")


class SlowFleetPageTest(PageCase, DistributionCase):
    """The pages of node a, whose content comes to the others so slowly that they receive for
    as long as a test takes."""

    size = 64 * MIB
    node_flags = ("--status-page",)

    def setUp(self):
        super().setUp()
        self.service = self.a

    def distribute(self, rate):
        """To b and c, each node of which is planned to send so many bytes a second."""
        limits = harness.stubs.distribution.DistributionLimits(node_bytes_per_second=rate)
        return self.a.distribute("a", limits=limits)

    def test_shows_who_is_slow(self):
        # Half of what was planned is too little, and this is less, of whoever gets it from a.
        self.put_behind(self.a, Throttle(MIB // 2))
        name = self.distribute(8 * MIB)
        self.open("/" + name)
        self.evaluate("window.mark = 1")
        # Drawn in a frame, and told in the table, without a reload.
        drawn = (
            "[...document.querySelectorAll('.tree g:has(> .frame)')]"
            ".filter((row) => row.querySelector('.alarms')?.textContent.startsWith('slow'))"
            ".map((row) => row.querySelector('.name').textContent)"
        )
        (slow,) = wait_until(lambda: self.evaluate(drawn), "one is found", 120)
        self.assertIn(slow, ("b", "c"))
        told = (
            "[...document.querySelectorAll('tbody tr:has(.state.slow) th')]"
            ".map((head) => head.textContent.trim())"
        )
        wait_until(lambda: self.evaluate(told) == [slow], "the table has it")
        self.assertEqual(self.evaluate("window.mark"), 1)
        self.screenshot("SCREENSHOT_DISTRIBUTION_SLOW")
        self.assertEqual(self.browser.tell("complaints"), [])
        # To those who have it read out, and on a phone.
        description = "document.querySelector('.tree desc').textContent"
        self.assertIn(f"Slow: {slow}.", self.evaluate(description))
        self.assert_fits_a_phone("/" + name)
        self.assertEqual(self.evaluate(told), [slow])

    def test_bars_of_those_that_receive_fit_a_phone(self):
        name = self.distribute(MIB // 4)
        self.assert_fits_a_phone("/" + name)
        # All of one moment: while the coordinator does not answer, there are no bars.
        look = """(() => {
          const bars = [...document.querySelectorAll('tbody progress')];
          if (bars.length !== 2) return null;
          const cell = bars[0].closest('td');
          const boxes = [...bars, ...document.querySelectorAll('tbody .figures')]
            .map((shown) => shown.getBoundingClientRect());
          return {
            outside: boxes.filter((box) => box.left < 0 || box.right > 360).length,
            empty: boxes.filter((box) => box.width === 0 || box.height === 0).length,
            label: getComputedStyle(cell, '::before').content,
            words: cell.innerText,
            width: document.documentElement.scrollWidth,
          };
        })()"""
        seen = wait_until(lambda: self.evaluate(look), "both have a bar", 60)
        self.assertEqual((seen["outside"], seen["empty"]), (0, 0), seen)
        self.assertLessEqual(seen["width"], 360)
        # A table without its head says beside each cell what that is of.
        self.assertIn("Progress", seen["label"])
        self.assertIn(" received", seen["words"])
        self.screenshot("SCREENSHOT_DISTRIBUTION_PROGRESS_PHONE")
        wait_until(
            lambda: self.browser.tell("aria", selector="main").count("received bytes") == 2,
            "they are read out",
        )
        self.assertEqual(self.browser.tell("complaints"), [])
