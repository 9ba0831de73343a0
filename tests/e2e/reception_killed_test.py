"""kill -9 of a sender, of a relay and of a receiver, at random moments: what is under a name
is the old file or the whole new one, which of them is what the reception's state says, and
nobody counts as one who has the content who has not all of it."""

import collections
import itertools
import os
import pathlib
import subprocess
import tempfile
import unittest

import harness
from harness import port_of, stubs
from moments import PATIENCE_S, Moments
from receptions import FINAL, MIB, state_of

# Of each of the three.
MOMENTS = 17
CONTENT_BYTES = 4 * MIB + 4321
# So that the transfer takes a fifth of a second.
BYTES_PER_SECOND = 20_000_000
OLD = b"what was there before"

# What each state says of the name: whether it has the content. If not, it has what it had.
HAS_CONTENT = {"SUCCEEDED": True, "FAILED": False, "INTERRUPTED": False}

# By who is killed: what may become of the relay's reception, of the receiver's, and of a
# tcptool that receives from the relay too, and has the content or not.
RIGHT = {
    # What the relay has not got in one piece, nobody gets.
    "sender": {("SUCCEEDED", "SUCCEEDED", True), ("FAILED", "FAILED", False)},
    # Each by itself: what a relay has verified and brought to the disk may be whole with
    # others just before it has its name at the relay; and some may lack a part of what has.
    "relay": set(
        itertools.product(("SUCCEEDED", "INTERRUPTED"), ("SUCCEEDED", "FAILED"), (True, False))
    ),
    # It holds nobody up.
    "receiver": {("SUCCEEDED", "SUCCEEDED", True), ("SUCCEEDED", "INTERRUPTED", True)},
}


class Receiver:
    """A service that receives into a directory of its own."""

    def __init__(self, test):
        directory = tempfile.TemporaryDirectory(prefix="disk.", dir=os.environ.get("TEST_TMPDIR"))
        test.addCleanup(directory.cleanup)
        self.disk = pathlib.Path(directory.name)
        self.file = self.disk / "file"
        self.service = harness.Service(flags=(f"--receive=disk={self.disk}",))
        test.addCleanup(self.service.close)

    def receive(self, session):
        """The name of a reception from a session of another service."""
        names = stubs.reception
        spec = names.ReceptionSpec(
            sender=names.SenderSource(address=f"127.0.0.1:{port_of(session)}"),
            destination=names.FileDestination(root="disk", path="file", overwrite=True),
        )
        return self.service.receptions.CreateReception(
            stubs.reception_service.CreateReceptionRequest(
                reception=names.Reception(spec=spec)
            )
        ).name

    def send_on(self, reception):
        names = stubs.session
        return self.service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(
                session=names.Session(
                    spec=names.SessionSpec(
                        reception=stubs.reception_source.ReceptionSource(name=reception),
                        start=names.StartPolicy(immediate=True),
                    )
                )
            )
        )

    def wait_final(self, reception):
        def final():
            state = state_of(
                self.service.receptions.GetReception(
                    stubs.reception_service.GetReceptionRequest(name=reception)
                )
            )
            return state if state in FINAL else None

        return harness.wait_until(final, f"{reception} is final", PATIENCE_S)


class KilledTest(unittest.TestCase):
    def setUp(self):
        self.sender = harness.Service()
        self.addCleanup(self.sender.close)
        self.relay = Receiver(self)
        self.last = Receiver(self)
        self.moments = Moments(CONTENT_BYTES)

    def assert_right(self, receiver, reception, content):
        """The name has what the state says. Returns that."""
        state = receiver.wait_final(reception)
        self.assertIn(state, HAS_CONTENT)
        expected = content if HAS_CONTENT[state] else OLD
        has = receiver.file.read_bytes()
        self.assertTrue(has == expected, f"{state}, and the name has {len(has)} bytes")
        harness.wait_until(
            lambda: {path.name for path in receiver.disk.iterdir()} == {"file"},
            "no partial file is left",
        )
        return state

    @staticmethod
    def delivered(service, session):
        """How many recipients have the whole content, as the service says."""
        return sum(
            one.state == stubs.recipient.RECIPIENT_STATE_DELIVERED
            for one in service.recipients(session.name)
        )

    def kill(self, role, moment):
        """What becomes of the three."""
        content = self.moments.random.randbytes(CONTENT_BYTES)
        self.sender.write_file("content", content)
        for receiver in (self.relay, self.last):
            receiver.file.write_bytes(OLD)
        served = self.sender.create(
            start={"immediate": True}, limits={"session_bytes_per_second": BYTES_PER_SECOND}
        )
        relayed = self.relay.receive(served)
        sent_on = self.relay.send_on(relayed)
        received = self.last.receive(sent_on)
        output = self.last.service.home / "output"
        output.unlink(missing_ok=True)
        process = subprocess.Popen(
            [harness.program("tcptool"), "-r", f"127.0.0.1:{port_of(sent_on)}", output],
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.kill)
        watched = self.moments.random.choice([self.relay, self.last])
        moment.wait(watched.disk, lambda: watched.file.stat().st_size != len(OLD))
        victims = {
            "sender": self.sender, "relay": self.relay.service, "receiver": self.last.service
        }  # fmt: skip
        victims[role].restart()
        outcome = (
            self.assert_right(self.relay, relayed, content),
            self.assert_right(self.last, received, content),
            process.wait(PATIENCE_S) == 0,
        )
        self.assertIn(outcome, RIGHT[role])
        if outcome[2]:
            self.assertTrue(output.read_bytes() == content)
        # Nobody counts as DELIVERED who has not the whole.
        has_all = [HAS_CONTENT[outcome[0]], HAS_CONTENT[outcome[1]] + outcome[2]]
        self.assertLessEqual(self.delivered(self.sender, served), has_all[0])
        self.assertLessEqual(self.delivered(self.relay.service, sent_on), has_all[1])
        for sender, session in ((self.sender, served), (self.relay.service, sent_on)):
            sender.sessions.DeleteSession(
                stubs.session_service.DeleteSessionRequest(name=session.name, force=True)
            )
        return outcome

    def kill_often(self, role):
        outcomes = collections.Counter()
        for number in range(MOMENTS):
            moment = self.moments.next()
            with self.subTest(seed=self.moments.seed, number=number, moment=str(moment)):
                outcomes[self.kill(role, moment)] += 1
        for outcome, count in sorted(outcomes.items()):
            print(count, *outcome)

    def test_sender(self):
        self.kill_often("sender")

    def test_relay(self):
        self.kill_often("relay")

    def test_receiver(self):
        self.kill_often("receiver")
