"""Sessions for those whom another session has not reached."""

import os
import socket

import grpc

import harness
import recipients
from harness import ServiceTest, port_of, stubs
from receptions import truth_of

# Machines are addresses of the loopback network.
FLEET = {"gate": "127.0.0.11", "yard": "127.0.0.12", "roof": "127.0.0.13"}
# More than the buffers of a recipient that does not read.
SIZE = 20_000_000
# Where nobody comes from.
NOBODY = "192.0.2.1"


def expected(machines):
    return [
        stubs.session.ExpectedRecipient(address=address, label=label)
        for label, address in machines.items()
    ]


class SessionRetryTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.content = os.urandom(SIZE)
        self.service.write_file("content", self.content)

    def retry(self, name, request_id=""):
        return self.service.sessions.RetrySession(
            stubs.session_requests.RetrySessionRequest(name=name, request_id=request_id)
        )

    def refusal(self, name, request_id=""):
        with self.assertRaises(grpc.RpcError) as caught:
            self.retry(name, request_id)
        return caught.exception.code(), caught.exception.details()

    def cancel(self, session):
        return self.service.sessions.CancelSession(
            stubs.session_service.CancelSessionRequest(name=session.name)
        )

    def delete(self, session):
        self.service.sessions.DeleteSession(
            stubs.session_service.DeleteSessionRequest(name=session.name)
        )

    def cancelled(self, **spec):
        """A session that has ended, and has reached nobody."""
        return self.cancel(self.service.create(expected=expected({"gate": NOBODY}), **spec))

    def machine(self, label, session):
        """A program of the machine that takes the content."""
        kind = recipients.Kind(
            "nc.traditional", ["nc.traditional", "-s", FLEET[label], "127.0.0.1", "PORT"]
        )
        program = recipients.Recipient(kind, port_of(session), recipients.WAIT)
        self.addCleanup(program.close)
        return program

    def lost_machine(self, label, session):
        """One that connects and does not read: it is lost when it is reset."""
        peer = socket.socket()
        self.addCleanup(peer.close)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.bind((FLEET[label], 0))
        peer.settimeout(harness.DEADLINE_S)
        peer.connect(("127.0.0.1", port_of(session)))
        peer.sendall(recipients.WAIT)
        return peer

    def labels(self, session):
        return [one.label for one in session.spec.expected]

    def test_those_that_lack_it_get_it(self):
        first = self.service.create(
            expected=expected(FLEET),
            labels={"rollout": "1"},
            start=stubs.session.StartPolicy(ignore_start_byte=True),
        )
        got_it = self.machine("yard", first)
        lost = [self.lost_machine(label, first) for label in ("gate", "roof")]
        for peer in lost:
            peer.recv(1)
            harness.reset(peer)
        got_it.wait()
        ended = self.service.wait_final(first.name)
        self.assert_session_state(ended, "PARTIALLY_SUCCEEDED")
        self.assertEqual(ended.retry_of, "")

        second = self.retry(first.name)
        self.assert_session_state(second, "WAITING")
        self.assertNotEqual(second.name, first.name)
        self.assertEqual(second.retry_of, first.name)
        self.assertEqual(self.labels(second), ["gate", "roof"])
        self.assertEqual(second.spec.labels, {"rollout": "1"})
        self.assertTrue(second.spec.start.ignore_start_byte)
        # It starts when these are there: nobody waits for the one that has it.
        late = [self.machine(label, second) for label in ("gate", "roof")]
        for program in [got_it, *late]:
            program.wait()
            self.assertEqual(program.output.read_bytes(), self.content)
        self.assert_session_state(self.service.wait_final(second.name), "SUCCEEDED")

        code, words = self.refusal(second.name)
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION, words)
        self.assertIn("nothing to retry", words)
        # The first one is as it was.
        self.assertEqual(self.service.get(first.name), ended)
        self.assertEqual(self.labels(self.retry(first.name)), ["gate", "roof"])

    def test_a_request_id_makes_one_session(self):
        first, other = self.cancelled(), self.cancelled()
        made = self.retry(first.name, "once")
        self.assertEqual(self.retry(first.name, "once").name, made.name)
        self.assertNotEqual(self.retry(first.name).name, made.name)
        code, words = self.refusal(other.name, "once")
        self.assertEqual(code, grpc.StatusCode.ALREADY_EXISTS, words)
        # What it was made for is not needed any more.
        self.delete(first)
        self.assertEqual(self.retry(first.name, "once").name, made.name)
        self.assertEqual(self.refusal(first.name)[0], grpc.StatusCode.NOT_FOUND)
        self.delete(self.cancel(made))
        self.assertEqual(self.refusal(first.name, "once")[0], grpc.StatusCode.NOT_FOUND)

    def test_it_outlives_the_service(self):
        first = self.cancelled()
        made = self.retry(first.name, "once")
        self.service.restart()
        self.assertEqual(self.service.get(made.name).retry_of, first.name)
        self.assertEqual(self.retry(first.name, "once").name, made.name)
        # Of the one that never came there is no more than its place.
        again = self.retry(first.name)
        self.assertEqual(self.labels(again), ["gate"])
        self.assertEqual(self.retry(self.cancel(again).name).retry_of, again.name)

    def test_one_that_goes_on_or_expects_nobody_is_refused(self):
        goes_on = self.service.create(expected=expected({"gate": NOBODY}))
        expects_nobody = self.cancel(self.service.create())
        for session, words in ((goes_on, "not finished"), (expects_nobody, "expects nobody")):
            code, details = self.refusal(session.name)
            self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION, details)
            self.assertIn(words, details)
            self.assertIn(session.name, details)

    def test_the_port_that_was_asked_for_is_the_same(self):
        port = self.service.first_port + 7
        first = self.cancelled(listener=stubs.session.Listener(port=port))
        self.assertEqual(port_of(self.retry(first.name)), port)
        # That one has it now.
        code, words = self.refusal(first.name)
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION, words)
        self.assertIn("session.spec.listener.port", words)

    def test_a_file_is_read_anew(self):
        first = self.cancelled()
        (self.service.root / "content").unlink()
        code, words = self.refusal(first.name)
        self.assertEqual(code, grpc.StatusCode.NOT_FOUND, words)
        self.assertIn("session.spec.file", words)
        self.service.write_file("content", b"newer")
        self.assertEqual(self.retry(first.name).content_length, 5)

    def test_a_file_still_has_to_be_what_was_expected(self):
        messages = stubs.session_service
        right = b"firmware"
        file = stubs.session.FileSource(
            root="files", path="content", expected_root=truth_of(right)[1].hex()
        )
        spec = stubs.session.SessionSpec(file=file, expected=expected({"gate": FLEET["gate"]}))
        request = messages.CreateSessionRequest(session=stubs.session.Session(spec=spec))
        self.service.write_file("content", b"hardware")
        # It is compared while it is sent, and not before.
        request.validate_only = True
        valid = self.service.sessions.CreateSession(request)
        self.assertEqual(valid.content_length, len(right))
        request.validate_only = False
        first = self.service.sessions.CreateSession(request)
        self.assertEqual(first.spec, valid.spec)
        self.lost_machine("gate", first)
        self.assert_session_state(self.service.wait_final(first.name), "FAILED")
        self.service.write_file("content", right)
        second = self.retry(first.name)
        self.assertEqual(second.spec.file, file)
        program = self.machine("gate", second)
        program.wait()
        self.assertEqual(program.output.read_bytes(), right)
        self.assert_session_state(self.service.wait_final(second.name), "SUCCEEDED")

    def test_an_upload_is_sent_again(self):
        messages = stubs.session_service
        spec = stubs.session.SessionSpec(
            upload=stubs.session.UploadSource(), expected=expected({"gate": FLEET["gate"]})
        )
        first = self.service.sessions.CreateSession(
            messages.CreateSessionRequest(session=stubs.session.Session(spec=spec))
        )
        upload = messages.UploadContentRequest
        with self.assertRaises(grpc.RpcError):
            # It breaks off.
            self.service.sessions.UploadContent(iter([upload(name=first.name, data=b"fir")]))
        self.assert_session_state(self.service.wait_final(first.name), "FAILED")
        second = self.retry(first.name)
        self.assert_session_state(second, "WAITING")
        program = self.machine("gate", second)
        self.service.sessions.UploadContent(
            iter([upload(name=second.name, data=b"firmware", complete=True)]),
            timeout=harness.DEADLINE_S,
        )
        program.wait()
        self.assertEqual(program.output.read_bytes(), b"firmware")
        self.assert_session_state(self.service.wait_final(second.name), "SUCCEEDED")
