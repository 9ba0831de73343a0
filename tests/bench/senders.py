"""Those that send a file to recipients: tcptool, and what it is compared with."""

import os
import pathlib
import subprocess
import tempfile
import time

from compare import Transfer
from programs import (
    FLOOR,
    MODEL_2008,
    OneShot,
    Recipients,
    TCPTOOL,
    Tcptoold,
    cpu_seconds,
    duration,
    free_port,
    wait_until,
)


class ProgramSender:
    """A program that waits for its recipients, sends, and ends."""

    def __init__(self, name, path, argv, recipient_flags=()):
        """`argv` makes the command line from port, number of recipients and file."""
        self.name = name
        self._path = path
        self._argv = argv
        self._recipient_flags = recipient_flags

    def measure(self, content, count):
        seen, _, cpu = self.serve(content, count)
        return Transfer(os.path.getsize(content) * count / 1e9, duration(seen), cpu)

    def serve(self, content, count):
        """What the recipients saw, when the sender had ended, as it does with the proof
        of all, and its CPU seconds."""
        port = free_port()
        size = os.path.getsize(content)
        sender = OneShot([*self._path.sender_prefix, *self._argv(port, count, content)])
        try:
            with Recipients(
                self._path, count, port=port, extra=self._recipient_flags
            ) as recipients:
                recipients.wait_connected()
                recipients.go()
                seen = recipients.result(size)
                sender.wait()
                ended = time.monotonic()
        finally:
            sender.kill()
        return seen, ended, sender.cpu

    def close(self):
        pass


def tcptool(path, tls=None):
    flags = [] if tls is None else tls.flags("--tls")
    return ProgramSender(
        "tcptool",
        path,
        lambda port, count, file: [
            TCPTOOL, "-d", "error", *flags, "-s", str(port), "-c", "unlimited", file
        ],
        [] if tls is None else tls.recipient_flags,
    )  # fmt: skip


def floor(path, method, *flags):
    name = f"floor: {method}{', no cork' if flags else ''}"
    return ProgramSender(
        name,
        path,
        lambda port, count, file: [
            FLOOR,
            method,
            f"{path.sender_address}:{port}",
            str(count),
            file,
            *flags,
        ],
    )


MODEL_NAME = "model of 2008"


def model_2008(path):
    return ProgramSender(
        MODEL_NAME,
        path,
        lambda port, count, file: [MODEL_2008, str(port), "0", file],
    )


class TcptooldSender:
    """The service, with one session for each transfer."""

    def __init__(self, path, root, name="tcptoold", flags=(), tls=None):
        self.name = name
        self._path = path
        self._create_flags = [] if tls is None else ["--encrypt"]
        self._recipient_flags = [] if tls is None else tls.recipient_flags
        if tls is not None:
            flags = [*flags, *tls.flags("--data-tls")]
        self._service = Tcptoold(root, path, extra=flags)

    def measure(self, content, count):
        size = os.path.getsize(content)
        name, port = self._service.create(os.path.basename(content), *self._create_flags)
        with Recipients(
            self._path, count, port=port, extra=self._recipient_flags
        ) as recipients:
            recipients.wait_connected()
            before = cpu_seconds(self._service.pid)
            recipients.go()
            seen = recipients.result(size)
            cpu = cpu_seconds(self._service.pid) - before
            if self._service.wait_final(name)["state"] != "SESSION_STATE_SUCCEEDED":
                raise RuntimeError("tcptoold did not deliver to all")
        return Transfer(size * count / 1e9, duration(seen), cpu)

    def close(self):
        self._service.close()


NGINX = """
worker_processes {workers};
daemon off;
user root;
pid {home}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  server {{ listen {listen}; root {root}; }}
}}
"""


class NginxSender:
    """nginx with a number of workers, serving a directory."""

    def __init__(self, path, root, workers=1, tls=None):
        self.name = f"nginx, {workers} worker{'s' if workers > 1 else ''}"
        self._path = path
        self._home = tempfile.TemporaryDirectory(prefix="nginx.")
        self.port = free_port()
        self._recipient_flags = [] if tls is None else tls.recipient_flags
        listen = f"{path.sender_address}:{self.port}"
        config = pathlib.Path(self._home.name) / "conf"
        config.write_text(
            NGINX.format(
                workers=workers,
                home=self._home.name,
                listen=listen if tls is None else f"{listen} ssl; {tls.nginx}",
                root=root,
            ),
            encoding="ascii",
        )
        self._process = subprocess.Popen(
            [*path.sender_prefix, "nginx", "-p", self._home.name, "-c", str(config)]
        )
        self.workers = wait_until(lambda: self._children(workers), "nginx has its workers")

    def _children(self, expected):
        if self._process.poll() is not None:
            raise RuntimeError("nginx ended; see above")
        found = subprocess.run(
            ["pgrep", "--parent", str(self._process.pid)],
            capture_output=True, text=True, check=False,
        ).stdout.split()  # fmt: skip
        return found if len(found) == expected else None

    def cpu(self):
        return sum(cpu_seconds(int(worker)) for worker in self.workers)

    def measure(self, content, count):
        seen, _, cpu = self.serve(content, count)
        return Transfer(os.path.getsize(content) * count / 1e9, duration(seen), cpu)

    def serve(self, content, count):
        """What the recipients saw, no proof, and its CPU seconds."""
        size = os.path.getsize(content)
        asks_for = f"--path=/{os.path.basename(content)}"
        with Recipients(
            self._path,
            count,
            port=self.port,
            speak="http",
            extra=[asks_for, *self._recipient_flags],
        ) as recipients:
            recipients.wait_connected()
            before = self.cpu()
            recipients.go()
            seen = recipients.result(size)
            cpu = self.cpu() - before
        return seen, None, cpu

    def close(self):
        self._process.terminate()
        self._process.wait()
        self._home.cleanup()
