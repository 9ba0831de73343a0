"""What tests of nodes with TLS share: certificates by the nodes' names, and an operator's."""

import pathlib
import tempfile

import grpc

from certificates import Authority

SWITCH = "--peer-data-tls"


class Certificates:
    """Those of nodes on this host, which have nothing but their names to tell them apart."""

    def __init__(self, case, *names):
        directory = tempfile.TemporaryDirectory(prefix="tls.")
        case.addCleanup(directory.cleanup)
        self._authority = Authority(pathlib.Path(directory.name) / "authority")
        # 127.0.0.2 is where they are called behind a proxy.
        self._issued = {
            name: self._authority.issue(
                name, alternative=f"DNS:{name},IP:127.0.0.1,IP:127.0.0.2"
            )
            for name in (*names, "operator")
        }

    def flags(self, name):
        """Of a node that has this one's certificate, and gives others the role peer."""
        certificate, key = self._issued[name]
        return (
            f"--tls-cert={certificate}",
            f"--tls-key={key}",
            f"--tls-client-ca={self._authority.path}",
            "--cert-role=*=peer",
            "--cert-role=cn:operator=operator",
            f"--peer-ca={self._authority.path}",
        )

    def data_flags(self, name):
        """Of a node that encrypts sessions with this one's certificate."""
        certificate, key = self._issued[name]
        return f"--data-tls-cert={certificate}", f"--data-tls-key={key}"

    def operator(self):
        certificate, key = self._issued["operator"]
        return grpc.ssl_channel_credentials(
            self._authority.path.read_bytes(), key.read_bytes(), certificate.read_bytes()
        )


class CalledByTls:
    """Mixed into a Node, which the test calls with these credentials."""

    credentials = None  # Before the node starts.
    control_address = None  # The node's, which it has when it serves.

    def open_channel(self):
        return grpc.secure_channel(self.control_address, self.credentials)
