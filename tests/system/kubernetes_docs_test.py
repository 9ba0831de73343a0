"""What docs/operations.md has one type for Kubernetes, held against the manifests."""

import re
import textwrap

import yaml

import shipping
from manifests import ManifestsCase, Sender, by_kind

TEXT = (shipping.PROJECT / "docs/operations.md").read_text(encoding="utf-8")


def section(heading):
    """What is below a heading, up to the next one of any level."""
    return re.search(rf"(?ms)^#+ {heading}$(.*?)(?=^##+ |\Z)", TEXT)[1]


class KubernetesDocsTest(ManifestsCase):
    def test_older_releases_are_served_by_the_patch_of_the_docs(self):
        (patches,) = re.findall(r"(?m)^    patches:\n(?:      .*\n)+", section("Which Kubernetes"))
        directory = self.work / "kubernetes/older"
        directory.mkdir()
        for base in ("base", "overlays/hostnetwork", "overlays/fleet"):
            (directory / "kustomization.yaml").write_text(
                f"resources: [../{base}]\n{textwrap.dedent(patches)}"
            )
            without = Sender(self.render(directory)).container
            with_pause = Sender(self.rendered[base]).container
            self.assertIn("sleep", with_pause["lifecycle"]["preStop"])
            self.assertEqual(
                without, {key: v for key, v in with_pause.items() if key != "lifecycle"}
            )

    def test_a_rack_has_a_daemonset_of_its_own_as_the_documentation_has_it(self):
        (example,) = re.findall(r"(?m)^ {6}resources: \[tcptool/deploy.*fleet/nodes\]\n(?:.+\n)*", TEXT)
        example = textwrap.dedent(example).replace("tcptool/deploy/kubernetes", "../kubernetes")
        directory = self.work / "rack"
        directory.mkdir()
        (directory / "kustomization.yaml").write_text(example)
        workload = Sender(self.render(directory)).workload
        self.assertEqual(workload["metadata"]["name"], "tcptoold-r1")
        labels = workload["spec"]["template"]["metadata"]["labels"]
        self.assertEqual(labels["topology.kubernetes.io/zone"], "r1")
        # One that others lack, as two of them would fight for each other's pods.
        self.assertEqual(workload["spec"]["selector"]["matchLabels"]["tcptool/rack"], "r1")
        self.assertEqual(labels["tcptool/rack"], "r1")
        self.assertEqual(workload["spec"]["template"]["spec"]["nodeSelector"], {"rack": "r1"})

    def test_a_rack_is_a_label_of_the_node_as_the_documentation_has_it(self):
        (example,) = re.findall(r"(?m)^ {6}namespace: .*\n(?:.+\n)*", TEXT)
        example = textwrap.dedent(example).replace("tcptool/deploy/kubernetes", "../kubernetes")
        directory = self.work / "label"
        directory.mkdir()
        (directory / "kustomization.yaml").write_text(example)
        objects = self.render(directory)
        self.assertEqual(self.complaints(objects), [])
        (subject,) = by_kind(objects, "ClusterRoleBinding")["subjects"]
        account = by_kind(objects, "ServiceAccount")["metadata"]
        self.assertEqual(
            (subject["name"], subject["namespace"]), (account["name"], account["namespace"])
        )

    def test_a_recipients_certificate_is_of_the_data_ports_authority(self):
        (example,) = re.findall(
            r"(?m)^    apiVersion: cert-manager.*\n(?:    .+\n)+", section("Content in TLS")
        )
        certificate = yaml.safe_load(textwrap.dedent(example))
        self.assertEqual(self.complaints([certificate]), [])
        service = by_kind(self.rendered["base+data-tls"], "Certificate")
        self.assertEqual(certificate["spec"]["issuerRef"], service["spec"]["issuerRef"])
        self.assertEqual(certificate["spec"]["usages"], ["client auth"])
        name = certificate["spec"]["commonName"]
        self.assertIn(f"--client-name cn:{name}\n", section("Content in TLS"))

    def test_the_documentation_calls_a_fleet_by_its_names(self):
        text = section("A fleet on Kubernetes")
        objects = self.rendered["overlays/fleet"]
        (issuers,) = re.findall(r"(?ms)<<'ISSUER'.*?\n(.*?)^    ISSUER$", text)
        issuers = list(yaml.safe_load_all(textwrap.dedent(issuers)))
        self.assertEqual(self.complaints(issuers), [])
        node = by_kind(objects, "Certificate", "tcptoold")["spec"]
        by_kind(issuers, node["issuerRef"]["kind"], node["issuerRef"]["name"])

        service, port = re.search(r"port-forward service/(\S+) (\d+)", text).groups()
        (forwarded,) = by_kind(objects, "Service", service)["spec"]["ports"]
        self.assertEqual(forwarded["port"], int(port))
        (name,) = re.findall(r"TCPTOOL_TLS_SERVER_NAME=(\S+)", text)
        self.assertIn(name, node["dnsNames"])
        made = dict(re.findall(r"create secret generic (\S+) --from-literal=(\w+)=", text))
        made[node["secretName"]] = "ca\\.crt"
        for secret, key in re.findall(r"get secret (\S+) .*?\.data\.(\S+)}", text):
            self.assertEqual(made[secret], key)
        by_kind(objects, "DaemonSet", re.search(r"rollout status daemonset/(\S+)", text)[1])

        pod, command = re.search(r"(?s)kubectl exec (\S+) -- (etcdctl .*?)\n\n", text).groups()
        etcd = by_kind(objects, "StatefulSet", pod.rpartition("-")[0])["spec"]
        options = dict(re.findall(r"--([a-z]+)=(\S+)", command))
        args = etcd["template"]["spec"]["containers"][0]["args"]
        self.assertIn(f"--trusted-ca-file={options['cacert']}", args)
        self.assertIn(f"--cert-file={options['cert']}", args)
        self.assertIn(f"--key-file={options['key']}", args)
        urls = f"--advertise-client-urls={options['endpoints']}".replace(f"//{pod}.", "//$(POD_NAME).")
        self.assertIn(urls, args)

    def test_a_members_volume_is_restored_as_the_member_will_read_it(self):
        text = section("The fleet's etcd on Kubernetes")
        objects = self.rendered["overlays/fleet"]
        member = by_kind(objects, "StatefulSet", "tcptoold-etcd")
        etcd = member["spec"]["template"]["spec"]
        (container,) = etcd["containers"]
        (claim,) = member["spec"]["volumeClaimTemplates"]
        (mount,) = (
            one["mountPath"]
            for one in container["volumeMounts"]
            if one["name"] == claim["metadata"]["name"]
        )

        (pod,) = re.findall(r"(?ms)<<RESTORE$(.*?)^    RESTORE$", text)
        cluster = "".join(re.findall(r"(?m)^    cluster\+?=(\S+)$", text))
        pod = textwrap.dedent(pod).replace("$cluster", cluster).replace("$i", "1")
        pod = yaml.safe_load(pod)
        self.assertEqual(self.complaints([pod]), [])
        (restore,) = pod["spec"]["containers"]
        for one in (restore, *pod["spec"]["initContainers"]):
            self.assertIn({"name": "data", "mountPath": mount}, one["volumeMounts"])
        data = next(one for one in pod["spec"]["volumes"] if one["name"] == "data")
        name = f"{claim['metadata']['name']}-{member['metadata']['name']}-1"
        self.assertEqual(data["persistentVolumeClaim"]["claimName"], name)
        self.assertIn(f"persistentvolumeclaim/{name}", text)
        self.assertEqual(restore["image"], container["image"])
        for key, value in pod["spec"]["securityContext"].items():
            self.assertEqual(value, etcd["securityContext"][key])

        member_args = [arg.replace("$(POD_NAME)", "tcptoold-etcd-1") for arg in container["args"]]
        for arg in restore["command"]:
            if arg.startswith("--"):
                self.assertIn(arg, member_args)
        (secret,) = re.findall(r"get secret (\S+)", text)
        self.assertEqual(by_kind(objects, "Certificate", "tcptoold-etcd-client")["spec"]["secretName"],
                         secret)

    def test_what_wants_the_host_is_in_a_namespace_that_allows_it(self):
        text = section("A fleet on Kubernetes")
        (namespace,) = re.findall(r"kubectl create namespace (\S+)", text)
        self.assertIn(
            f"label namespace {namespace} pod-security.kubernetes.io/enforce=privileged", text
        )
        for other in re.findall(r"(?:--namespace[= ]|namespace: )(\S+)", text):
            self.assertEqual(other, namespace)
