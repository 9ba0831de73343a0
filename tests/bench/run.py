#!/usr/bin/env python3
"""Measures tcptool's fan-out beside nginx's, in one run, over loopback.

usage: run.py [--recipients N] [--size MIB] [--rounds N] [--json FILE]

Recipients discard what they get (MSG_TRUNC), so that the sender is what is
measured. Rounds alternate between the senders; the table has medians. The programs
come from `./dev bench`.
"""

import argparse
import json
import os
import pathlib
import platform
import resource
import socket
import statistics
import subprocess
import tempfile
import threading
import time

CHUNK = 1 << 20


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def connect(port):
    """A connection to a sender that may not listen yet."""
    end = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def discard(connection, totals, index):
    """Reads to the end; MSG_TRUNC leaves the bytes in the kernel (tcp(7))."""
    buffer = bytearray(CHUNK)
    while count := connection.recv_into(buffer, CHUNK, socket.MSG_TRUNC):
        totals[index] += count
    connection.close()


def drain(connections):
    """Discards from all at a time; answers how many bytes each had."""
    totals = [0] * len(connections)
    threads = [
        threading.Thread(target=discard, args=(connection, totals, index))
        for index, connection in enumerate(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return totals


def cpu_seconds(pids):
    """User and system time of processes, from /proc/PID/stat (proc(5))."""
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        user, system = fields.split()[11:13]
        ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")


def measure_tcptool(content, recipients):
    """(seconds, CPU seconds) of one transfer by `tcptool -s`."""
    port = free_port()
    sender = subprocess.Popen(
        [os.environ["TCPTOOL"], "-d", "error", "-s", str(port), "-c", "unlimited", content]
    )
    connections = [connect(port) for _ in range(recipients)]
    for connection in connections[:-1]:
        connection.send(b"\0")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    connections[-1].send(b"\1")
    totals = drain(connections)
    seconds = time.monotonic() - began
    if sender.wait() != 0:
        raise SystemExit("tcptool did not deliver to all recipients")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    check(totals, content)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu


NGINX = """
worker_processes {workers};
daemon off;
pid {home}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


class Nginx:
    """nginx with a number of workers, serving the content's directory."""

    def __init__(self, content, workers):
        self._content = content
        self._home = tempfile.TemporaryDirectory(prefix="nginx.")
        self.port = free_port()
        config = pathlib.Path(self._home.name) / "conf"
        config.write_text(
            NGINX.format(
                workers=workers,
                home=self._home.name,
                port=self.port,
                root=os.path.dirname(content),
            ),
            encoding="ascii",
        )
        self._process = subprocess.Popen(["nginx", "-p", self._home.name, "-c", str(config)])
        connect(self.port).close()

    def measure(self, recipients):
        workers = subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        connections = [connect(self.port) for _ in range(recipients)]
        before = cpu_seconds(workers)
        began = time.monotonic()
        for connection in connections:
            connection.send(f"GET /{os.path.basename(self._content)} HTTP/1.0\r\n\r\n".encode())
        totals = drain(connections)
        seconds = time.monotonic() - began
        check(totals, self._content)
        return seconds, cpu_seconds(workers) - before

    def close(self):
        self._process.terminate()
        self._process.wait()
        self._home.cleanup()


def check(totals, content):
    """Nobody had less than the content: nginx adds its headers."""
    size = os.path.getsize(content)
    if min(totals) < size:
        raise SystemExit(f"a recipient had {min(totals)} of {size} bytes")


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--size", type=int, default=512, metavar="MIB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()

    print(f"{platform.system()} {platform.release()}, {os.cpu_count()} x {processor()}")
    results = []
    with tempfile.TemporaryDirectory(prefix="bench.") as home:
        os.chmod(home, 0o755)  # nginx's workers are another user.
        content = os.path.join(home, "content")
        with open(content, "wb") as file:
            for _ in range(args.size):
                file.write(os.urandom(1 << 20))
        servers = {f"nginx, {workers} workers": Nginx(content, workers) for workers in (1, 2)}
        senders = {"tcptool": lambda recipients: measure_tcptool(content, recipients)}
        senders.update({name: server.measure for name, server in servers.items()})
        try:
            for recipients in args.recipients:
                results += compare(senders, recipients, args)
        finally:
            for server in servers.values():
                server.close()
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=2) + "\n", encoding="ascii")


def compare(senders, recipients, args):
    """Prints and answers a row for each sender: alternating rounds, medians."""
    gigabytes = args.size * (1 << 20) * recipients / 1e9
    rates = {name: [] for name in senders}
    costs = {name: [] for name in senders}
    for _ in range(args.rounds):
        for name, measure in senders.items():
            seconds, cpu = measure(recipients)
            rates[name].append(gigabytes / seconds)
            costs[name].append(cpu / gigabytes)
    print(f"\n{recipients} recipients, {args.size} MiB each, loopback, {args.rounds} rounds")
    print(f"{'sender':20} {'GB/s':>6} {'least':>6} {'most':>6} {'ratio':>6} {'CPU s/GB':>9}")
    base = statistics.median(rates["tcptool"])
    rows = []
    for name in senders:
        median = statistics.median(rates[name])
        cost = statistics.median(costs[name])
        print(
            f"{name:20} {median:6.2f} {min(rates[name]):6.2f} {max(rates[name]):6.2f}"
            f" {base / median:6.2f} {cost:9.3f}"
        )
        rows.append(
            {"sender": name, "recipients": recipients, "gb_per_s": rates[name], "cpu_s_per_gb": cost}
        )
    return rows


if __name__ == "__main__":
    main()
