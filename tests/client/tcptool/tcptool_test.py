"""tcptool's command line, its streams, its signals and its progress."""

import hashlib
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import termios
import threading

import harness
import tcptool_process
from tcptool_process import TcptoolTest

MAN_PAGE = pathlib.Path("docs/tcptool.1")
SLOW = "1000000"  # Bytes a second: long enough for what a test does meanwhile.


class CommandLineTest(TcptoolTest):
    def test_options_in_any_order_joined_or_apart(self):
        content = self.write("content", b"content")
        for arguments in (
            ["-s", self.port, "-c", "1", "-a", "127.0.0.1/255.255.255.255", content],
            [content, f"-s{self.port}", "-c1", "-a127.0.0.1/255.255.255.255"],
            [f"-s{self.port}", content, "-cunlimited", "-dn"],
            ["-c", "0", f"-s{self.port}", "--", content],
        ):
            with self.subTest(arguments):
                sender = self.start(*arguments)
                tcptool_process.wait_listening(self.port, sender)
                output = self.home / "output"
                status, _, errors = self.run_tcptool(output, f"-tr{self.sender_endpoint}")
                self.assertEqual((status, errors), (0, ""))
                self.assertEqual(output.read_bytes(), b"content")
                self.assertEqual(self.finish(sender)[0], 0)

    def test_help_and_version(self):
        status, output, errors = self.run_tcptool("--help", "--no-such-option")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn(b"Usage: tcptool", output)
        status, output, errors = self.run_tcptool("--version")
        self.assertEqual((status, errors), (0, ""))
        self.assertRegex(output, rb"^tcptool \d+\.\d+\.\d+\n$")

    def test_help_and_the_man_page_have_the_same_options(self):
        option = re.compile(r"(?<![-\w])(--?[a-z][-a-z0-9]*)")
        helped = set(option.findall(self.run_tcptool("--help")[1].decode()))
        # .It Fl s Ar port, .It Fl -wait Ar duration
        page = MAN_PAGE.read_text(encoding="utf-8")
        listed = {"-" + flag for flag in re.findall(r"^\.It Fl (\S+)", page, re.MULTILINE)}
        self.assertEqual(helped, listed)

    def test_addresses_and_rules_of_ipv6(self):
        content = self.write("content", b"content")
        sender = self.start_sender("--listen", "::1", "-a", "::/64", content)
        self.assertEqual(self.run_tcptool("-r", f"[::1]:{self.port}"), (0, b"content", ""))
        self.assertEqual(self.finish(sender)[0], 0)

    def test_rules_in_cidr_and_host_names(self):
        content = self.write("content", b"content")
        sender = self.start_sender("-a", "127.0.0.0/8", content)
        self.assertEqual(self.run_tcptool("-r", f"localhost:{self.port}"), (0, b"content", ""))
        self.assertEqual(self.finish(sender)[0], 0)

    def test_recipient_waits_for_its_sender(self):
        recipient = self.start(
            "-r", self.sender_endpoint, "--wait", "60s", "-d", "debug", stdout=subprocess.PIPE
        )
        # It may be over before anybody could see that it listens.
        sender = self.start("-s", self.port, self.write("content", b"content"))
        status, output, _ = self.finish(recipient)
        self.assertEqual((status, output), (0, b"content"))
        self.assertEqual(self.finish(sender)[0], 0)

    def test_recipient_does_not_wait_for_ever(self):
        status, _, errors = self.run_tcptool("-r", self.sender_endpoint, "--wait", "300ms")
        self.assertEqual(
            (status, errors),
            (1, "tcptool: Failed to connect to sender!\n"
                f"tcptool: {self.sender_endpoint}: Connection refused.\n"),
        )

    def test_the_last_try_that_has_no_time_is_no_reason(self):
        # A connection that the kernel answers nothing: no place is left in the queue.
        listener = socket.create_server(("127.0.0.1", self.port), backlog=0)
        self.addCleanup(listener.close)
        self.addCleanup(socket.create_connection(("127.0.0.1", self.port)).close)
        # The first is refused at once, the second goes on until the end.
        status, _, errors = self.run_tcptool(
            "-r", self.sender_endpoint, "--wait", "1s",
            prefix=["strace", "-f", "-o", "/dev/null",
                    "-e", "inject=connect:error=ECONNREFUSED:when=1"],
        )
        self.assertEqual(
            (status, errors),
            (1, "tcptool: Failed to connect to sender!\n"
                f"tcptool: {self.sender_endpoint}: Connection refused.\n"),
        )


