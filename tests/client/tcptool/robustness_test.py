"""tcptool started and treated as a shell, and other programs, may do it."""

import fcntl
import os
import resource
import select
import signal
import socket
import subprocess

import harness
import tcptool_process
from tcptool_process import TcptoolTest


class OutputTest(TcptoolTest):
    def test_a_file_keeps_what_it_has_until_a_sender_sends(self):
        output = self.write("output", b"the last transfer's")
        status, _, errors = self.run_tcptool("-r", self.sender_endpoint, output)
        self.assertEqual(status, 1)
        self.assertTrue(errors.startswith("tcptool: Failed to connect to sender!\n"), errors)
        self.assertEqual(output.read_bytes(), b"the last transfer's")
        sender = self.start_sender("-c", "2", self.write("content", b""))
        recipient = self.start("-d", "debug", "-r", self.sender_endpoint, output)
        tcptool_process.wait_line(recipient, "Told the sender to wait for the others.")
        recipient.send_signal(signal.SIGTERM)
        status, _, errors = self.finish(recipient)
        self.assertEqual(
            (status, errors), (1, "tcptool: Interrupted before any content came!\n")
        )
        self.assertEqual(output.read_bytes(), b"the last transfer's")
        sender.kill()

    def test_file_that_may_not_be_so_large(self):
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            listener.settimeout(harness.DEADLINE_S)
            recipient = self.start("-r", self.sender_endpoint, self.home / "output")
            peer, _ = listener.accept()
        self.addCleanup(peer.close)
        # It runs by now, and so is what a sanitizer writes at the start.
        resource.prlimit(recipient.pid, resource.RLIMIT_FSIZE, (1000, 1000))
        peer.sendall(bytes(2000))
        peer.shutdown(socket.SHUT_WR)
        status, _, errors = self.finish(recipient)
        self.assertEqual(status, 1)
        self.assertIn("tcptool: File too large after ", errors)

    def test_empty_content_empties_the_file_and_says_so(self):
        output = self.write("output", b"the last transfer's")
        for said in (
            f"tcptool: The content is empty: '{output}' had 19 bytes, and is empty now.\n",
            "",  # It had nothing to lose.
        ):
            sender = self.start_sender(self.write("content", b""))
            self.assertEqual(self.run_tcptool("-r", self.sender_endpoint, output), (0, b"", said))
            self.assertEqual(self.finish(sender)[0], 0)
        self.assertEqual(output.read_bytes(), b"")

    def test_empty_content_makes_an_empty_file(self):
        output = self.home / "new"
        sender = self.start_sender(self.write("content", b""))
        self.assertEqual(self.run_tcptool("-r", self.sender_endpoint, output), (0, b"", ""))
        self.assertEqual(output.read_bytes(), b"")
        self.assertEqual(self.finish(sender)[0], 0)

    def test_standard_output_is_written_from_where_it_stands(self):
        output = self.write("output", b"")
        with open(output, "wb", buffering=0) as stdout:
            stdout.write(b"before ")
            sender = self.start_sender(self.write("content", b"content"))
            recipient = self.start("-r", self.sender_endpoint, stdout=stdout)
            self.assertEqual(self.finish(recipient)[0], 0)
        self.assertEqual(self.finish(sender)[0], 0)
        self.assertEqual(output.read_bytes(), b"before content")

    def test_what_is_said_without_a_standard_error_gets_nowhere(self):
        """Not into a socket or a file that has its number."""
        content = os.urandom(300_000)
        output = self.home / "output"
        closed = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
        program = harness.program("tcptool")
        sender = subprocess.Popen(
            [*closed, program, "-d", "debug", "-s", str(self.port), self.write("content", content)]
        )
        tcptool_process.wait_listening(self.port, sender)
        recipient = subprocess.Popen(
            [*closed, program, "-d", "debug", "-r", self.sender_endpoint, output]
        )
        self.assertEqual(recipient.wait(harness.DEADLINE_S), 0)
        self.assertEqual(sender.wait(harness.DEADLINE_S), 0)
        self.assertEqual(output.read_bytes(), content)

    def test_a_pipe_that_does_not_block_is_waited_for(self):
        content = os.urandom(3_000_000)  # Much more than a pipe holds.
        sender = self.start_sender(self.write("content", content))
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        recipient = self.start("-r", self.sender_endpoint, stdout=writing)
        harness.wait_until(
            lambda: not select.select([], [writing], [], 0)[1], "the pipe takes no more"
        )
        os.close(writing)
        with open(reading, "rb") as pipe:
            self.assertEqual(pipe.read(), content)
        status, _, errors = self.finish(recipient)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(self.finish(sender)[0], 0)

    def test_messages_never_get_into_the_output(self):
        output = self.home / "output"
        listener = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(listener.close)
        # Standard error is closed: a file that is opened gets its number.
        recipient = subprocess.Popen(
            ["sh", "-c", 'exec "$@" 2>&-', "sh", harness.program("tcptool"),
             "-d", "debug", "-r", self.sender_endpoint, output],
        )
        self.addCleanup(recipient.kill)
        connection, _ = listener.accept()
        connection.recv(1)
        connection.sendall(b"content")
        connection.close()
        self.assertEqual(recipient.wait(timeout=harness.DEADLINE_S), 0)
        self.assertEqual(output.read_bytes(), b"content")

    def test_closed_standard_streams_are_errors(self):
        for redirection, arguments, texts in (
            ("<&-", ["-s", self.port], ("Failed to open input file ''!", "Bad file descriptor.")),
            (">&-", ["-r", self.sender_endpoint],
             ("Failed to open output file ''!", "Standard output: Bad file descriptor.")),
        ):
            result = subprocess.run(
                ["sh", "-c", f'exec "$@" {redirection}', "sh", harness.program("tcptool"),
                 *map(str, arguments)],
                capture_output=True, text=True, timeout=harness.DEADLINE_S,
            )
            said = "".join(f"tcptool: {text}\n" for text in texts)
            self.assertEqual((result.returncode, result.stderr), (1, said))


