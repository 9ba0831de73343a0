"""A pipe's content to 1, 8 and 64 recipients: tcptool, mbuffer, tee into nc."""

import os
import subprocess
import time
from contextlib import ExitStack, contextmanager

from compare import Transfer, compare
from paths import all_paths
from programs import OneShot, Recipients, TCPTOOL, free_port
from report import so_many_recipients

# Recipients, and the content in MiB.
SIZES = {1: 512, 8: 256, 64: 32}


def run(report, inputs, args):
    report.say("## A pipe's content to many recipients, which discard it")
    report.say()
    with all_paths() as paths:
        for path in paths:
            for count, size in SIZES.items():
                content = inputs.file(size // args.divisor)
                results = compare(
                    report,
                    f"stream/{path.name}/{count}",
                    f"{path.name}, {so_many_recipients(count)}",
                    {
                        name: lambda start=start: transfer(path, content, count, start)
                        for name, start in SENDERS.items()
                    },
                    args,
                )
                if not args.only:
                    ours, *others = results.values()
                    report.bar(
                        f"pipe, {path.name}, {so_many_recipients(count)}: "
                        "rate / best of mbuffer's and tee's",
                        ours.rate / max(other.rate for other in others),
                        least=1.1,
                    )


@contextmanager
def producer(command):
    """A process that runs the command, which writes to a pipe, once it is told to."""
    process = subprocess.Popen(
        ["sh", "-c", 'read -r _ && exec "$@"', "sh", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def tell(process):
    process.stdin.write(b"go\n")
    process.stdin.flush()


def transfer(path, content, count, start_sender, command=None):
    """`command` writes the content to the pipe; `cat` by default."""
    size = os.path.getsize(content)
    port = free_port()
    with ExitStack() as stack:
        source = stack.enter_context(producer(command or ["cat", content]))
        sends_itself = start_sender is not tcptool
        if sends_itself:
            recipients = stack.enter_context(
                Recipients(path, count, port=port, listen=True, speak="nothing")
            )
        processes = start_sender(path, port, count, source.stdout)
        for process in processes:
            stack.callback(process.kill)
        if not sends_itself:
            recipients = stack.enter_context(Recipients(path, count, port=port))
        source.stdout.close()
        recipients.wait_connected()
        recipients.go()
        begin = time.monotonic()
        tell(source)
        seen = recipients.result(size)
        for process in processes:
            process.wait()
    end = max(recipient["end"] for recipient in seen["recipients"])
    return Transfer(size * count / 1e9, end - begin, sum(process.cpu for process in processes))


def tcptool(path, port, count, pipe):
    argv = [TCPTOOL, "-d", "error", "-s", str(port), "-c", "unlimited"]
    return [OneShot([*path.sender_prefix, *argv], stdin=pipe)]


def mbuffer(path, port, count, pipe):
    outputs = ["-O", f"{path.recipient_address}:{port}"] * count
    argv = ["mbuffer", "-q", "-s", "1M", "-m", "64M", *outputs]
    return [OneShot([*path.sender_prefix, *argv], stdin=pipe)]


def tee(path, port, count, pipe):
    """What a shell makes of `tee >(nc ...) >(nc ...)`, with the processes known."""
    processes, ends = [], []
    for _ in range(count):
        read_end, write_end = os.pipe()
        argv = ["nc.openbsd", "-N", path.recipient_address, str(port)]
        processes.append(
            OneShot([*path.sender_prefix, *argv], stdin=read_end, stdout=subprocess.DEVNULL)
        )
        os.close(read_end)
        ends.append(write_end)
    argv = ["tee", *(f"/dev/fd/{end}" for end in ends[1:])]
    processes.append(OneShot(argv, stdin=pipe, stdout=ends[0], pass_fds=ends[1:]))
    for end in ends:
        os.close(end)
    return processes


SENDERS = {"tcptool": tcptool, "mbuffer": mbuffer, "tee, nc": tee}