class StreamsTest(TcptoolTest):
    """Every kind of input and output."""

    def setUp(self):
        super().setUp()
        self.content = os.urandom(3_000_001)
        self.file = self.write("content", self.content)

    def assert_serves(self, *arguments, content=None, **options):
        sender = self.start_sender(*arguments, **options)
        status, output, errors = self.run_tcptool("-r", self.sender_endpoint)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(output, self.content if content is None else content)
        self.assertEqual(self.finish(sender)[0], 0)

    def test_standard_input_from_a_file(self):
        with open(self.file, "rb") as content:
            self.assert_serves(stdin=content)

    def test_standard_input_from_a_file_that_was_read_in_part(self):
        with open(self.file, "rb", buffering=0) as content:
            content.read(1000)
            self.assert_serves(stdin=content, content=self.content[1000:])

    def test_standard_input_from_a_pipe(self):
        with subprocess.Popen(["cat", self.file], stdout=subprocess.PIPE) as cat:
            self.assert_serves(stdin=cat.stdout)

    def test_standard_input_that_is_empty(self):
        with subprocess.Popen(["true"], stdout=subprocess.PIPE) as nothing:
            self.assert_serves(stdin=nothing.stdout, content=b"")
        self.assert_serves(self.write("empty", b""), content=b"")

    def test_fifo_whose_writer_comes_last(self):
        fifo = self.home / "fifo"
        os.mkfifo(fifo)
        sender = self.start_sender(fifo)
        recipient = self.start("-r", self.sender_endpoint)
        fifo.write_bytes(self.content)
        status, output, errors = self.finish(recipient)
        self.assertEqual((status, errors, output), (0, "", self.content))
        self.assertEqual(self.finish(sender)[0], 0)

    def receive(self, output):
        sender = self.start_sender(self.file)
        status, _, errors = self.run_tcptool("-r", self.sender_endpoint, output)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(self.finish(sender)[0], 0)

    def test_output_replaces_a_longer_file(self):
        output = self.write("output", bytes(4_000_000))
        self.receive(output)
        self.assertEqual(output.read_bytes(), self.content)

    def test_output_to_a_fifo(self):
        fifo = self.home / "fifo"
        os.mkfifo(fifo)
        got = []
        reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
        reader.start()
        self.receive(fifo)
        reader.join()
        self.assertEqual(got, [self.content])

    def test_output_whose_reader_goes_away(self):
        sender = self.start_sender(self.file)
        recipient = self.start("-r", self.sender_endpoint)
        recipient.stdout.close()
        errors = recipient.stderr.read().decode()
        self.assertEqual(recipient.wait(timeout=harness.DEADLINE_S), 1)
        self.assertIn("tcptool: Problem while writing to output file!\n", errors)
        self.assertEqual(self.finish(sender)[0], 1)

    def test_both_ends_print_the_digest(self):
        said = f"tcptool: SHA-256 {hashlib.sha256(self.content).hexdigest()}\n"
        for source in ([self.file], []):
            with self.subTest(source):
                with open(self.file, "rb") as content:
                    with subprocess.Popen(
                        ["cat"], stdin=content, stdout=subprocess.PIPE
                    ) as cat:
                        sender = self.start_sender(
                            "--sha256", "-d", "e", *source, stdin=cat.stdout
                        )
                        result = self.run_tcptool(
                            "-r", self.sender_endpoint, "--sha256", "--sync", self.home / "output"
                        )
                        cat.stdout.close()
                self.assertEqual(result, (0, b"", said))
                self.assertEqual(self.finish(sender), (0, b"", said))


