"""Every diagnostic of the manual of 2008: its cause, its text, its exit status."""

import os
import pathlib
import re
import socket
import subprocess

import harness
from tcptool_process import TcptoolTest

MANUAL = pathlib.Path(__file__).with_name("manual_2008_diagnostics.txt")
MAN_PAGE = pathlib.Path("docs/tcptool.1")

# One process serves all clients, and accept(2) tells a client's address: these have
# no cause any more. The man page lists them.
NEVER_RAISED = {
    "Failed to create new process for connection!",
    "Failed to create pipe for communication with sender process!",
    "Wrong peer name size!",
    "Failed to get peer name!",
    "Failed to transfer data to sender process!",
}

# What a wrong command line says: the arguments, the texts. All exit with 1.
COMMAND_LINES = [
    (["-s", "x"], ["Illegal port number: x!"]),
    (["-s", "65536"], ["Illegal port number: 65536!"]),
    (["-s", "0"], ["Illegal port number: 0!"]),
    (["-s", "-1"], ["Illegal port number: -1!"]),
    (["-s"], ["Missing port number!"]),
    (["-s", ""], ["Missing port number!"]),
    (["-r"], ["Missing host name!"]),
    (["-r", ":9876"], ["Missing host name!"]),
    (["-r", "a:1", "-r", "b:1"], ["Multiple hosts specified!"]),
    (["-r", "127.0.0.1"], ["Illegal host:port combination '127.0.0.1'!"]),
    (["-r", "127.0.0.1:x"], ["Illegal host:port combination '127.0.0.1:x'!"]),
    (["-r", "::1:9876"], ["Illegal host:port combination '::1:9876'!"]),
    (["-r", "h" * 2000 + ":1"], [f"Host:port '{'h' * 2000}:1' too long!"]),
    (["-s9876", "-a", "10.0.0.0/x"], ["Invalid IP/mask '10.0.0.0/x'!"]),
    (["-s9876", "-a", "10.0.0/255.0.0.0"], ["Invalid IP/mask '10.0.0/255.0.0.0'!"]),
    (["-s9876", "-a"], ["Missing IP/mask!"]),
    (["-s9876", "-x"], ["Illegal option '-x'!"]),
    (["--no-such-option"], ["Illegal option '--no-such-option'!"]),
    (["-s9876", "one", "two"], ["Too many file names 'two'!", "Old file name: 'one'."]),
    ([], ["No sender/recipient mode was choosen!"]),
    (["-t", "file"], ["No sender/recipient mode was choosen!"]),
    (["-s9876", "-r", "h:1"], ["Both -s and -r were given, choose one of them!"]),
    (["-s9876", ""], ["Illegal file name ''! Leave it out for standard input or output."]),
    (["-r", "127.0.0.1:9876", ""],
     ["Illegal file name ''! Leave it out for standard input or output."]),
    (["-s9876", "-c", "many"], ["Illegal number of clients: many!"]),
    (["-s9876", "-d", "x"], ["Illegal debug level 'x'!"]),
    (["-s9876", "--rate", "-5"], ["Illegal rate: -5! Give it in bytes a second."]),
    (["-s9876", "--listen", "here"],
     ["Illegal listen address 'here'! Give an IP address of this host."]),
    (["-r", "h:1", "--wait", "soon"],
     ["Illegal duration 'soon' of --wait! Write it as 500ms, 10s, 5m or 1h."]),
]


