"""One file in TLS to 1, 8 and 64 recipients, which discard it."""

import os
import subprocess
from contextlib import ExitStack, closing
from dataclasses import dataclass

from compare import compare
from paths import all_paths
from report import number, so_many_recipients
from senders import NginxSender, TcptooldSender, floor, tcptool

CIPHERS = "TLS_AES_128_GCM_SHA256"

# Recipients, and how large the content is for them in MiB.
SIZES = {1: 512, 8: 128, 64: 16}


@dataclass(frozen=True)
class Tls:
    """A certificate that has signed itself, and its key."""

    certificate: str
    key: str

    @staticmethod
    def make(home):
        made = Tls(os.path.join(home, "certificate.pem"), os.path.join(home, "key.pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-subj", "/CN=bench", "-days", "2",
             "-out", made.certificate, "-keyout", made.key],
            check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return made

    def flags(self, begin):
        """Of a sender of ours, whose options begin so."""
        return [f"{begin}-cert={self.certificate}", f"{begin}-key={self.key}"]

    @property
    def recipient_flags(self):
        return [f"--tls-ca={self.certificate}"]

    @property
    def nginx(self):
        """What a server of nginx's has."""
        return (
            f"ssl_certificate {self.certificate}; ssl_certificate_key {self.key}; "
            f"ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites {CIPHERS}; "
            # Records as large as ours, and by the kernel where that can, as ours are.
            "ssl_buffer_size 16k; ssl_conf_command Options KTLS"
        )


def cipher_speed():
    """GB/s of the cipher on one core, in records of 16 KiB."""
    said = subprocess.run(
        ["openssl", "speed", "-seconds", "3", "-bytes", "16384", "-evp", "aes-128-gcm"],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ).stdout  # fmt: skip
    name, speed = said.splitlines()[-1].split()
    assert name == "AES-128-GCM", said
    return float(speed.removesuffix("k")) / 1e6


def run(report, inputs, args):
    report.say("## One file in TLS to many recipients")
    report.say()
    tls = Tls.make(inputs.home)
    limit = cipher_speed() * os.cpu_count()
    report.say(
        f"`openssl speed -evp aes-128-gcm` times {os.cpu_count()} cores: {number(limit)} GB/s."
    )
    report.say()
    report.keep("tls/limit", limit)
    with all_paths() as paths:
        for path in paths:
            with ExitStack() as stack:
                senders = [
                    stack.enter_context(closing(sender))
                    for sender in make_senders(path, inputs.home, tls)
                ]
                for count, size in SIZES.items():
                    content = inputs.file(size // args.divisor)
                    measure(report, path, count, senders, content, limit, args)


def make_senders(path, root, tls):
    yield tcptool(path, tls)
    yield TcptooldSender(path, root, tls=tls)
    yield NginxSender(path, root, workers=1, tls=tls)
    yield NginxSender(path, root, workers=2, tls=tls)
    yield floor(path, "copy")  # In clear text.


def measure(report, path, count, senders, content, limit, args):
    results = compare(
        report,
        f"tls/{path.name}/{count}",
        f"TLS, {path.name}, {so_many_recipients(count)}",
        {sender.name: (lambda sender=sender: sender.measure(content, count)) for sender in senders},
        args,
    )
    if args.only:
        return
    ours = results["tcptool"].rate
    nginx = max(result.rate for name, result in results.items() if name.startswith("nginx"))
    clear = next(result.rate for name, result in results.items() if name.startswith("floor"))
    # Where the same cores encrypt each byte, and then send it as in clear text.
    both = 1 / (1 / limit + 1 / clear)
    report.say(
        f"tcptool has {number(ours / limit)} of the cipher's limit, and {number(ours / both)} of "
        f"the {number(both)} GB/s that the cipher and the loop in clear text have together."
    )
    report.say()
    if count == 8:
        where = f"TLS, {path.name}, {so_many_recipients(count)}"
        report.bar(f"{where}: rate / nginx's", ours / nginx, least=1.2)
        report.bar(f"{where}: rate / the cipher's limit", ours / limit, least=0.7)
        report.bar(f"{where}: rate / the cipher's and the path's", ours / both, least=0.7)
