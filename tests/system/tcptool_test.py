"""tcptool on block devices, on a full disk, and where it could meet itself."""

import itertools
import os
import random
import shutil
import socket
import subprocess
import tempfile

import harness
import tcptool_process
from devices import loop_device, mount_device, run
from tcptool_process import TcptoolTest

MEBIBYTE = 1 << 20


class DevicesTest(TcptoolTest):
    def test_from_one_block_device_to_another(self):
        content = os.urandom(8 * MEBIBYTE)
        source = loop_device(self, self.write("source", content))
        target = loop_device(self, self.write("target", bytes(len(content))))
        sender = self.start_sender(source)
        status, _, errors = self.run_tcptool("-r", self.sender_endpoint, "--sync", target)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(self.finish(sender)[0], 0)
        run("blockdev", "--flushbufs", target)
        self.assertEqual((self.home / "target").read_bytes(), content)

    def test_block_device_without_content(self):
        device = loop_device(self, self.write("nothing", b""))
        status, _, errors = self.run_tcptool("-s", self.port, device)
        self.assertEqual(
            (status, errors),
            (1, f"tcptool: Failed to open input file '{device}'!\n"
                "tcptool: the block device has 0 bytes: there is no medium in it, or it is not"
                " set up.\n"),
        )

    def test_block_device_that_is_too_small(self):
        sender = self.start_sender(self.write("content", os.urandom(2 * MEBIBYTE)))
        target = loop_device(self, self.write("target", bytes(MEBIBYTE)))
        status, _, errors = self.run_tcptool("-r", self.sender_endpoint, target)
        self.assertEqual(status, 1)
        self.assertIn("tcptool: Problem while writing to output file!\n", errors)
        self.assertRegex(
            errors,
            r"tcptool: No space left on device, as the content is larger than the device, which"
            r" has 1048576 bytes, after \d+ bytes; the output is not complete\.\n$",
        )
        self.assert_failed(sender)

    def mounted_device(self):
        """A block device with a file system that is mounted."""
        device = loop_device(self, self.write("disk", bytes(8 * MEBIBYTE)))
        mount_device(self, device, self.home)
        return device

    def test_block_device_that_is_mounted(self):
        device = self.mounted_device()
        status, _, errors = self.run_tcptool("-r", self.sender_endpoint, device)
        self.assertEqual(
            (status, errors),
            (1, f"tcptool: Failed to open output file '{device}'!\n"
                "tcptool: Device or resource busy; it is mounted, or in use otherwise. --force"
                " writes it all the same.\n"),
        )
        sender = self.start_sender(self.write("content", b"content"))
        status, _, errors = self.run_tcptool("-r", self.sender_endpoint, "--force", device)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(self.finish(sender)[0], 0)

    def test_zeros_are_discarded(self):
        size = 16 * MEBIBYTE
        content = os.urandom(MEBIBYTE) + bytes(size - 2 * MEBIBYTE) + os.urandom(MEBIBYTE)
        disk = self.write("disk", os.urandom(size))
        device = loop_device(self, disk)
        sender = self.start_sender(self.write("content", content))
        status, _, errors = self.run_tcptool(
            "-r", self.sender_endpoint, "--sync", "--discard", device
        )
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(self.finish(sender)[0], 0)
        run("blockdev", "--flushbufs", device)
        self.assertEqual(disk.read_bytes(), content)
        # What is discarded on a loop device is a hole in its file.
        self.assertLess(disk.stat().st_blocks * 512, size / 2)

    def assert_failed(self, sender):
        status, _, errors = self.finish(sender)
        self.assertEqual(status, 1)
        self.assertIn("tcptool: Transmission failed for '127.0.0.1'!\n", errors)

    def test_disk_that_fills_up(self):
        mount = tempfile.mkdtemp(dir=self.home)
        run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mount)
        self.addCleanup(run, "umount", mount)
        output = os.path.join(mount, "output")
        sender = self.start_sender(self.write("content", bytes(16 * MEBIBYTE)))
        status, _, errors = self.run_tcptool("-r", self.sender_endpoint, output)
        self.assertEqual(status, 1)
        self.assertRegex(
            errors,
            r"^tcptool: Problem while writing to output file!\n"
            r"tcptool: No space left on device after \d+ bytes; the output is not complete\.\n$",
        )
        self.assertLessEqual(os.stat(output).st_size, 4 * MEBIBYTE)  # It stays.
        self.assert_failed(sender)


