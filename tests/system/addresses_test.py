"""A service that listens as the manifests have it, in networks with one family of addresses
or with both; and the threads that it starts where it may use less than all processors."""

import json
import os
import pathlib
import unittest

import harness
import shipping
from harness import Service, wait_until

CONTENT = os.urandom(1 << 20)
# As deploy/kubernetes/base/statefulset.yaml has it, on free ports.
CONTROL = "[::]:0"
FLAGS = ("--insecure-control", "--http-address=[::]:0", "--data-address=::")

# Runs a command where the kernel has no IPv6: socket(2) says so.
WITHOUT_IPV6 = """
import ctypes, errno, os, socket, sys
class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int),
                ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(0x7FFF0000)))
equal = Compare(0, 4, socket.AF_INET6, 0)
assert seccomp.seccomp_rule_add_array(
    context, ctypes.c_uint32(0x00050000 | errno.EAFNOSUPPORT),
    seccomp.seccomp_syscall_resolve_name(b"socket"), 1, ctypes.byref(equal)) == 0
assert seccomp.seccomp_load(context) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def port(address):
    return address.rpartition(":")[2]


class AddressesTest(unittest.TestCase):
    def setUp(self):
        self.namespace = f"tcptool{os.getpid()}"
        self.inside = ["ip", "netns", "exec", self.namespace]
        shipping.run("ip", "netns", "add", self.namespace)
        self.addCleanup(shipping.run, "ip", "netns", "del", self.namespace)
        self.run_inside("ip", "link", "set", "lo", "up")

    def run_inside(self, *command):
        return shipping.run(*self.inside, *command)

    def start(self, *prefix):
        service = Service([*self.inside, *prefix], FLAGS, CONTROL)
        self.addCleanup(service.close)
        service.write_file("content", CONTENT)
        return service

    def assert_serves(self, service, host):
        """Control, HTTP and data, at one address of the service's host."""
        control = (
            harness.program("tcptoolctl"), "--output=json",
            f"--server={host}:{port(service.control_address)}",
        )  # fmt: skip
        session = json.loads(self.run_inside(*control, "create", "--file=files/content"))
        data = port(session["dataEndpoint"])
        received = service.home / "received"
        self.run_inside(harness.program("tcptool"), "-r", f"{host}:{data}", "-t", received)
        self.assertEqual(received.read_bytes(), CONTENT)
        wait_until(
            lambda: json.loads(self.run_inside(*control, "get", session["name"]))["state"]
            == "SESSION_STATE_SUCCEEDED",
            "the session has succeeded",
        )
        for path in ("/healthz", "/readyz"):
            ask = (
                "import sys, urllib.request\n"
                "assert urllib.request.urlopen(sys.argv[1]).status == 200"
            )
            url = f"http://{host}:{port(service.http_address)}{path}"
            self.run_inside("/usr/bin/python3", "-c", ask, url)

    def test_ipv6_alone(self):
        self.run_inside("ip", "address", "del", "127.0.0.1/8", "dev", "lo")
        self.assert_serves(self.start(), "[::1]")

    def test_both_families_whatever_the_default_for_sockets_is(self):
        self.run_inside("sysctl", "-qw", "net.ipv6.bindv6only=1")
        service = self.start()
        for host in ("[::1]", "127.0.0.1"):
            with self.subTest(host):
                self.assert_serves(service, host)

    def test_ipv4_alone(self):
        self.run_inside("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        self.assert_serves(self.start(), "127.0.0.1")

    def test_a_kernel_without_ipv6(self):
        service = self.start("/usr/bin/python3", "-c", WITHOUT_IPV6)
        self.assert_serves(service, "127.0.0.1")


class ProcessorsTest(unittest.TestCase):
    """How many threads send, unless --lanes says so."""

    def lanes(self, *prefix):
        service = Service(prefix)
        self.addCleanup(service.close)
        return service.node.GetNode(
            harness.stubs.node_service.GetNodeRequest(), timeout=harness.DEADLINE_S
        ).lanes

    def test_follow_the_affinity(self):
        allowed = sorted(os.sched_getaffinity(0))
        self.assertEqual(self.lanes(), len(allowed))
        self.assertEqual(self.lanes("taskset", "--cpu-list", str(allowed[0])), 1)

    def test_follow_the_quota_of_the_cgroup(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("one processor is too few to be held to less")
        two = pathlib.Path("/sys/fs/cgroup/cgroup.controllers")
        one = pathlib.Path("/sys/fs/cgroup/cpu")
        if two.exists() and "cpu" in two.read_text().split():
            cgroup = two.parent / f"tcptool{os.getpid()}"
            setting, value = "cpu.max", "100000 100000"
        elif one.exists():
            cgroup = one / f"tcptool{os.getpid()}"
            setting, value = "cpu.cfs_quota_us", "100000"
        else:
            self.skipTest("no cgroup can have a quota here")
        cgroup.mkdir()
        # It is empty once the service, whose end was registered later, has ended.
        self.addCleanup(cgroup.rmdir)
        (cgroup / setting).write_text(value)
        enter = f"echo $$ >{cgroup}/cgroup.procs && exec \"$@\""
        self.assertEqual(self.lanes("sh", "-c", enter, "sh"), 1)
