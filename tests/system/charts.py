"""What the tests of the chart share: how helm renders it."""

import shutil
import subprocess

import yaml

import shipping
from manifests import ManifestsCase


def without_release(value):
    """As it is without the label that tells releases apart."""
    if isinstance(value, dict):
        return {
            key: without_release(item)
            for key, item in value.items()
            if key != "app.kubernetes.io/instance"
        }
    if isinstance(value, list):
        return [without_release(item) for item in value]
    return value


class ChartCase(ManifestsCase):
    def helm(self, *arguments, release="test"):
        return self.run_helm(
            "template", release, shipping.PROJECT / "deploy/helm/tcptool", *arguments, check=False
        )

    def consumer(self, *arguments):
        """What helm makes of the example of a chart whose pods wait for a content."""
        charts = self.work / "charts"
        if not charts.exists():
            for name in ("tcptool-consumer", "example-consumer"):
                # With what is linked to, as a package of it has that.
                shutil.copytree(shipping.PROJECT / "deploy/helm" / name, charts / name)
            self.run_helm("dependency", "update", "--skip-refresh", charts / "example-consumer")
        return self.run_helm(
            "template", "test", charts / "example-consumer", *arguments, check=False
        )

    def run_helm(self, *arguments, check=True):
        return subprocess.run(
            [self.work / "helm/helm", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=check,
        )

    def chart(self, *arguments, release="test", **values):
        """What the chart makes with these values, by kind and name."""
        made = self.helm(
            *arguments,
            *(f"--set={key.replace('_', '.')}={value}" for key, value in values.items()),
            release=release,
        )
        self.assertEqual(made.returncode, 0, made.stderr)
        return {
            (o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(made.stdout) if o
        }

    def with_labels(self, name):
        """An overlay, with the label that the chart gives everything for `commonLabels`."""
        return {
            key: o | {"metadata": {"labels": {"app.kubernetes.io/name": "tcptool"}, **o["metadata"]}}
            for key, o in self.overlay(name).items()
        }

    def assert_refused(self, message, *arguments):
        made = self.helm(*arguments)
        self.assertNotEqual(made.returncode, 0, made.stdout)
        self.assertIn(message, made.stderr)

    def values_file(self, values):
        path = self.work / "values.yaml"
        path.write_text(yaml.safe_dump(values))
        return f"--values={path}"

    def notes(self, *arguments):
        """What `helm install` would tell; `helm template` prints none."""
        made = shipping.run(
            self.work / "helm/helm", "install", "test",
            shipping.PROJECT / "deploy/helm/tcptool", "--dry-run=client", *arguments,
        )  # fmt: skip
        return made[made.index("NOTES:") :]
