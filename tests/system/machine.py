"""A Debian of this machine's release, installed into a directory and booted with systemd."""

import os
import re
import signal
import subprocess

import harness
import shipping


def make_debian(root, debs, *packages):
    """With this machine's sources of packages, and the directory `debs` in /debs."""
    sources = shipping.run(
        "apt-get",
        "indextargets",
        "--format=deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Identifier: Packages",
        "Origin: Debian",
    )
    codename = shipping.run("sh", "-c", '. /etc/os-release && echo "$VERSION_CODENAME"').strip()
    # In a mount namespace of its own: it binds directories of this machine into the root,
    # /dev/shm among them. If it is killed, whoever removes the root must not find them.
    shipping.run(
        "unshare",
        "--mount",
        "mmdebstrap",
        "--mode=root",
        "--variant=apt",
        "--skip=cleanup/apt/lists",
        *(f"--include={package}" for package in packages),
        f"--customize-hook=cp -r {debs} \"$1/debs\"",
        codename,
        root,
        "-",
        input=sources,
    )


def make_packaged(place, *packages):
    """A root with systemd, the packages of this project, and Debian's `packages`."""
    debs = place.path / "debs"
    debs.mkdir()
    shipping.run(shipping.PROJECT / "deploy/debian/build", place.programs, debs)
    root = place.path / "machine"
    make_debian(root, debs, "systemd", "systemd-sysv", "util-linux", *packages)
    shipping.run(
        "chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install",
        "--yes", "--no-install-recommends",
        *(f"/debs/{deb.name}" for deb in sorted(debs.glob("*.deb"))),
    )  # fmt: skip
    return root


class Machine:
    """Boots what is installed in `root`, in namespaces of its own: with its own loopback."""

    def __init__(self, root):
        self.root = root
        self._log = open(root.with_suffix(".log"), "w+", encoding="utf-8")
        # No service of this machine's has to know of it.
        self._nspawn = subprocess.Popen(
            [
                "systemd-nspawn", f"--directory={root}", "--register=no", "--keep-unit",
                "--private-network", "--console=pipe", f"--machine=tcptool-{os.getpid()}",
                "--boot",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            harness.wait_until(self._is_up, "the machine is up")
        except BaseException:
            self.close()
            raise

    def _leader(self):
        """The process that is systemd there."""
        with open(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children") as children:
            return children.read().split()[0]

    def _is_up(self):
        if self._nspawn.poll() is not None:
            raise AssertionError(f"systemd-nspawn has ended:\n{self.log()}")
        try:
            state = self.attempt("systemctl", "is-system-running").stdout.strip()
        except (IndexError, OSError):
            return False
        # A unit that failed is for the test to find.
        return state in ("running", "degraded")

    def attempt(self, *command, **options):
        """A command that may fail."""
        return subprocess.run(
            ["nsenter", f"--target={self._leader()}", "--all", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **options,
        )

    def run(self, *command, **options):
        """What a command prints; it has to succeed."""
        done = self.attempt(*command, **options)
        if done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def start(self, *command, **options):
        """A command that goes on."""
        return subprocess.Popen(
            ["nsenter", f"--target={self._leader()}", "--all", *map(str, command)], **options
        )

    def property(self, unit, name):
        return self.run("systemctl", "show", f"--property={name}", "--value", unit).strip()

    def journal(self, unit):
        return self.run("journalctl", "--unit", unit, "--output=cat")

    def log(self):
        self._log.flush()
        return re.sub(r"\x1b\[[0-9;]*m", "", open(self._log.name, encoding="utf-8").read())

    def close(self):
        # The second is to end it at once.
        for _ in range(2):
            if self._nspawn.poll() is None:
                self._nspawn.send_signal(signal.SIGTERM)
                try:
                    self._nspawn.wait(10)
                except subprocess.TimeoutExpired:
                    pass
        self._nspawn.kill()
        self._nspawn.wait()
        self._log.close()
