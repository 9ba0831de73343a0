"""The manifests, as kubectl renders them: by Kubernetes' schemas, and by what tcptoold does.

There is no cluster here: what a kubelet makes of them is not tried.
"""

import copy
import os
import re
import shutil

import yaml

import harness
import shipping
from manifests import ALL, BASES, KUBERNETES, SENDERS, ManifestsCase, Sender, by_kind, unordered

# Between the drain and that: for transfers to be reset and stored, a root whose file system
# does not answer included.
STORING_S = 10


def pod_specs(objects):
    return [o["spec"]["template"]["spec"] for o in objects if "template" in o.get("spec", {})]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


def seconds_of_the_end():
    """What the service takes at most for calls to end, once the drain is over."""
    text = (shipping.PROJECT / "server/daemon/tcptoold.cc").read_text()
    return int(re.search(r"kEndLimit = std::chrono::seconds\((\d+)\)", text)[1])


class KubernetesTest(ManifestsCase):
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
                    if program == "sh":
                        continue
                    path = shutil.which("etcd") if program == "etcd" else harness.program(program)
                    usage = shipping.run(path, "--help")
                    if program == "tcptoolctl":
                        usage += shipping.run(path, container["args"][0], "--help")
                    for argument in container["args"]:
                        if argument.startswith("-"):
                            with self.subTest(f"{name}: {program} {argument}"):
                                flag = re.escape(argument.partition("=")[0])
                                self.assertRegex(usage, rf"(?m)(^|[\s,]){flag}\b")
                    for variable in container.get("env", []):
                        # Others are for the arguments and variables that name them.
                        if not variable["name"].startswith("TCPTOOL"):
                            self.assertIn(f"$({variable['name']})", str(container))
                            continue
                        with self.subTest(f"{name}: {program} {variable['name']}"):
                            self.assertRegex(usage, rf"\bEnv:{variable['name']}\b")

    def test_ports_are_those_that_the_service_listens_on(self):
        for objects, sender in self.each_sender():
            named = {p["name"]: p["containerPort"] for p in sender.container["ports"]}
            self.assertEqual(named["control"], sender.port("--control-address"))
            self.assertEqual(named["http"], sender.port("--http-address"))
            for service in (o for o in objects if o["kind"] == "Service"):
                if service["metadata"]["name"] == "tcptoold-etcd":
                    continue
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
                self.assertEqual(how["httpGet"]["port"], "http")
                self.assertEqual(
                    how["httpGet"]["path"],
                    "/readyz" if probe == "readinessProbe" else "/healthz",
                )
                # Of a node whose processors are all busy.
                self.assertGreaterEqual(how["timeoutSeconds"], 10)
            # The kubelet asks from the node, at the pod's address unless told otherwise.
            if sender.flags["--http-address"].startswith("127."):
                self.assertEqual(how["httpGet"]["host"], "127.0.0.1")
            liveness = sender.container["livenessProbe"]
            self.assertGreaterEqual(liveness["periodSeconds"] * liveness["failureThreshold"], 120)

    def test_it_listens_on_addresses_of_either_family(self):
        for _, sender in self.each_sender():
            self.assertEqual(sender.flags["--data-address"], "::")
        for name in ("base", "overlays/hostnetwork+mtls+monitoring"):
            flags = Sender(self.rendered[name]).flags
            self.assertEqual(flags["--control-address"], "[::]:9875")
            self.assertEqual(flags["--http-address"], "[::]:9874")
        for name in SENDERS:
            for service in (o for o in self.rendered[name] if o["kind"] == "Service"):
                self.assertEqual(service["spec"]["ipFamilyPolicy"], "PreferDualStack")

    def test_who_reaches_the_api_is_asked_unless_policies_guard_it(self):
        for name in SENDERS:
            with self.subTest(name):
                flags = Sender(self.rendered[name]).flags
                beyond = not flags["--control-address"].startswith("127.")
                asks = "mtls" in name or "fleet" in name
                self.assertEqual(asks, "--tls-cert" in flags)
                self.assertEqual(beyond and not asks, "--insecure-control" in flags)

    def test_components_do_the_same_in_any_order(self):
        for base in BASES:
            self.assertEqual(
                unordered(self.rendered[f"{base}+mtls+monitoring"]),
                unordered(self.rendered[f"{base}+monitoring+mtls"]),
            )

    def test_the_limit_of_memory_has_room_for_what_the_options_allow(self):
        for _, sender in self.each_sender():
            mebibytes = (
                # Blocks of files, and reads of one disk that it waits for.
                (10 + 4) * int(sender.flags["--lanes"])
                + (int(sender.flags["--max-upload-bytes"]) >> 20)
                + 40  # 10,000 recipients.
                + 100  # The process and its API.
            )
            limit = int(sender.container["resources"]["limits"]["memory"].removesuffix("Mi"))
            if "--receive" in sender.flags:
                mebibytes += 16 * int(sender.flags["--max-running-receptions"])
            else:
                text = (KUBERNETES / "base/statefulset.yaml").read_text()
                self.assertIn(f": {mebibytes}. The other {limit - mebibytes} ",
                              re.sub(r"\s+#?\s*", " ", text))
            # As much again for what the kernel holds for connections.
            self.assertGreaterEqual(limit, 2 * mebibytes)

    def test_selectors_find_one_workload_and_nobody_else(self):
        for objects, _ in self.each_sender():
            # By what its objects' names begin with.
            labels_of = {
                o["metadata"]["name"]: o["spec"]["template"]["metadata"]["labels"]
                for o in objects
                if "template" in o.get("spec", {})
            }
            names = {labels["app.kubernetes.io/name"] for labels in labels_of.values()}
            self.assertEqual(len(names), len(labels_of))
            for other in objects:
                spec = other.get("spec", {})
                is_etcd = other["metadata"]["name"] == "tcptoold-etcd"
                labels = labels_of["tcptoold-etcd" if is_etcd else "tcptoold"]
                self.assertTrue(labels)
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

    def test_the_policies_of_a_fleet_select_pods_that_they_reach(self):
        for name in ("overlays/fleet", "fleet/job"):
            pods = {
                o["metadata"]["name"]: o["spec"]["template"]
                for o in self.rendered[name]
                if "template" in o.get("spec", {})
            }
            for policy in (o for o in self.rendered[name] if o["kind"] == "NetworkPolicy"):
                # Each is called as the workload that it is for.
                pod = pods[policy["metadata"]["name"]]
                self.assertNotIn("hostNetwork", pod["spec"])
                self.assertEqual(
                    policy["spec"]["podSelector"]["matchLabels"], pod["metadata"]["labels"]
                )

    def test_etcd_is_open_to_its_clients_and_its_peers_to_each_other_alone(self):
        policy = by_kind(self.rendered["overlays/fleet"], "NetworkPolicy", "tcptoold-etcd")["spec"]
        self.assertEqual(policy["policyTypes"], ["Ingress"])
        client, peer = policy["ingress"]
        self.assertEqual(client, {"ports": [{"protocol": "TCP", "port": "client"}]})
        self.assertEqual(peer["ports"], [{"protocol": "TCP", "port": "peer"}])
        self.assertEqual(peer["from"], [{"podSelector": policy["podSelector"]}])
        # Whoever comes is asked for a certificate.
        etcd = by_kind(self.rendered["overlays/fleet"], "StatefulSet", "tcptoold-etcd")["spec"]
        args = etcd["template"]["spec"]["containers"][0]["args"]
        for flag in ("--client-cert-auth", "--peer-client-cert-auth"):
            self.assertIn(flag, args)

    def test_a_majority_of_etcd_stays_when_nodes_are_drained(self):
        objects = self.rendered["overlays/fleet"]
        members = by_kind(objects, "StatefulSet", "tcptoold-etcd")["spec"]["replicas"]
        budget = by_kind(objects, "PodDisruptionBudget", "tcptoold-etcd")["spec"]
        self.assertGreater(2 * (members - budget["maxUnavailable"]), members)

    def test_the_job_that_distributes_reaches_the_api_and_is_reached_by_nobody(self):
        job = by_kind(self.rendered["fleet/job"], "Job")["spec"]["template"]["spec"]
        env = {v["name"]: v["value"] for v in job["containers"][0]["env"]}
        policy = by_kind(self.rendered["fleet/job"], "NetworkPolicy")["spec"]
        self.assertEqual(policy["policyTypes"], ["Ingress", "Egress"])
        self.assertEqual(policy["ingress"], [])
        api, dns = policy["egress"]
        port = int(env["TCPTOOL_SERVER"].rpartition(":")[2])
        self.assertEqual(api, {"ports": [{"protocol": "TCP", "port": port}]})
        self.assertEqual({(p["protocol"], p["port"]) for p in dns["ports"]},
                         {("UDP", 53), ("TCP", 53)})

    def test_paths_are_on_volumes_and_the_rest_is_read_only(self):
        for _, sender in self.each_sender():
            mounts = {m["mountPath"]: m for m in sender.container["volumeMounts"]}
            written = sender.directories("--receive")
            for directory in written:
                self.assertNotIn("readOnly", mounts[directory])
            for root in sender.directories("--root"):
                if root not in written:
                    self.assertTrue(mounts[root]["readOnly"])
            state = os.path.dirname(sender.flags["--state"])
            self.assertNotIn("readOnly", mounts[state])
            volumes = {v["name"] for v in sender.pod.get("volumes", [])} | {
                claim["metadata"]["name"]
                for claim in sender.workload["spec"].get("volumeClaimTemplates", [])
            }
            used = {m["name"] for c in containers(sender.pod) for m in c["volumeMounts"]}
            self.assertEqual(used, volumes)
            for value in sender.flags.values():
                if value.startswith("/etc/"):
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
                sender.pod["terminationGracePeriodSeconds"],
                pause + drain + STORING_S + seconds_of_the_end(),
            )

    def test_the_alerts_are_those_of_monitoring(self):
        made = shipping.run(KUBERNETES / "components/monitoring/make_rule")
        self.assertEqual(
            (KUBERNETES / "components/monitoring/prometheusrule.yaml").read_text(), made
        )

    def test_the_alerts_link_to_where_the_runbooks_are(self):
        for url in ("https://wiki.example.com/tcptool", "https://wiki.example.com/?a&b|c/"):
            made = yaml.safe_load(shipping.run(KUBERNETES / "components/monitoring/make_rule", url))
            rules = made["spec"]["groups"][0]["rules"]
            self.assertTrue(rules)
            for rule in rules:
                self.assertEqual(
                    rule["annotations"]["runbook_url"],
                    f"{url.rstrip('/')}/operations.md#{rule['alert'].lower()}",
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
