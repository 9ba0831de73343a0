"""Sessions whose content is encrypted, and recipients that speak TLS by Python's ssl."""

import os
import pathlib
import shutil
import socket
import ssl
import tempfile

import harness
from certificates import Authority
from harness import stubs

# More than the buffers of a connection whose recipient does not read.
SIZE = 20_000_000


def read_to_end(peer):
    """What comes before the end, and whether that is TLS's orderly one. Closes it then."""
    content = bytearray()
    with peer:
        try:
            while part := peer.recv(1 << 20):
                content += part
        # Of a reset that a write was told of, OpenSSL says something else to a read.
        except (ConnectionError, ssl.SSLError):
            return bytes(content), False
    return bytes(content), True


class EncryptedCase(harness.ServiceTest):
    """A service with a certificate for content, whose recipients need certificates too
    unless `needs_certificates` is false."""

    needs_certificates = True

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="encrypted.")
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.authority = Authority(self.home / "authority")
        self.clients = Authority(self.home / "clients")
        self.certificate, self.key = self.authority.issue("node")
        # Of a file, so that another start may have others.
        self.config = self.home / "config"
        flags = [
            "status-page = true",
            f'data-tls-cert = "{self.certificate}"',
            f'data-tls-key = "{self.key}"',
        ]
        if self.needs_certificates:
            flags.append(f'data-tls-client-ca = "{self.clients.path}"')
        self.config.write_text("\n".join(flags) + "\n", encoding="utf-8")
        self.service_flags = ("--log-format=json", f"--config={self.config}")
        super().setUp()
        self.content = os.urandom(SIZE)
        self.service.write_file("content", self.content)

    def encrypted(self, *client_names, **spec):
        """A session that is encrypted, for those of these names alone if there are any."""
        encryption = stubs.encryption.Encryption(client_names=client_names)
        return self.service.create(encryption=encryption, **spec)

    def expected(self, *labels):
        """Those with these names in their certificates."""
        return [
            stubs.session.ExpectedRecipient(identity=f"dns:{label}.example", label=label)
            for label in labels
        ]

    def context(self, client=None, authority=None):
        """Of a recipient that shows `client`, a certificate and its key, or nothing."""
        context = ssl.create_default_context(cafile=(authority or self.authority).path)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if client is not None:
            context.load_cert_chain(*client)
        return context

    def connect_tls(self, session, client=None, byte=None, host="127.0.0.1", authority=None):
        """A recipient from `host` that has verified the service's certificate and sent
        `byte`, if that is given."""
        plain = socket.socket()
        self.addCleanup(plain.close)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        plain.bind((host, 0))
        plain.settimeout(harness.DEADLINE_S)
        plain.connect(("127.0.0.1", harness.port_of(session)))
        peer = self.context(client, authority).wrap_socket(
            plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False
        )
        self.addCleanup(peer.close)
        if byte is not None:
            peer.sendall(byte)
        return peer

    def assert_gets_all(self, peer):
        content, is_whole = read_to_end(peer)
        self.assertTrue(is_whole)
        self.assertEqual(len(content), len(self.content))
        self.assertEqual(content, self.content)

    def wait_ended(self, session, count=1):
        """The session's recipients, once so many have ended."""
        final = (
            stubs.recipient.RECIPIENT_STATE_DELIVERED,
            stubs.recipient.RECIPIENT_STATE_FAILED,
            stubs.recipient.RECIPIENT_STATE_REJECTED,
        )

        def ended():
            found = [
                one for one in self.service.recipients(session.name) if one.state in final
            ]
            return found if len(found) == count else None

        return harness.wait_until(ended, f"{count} recipients of {session.name} have ended")

    def cancel(self, session):
        return self.service.sessions.CancelSession(
            stubs.session_service.CancelSessionRequest(name=session.name)
        )

    def renew(self, authority):
        """Gives the service another certificate and key, which this one has signed."""
        certificate, key = authority.issue("node", days=20)
        shutil.copy(key, self.key)
        shutil.copy(certificate, self.certificate)
