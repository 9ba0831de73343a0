"""The pods of overlays/fleet and fleet/job, run without Kubernetes: an etcd of three, three
nodes, the Job and what waits for its content.

They get what their manifests say: arguments, environment, certificates with the names and the
usages that are asked for, the names of Services, and the user. What a cluster's kubelet and
network do is done by the test, in a network namespace with an address for each pod.
"""

import hashlib
import ipaddress
import json
import os
import re
import shutil
import subprocess

import shipping
from certificates import Authority
from harness import wait_until
from manifests import ManifestsCase, by_kind
from private_network import PrivateNetwork

NODES = {"node1": "r1", "node2": "r1", "node3": "r2"}  # With their zones.
MEMBERS = {f"tcptoold-etcd-{number}": f"10.0.0.{number + 1}" for number in range(3)}
USER = 65532
TOKEN = "of-an-operator"


class Pod:
    """What a container's manifest comes to: a command, and its environment."""

    def __init__(self, container, fields, directories, address=None):
        self._directories = {m["mountPath"]: directories[m["name"]]
                             for m in container["volumeMounts"]}
        self._address = address
        self.environment = {}
        for variable in container.get("env", []):
            value = (
                fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
                if "valueFrom" in variable
                else self._local(variable["value"])
            )
            self.environment[variable["name"]] = value
        program = container.get("command", ["/usr/bin/tcptoold"])
        self.command = [*program, *(self._local(word) for word in container["args"])]

    def _local(self, text):
        text = re.sub(r"\$\((\w+)\)", lambda found: self.environment[found[1]], text)
        for path, directory in self._directories.items():
            text = re.sub(rf"{path}(?=/|$)", str(directory), text)
        # All pods are on one host, so each has the addresses of its own alone.
        if self._address:
            text = text.replace("[::]", self._address).replace("127.0.0.1", self._address)
        return text


