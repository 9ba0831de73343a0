"""components/rack: its init container, run without Kubernetes, reads a node's rack from the
node's labels; and what it is allowed."""

import json
import pathlib
import shutil
import subprocess
import tempfile

import harness
import shipping
from certificates import Authority
from fleet_pods_test import Pod
from manifests import ManifestsCase, Sender, by_kind
from private_network import PrivateNetwork

ZONE = "topology.kubernetes.io/zone"
API = "kubernetes.default.svc"
TOKEN = "of-the-service-account"
NODES = {
    # Others may write annotations.
    "node1": {
        "name": "node1",
        "labels": {"kubernetes.io/hostname": "node1", f"x/{ZONE}": "no", ZONE: "r1"},
        "annotations": {ZONE: "no", "labels": "{", "a": f'"labels": {{\n"{ZONE}": "no"\n}}'},
    },
    "node2": {
        "name": "node2",
        "annotations": {ZONE: "no"},
        "labels": {"kubernetes.io/hostname": "node2"},
    },
    # None is so.
    "bare": {"name": "bare"},
}


class FleetRackTest(ManifestsCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="labels.")
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.objects = self.rendered["overlays/fleet+rack"]
        self.pod = Sender(self.objects).pod

    def start_api(self):
        """Returns the command that runs others where it is."""
        authority = Authority(self.home / "authority")
        certificate, key = authority.issue("apiserver", alternative=f"DNS:{API}")
        network = PrivateNetwork(self, self.home, ["10.96.0.1"], [f"10.96.0.1 {API}"])
        api = subprocess.Popen(
            [*network.prefix, "setpriv", "--pdeathsig=KILL",
             shipping.PROJECT / "tests/system/kubernetes_api.py",
             certificate, key, TOKEN, json.dumps(NODES)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip
        for end in (api.stdout.close, api.wait, api.kill):
            self.addCleanup(end)
        self.assertEqual(api.stdout.readline(), "up\n")
        (self.home / "token").mkdir()
        (self.home / "token/token").write_text(TOKEN)
        shutil.copy(authority.path, self.home / "token/ca.crt")
        (self.home / "rack").mkdir()
        return network.prefix

    def run_container(self, prefix, node):
        directories = {"rack": self.home / "rack", "rack-token": self.home / "token"}
        pod = Pod(self.pod["initContainers"][0], {"spec.nodeName": node}, directories)
        return subprocess.run(
            [*prefix, "env", *(f"{k}={v}" for k, v in pod.environment.items()), *pod.command],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_the_rack_is_the_label_of_the_node(self):
        prefix = self.start_api()
        for node, rack in (("node1", "r1"), ("node2", "")):
            done = self.run_container(prefix, node)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual((self.home / "rack/rack.toml").read_text(), f'rack = "{rack}"\n')
            self.assertEqual(done.stdout, f'rack = "{rack}"\n')
        # What there is, tcptoold takes.
        shipping.run(
            harness.program("tcptoold"), "--check-config",
            f"--config={self.home}/rack/rack.toml", "--fleet=lab", "--node=node1",
            "--etcd=127.0.0.1:2379", "--peer-address=127.0.0.1:9872",
        )  # fmt: skip
        # Rather no node than one in a wrong rack.
        for node, message in (("unknown", "404"), ("bare", "no labels")):
            done = self.run_container(prefix, node)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(message, done.stderr)

    def test_it_may_get_nodes_and_nothing_else(self):
        role = by_kind(self.objects, "ClusterRole")
        self.assertEqual(
            role["rules"], [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}]
        )
        binding = by_kind(self.objects, "ClusterRoleBinding")
        self.assertEqual(binding["roleRef"]["name"], role["metadata"]["name"])
        (subject,) = binding["subjects"]
        self.assertEqual(
            (subject["kind"], subject["name"]), ("ServiceAccount", self.pod["serviceAccountName"])
        )

    def test_the_service_itself_gets_no_token(self):
        (token,) = (
            volume["name"]
            for volume in self.pod["volumes"]
            if any("serviceAccountToken" in one for one in volume.get("projected", {}).get("sources", []))
        )
        (container,) = self.pod["containers"]
        self.assertNotIn(token, [mount["name"] for mount in container["volumeMounts"]])

    def test_what_it_writes_is_what_the_service_reads(self):
        sender = Sender(self.objects)
        path = sender.flags["--config"]
        # What is in the environment would count before the file.
        self.assertNotIn("TCPTOOLD_RACK", [v["name"] for v in sender.container["env"]])
        volumes = [
            {m["name"]: m["mountPath"] for m in container["volumeMounts"]}["rack"]
            for container in (self.pod["initContainers"][0], sender.container)
        ]
        written, read = volumes
        self.assertIn(path.replace(read, written), self.pod["initContainers"][0]["args"][0])