class DiagnosticsTest(TcptoolTest):
    def assert_says(self, result, status, *texts):
        """All that was said, and the exit status."""
        self.assertEqual(result[0], status, result[2])
        self.assertEqual(result[2], "".join(f"tcptool: {text}\n" for text in texts))

    def setUp(self):
        super().setUp()
        self.content = self.write("content", b"content")

    def test_wrong_command_lines(self):
        for arguments, texts in COMMAND_LINES:
            with self.subTest(" ".join(arguments)[:40]):
                self.assert_says(self.run_tcptool(*arguments), 1, *texts)

    def test_output_that_cannot_be_opened(self):
        (self.home / "loop").symlink_to(self.home / "loop")
        for path, reason in (
            (self.home / "absent" / "output",
             "No such file or directory; the directory has to exist."),
            (self.content / "output", "Not a directory."),
            (self.home, "Is a directory."),
            (self.home / ("x" * 300), "File name too long."),
            (self.home / "loop", "Too many levels of symbolic links."),
        ):
            with self.subTest(str(path)[:60]):
                self.assert_says(
                    self.run_tcptool("-r", self.sender_endpoint, path),
                    1, f"Failed to open output file '{path}'!", reason,
                )

    def test_output_that_cannot_be_created(self):
        path = self.home / "output"
        for error, reason in (
            ("EROFS", "Read-only file system"),
            ("EACCES", "Permission denied"),
        ):
            with self.subTest(error):
                self.assert_says(
                    self.run_tcptool(
                        "-r", self.sender_endpoint, path,
                        prefix=["strace", "-f", "-o", "/dev/null",
                                "-e", f"inject=faccessat2:error={error}"],
                    ),
                    1,
                    f"Failed to open output file '{path}'!",
                    f"{reason}; no file can be created in its directory.",
                )

    def test_input_that_cannot_be_opened(self):
        for path, reason in (
            (self.home / "absent", "No such file or directory."),
            (self.home, "Is a directory."),
            (self.content / "below", "Not a directory."),
        ):
            self.assert_says(
                self.run_tcptool("-s", self.port, path),
                1, f"Failed to open input file '{path}'!", reason,
            )
        self.assert_says(
            self.run_tcptool(
                "-s", self.port, self.content,
                prefix=["strace", "-f", "-o", "/dev/null", "-P", self.content,
                        "-e", "inject=openat:error=EACCES"],
            ),
            1, f"Failed to open input file '{self.content}'!", "Permission denied.",
        )

    def test_full_disk(self):
        sender = self.start_sender(self.content)
        self.assert_says(
            self.run_tcptool("-r", self.sender_endpoint, "/dev/full"),
            1,
            "Problem while writing to output file!",
            "No space left on device after 0 bytes; the output is not complete.",
        )
        self.assert_failed(sender)  # It knows.

    def assert_failed(self, sender):
        status, _, errors = self.finish(sender)
        self.assertEqual(status, 1)
        self.assertIn("tcptool: Transmission failed for '127.0.0.1'!\n", errors)
        return errors

    def test_sender_that_is_gone_before_the_byte(self):
        listener = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(listener.close)
        # A reset that comes between the connection and the byte.
        recipient = self.start(
            "-r", self.sender_endpoint,
            prefix=["strace", "-f", "-o", "/dev/null", "-e", "inject=sendto:error=ECONNRESET"],
        )
        self.assert_says(
            self.finish(recipient), 1,
            "Failed to send initialization byte to sender!",
            "Connection reset by peer; it may have ended, or not allow this host.",
        )

    def test_sender_that_does_not_listen(self):
        self.assert_says(
            self.run_tcptool("-r", self.sender_endpoint), 1,
            "Failed to connect to sender!",
            f"{self.sender_endpoint}: Connection refused; --wait goes on trying.",
        )

    def test_sender_that_cannot_be_reached(self):
        for error, reason in (
            ("ENETUNREACH", "Network is unreachable"),
            ("ETIMEDOUT", "Connection timed out"),
        ):
            with self.subTest(error):
                self.assert_says(
                    self.run_tcptool(
                        "-r", self.sender_endpoint,
                        prefix=["strace", "-f", "-o", "/dev/null",
                                "-e", f"inject=connect:error={error}"],
                    ),
                    1,
                    "Failed to connect to sender!",
                    f"{self.sender_endpoint}: {reason}; --wait goes on trying.",
                )

    def test_host_that_has_no_address(self):
        self.assert_says(
            self.run_tcptool("-r", "no-such-host.invalid:9876"), 1,
            "Sender host IP not found!", "no-such-host.invalid: Name or service not known.",
        )

    def test_no_descriptors_for_a_socket(self):
        # 0, 1, 2 and the copy of standard output leave none.
        self.assert_says(
            self.run_tcptool("-r", self.sender_endpoint, prefix=["prlimit", "--nofile=4:4"]),
            1, "Failed to create TCP/IP socket!", f"{self.sender_endpoint}: Too many open files.",
        )

    def test_recipients_that_do_not_send_their_byte(self):
        sender = self.start_sender(self.content)
        silent = socket.create_connection(("127.0.0.1", self.port))
        silent.close()
        friend = self.connect()
        self.assertEqual(harness.read_all(friend), b"content")
        friend.close()
        status, _, errors = self.finish(sender)
        # It does not count: all who asked for the content have it.
        self.assertEqual(status, 0)
        self.assertIn("tcptool: Failed to obtain initialization byte from recipient!\n", errors)

    def test_recipient_that_no_rule_allows(self):
        sender = self.start_sender("-a", "127.0.0.2/255.255.255.255", self.content)
        stranger = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(stranger.close)
        with self.assertRaises(ConnectionResetError):
            stranger.recv(1)
        friend = socket.create_connection(
            ("127.0.0.1", self.port), source_address=("127.0.0.2", 0)
        )
        friend.sendall(b"\0")
        self.assertEqual(harness.read_all(friend), b"content")
        friend.close()
        port = stranger.getsockname()[1]
        self.assert_says(
            self.finish(sender),
            0,
            "Connection attempt from non-authorized client!",
            f"127.0.0.1:{port}: NOT_AUTHORIZED, 127.0.0.1 matches no access rule of the session.",
            "Transmission succeeded for '127.0.0.2'.",
        )

    def test_no_descriptors_for_a_client(self):
        sender = self.start_sender("-c", "unlimited", self.content)
        used = len(os.listdir(f"/proc/{sender.pid}/fd"))
        subprocess.run(
            ["prlimit", f"--pid={sender.pid}", f"--nofile={used + 1}:{used + 1}"], check=True
        )
        first = self.connect()
        turned_away = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(turned_away.close)
        with self.assertRaises(ConnectionResetError):
            turned_away.recv(1)
        self.assertEqual(sender.stderr.readline(), b"tcptool: Failed to accept client connection!\n")
        first.close()

    def test_system_that_does_not_listen(self):
        self.assert_says(
            self.run_tcptool(
                "-s", self.port, self.content,
                prefix=["strace", "-f", "-o", "/dev/null", "-e", "inject=listen:error=ENOBUFS"],
            ),
            1, "Failed to listen for connection attempts!",
            "the system does not listen: No buffer space available.",
        )

    def test_port_in_use(self):
        listener = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(listener.close)
        self.assert_says(
            self.run_tcptool("-s", self.port, self.content), 1,
            "Failed to bind to specified port!",
            f"cannot listen on 0.0.0.0:{self.port}: Address already in use; choose another port,"
            " or 0 for any.",
        )

    def test_recipient_that_goes_away(self):
        big = self.write("big", bytes(50_000_000))
        sender = self.start_sender(big)
        peer = self.connect()
        peer.recv(1)
        peer_port = peer.getsockname()[1]
        harness.reset(peer)
        self.assertEqual(
            self.assert_failed(sender),
            "tcptool: Failed tosend data!\n"
            "tcptool: Transmission failed for '127.0.0.1'!\n"
            f"tcptool: 127.0.0.1:{peer_port}: CONNECTION_LOST, Connection reset by peer.\n"
            "tcptool: no recipient has the whole content\n",
        )

    def test_recipients_that_read_nothing_or_do_not_close(self):
        for content, timeout, reason in (
            (self.write("big", bytes(50_000_000)), "--stall-timeout", "STALLED, "),
            (self.content, "--confirm-timeout", "UNCONFIRMED, all content was acknowledged, "
             "but the recipient did not close its connection.\n"),
        ):
            with self.subTest(timeout):
                sender = self.start_sender(timeout, "300ms", content)
                port = self.connect().getsockname()[1]
                self.assertIn(f"127.0.0.1:{port}: {reason}", self.assert_failed(sender))

    def test_no_memory(self):
        # Enough to load the program, and not enough to run it.
        for limit_mib in range(8, 400, 2):
            status, _, errors = self.run_tcptool(
                "-r", self.sender_endpoint, prefix=["prlimit", f"--as={limit_mib << 20}"]
            )
            if errors == "tcptool: Not enough memory (RAM/swap space)!\n":
                self.assertEqual(status, 1)
                return
            if "Failed to connect" in errors:
                break  # It had enough.
        self.fail("no amount of memory was too little")

    def test_limits(self):
        few = {**os.environ, "TCPTOOL_MAX_CLIENTS": "2"}
        rules = ["-a", "127.0.0.1", "-a", "127.0.0.2"]
        self.assert_says(
            self.run_tcptool("-s", self.port, *rules, "-a", "127.0.0.3", env=few),
            1, "Too many access rules!",
        )
        sender = self.start_sender("-c", "3", *rules, self.content, env=few)
        peers = [self.connect(), self.connect()]  # Two are enough now.
        for peer in peers:
            self.assertEqual(harness.read_all(peer), b"content")
            peer.close()
        self.assert_says(
            self.finish(sender),
            0,
            "Number of clients reduced to '2'!",
            *["Transmission succeeded for '127.0.0.1'."] * 2,
        )
        self.assert_says(
            self.run_tcptool("-s", self.port, env={**os.environ, "TCPTOOL_MAX_CLIENTS": "x"}),
            1, "Illegal value of TCPTOOL_MAX_CLIENTS: 'x'! Give a number from 1.",
        )

    def test_success_and_failure_are_said_of_each(self):
        big = self.write("big", bytes(50_000_000))
        sender = self.start_sender("-c", "2", big)
        lost = self.connect()
        complete = self.start("-r", self.sender_endpoint, self.home / "output")
        lost.recv(1)
        lost.close()  # With unread input: a reset.
        self.assertEqual(self.finish(complete)[0], 0)
        errors = self.assert_failed(sender)
        self.assertIn("tcptool: Transmission succeeded for '127.0.0.1'.\n", errors)


