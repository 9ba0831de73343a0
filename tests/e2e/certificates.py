"""Certificates for a test, made by openssl."""

import subprocess

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Signs certificates, each with its key, in files of its own directory."""

    def __init__(self, directory):
        directory.mkdir()
        self._directory = directory
        self.path = directory / "ca.pem"
        self._key = directory / "ca.key"
        _openssl(
            "req", "-x509", *_NEW_KEY, "-keyout", self._key, "-out", self.path,
            "-subj", f"/CN={directory.name}", "-days", 2,
        )

    def issue(self, name, days=2, alternative=None, usages=None):
        """The paths of a certificate and its key; it has expired if `days` is negative.

        `alternative`: its subjectAltName as openssl has it, or else NAME.example. `usages`:
        its extendedKeyUsage, or else any.
        """
        alternative = alternative or f"DNS:{name}.example,IP:127.0.0.1"
        certificate = self._directory / f"{name}.pem"
        key = self._directory / f"{name}.key"
        request = self._directory / f"{name}.csr"
        _openssl(
            "req", "-new", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}",
            "-addext", f"subjectAltName={alternative}",
            *(("-addext", f"extendedKeyUsage={usages}") if usages else ()),
        )
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self._key,
            "-copy_extensions", "copy", "-days", days, "-out", certificate,
        )
        return certificate, key
