"""Our fleet: a node at each host, and one beside the source's that gets nothing itself, and
coordinates."""

import os
from contextlib import ExitStack, closing
from dataclasses import replace

from etcd import Etcd
from hosts import Credentials
from node import Node
from paths import LOOPBACK
from programs import wait_until
from races import Way

SOURCE = "source"
COORDINATOR = "coordinator"


class FleetNode(Node):
    def __init__(self, host, name, rack, etcd, credentials, root):
        super().__init__(
            replace(LOOPBACK, sender_prefix=host.prefix, sender_address=host.address),
            root,
            extra=[
                "--fleet=bench",
                f"--node={name}",
                f"--rack={rack}",
                f"--etcd={etcd.endpoint}",
                *credentials.options,
            ],
            client_environment=credentials.environment,
        )
        self.name = name
        self.file = os.path.join(self._disk.name, "file")

    def close(self):
        """Without handing over what it is sending."""
        self.kill()
        self._home.cleanup()
        self._disk.cleanup()


class Fleet(Way):
    """All are registered, and known to the coordinator, before it begins."""

    name = "tcptoold, a fleet"

    def __init__(self, hosts, content, racks=None):
        """`racks`: of each host; default: all are in one."""
        super().__init__(hosts, content)
        racks = racks or ["rack"] * len(hosts)
        self._distribution = None
        self._order = None
        names = [SOURCE, *(f"node{number}" for number in range(1, len(hosts)))]
        self._stack = ExitStack()
        try:
            self._etcd = self._stack.enter_context(closing(Etcd()))
            self._etcd.start()
            self._credentials = Credentials(self._home.name, hosts)
            self.coordinator = self._start(self.source, COORDINATOR, racks[0])
            wait_until(self._coordinates, "the node is the coordinator", pause_s=0.1)
            self._nodes = {
                host: self._start(host, name, rack)
                for host, name, rack in zip(hosts, names, racks)
            }
            wait_until(
                lambda: len(self._known()) == len(hosts) + 1, "all are registered", pause_s=0.1
            )
        except BaseException:
            self.close()
            raise

    def _start(self, host, name, rack):
        return self._stack.enter_context(
            closing(
                FleetNode(
                    host, name, rack, self._etcd, self._credentials, os.path.dirname(self.content)
                )
            )
        )

    def _known(self):
        """The nodes that the coordinator knows."""
        (listed,) = self.coordinator.control("nodes")
        return listed["nodes"]

    def _coordinates(self):
        return any(node.get("coordinator") for node in self._known())

    def begin(self):
        (made,) = self._nodes[self.source].control(
            "distribute",
            f"--file={SOURCE}:files/{os.path.basename(self.content)}",
            *(f"--to={self._nodes[target].name}" for target in self.targets),
            "--as=disk/file",
        )
        self._distribution = made["name"]

    def copy(self, target):
        """It has its name once it is whole, verified and on the disk."""
        return self._nodes[target].file

    def in_order(self):
        """By the first plan."""
        if self._order is None:
            parents = wait_until(self._parents, "each node has a parent", pause_s=0.1)

            def depth(name):
                return 0 if name == SOURCE else 1 + depth(parents[name])

            self._order = sorted(self.targets, key=lambda one: depth(self._nodes[one].name))
        return self._order

    def _parents(self):
        """Of each target; None before all have one."""
        (listed,) = self._nodes[self.source].control("deliveries", self._distribution)
        parents = {one["node"]: one["parent"] for one in listed["deliveries"] if one.get("parent")}
        return parents if len(parents) == len(self.targets) else None

    def kill(self, target):
        self._nodes[target].kill()

    def signal_etcd(self, number):
        """SIGSTOP: it answers nobody, until SIGCONT."""
        for member in self._etcd.members:
            member.process.send_signal(number)

    def close(self):
        self._stack.close()
        super().close()
