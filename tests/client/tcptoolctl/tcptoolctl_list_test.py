"""tcptoolctl's lists of some."""

import harness
import recipients
from ctl import CtlTest


class ListTest(CtlTest):
    def listed(self, command, *flags):
        """The last parts of the names of what a command lists."""
        items = self.ctl_json(command, *flags)
        return [one["name"].rpartition("/")[2] for one in next(iter(items.values()))]

    def create(self, session_id, *flags):
        self.ctl("create", "--file=files/content", f"--session-id={session_id}", *flags)

    def test_sessions(self):
        self.create("a-old", "--label=site=a")
        self.create("a-new", "--label=site=b", "--expire-after=1s")
        self.service.wait_final("sessions/a-new")
        self.create("b")
        for flags, expected in (
            ((), ["b", "a-new", "a-old"]),
            (("--since=1h",), ["b", "a-new", "a-old"]),
            (("--until=1h",), []),
            (("--since=1h", "--failed"), ["a-new"]),
            (("--until=1h", "--failed"), []),
            (("--state=waiting",), ["b", "a-old"]),
            (("--label=site=a",), ["a-old"]),
            (("--name-prefix=a-", "--state=EXPIRED"), ["a-new"]),
            (("--source=files/content", "--name-prefix=b"), ["b"]),
            (("--source=files/content/x",), []),
            (("--upload",), []),
            (("--reception=-",), []),
        ):
            with self.subTest(flags):
                self.assertEqual(self.listed("list", *flags), expected)

    def test_recipients(self):
        self.create("a", "--expect=192.0.2.7=gate", "--expect=127.0.0.1=here")
        peer = harness.connect(
            harness.port_of(self.service.get("sessions/a")), recipients.WAIT
        )
        self.addCleanup(peer.close)
        self.service.wait_ready("sessions/a", 1)
        for flags, expected in (
            ((), ["1", "2"]),
            (("--since=1h",), ["2"]),
            (("--address=192.0.2.0/24",), ["1"]),
            (("--label=here",), ["2"]),
            (("--state=expected",), ["1"]),
            (("--failed",), []),
            (("--reason=stalled",), []),
        ):
            with self.subTest(flags):
                self.assertEqual(self.listed("recipients", "a", *flags), expected)

    def test_receptions_and_distributions_have_their_flags(self):
        self.assertEqual(
            self.listed("receptions", "--since=1h", "--failed", "--destination=in/x"), []
        )
        done = self.run_ctl("distributions", "--since=1h", "--failed", "--name-prefix=a")
        self.assertIn("FAILED_PRECONDITION", done.stderr)  # There is no fleet.

    def test_what_is_wrong_is_said(self):
        for flags, code, text in (
            (("list", "--since=yesterday"), 2, "no point in time"),
            (("list", "--since=99999999h"), 2, "is not between 0 and 876000h ago"),
            (("list", "--state=good"), 2, "WAITING, TRANSFERRING"),
            (("list", "--state=waiting", "--failed"), 2, "--failed"),
            (("list", "--label=a"), 2, "KEY=VALUE"),
            (("list", "--source=a", "--upload"), 2, "--upload"),
            (("list", "--source=/etc"), 1, "session_filter.source.file"),
            (("list", "--since=1h", "--until=2h"), 1, "session_filter.create_time.until"),
            (("recipients", "a", "--address=x"), 1, "recipient_filter.addresses[0]"),
            (("receptions", "--reason=none"), 2, "STALLED"),
        ):
            with self.subTest(flags):
                done = self.run_ctl(*flags)
                self.assertEqual(done.returncode, code, done)
                self.assertIn(text, done.stderr)