class LevelsTest(TcptoolTest):
    def test_each_level_has_those_before_it(self):
        said = {}
        # Any string that begins with the letter.
        for level in ("nothing", "e", "w", "information", "p", "d"):
            content = self.write("content", b"content")
            sender = self.start_sender("-d", level, "-a", "127.0.0.2", content)
            stranger = socket.create_connection(("127.0.0.1", self.port))
            with self.assertRaises(ConnectionResetError):
                stranger.recv(1)
            stranger.close()
            friend = socket.create_connection(
                ("127.0.0.1", self.port), source_address=("127.0.0.2", 0)
            )
            friend.sendall(b"\0")
            harness.read_all(friend)
            friend.close()
            status, _, errors = self.finish(sender)
            self.assertEqual(status, 0)
            said[level[0]] = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", errors)
        warning = (
            "tcptool: Connection attempt from non-authorized client!\n"
            "tcptool: 127.0.0.1:PORT: NOT_AUTHORIZED, 127.0.0.1 matches no access rule of the"
            " session.\n"
        )
        info = "tcptool: Transmission succeeded for '127.0.0.2'.\n"
        self.assertEqual((said["n"], said["e"]), ("", ""))
        self.assertEqual(said["w"], warning)
        self.assertEqual(said["i"], warning + info)
        self.assertIn("7 bytes", said["p"])
        self.assertIn(info, said["p"])
        for state in ("HANDSHAKING", "READY", "TRANSFERRING", "DELIVERED"):
            self.assertRegex(said["d"], rf"127\.0\.0\.2:\d+ is {state}")