class UnreadMessagesTest(TcptoolTest):
    """A standard error that nobody reads, as that of a supervisor that hangs."""

    def setUp(self):
        super().setUp()
        self.content = self.write("content", b"content")

    def start_unread_sender(self, clients):
        sender = self.start_sender("-d", "debug", "-c", clients, self.content)
        fcntl.fcntl(sender.stderr, fcntl.F_SETPIPE_SZ, 4096)
        return sender

    def test_all_recipients_get_the_content(self):
        count = 40  # About 10 KB of messages.
        sender = self.start_unread_sender(count)
        peers = [self.connect() for _ in range(count)]
        for peer in peers:
            self.assertEqual(harness.read_all(peer), b"content")
            peer.close()
        self.assertEqual(sender.wait(timeout=harness.DEADLINE_S), 0)
        self.assertTrue(sender.stderr.read().startswith(b"tcptool: 127.0.0.1:"))

    def test_a_signal_ends_the_sender(self):
        count = 80
        sender = self.start_unread_sender(count + 1)
        peers = [self.connect() for _ in range(count)]
        sender.terminate()
        for peer in peers:
            with self.assertRaises(ConnectionResetError):
                peer.recv(1)
        self.assertEqual(sender.wait(timeout=harness.DEADLINE_S), 1)


class SignalTest(TcptoolTest):
    def test_a_background_job_is_not_interrupted_with_the_script(self):
        content = self.write("content", b"content")
        ignoring = ["env", "--ignore-signal=INT"]  # As a script's shell starts "... &".
        sender = self.start_sender("-c", "unlimited", content, prefix=ignoring)
        recipient = self.start("-r", self.sender_endpoint, "-d", "debug", prefix=ignoring)
        tcptool_process.wait_line(recipient, "Told the sender to wait for the others.")
        for process in (sender, recipient):
            process.send_signal(signal.SIGINT)
        last = self.run_tcptool("-r", self.sender_endpoint, "-t")
        self.assertEqual(last, (0, b"content", ""))
        self.assertEqual(recipient.stdout.read(), b"content")
        self.assertEqual(recipient.wait(timeout=harness.DEADLINE_S), 0)
        self.assertEqual(self.finish(sender)[0], 0)

    def test_both_ends_go_on_after_a_stop(self):
        size = 3_000_000
        sender = self.start_sender("--rate", size, self.write("content", bytes(size)))
        recipient = self.start("-r", self.sender_endpoint, self.home / "output")
        output = self.home / "output"
        harness.wait_until(
            lambda: output.exists() and output.stat().st_size > 0, "the transfer has begun"
        )
        for process in (sender, recipient):
            process.send_signal(signal.SIGSTOP)
            process.send_signal(signal.SIGCONT)
        status, _, errors = self.finish(recipient)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(output.stat().st_size, size)
        self.assertEqual(self.finish(sender)[0], 0)


class CountingTest(TcptoolTest):
    """How many there may be, and who counts for the exit status."""

    def test_ten_thousand_clients_are_the_most(self):
        sender = self.start_sender("-c", "20000", self.write("content", b""))
        tcptool_process.wait_line(sender, "Number of clients reduced to '10000'!")
        rules = [word for _ in range(10_001) for word in ("-a", "::1")]
        self.assertEqual(
            self.run_tcptool("-s", self.port, *rules), (1, b"", "tcptool: Too many access rules!\n")
        )

    def test_one_client_is_the_default(self):
        sender = self.start_sender(self.write("content", b"content"))
        self.assertEqual(self.run_tcptool("-r", self.sender_endpoint), (0, b"content", ""))
        self.assertEqual(self.finish(sender)[0], 0)

    def test_a_recipient_that_leaves_before_the_start_does_not_count(self):
        sender = self.start_sender("-c", "unlimited", "-d", "d", self.write("content", b"content"))
        gone = self.connect()
        tcptool_process.wait_line(sender, " is READY.")
        harness.reset(gone)
        tcptool_process.wait_line(sender, "Transmission failed for '127.0.0.1'!")
        self.assertEqual(self.run_tcptool("-r", self.sender_endpoint, "-t"), (0, b"content", ""))
        self.assertEqual(self.finish(sender)[0], 0)

    def test_a_silent_peer_holds_up_nobody(self):
        sender = self.start_sender(self.write("content", b"content"))
        silent = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(silent.close)
        self.assertEqual(self.run_tcptool("-r", self.sender_endpoint), (0, b"content", ""))
        silent.close()
        self.assertEqual(self.finish(sender)[0], 0)

    def test_debug_names_ipv6_peers_in_brackets(self):
        sender = self.start_sender(
            "--listen", "::1", "-d", "debug", self.write("content", b"content")
        )
        status, output, errors = self.run_tcptool("-d", "debug", "-tr", f"[::1]:{self.port}")
        self.assertEqual((status, output), (0, b"content"))
        self.assertEqual(
            [line for line in errors.splitlines() if "MB/s" not in line],
            [
                f"tcptool: Connected to [::1]:{self.port}.",
                "tcptool: Told the sender to start.",
                "tcptool: The content begins.",
                "tcptool: The content is complete: 7 bytes.",
            ],
        )
        errors = self.finish(sender)[2]
        self.assertRegex(errors, r"tcptool: \[::1\]:\d+ is READY\.\n")
        self.assertIn("tcptool: Transmission succeeded for '::1'.\n", errors)
