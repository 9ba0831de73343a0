"""Each kind of source, with each fault on the way or at an end: what becomes of a reception."""

import hashlib
import math
import subprocess

import harness
from harness import stubs
from nodes import Cut, Flip, Gate, NodesCase, Proxy
from receptions import MIB, reason_of, state_of
from tcptool_process import free_port, wait_listening

WHOLE = ("SUCCEEDED", "UNSPECIFIED")
LOST = ("FAILED", "CONNECTION_LOST")
WRONG = ("FAILED", "DIGEST_MISMATCH")
INTERRUPTED = ("INTERRUPTED", "UNSPECIFIED")

SOURCES = ("sender", "session", "reception")
# By fault, of each of these.
OUTCOMES = {
    "nothing": (WHOLE, WHOLE, WHOLE),
    "reset": (LOST, WHOLE, WHOLE),
    "byte_flipped_once": (WRONG, WHOLE, WHOLE),
    "byte_flipped_always": (WRONG, WRONG, WRONG),
    "source_killed": (LOST, WHOLE, WHOLE),
    "receiver_killed": (INTERRUPTED, WHOLE, WHOLE),
}


class ReceptionMatrixTest(NodesCase):
    """Node b receives, through a proxy; the reception that it follows runs at node c."""

    def try_one(self, source, fault, outcome):
        # Beside a fault of an end, what is on the way is held until that is over.
        gate = Gate(self, 2 * MIB)
        self.change = {
            "nothing": lambda data, _: data,
            "reset": Cut(3 * MIB + 5),
            "byte_flipped_once": Flip(3 * MIB + 5, times=1),
            "byte_flipped_always": Flip(0, times=math.inf),
        }.get(fault, gate)
        name = self.receive(getattr(self, f"from_{source}")())
        if self.change is gate:
            harness.wait_until(
                lambda: self.b.reception(name).bytes_received >= MIB, "a part has come"
            )
            if fault == "source_killed":
                self.kill_source()
            else:
                self.b.restart()
            gate.open()
        self.go_on()
        reception = self.b.wait_reception(name)
        self.assertEqual((state_of(reception), reason_of(reception)), outcome, reception)
        if outcome == WHOLE:
            self.assert_whole(self.b, name)
        else:
            self.assertNotEqual(reception.detail, "")
            harness.wait_until(lambda: not self.b.files(), "nothing is left")

    def receive(self, source):
        names = stubs.reception
        spec = names.ReceptionSpec(
            destination=names.FileDestination(root="disk", path="file"),
            expected_sha256=hashlib.sha256(self.content).hexdigest(),
            **source,
        )
        return self.b.receptions.CreateReception(
            stubs.reception_service.CreateReceptionRequest(
                reception=names.Reception(spec=spec)
            )
        ).name

    def from_sender(self):
        port = free_port()
        path = self.a.home / "sent"
        path.write_bytes(self.content)
        process = subprocess.Popen(
            [harness.program("tcptool"), "--listen=127.0.0.1", "-s", str(port), path],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_listening(port, process)
        # It resets what it has sent if it is killed; but not what has arrived.
        Proxy(self, port, self.change, held=MIB // 8)
        self.kill_source = process.kill
        self.go_on = lambda: None
        sender = stubs.reception.SenderSource(
            address=f"127.0.0.2:{port}", send_start_byte=True
        )
        return {"sender": sender}

    def from_session(self):
        return self.from_node(self.a, self.serve(), lambda: None)

    def from_reception(self):
        source, gate = self.source_with_gate(self.serve(), 4 * MIB)
        return self.from_node(self.c, self.c.receive(source), gate.open)

    def from_node(self, node, name, go_on):
        Proxy(self, node.port)
        Proxy(self, node.data_port, self.change)
        self.kill_source = node.restart
        self.go_on = go_on
        return {"node": node.source(name, host="127.0.0.2")}


def make_test(source, fault, outcome):
    return lambda self: self.try_one(source, fault, outcome)


for _fault, _outcomes in OUTCOMES.items():
    for _source, _outcome in zip(SOURCES, _outcomes):
        setattr(
            ReceptionMatrixTest,
            f"test_{_source}_{_fault}",
            make_test(_source, _fault, _outcome),
        )
