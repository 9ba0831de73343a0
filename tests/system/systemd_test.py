"""The packaged unit under a systemd that is booted: what it takes from the service, and how
it starts and ends it."""

import json
import os
import re
import subprocess
import time
import unittest

import machine
import shipping
from harness import DEADLINE_S, wait_until

CONTENT = os.urandom(24 << 20)
UNIT = "tcptoold.service"
CONFIG = "etc/tcptool/tcptoold.toml"
CONTROL = ("tcptoolctl", "--output=json")


class SystemdTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = shipping.Workplace()
        cls.addClassCleanup(cls.place.close)
        root = machine.make_packaged(cls.place)
        content = root / "srv/tcptool"
        content.mkdir(parents=True)
        (content / "disk.img").write_bytes(CONTENT)
        config = root / CONFIG
        # The root that the file proposes.
        config.write_text(config.read_text().replace("#root = ", "root = "))
        cls.machine = machine.Machine(root)
        cls.addClassCleanup(cls.machine.close)

    def setUp(self):
        wait_until(self.is_active, "the service runs")

    def is_active(self):
        return self.machine.property(UNIT, "ActiveState") == "active"

    def drop_in(self, text):
        """Settings of an administrator's, until the test ends."""
        directory = self.machine.root / f"etc/systemd/system/{UNIT}.d"
        directory.mkdir(exist_ok=True)
        (directory / "test.conf").write_text(text)

        def undo():
            (directory / "test.conf").unlink()
            self.machine.run("systemctl", "daemon-reload")
            self.machine.run("systemctl", "restart", UNIT)

        self.addCleanup(undo)
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "restart", UNIT)

    def control(self, *words):
        return json.loads(self.machine.run(*CONTROL, *words))

    def create(self, *flags):
        session = self.control("create", *flags)
        return session["name"], re.search(r":(\d+)$", session["dataEndpoint"])[1]

    def receive(self, port):
        """What a recipient gets that starts the transfer."""
        self.machine.run("tcptool", "-r", f"127.0.0.1:{port}", "-t", "/var/received")
        return (self.machine.root / "var/received").read_bytes()

    def wait_succeeded(self, name):
        wait_until(
            lambda: self.control("get", name)["state"] == "SESSION_STATE_SUCCEEDED",
            "the session has succeeded",
        )

    def test_serves_a_file(self):
        name, port = self.create("--file=content/disk.img")
        self.assertEqual(self.receive(port), CONTENT)
        self.wait_succeeded(name)
        log = self.machine.journal(UNIT)
        # RestrictSUIDSGID= has openat2 fail; setpriority is allowed.
        self.assertIn("paths=steps", log)
        self.assertNotIn("priority_not_lowered", log)

    def test_serves_an_upload(self):
        with open(self.machine.root / "srv/tcptool/disk.img", "rb") as content:
            upload = self.machine.start(
                *CONTROL, "create", "--stdin", "--port=9900", stdin=content,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
        self.addCleanup(upload.kill)
        wait_until(
            lambda: "9900" in self.machine.run("tcptoolctl", "list"), "the session is there"
        )
        self.assertEqual(self.receive("9900"), CONTENT)
        self.assertEqual(upload.wait(60), 0)

    def test_a_session_that_waits_goes_on_after_a_restart(self):
        name, port = self.create("--file=content/disk.img")
        self.machine.run("systemctl", "restart", UNIT)
        self.assertEqual(self.control("get", name)["state"], "SESSION_STATE_WAITING")
        self.assertEqual(self.receive(port), CONTENT)
        self.wait_succeeded(name)

    def test_is_started_again_when_it_is_killed(self):
        before = self.machine.property(UNIT, "MainPID")
        self.machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
        wait_until(
            lambda: self.machine.property(UNIT, "MainPID") not in (before, "0")
            and self.is_active(),
            "it runs again",
        )

    def test_the_sandbox_is_there(self):
        pid = self.machine.property(UNIT, "MainPID")
        status = self.machine.run("cat", f"/proc/{pid}/status")
        self.assertRegex(status, r"(?m)^Seccomp:\s+2$")
        self.assertRegex(status, r"(?m)^NoNewPrivs:\s+1$")
        self.assertRegex(status, r"(?m)^CapBnd:\s+0+$")
        mounts = self.machine.run("cat", f"/proc/{pid}/mounts")
        self.assertRegex(mounts, r"(?m)^\S+ / \S+ ro\b")
        self.assertRegex(mounts, r"(?m)^\S+ /var/lib/tcptool \S+ rw\b")

    def test_the_control_socket_is_for_root_and_the_group(self):
        refused = self.machine.attempt("setpriv", "--reuid=65534", "--clear-groups", *CONTROL, "list")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("Permission denied", refused.stdout)
        group = self.machine.run("getent", "group", "tcptool").split(":")[2]
        self.machine.run(
            "setpriv", "--reuid=65534", "--regid=65534", f"--groups={group}", *CONTROL, "list"
        )

    def test_the_drain_timeout_alone_says_how_long_a_stop_takes(self):
        self.drop_in("[Service]\nTimeoutStopSec=1\nEnvironment=TCPTOOLD_DRAIN_TIMEOUT=10m\n")
        name, port = self.create("--file=content/disk.img")
        # More than the kernel's buffers hold: it goes on until this reads.
        recipient = self.machine.start(
            "bash", "-c",
            f"exec 3<>/dev/tcp/127.0.0.1/{port}; printf '\\1' >&3; head -c 1 <&3 >/var/part;"
            " read; cat <&3 >>/var/part",
            stdin=subprocess.PIPE,
        )  # fmt: skip
        self.addCleanup(recipient.kill)
        wait_until(
            lambda: self.control("get", name)["state"] == "SESSION_STATE_TRANSFERRING",
            "the transfer runs",
        )
        stop = self.machine.start("systemctl", "stop", UNIT)
        self.addCleanup(stop.kill)
        # Longer than systemd would have waited without a word from the service.
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 4, "four seconds have passed")
        self.assertIsNone(stop.poll(), self.machine.journal(UNIT))
        recipient.communicate(b"\n", timeout=DEADLINE_S)
        self.assertEqual(stop.wait(60), 0)
        self.assertEqual(self.machine.property(UNIT, "Result"), "success")
        self.assertEqual((self.machine.root / "var/part").read_bytes(), CONTENT)

    def test_the_watchdog_ends_a_service_that_hangs_and_no_other(self):
        self.drop_in("[Service]\nWatchdogSec=4\n")
        pid = self.machine.property(UNIT, "MainPID")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 9, "it is past its time twice")
        self.assertEqual(self.machine.property(UNIT, "MainPID"), pid)
        self.machine.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT)
        wait_until(
            lambda: self.machine.property(UNIT, "MainPID") not in (pid, "0")
            and self.is_active(),
            "another runs in its place",
        )
        self.assertIn("Watchdog timeout", self.machine.journal(UNIT))

    def test_what_passes_ends_it_for_no_good(self):
        self.drop_in("[Service]\nRestartSec=100ms\nEnvironment=TCPTOOLD_STATUS_PAGE=false\n")
        content = self.machine.root / "srv/tcptool"
        away = content.with_name("away")
        content.rename(away)
        self.addCleanup(lambda: away.exists() and away.rename(content))
        self.machine.attempt("systemctl", "restart", UNIT)
        # systemd gives up after five, unless told otherwise.
        wait_until(
            lambda: int(self.machine.property(UNIT, "NRestarts")) > 7, "it was tried again"
        )
        away.rename(content)
        wait_until(self.is_active, "it runs")

    def test_a_wrong_option_is_not_tried_again(self):
        self.drop_in("[Service]\nRestartSec=100ms\n")
        config = self.machine.root / CONFIG
        good = config.read_text()
        self.addCleanup(config.write_text, good)
        config.write_text(good + "\nno-such-option = true\n")
        self.machine.attempt("systemctl", "restart", UNIT)
        wait_until(
            lambda: self.machine.property(UNIT, "ActiveState") == "failed", "it has failed"
        )
        self.assertIn("no-such-option", self.machine.journal(UNIT))
