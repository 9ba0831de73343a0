"""Sessions of receptions: what one node receives it sends on, while it comes and after that."""

import hashlib
import os
import socket
import subprocess

import grpc

import harness
from error_details import details_of, failure_of
from harness import port_of
from receptions import MIB, ReceptionCase, Sender, reason_of, state_of
from recipients import KINDS, START, WAIT, Recipient
from tcptool_process import free_port, wait_listening


class ReceptionSessionTest(ReceptionCase):
    def start_recipients(self, session, byte=WAIT):
        """One of each kind."""
        started = [Recipient(kind, port_of(session), byte) for kind in KINDS]
        for one in started:
            self.addCleanup(one.close)
        return started

    def wait_session(self, name, state):
        session = self.service.wait_final(name)
        self.assert_session_state(session, state)
        return session

    def received(self, content=None):
        """The name of a reception that has ended with the whole content."""
        sender = Sender(self)
        name = self.create(sender.address, overwrite=True).name
        peer, _ = sender.accept()
        peer.sendall(self.content if content is None else content)
        peer.shutdown(socket.SHUT_WR)
        self.assert_whole(name, content)
        return name

    def test_recipients_get_what_comes_while_it_comes(self):
        sender = Sender(self)
        name = self.create(sender.address, compute_sha256=True).name
        session = self.serve(name, start={"immediate": True}, compute_sha256=True)
        self.assertFalse(session.HasField("content_length"))
        recipients = self.start_recipients(session)
        plain = self.connect(session, WAIT)
        peer, _ = sender.accept()
        half = len(self.content) // 2
        peer.sendall(self.content[:half])
        self.assertEqual(harness.read_exactly(plain, half), self.content[:half])
        for one in recipients:
            harness.wait_until(
                lambda one=one: one.output.stat().st_size >= half,
                f"{one.kind.name} has what has come",
            )
        late = Recipient(KINDS[0], port_of(session), WAIT)
        self.addCleanup(late.close)
        peer.sendall(self.content[half:])
        peer.shutdown(socket.SHUT_WR)
        self.assert_whole(name)
        self.assertEqual(harness.read_to_end(plain), (self.content[half:], True))
        for one in [*recipients, late]:
            self.assertEqual(one.wait()[0], 0, one.kind.name)
            self.assertEqual(one.output.read_bytes(), self.content, one.kind.name)
        count = len(recipients) + 2
        harness.wait_until(
            lambda: self.service.get(session.name).counts.delivered == count, "all have it"
        )
        served = self.service.get(session.name)
        self.assertEqual(served.content_sha256, hashlib.sha256(self.content).hexdigest())
        self.assertEqual(served.content_length, len(self.content))

    def serve_a_part(self, address, send_start_byte=True):
        """A reception, and recipients of a session of it."""
        name = self.create(address, send_start_byte=send_start_byte).name
        session = self.serve(name, start={"immediate": True})
        return name, self.start_recipients(session), self.connect(session, WAIT)

    def assert_all_are_reset(self, recipients, plain):
        """Each of which has been sent the content, and waits for its end."""
        self.assertEqual(harness.read_to_end(plain), (b"", False))
        for one in recipients:
            status, errors = one.wait()
            self.assertEqual(one.output.read_bytes(), self.content, one.kind.name)
            if one.kind.name.startswith(("socat", "tcptool")):  # Others tell no errors.
                self.assertTrue(status != 0 or errors, one.kind.name)

    def wait_all_is_there(self, recipients, plain):
        self.assertEqual(harness.read_exactly(plain, len(self.content)), self.content)
        for one in recipients:
            harness.wait_until(
                lambda one=one: one.output.stat().st_size == len(self.content),
                f"{one.kind.name} has what has come",
            )

    def test_killed_sender_is_a_reset_for_all(self):
        port = free_port()
        sender = subprocess.Popen(
            [harness.program("tcptool"), "-s", str(port)], stdin=subprocess.PIPE
        )
        self.addCleanup(sender.stdin.close)
        self.addCleanup(sender.wait)
        self.addCleanup(sender.kill)
        wait_listening(port, sender)
        name, recipients, plain = self.serve_a_part(f"127.0.0.1:{port}")
        sender.stdin.write(self.content)
        sender.stdin.flush()
        self.wait_all_is_there(recipients, plain)
        sender.kill()
        reception = self.wait_final(name)
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "CONNECTION_LOST")
        )
        self.assert_all_are_reset(recipients, plain)
        self.wait_files()

    def test_kill_of_the_relay_is_a_reset_for_all(self):
        sender = Sender(self)
        name, recipients, plain = self.serve_a_part(sender.address)
        peer, _ = sender.accept()
        peer.sendall(self.content)
        self.wait_all_is_there(recipients, plain)
        self.service.kill()
        self.assert_all_are_reset(recipients, plain)
        self.assertEqual(harness.read_to_end(peer), (b"", False))
        self.service.start()
        self.assertEqual(state_of(self.get(name)), "INTERRUPTED")
        self.wait_files()

    def test_every_end_but_success_is_a_reset(self):
        def reset(peer, _):
            harness.reset(peer)

        def cancel(_, name):
            self.service.receptions.CancelReception(
                self.messages.CancelReceptionRequest(name=name)
            )

        def delete(_, name):
            self.service.receptions.DeleteReception(
                self.messages.DeleteReceptionRequest(name=name, force=True)
            )

        def too_long(peer, _):
            peer.sendall(b"!")

        for end, state in (
            (reset, "FAILED, CONNECTION_LOST"),
            (cancel, "CANCELLED"),
            (delete, "CANCELLED"),
            (too_long, "FAILED, LENGTH_MISMATCH"),
        ):
            with self.subTest(end.__name__):
                sender = Sender(self)
                name = self.create(sender.address, expected_length=len(self.content)).name
                running = self.serve(name, start={"immediate": True})
                waiting = self.serve(name)
                self.assertEqual(running.content_length, len(self.content))
                plain = self.connect(running, WAIT)
                ready = self.connect(waiting, WAIT)
                self.service.wait_ready(waiting.name, 1)
                peer, _ = sender.accept()
                peer.sendall(self.content)
                self.assertEqual(
                    harness.read_exactly(plain, len(self.content)), self.content
                )
                end(peer, name)
                self.assertEqual(harness.read_to_end(plain), (b"", False))
                self.assertEqual(harness.read_to_end(ready), (b"", False))
                for session in (running, waiting):
                    ended = self.wait_session(session.name, "FAILED")
                    self.assertIn(f"{name} is {state}", ended.error)
                    (recipient,) = self.service.recipients(session.name)
                    self.assert_recipient(recipient, "FAILED", "SOURCE_FAILED")
                self.wait_files()

    def test_one_that_has_succeeded_is_served_from_its_file(self):
        name = self.received()
        session = self.serve(name, compute_sha256=True)
        one = Recipient(KINDS[0], port_of(session), START)
        self.addCleanup(one.close)
        self.assertEqual(one.wait()[0], 0)
        self.assertEqual(one.output.read_bytes(), self.content)
        served = self.wait_session(session.name, "SUCCEEDED")
        self.assertEqual(served.content_sha256, hashlib.sha256(self.content).hexdigest())

    def test_byte_that_flips_on_the_disk_reaches_nobody_as_whole(self):
        """Before the file has its name, so that no change of it is seen after that."""
        sender = Sender(self)
        name = self.create(sender.address).name
        peer, _ = sender.accept()
        peer.sendall(self.content[: 3 * MIB])

        def partial():
            return next(
                (path for path in self.disk.iterdir() if path.stat().st_size >= 2 * MIB), None
            )

        path = harness.wait_until(partial, "two blocks are on the disk")
        with path.open("r+b") as file:
            file.seek(MIB // 2)
            byte = self.content[MIB // 2]
            # A block that is written later than this would mend it.
            harness.wait_until(lambda: os.pread(file.fileno(), 1, MIB // 2) == bytes([byte]), "it")
            os.pwrite(file.fileno(), bytes([byte ^ 1]), MIB // 2)
        peer.sendall(self.content[3 * MIB :])
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(state_of(self.wait_final(name)), "SUCCEEDED")
        session = self.serve(name)
        recipients = self.start_recipients(session)
        self.service.wait_ready(session.name, len(recipients))
        data, is_orderly = harness.read_to_end(self.connect(session, START))
        self.assertFalse(is_orderly)
        self.assertLess(len(data), len(self.content))
        self.assertIn(
            "not what it has to be", self.wait_session(session.name, "FAILED").error
        )
        for one in recipients:
            one.wait()
            self.assertLess(one.output.stat().st_size, len(self.content), one.kind.name)

    def test_session_outlives_the_record_of_its_reception(self):
        name = self.received()
        session = self.serve(name)
        self.service.receptions.DeleteReception(self.messages.DeleteReceptionRequest(name=name))
        self.assertEqual(harness.read_all(self.connect(session, START)), self.content)
        self.wait_session(session.name, "SUCCEEDED")

    def test_sources_that_cannot_be(self):
        self.assertEqual(
            self.code_of(lambda: self.serve("receptions/none")), grpc.StatusCode.NOT_FOUND
        )
        for name in ("", "none", "sessions/none"):
            self.assertEqual(
                self.code_of(lambda name=name: self.serve(name)),
                grpc.StatusCode.INVALID_ARGUMENT,
            )
        sender = Sender(self)
        running = self.create(sender.address, path="other").name
        self.assertEqual(
            self.code_of(lambda: self.serve(running, compute_sha256=True)),
            grpc.StatusCode.FAILED_PRECONDITION,
        )
        failed = self.create(f"127.0.0.1:{free_port()}", path="third").name
        self.wait_final(failed)
        self.assertEqual(
            self.code_of(lambda: self.serve(failed)), grpc.StatusCode.FAILED_PRECONDITION
        )
        whole = self.received()
        before = (self.disk / "file").stat().st_ctime_ns
        while (self.disk / "file").stat().st_ctime_ns == before:
            (self.disk / "file").write_bytes(b"of somebody else")
        error = failure_of(lambda: self.serve(whole))
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(details_of(error)["ErrorInfo"].reason, "RECEIVED_FILE_CHANGED")

    def test_restart(self):
        """What waits goes on, if the reception has succeeded."""
        whole = self.received()
        later = self.serve(whole)
        immediate = self.serve(whole, start={"immediate": True})
        self.assertEqual(harness.read_all(self.connect(immediate, WAIT)), self.content)
        gone = self.received()
        orphan = self.serve(gone)
        self.service.receptions.DeleteReception(self.messages.DeleteReceptionRequest(name=gone))
        sender = Sender(self)
        running = self.create(sender.address, path="other").name
        cut = self.serve(running)
        peer, _ = sender.accept()
        peer.sendall(self.content)
        self.wait_state(running, "RECEIVING")
        self.service.restart()
        # The file has another content than that of the first reception by now: it is
        # that of the second.
        ended = self.wait_session(later.name, "FAILED")
        self.assertIn("another file has taken its place", ended.error)
        self.assertIn(
            f"{running} is INTERRUPTED", self.wait_session(cut.name, "FAILED").error
        )
        self.assertIn("no reception", self.wait_session(orphan.name, "FAILED").error)
        self.wait_session(immediate.name, "FAILED")
        again = self.received()
        waiting = self.serve(again)
        immediate = self.serve(again, start={"immediate": True})
        self.assertEqual(harness.read_all(self.connect(immediate, WAIT)), self.content)
        self.service.restart()
        for session in (waiting, immediate):
            self.assertEqual(harness.read_all(self.connect(session, START)), self.content)
        self.wait_session(waiting.name, "SUCCEEDED")

    def test_command_line(self):
        name = self.received()
        for given in (name, name.partition("/")[2]):
            status, output, errors = self.ctl("create", "--reception", given)
            self.assertEqual((status, errors), (0, ""))
            created = dict(line.split(": ") for line in output.splitlines())
            status, output, errors = self.ctl("get", created["session"])
            self.assertRegex(output, rf"(?m)^source: +{name}$")
            port = int(created["address"].rpartition(":")[2])
            with harness.connect(port, START) as peer:
                self.assertEqual(harness.read_all(peer), self.content)
        status, _, errors = self.ctl("create", "--reception=none")
        self.assertEqual(status, 1)
        self.assertIn("NOT_FOUND", errors)
        status, _, errors = self.ctl("create", "--reception=a", "--file=files/content")
        self.assertEqual(status, 2)

    def test_memory_of_a_reception_goes_with_it(self):
        """A session that goes on holds the file, and no more."""
        content = self.content * 8
        sender = Sender(self)
        name = self.create(sender.address).name
        session = self.serve(name, start={"immediate": True})
        slow = self.connect(session, WAIT)
        peer, _ = sender.accept()
        peer.sendall(content)
        peer.shutdown(socket.SHUT_WR)
        self.assert_whole(name, content)
        (self.disk / "file").unlink()
        self.assertEqual(harness.read_to_end(slow), (content, True))
        self.assertEqual(harness.read_all(self.connect(session, WAIT)), content)
