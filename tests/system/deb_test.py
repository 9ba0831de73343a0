"""The Debian packages, built as `./dev deb` does it: what they install, and leave behind.

systemd_test has what they do.
"""

import re
import unittest

import machine
import shipping

UNIT = "lib/systemd/system/tcptoold.service"


class DebTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = shipping.Workplace()
        cls.addClassCleanup(cls.place.close)
        cls.debs = cls.place.path / "debs"
        cls.debs.mkdir()
        shipping.run(shipping.PROJECT / "deploy/debian/build", cls.place.programs, cls.debs)

    def packages(self):
        return sorted(self.debs.glob("*.deb"))

    def test_lintian_has_nothing_to_say(self):
        found = shipping.run("lintian", "--allow-root", "--fail-on=none", *self.packages())
        # Manual pages come with the programs that they describe.
        absent = [
            name
            for name in shipping.PROGRAMS
            if not list((shipping.PROJECT / "docs").glob(f"{name}.[18]"))
        ]
        found = [
            line
            for line in found.splitlines()
            if not any(line.endswith(f"no-manual-page [usr/bin/{name}]") for name in absent)
        ]
        self.assertEqual(found, [])

    def test_installs_and_goes(self):
        root = self.place.path / "debian"
        machine.make_debian(root, self.debs)

        def inside(*command):
            return shipping.run("chroot", root, *command)

        inside("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes",
               "--no-install-recommends", *(f"/debs/{deb.name}" for deb in self.packages()))
        self.assert_is_enabled(root)
        self.assert_hardened(root)

        inside("apt-get", "remove", "--yes", "tcptool", "tcptoold")
        self.assertFalse((root / "usr/bin/tcptoold").exists())
        for name in ("default/tcptoold", "tcptool/tcptoold.toml", "tcptool/fleet.toml"):
            self.assertTrue((root / "etc" / name).exists(), "configuration outlives removal")
        inside("apt-get", "purge", "--yes", "tcptool", "tcptoold")
        left = [
            path
            for directory in ("etc", "lib/systemd", "usr", "var/lib/systemd")
            for path in (root / directory).rglob("*tcptool*")
        ]
        # Its user stays, as Debian's policy has it: files may be that user's.
        self.assertEqual(left, [])

    def assert_is_enabled(self, root):
        wanted = root / "etc/systemd/system/multi-user.target.wants/tcptoold.service"
        self.assertTrue(wanted.is_symlink())
        self.assertRegex((root / "etc/passwd").read_text(), r"(?m)^tcptool:")

    def assert_hardened(self, root):
        """By systemd's own measure, from 0 (safe) to 10."""
        report = shipping.run("systemd-analyze", "security", "--offline=true", root / UNIT)
        exposure = float(re.search(r"Overall exposure level for \S+: (\S+)", report)[1])
        self.assertLessEqual(exposure, 2.0, report)
        # And it finds nothing wrong with what the unit says.
        said = shipping.run("systemd-analyze", "verify", f"--root={root}", "--man=no", "tcptoold.service")
        self.assertNotIn("tcptoold.service:", said)
