"""tcptool's content in TLS: who is who, and what is wrong with options, files and peers."""

import os
import pathlib
import re
import select
import socket
import subprocess

import certificates
import harness
import tcptool_process
from tcptool_process import TcptoolTest

# What a wrong command line says: the arguments, the text. All exit with 1.
COMMAND_LINES = [
    (["-s9876", "--tls-cert", "c"], "--tls-cert 'c' needs its private key! Give --tls-key, too."),
    (["-s9876", "--tls-key", "k"], "--tls-key 'k' needs its certificate! Give --tls-cert, too."),
    (["-s9876", "--tls"],
     "A sender that speaks TLS needs a certificate! Give --tls-cert and --tls-key."),
    (["-s9876", "--tls-client-ca", "a"],
     "A sender that speaks TLS needs a certificate! Give --tls-cert and --tls-key."),
    (["-s9876", "--tls-ca", "a"],
     "Option --tls-ca is a recipient's! A sender verifies its recipients by --tls-client-ca."),
    (["-s9876", "--tls-name", "n"],
     "Option --tls-name is a recipient's! A sender has the names that its certificate has."),
    (["-r", "h:1", "--tls", "--tls-client-ca", "a"],
     "Option --tls-client-ca is a sender's! A recipient verifies its sender by --tls-ca."),
    (["-r", "h:1", "--tls", "--tls-cert", "c"],
     "--tls-cert 'c' needs its private key! Give --tls-key, too."),
    *(
        (["-r", "h:1", option, "x"],
         f"Option {option} means nothing without --tls! Give --tls, too.")
        for option in ("--tls-ca", "--tls-cert", "--tls-key", "--tls-name")
    ),
    *(
        (["-r", "h:1", "--tls", "--tls-name", name],
         f"Illegal value '{name}' of --tls-name! Give a DNS name or an address that the sender's"
         " certificate has.")
        for name in (".example", "sender..example", "*.example", "sender.example:9876", "::z")
    ),
    (["-r", "h:1", "--tls", "--tls-ca", ""],
     "Illegal value '' of --tls-ca! Give it, or leave the option out."),
    (["-s9876", "--tls-cert"], "Option --tls-cert needs a value!"),
]  # fmt: skip


class TlsTest(TcptoolTest):
    CONTENT = b"content" * 100_000

    def setUp(self):
        super().setUp()
        self.authority = certificates.Authority(self.home / "authority")
        self.certificate, self.key = self.authority.issue(
            "sender", alternative="DNS:localhost,IP:127.0.0.1"
        )
        self.identity = ("--tls-cert", self.certificate, "--tls-key", self.key)
        self.trust = ("--tls", "--tls-ca", self.authority.path)
        self.file = self.write("content", self.CONTENT)
        self.output = self.home / "output"

    def receive(self, *options):
        return self.run_tcptool("-r", self.sender_endpoint, *options, self.output)

    def assert_received(self, sender, *options):
        """A recipient with these options gets the content, and the sender knows."""
        self.assertEqual(self.receive(*self.trust, *options), (0, b"", ""))
        self.assertEqual(self.output.read_bytes(), self.CONTENT)
        status, _, said = self.finish(sender)
        self.assertEqual(status, 0, said)
        return said

    def issued(self, *arguments, **options):
        """The options of a certificate that the authority has issued."""
        certificate, key = self.authority.issue(*arguments, **options)
        return "--tls-cert", certificate, "--tls-key", key


class TransferTest(TlsTest):
    def test_content_comes_by_name_and_by_address(self):
        for options in (["-r", self.sender_endpoint], ["-r", f"localhost:{self.port}"],
                        ["-r", self.sender_endpoint, "--tls-name", "localhost"]):  # fmt: skip
            with self.subTest(options):
                sender = self.start_sender(*self.identity, self.file)
                status, output, errors = self.run_tcptool(*options, *self.trust, "--sha256")
                self.assertEqual((status, output), (0, self.CONTENT), errors)
                self.assertEqual(
                    self.finish(sender)[2], "tcptool: Transmission succeeded for '127.0.0.1'.\n"
                )

    def test_nothing_of_it_is_on_the_wire_in_clear_text(self):
        sender = self.start_sender(*self.identity, self.file)
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        recipient = self.start(
            "-r", f"127.0.0.1:{listener.getsockname()[1]}", *self.trust, self.output
        )
        here, _ = listener.accept()
        there = harness.connect(self.port)
        with here, there:
            seen = relayed(here, there)
        self.assertEqual(self.finish(recipient)[0], 0)
        self.assertEqual(self.output.read_bytes(), self.CONTENT)
        self.assertEqual(self.finish(sender)[0], 0)
        self.assertGreater(len(seen), len(self.CONTENT))
        self.assertNotIn(b"content", seen)

    def test_an_empty_content_is_whole(self):
        sender = self.start_sender(*self.identity, self.write("empty", b""))
        self.assertEqual(self.receive(*self.trust), (0, b"", ""))
        self.assertEqual(self.output.read_bytes(), b"")
        self.assertEqual(self.finish(sender)[0], 0)


