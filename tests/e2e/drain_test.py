"""A stop that lets transfers end: rolling restarts lose nothing."""

import hashlib
import random
import signal
import socket
import threading
import urllib.error
import urllib.request

import grpc

import harness
import recipients
from harness import ServiceTest, port_of, stubs

# More than the kernel's buffers of a connection hold: the transfer lasts until its
# recipient reads.
CONTENT = random.Random(2).randbytes(24 << 20)


class DrainCase(ServiceTest):
    # No transfer's end, nor that of the service, is that of this time.
    service_flags = ("--drain-timeout=1h",)

    def setUp(self):
        super().setUp()
        self.service.write_file("content", CONTENT)

    def start_transfer(self, **spec):
        session = self.service.create(**spec)
        peer = self.connect(session, recipients.START)
        # The first bytes may be here before the state is on the disk, and shown.
        harness.wait_until(
            lambda: self.service.get(session.name).state
            == stubs.session.SESSION_STATE_TRANSFERRING,
            "the transfer has begun",
        )
        return session, peer

    def stop(self):
        """SIGTERM; returns when the service takes no more sessions."""
        self.service.process.send_signal(signal.SIGTERM)

        def refused():
            try:
                self.service.create(path="no such file")
            except grpc.RpcError as error:
                return error if error.code() == grpc.StatusCode.UNAVAILABLE else None

        return harness.wait_until(refused, "new sessions are refused")


class DrainTest(DrainCase):
    def test_running_transfer_ends_and_nothing_new_begins(self):
        session, peer = self.start_transfer()
        refused = self.stop()
        self.assertIn("stopping", refused.details())
        # Whoever asks is told to send no more.
        with self.assertRaises(urllib.error.HTTPError) as unready:
            urllib.request.urlopen(f"http://{self.service.http_address}/readyz")
        self.assertEqual(unready.exception.code, 503)
        unready.exception.close()
        check = self.service.channel.unary_unary("/grpc.health.v1.Health/Check")
        # HealthCheckResponse {status: NOT_SERVING}
        self.assertEqual(check(b"", timeout=harness.DEADLINE_S), b"\x08\x02")
        self.assert_session_state(self.service.get(session.name), "TRANSFERRING")
        self.assertEqual(harness.read_all(peer), CONTENT)
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        self.service.start()
        self.assert_session_state(self.service.get(session.name), "SUCCEEDED")

    def test_hangup_ends_nothing(self):
        _, peer = self.start_transfer()
        self.service.process.send_signal(signal.SIGHUP)
        self.assertEqual(harness.read_all(peer), CONTENT)
        self.service.create()

    def test_waiting_session_resets_its_recipients_and_waits_again(self):
        waiting = self.service.create()
        early = self.connect(waiting, recipients.WAIT)
        self.service.wait_ready(waiting.name, 1)
        _, peer = self.start_transfer()
        self.stop()
        with self.assertRaises(ConnectionResetError):
            early.recv(1)
        # What concerns it has to wait.
        with self.assertRaises(grpc.RpcError) as refused:
            self.service.sessions.CancelSession(
                stubs.session_service.CancelSessionRequest(name=waiting.name)
            )
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(harness.read_all(peer), CONTENT)
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        self.service.start()
        again = self.service.get(waiting.name)
        self.assert_session_state(again, "WAITING")
        self.assertEqual(again.data_endpoint, waiting.data_endpoint)
        self.assertEqual(harness.read_all(self.connect(waiting, recipients.START)), CONTENT)

    def test_second_signal_ends_transfers_at_once(self):
        session, peer = self.start_transfer()
        self.stop()
        self.service.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        self.assertFalse(harness.read_to_end(peer)[1])
        self.service.start()
        self.assert_session_state(self.service.get(session.name), "INTERRUPTED")
        (recipient,) = self.service.recipients(session.name)
        self.assert_recipient(recipient, "FAILED", "SERVICE_STOPPED")

    def test_immediate_session_takes_nobody_more_and_goes_on_later(self):
        session, peer = self.start_transfer(start=stubs.session.StartPolicy(immediate=True))
        self.stop()
        harness.wait_until(lambda: self.is_refused(session), "it takes nobody more")
        self.assertEqual(harness.read_all(peer), CONTENT)
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        self.service.start()
        again = self.service.get(session.name)
        self.assert_session_state(again, "TRANSFERRING")
        self.assertEqual(again.counts.delivered, 1)
        self.assertEqual(harness.read_all(self.connect(session, b"\0")), CONTENT)

    def is_refused(self, session):
        try:
            socket.create_connection(("127.0.0.1", port_of(session))).close()
        except ConnectionRefusedError:
            return True
        return False


class DrainTimeoutTest(DrainCase):
    service_flags = ("--drain-timeout=1s",)

    def test_transfer_that_takes_longer_is_reset(self):
        session, peer = self.start_transfer()
        self.stop()
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
        self.assertFalse(harness.read_to_end(peer)[1])
        self.service.start()
        self.assert_session_state(self.service.get(session.name), "INTERRUPTED")


class RollingRestartTest(ServiceTest):
    service_flags = ("--drain-timeout=1h",)
    RESTARTS = 4
    CONTENT = CONTENT[: 4 << 20]
    RATE = 2 << 20  # The slowest transfer takes two seconds.

    def test_no_result_is_lost_and_no_cut_file_taken_for_whole(self):
        digest = hashlib.sha256(self.CONTENT).digest()
        self.service.write_file("content", self.CONTENT)
        whole = set()  # Sessions of which a recipient has had an orderly end.
        cut = []
        lock = threading.Lock()

        def receive(session):
            with socket.create_connection(("127.0.0.1", port_of(session))) as peer:
                peer.settimeout(harness.DEADLINE_S)
                sha256 = hashlib.sha256()
                try:
                    peer.sendall(recipients.START)
                    while chunk := peer.recv(1 << 20):
                        sha256.update(chunk)
                except ConnectionResetError:
                    return
                with lock:
                    whole.add(session.name)
                    if sha256.digest() != digest:
                        cut.append(session.name)

        states = stubs.session
        results = {}
        for _ in range(self.RESTARTS):
            receivers = []
            for number in range(4):
                limits = states.Limits(recipient_bytes_per_second=self.RATE << number)
                session = self.service.create(limits=limits)
                receivers.append(threading.Thread(target=receive, args=(session,)))
                receivers[-1].start()
                results[session.name] = None
            harness.wait_until(
                lambda: all(
                    self.service.get(name).state != states.SESSION_STATE_WAITING for name in results
                ),
                "all transfers have begun",
            )
            self.service.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
            for receiver in receivers:
                receiver.join()
            self.service.channel.close()
            self.service.start()
            for name, before in results.items():
                now = self.service.get(name)
                self.assert_session_state(now, "SUCCEEDED")
                self.assertIn(name, whole)
                if before is not None:
                    self.assertEqual(now, before)
                results[name] = now
        self.assertEqual(cut, [])
