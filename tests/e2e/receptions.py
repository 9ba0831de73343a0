"""What tests of receptions share: a service that receives, and senders of theirs."""

import hashlib
import os
import pathlib
import random
import socket
import subprocess
import tempfile

import grpc

import harness
from harness import ServiceTest, stubs
from tcptool_process import free_port, wait_listening

MIB = 1 << 20
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED", "INTERRUPTED")


def state_of(reception):
    return stubs.reception.ReceptionState.Name(reception.state).removeprefix("RECEPTION_STATE_")


def reason_of(reception):
    return stubs.reception.ReceptionReason.Name(reception.reason).removeprefix(
        "RECEPTION_REASON_"
    )


def truth_of(content, length=None):
    """The content's digests, and the root that goes with them and this length."""
    blocks = [content[at : at + MIB] for at in range(0, len(content), MIB)]
    digests = b"".join(hashlib.sha256(block).digest() for block in blocks)
    head = b"tcptool manifest 1\n" + (length or len(content)).to_bytes(8, "little")
    root = hashlib.sha256(head + MIB.to_bytes(8, "little") + digests).digest()
    return digests, root


def is_refused(peer, content):
    """Whether the recipient resets the connection, having been sent this and the end."""
    try:
        peer.sendall(content)
        peer.shutdown(socket.SHUT_WR)
    except OSError:  # The reset has come before.
        return True
    return harness.read_to_end(peer) == (b"", False)


class Sender:
    """Listens, and sends what the test says to whom it has accepted."""

    def __init__(self, test, port=0):
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(harness.DEADLINE_S)
        test.addCleanup(self._listener.close)
        self._test = test
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def accept(self):
        """The recipient, and the byte that it has sent."""
        peer, _ = self._listener.accept()
        peer.settimeout(harness.DEADLINE_S)
        self._test.addCleanup(peer.close)
        return peer, peer.recv(1)


class ReceptionCase(ServiceTest):
    """A service with a writable root, "disk", which is an empty directory, and those that
    `more_roots` has: directories, by name."""

    def more_roots(self):
        return {}

    def setUp(self):
        directory = tempfile.TemporaryDirectory(
            prefix="disk.", dir=os.environ.get("TEST_TMPDIR")
        )
        self.addCleanup(directory.cleanup)
        self.disk = pathlib.Path(directory.name)
        roots = {"disk": self.disk, **self.more_roots()}
        self.service_flags = (
            *self.service_flags,
            *(f"--receive={name}={path}" for name, path in roots.items()),
            "--log-format=json",
        )
        super().setUp()
        self.content = random.Random(1).randbytes(5 * MIB + 17)
        self.messages = stubs.reception_service

    def spec(self, address, path="file", overwrite=False, root="disk", **spec):
        names = stubs.reception
        sender = {
            name: spec.pop(name) for name in ("send_start_byte", "wait") if name in spec
        }
        return names.ReceptionSpec(
            sender=names.SenderSource(address=address, **sender),
            destination=names.FileDestination(root=root, path=path, overwrite=overwrite),
            **spec,
        )

    def create(self, address, path="file", request_id="", reception_id="", **spec):
        return self.service.receptions.CreateReception(
            self.messages.CreateReceptionRequest(
                reception=stubs.reception.Reception(spec=self.spec(address, path, **spec)),
                request_id=request_id,
                reception_id=reception_id,
            )
        )

    def start_sender(self, *command):
        """A program that sends what the file has; it listens when this returns."""
        port = free_port()
        source = self.service.home / "source"
        source.write_bytes(self.content)
        with open(source, "rb") as content:
            process = subprocess.Popen(
                [
                    word.replace("PORT", str(port)).replace("FILE", str(source))
                    for word in command
                ],
                stdin=content,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_listening(port, process)
        return process, f"127.0.0.1:{port}"

    def get(self, name):
        return self.service.receptions.GetReception(self.messages.GetReceptionRequest(name=name))

    def wait_state(self, name, *states):
        def reached():
            reception = self.get(name)
            return reception if state_of(reception) in states else None

        return harness.wait_until(reached, f"{name} is one of {states}")

    def wait_final(self, name):
        return self.wait_state(name, *FINAL)

    def wait_received(self, name, least):
        """Until so many bytes of it have come."""
        harness.wait_until(
            lambda: self.get(name).bytes_received >= least, f"{name} has {least} bytes"
        )

    def serve(self, reception, **spec):
        """A session of the reception."""
        names = stubs.session
        source = stubs.reception_source.ReceptionSource(name=reception)
        spec = names.SessionSpec(reception=source, **spec)
        return self.service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(session=names.Session(spec=spec))
        )

    def ctl(self, *arguments):
        done = subprocess.run(
            [harness.program("tcptoolctl"), f"--server={self.service.control_address}", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * harness.DEADLINE_S,
        )
        return done.returncode, done.stdout, done.stderr

    def code_of(self, call):
        with self.assertRaises(grpc.RpcError) as raised:
            call()
        return raised.exception.code()

    def files(self):
        return {path.name for path in self.disk.iterdir()}

    def wait_files(self, *names):
        harness.wait_until(lambda: self.files() == set(names), f"{names} are what is there")

    def assert_whole(self, name, content=None):
        """The reception has succeeded, and the file is the content."""
        content = self.content if content is None else content
        reception = self.wait_final(name)
        self.assertEqual(state_of(reception), "SUCCEEDED", reception)
        path = reception.spec.destination.path
        self.assertEqual((self.disk / path).read_bytes(), content)
        self.assertEqual(reception.content_length, len(content))
        return reception
