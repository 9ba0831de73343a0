"""Receptions: the service as a recipient of programs that send, ours and others'."""

import hashlib
import resource
import socket

import grpc

import harness
from harness import stubs
from receptions import MIB, ReceptionCase, Sender, is_refused, reason_of, state_of
from tcptool_process import free_port


class ReceptionTest(ReceptionCase):
    def test_programs_that_send(self):
        senders = {
            "nc.openbsd": ["nc.openbsd", "-N", "-l", "127.0.0.1", "PORT"],
            "nc.traditional": ["nc.traditional", "-q", "0", "-l", "-s", "127.0.0.1", "-p", "PORT"],
            # Both ways: one that leaves the byte unread would reset.
            "socat": [
                "socat",
                "-t600",
                "OPEN:FILE,rdonly!!OPEN:/dev/null,wronly",
                "TCP-LISTEN:PORT,bind=127.0.0.1",
            ],
            "tcptool": [harness.program("tcptool"), "-s", "PORT", "FILE"],
        }
        digest = hashlib.sha256(self.content).hexdigest()
        for name, command in senders.items():
            with self.subTest(name):
                process, address = self.start_sender(*command)
                reception = self.create(
                    address, path=name, send_start_byte=True, expected_sha256=digest
                )
                ended = self.assert_whole(reception.name)
                self.assertEqual(ended.content_sha256, digest)
                if name != "nc.openbsd":  # It waits for its peer to close first.
                    self.assertEqual(process.wait(harness.DEADLINE_S), 0)

    def test_session_of_another_service(self):
        other = harness.Service()
        self.addCleanup(other.close)
        other.write_file("content", self.content)
        session = other.create(max_recipients=1, compute_sha256=True)
        reception = self.create(
            f"127.0.0.1:{harness.port_of(session)}", compute_sha256=True
        )
        ended = self.assert_whole(reception.name)
        sent = other.wait_final(session.name)
        self.assert_session_state(sent, "SUCCEEDED")
        self.assertEqual(sent.content_sha256, ended.content_sha256)
        self.assertEqual(
            ended.peer_address, f"127.0.0.1:{harness.port_of(session)}"
        )

    def test_waits_for_the_sender(self):
        port = free_port()
        reception = self.create(
            f"127.0.0.1:{port}", wait={"seconds": 60}, send_start_byte=True
        )
        with socket.create_server(("127.0.0.1", port)) as listener:
            listener.settimeout(harness.DEADLINE_S)
            peer, _ = listener.accept()
            with peer:
                self.assertEqual(peer.recv(1), b"\1")
                peer.sendall(self.content)
                peer.shutdown(socket.SHUT_WR)
                self.assertEqual(peer.recv(1), b"")
        self.assert_whole(reception.name)

    def test_sender_that_is_not_there(self):
        reception = self.wait_final(self.create(f"127.0.0.1:{free_port()}").name)
        self.assertEqual((state_of(reception), reason_of(reception)), ("FAILED", "UNREACHABLE"))
        self.assertIn("refused", reception.detail)

    def test_wrong_content_is_never_under_the_name(self):
        (self.disk / "file").write_bytes(b"before")
        for wrong, reason in (
            ({"expected_sha256": "0" * 64}, "DIGEST_MISMATCH"),
            ({"expected_length": 6}, "LENGTH_MISMATCH"),
            ({"expected_length": 8}, "LENGTH_MISMATCH"),
        ):
            with self.subTest(str(wrong)):
                sender = Sender(self)
                name = self.create(sender.address, overwrite=True, **wrong).name
                peer, byte = sender.accept()
                self.assertEqual(byte, b"\0")
                self.assertTrue(is_refused(peer, b"content"))
                reception = self.wait_final(name)
                self.assertEqual(
                    (state_of(reception), reason_of(reception)), ("FAILED", reason), reception
                )
                self.wait_files("file")
                self.assertEqual((self.disk / "file").read_bytes(), b"before")

    def test_reset_in_the_middle(self):
        sender = Sender(self)
        name = self.create(sender.address).name
        peer, _ = sender.accept()
        peer.sendall(self.content)
        harness.wait_until(
            lambda: self.get(name).bytes_received == len(self.content), "all has come"
        )
        harness.reset(peer)
        reception = self.wait_final(name)
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "CONNECTION_LOST")
        )
        self.wait_files()

    def test_existing_file(self):
        (self.disk / "file").write_bytes(b"before")
        sender = Sender(self)
        self.assertEqual(
            self.code_of(lambda: self.create(sender.address)), grpc.StatusCode.ALREADY_EXISTS
        )
        name = self.create(sender.address, overwrite=True).name
        peer, _ = sender.accept()
        peer.sendall(self.content)
        self.wait_state(name, "RECEIVING")
        self.assertEqual((self.disk / "file").read_bytes(), b"before")
        peer.shutdown(socket.SHUT_WR)
        self.assert_whole(name)
        self.wait_files("file")

    def test_name_that_is_taken_meanwhile(self):
        sender = Sender(self)
        name = self.create(sender.address).name
        peer, _ = sender.accept()
        peer.sendall(b"content")
        self.wait_state(name, "RECEIVING")
        (self.disk / "file").write_bytes(b"faster")
        peer.shutdown(socket.SHUT_WR)
        reception = self.wait_final(name)
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "ALREADY_EXISTS")
        )
        self.assertEqual((self.disk / "file").read_bytes(), b"faster")
        self.wait_files("file")

    def test_destinations_that_cannot_be(self):
        (self.disk / "folder").mkdir()
        for path, code in (
            ("none/file", grpc.StatusCode.NOT_FOUND),
            ("../file", grpc.StatusCode.PERMISSION_DENIED),
            ("/etc/file", grpc.StatusCode.PERMISSION_DENIED),
            ("folder", grpc.StatusCode.INVALID_ARGUMENT),
            ("folder/", grpc.StatusCode.INVALID_ARGUMENT),
            ("", grpc.StatusCode.INVALID_ARGUMENT),
        ):
            with self.subTest(path):
                self.assertEqual(
                    self.code_of(lambda path=path: self.create("127.0.0.1:1", path)), code
                )
        self.assertEqual(
            self.code_of(lambda: self.create("127.0.0.1:1", expected_length=1 << 61)),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        )
        self.assertEqual(
            self.code_of(lambda: self.create("nowhere")), grpc.StatusCode.INVALID_ARGUMENT
        )
        self.assertEqual(self.files(), {"folder"})

    def test_request_ids(self):
        sender = Sender(self)
        first = self.create(sender.address, request_id="one")
        self.assertEqual(self.create(sender.address, request_id="one").name, first.name)
        self.assertEqual(
            self.code_of(lambda: self.create(sender.address, "other", request_id="one")),
            grpc.StatusCode.ALREADY_EXISTS,
        )
        # A session's have nothing to do with it.
        self.service.write_file("content", b"x")
        self.service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(
                session=stubs.session.Session(
                    spec=stubs.session.SessionSpec(
                        file=stubs.session.FileSource(root="files", path="content")
                    )
                ),
                request_id="one",
            )
        )
        self.service.restart()
        again = self.create(sender.address, request_id="one")
        self.assertEqual((again.name, state_of(again)), (first.name, "INTERRUPTED"))

    def test_kill_leaves_what_was_there(self):
        (self.disk / "file").write_bytes(b"before")
        sender = Sender(self)
        name = self.create(sender.address, overwrite=True).name
        peer, _ = sender.accept()
        peer.sendall(self.content)
        self.wait_state(name, "RECEIVING")
        self.assertEqual(len(self.files()), 2)
        self.service.restart()
        self.assertEqual(harness.read_to_end(peer), (b"", False))
        reception = self.get(name)
        self.assertEqual(state_of(reception), "INTERRUPTED")
        self.assertNotEqual(reception.detail, "")
        self.wait_files("file")
        self.assertEqual((self.disk / "file").read_bytes(), b"before")

    def test_finished_ones_outlive_a_kill(self):
        sender = Sender(self)
        name = self.create(sender.address).name
        peer, _ = sender.accept()
        peer.sendall(self.content)
        peer.shutdown(socket.SHUT_WR)
        before = self.assert_whole(name)
        self.service.restart()
        self.assertEqual(self.get(name), before)
        listed = self.service.receptions.ListReceptions(self.messages.ListReceptionsRequest())
        self.assertEqual(list(listed.receptions), [before])

    def test_stop_lets_what_comes_come(self):
        sender = Sender(self)
        name = self.create(sender.address).name
        peer, _ = sender.accept()
        peer.sendall(b"first")
        self.wait_state(name, "RECEIVING")
        self.service.process.terminate()
        harness.wait_until(
            lambda: "stopping" in {one["event"] for one in self.service.events()}, "it stops"
        )
        peer.sendall(b" second")
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(harness.read_to_end(peer), (b"", True))
        self.assertEqual(self.service.process.wait(harness.DEADLINE_S), 0)
        self.service.start()
        self.assert_whole(name, b"first second")

    def test_cancel_and_delete(self):
        sender = Sender(self)
        reception = self.create(sender.address)
        peer, _ = sender.accept()
        peer.sendall(self.content[:MIB])
        receiving = self.wait_state(reception.name, "RECEIVING")
        cancel = self.service.receptions.CancelReception
        self.assertEqual(
            self.code_of(
                lambda: cancel(
                    self.messages.CancelReceptionRequest(
                        name=reception.name, etag=reception.etag
                    )
                )
            ),
            grpc.StatusCode.ABORTED,
        )
        cancelled = cancel(
            self.messages.CancelReceptionRequest(name=reception.name, etag=receiving.etag)
        )
        self.assertEqual(state_of(cancelled), "CANCELLED")
        self.assertEqual(harness.read_to_end(peer), (b"", False))
        self.wait_files()
        self.service.receptions.DeleteReception(
            self.messages.DeleteReceptionRequest(name=reception.name)
        )
        self.assertEqual(
            self.code_of(lambda: self.get(reception.name)), grpc.StatusCode.NOT_FOUND
        )

    def test_node_and_metrics_and_audit(self):
        node = self.service.node.GetNode(stubs.node_service.GetNodeRequest())
        self.assertEqual([root.name for root in node.writable_roots], ["disk"])
        self.assertGreater(node.writable_roots[0].total_bytes, 0)
        self.assertEqual([root.name for root in node.roots], ["files"])
        self.assertGreater(node.limits.max_running_receptions, 0)
        sender = Sender(self)
        name = self.create(sender.address).name
        peer, _ = sender.accept()
        peer.sendall(self.content)
        peer.shutdown(socket.SHUT_WR)
        self.assert_whole(name)
        host, _, port = self.service.http_address.rpartition(":")
        with socket.create_connection((host, int(port))) as http:
            http.sendall(f"GET /metrics HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            metrics = harness.read_all(http).decode()
        self.assertIn('tcptool_receptions{state="SUCCEEDED"} 1\n', metrics)
        self.assertIn(f"tcptool_received_bytes_total {len(self.content)}\n", metrics)
        audit = [one for one in self.service.events() if one["event"] == "audit"]
        self.assertEqual(
            [(one["method"].rpartition("/")[2], one["target"]) for one in audit],
            [("CreateReception", name)],
        )


class LimitedDiskTest(ReceptionCase):
    """The service may write 2 MiB of a file, and no more."""

    def setUp(self):
        super().setUp()
        # Once the service runs, as a sanitizer may write more at its start.
        most = 2 * MIB
        resource.prlimit(self.service.process.pid, resource.RLIMIT_FSIZE, (most, most))

    def test_disk_that_takes_a_part(self):
        sender = Sender(self)
        name = self.create(sender.address).name
        peer, _ = sender.accept()
        self.assertTrue(is_refused(peer, self.content))
        reception = self.wait_final(name)
        self.assertEqual(state_of(reception), "FAILED")
        self.assertIn(reason_of(reception), ("NO_SPACE", "DESTINATION_FAILED"))
        self.assertNotEqual(reception.detail, "")
        self.wait_files()
