"""What a path costs in system calls for each MiB, which does not depend on how fast or how
busy the machine is as times do. A change that makes a program ask the kernel for less at a
time, or more often, is seen here."""

MEBIBYTE = 1 << 20

# Two contents, of which the difference is looked at: what a process or a connection does
# once is in both.
LESS, MORE = 8, 72

# The figures are the least of several transfers, until they are good enough: a recipient
# that is not given the processor when it could read makes the sender's calls smaller, and
# nothing makes them fewer.
TRIES = 6
MARGIN = 1.1

# A program for `python3 -c`: connects to a port of 127.0.0.1 as often as it is told; the last
# byte starts.
RECIPIENTS = """
import socket, sys, threading, time
port, count = map(int, sys.argv[1:])
recipients = []
while len(recipients) < count:
    try:
        recipients.append(socket.create_connection(("127.0.0.1", port)))
    except ConnectionRefusedError:
        time.sleep(0.01)
def read(recipient):
    buffer = bytearray(1 << 20)
    while recipient.recv_into(buffer):
        pass
    recipient.close()
readers = [threading.Thread(target=read, args=[recipient]) for recipient in recipients]
for reader in readers:
    reader.start()
for recipient in recipients:
    recipient.sendall(bytes([recipient is recipients[-1]]))
for reader in readers:
    reader.join()
"""


def counted(summary):
    """What runs a program and writes, when that has ended, how often it has made each call."""
    return ["strace", "-f", "-c", "-o", str(summary)]


def counts(summary):
    """How often each call was made, by the table of counted()."""
    calls = {}
    for line in summary.read_text(encoding="ascii").splitlines():
        fields = line.split()
        if len(fields) >= 5 and fields[3].isdigit():
            calls[fields[-1]] = int(fields[3])
    return calls


def assert_costs(test, recorded, transfer, count=1):
    """`recorded`: calls for each MiB to each of `count` recipients. `transfer` makes one of so
    many MiB, and answers its counts()."""
    least = {name: float("inf") for name in recorded}
    for _ in range(TRIES):
        less, more = (transfer(size) for size in (LESS, MORE))
        for name in recorded:
            made = more.get(name, 0) - less.get(name, 0)
            least[name] = min(least[name], made / (MORE - LESS) / count)
        if all(least[name] <= most * MARGIN for name, most in recorded.items()):
            break
    # Where half of them are gone, they are others now, and are to be recorded anew.
    for name, most in recorded.items():
        test.assertLessEqual(least[name], most * MARGIN, f"{name}, calls per MiB")
        test.assertGreater(least[name], most / 2, f"{name}, calls per MiB")