class CompletenessTest(TcptoolTest):
    def test_each_diagnostic_of_the_manual_is_tested_or_has_no_cause(self):
        source = pathlib.Path(__file__).read_text(encoding="utf-8")
        tests = source[source.index("COMMAND_LINES = [") : source.index("class CompletenessTest")]
        manual = [
            line
            for line in MANUAL.read_text(encoding="utf-8").splitlines()
            if not line.startswith("#")
        ]
        self.assertEqual(len(manual), 35)
        self.assertLessEqual(NEVER_RAISED, set(manual))
        for text in manual:
            pattern = re.escape(text).replace(re.escape("..."), r"[^\"]+")
            is_tested = re.search(f"\"(?:tcptool: )?{pattern}", tests) is not None
            self.assertNotEqual(is_tested, text in NEVER_RAISED, text)

    def test_the_man_page_lists_them_all(self):
        page = subprocess.run(
            ["mandoc", "-T", "ascii", "-O", "width=500", str(MAN_PAGE)],
            capture_output=True, text=True, check=True,
        ).stdout
        page = re.sub(r".\x08", "", page)  # Bold is printed twice.
        page = " ".join(page.split())
        for text in MANUAL.read_text(encoding="utf-8").splitlines():
            if not text.startswith("#"):
                self.assertIn(text, page)
