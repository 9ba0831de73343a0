"""The examples in client/examples: a fleet integration in Python and in Node.js."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import harness
import npm

EXAMPLES = pathlib.Path("client/examples").resolve()
PROTOS = [f"--proto={pathlib.Path(name).resolve()}" for name in ("proto", "third_party")]
SIZE = 20_000_000

# Machines are addresses of the loopback network. The last one has no file after the
# first round: it is lost half-way.
FLEET = {"node1": "127.0.0.11", "node2": "127.0.0.12", "node3": "127.0.0.13"}
LOST = "node3"


class RolloutTest(harness.ServiceTest):
    def setUp(self):
        super().setUp()
        self.content = os.urandom(SIZE)
        self.service.write_file("firmware.bin", self.content)
        self.fleet = self.service.home / "fleet.json"
        self.fleet.write_text(json.dumps(FLEET), encoding="utf-8")
        self.events = []
        self.on_round = self.start_fleet

    def start_machine(self, name, port):
        """What runs on a machine of the fleet: a recipient that is no program of ours."""
        output = open(self.service.home / name, "wb")
        self.addCleanup(output.close)
        machine = subprocess.Popen(
            ["nc.traditional", "-s", FLEET[name], "127.0.0.1", str(port)],
            stdin=subprocess.PIPE,
            stdout=output,
        )
        self.addCleanup(machine.stdin.close)
        self.addCleanup(machine.kill)
        machine.stdin.write(b"\0")
        machine.stdin.flush()
        return machine

    def lose_machine(self, name, port, session):
        """It connects, and is killed as soon as it has some of the content."""
        machine = subprocess.Popen(
            [sys.executable, "-c",
             "import socket, sys, time\n"
             "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])),"
             " source_address=(sys.argv[2], 0))\n"
             "s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)\n"
             "s.send(b'\\0')\n"
             "s.recv(1, socket.MSG_PEEK)\n"
             "print('has some', flush=True)\n"
             "time.sleep(600)\n",
             str(port), FLEET[name]],
            stdout=subprocess.PIPE,
        )
        self.addCleanup(machine.kill)
        self.addCleanup(machine.stdout.close)

        def kill_when_it_has_some():
            machine.stdout.readline()
            machine.kill()

        thread = threading.Thread(target=kill_when_it_has_some)
        thread.start()
        self.addCleanup(thread.join)

    def run_rollout(self, *command, **options):
        """The example's exit status; self.events is what it printed."""
        process = subprocess.Popen(
            [*command, "--server", self.service.control_address, "--fleet", str(self.fleet),
             "--file", "files/firmware.bin", "--max-wait", "60", "--rounds", "2"],
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        for line in process.stdout:
            event = json.loads(line)
            self.events.append(event)
            if event["event"] == "round":
                self.on_round(event)
        return process.wait(timeout=harness.DEADLINE_S)

    def start_fleet(self, event):
        port = int(event["address"].rpartition(":")[2])
        if event["number"] == 1:
            for name in FLEET:
                if name != LOST:
                    self.start_machine(name, port)
            self.lose_machine(LOST, port, event["session"])
        else:
            self.start_machine(LOST, port)

    def assert_rolled_out(self, status):
        self.assertEqual(status, 0, self.events)
        self.assertEqual(self.events[-1], {"event": "end", "missing": []})
        rounds = [event for event in self.events if event["event"] == "round"]
        self.assertEqual([event["number"] for event in rounds], [1, 2])
        first = self.events[: self.events.index(rounds[1])]
        last_states = {e["machine"]: e["state"] for e in first if e["event"] == "machine"}
        self.assertEqual(
            last_states,
            {
                "node1": "RECIPIENT_STATE_DELIVERED",
                "node2": "RECIPIENT_STATE_DELIVERED",
                LOST: "RECIPIENT_STATE_FAILED",
            },
        )
        for name in FLEET:
            self.assertEqual((self.service.home / name).read_bytes(), self.content, name)
        # Only those that lacked it were asked again.
        session = self.service.get(rounds[1]["session"])
        self.assertEqual([one.label for one in session.spec.expected], [LOST])
        self.assertEqual(session.retry_of, rounds[0]["session"])

    def run_python(self):
        # Debian's grpcio, and the stubs that the harness has made.
        return self.run_rollout(
            sys.executable, str(EXAMPLES / "python" / "rollout.py"),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def run_node(self):
        manifest = json.loads((EXAMPLES / "node" / "package.json").read_text(encoding="utf-8"))
        packages = [f"{name}@{version}" for name, version in manifest["dependencies"].items()]
        # Node looks for packages beside the program.
        home = self.service.home / "example"
        home.mkdir()
        shutil.copy(EXAMPLES / "node" / "rollout.mjs", home)
        (home / "node_modules").symlink_to(npm.node_modules(*packages))
        return self.run_rollout("node", str(home / "rollout.mjs"), *PROTOS)

    def delete(self, event):
        self.service.sessions.DeleteSession(
            harness.stubs.session_service.DeleteSessionRequest(
                name=event["session"], force=True
            )
        )

    def assert_ends_without_its_sessions(self, run):
        """Each round ends when somebody deletes its session."""
        self.on_round = self.delete
        self.assertEqual(run(), 1, self.events)
        self.assertEqual(self.events[-1], {"event": "end", "missing": sorted(FLEET)})

    def remove_file(self, event):
        (self.service.root / "firmware.bin").unlink()
        self.service.sessions.CancelSession(
            harness.stubs.session_service.CancelSessionRequest(name=event["session"])
        )

    def assert_fails_without_the_file(self, run):
        """The session is there, so that it is an error and no end."""
        self.on_round = self.remove_file
        self.assertEqual(run(), 1, self.events)
        self.assertNotIn("end", [event["event"] for event in self.events])

    def test_python(self):
        self.assert_rolled_out(self.run_python())

    def test_node(self):
        self.assert_rolled_out(self.run_node())

    def test_python_ends_when_its_sessions_are_deleted(self):
        self.assert_ends_without_its_sessions(self.run_python)

    def test_node_ends_when_its_sessions_are_deleted(self):
        self.assert_ends_without_its_sessions(self.run_node)

    def test_python_fails_when_its_file_is_missing(self):
        self.assert_fails_without_the_file(self.run_python)

    def test_node_fails_when_its_file_is_missing(self):
        self.assert_fails_without_the_file(self.run_node)
