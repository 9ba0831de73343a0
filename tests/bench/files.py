"""The whole way: `tcptool -r` writing files, against curl from nginx."""

import os
import subprocess
import tempfile
import time
from contextlib import closing

from compare import Transfer, compare
from paths import LOOPBACK
from programs import OneShot, TCPTOOL, free_port
from senders import NginxSender

COUNT = 8
MEBIBYTES = 256

# In memory, so that it is not the disk that is measured.
OUTPUT = "/dev/shm"


def run(report, inputs, args):
    report.say("## One file to 8 recipients that write it to files in memory")
    report.say()
    content = inputs.file(MEBIBYTES // args.divisor)
    with closing(NginxSender(LOOPBACK, inputs.home)) as nginx:
        results = compare(
            report,
            "files/loopback/8",
            f"loopback, {COUNT} recipients",
            {
                "tcptool, tcptool -r": lambda: by_tcptool(content),
                "nginx, curl -o": lambda: by_curl(nginx, content),
            },
            args,
        )
    if not args.only:
        ours, theirs = results.values()
        report.bar("files: rate / that of curl from nginx", ours.rate / theirs.rate, least=1.0)


def received(command, content):
    """Runs a recipient for each output, which `command` makes the command line
    for. Answers how many seconds they took."""
    with tempfile.TemporaryDirectory(dir=OUTPUT) as home:
        outputs = [os.path.join(home, str(number)) for number in range(COUNT)]
        begin = time.monotonic()
        running = [subprocess.Popen(command(output)) for output in outputs]
        statuses = [process.wait() for process in running]
        seconds = time.monotonic() - begin
        for status, output in zip(statuses, outputs):
            if status != 0 or os.path.getsize(output) != os.path.getsize(content):
                raise RuntimeError(f"{command(output)} ended with {status}")
    return seconds


def gigabytes(content):
    return os.path.getsize(content) * COUNT / 1e9


def by_tcptool(content):
    port = free_port()
    sender = OneShot([TCPTOOL, "-d", "error", "-s", str(port), "-c", str(COUNT), content])
    try:
        argv = [TCPTOOL, "-d", "error", "--wait", "10s", "-r", f"127.0.0.1:{port}"]
        seconds = received(lambda output: [*argv, output], content)
        sender.wait()
    finally:
        sender.kill()
    return Transfer(gigabytes(content), seconds, sender.cpu)


def by_curl(nginx, content):
    url = f"http://127.0.0.1:{nginx.port}/{os.path.basename(content)}"
    before = nginx.cpu()
    seconds = received(lambda output: ["curl", "--silent", "-o", output, url], content)
    return Transfer(gigabytes(content), seconds, nginx.cpu() - before)
