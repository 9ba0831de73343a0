"""The status page in Debian's Chromium, while recipients are being served."""

import socket
import tempfile

import harness
import recipients
from browser import PageCase
from harness import Service, port_of, wait_until

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e"


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
        source = harness.stubs.reception_source.ReceptionSource(name=name)
        spec = names.SessionSpec(reception=source)
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
