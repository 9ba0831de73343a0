"""What a service says to Prometheus."""

import urllib.request

import harness


def samples(text):
    """{'name{label="value"}': value} of Prometheus' text format."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def scrape_text(service):
    """Its metrics, in Prometheus' text format."""
    with urllib.request.urlopen(
        f"http://{service.http_address}/metrics", timeout=harness.DEADLINE_S
    ) as answer:
        return answer.read().decode()


def scrape(service):
    """Its metrics, as `samples` has them."""
    return samples(scrape_text(service))
