"""The OCI image, built as `./dev image` does it, and run from its archive."""

import json
import os
import pathlib
import random
import subprocess
import threading
import unittest

import harness
import shipping

MAX_BYTES = 120 << 20
CONTENT = os.urandom(3 << 20)


class Image:
    """The archive's parts, and a container of it."""

    def __init__(self):
        self.place = shipping.Workplace()
        archive = self.place.path / "image.tar"
        self.mounts_meanwhile = self.build(archive)
        self.layout = self.place.path / "layout"
        self.layout.mkdir()
        shipping.run("tar", "--extract", f"--file={archive}", f"--directory={self.layout}")
        self.container = self.buildah("from", f"oci-archive:{archive}").split()[-1]
        self.root = pathlib.Path(self.buildah("mount", self.container).split()[-1])

    def build(self, archive):
        """Returns what was mounted in the image's root on this machine meanwhile."""
        mounts = set()
        building = subprocess.Popen(
            [shipping.PROJECT / "deploy/image/build", self.place.programs, archive],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ended = threading.Event()

        def look():
            while not ended.wait(0.02):
                table = pathlib.Path("/proc/self/mounts").read_text().splitlines()
                mounts.update(line for line in table if "root-of-image" in line)

        looking = threading.Thread(target=look)
        looking.start()
        output, _ = building.communicate()
        ended.set()
        looking.join()
        if building.returncode != 0:
            raise AssertionError(f"the build ended with {building.returncode}:\n{output}")
        return mounts

    def command(self, *arguments):
        storage = self.place.path
        return [
            "buildah",
            "--storage-driver=vfs",
            f"--root={storage}/storage",
            f"--runroot={storage}/run",
            *map(str, arguments),
        ]

    def buildah(self, *arguments):
        return shipping.run(*self.command(*arguments))

    def blob(self, digest):
        return self.layout / "blobs" / digest.replace(":", "/")

    def close(self):
        self.buildah("umount", self.container)
        self.place.close()


class ImageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.image = Image()
        cls.addClassCleanup(cls.image.close)
        index = json.loads((cls.image.layout / "index.json").read_text())
        cls.manifest = json.loads(cls.image.blob(index["manifests"][0]["digest"]).read_text())
        cls.config = json.loads(cls.image.blob(cls.manifest["config"]["digest"]).read_text())

    def test_is_built_without_mounts_that_others_see(self):
        self.assertEqual(self.image.mounts_meanwhile, set())

    def test_is_small(self):
        # The layers are not compressed: so much is on the disk of a node.
        self.assertLess(sum(layer["size"] for layer in self.manifest["layers"]), MAX_BYTES)

    def test_says_what_it_is(self):
        labels = self.config["config"]["Labels"]
        version = shipping.run(harness.program("tcptoold"), "--version").split()[-1]
        self.assertEqual(labels["org.opencontainers.image.version"], version)
        for name in ("title", "description", "licenses"):
            self.assertTrue(labels[f"org.opencontainers.image.{name}"], name)

    def test_runs_as_a_user_without_rights(self):
        self.assertEqual(self.config["config"]["User"], "65532:65532")
        self.assertEqual(os.stat(self.image.root / "var/lib/tcptool").st_uid, 65532)

    def test_has_the_programs_without_symbols_and_nothing_to_run_beside_them(self):
        self.assertEqual(
            sorted(p.name for p in (self.image.root / "usr/bin").iterdir()),
            sorted(shipping.PROGRAMS),
        )
        for name in shipping.PROGRAMS:
            sections = shipping.run("readelf", "--sections", self.image.root / "usr/bin" / name)
            self.assertNotIn(".symtab", sections)

    def test_tells_scanners_its_packages_but_nothing_of_the_machine_that_built_it(self):
        status = self.image.root / "var/lib/dpkg/status.d/libssl3"
        self.assertRegex(status.read_text(), r"(?m)^Version: 3\.")
        for name in ("apt", "hostname", "resolv.conf"):
            # An empty file at most, which a container's start puts there.
            path = self.image.root / "etc" / name
            self.assertFalse(path.is_dir() or (path.exists() and path.read_text()), name)

    def test_serves_a_whole_transfer(self):
        content = self.image.place.path / "content"
        content.mkdir()
        (content / "disk.img").write_bytes(CONTENT)
        first = random.randrange(10000, 32000, 10)
        # Not the image's own volume: beside another, buildah has one of its own in its place.
        exchange = self.image.place.path / "exchange"
        exchange.mkdir()
        os.chown(exchange, 65532, 65532)
        run = (
            "run",
            "--isolation=chroot",
            f"--volume={content}:/srv/tcptool:ro",
            f"--volume={exchange}:/exchange",
        )
        service = subprocess.Popen(
            self.image.command(
                *run,
                # Another service may have the usual port.
                "--env=TCPTOOLD_HTTP_ADDRESS=127.0.0.1:0",
                self.image.container,
                "--",
                *self.config["config"]["Entrypoint"],
                "--control-address=127.0.0.1:0",
                f"--data-ports={first}-{first + 9}",
                "--root=content=/srv/tcptool",
                "--ready-file=/exchange/ready.json",
            )
        )
        self.addCleanup(service.wait)
        self.addCleanup(service.terminate)
        shipping.transfer(
            self,
            service,
            exchange / "ready.json",
            "content/disk.img",
            lambda *command: self.image.buildah(*run, self.image.container, "--", *command),
            "/exchange/received",
        )
        self.assertEqual((exchange / "received").read_bytes(), CONTENT)
        # The user that the image names, and no other, wrote it.
        self.assertEqual(os.stat(exchange / "received").st_uid, 65532)
