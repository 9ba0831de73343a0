"""tcptool as a process: what it prints, and how it ends."""

import contextlib
import os
import pathlib
import random
import socket
import subprocess
import tempfile
import unittest

import harness


def free_port(first=10_000, last=31_999):
    """A port that nobody has; below those that the kernel gives to outgoing connections."""
    while True:
        port = random.randint(first, last)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


def free_ports(number, first=10_000, last=31_999):
    """So many of them, no two the same."""
    ports = set()
    while len(ports) < number:
        ports.add(free_port(first, last))
    return list(ports)


def is_listening(port):
    wanted = f"{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in pathlib.Path(table).read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[1].rpartition(":")[2] == wanted and fields[3] == "0A":
                return True
    return False


def wait_listening(port, process=None):
    """Until somebody listens there; `process`, if given, must not end before."""

    def listening():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode} instead of listening")
        return is_listening(port)

    harness.wait_until(listening, f"port {port} is listened on")


class TcptoolTest(unittest.TestCase):
    """A case with a directory of its own."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(
            prefix="tcptool.", dir=os.environ.get("TEST_TMPDIR")
        )
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.port = free_port()
        self.sender_endpoint = f"127.0.0.1:{self.port}"

    def start(self, *arguments, prefix=(), **options):
        """tcptool, running; its standard error is a pipe, in text."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE} | options
        process = subprocess.Popen(
            [*prefix, harness.program("tcptool"), *map(str, arguments)],
            stderr=subprocess.PIPE,
            **options,
        )
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process):
        process.kill()
        process.communicate()

    def start_sender(self, *arguments, **options):
        """`tcptool -s`, which listens on self.port by now."""
        process = self.start("-s", self.port, *arguments, **options)
        wait_listening(self.port, process)
        return process

    def finish(self, process):
        """Its exit status, its standard output (bytes) and its standard error."""
        output, errors = process.communicate(timeout=harness.DEADLINE_S)
        return process.returncode, output, errors.decode(errors="replace")

    def run_tcptool(self, *arguments, **options):
        return self.finish(self.start(*arguments, **options))

    def write(self, name, content):
        path = self.home / name
        path.write_bytes(content)
        return path

    def connect(self, byte=b"\0"):
        """A recipient of the test's own, which has sent `byte`."""
        peer = harness.connect(self.port, byte)
        self.addCleanup(peer.close)
        return peer


def wait_line(process, end):
    """Reads what the process says until a line that ends like this."""
    for line in process.stderr:
        if line.decode().rstrip("\n").endswith(end):
            return
    raise AssertionError(f"it never said: {end}")
