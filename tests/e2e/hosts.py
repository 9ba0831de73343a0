"""Hosts of a network of their own, each of whose links has a rate; and what they show each
other."""

import json
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


@dataclass(frozen=True)
class ShapedHost(Host):
    """A network namespace on a port of a switch."""

    name: str = ""
    network: str = ""  # The namespace that has the switches.
    port: str = ""

    def shape(self, rate, burst="256kb", **queue):
        """It sends no faster than `rate` but for `burst` at once (tc-tbf(8)), which may
        begin anew; `queue`: how much waits, as `limit` in bytes or as `latency`."""
        _shape(self.name, "eth0", rate, burst, **queue)

    def shape_both_ways(self, rate, burst="256kb", **queue):
        """So is what is sent to it."""
        self.shape(rate, burst, **queue)
        _shape(self.network, self.port, rate, burst, **queue)

    def shape_port(self, port, rate, burst):
        """What it sends from a TCP port goes no faster than `rate` but for `burst` at once,
        which may begin anew; all else goes as if that were not there (tc-htb(8))."""
        for words in (
            ("qdisc", "replace", "root", "handle", "1:", "htb"),
            ("class", "replace", "parent", "1:", "classid", "1:1", "htb",
             "rate", rate, "burst", burst, "cburst", burst),
            ("filter", "replace", "parent", "1:", "protocol", "ip", "prio", "1",
             "u32", "match", "ip", "sport", str(port), "0xffff", "flowid", "1:1"),
        ):  # fmt: skip
            _tc(self.name, "eth0", *words)

    def cut(self):
        """Takes its cable out."""
        ip("-n", self.network, "link", "set", self.port, "down")

    def connect(self):
        """After cut()."""
        ip("-n", self.network, "link", "set", self.port, "up")


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def _shape(namespace, device, rate, burst, **queue):
    ((kind, size),) = (queue or {"latency": "50ms"}).items()
    _tc(namespace, device, "qdisc", "replace", "root",
        "tbf", "rate", rate, "burst", burst, kind, size)  # fmt: skip


def _tc(namespace, device, kind, change, *words):
    subprocess.run(["tc", "-n", namespace, kind, change, "dev", device, *words], check=True)


def shape_between_switches(host, rate):
    """Each of the first two sends the other one no faster than that."""
    for end in ("uplink1", "downlink1"):
        _shape(host.network, end, rate, "256kb")


def cut_between_switches(host):
    """Takes the cable out that leads from the first one to the second."""
    ip("-n", host.network, "link", "set", "uplink1", "down")


def connect_switches(host):
    """After cut_between_switches()."""
    ip("-n", host.network, "link", "set", "uplink1", "up")


def bytes_between_switches(host):
    """What has come to the second one from the first."""
    shown = subprocess.run(
        ["ip", "-n", host.network, "-statistics", "-json", "link", "show", "uplink1"],
        check=True,
        capture_output=True,
    ).stdout
    return json.loads(shown)[0]["stats64"]["rx"]["bytes"]


@contextmanager
def shaped_hosts(count, rate, switches=1):
    """Network namespaces each of which sends no faster than `rate`; on one switch, or as many
    on each of several, which hang on the first one without a limit. Root's alone."""
    network = f"network-{os.getpid()}"
    made = []
    try:
        ip("netns", "add", network)
        made.append(network)
        for number in range(switches):
            ip("-n", network, "link", "add", f"switch{number}", "type", "bridge")
            ip("-n", network, "link", "set", f"switch{number}", "up")
        for number in range(1, switches):
            _join_switches(network, number)
        hosts = []
        for index in range(count):
            name = f"host-{index}-{os.getpid()}"
            port, switch = f"port{index}", f"switch{index * switches // count}"
            host = ShapedHost(
                f"10.1.0.{index + 1}", ("ip", "netns", "exec", name), name, network, port
            )
            ip("netns", "add", name)
            made.append(name)
            ip("link", "add", "eth0", "netns", name, "type", "veth",
               "peer", "name", port, "netns", network)  # fmt: skip
            ip("-n", network, "link", "set", port, "master", switch, "up")
            ip("-n", name, "address", "add", f"{host.address}/24", "broadcast", "+", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            host.shape(rate)
            hosts.append(host)
        yield hosts
    finally:
        for name in made:
            ip("netns", "delete", name)  # Its interfaces go with it.


def _join_switches(network, number):
    uplink, downlink = f"uplink{number}", f"downlink{number}"
    ip("-n", network, "link", "add", uplink, "type", "veth", "peer", "name", downlink)
    ip("-n", network, "link", "set", downlink, "master", "switch0", "up")
    ip("-n", network, "link", "set", uplink, "master", f"switch{number}", "up")


class Credentials:
    """One certificate for all nodes, with which they and tcptoolctl may do all."""

    def __init__(self, home, hosts):
        authority = Authority(pathlib.Path(home) / "authority")
        addresses = ("127.0.0.1", *(host.address for host in hosts))
        # A client's name for who is at a Unix socket is localhost.
        names = ",".join(("DNS:localhost", *(f"IP:{address}" for address in addresses)))
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
