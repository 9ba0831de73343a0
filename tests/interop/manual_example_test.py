"""The example of the manual of 2008: a file system, by dd, to all machines of a lab."""

import filecmp
import os
import subprocess

import harness
from tcptool_process import TcptoolTest

IMAGE_BYTES = 64 << 20


class ManualExampleTest(TcptoolTest):
    def setUp(self):
        super().setUp()
        files = self.home / "files"
        files.mkdir()
        for number in range(20):
            (files / f"file{number}").write_bytes(os.urandom(1 << 20))
        self.image = self.home / "image"
        with open(self.image, "wb") as image:
            image.truncate(IMAGE_BYTES)
        subprocess.run(
            ["mkfs.ext4", "-q", "-F", "-d", str(files), str(self.image)],
            check=True,
            env={"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"},
        )

    def dd(self, **options):
        process = subprocess.Popen(
            ["dd", "bs=64k", "status=none", *(f"{key}={value}" for key, value in options["dd"].items())],
            stdin=options.get("stdin", subprocess.DEVNULL),
            stdout=options.get("stdout", subprocess.DEVNULL),
        )
        self.addCleanup(process.kill)
        return process

    def start_recipient(self, number, *arguments):
        """`tcptool -r ... | dd of=...`"""
        recipient = self.start("-r", self.sender_endpoint, *arguments)
        writer = self.dd(
            stdin=recipient.stdout, dd={"iflag": "fullblock", "of": self.home / f"disk{number}"}
        )
        recipient.stdout.close()
        return recipient, writer

    def test_clone_of_a_file_system(self):
        reader = self.dd(stdout=subprocess.PIPE, dd={"if": self.image})
        sender = self.start_sender(
            "-c", "unlimited", "-a", "127.0.0.0/255.255.255.0", "-d", "debug", stdin=reader.stdout
        )
        reader.stdout.close()
        running = [self.start_recipient(number) for number in (1, 2)]
        for line in sender.stderr:  # Until both are known: the third starts it.
            if b" is READY" in line:
                running.append(None)
            if running.count(None) == 2:
                break
        running = [one for one in running if one is not None]
        running.append(self.start_recipient(3, "-t"))
        for number, (recipient, writer) in enumerate(running, start=1):
            errors = recipient.stderr.read()
            self.assertEqual((recipient.wait(timeout=harness.DEADLINE_S), errors), (0, b""))
            self.assertEqual(writer.wait(timeout=harness.DEADLINE_S), 0)
            self.assertTrue(
                filecmp.cmp(self.image, self.home / f"disk{number}", shallow=False), number
            )
        status, _, errors = self.finish(sender)
        self.assertEqual(status, 0)
        self.assertEqual(errors.count("Transmission succeeded for '127.0.0.1'."), 3)
        self.assertEqual(reader.wait(timeout=harness.DEADLINE_S), 0)