class VanishedPeerTest(TcptoolTest):
    """The other end's host goes away without a word."""

    # The kernel takes the link of a namespace that is deleted away later, so that the next
    # one needs another name.
    numbers = itertools.count()

    def setUp(self):
        super().setUp()
        self.there = f"tcptool{os.getpid()}"
        self.link = f"t{os.getpid()}-{next(self.numbers)}"
        try:
            run("ip", "netns", "add", self.there)
        except subprocess.CalledProcessError as error:
            # A container may not make any.
            self.skipTest(f"no network namespace can be had: {error.stderr}")
        self.addCleanup(run, "ip", "netns", "del", self.there)
        net = f"10.{random.randrange(100, 250)}.{random.randrange(250)}"
        self.address = f"{net}.1"
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "there",
            "netns", self.there)
        run("ip", "address", "add", f"{net}.1/24", "dev", self.link)
        run("ip", "link", "set", self.link, "up")
        run("ip", "-n", self.there, "address", "add", f"{net}.2/24", "dev", "there")
        run("ip", "-n", self.there, "link", "set", "there", "up")

    def start_there(self, *arguments):
        return self.start(
            "-r", f"{self.address}:{self.port}", *arguments,
            prefix=["ip", "netns", "exec", self.there],
        )

    def test_sender_gives_up_when_it_was_told_to(self):
        sender = self.start_sender(
            "--dead-timeout", "2s", "--rate", "100000", self.write("content", bytes(MEBIBYTE * 50))
        )
        output = self.home / "output"
        self.start_there(output)
        harness.wait_until(
            lambda: output.exists() and output.stat().st_size > 0, "the transfer has begun"
        )
        run("ip", "-n", self.there, "link", "set", "there", "down")
        status, _, errors = self.finish(sender)
        self.assertEqual(status, 1)
        # At the default it would be "for 15 s" at the least.
        self.assertRegex(errors, r"CONNECTION_LOST, the host has not answered for \d s\.\n")

    def test_recipient_gives_up_when_it_was_told_to(self):
        self.start_sender("-c", "unlimited", "--listen", self.address, self.write("content", b""))
        recipient = self.start_there("--dead-timeout", "4s", "-d", "debug")
        tcptool_process.wait_line(recipient, "Told the sender to wait for the others.")
        run("ip", "-n", self.there, "link", "set", "there", "down")
        status, _, errors = self.finish(recipient)
        self.assertEqual(status, 1)
        self.assertRegex(errors, r"Connection to sender lost after 0 bytes: ")


class OwnNetworkTest(TcptoolTest):
    def setUp(self):
        super().setUp()
        if shutil.which("unshare") is None:
            self.fail("unshare (util-linux) is missing")

    def test_recipient_never_takes_itself_for_its_sender(self):
        # Where outgoing connections have but this port, each attempt is one with
        # itself.
        script = (
            "ip link set lo up &&"
            " echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range &&"
            f' exec "$@" -r 127.0.0.1:40000 "{self.home}/output"'
        )
        result = subprocess.run(
            ["unshare", "--net", "sh", "-c", script, "sh", harness.program("tcptool")],
            capture_output=True, text=True, timeout=harness.DEADLINE_S,
        )
        self.assertEqual(
            (result.returncode, result.stderr),
            (1, "tcptool: Failed to connect to sender!\n"
                "tcptool: 127.0.0.1:40000: Connection refused; --wait goes on trying.\n"),
        )

    def test_recipient_tries_a_names_addresses_beside_each_other(self):
        # The IPv6 address is a black hole: its queue is full, and nobody is let in.
        listener = socket.socket(socket.AF_INET6)
        self.addCleanup(listener.close)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(("::1", self.port))
        listener.listen(0)
        for _ in range(3):
            filler = socket.socket(socket.AF_INET6)
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(("::1", self.port))
        hosts = self.write("hosts", b"::1 sender.invalid\n127.0.0.1 sender.invalid\n")
        sender = self.start(
            "-s", self.port, "--listen", "127.0.0.1", self.write("content", b"content")
        )
        recipient = self.start(
            "-r", f"sender.invalid:{self.port}", "--wait", "30s",
            prefix=[
                "unshare", "--mount", "sh", "-c",
                f'mount --bind "{hosts}" /etc/hosts && exec "$@"', "sh",
            ],
        )
        self.assertEqual(self.finish(recipient), (0, b"content", ""))
        self.assertEqual(self.finish(sender)[0], 0)

    def test_recipient_waits_for_its_senders_name(self):
        # A hosts file of its own, which does not know the name at first.
        hosts = self.write("hosts", b"127.0.0.1 localhost\n")
        recipient = self.start(
            "-r", f"sender.invalid:{self.port}", "--wait", "30s",
            prefix=[
                "unshare", "--mount", "sh", "-c",
                f'mount --bind "{hosts}" /etc/hosts && exec "$@"', "sh",
            ],
        )
        sender = self.start_sender(self.write("content", b"content"))
        with open(hosts, "ab", buffering=0) as file:
            file.write(b"127.0.0.1 sender.invalid\n")
        self.assertEqual(self.finish(recipient), (0, b"content", ""))
        self.assertEqual(self.finish(sender)[0], 0)