class SenderCertificateTest(TlsTest):
    """What a recipient makes of a certificate that is not good."""

    def assert_refuses(self, advice, *options, host="127.0.0.1"):
        status, _, errors = self.run_tcptool(
            "-r", f"{host}:{self.port}", "--tls", *options, self.output
        )
        self.assertEqual(status, 1, errors)
        first, second = errors.splitlines()
        self.assertEqual(first, "tcptool: Failed to speak TLS with sender!")
        self.assertTrue(second.startswith(f"tcptool: {host}:{self.port}: "), second)
        self.assertTrue(second.endswith(f"; {advice}."), second)
        # It was not touched.
        self.assertFalse(self.output.exists())

    def test_who_has_signed_it(self):
        sender = self.start_sender(*self.identity, self.file)
        advice = "--tls-ca takes the certificate of who has signed it"
        foreign = certificates.Authority(self.home / "foreign")
        self.assert_refuses(advice, "--tls-ca", foreign.path)
        self.assert_refuses(advice)  # The system's.
        # None of them was taken for a recipient.
        said = self.assert_received(sender)
        self.assertEqual(said.count("Transmission"), 1, said)

    def test_whom_it_is_for(self):
        certificate = self.issued("other", alternative="DNS:other.example")
        sender = self.start_sender(*certificate, self.file)
        advice = "--tls-name takes a name that it has"
        self.assert_refuses(advice, "--tls-ca", self.authority.path)
        self.assert_refuses(advice, "--tls-ca", self.authority.path, host="localhost")
        self.assert_refuses(
            advice, "--tls-ca", self.authority.path, "--tls-name", "another.example"
        )
        self.assert_received(sender, "--tls-name", "other.example")

    def test_what_it_is_for(self):
        certificate = self.issued("client", alternative="IP:127.0.0.1", usages="clientAuth")
        sender = self.start("-s", self.port, *certificate, self.file)
        tcptool_process.wait_listening(self.port, sender)
        self.assert_refuses(
            "a sender's certificate is to have the extended key usage serverAuth, or none",
            "--tls-ca", self.authority.path,
        )  # fmt: skip

    def test_that_it_has_expired(self):
        certificate = self.issued("old", alternative="IP:127.0.0.1", days=-1)
        sender = self.start("-s", self.port, *certificate, self.file)
        # Its owner is told first.
        tcptool_process.wait_line(sender, "; renew it, or set this host's clock.")
        tcptool_process.wait_listening(self.port, sender)
        self.assert_refuses(
            "renew it at the sender, or set this host's clock", "--tls-ca", self.authority.path
        )


class RecipientCertificateTest(TlsTest):
    """What a sender makes of its recipients' certificates."""

    def setUp(self):
        super().setUp()
        self.clients = certificates.Authority(self.home / "clients")
        self.sender = self.start_sender(
            *self.identity, "--tls-client-ca", self.clients.path, self.file
        )
        self.good = self.clients.issue("recipient")

    def assert_refused(self, *options):
        status, _, errors = self.receive(*self.trust, *options)
        self.assertEqual(status, 1, errors)
        # What the sender says of it comes behind the handshake, in TLS 1.3, and it is gone then:
        # the recipient's byte may find that first.
        self.assertRegex(
            errors,
            "Failed to send initialization byte to sender!|"
            "Connection to sender lost after 0 bytes: ",
        )
        self.assertTrue(
            errors.endswith("--tls-cert and --tls-key take one that it accepts.\n"), errors
        )
        self.assertFalse(self.output.exists())

    def assert_good_one_is_served(self):
        certificate, key = self.good
        said = self.assert_received(
            self.sender, "--tls-cert", certificate, "--tls-key", key
        )
        self.assertEqual(said.count("Transmission succeeded"), 1, said)
        return said

    def test_one_without(self):
        self.assert_refused()
        said = self.assert_good_one_is_served()
        self.assertIn("tcptool: Failed to obtain initialization byte from recipient!\n", said)
        self.assertRegex(said, r"tcptool: 127\.0\.0\.1:\d+: TLS_FAILED, .+\.\n")
        self.assertNotIn("Transmission failed", said)

    def test_one_that_another_authority_has_signed(self):
        self.assert_refused(*self.issued("recipient"))
        self.assertIn(": TLS_FAILED, ", self.assert_good_one_is_served())

    def test_one_that_has_expired(self):
        certificate, key = self.clients.issue("old", days=-1)
        options = (*self.trust, "--tls-cert", certificate, "--tls-key", key)
        status, _, errors = self.receive(*options)
        self.assertEqual(status, 1)
        self.assertIn(f"tcptool: --tls-cert '{certificate}' has expired on ", errors)
        self.assertIn(": TLS_FAILED, ", self.assert_good_one_is_served())


