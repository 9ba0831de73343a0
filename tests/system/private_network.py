"""A network of a test's own, with names of its own: whoever is in it may have any port."""

import subprocess


class PrivateNetwork:
    """A namespace whose loopback has these addresses, and where /etc/hosts has these lines."""

    def __init__(self, test, home, addresses=(), hosts=()):
        lines = "".join(f"{host}\n" for host in ("127.0.0.1 localhost", *hosts))
        (home / "hosts").write_text(lines)
        link = "".join(f"ip address add {address}/32 dev lo && " for address in addresses)
        self._keeper = subprocess.Popen(
            [
                "unshare", "--net", "--mount", "setpriv", "--pdeathsig=KILL", "sh", "-c",
                f"ip link set lo up && {link} mount --bind {home}/hosts /etc/hosts && "
                "echo up && exec sleep infinity",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        test.addCleanup(self._keeper.stdout.close)
        test.addCleanup(self._keeper.wait)
        test.addCleanup(self._keeper.kill)
        test.assertEqual(self._keeper.stdout.readline(), "up\n")
        # What runs a command there.
        self.prefix = ["nsenter", f"--target={self._keeper.pid}", "--net", "--mount"]
