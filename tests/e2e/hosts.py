"""Hosts of a network of their own, each of whose links has a rate; and what they show each
other."""

import os
import pathlib
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass

from certificates import Authority


@dataclass(frozen=True)
class Host:
    address: str
    prefix: tuple = ()  # A command that runs another one there.


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


@contextmanager
def shaped_hosts(count, rate):
    """Network namespaces on one bridge, each of which sends no faster than `rate` (tc(8)).
    Root's alone."""
    bridge = f"bridge-{os.getpid()}"
    made = []
    try:
        ip("netns", "add", bridge)
        made.append(bridge)
        ip("-n", bridge, "link", "add", "switch", "type", "bridge")
        ip("-n", bridge, "link", "set", "switch", "up")
        hosts = []
        for index in range(count):
            name = f"host-{index}-{os.getpid()}"
            host = Host(f"10.1.0.{index + 1}", ("ip", "netns", "exec", name))
            ip("netns", "add", name)
            made.append(name)
            ip("link", "add", "eth0", "netns", name, "type", "veth",
               "peer", "name", f"port{index}", "netns", bridge)  # fmt: skip
            ip("-n", bridge, "link", "set", f"port{index}", "master", "switch", "up")
            ip("-n", name, "address", "add", f"{host.address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            subprocess.run(
                [*host.prefix, "tc", "qdisc", "add", "dev", "eth0", "root",
                 "tbf", "rate", rate, "burst", "256kb", "latency", "50ms"],
                check=True,
            )  # fmt: skip
            hosts.append(host)
        yield hosts
    finally:
        for name in made:
            ip("netns", "delete", name)  # Its interfaces go with it.


class Credentials:
    """One certificate for all nodes, with which they and tcptoolctl may do all."""

    def __init__(self, home, hosts):
        authority = Authority(pathlib.Path(home) / "authority")
        names = ",".join(f"IP:{name}" for name in ("127.0.0.1", *(host.address for host in hosts)))
        certificate, key = authority.issue("node", alternative=names)
        self.options = [
            f"--tls-cert={certificate}",
            f"--tls-key={key}",
            f"--tls-client-ca={authority.path}",
            f"--peer-ca={authority.path}",
            "--cert-role=cn:node=operator",
        ]
        self.environment = {
            "TCPTOOL_TLS_CA": str(authority.path),
            "TCPTOOL_TLS_CERT": str(certificate),
            "TCPTOOL_TLS_KEY": str(key),
        }