class OtherPeersTest(TlsTest):
    """One end speaks TLS, and the other does not."""

    def test_recipients_of_2008_start_nothing_and_are_turned_away(self):
        sender = self.start_sender(*self.identity, self.file)
        for options in ((), ("-t",)):
            status, _, errors = self.receive(*options)
            self.assertEqual(status, 1)
            self.assertIn("Connection to sender lost after 0 bytes: ", errors)
            self.assertFalse(self.output.exists())
        said = self.assert_received(sender)
        self.assertEqual(said.count(": TLS_FAILED, "), 2, said)
        self.assertNotIn("Transmission failed", said)

    def test_recipients_in_tls_start_nothing_at_a_sender_without_it(self):
        sender = self.start_sender(self.file)
        for options in ((), ("-t",)):
            status, _, errors = self.receive(*self.trust, *options)
            self.assertEqual(status, 1)
            self.assertTrue(
                errors.endswith("; it may not speak TLS, or not allow this host.\n"), errors
            )
            self.assertFalse(self.output.exists())
        self.assertEqual(self.receive(), (0, b"", ""))
        self.assertEqual(self.output.read_bytes(), self.CONTENT)
        status, _, said = self.finish(sender)
        self.assertEqual(status, 0, said)
        self.assertEqual(said.count(": TLS_FAILED, "), 2, said)

    def test_a_sender_that_says_nothing(self):
        listener = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(listener.close)
        status, _, errors = self.receive(*self.trust, "--stall-timeout", "1s")
        self.assertEqual(
            (status, errors),
            (1, "tcptool: Failed to speak TLS with sender!\n"
                f"tcptool: {self.sender_endpoint}: nothing came of it for 1s;"
                " if it does not speak TLS, leave --tls out.\n"),
        )  # fmt: skip

    def test_a_sender_that_sends_its_content_in_clear_text(self):
        listener = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(listener.close)
        recipient = self.start("-r", self.sender_endpoint, *self.trust, self.output)
        connection, _ = listener.accept()
        with connection:
            self.assertEqual(connection.recv(1)[0] & 1, 0)  # It starts nothing.
            connection.sendall(self.CONTENT)
            status, _, errors = self.finish(recipient)
        self.assertEqual(status, 1)
        self.assertIn("tcptool: Failed to speak TLS with sender!\n", errors)
        self.assertTrue(errors.endswith("; if it does not speak TLS, leave --tls out.\n"), errors)
        self.assertFalse(self.output.exists())

    def test_a_sender_that_goes_away(self):
        listener = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(listener.close)
        recipient = self.start("-r", self.sender_endpoint, *self.trust, self.output)
        connection, _ = listener.accept()
        connection.recv(1)
        harness.reset(connection)
        status, _, errors = self.finish(recipient)
        self.assertEqual(status, 1)
        self.assertTrue(
            errors.endswith("; it may not speak TLS, or not allow this host.\n"), errors
        )


