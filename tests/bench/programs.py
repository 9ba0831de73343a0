"""The programs that take part, and what they cost."""

import itertools
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.request

from paths import LOOPBACK

DEADLINE_S = 120


def program(name):
    """A program of the project's: `./dev bench` says where they are."""
    return os.path.join(os.environ["PROGRAMS"], name)


TCPTOOL = program("client/tcptool/tcptool")
TCPTOOLCTL = program("client/tcptoolctl/tcptoolctl")
TCPTOOLD = program("server/daemon/tcptoold")
RECIPIENTS = program("tests/bench/recipients")
FLOOR = program("tests/bench/floor")
MODEL_2008 = program("tests/interop/model_sender")
CONTROL_LOAD = program("tests/bench/control_load")
PLAN_TIMES = program("tests/bench/plan_times")


# Below those that the kernel gives to outgoing connections.
_ports = itertools.cycle(range(20000 + os.getpid() % 1000 * 10, 32000))


def free_port():
    """Another one each time, as it may take a while until it is in use."""
    for port in _ports:
        with socket.socket() as one:
            try:
                one.bind(("", port))
                return port
            except OSError:
                continue


def cpu_seconds(pid):
    """What all threads of a process, those that have ended too, have used: its
    CPU clock (clock_getcpuclockid(3)), exact where /proc/PID/stat counts ticks."""
    return time.clock_gettime((~pid << 3) | 2)


def memory(pid):
    """Bytes of anonymous memory that a process has resident."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no RssAnon in /proc/PID/status")


def wait_until(condition, what, pause_s=0.005):
    end = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        if time.monotonic() > end:
            raise RuntimeError(f"after {DEADLINE_S} s still not: {what}")
        time.sleep(pause_s)
    return value


def wait_listening(path, port):
    """Until the sender's side listens there; it is not connected to, as that would be a
    recipient."""
    command = [*path.sender_prefix, "ss", "-Hltn", f"sport = :{port}"]
    wait_until(
        lambda: subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout,
        f"port {port} listens",
    )


class OneShot:
    """A sender that ends with its transfer. `cpu` once it has been waited for."""

    def __init__(self, argv, **options):
        self._process = subprocess.Popen(argv, **options)
        self.pid = self._process.pid
        self.stdout = self._process.stdout
        self.cpu = None

    def wait(self):
        _, status, usage = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        # Its own, and its children's that it has waited for.
        self.cpu = usage.ru_utime + usage.ru_stime
        if self._process.returncode != 0:
            raise RuntimeError(f"{self._process.args} ended with {self._process.returncode}")

    def kill(self):
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()


class Recipients:
    """Any number of recipients that discard: the program `recipients`."""

    def __init__(self, path, count, *, port, listen=False, speak="tcptool", extra=()):
        where = "--listen" if listen else "--connect"
        address = path.recipient_address if listen else path.sender_address
        self._process = subprocess.Popen(
            [
                *path.recipient_prefix,
                RECIPIENTS,
                f"{where}={address}:{port}",
                f"--count={count}",
                f"--speak={speak}",
                *extra,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.count = count
        self.connect_s = None
        if listen:
            self._line()

    def _line(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the recipients failed; see above")
        return json.loads(line)

    def wait_connected(self):
        self.connect_s = self._line()["connected"]

    def go(self):
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def result(self, content_size=None):
        """What they saw. With a size: nobody may have had less, or a reset."""
        seen = self._line()
        self._process.wait()
        if content_size is not None:
            for recipient in seen["recipients"]:
                if recipient["error"] or recipient["bytes"] < content_size:
                    raise RuntimeError(f"a recipient had less than the content: {recipient}")
        return seen

    def close(self):
        self._process.kill()
        self._process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def duration(seen):
    """From the start to the last recipient's end, in seconds."""
    return max(recipient["end"] for recipient in seen["recipients"]) - seen["start"]


def port_of(session):
    """Where recipients of a session, as tcptoolctl prints it, connect."""
    return int(session["dataEndpoint"].rpartition(":")[2])


class Tcptoold:
    """A service with one root, "files", driven by tcptoolctl."""

    def __init__(self, root, path=LOOPBACK, ports=100, extra=(), client_environment=None):
        self._path = path
        self._client_environment = {**os.environ, **(client_environment or {})}
        self._home = tempfile.TemporaryDirectory(prefix="tcptoold.")
        self._ready_file = pathlib.Path(self._home.name) / "ready"
        last_port = 19999
        self._command = [
            *path.sender_prefix,
            TCPTOOLD,
            "--control-address=127.0.0.1:0",
            "--http-address=127.0.0.1:0",
            f"--data-ports={last_port - ports + 1}-{last_port}",
            f"--root=files={root}",
            f"--ready-file={self._ready_file}",
            f"--state={self._ready_file}.db",
            "--log-level=error",
            *extra,
        ]
        self.start()

    def start(self):
        """Once more after kill(), with the same state."""
        self._ready_file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            self._command,
            # What it keeps goes with it, and its pages are in nobody's way.
            env={
                **os.environ,
                "HOME": self._home.name,
                "TCPTOOLD_HTTP_ADDRESS": "127.0.0.1:0",
            },
        )
        self.pid = self._process.pid
        wait_until(self._ready_file.exists, "tcptoold is ready")
        ready = json.loads(self._ready_file.read_text(encoding="utf-8"))
        self.control_address = ready["control_address"]
        self.http_address = ready["http_address"]

    def kill(self):
        """With SIGKILL: what it keeps stays."""
        self._process.kill()
        self._process.wait()

    def control(self, *arguments):
        """What tcptoolctl prints, as objects."""
        done = subprocess.run(
            [
                *self._path.sender_prefix,
                TCPTOOLCTL,
                f"--server={self.control_address}",
                "--output=json",
                *arguments,
            ],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=self._client_environment,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    def metric(self, name):
        """Of a series without labels."""
        with urllib.request.urlopen(f"http://{self.http_address}/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        raise RuntimeError(f"there is no series {name}")

    def create(self, file, *flags):
        """The name of a session, and its port."""
        (session,) = self.control("create", f"--file=files/{file}", *flags)
        return session["name"], port_of(session)

    def get(self, name):
        return self.control("get", name)[0]

    def wait_ready(self, name, count):
        wait_until(
            lambda: self.get(name)["counts"]["ready"] >= count, f"{count} recipients are READY"
        )

    def wait_final(self, name):
        unfinished = ("SESSION_STATE_WAITING", "SESSION_STATE_TRANSFERRING")
        return wait_until(
            lambda: (session := self.get(name))["state"] not in unfinished and session,
            f"{name} is final",
        )

    def close(self):
        self._process.terminate()
        status = self._process.wait()
        self._home.cleanup()
        if status != 0:
            raise RuntimeError(f"tcptoold ended with {status}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
