"""What the tests of packages and images share."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import harness

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("tcptoold", "tcptoolctl", "tcptool")


def run(*command, **options):
    """What a command prints; it has to succeed."""
    result = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    if result.returncode != 0:
        raise AssertionError(f"{command} ended with {result.returncode}:\n{result.stdout}")
    return result.stdout


class Workplace:
    """A directory with the programs in `programs`; it goes at the end."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="shipping.")
        self.path = pathlib.Path(self._directory.name)
        # The users as whom packages and images run programs have to get in.
        self.path.chmod(0o755)
        self.programs = self.path / "programs"
        self.programs.mkdir()
        for name in PROGRAMS:
            shutil.copy(harness.program(name), self.programs)

    def close(self):
        self._directory.cleanup()


def transfer(test, service, ready_file, file, inside, output):
    """Has a service send a file of its roots to `output`, by the programs beside it.

    `service` is its process; `inside` runs a command where it runs, and returns what that
    prints.
    """
    harness.wait_until(
        lambda: service.poll() is not None or ready_file.exists(), "the service is ready"
    )
    test.assertIsNone(service.poll(), "the service has ended")
    server = json.loads(ready_file.read_text())["control_address"]
    control = ("/usr/bin/tcptoolctl", f"--server={server}", "--output=json")
    session = json.loads(inside(*control, "create", f"--file={file}"))
    port = re.search(r":(\d+)$", session["dataEndpoint"])[1]
    inside("/usr/bin/tcptool", "-r", f"127.0.0.1:{port}", "-t", output)
    harness.wait_until(
        lambda: json.loads(inside(*control, "get", session["name"]))["state"]
        == "SESSION_STATE_SUCCEEDED",
        "the session has succeeded",
    )