class FilesTest(TlsTest):
    def test_wrong_command_lines(self):
        for arguments, text in COMMAND_LINES:
            with self.subTest(" ".join(arguments)):
                self.assertEqual(self.run_tcptool(*arguments), (1, b"", f"tcptool: {text}\n"))

    def assert_sets_nothing_up(self, reason, *options):
        """`reason` is what is said of them, at the end that they are for. Nobody listens, and
        nobody is connected to."""
        mode = ("-r", self.sender_endpoint) if "--tls" in options else ("-s", self.port)
        self.assertEqual(
            self.run_tcptool(*mode, *options),
            (1, b"", f"tcptool: Failed to set up TLS!\ntcptool: {reason}.\n"),
        )

    def test_files_that_cannot_be_read(self):
        absent = self.home / "absent"
        reason = f"'{absent}': cannot be read: No such file or directory"
        identity = {"--tls-cert": self.certificate, "--tls-key": self.key}
        for option in identity:
            wrong = [part for pair in (identity | {option: absent}).items() for part in pair]
            self.assert_sets_nothing_up(f"{option} {reason}", *wrong)
            self.assert_sets_nothing_up(f"{option} {reason}", "--tls", *wrong)
        self.assert_sets_nothing_up(
            f"--tls-client-ca {reason}", *self.identity, "--tls-client-ca", absent
        )
        self.assert_sets_nothing_up(f"--tls-ca {reason}", "--tls", "--tls-ca", absent)
        self.assert_sets_nothing_up(
            f"--tls-ca '{self.home}': cannot be read: Is a directory",
            "--tls", "--tls-ca", self.home,
        )  # fmt: skip

    def test_files_that_are_something_else(self):
        empty = self.write("empty", b"")
        large = self.write("large", bytes((1 << 20) + 1))
        self.assert_sets_nothing_up(f"--tls-ca '{empty}': is empty", "--tls", "--tls-ca", empty)
        self.assert_sets_nothing_up(
            f"--tls-ca '{large}': is larger than 1 MiB", "--tls", "--tls-ca", large
        )
        self.assert_sets_nothing_up(
            f"--tls-ca '{self.key}': has no certificate in PEM", "--tls", "--tls-ca", self.key
        )
        _, other = self.authority.issue("other")
        self.assert_sets_nothing_up(
            f"--tls-key '{other}': is not the key of the certificate in --tls-cert"
            f" '{self.certificate}'",
            "--tls-cert", self.certificate, "--tls-key", other,
        )  # fmt: skip
        self.assert_sets_nothing_up(
            f"--tls-key '{self.certificate}': has no private key in PEM without a passphrase",
            "--tls-cert", self.certificate, "--tls-key", self.certificate,
        )  # fmt: skip

    def test_files_may_be_pipes(self):
        reader, writer = os.pipe()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pathlib.Path(self.key).read_bytes())
        sender = self.start(
            "-s", self.port, "--tls-cert", self.certificate, "--tls-key", f"/dev/fd/{reader}",
            self.file, pass_fds=[reader],
        )
        os.close(reader)
        tcptool_process.wait_listening(self.port, sender)
        self.assert_received(sender)


class DocumentationTest(TlsTest):
    def test_certificates_are_made_as_the_documentation_has_it(self):
        text = pathlib.Path("docs/security.md").read_text(encoding="utf-8")
        (recipe,) = re.findall(r"(?m)^    openssl req -x509 .*\n(?: {4}.*\n)+", text)
        subprocess.run(["sh", "-euc", recipe], cwd=self.home, check=True, capture_output=True)
        sender = self.start_sender(
            "--tls-cert", self.home / "sender.pem", "--tls-key", self.home / "sender.key",
            "--tls-client-ca", self.home / "ca.pem", self.file,
        )
        self.assertEqual(
            self.receive(
                "--tls", "--tls-ca", self.home / "ca.pem", "--tls-name", "sender.example",
                "--tls-cert", self.home / "node7.pem", "--tls-key", self.home / "node7.key",
            ),
            (0, b"", ""),
        )
        self.assertEqual(self.output.read_bytes(), self.CONTENT)
        self.assertEqual(self.finish(sender)[0], 0)


def relayed(here, there):
    """Passes on what comes from either until both have ended, and returns all of it."""
    seen = bytearray()
    ends = {here: there, there: here}
    for end in ends:
        end.settimeout(harness.DEADLINE_S)
    open_ends = set(ends)
    while open_ends:
        ready, _, _ = select.select(list(open_ends), [], [], harness.DEADLINE_S)
        if not ready:
            raise AssertionError("neither end has said anything")
        for end in ready:
            part = end.recv(1 << 16)
            seen += part
            if part:
                ends[end].sendall(part)
            else:
                open_ends.remove(end)
                ends[end].shutdown(socket.SHUT_WR)
    return bytes(seen)
