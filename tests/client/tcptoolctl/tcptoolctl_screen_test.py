"""The tree that tcptoolctl draws of a distribution, on a pseudo-terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import harness
from fleets import DistributionCase
from harness import stubs
from receptions import MIB

HIDE, SHOW, CLEAR = b"\x1b[?25l", b"\x1b[?25h", b"\x1b[H\x1b[2J"


class Terminal:
    """What a program writes to a terminal. It is ended with the test."""

    def __init__(self, test, command, rows=24, columns=80):
        self._ours, theirs = pty.openpty()
        test.addCleanup(os.close, self._ours)
        self.seen = b""
        self.set_size(rows, columns)
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
        )
        os.close(theirs)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)

    def set_size(self, rows, columns):
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.set_size(rows, columns)
        # As the kernel does it if the terminal controls the program.
        self.process.send_signal(signal.SIGWINCH)

    def press(self, keys):
        os.write(self._ours, keys)

    def _read(self):
        """Whether there may be more to come."""
        if not select.select([self._ours], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self._ours, 1 << 16)
        except OSError:  # EIO: nobody has it open any more.
            return False
        self.seen += data
        return bool(data)

    def wait(self, text, since=0):
        """Until it has written that; returns where that ends."""
        end = time.monotonic() + harness.DEADLINE_S
        while (at := self.seen.find(text, since)) < 0:
            if not self._read() or time.monotonic() > end:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
        return at + len(text)

    def wait_end(self):
        """Its exit status."""
        while self._read():
            pass
        return self.process.wait(timeout=harness.DEADLINE_S)


class TcptoolctlScreenTest(DistributionCase):
    def setUp(self):
        super().setUp()
        self.gate = self.hold(self.a, 1 << 20)
        self.name = self.a.distribute("a")
        harness.wait_until(lambda: self.c.knows(self.name), "c knows of it")

    def watch(self, **size):
        return Terminal(
            self,
            [
                harness.program("tcptoolctl"),
                f"--server={self.c.control_address}",
                "watch",
                self.name,
            ],
            **size,
        )

    def test_the_tree_is_drawn_until_the_end_and_stays(self):
        terminal = self.watch()
        terminal.wait(b"RECEIVING")
        self.gate.open()
        self.assertEqual(terminal.wait_end(), 0)
        seen = terminal.seen
        self.assertTrue(seen.startswith(HIDE), seen)
        self.assertTrue(seen.endswith(SHOW), seen)
        self.assertEqual((seen.count(HIDE), seen.count(SHOW)), (1, 1))
        self.assertNotIn(CLEAR, seen)
        for text in (b"NODE", b"SOURCE", b"b     DELIVERED", b"c     DELIVERED",
                     f"{self.name}: SUCCEEDED, 2 of 2 delivered".encode()):
            self.assertIn(text, seen)

    def test_a_signal_that_ends_it_shows_the_cursor(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                terminal = self.watch()
                terminal.wait(b"DETAIL")
                terminal.process.send_signal(number)
                self.assertEqual(terminal.wait_end(), -number)
                self.assertTrue(terminal.seen.endswith(SHOW), terminal.seen)

    def test_a_terminal_that_takes_nothing_keeps_nobody_from_ending_it(self):
        terminal = self.watch()
        terminal.wait(b"DETAIL")
        terminal.press(b"\x13")  # Ctrl-S.
        terminal.process.terminate()
        self.assertEqual(terminal.process.wait(timeout=harness.DEADLINE_S), -signal.SIGTERM)

    def test_it_is_drawn_anew_for_another_size(self):
        terminal = self.watch()
        terminal.wait(b"DETAIL")
        terminal.resize(5, 20)
        at = terminal.wait(CLEAR)
        # What it draws first may lack a node or the source, and nothing is hidden then.
        end = terminal.wait(b"\n", terminal.wait(b" more: ", at))
        for line in re.sub(rb"\x1b\[\d*[A-Z]", b"", terminal.seen[at:end]).splitlines():
            self.assertLessEqual(len(line), 20)

    def test_a_terminal_of_one_row_has_the_first_line(self):
        terminal = self.watch(rows=1)
        terminal.wait(b"receiving")
        self.gate.open()
        self.assertEqual(terminal.wait_end(), 0)
        drawn = terminal.seen.removeprefix(HIDE).removesuffix(b"\r\n" + SHOW)
        # All of it in that row.
        self.assertNotIn(b"\n", drawn)
        last = drawn.rpartition(b"\r")[2].replace(b"\x1b[K", b"")
        self.assertEqual(last, f"{self.name}: SUCCEEDED, 2 of 2 delivered".encode())

    def test_the_cursor_is_shown_while_it_is_stopped(self):
        terminal = self.watch()
        terminal.wait(b"DETAIL")
        terminal.process.send_signal(signal.SIGTSTP)
        os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED)
        at = terminal.wait(SHOW)
        terminal.process.send_signal(signal.SIGCONT)
        at = terminal.wait(HIDE, at)
        # All of it, below what the shell has printed meanwhile.
        for text in (self.name.encode(), b"NODE", b"DETAIL"):
            at = terminal.wait(text, at)

    def test_whoever_is_not_there_leaves_the_terminal_as_it_was(self):
        terminal = Terminal(
            self,
            [
                harness.program("tcptoolctl"),
                f"--server={self.c.control_address}",
                "watch",
                "distributions/none",
            ],
        )
        self.assertEqual(terminal.wait_end(), 1)
        self.assertIn(b"NOT_FOUND", terminal.seen)
        self.assertLess(terminal.seen.index(SHOW), terminal.seen.index(b"NOT_FOUND"))


class TcptoolctlScreenProgressTest(DistributionCase):
    """Nodes get so little at a time that they receive for minutes."""

    size = 64 * MIB

    def test_the_tree_says_how_far_each_node_is_and_how_fast(self):
        name = self.a.distribute(
            "a", limits=stubs.distribution.DistributionLimits(node_bytes_per_second=MIB // 16)
        )
        harness.wait_until(lambda: self.c.knows(name), "c knows of it")
        terminal = Terminal(
            self,
            [
                harness.program("tcptoolctl"),
                f"--server={self.c.control_address}",
                "watch",
                name,
            ],
            columns=120,
        )
        at = terminal.wait(b"DETAIL", terminal.wait(b"LEFT", terminal.wait(b"DONE")))
        # A node of which it is not known yet has a line without.
        far = re.compile(rb" (\d+%|[0-9.]+ ([KM]i)?B) +[0-9.]+ ([KM]i)?B/s ")
        line = b""
        while not far.search(line):
            begin = terminal.wait(b"RECEIVING  ", at)
            at = terminal.wait(b"\n", begin)
            line = terminal.seen[begin:at]