class SignalTest(TcptoolTest):
    SIZE = 50_000_000

    def setUp(self):
        super().setUp()
        self.file = self.write("content", bytes(self.SIZE))

    def start_transfer(self):
        """A sender, and a recipient that has some of the content."""
        sender = self.start_sender("--rate", SLOW, self.file)
        output = self.home / "output"
        output.unlink(missing_ok=True)
        recipient = self.start("-r", self.sender_endpoint, output)
        harness.wait_until(
            lambda: output.exists() and output.stat().st_size > 0, "some content has come"
        )
        return sender, recipient, output

    def test_interrupted_sender_resets_its_recipients(self):
        for signum in (signal.SIGINT, signal.SIGTERM):
            sender, recipient, output = self.start_transfer()
            sender.send_signal(signum)
            status, _, errors = self.finish(sender)
            self.assertEqual(status, 1)
            self.assertIn("tcptool: Interrupted: the recipients are reset!\n", errors)
            self.assertIn("tcptool: Transmission failed for '127.0.0.1'!\n", errors)
            status, _, errors = self.finish(recipient)
            self.assertEqual(status, 1)
            self.assertEqual(
                errors,
                f"tcptool: Connection to sender lost after {output.stat().st_size} bytes:"
                " Connection reset by peer! The output is not complete.\n",
            )

    def test_interrupted_recipient_keeps_what_it_has_and_says_how_much(self):
        for signum in (signal.SIGINT, signal.SIGTERM):
            sender, recipient, output = self.start_transfer()
            recipient.send_signal(signum)
            status, _, errors = self.finish(recipient)
            self.assertEqual(status, 1)
            said = re.fullmatch(
                rf"tcptool: Interrupted: '{output}' has (\d+) bytes and is not complete!\n", errors
            )
            self.assertIsNotNone(said, errors)
            # A block may have been written that was not counted yet.
            self.assertLessEqual(int(said[1]), output.stat().st_size)
            status, _, errors = self.finish(sender)
            self.assertEqual(status, 1)
            self.assertIn("tcptool: Transmission failed for '127.0.0.1'!\n", errors)

    def test_waiting_ends_are_interrupted_too(self):
        fifo = self.home / "fifo"
        os.mkfifo(fifo)
        sender = self.start_sender(fifo)
        recipient = self.start("-r", self.sender_endpoint)
        sender.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(sender)[0], 1)
        self.assertEqual(self.finish(recipient)[0], 1)

    def test_killed_recipient_is_not_taken_for_one_that_has_the_content(self):
        sender, recipient, _ = self.start_transfer()
        recipient.kill()
        self.assertEqual(self.finish(sender)[0], 1)

    def test_stalled_sender_is_given_up(self):
        listener = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(listener.close)
        status, _, errors = self.run_tcptool(
            "-r", self.sender_endpoint, "--stall-timeout", "300ms", self.home / "output"
        )
        self.assertEqual((status, errors), (1, "tcptool: Nothing came from the sender for 300ms!\n"))


