"""A star: one `tcptool -s`, and a `tcptool -r` at each of the others."""

from programs import TCPTOOL
from races import WayOfPrograms

PORT = 9876


class Star(WayOfPrograms):
    """The one that all of them get the content from sends it to each."""

    name = "tcptool -s, tcptool -r"

    def __init__(self, hosts, content):
        super().__init__(hosts, content)
        count = str(len(self.targets))
        self.run(self.source, TCPTOOL, "-d", "error", "-s", str(PORT), "-c", count, content)

    def begin(self):
        address = f"{self.source.address}:{PORT}"
        for target in self.targets:
            self.receive(
                target, TCPTOOL, "-d", "error", "--wait", "10s", "-r", address, self.copy(target)
            )
