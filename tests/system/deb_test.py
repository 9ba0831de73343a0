"""The Debian packages, built as `./dev deb` does it, and a life of theirs in a chroot."""

import os
import random
import re
import shlex
import subprocess
import unittest

import shipping

CONTENT = os.urandom(3 << 20)
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

    def test_installs_serves_stops_and_goes(self):
        root = self.place.path / "debian"
        make_debian(root, self.debs)

        def inside(*command):
            return shipping.run("chroot", root, *command)

        inside("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes",
               "--no-install-recommends", *(f"/debs/{deb.name}" for deb in self.packages()))
        self.assert_is_enabled(root)
        self.assert_serves(root, inside)
        self.assert_hardened(root)

        inside("apt-get", "remove", "--yes", "tcptool", "tcptoold")
        self.assertFalse((root / "usr/bin/tcptoold").exists())
        for name in ("default/tcptoold", "tcptool/tcptoold.toml"):
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

    def assert_serves(self, root, inside):
        """As the unit has it: its command line, its user, its state's directory."""
        unit = (root / UNIT).read_text()
        setting = lambda name: re.search(rf"(?m)^{name}=(.*)$", unit)[1]
        user = setting("User")
        state = root / "var/lib" / setting("StateDirectory")
        inside("install", "--directory", f"--owner={user}", f"--group={setting('Group')}",
               f"--mode={setting('StateDirectoryMode')}", f"/{state.relative_to(root)}")
        content = root / "srv/tcptool"
        content.mkdir(parents=True)
        (content / "disk.img").write_bytes(CONTENT)
        # The root that the file proposes, with ports of our own.
        config = root / "etc/tcptool/tcptoold.toml"
        config.write_text(config.read_text().replace("#root = ", "root = "))
        first = random.randrange(10000, 32000, 10)
        as_user = ["chroot", f"--userspec={user}:{user}", str(root)]
        service = subprocess.Popen(
            [
                *as_user,
                "env",
                # As systemd does.
                f"STATE_DIRECTORY=/{state.relative_to(root)}",
                # Another service may have the usual port.
                "TCPTOOLD_HTTP_ADDRESS=127.0.0.1:0",
                *shlex.split(setting("ExecStart")),
                "--control-address=127.0.0.1:0",
                f"--data-ports={first}-{first + 9}",
                "--ready-file=/var/lib/tcptool/ready.json",
            ]
        )
        self.addCleanup(service.wait)
        self.addCleanup(service.kill)
        shipping.transfer(
            self,
            service,
            state / "ready.json",
            "content/disk.img",
            lambda *words: shipping.run(*as_user, *words),
            "/var/lib/tcptool/received",
        )
        self.assertEqual((state / "received").read_bytes(), CONTENT)
        service.terminate()
        self.assertEqual(service.wait(), 0)

    def assert_hardened(self, root):
        """By systemd's own measure, from 0 (safe) to 10."""
        report = shipping.run("systemd-analyze", "security", "--offline=true", root / UNIT)
        exposure = float(re.search(r"Overall exposure level for \S+: (\S+)", report)[1])
        self.assertLessEqual(exposure, 2.0, report)
        # And it finds nothing wrong with what the unit says.
        said = shipping.run("systemd-analyze", "verify", f"--root={root}", "--man=no", "tcptoold.service")
        self.assertNotIn("tcptoold.service:", said)


def make_debian(root, debs):
    """A Debian of this machine's release, with its sources of packages, and `debs` in /debs."""
    sources = shipping.run(
        "apt-get",
        "indextargets",
        "--format=deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Identifier: Packages",
        "Origin: Debian",
    )
    codename = shipping.run("sh", "-c", '. /etc/os-release && echo "$VERSION_CODENAME"').strip()
    shipping.run(
        "mmdebstrap",
        "--mode=root",
        "--variant=apt",
        "--skip=cleanup/apt/lists",
        f"--customize-hook=cp -r {debs} \"$1/debs\"",
        codename,
        root,
        "-",
        input=sources,
    )