class FleetPodsTest(ManifestsCase):
    def setUp(self):
        place = shipping.Workplace()
        self.addCleanup(place.close)
        self.programs = place.programs
        self.home = place.path
        self.objects = self.rendered["overlays/fleet"]
        self.job = self.rendered["fleet/job"]
        self.addresses = dict(
            zip(NODES, by_kind(self.objects, "Certificate", "tcptoold")["spec"]["ipAddresses"])
        )
        etcd = by_kind(self.objects, "StatefulSet", "tcptoold-etcd")
        self.assertEqual(etcd["spec"]["replicas"], len(MEMBERS))
        network = PrivateNetwork(
            self,
            self.home,
            [*self.addresses.values(), *MEMBERS.values()],
            [
                f"{self.addresses['node2']} tcptoold",
                *(f"{address} {name}.{etcd['spec']['serviceName']}"
                  for name, address in MEMBERS.items()),
            ],
        )
        # As the pods' user.
        self.inside = [
            *network.prefix, "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
            "--pdeathsig=KILL",
        ]  # fmt: skip
        self.secrets = self.make_secrets()

    def directory(self, name):
        path = self.home / name
        path.mkdir(parents=True)
        os.chown(path, USER, USER)
        return path

    def make_secrets(self):
        """The directory of each, by its name: those that cert-manager makes, and tokens."""
        authorities = {name: Authority(self.home / name) for name in ("tcptool", "tcptoold-etcd")}
        secrets = {}
        for certificate in (o for o in self.objects if o["kind"] == "Certificate"):
            spec = certificate["spec"]
            if spec.get("isCA"):
                continue
            authority = authorities[spec["issuerRef"]["name"]]
            names = [f"DNS:{name}" for name in spec.get("dnsNames", [])]
            names += [f"IP:{ipaddress.ip_address(a)}" for a in spec.get("ipAddresses", [])]
            pem, key = authority.issue(
                spec["commonName"],
                alternative=",".join(names),
                usages=",".join(
                    {"server auth": "serverAuth", "client auth": "clientAuth"}[usage]
                    for usage in spec["usages"]
                ),
            )
            secrets[spec["secretName"]] = self.secret(
                spec["secretName"],
                {"ca.crt": authority.path, "tls.crt": pem, "tls.key": key},
            )
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        (self.home / "lines").write_text(f"job operator {digest}\n")
        (self.home / "line").write_text(TOKEN + "\n")
        secrets["tcptool-tokens"] = self.secret("tokens", {"tokens": self.home / "lines"})
        secrets["tcptool-operator-token"] = self.secret("token", {"token": self.home / "line"})
        return secrets

    def secret(self, name, files):
        directory = self.directory(f"secrets/{name}")
        for file, source in files.items():
            shutil.copy(source, directory / file)
            # As the kubelet does it.
            os.chown(directory / file, 0, USER)
            os.chmod(directory / file, 0o440)
        return directory

    def directories(self, pod, where, claims=()):
        """A directory for each volume; `where`: that of what the host has."""
        found = {name: self.directory(f"{where}/{name}") for name in claims}
        for volume in pod.get("volumes", []):
            if "secret" in volume:
                found[volume["name"]] = self.secrets[volume["secret"]["secretName"]]
            else:
                path = self.home / where / volume["hostPath"]["path"].strip("/")
                found[volume["name"]] = (
                    path if path.exists()
                    else self.directory(f"{where}/{volume['hostPath']['path'].strip('/')}")
                )
        return found

    def start(self, pod, log):
        """Runs it; its output is in a file."""
        program = pod.command[0].rpartition("/")[2]
        if program in shipping.PROGRAMS:
            pod.command[0] = str(self.programs / program)
        elif program == "etcd":
            pod.command[0] = shutil.which("etcd")
        with open(self.home / log, "wb") as output:
            process = subprocess.Popen(
                [*self.inside, *pod.command],
                env={"PATH": os.environ["PATH"], **pod.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def said(self, log):
        return (self.home / log).read_text(errors="replace")

    def start_etcd(self):
        workload = by_kind(self.objects, "StatefulSet", "tcptoold-etcd")["spec"]
        pod = workload["template"]["spec"]
        claims = [claim["metadata"]["name"] for claim in workload["volumeClaimTemplates"]]
        for name, address in MEMBERS.items():
            directories = self.directories(pod, name, claims)
            self.start(
                Pod(pod["containers"][0], {"metadata.name": name}, directories, address),
                f"{name}.log",
            )

    def start_nodes(self):
        pod = by_kind(self.objects, "DaemonSet", "tcptoold")["spec"]["template"]["spec"]
        for name, address in self.addresses.items():
            fields = {
                "spec.nodeName": name,
                "status.hostIP": address,
                "metadata.labels['topology.kubernetes.io/zone']": NODES[name],
            }
            directories = self.directories(pod, name)
            self.start(
                Pod(pod["containers"][0], fields, directories, address), f"{name}.log"
            )

    def ask(self, *words):
        """What tcptoolctl prints, as the Job is told to call it, or None."""
        pod = self.job_pod()
        done = subprocess.run(
            [*self.inside, self.programs / "tcptoolctl", "--output=json", *words],
            env=pod.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )
        return json.loads(done.stdout) if done.returncode == 0 else None

    def sees_all_nodes(self):
        answer = self.ask("nodes")
        return answer if answer and len(answer.get("nodes", [])) == len(NODES) else None

    def job_pod(self):
        pod = by_kind(self.job, "Job")["spec"]["template"]["spec"]
        return Pod(pod["containers"][0], {}, self.directories(pod, "job"))

    def run_job(self, log):
        return self.start(self.job_pod(), log)

    def start_waiting(self, node, sha256, log):
        """The consumer's init container on a node."""
        pod = by_kind(self.job, "DaemonSet")["spec"]["template"]["spec"]
        container = pod["initContainers"][0]
        container = {**container, "env": [
            {**v, "value": sha256} if v["name"] == "SHA256" else v for v in container["env"]
        ]}  # fmt: skip
        return self.start(Pod(container, {}, self.directories(pod, node)), log)

    def test_a_content_gets_to_all_nodes_and_who_waits_for_it_starts(self):
        self.start_etcd()
        self.start_nodes()
        listed = wait_until(self.sees_all_nodes, f"all nodes are there; see {self.home}")
        self.assertEqual({one["node"]: one["rack"] for one in listed["nodes"]}, NODES)
        self.assertEqual(
            {one["node"]: one["peerAddress"] for one in listed["nodes"]},
            {name: f"{address}:9872" for name, address in self.addresses.items()},
        )
        content = os.urandom(3_000_000)
        (self.home / "node1/srv/tcptool/model.bin").write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        waiting = [self.start_waiting(node, sha256, f"wait.{node}") for node in ("node2", "node3")]
        wrong = self.start_waiting("node3", "0" * 64, "wrong")

        for log in ("job.log", "job.again.log"):
            # A Job's pod that is lost is made again.
            self.assertEqual(self.run_job(log).wait(120), 0, self.said(log))
        self.assertEqual(len(self.ask("distributions")["distributions"]), 1)
        for process in waiting:
            self.assertEqual(process.wait(60), 0)
        self.assertNotEqual(wrong.wait(60), 0)
        self.assertIn("FAILED", self.said("wrong"))
        for node in ("node2", "node3"):
            received = self.home / node / "srv/tcptool-received/model.bin"
            self.assertEqual(received.read_bytes(), content)
