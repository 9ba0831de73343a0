"""A node that receives: what the suites of receptions share."""

import pathlib
import tempfile
import time

from paths import LOOPBACK
from programs import Tcptoold, free_port, port_of, wait_until

# In memory, so that it is not the disk that is measured.
OUTPUT = "/dev/shm"


class Node(Tcptoold):
    """A service that receives into a directory of its own, in memory, and that other
    nodes receive from."""

    def __init__(self, path=LOOPBACK, root=None, **options):
        self._disk = tempfile.TemporaryDirectory(dir=OUTPUT)
        self.peer_address = f"{path.sender_address}:{free_port()}"
        extra = [
            f"--receive=disk={self._disk.name}",
            f"--peer-address={self.peer_address}",
            *options.pop("extra", ()),
        ]
        super().__init__(root or self._disk.name, path, extra=extra, **options)

    def receive(self, source, *flags):
        """The name of a reception, which starts at once."""
        # As programs do that receive into a directory of their own: to free the memory of a
        # file that is replaced costs a tenth of what a reception does.
        (pathlib.Path(self._disk.name) / "file").unlink(missing_ok=True)
        (reception,) = self.control(
            "receive", "--from", source, "--to=disk/file", "--wait=10s", *flags
        )
        return reception["name"]

    def wait_connected(self, name):
        wait_until(
            lambda: self.get(name)["state"] != "RECEPTION_STATE_CONNECTING",
            f"{name} is connected",
        )

    def wait_received(self, name):
        # Seldom, as each look is a process beside those that are measured. Its times are
        # the reception's own.
        reception = wait_until(
            lambda: "endTime" in (one := self.get(name)) and one, f"{name} is final", pause_s=0.2
        )
        if reception["state"] != "RECEPTION_STATE_SUCCEEDED":
            raise RuntimeError(f"the reception failed: {reception}")
        return reception

    def send_on(self, reception, *flags):
        """A session of the reception: its name, and its port."""
        (session,) = self.control("create", f"--reception={reception}", *flags)
        return session["name"], port_of(session)

    def close(self):
        super().close()
        self._disk.cleanup()


def seconds_between(resource, begin, end):
    def seconds(text):
        whole, _, fraction = text.rstrip("Z").partition(".")
        parsed = time.strptime(whole, "%Y-%m-%dT%H:%M:%S")
        return time.mktime(parsed) + float(f"0.{fraction or 0}")

    return seconds(resource[end]) - seconds(resource[begin])
