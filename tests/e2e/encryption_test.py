"""Encrypted sessions: what recipients get, who is turned away, and why."""

import contextlib
import ssl
import subprocess

import grpc

import harness
import recipients
from certificates import Authority
from encrypted import EncryptedCase, read_to_end
from error_details import details_of, failure_of
from harness import run_daemon, stubs
from scraping import scrape


def immediate():
    # Somebody may read nothing for as long as a busy machine likes.
    limits = stubs.session.Limits()
    limits.stall_timeout.seconds = 3600
    return {"start": stubs.session.StartPolicy(immediate=True), "limits": limits}


class EncryptionTest(EncryptedCase):
    needs_certificates = False

    def test_recipients_get_the_content_and_the_orderly_end(self):
        session = self.encrypted()
        self.assertTrue(session.spec.HasField("encryption"))
        peers = [self.connect_tls(session, byte=recipients.WAIT) for _ in range(3)]
        self.service.wait_ready(session.name, len(peers))
        peers.append(self.connect_tls(session, byte=recipients.START))
        for peer in peers:
            self.assertEqual(peer.version(), "TLSv1.3")
            self.assert_gets_all(peer)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
        for one in self.service.recipients(session.name):
            self.assert_recipient(one, "DELIVERED")
            self.assertEqual(one.bytes_acked, len(self.content))
            self.assertEqual(one.identity, "")

    def test_a_program_that_knows_nothing_of_it_gets_it(self):
        session = self.encrypted()
        port = harness.port_of(session)
        client = subprocess.Popen(
            [
                "openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile",
                self.authority.path, "-connect", f"127.0.0.1:{port}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        content, _ = client.communicate(recipients.START, timeout=harness.DEADLINE_S)
        self.assertEqual(content, self.content)
        self.assertEqual(client.returncode, 0)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def test_a_content_that_is_cut_has_no_orderly_end(self):
        session = self.encrypted()
        peer = self.connect_tls(session, byte=recipients.START)
        peer.recv(1)
        self.cancel(session)
        content, is_whole = read_to_end(peer)
        self.assertFalse(is_whole)
        self.assertLess(len(content), len(self.content))
        (one,) = self.wait_ended(session)
        self.assert_recipient(one, "FAILED", "SESSION_CANCELLED")

    def test_an_upload_is_encrypted_too(self):
        messages = stubs.session_service
        spec = stubs.session.SessionSpec(
            upload=stubs.session.UploadSource(), encryption=stubs.encryption.Encryption()
        )
        session = self.service.sessions.CreateSession(
            messages.CreateSessionRequest(session=stubs.session.Session(spec=spec))
        )
        peer = self.connect_tls(session, byte=recipients.START)
        self.content = b"firmware" * 1000
        self.service.sessions.UploadContent(
            iter(
                [
                    messages.UploadContentRequest(
                        name=session.name, data=self.content, complete=True
                    )
                ]
            ),
            timeout=harness.DEADLINE_S,
        )
        self.assert_gets_all(peer)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def test_who_does_not_speak_tls_is_told_apart(self):
        session = self.encrypted(**immediate())
        for first in (recipients.START, recipients.WAIT, b"GET / HTTP/1.1\r\n\r\n"):
            peer = self.connect(session, first)
            self.assertFalse(harness.read_to_end(peer)[1])
        for one in self.wait_ended(session, 3):
            self.assert_recipient(one, "FAILED", "TLS_FAILED")
            self.assertFalse(one.start_byte)
            self.assertNotEqual(one.detail, "")
        context = self.context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(self.connect(session, None), server_hostname="127.0.0.1")
        # One that does not believe the service.
        with self.assertRaises(ssl.SSLError):
            self.connect_tls(session, authority=self.clients)
        for one in self.wait_ended(session, 5):
            self.assert_recipient(one, "FAILED", "TLS_FAILED")
        metrics = scrape(self.service)
        self.assertEqual(
            metrics['tcptool_recipient_failures_total{reason="TLS_FAILED"}'], 5
        )
        self.assert_gets_all(self.connect_tls(session, byte=recipients.WAIT))

    def test_who_speaks_tls_to_a_session_in_clear_text_starts_nothing(self):
        session = self.service.create()
        peer = self.connect(session, None)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.context().wrap_socket(peer, server_hostname="127.0.0.1")
        (one,) = self.wait_ended(session)
        self.assert_recipient(one, "FAILED", "TLS_FAILED")
        self.assertIn("clear text", one.detail)
        self.assertFalse(one.start_byte)
        self.assert_session_state(self.service.get(session.name), "WAITING")

    def test_a_handshake_that_does_not_go_on_times_out(self):
        limits = stubs.session.Limits()
        limits.handshake_timeout.seconds = 1
        session = self.encrypted(limits=limits)
        self.connect(session, None)
        # The type and the version of a record.
        self.connect(session, b"\x16\x03\x01")
        # Its handshake is done, and its byte does not come; on a busy machine it may be late.
        with contextlib.suppress(OSError):
            self.connect_tls(session)
        for one in self.wait_ended(session, 3):
            self.assert_recipient(one, "FAILED", "HANDSHAKE_TIMEOUT")

    def test_names_need_certificates(self):
        create = self.service.create
        encryption = stubs.encryption.Encryption
        for subject, spec in (
            (
                "session.spec.encryption.client_names",
                {"encryption": encryption(client_names=["cn:gate"])},
            ),
            (
                "session.spec.expected",
                {"encryption": encryption(), "expected": self.expected("gate")},
            ),
        ):
            with self.subTest(subject):
                error = failure_of(lambda spec=spec: create(**spec))
                self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
                details = details_of(error)
                self.assertEqual(details["ErrorInfo"].reason, "NO_DATA_CLIENT_CA")
                (violation,) = details["PreconditionFailure"].violations
                self.assertEqual(violation.type, "NO_DATA_CLIENT_CA")
                self.assertEqual(violation.subject, subject)

    def test_a_new_certificate_is_for_new_connections(self):
        session = self.encrypted(**immediate())
        before = self.service.node.GetNode(stubs.node_service.GetNodeRequest())
        self.assertFalse(before.data_tls.client_certificates)
        old = self.connect_tls(session, byte=recipients.WAIT)
        old.recv(1)  # It is being sent to.
        successor = Authority(self.home / "successor")
        self.renew(successor)

        def is_renewed():
            try:
                return self.connect_tls(session, authority=successor)
            except (ssl.SSLError, ConnectionError):
                return None

        new = harness.wait_until(is_renewed, "new connections get the new certificate")
        new.sendall(recipients.WAIT)
        self.assert_gets_all(new)
        self.content = self.content[1:]
        self.assert_gets_all(old)
        after = self.service.node.GetNode(stubs.node_service.GetNodeRequest())
        expiry = after.data_tls.certificate_expire_time.seconds
        self.assertGreater(expiry, before.data_tls.certificate_expire_time.seconds)
        self.assertEqual(
            scrape(self.service)["tcptool_data_certificate_expiry_timestamp_seconds"], expiry
        )
        harness.wait_until(
            lambda: self.service.get(session.name).counts.delivered == 2, "both are DELIVERED"
        )

    def test_what_is_wrong_with_the_files_is_named(self):
        absent = self.home / "absent"
        _, other_key = self.authority.issue("other")
        cert, key = f"--data-tls-cert={self.certificate}", f"--data-tls-key={self.key}"
        for status, words, flags in (
            (2, "--data-tls-key", (cert,)),
            (2, "--data-tls-cert", (key,)),
            (2, "--data-tls-cert", (f"--data-tls-client-ca={self.clients.path}",)),
            (2, "--data-tls-cert", ("--data-tls-kernel",)),
            (1, str(absent), (f"--data-tls-cert={absent}", key)),
            (1, "--data-tls-key", (cert, f"--data-tls-key={other_key}")),
            (1, "--data-tls-client-ca", (cert, key, f"--data-tls-client-ca={absent}")),
        ):
            with self.subTest(flags):
                done = run_daemon("--check-config", *flags)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(words, done.stderr)


class NoCertificateTest(harness.ServiceTest):
    def test_a_session_cannot_be_encrypted(self):
        self.service.write_file("content", b"firmware")
        error = failure_of(
            lambda: self.service.create(encryption=stubs.encryption.Encryption())
        )
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        details = details_of(error)
        self.assertEqual(details["ErrorInfo"].reason, "NO_DATA_CERTIFICATE")
        (violation,) = details["PreconditionFailure"].violations
        self.assertEqual(violation.subject, "session.spec.encryption")
        node = self.service.node.GetNode(stubs.node_service.GetNodeRequest())
        self.assertFalse(node.HasField("data_tls"))
