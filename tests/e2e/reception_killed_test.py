"""kill -9 of a sender, of a relay and of a receiver, at any moment: what is under a name is
the old file or the whole new one, and nobody says that it is whole who has not all of it."""

import os
import pathlib
import random
import subprocess
import tempfile
import time
import unittest

import harness
from harness import port_of, stubs
from receptions import FINAL, MIB, state_of

MOMENTS = 50
# Fewer on a machine that is too busy.
LIMIT_S = 45
CONTENT_BYTES = 8 * MIB + 4321
# So that the transfer takes a third of a second.
BYTES_PER_SECOND = 25_000_000
OLD = b"what was there before"


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
                        reception=names.ReceptionSource(name=reception),
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

        return harness.wait_until(final, f"{reception} is final")


class KilledTest(unittest.TestCase):
    def setUp(self):
        self.sender = harness.Service()
        self.addCleanup(self.sender.close)
        self.relay = Receiver(self)
        self.last = Receiver(self)
        seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
        print(f"SEED={seed}")
        self.random = random.Random(seed)

    def check(self, receiver, reception, content):
        """The file and the state, of which it returns the latter."""
        state = receiver.wait_final(reception)
        has = receiver.file.read_bytes()
        self.assertIn(has, (content, OLD), f"{state}, {len(has)} bytes")
        if state == "SUCCEEDED":
            self.assertEqual(has, content)
        if state in ("FAILED", "CANCELLED"):
            self.assertEqual(has, OLD, state)
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

    def one_moment(self, victim, delay_s):
        content = self.random.randbytes(64) + os.urandom(CONTENT_BYTES - 64)
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
        time.sleep(delay_s)  # The moment, which is random, and means nothing.
        victim.restart()
        states = [
            self.check(self.relay, relayed, content),
            self.check(self.last, received, content),
        ]
        has_all = [self.relay.file.read_bytes() == content]
        has_all.append(self.last.file.read_bytes() == content)
        if process.wait(harness.DEADLINE_S) == 0:
            self.assertEqual(output.read_bytes(), content)
            states.append("tcptool has it")
            has_all.append(True)
        # Nobody counts as DELIVERED who has not the whole.
        self.assertLessEqual(self.delivered(self.sender, served), has_all[0])
        self.assertLessEqual(self.delivered(self.relay.service, sent_on), sum(has_all[1:]))
        for sender, session in ((self.sender, served), (self.relay.service, sent_on)):
            sender.sessions.DeleteSession(
                stubs.session_service.DeleteSessionRequest(name=session.name, force=True)
            )
        return states

    def test_at_random_moments(self):
        victims = {
            "sender": self.sender, "relay": self.relay.service, "receiver": self.last.service
        }  # fmt: skip
        end = time.monotonic() + LIMIT_S
        outcomes = {}
        moments = 0
        while moments < MOMENTS and time.monotonic() < end:
            moments += 1
            name = self.random.choice(sorted(victims))
            delay_s = self.random.uniform(0, 0.5)
            with self.subTest(moment=moments, victim=name, delay_s=delay_s):
                outcome = (name, *self.one_moment(victims[name], delay_s))
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
        for outcome, count in sorted(outcomes.items()):
            print(count, *outcome)
        self.assertGreater(moments, 0)
