"""The chart, as helm renders it: the same as the manifests, by Kubernetes' schemas, and a clear
error for what cannot be."""

import re

from charts import ChartCase, without_release
from manifests import Sender, by_kind, unordered


class HelmTest(ChartCase):
    def test_the_chart_makes_the_same_as_the_base_and_its_components(self):
        def chart(**values):
            return without_release(self.chart(fullnameOverride="tcptoold", **values))

        self.assertEqual(chart(), self.overlay("base"))
        monitored = self.with_labels("overlays/monitoring")
        self.assertEqual(
            unordered(chart(monitoring_enabled="true")), unordered(monitored)
        )

        # The order of what is in lists aside, and how an option is given.
        made = Sender(list(chart(tls_secretName="tcptoold-tls").values()))
        expected = Sender(self.rendered["overlays/mtls"])
        self.assertEqual(made.flags, expected.flags)
        self.assertEqual(made.pod["volumes"], expected.pod["volumes"])
        self.assertCountEqual(made.container["volumeMounts"], expected.container["volumeMounts"])

    def test_data_ports_have_the_certificate_that_the_component_gives_them(self):
        made = without_release(
            self.chart(fullnameOverride="tcptoold", dataTls_issuerName="tcptool")
        )
        self.assertEqual(self.complaints(list(made.values())), [])
        expected = self.rendered["base+data-tls"]
        ours, theirs = Sender(list(made.values())), Sender(expected)
        self.assertEqual(ours.flags, theirs.flags)
        self.assertEqual(ours.flags["--data-tls-cert"], "/etc/tcptool/data-tls/tls.crt")
        self.assertNotIn("--data-tls-client-ca", ours.flags)
        self.assertEqual(ours.pod["volumes"], theirs.pod["volumes"])
        self.assertCountEqual(ours.container["volumeMounts"], theirs.container["volumeMounts"])
        certificate = made["Certificate", "tcptoold-data"]
        self.assertEqual(certificate["spec"], by_kind(expected, "Certificate")["spec"])
        # As recipients call it.
        self.assertIn(("Service", certificate["spec"]["dnsNames"][0]), made)

    def test_data_ports_may_have_a_certificate_that_is_there(self):
        values = {
            "dataTls": {"secretName": "content", "recipientCertificates": True},
            "tls": {"secretName": "tls"},
        }
        objects = self.chart(self.values_file(values))
        self.assertEqual(self.complaints(list(objects.values())), [])
        self.assertEqual([kind for kind, _ in objects if kind == "Certificate"], [])
        sender = Sender(list(objects.values()))
        secrets = {v["name"]: v["secret"]["secretName"] for v in sender.pod["volumes"]}
        mounts = {m["mountPath"]: m["name"] for m in sender.container["volumeMounts"]}
        for flag, name, secret in (
            ("--data-tls-cert", "tls.crt", "content"),
            ("--data-tls-key", "tls.key", "content"),
            ("--data-tls-client-ca", "ca.crt", "content"),
            ("--tls-cert", "tls.crt", "tls"),
        ):
            directory, _, file = sender.flags[flag].rpartition("/")
            self.assertEqual((file, secrets[mounts[directory]]), (name, secret), flag)

    def test_a_certificate_of_data_ports_is_for_whom_it_is_asked(self):
        certificate = self.chart(
            "--set=dataTls.issuerName=content", "--set=dataTls.dnsNames={images.example}",
            "--set=dataTls.ipAddresses={192.0.2.10}",
        )["Certificate", "test-tcptoold-data"]["spec"]  # fmt: skip
        self.assertEqual(certificate["secretName"], "test-tcptoold-data-tls")
        self.assertEqual(certificate["issuerRef"], {"kind": "Issuer", "name": "content"})
        self.assertEqual(certificate["dnsNames"], ["images.example"])
        self.assertEqual(certificate["ipAddresses"], ["192.0.2.10"])

    def test_releases_of_a_namespace_share_nothing(self):
        one = self.chart(release="one", monitoring_enabled="true")
        two = self.chart(release="two", monitoring_enabled="true")
        self.assertEqual(set(one) & set(two), set())
        for objects in (one, two):
            self.assertEqual(self.complaints(list(objects.values())), [])
            sender = Sender(list(objects.values()))
            labels = sender.workload["spec"]["template"]["metadata"]["labels"]
            name = sender.workload["metadata"]["name"]
            self.assertIn(("Service", sender.workload["spec"]["serviceName"]), objects)
            self.assertIn(("ServiceAccount", sender.pod["serviceAccountName"]), objects)
            for (kind, _), o in objects.items():
                self.assertTrue(o["metadata"]["name"].startswith(name))
                selector = {
                    "Service": lambda spec: spec["selector"],
                    "NetworkPolicy": lambda spec: spec["podSelector"]["matchLabels"],
                    "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
                    "StatefulSet": lambda spec: spec["selector"]["matchLabels"],
                }.get(kind)
                if selector:
                    self.assertEqual(selector(o["spec"]), labels)
            monitor = by_kind(list(objects.values()), "ServiceMonitor")["spec"]["selector"]
            self.assertLessEqual(
                monitor["matchLabels"].items(),
                objects["Service", f"{name}-http"]["metadata"]["labels"].items(),
            )
            self.assertEqual(
                monitor["matchLabels"]["app.kubernetes.io/instance"],
                labels["app.kubernetes.io/instance"],
            )

    def test_the_chart_refuses_what_cannot_be(self):
        self.assert_refused("at '/image/tag': got number", "--set=image.tag=20261126")
        self.assert_refused("at '/image/tag': got number", self.values_file({"image": {"tag": 1.10}}))
        self.assert_refused("missing property 'dataPorts'", self.values_file({"dataPorts": None}))
        self.assert_refused("missing property 'tls'", self.values_file({"tls": None}))
        self.assert_refused("additional properties 'taint' not allowed", "--set=taint=x")
        for url in ("wiki.example.com", "https://", "https://wiki.example.com/ #a"):
            self.assert_refused("at '/monitoring/runbookUrl'", f"--set=monitoring.runbookUrl={url}")
        self.assert_refused(
            "last (9870) is below first (9880)",
            "--set=dataPorts.first=9880", "--set=dataPorts.last=9870",
        )  # fmt: skip
        self.assert_refused("more than 100 ports", "--set=dataPorts.last=20000")
        self.assert_refused("the port of the control API", "--set=dataPorts.first=9875")
        self.assert_refused(
            "--drain-timeout is set by the chart; use drainTimeoutSeconds",
            "--set=extraArgs={--drain-timeout=5s}",
        )
        self.assert_refused("clear text", "--set=tokens.secretName=tokens")
        self.assert_refused(
            "--data-tls-cert is set by the chart; use dataTls",
            "--set=extraArgs={--data-tls-cert=/x}",
        )
        self.assert_refused(
            "set dataTls.secretName or dataTls.issuerName too",
            "--set=dataTls.recipientCertificates=true",
        )
        self.assert_refused("set dataTls.issuerName too", "--set=dataTls.dnsNames={a}")

    def test_keys_without_value_are_their_defaults(self):
        empty = dict.fromkeys(
            ("fullnameOverride", "imagePullSecrets", "extraArgs", "resources", "nodeSelector",
             "tolerations", "affinity", "podLabels", "commonLabels", "priorityClassName")
        ) | {
            "image": {"tag": None, "pullPolicy": None},
            "tls": {"secretName": None, "certRoles": None},
            "dataTls": dict.fromkeys(
                ("secretName", "issuerName", "dnsNames", "ipAddresses", "recipientCertificates")
            ),
            "content": {"storageClassName": None},
            "monitoring": {"labels": None, "runbookUrl": None},
        }  # fmt: skip
        self.assertEqual(self.chart(self.values_file(empty)), self.chart())

    def test_monitoring_without_policies_closes_nothing(self):
        objects = self.chart(monitoring_enabled="true", networkPolicy_enabled="false")
        self.assertEqual([kind for kind, _ in objects if kind == "NetworkPolicy"], [])

    def test_what_a_cluster_asks_of_pods_can_be_said(self):
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]}}}
        objects = self.chart(
            self.values_file(
                {
                    "image": {"tag": "20261126"},
                    "affinity": affinity,
                    "priorityClassName": "high",
                    "podAnnotations": {"a": "b"},
                    "annotations": {"c": "d"},
                    "podLabels": {"team": "x"},
                    "commonLabels": {"cost": "shared"},
                    "tls": {"secretName": "tls"},
                    "tokens": {"secretName": "tokens"},
                    "extraArgs": ["--root=more=/srv/more", "--log-format=json"],
                    "monitoring": {
                        "enabled": True,
                        "labels": {"release": "prometheus"},
                        "runbookUrl": "https://wiki.example.com/tcptool/",
                    },
                }
            )
        )
        self.assertEqual(self.complaints(list(objects.values())), [])
        sender = Sender(list(objects.values()))
        self.assertEqual(sender.container["image"], "tcptool:20261126")
        self.assertEqual(sender.pod["affinity"], affinity)
        self.assertEqual(sender.pod["priorityClassName"], "high")
        self.assertEqual(sender.workload["metadata"]["annotations"], {"c": "d"})
        template = sender.workload["spec"]["template"]["metadata"]
        self.assertEqual(template["annotations"], {"a": "b"})
        self.assertEqual(template["labels"]["team"], "x")
        self.assertEqual({o["metadata"]["labels"]["cost"] for o in objects.values()}, {"shared"})
        self.assertEqual(
            sender.container["args"][-2:], ["--root=more=/srv/more", "--log-format=json"]
        )
        directory, _, key = sender.flags["--token-file"].rpartition("/")
        mounts = {m["mountPath"]: m["name"] for m in sender.container["volumeMounts"]}
        self.assertEqual((mounts[directory], key), ("tokens", "tokens"))
        for kind in ("ServiceMonitor", "PrometheusRule"):
            self.assertEqual(
                by_kind(list(objects.values()), kind)["metadata"]["labels"]["release"],
                "prometheus",
            )
        links = re.findall(r"'runbook_url': '([^']*)'",
                           str(by_kind(list(objects.values()), "PrometheusRule")))
        self.assertTrue(links)
        for link in links:
            self.assertTrue(link.startswith("https://wiki.example.com/tcptool/operations.md#"), link)

    def test_notes_tell_of_the_release(self):
        for values, said in (
            ((), "tcptool-control=allowed"),
            (("--set=networkPolicy.enabled=false",), "WARNING"),
            (("--set=tls.secretName=x",), "--tls-ca"),
            (("--set=dataTls.secretName=x",), "tcptool -r test-tcptoold-data:9876 --tls --tls-ca"),
        ):
            notes = self.notes(*values)
            self.assertIn("test-tcptoold-data", notes)
            self.assertIn(said, notes)

    def test_the_chart_puts_values_everywhere_where_they_matter(self):
        objects = list(
            self.chart(
                fullnameOverride="tcptoold",
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
        self.assertEqual(sender.pod["terminationGracePeriodSeconds"], 330)
        self.assertEqual(sender.container["image"], "registry.invalid/tcptool:x")
        (claim,) = (
            c
            for c in sender.workload["spec"]["volumeClaimTemplates"]
            if c["metadata"]["name"] == "content"
        )
        self.assertEqual(claim["spec"]["resources"]["requests"]["storage"], "7Gi")
        self.assertEqual(claim["spec"]["storageClassName"], "fast")