class ProgressTest(TcptoolTest):
    SIZE = 3_000_000

    def transfer(self, **options):
        """The sender's exit status, with progress wanted at both ends."""
        sender = self.start_sender(
            "--rate", SLOW, "-d", "p", self.write("content", bytes(self.SIZE)), **options
        )
        peer = self.connect()
        return sender, peer

    def send_on_terminal(self, columns, **environment):
        """What a sender shows on a terminal while it serves one recipient."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        termios.tcsetwinsize(theirs, (24, columns))
        inherited = {k: v for k, v in os.environ.items() if k not in ("TERM", "NO_COLOR")}
        sender = subprocess.Popen(
            [harness.program("tcptool"), "-s", str(self.port), "--rate", SLOW, "-d", "p",
             str(self.write("content", bytes(self.SIZE)))],
            stderr=theirs, env=inherited | environment,
        )
        self.addCleanup(sender.kill)
        os.close(theirs)
        tcptool_process.wait_listening(self.port, sender)
        peer = self.connect()
        harness.read_all(peer)
        peer.close()
        shown = b""
        # A pseudo-terminal whose other end is closed answers EIO (pty(7)).
        while select.select([ours], [], [], harness.DEADLINE_S)[0]:
            try:
                shown += os.read(ours, 1 << 16)
            except OSError:
                break
        self.assertEqual(sender.wait(timeout=harness.DEADLINE_S), 0)
        return shown.decode()

    def test_a_terminal_shows_one_line_that_is_drawn_again(self):
        before, *drawn = self.send_on_terminal(100, TERM="xterm").split("\r\x1b[K")
        self.assertEqual(before, "")
        self.assertGreater(len(drawn), 4)
        line = r"tcptool: \d+ bytes, \d+\.\d MB/s, \d+%(, \S+ left)?, 1 [A-Z]+"
        for one in drawn[:-2]:
            self.assertRegex(one, rf"^{line}$")
        # A message ends the line; the last one stays.
        self.assertRegex(
            drawn[-2], rf"^{line}\r\ntcptool: Transmission succeeded for '127.0.0.1'\.\r\n$"
        )
        self.assertRegex(drawn[-1], rf"^{line}\r\n$")
        self.assertIn(f"{self.SIZE} bytes", drawn[-1])

    def test_a_line_is_no_longer_than_a_terminal_is_wide(self):
        drawn = self.send_on_terminal(30, TERM="xterm").split("\r\x1b[K")[1:]
        self.assertEqual({len(one.partition("\r")[0]) for one in drawn}, {29})

    def test_terminals_that_cannot_draw_again_get_plain_lines(self):
        for environment in ({"TERM": "dumb"}, {}, {"TERM": "xterm", "NO_COLOR": "1"}):
            with self.subTest(environment):
                shown = self.send_on_terminal(100, **environment)
                self.assertNotIn("\x1b", shown)
                self.assertRegex(shown, r"^tcptool: 0 bytes, 0\.0 MB/s, 0%, 1 [A-Z]+\r\n")
                self.assertTrue(
                    shown.endswith("MB/s, 100%, 0 left, 1 DELIVERED\r\n"), shown
                )

    def test_elsewhere_it_is_a_line_now_and_then(self):
        sender, peer = self.transfer()
        self.assertEqual(len(harness.read_all(peer)), self.SIZE)
        peer.close()
        status, _, errors = self.finish(sender)
        self.assertEqual(status, 0)
        # 3 s: the first, and the end.
        lines = errors.splitlines()
        self.assertRegex(lines[0], r"^tcptool: 0 bytes, 0.0 MB/s, 0%, 1 [A-Z]+$")
        self.assertIn("tcptool: Transmission succeeded for '127.0.0.1'.", lines)
        self.assertRegex(
            lines[-1], rf"^tcptool: {self.SIZE} bytes, \d+\.\d MB/s, 100%, 0 left, 1 DELIVERED$"
        )
        self.assertNotIn("\x1b", errors)

    def test_recipients_show_theirs(self):
        sender = self.start_sender("--rate", SLOW, self.write("content", bytes(self.SIZE)))
        status, _, errors = self.run_tcptool(
            "-r", self.sender_endpoint, "-d", "p", self.home / "output"
        )
        self.assertEqual(status, 0)
        self.assertRegex(errors, r"^tcptool: \d+ bytes, \d+\.\d MB/s\n$")
        self.assertEqual(self.finish(sender)[0], 0)
