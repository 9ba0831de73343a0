"""A sender in TLS of the test's own, which ends as no good one would."""

import contextlib
import socket
import ssl

from waiting import DEADLINE_S


class TlsSender:
    """Listens on `port` of 127.0.0.1, for one recipient, with the paths `certificate` and
    `key`."""

    def __init__(self, port, certificate, key):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(DEADLINE_S)
        self.connection = None

    def accept(self):
        """The byte of a recipient that has connected."""
        connection, _ = self._listener.accept()
        connection.settimeout(DEADLINE_S)
        self.connection = self._context.wrap_socket(connection, server_side=True)
        return self.connection.recv(1)

    def end_tls(self):
        """Sends a close_notify, and does not wait for the recipient's."""
        self.connection.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.connection.unwrap()

    def end_tcp(self):
        """Sends a FIN, with no close_notify before it."""
        self.connection.shutdown(socket.SHUT_WR)

    def close(self):
        self._listener.close()
        if self.connection is not None:
            self.connection.close()
