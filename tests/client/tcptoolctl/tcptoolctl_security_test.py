"""tcptoolctl proves who it is, and looks whom it talks to."""

import hashlib
import os
import pathlib
import subprocess
import tempfile
import unittest

import harness
from certificates import Authority
from harness import Service

TOKEN = "a-token-of-the-test"


class TcptoolctlSecurityTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="tcptoolctl.")
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.authority = Authority(self.home / "authority")
        self.certificate, self.key = self.authority.issue("service")
        self.token = self.write("token", TOKEN + "\n")
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        self.tokens = self.write("tokens", f"test operator {digest}\n")

    def write(self, name, text):
        path = self.home / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def serve(self, *flags):
        service = Service(flags=flags)
        self.addCleanup(service.close)
        return service

    def ctl(self, server, *arguments):
        # A process that ends while c-ares looks a name up has not freed it.
        leaks = self.write("leaks", "leak:libcares\n")
        return subprocess.run(
            [harness.program("tcptoolctl"), "--server", server, "--timeout", "10s",
             *map(str, arguments), "node"],
            capture_output=True, text=True, check=False, timeout=harness.DEADLINE_S,
            env=os.environ | {"LSAN_OPTIONS": f"suppressions={leaks}:print_suppressions=0"},
        )

    def assert_refused(self, done, *words):
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        # Once, however often it was tried, and nothing else.
        self.assertRegex(done.stderr, r"\Atcptoolctl: .*\n\Z")
        for word in words:
            self.assertIn(word, done.stderr)

    def test_an_option_that_lacks_is_named(self):
        server = self.serve(
            f"--tls-cert={self.certificate}", f"--tls-key={self.key}",
            f"--tls-client-ca={self.authority.path}", "--cert-role=*=viewer",
        ).control_address  # fmt: skip
        self.assert_refused(self.ctl(server), "if it speaks TLS, give --tls-ca")
        self.assert_refused(
            self.ctl(server, "--tls-ca", self.authority.path), "give --tls-cert and --tls-key"
        )

    def test_token_over_tls(self):
        server = self.serve(
            f"--tls-cert={self.certificate}", f"--tls-key={self.key}", f"--token-file={self.tokens}"
        ).control_address
        trusted = ["--tls-ca", self.authority.path]
        done = self.ctl(server, *trusted, "--token-file", self.token)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assert_refused(self.ctl(server, *trusted), "UNAUTHENTICATED")
        wrong = self.write("wrong", "another-token")
        self.assert_refused(
            self.ctl(server, *trusted, "--token-file", wrong), "UNAUTHENTICATED"
        )
        # An authority that did not sign the service's certificate; no TLS.
        other = Authority(self.home / "other")
        self.assert_refused(
            self.ctl(server, "--tls-ca", other.path, "--token-file", self.token), "UNAVAILABLE"
        )
        self.assert_refused(self.ctl(server, "--token-file", self.token), "UNAVAILABLE")

    def test_the_certificate_may_have_another_name_than_the_address(self):
        """As through a tunnel: what is connected to is not what the service is called."""
        address = self.serve(
            f"--tls-cert={self.certificate}", f"--tls-key={self.key}",
            f"--token-file={self.tokens}",
        ).control_address
        server = address.replace("127.0.0.1", "localhost")
        named = ["--tls-ca", self.authority.path, "--token-file", self.token]
        self.assert_refused(self.ctl(server, *named), "UNAVAILABLE")
        done = self.ctl(server, *named, "--tls-server-name", "service.example")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assert_refused(
            self.ctl(server, *named, "--tls-server-name", "other.example"), "UNAVAILABLE"
        )

    def test_client_certificate(self):
        server = self.serve(
            f"--tls-cert={self.certificate}", f"--tls-key={self.key}",
            f"--tls-client-ca={self.authority.path}", "--cert-role=cn:alice=operator",
        ).control_address
        certificate, key = self.authority.issue("alice")
        trusted = ["--tls-ca", self.authority.path]
        done = self.ctl(server, *trusted, "--tls-cert", certificate, "--tls-key", key)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assert_refused(
            self.ctl(server, *trusted, "--tls-cert", certificate), "go together"
        )

    def test_token_to_this_host_needs_no_tls(self):
        server = self.serve(f"--token-file={self.tokens}").control_address
        done = self.ctl(server, "--token-file", self.token)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_token_never_crosses_a_network_in_clear_text(self):
        for server in ("192.0.2.1:9875", "127.example:9875", "localhost.example:9875"):
            with self.subTest(server):
                self.assert_refused(
                    self.ctl(server, "--token-file", self.token), "clear text", server
                )

    def test_files_that_are_of_no_use_are_named(self):
        for name, text, words in (
            ("absent", None, "No such file"),
            ("empty", "\n", "holds no token"),
            ("two", "one two", "holds more than one token"),
        ):
            with self.subTest(name):
                path = self.home / name if text is None else self.write(name, text)
                self.assert_refused(
                    self.ctl("127.0.0.1:1", "--token-file", path), str(path), words
                )

    def test_unix_socket(self):
        path = self.home / "control.sock"
        service = Service(control=f"unix:{path}")
        self.addCleanup(service.close)
        done = self.ctl(f"unix:{path}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
