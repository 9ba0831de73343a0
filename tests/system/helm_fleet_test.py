"""The chart's fleet, as helm renders it: the same as overlays/fleet, and what can be set."""

import copy
import re

import yaml

import harness
import shipping
from charts import ChartCase, without_release
from manifests import Sender, by_kind, unordered

ADDRESSES = "{192.0.2.11,192.0.2.12,192.0.2.13}"


class HelmFleetTest(ChartCase):
    def fleet(self, *arguments, release="test", **values):
        return self.chart(
            "--set=fleet.enabled=true",
            f"--set=fleet.addresses={ADDRESSES}",
            *arguments,
            release=release,
            **values,
        )

    def workloads(self, objects):
        return [o for o in objects.values() if "template" in o.get("spec", {})]

    def test_the_chart_makes_the_same_as_the_overlay(self):
        made = self.fleet(fullnameOverride="tcptoold", tokens_secretName="tcptool-tokens")
        self.assertEqual(self.complaints(list(made.values())), [])
        expected = self.with_labels("overlays/fleet")
        nodes = "DaemonSet", "tcptoold"
        self.assertEqual(
            unordered(without_release({k: o for k, o in made.items() if k != nodes})),
            unordered({k: o for k, o in expected.items() if k != nodes}),
        )
        made, expected = Sender(list(made.values())), Sender(list(expected.values()))
        self.assertEqual(made.flags, expected.flags)
        self.assertEqual(made.fields, expected.fields)
        for flag in ("--root", "--receive", "--cert-role"):
            self.assertCountEqual(
                [a for a in made.container["args"] if a.startswith(flag)],
                [a for a in expected.container["args"] if a.startswith(flag)],
            )
        # How an option is given aside.
        for container in (made.container, expected.container):
            del container["args"], container["env"]
        self.assertEqual(
            unordered(without_release(made.workload)), unordered(expected.workload)
        )

    def test_what_a_variable_names_comes_before_it(self):
        names = [v["name"] for v in Sender(list(self.fleet().values())).container["env"]]
        self.assertLess(names.index("HOST_IP"), names.index("TCPTOOLD_PEER_ADDRESS"))

    def test_releases_of_a_namespace_share_nothing(self):
        one, two = self.fleet(release="one"), self.fleet(release="two")
        self.assertEqual(set(one) & set(two), set())
        secrets = []
        for objects in (one, two):
            self.assertEqual(self.complaints(list(objects.values())), [])
            made = {o["spec"]["secretName"] for o in objects.values() if o["kind"] == "Certificate"}
            used = {
                volume["secret"]["secretName"]
                for workload in self.workloads(objects)
                for volume in workload["spec"]["template"]["spec"].get("volumes", [])
                if "secret" in volume
            }
            self.assertLessEqual(used, made)
            secrets.append(made)
            etcd = by_kind(list(objects.values()), "StatefulSet")
            self.assertIn(("Service", etcd["spec"]["serviceName"]), objects)
            names = by_kind(list(objects.values()), "Certificate", etcd["metadata"]["name"])
            members = [
                f"{etcd['metadata']['name']}-{n}.{etcd['spec']['serviceName']}" for n in range(3)
            ]
            self.assertEqual(names["spec"]["dnsNames"], members)
            self.assertEqual(
                Sender(list(objects.values())).flags["--etcd"],
                ",".join(f"{member}:2379" for member in members),
            )
            issuers = {o["metadata"]["name"] for o in objects.values() if o["kind"] == "Issuer"}
            asked = {o["spec"]["issuerRef"]["name"] for o in objects.values()
                     if o["kind"] == "Certificate"}
            self.assertEqual(asked - issuers, {"tcptool"})
        self.assertEqual(secrets[0] & secrets[1], set())

    def test_data_ports_of_all_nodes_have_a_certificate_for_their_addresses(self):
        objects = self.fleet(
            fullnameOverride="tcptoold", tokens_secretName="tcptool-tokens",
            dataTls_issuerName="tcptool",
        )  # fmt: skip
        self.assertEqual(self.complaints(list(objects.values())), [])
        certificate = objects["Certificate", "tcptoold-data"]["spec"]
        self.assertNotIn("dnsNames", certificate)
        self.assertEqual(
            certificate["ipAddresses"], ["192.0.2.11", "192.0.2.12", "192.0.2.13"]
        )
        ours = Sender(list(objects.values()))
        theirs = Sender(self.rendered["overlays/fleet+data-tls"])
        self.assertEqual(ours.flags, theirs.flags)
        self.assertEqual(unordered(ours.pod["volumes"]), unordered(theirs.pod["volumes"]))

    def test_content_between_nodes_is_in_tls_for_nodes_that_are_named(self):
        self.assertNotIn("--peer-data-tls", Sender(list(self.fleet().values())).flags)
        objects = self.fleet("--set=fleet.nodeNames={node1,node2.example}")
        self.assertEqual(self.complaints(list(objects.values())), [])
        sender = Sender(list(objects.values()))
        self.assertIn("--peer-data-tls", sender.flags)
        self.assertIn("--peer-data-tls", shipping.run(harness.program("tcptoold"), "--help"))
        # The name that a node has in the fleet is in its certificate.
        self.assertEqual(sender.fields["TCPTOOLD_NODE"], "spec.nodeName")
        certificate = objects["Certificate", "test-tcptoold"]["spec"]
        self.assertEqual(certificate["dnsNames"], ["test-tcptoold", "node1", "node2.example"])
        self.assertIn("client auth", certificate["usages"])
        self.assert_refused(
            "--peer-data-tls is set by the chart; use fleet.nodeNames",
            "--set=fleet.enabled=true", f"--set=fleet.addresses={ADDRESSES}",
            "--set=extraArgs={--peer-data-tls}",
        )  # fmt: skip

    def test_a_rack_has_a_daemonset_of_its_own(self):
        objects = self.fleet(
            "--set=fleet.racks[0].name=r1", "--set=fleet.racks[0].nodeSelector.rack=r1",
            "--set=fleet.racks[1].name=r2", "--set=fleet.racks[1].nodeSelector.rack=r2",
        )  # fmt: skip
        self.assertEqual(self.complaints(list(objects.values())), [])
        sets = [o for o in objects.values() if o["kind"] == "DaemonSet"]
        self.assertEqual(len(sets), 2)
        service = by_kind(list(objects.values()), "Service", "test-tcptoold")
        for rack, workload in zip(("r1", "r2"), sets):
            template = workload["spec"]["template"]
            labels = template["metadata"]["labels"]
            self.assertEqual(workload["metadata"]["name"], f"test-tcptoold-{rack}")
            self.assertEqual(template["spec"]["nodeSelector"], {"rack": rack})
            self.assertEqual(labels["topology.kubernetes.io/zone"], rack)
            # Two of one selector would fight for each other's pods.
            self.assertEqual(workload["spec"]["selector"]["matchLabels"]["tcptool/rack"], rack)
            self.assertLessEqual(
                workload["spec"]["selector"]["matchLabels"].items(), labels.items()
            )
            self.assertLessEqual(service["spec"]["selector"].items(), labels.items())

    def test_a_rack_may_be_a_label_of_the_node(self):
        made = list(
            self.fleet(
                fullnameOverride="tcptoold", tokens_secretName="tcptool-tokens",
                fleet_rackLabel="topology.kubernetes.io/zone",
            ).values()
        )  # fmt: skip
        self.assertEqual(self.complaints(made), [])
        expected = self.rendered["overlays/fleet+rack"]
        ours, theirs = Sender(made), Sender(expected)
        self.assertEqual((ours.flags, ours.fields), (theirs.flags, theirs.fields))
        self.assertEqual(ours.pod["initContainers"], theirs.pod["initContainers"])
        for part in ("volumeMounts", "volumes"):
            self.assertEqual(
                unordered(ours.container.get(part, ours.pod.get(part))),
                unordered(theirs.container.get(part, theirs.pod.get(part))),
            )
        self.assertEqual(
            by_kind(made, "ClusterRole")["rules"], by_kind(expected, "ClusterRole")["rules"]
        )

        one, two = (
            list(self.fleet("--namespace", namespace, fleet_rackLabel="example.com/row").values())
            for namespace in ("one", "two")
        )
        for objects, namespace in ((one, "one"), (two, "two")):
            binding = by_kind(objects, "ClusterRoleBinding")
            self.assertEqual(
                binding["subjects"],
                [{"kind": "ServiceAccount", "namespace": namespace,
                  "name": Sender(objects).pod["serviceAccountName"]}],
            )  # fmt: skip
            role = by_kind(objects, "ClusterRole")["metadata"]["name"]
            self.assertEqual(binding["roleRef"]["name"], role)
            self.assertIn(
                {"name": "LABEL", "value": "example.com/row"},
                Sender(objects).pod["initContainers"][0]["env"],
            )
        for kind in ("ClusterRole", "ClusterRoleBinding"):
            names = [by_kind(objects, kind)["metadata"]["name"] for objects in (one, two)]
            self.assertNotEqual(*names)

    def test_a_distribution_is_a_job_as_that_of_the_manifests(self):
        one = {"id": "model-1", "file": "node1:content/model.bin", "to": ["all"],
               "as": "received/model.bin"}  # fmt: skip
        two = one | {"id": "model-2", "to": ["rack=r1", "node7"], "options": ["--overwrite"]}
        values = self.values_file({"fleet": {"distributions": [one, two]}})
        same = self.fleet(
            values, fullnameOverride="tcptoold", tokens_secretName="tcptool-tokens"
        )  # fmt: skip
        self.assertEqual(self.complaints(list(same.values())), [])
        expected = copy.deepcopy(self.rendered["fleet/job"])
        job = by_kind(expected, "Job")["spec"]
        # An upgrade would make it again.
        del job["ttlSecondsAfterFinished"]
        job["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"
        self.assertEqual(without_release(same["Job", "tcptoold-model-1"]["spec"]), job)
        self.assertEqual(
            without_release(same["NetworkPolicy", "tcptoold-distribute"]["spec"]),
            by_kind(expected, "NetworkPolicy")["spec"],
        )

        objects = self.fleet(
            values, tokens_secretName="tcptool-tokens", fleet_operatorTokenSecretName="mine"
        )  # fmt: skip
        job = objects["Job", "test-tcptoold-model-2"]["spec"]["template"]
        (container,) = job["spec"]["containers"]
        for word in ("--to=rack=r1", "--to=node7", "--distribution-id=model-2", "--overwrite"):
            self.assertIn(word, container["args"])
        self.assertIn({"name": "TCPTOOL_SERVER", "value": "test-tcptoold:9875"}, container["env"])
        secrets = {v["name"]: v["secret"]["secretName"] for v in job["spec"]["volumes"]}
        self.assertEqual(secrets, {"ca": "test-tcptoold-tls", "token": "mine"})
        policy = objects["NetworkPolicy", "test-tcptoold-distribute"]["spec"]
        self.assertEqual(policy["podSelector"]["matchLabels"], job["metadata"]["labels"])

    def test_pods_of_other_charts_wait_as_the_consumer_does(self):
        sha256 = "Ab" * 32
        made = self.consumer("--set=model.file=models/large.bin", f"--set=model.sha256={sha256}")
        self.assertEqual(made.returncode, 0, made.stderr)
        objects = list(yaml.safe_load_all(made.stdout))
        self.assertEqual(self.complaints(objects), [])
        ours = by_kind(objects, "DaemonSet")["spec"]["template"]["spec"]
        theirs = copy.deepcopy(
            by_kind(self.rendered["fleet/job"], "DaemonSet")["spec"]["template"]["spec"]
        )
        (waiting,) = theirs["initContainers"]
        waiting["env"] = [
            {"name": "FILE", "value": "/content/models/large.bin"},
            {"name": "SHA256", "value": sha256.lower()},
        ]
        # The pod is of others, and may have another user.
        user = theirs["securityContext"]
        waiting["securityContext"] |= user
        self.assertEqual(ours["initContainers"], [waiting])
        self.assertEqual(ours["volumes"], theirs["volumes"])
        self.assertEqual(
            ours["containers"][0]["volumeMounts"], theirs["containers"][0]["volumeMounts"]
        )

    def test_what_no_content_can_be_is_refused(self):
        for said, *values in (
            ("is not 64 hexadecimal digits", "model.sha256=abc"),
            ("is not 64 hexadecimal digits", "model.sha256=null"),
            ("is no path below", "model.file=/etc/passwd"),
            ("is no path below", "model.file=a/../../b"),
            ("is no path below", "model.file="),
        ):
            made = self.consumer(*(f"--set={value}" for value in values))
            self.assertNotEqual(made.returncode, 0, made.stdout)
            self.assertIn(said, made.stderr)

    def test_an_etcd_that_there_is_can_be_used(self):
        objects = self.fleet(
            "--set=fleet.etcd.endpoints={etcd1.example:2379,etcd2.example:2379}",
            "--set=fleet.etcd.secretName=etcd",
        )
        self.assertEqual(self.complaints(list(objects.values())), [])
        self.assertEqual([kind for kind, _ in objects if kind in ("StatefulSet", "Issuer")], [])
        sender = Sender(list(objects.values()))
        self.assertEqual(sender.flags["--etcd"], "etcd1.example:2379,etcd2.example:2379")
        secrets = {v["name"]: v.get("secret", {}).get("secretName") for v in sender.pod["volumes"]}
        self.assertEqual(secrets["etcd-tls"], "etcd")

    def test_monitoring_reaches_the_nodes(self):
        objects = self.fleet(monitoring_enabled="true")
        self.assertEqual(self.complaints(list(objects.values())), [])
        self.assertEqual(
            Sender(list(objects.values())).flags["--http-address"], "[::]:9874"
        )
        policies = [name for kind, name in objects if kind == "NetworkPolicy"]
        self.assertEqual(policies, ["test-tcptoold-etcd"])

    def test_the_chart_refuses_what_cannot_be(self):
        fleet = ("--set=fleet.enabled=true", f"--set=fleet.addresses={ADDRESSES}")
        self.assert_refused("fleet.addresses: name", "--set=fleet.enabled=true")
        self.assert_refused(
            "endpoints and secretName go together", *fleet, "--set=fleet.etcd.endpoints={a:1}"
        )
        self.assert_refused(
            "the port of other nodes", *fleet,
            "--set=dataPorts.first=9870", "--set=dataPorts.last=9872",
        )  # fmt: skip
        self.assert_refused("use fleet.racks", *fleet, "--set=extraArgs={--rack=r1}")
        self.assert_refused(
            "fleet.distributions: their Jobs have a token", *fleet,
            "--set=fleet.distributions[0].id=x", "--set=fleet.distributions[0].file=a:b/c",
            "--set=fleet.distributions[0].to={all}", "--set=fleet.distributions[0].as=b/c",
        )  # fmt: skip
        labelled = (*fleet, "--set=fleet.rackLabel=row")
        self.assert_refused("it has the rack", *labelled, "--set=extraArgs={--config=x}")
        self.assert_refused(
            "racks or rackLabel", *labelled,
            "--set=fleet.racks[0].name=r1", "--set=fleet.racks[0].nodeSelector.rack=r1",
        )  # fmt: skip
        self.assert_refused("at '/fleet/rackLabel'", *fleet, "--set=fleet.rackLabel=a b")
        self.assert_refused("at '/fleet/name'", *fleet, "--set=fleet.name=a/b")

    def test_notes_tell_of_the_fleet(self):
        fleet = ("--set=fleet.enabled=true", f"--set=fleet.addresses={ADDRESSES}")
        made = self.notes(*fleet)
        self.assertIn("as the fleet cluster", made)
        objects = self.fleet()
        # From outside of the cluster.
        self.assertIn(("Service", re.search(r"port-forward service/(\S+) 9875", made)[1]), objects)
        secret = re.search(r"get secret (\S+)", made)[1]
        name = re.search(r"--tls-server-name (\S+)", made)[1]
        (certificate,) = (
            o["spec"]
            for (kind, _), o in objects.items()
            if kind == "Certificate" and o["spec"]["secretName"] == secret
        )
        self.assertIn(name, certificate["dnsNames"])
        # What lets nobody in is not shown.
        self.assertIn("--tls-cert", made)
        self.assertNotIn("--token-file", made)
        self.assertIn("--token-file", self.notes(*fleet, "--set=tokens.secretName=x"))
