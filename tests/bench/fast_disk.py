"""A file that is not in the page cache, on a medium of several GB/s: the holes of a sparse
file, for which the kernel makes zeros, and a file on a loop device in memory."""

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager

from cold import evict
from compare import Transfer, compare
from node import OUTPUT
from paths import LOOPBACK
from programs import OneShot, duration
from report import so_many_recipients
from senders import tcptool

MEBIBYTES = 1024
COUNTS = (1, 8)

# For the file system itself, beside an eighth of the content.
ROOM = 64 << 20


def run(report, inputs, args):
    report.say("## A file that is not in the page cache, on a fast medium; GB/s are of its content")
    report.say()
    mebibytes = MEBIBYTES // args.divisor
    compare_on(report, "sparse file", sparse_file(inputs.home, mebibytes), args)
    with ExitStack() as stack:
        try:
            content = stack.enter_context(file_on_loop_device(inputs.file(mebibytes)))
        except subprocess.CalledProcessError as error:
            # A container may have none.
            report.say(f"No loop device can be had: {error}.")
            report.say()
        else:
            compare_on(report, "loop device", content, args)


def sparse_file(home, mebibytes):
    path = os.path.join(home, "sparse")
    with open(path, "wb") as file:
        file.truncate(mebibytes << 20)
    return path


def shell(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@contextmanager
def file_on_loop_device(content):
    """A copy of the content, on a file system of its own."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(dir=OUTPUT))
        disk, mount = os.path.join(home, "disk"), os.path.join(home, "mount")
        with open(disk, "wb") as file:
            file.truncate(os.path.getsize(content) * 9 // 8 + ROOM)
        device = shell("losetup", "--find", "--show", disk)
        stack.callback(shell, "losetup", "--detach", device)
        shell("mkfs.ext4", "-q", device)
        os.mkdir(mount)
        shell("mount", device, mount)
        stack.callback(shell, "umount", mount)
        yield shutil.copy(content, mount)


def read(content):
    subprocess.run(["cat", content], stdout=subprocess.DEVNULL, check=True)


def by_dd(content):
    evict(content)
    begin = time.monotonic()
    dd = OneShot(["dd", f"if={content}", "of=/dev/null", "bs=1M", "status=none"])
    dd.wait()
    return Transfer(os.path.getsize(content) / 1e9, time.monotonic() - begin, dd.cpu)


def compare_on(report, medium, content, args):
    sender = tcptool(LOOPBACK)

    def sent(count, prepare):
        prepare(content)
        seen, _, cpu = sender.serve(content, count)
        return Transfer(os.path.getsize(content) / 1e9, duration(seen), cpu)

    for count in COUNTS:
        results = compare(
            report,
            f"fast disk/{medium}/{count}",
            f"{medium}, {so_many_recipients(count)}",
            {
                "tcptool": lambda: sent(count, evict),
                "tcptool, in the cache": lambda: sent(count, read),
                "dd": lambda: by_dd(content),
            },
            args,
            who="who reads it",
        )
        if not args.only:
            ours, cached, dd = (result.rate for result in results.values())
            report.bar(
                f"{medium}, {so_many_recipients(count)}: rate / dd's, or the path's own",
                ours / min(dd, cached),
                least=0.9,
            )
