"""The status page's part on the fleet, in Debian's Chromium."""

import harness
from browser import PageCase
from fleets import DistributionCase
from harness import wait_until
from nodes import Throttle
from receptions import MIB


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
        wait_until(lambda: self.count(".tree .line.moved"), "one has moved")
        self.assertIn("moved", self.evaluate("document.querySelector('.alarms').textContent"))
        wait_until(lambda: self.count(".tree .delivered") == 2, "both have it")
        wait_until(lambda: "succeeded" in self.text(), "its end is shown")
        self.assertEqual(self.count(".tree .line"), 2)
        self.assertEqual(self.evaluate("window.mark"), 2)
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
        # Whom somebody should look at is seen without scrolling.
        bottom = "document.querySelector('.tree .failed').getBoundingClientRect().bottom"
        self.assertLess(self.evaluate(bottom), 740)
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
        (slow,) = wait_until(lambda: self.evaluate(drawn), "one is found")
        self.assertIn(slow, ("b", "c"))
        told = (
            "[...document.querySelectorAll('tbody tr:has(.state.slow) th')]"
            ".map((head) => head.textContent.trim())"
        )
        wait_until(lambda: self.evaluate(told) == [slow], "the table has it")
        self.assertEqual(self.evaluate("window.mark"), 1)
        self.screenshot("SCREENSHOT_DISTRIBUTION")
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
        seen = wait_until(lambda: self.evaluate(look), "both have a bar")
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
